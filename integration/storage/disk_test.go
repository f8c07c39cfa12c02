package storage

import (
	"io"
	"io/fs"
	"strings"
	"time"

	"momus/storage/vfs"
)

// disk is the operating system's file system but for one directory, which lies on another one.
type disk struct {
	dir string
	on  vfs.FS
}

func (d *disk) fs(name string) vfs.FS {
	if name == d.dir || strings.HasPrefix(name, d.dir+"/") {
		return d.on
	}
	return vfs.OS{}
}

func (d *disk) OpenFile(name string, flag int) (vfs.File, error) {
	return d.fs(name).OpenFile(name, flag)
}
func (d *disk) Rename(from, to string) error               { return d.fs(from).Rename(from, to) }
func (d *disk) Remove(name string) error                   { return d.fs(name).Remove(name) }
func (d *disk) RemoveAll(name string) error                { return d.fs(name).RemoveAll(name) }
func (d *disk) MkdirAll(name string) error                 { return d.fs(name).MkdirAll(name) }
func (d *disk) Scatter(dir string)                         { d.fs(dir).Scatter(dir) }
func (d *disk) ReadDir(name string) ([]fs.DirEntry, error) { return d.fs(name).ReadDir(name) }
func (d *disk) Stat(name string) (fs.FileInfo, error)      { return d.fs(name).Stat(name) }
func (d *disk) Chtimes(name string, mtime time.Time) error { return d.fs(name).Chtimes(name, mtime) }
func (d *disk) SyncDir(name string) error                  { return d.fs(name).SyncDir(name) }
func (d *disk) Lock(name string) (io.Closer, error)        { return d.fs(name).Lock(name) }

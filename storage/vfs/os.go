package vfs

import (
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// OS is the operating system's file system. Its zero value is ready.
type OS struct{}

var _ FS = OS{}

// OpenFile implements FS. New files get mode 0644.
func (OS) OpenFile(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o644)
	if err != nil {
		return nil, err
	}
	return osFile{f, connOf(f), &pace{}, &slicing{}}, nil
}

func (OS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

func (OS) Remove(name string) error { return os.Remove(name) }

func (OS) RemoveAll(name string) error { return os.RemoveAll(name) }

func (OS) MkdirAll(name string) error { return os.MkdirAll(name, 0o755) }

// Scatter implements FS: on ext4 it sets the attribute T of chattr. Otherwise all files of all
// directories are made in one group of inodes, and ext4 looks again at each inode of the group that
// was freed in the last minute whenever it makes a file.
func (OS) Scatter(dir string) { scatter(dir) }

func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

func (OS) Chtimes(name string, mtime time.Time) error { return os.Chtimes(name, mtime, mtime) }

func (OS) SyncDir(name string) error { return syncDir(name) }

// Lock implements FS with fcntl locks on Unix, which a Java broker sees (it takes POSIX record
// locks).
func (OS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// osFile is a value, of which all copies share the pace and the slicing of the one file.
type osFile struct {
	f       *os.File
	conn    syscall.RawConn // nil where cached reads are not known
	pace    *pace
	slicing *slicing
}

func (f osFile) ReadAt(p []byte, off int64) (int, error) {
	n := f.readCached(p, off)
	// All of it was in the page cache. What is missing is read from where the cache ended.
	if n == len(p) && n > 0 {
		return n, nil
	}
	m, err := f.f.ReadAt(p[n:], off+int64(n))
	return n + m, err
}

func (f osFile) WriteAt(p []byte, off int64) (int, error) {
	start, done := time.Now(), 0
	if f.pace.quick(len(p), start) {
		done = f.writeQuick(p, off)
	}
	var err error
	if rest := p[done:]; len(rest) > 0 {
		var n int
		n, err = writeAt(f.f, f.slicing, rest, off+int64(done))
		done += n
	}
	// A write that had to be finished the usual way counts with all of its time.
	f.pace.note(start, time.Now())
	return done, err
}

func (f osFile) Truncate(size int64) error { return f.f.Truncate(size) }
func (f osFile) Sync() error               { return f.f.Sync() }
func (f osFile) Close() error              { return f.f.Close() }
func (f osFile) Name() string              { return f.f.Name() }
func (f osFile) OSFile() *os.File          { return f.f }

func (f osFile) Size() (int64, error) {
	info, err := f.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) WriteBuffersAt(buffers [][]byte, off int64) (int64, error) {
	if len(buffers) == 1 {
		n, err := f.WriteAt(buffers[0], off)
		return int64(n), err
	}
	start := time.Now()
	n, err := writeBuffersAt(f.f, f.slicing, buffers, off)
	f.pace.note(start, time.Now())
	return n, err
}

// writeEach writes the buffers with one call each.
func writeEach(f io.WriterAt, buffers [][]byte, off int64) (int64, error) {
	var written int64
	for _, b := range buffers {
		n, err := f.WriteAt(b, off+written)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Package vfs is the file system as storage sees it: the operating system's files (OS), files in
// memory with a model of what survives a crash (Mem), and a wrapper that makes chosen calls fail
// (Fault). It has no goroutines and no package state.
//
// Names are operating system paths. All implementations may be used by many goroutines at once.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// FS is a file system. Errors are those of package os: errors.Is(err, fs.ErrNotExist) works
// everywhere.
type FS interface {
	// OpenFile opens name with the flags of os.OpenFile. os.O_APPEND is not supported: files are
	// written at positions.
	OpenFile(name string, flag int) (File, error)
	// Rename replaces newName by oldName, atomically where the system can.
	Rename(oldName, newName string) error
	Remove(name string) error
	RemoveAll(name string) error
	MkdirAll(name string) error
	// Scatter asks for the directories that are made in dir to be placed apart from one another. It
	// is a hint: where the file system does not know it, nothing happens.
	Scatter(dir string)
	// ReadDir returns the entries of a directory in name order.
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// Chtimes sets the modification time (the access time too).
	Chtimes(name string, mtime time.Time) error
	// SyncDir makes the directory's entries durable: creations, renames, removals in it.
	SyncDir(name string) error
	// Lock creates name if needed and takes an exclusive lock on it without waiting. It returns
	// ErrLocked if somebody else, in this process or another, holds it. Closing the result unlocks;
	// the file stays.
	Lock(name string) (io.Closer, error)
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// WriteBuffersAt writes the buffers one after the other from position off, in few system calls
	// where possible. The buffers are only read.
	WriteBuffersAt(buffers [][]byte, off int64) (int64, error)
	Truncate(size int64) error
	// Sync makes the content and the size durable.
	Sync() error
	// Size is the present length in bytes.
	Size() (int64, error)
	// Name is the name the file was opened with.
	Name() string
	// OSFile is the operating system's file, for sendfile and the like, or nil.
	OSFile() *os.File
}

// ErrLocked is returned by FS.Lock when the lock is held by somebody else.
var ErrLocked = errors.New("file is locked by another process or broker")

// Create opens name for reading and writing, empty.
func Create(f FS, name string) (File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

// Open opens name for reading.
func Open(f FS, name string) (File, error) { return f.OpenFile(name, os.O_RDONLY) }

// Exists tells whether name is there; any error but "not there" counts as there.
func Exists(f FS, name string) bool {
	_, err := f.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// ReadFile returns the whole content of name.
func ReadFile(f FS, name string) ([]byte, error) {
	file, err := Open(f, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	// A file that grows meanwhile is read up to the size that it had, one that shrinks up to its
	// end.
	n, err := file.ReadAt(b, 0)
	if err == io.EOF || int64(n) == size {
		err = nil
	}
	return b[:n], err
}

// WriteFileAtomic replaces the content of name: NAME.tmp is written, synced if sync is set, and
// renamed over name. The directory is not synced, as Kafka does not.
func WriteFileAtomic(f FS, name string, content []byte, sync bool) error {
	// A crash before the rename leaves the old content and a .tmp, which the next write overwrites;
	// after it the new one is there. Without sync a power failure may leave an empty file.
	tmp := name + ".tmp"
	file, err := Create(f, tmp)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(content, 0)
	if err == nil && sync {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return f.Rename(tmp, name)
}

// SyncFile makes a file durable that nobody needs to have open.
func SyncFile(f FS, name string) error {
	file, err := f.OpenFile(name, os.O_RDWR)
	if err != nil {
		return err
	}
	err = file.Sync()
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// SyncParent makes the directory entry of name durable.
func SyncParent(f FS, name string) error { return f.SyncDir(filepath.Dir(name)) }

// Mapping is a file's content mapped or copied into memory, for reading only.
type Mapping struct {
	Data   []byte
	mapped bool
}

// Map returns the first size bytes of f. Where the system can, they are mapped and cost no heap;
// elsewhere they are read. The file may be closed afterwards. A mapped file must not be cut below
// size before Unmap: reading the lost part is a memory fault (see runtime/debug.SetPanicOnFault).
func Map(f File, size int64) (Mapping, error) {
	if size == 0 {
		return Mapping{}, nil
	}
	if osFile := f.OSFile(); osFile != nil {
		if data, err := mapFile(osFile, size); err == nil {
			return Mapping{Data: data, mapped: true}, nil
		}
	}
	data := make([]byte, size)
	// The heap copy is for file systems without mmap: Mem, and Windows.
	if n, err := f.ReadAt(data, 0); int64(n) != size {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Mapping{}, err
	}
	return Mapping{Data: data}, nil
}

// MapName is Map of a file that is not open.
func MapName(f FS, name string, size int64) (Mapping, error) {
	if _, ok := f.(OS); ok && size > 0 {
		if data, err := mapName(name, size); err == nil {
			return Mapping{Data: data, mapped: true}, nil
		}
	}
	file, err := Open(f, name)
	if err != nil {
		return Mapping{}, err
	}
	defer file.Close()
	return Map(file, size)
}

// Unmap gives the memory back; Data must not be used afterwards. Calling it again does nothing.
func (m *Mapping) Unmap() error {
	data, mapped := m.Data, m.mapped
	*m = Mapping{}
	if !mapped {
		return nil
	}
	return unmapFile(data)
}

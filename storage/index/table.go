package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"momus/storage/vfs"
)

// ErrNotAscending says that an entry does not follow the last one.
var ErrNotAscending = errors.New("index entry does not follow the last one")

// maxPending is how many bytes of entries are kept in memory before they are to be written.
const maxPending = 2048

// table is a file of fixed-size entries: the common part of the offset and the time index.
type table struct {
	file
	entrySize int

	loaded  bool   // guarded by mu, as is all that follows; written and surplus are known
	written int    // entries in the file
	surplus bool   // the file is longer than that
	pending []byte // entries after the written ones
	view    vfs.Mapping
}

func newTable(f vfs.FS, path string, entrySize int) table {
	return table{file: file{fs: f, path: path}, entrySize: entrySize}
}

// loadLocked learns how many entries the file has; a missing file has none.
func (t *table) loadLocked() error {
	if t.loaded {
		return nil
	}
	info, err := t.fs.Stat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		t.loaded = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("open index: %w", err)
	}
	size := info.Size()
	t.written = int(size / int64(t.entrySize))
	t.surplus = size%int64(t.entrySize) != 0
	if t.written > 1 {
		if err := t.skipZerosLocked(); err != nil {
			t.written = 0
			return err
		}
	}
	t.loaded = true
	return nil
}

// skipZerosLocked forgets the zeros of a preallocated file. Entries ascend, so that only the first
// can be all zero.
func (t *table) skipZerosLocked() error {
	last, err := t.rawLocked(t.written - 1)
	if err != nil || !isZero(last) {
		return err
	}
	low, high := 0, t.written-1 // entry high is zero
	for low < high {
		mid := (low + high) / 2
		raw, err := t.rawLocked(mid)
		if err != nil {
			return err
		}
		if isZero(raw) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	t.written, t.surplus = low, true
	return t.view.Unmap()
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func (t *table) countLocked() int { return t.written + len(t.pending)/t.entrySize }

// mapLocked makes the written entries up to i readable in memory. It needs the lock for writing.
func (t *table) mapLocked(i int) error {
	if (i+1)*t.entrySize <= len(t.view.Data) {
		return nil
	}
	if err := t.view.Unmap(); err != nil {
		return fmt.Errorf("unmap index: %w", err)
	}
	var err error
	if t.view, err = vfs.MapName(t.fs, t.path, int64(t.written*t.entrySize)); err != nil {
		return fmt.Errorf("map index %s: %w", t.path, err)
	}
	return nil
}

// rawLocked is entry i. It needs the lock for writing if entry i is written but not mapped.
func (t *table) rawLocked(i int) ([]byte, error) {
	if i >= t.written {
		at := (i - t.written) * t.entrySize
		return t.pending[at : at+t.entrySize], nil
	}
	if err := t.mapLocked(i); err != nil {
		return nil, err
	}
	return t.view.Data[i*t.entrySize : (i+1)*t.entrySize], nil
}

// read runs fn with the lock held for reading, and all entries readable by rawLocked. A fault on
// mapped memory (the disk failed, or somebody cut the file) becomes an error.
func (t *table) read(fn func() error) (err error) {
	defer catchFault(&err, debug.SetPanicOnFault(true))
	t.mu.RLock()
	ready := t.loaded && t.written*t.entrySize <= len(t.view.Data)
	if ready {
		defer t.mu.RUnlock()
		return fn()
	}
	t.mu.RUnlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.loadLocked(); err != nil {
		return err
	}
	if t.written > 0 {
		if err := t.mapLocked(t.written - 1); err != nil {
			return err
		}
	}
	return fn()
}

// write runs fn with the lock held for writing and the number of entries known.
func (t *table) write(fn func() error) (err error) {
	defer catchFault(&err, debug.SetPanicOnFault(true))
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.loadLocked(); err != nil {
		return err
	}
	return fn()
}

// catchFault restores the fault mode and turns a memory fault into an error.
func catchFault(err *error, before bool) {
	debug.SetPanicOnFault(before)
	if r := recover(); r != nil {
		fault, ok := r.(interface {
			error
			Addr() uintptr
		})
		if !ok {
			panic(r)
		}
		*err = fmt.Errorf("read mapped index: %w", fault)
	}
}

// searchLocked is the number of entries for which before is true; they come first.
func (t *table) searchLocked(before func(raw []byte) bool) (int, error) {
	low, high := 0, t.countLocked()
	// The end of an index that grows is looked up most: begin there, which also leaves older pages
	// alone.
	if t.written > 0 && high > t.written {
		raw, err := t.rawLocked(t.written)
		if err != nil {
			return 0, err
		}
		if before(raw) {
			low = t.written
		} else {
			high = t.written
		}
	}
	for low < high {
		mid := int(uint(low+high) >> 1)
		raw, err := t.rawLocked(mid)
		if err != nil {
			return 0, err
		}
		if before(raw) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

// spillLocked writes the pending entries.
func (t *table) spillLocked() error {
	if len(t.pending) == 0 {
		return nil
	}
	f, err := t.fs.OpenFile(t.path, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	_, err = f.WriteAt(t.pending, int64(t.written*t.entrySize))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		t.surplus = true // perhaps a part of it
		return fmt.Errorf("write index: %w", err)
	}
	t.dirty = true
	t.written = t.countLocked()
	t.pending = t.pending[:0]
	return nil
}

// cutLocked makes the file as long as the written entries if it is longer.
func (t *table) cutLocked() error {
	if !t.surplus {
		return nil
	}
	if err := t.view.Unmap(); err != nil {
		return fmt.Errorf("unmap index: %w", err)
	}
	f, err := t.fs.OpenFile(t.path, os.O_RDWR)
	if err != nil {
		return fmt.Errorf("cut index: %w", err)
	}
	err = f.Truncate(int64(t.written * t.entrySize))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("cut index: %w", err)
	}
	t.surplus, t.dirty = false, true
	return nil
}

// keepLocked drops all entries from position n on.
func (t *table) keepLocked(n int) error {
	if n >= t.written {
		t.pending = t.pending[:(n-t.written)*t.entrySize]
		return nil
	}
	t.pending = t.pending[:0]
	t.written, t.surplus = n, true
	return t.cutLocked()
}

// resetLocked makes the file empty. That is to be synced even if it was empty before: a process that
// is gone may have emptied it, and the disk not know.
func (t *table) resetLocked() error {
	if err := t.view.Unmap(); err != nil {
		return fmt.Errorf("unmap index: %w", err)
	}
	f, err := t.fs.OpenFile(t.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("empty index: %w", err)
	}
	t.loaded, t.written, t.surplus, t.dirty, t.pending = true, 0, false, true, t.pending[:0]
	return nil
}

// Create makes the file if it is missing.
func (t *table) Create() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := t.fs.OpenFile(t.path, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return fmt.Errorf("create index: %w", err)
	}
	return f.Close()
}

// Len is the number of entries.
func (t *table) Len() (n int, err error) {
	err = t.write(func() error { n = t.countLocked(); return nil })
	return n, err
}

// Size is the number of bytes of all entries.
func (t *table) Size() (int64, error) {
	n, err := t.Len()
	return int64(n * t.entrySize), err
}

// Prepare makes room for another entry, writing the collected ones if there are many. An Add after
// it does no I/O.
func (t *table) Prepare() error {
	return t.write(func() error {
		if len(t.pending)+t.entrySize <= maxPending {
			return nil
		}
		return t.spillLocked()
	})
}

// Trim writes what is pending and cuts the file to its entries; the memory used for both goes.
func (t *table) Trim() error {
	return t.write(func() error {
		if err := t.spillLocked(); err != nil {
			return err
		}
		t.pending = nil
		return t.cutLocked()
	})
}

// Sync is Trim and makes the file durable.
func (t *table) Sync() error {
	if err := t.Trim(); err != nil {
		return err
	}
	return t.SyncWritten()
}

// SyncWritten makes durable what was written to the file. Nobody waits for it who only looks
// something up.
func (t *table) SyncWritten() error {
	if err := t.syncChanged(); err != nil {
		return fmt.Errorf("sync index: %w", err)
	}
	return nil
}

// Release gives back the memory of look-ups.
func (t *table) Release() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.view.Unmap()
}

// discardLocked forgets what is in memory.
func (t *table) discardLocked() error {
	t.loaded, t.written, t.surplus, t.pending = false, 0, false, nil
	return t.view.Unmap()
}

// Package epoch keeps the leader epochs of one partition and where each began (KIP-101, KIP-279), with its file
// leader-epoch-checkpoint. A Cache belongs to one log; it has no goroutines.
package epoch

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"momus/storage/checkpoint"
	"momus/storage/vfs"
)

// Undefined is the answer "not known" for epochs and offsets.
const Undefined = -1

// Cache is the list of leader epochs, ascending in epoch and start offset. Each change rewrites the file before it counts. It is
// safe for concurrent use.
type Cache struct {
	fs vfs.FS

	mu      sync.RWMutex
	path    string             // guarded by mu
	entries []checkpoint.Epoch // guarded by mu; replaced, never changed in place
}

// Open reads the file at path, creating it empty if it is missing, as Kafka does.
func Open(f vfs.FS, path string) (*Cache, error) {
	entries, err := checkpoint.ReadEpochs(f, path)
	if err != nil {
		return nil, err
	}
	if !vfs.Exists(f, path) {
		file, err := vfs.Create(f, path)
		if err != nil {
			return nil, fmt.Errorf("create leader epoch checkpoint: %w", err)
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
	return &Cache{fs: f, path: path, entries: entries}, nil
}

// Remove deletes the file at path if it is there: the partition uses a message format without leader epochs.
func Remove(f vfs.FS, path string) error {
	if err := f.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove leader epoch checkpoint: %w", err)
	}
	return nil
}

// SetPath says where the file is after its directory was renamed.
func (c *Cache) SetPath(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.path = path
}

// Entries returns the list; it must not be changed.
func (c *Cache) Entries() []checkpoint.Epoch {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries
}

// replaceLocked writes the list, then keeps it.
func (c *Cache) replaceLocked(entries []checkpoint.Epoch) error {
	if err := checkpoint.WriteEpochs(c.fs, c.path, entries); err != nil {
		return err
	}
	c.entries = entries
	return nil
}

// Assign notes that epoch begins at start. Nothing happens if it is the latest one and began at or before start; otherwise
// entries with an epoch or start that is not below the new ones are dropped.
func (c *Cache) Assign(epoch int32, start int64) error {
	if epoch < 0 {
		return fmt.Errorf("leader epoch %d at offset %d is negative", epoch, start)
	}
	if start < 0 {
		return fmt.Errorf("start offset %d of leader epoch %d is negative", start, epoch)
	}
	if c.knows(epoch, start) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	keep := 0
	for keep < len(c.entries) && c.entries[keep].Epoch < epoch && c.entries[keep].StartOffset < start {
		keep++
	}
	return c.replaceLocked(append(slices.Clone(c.entries[:keep]), checkpoint.Epoch{Epoch: epoch, StartOffset: start}))
}

func (c *Cache) knows(epoch int32, start int64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := len(c.entries)
	return n > 0 && c.entries[n-1].Epoch == epoch && start >= c.entries[n-1].StartOffset
}

// Latest is the latest epoch; false if there is none.
func (c *Cache) Latest() (int32, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if n := len(c.entries); n > 0 {
		return c.entries[n-1].Epoch, true
	}
	return Undefined, false
}

// EndOffset answers OffsetForLeaderEpoch: the largest known epoch that is not above the asked one, and where it ends. For the
// latest epoch that is logEnd; for an epoch below the first known one the answer is (epoch, start of the first); for one above
// the latest (Undefined, Undefined).
func (c *Cache) EndOffset(epoch int32, logEnd int64) (int32, int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := len(c.entries)
	if epoch == Undefined || n == 0 {
		return Undefined, Undefined
	}
	if c.entries[n-1].Epoch == epoch {
		return epoch, logEnd
	}
	next := c.searchLocked(epoch)
	switch {
	case next == n:
		return Undefined, Undefined
	case next == 0:
		return epoch, c.entries[0].StartOffset
	}
	return c.entries[next-1].Epoch, c.entries[next].StartOffset
}

// searchLocked is the position of the first entry with a larger epoch.
func (c *Cache) searchLocked(epoch int32) int {
	i, found := slices.BinarySearchFunc(c.entries, epoch, func(e checkpoint.Epoch, epoch int32) int {
		return int(int64(e.Epoch) - int64(epoch))
	})
	if found {
		i++
	}
	return i
}

// ForOffset is the epoch in which offset was written; false if it is below the first entry or there is none.
func (c *Cache) ForOffset(offset int64) (int32, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, e := range slices.Backward(c.entries) {
		if e.StartOffset <= offset {
			return e.Epoch, true
		}
	}
	return Undefined, false
}

// Earliest is the first entry; false if there is none.
func (c *Cache) Earliest() (checkpoint.Epoch, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.entries) == 0 {
		return checkpoint.Epoch{}, false
	}
	return c.entries[0], true
}

// TruncateFromEnd drops the epochs that start at logEnd or later.
func (c *Cache) TruncateFromEnd(logEnd int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.entries)
	if logEnd < 0 || n == 0 || c.entries[n-1].StartOffset < logEnd {
		return nil
	}
	keep := slices.IndexFunc(c.entries, func(e checkpoint.Epoch) bool { return e.StartOffset >= logEnd })
	return c.replaceLocked(slices.Clone(c.entries[:keep]))
}

// TruncateFromStart keeps, of the epochs that start at or before logStart, only the last, and lets it start there.
func (c *Cache) TruncateFromStart(logStart int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := -1
	for last+1 < len(c.entries) && c.entries[last+1].StartOffset <= logStart {
		last++
	}
	if last < 0 || last == 0 && c.entries[0].StartOffset == logStart {
		return nil
	}
	entries := slices.Clone(c.entries[last:])
	entries[0].StartOffset = logStart
	return c.replaceLocked(entries)
}

// Clear drops all epochs, in the file too; nothing is written if there are none.
func (c *Cache) Clear() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) == 0 {
		return nil
	}
	return c.replaceLocked(nil)
}

// ClearAndFlush drops all epochs and writes the file even if there were none.
func (c *Cache) ClearAndFlush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replaceLocked(nil)
}

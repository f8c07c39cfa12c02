// Package epoch keeps the leader epochs of one partition and where each began (KIP-101, KIP-279),
// with its file leader-epoch-checkpoint. A Cache belongs to one log; it has no goroutines.
package epoch

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"momus/internal/rank"
	"momus/storage/checkpoint"
	"momus/storage/vfs"
)

// Undefined is the answer "not known" for epochs and offsets.
const Undefined = -1

// Cache is the list of leader epochs, ascending in epoch and start offset. It is safe for
// concurrent use.
//
// Kafka writes and syncs the file at every change. Here an epoch that begins counts at once, and
// Save, which the log calls before it raises its recovery point, writes it: a recovery scans the
// batches from the recovery point on and finds it there. Until then the file is the list without
// its end, or has later epochs than that which the next batches overrule. Two changes are written
// at once: the first epoch in an empty file, unsynced (Kafka does not look for epoch 0 in the
// batches; after a power failure we do), and what takes away epochs that the file has and no batch
// would overrule.
type Cache struct {
	fs vfs.FS

	fileMu rank.Mutex[rank.EpochFile] // held while the file is written, taken before mu
	path   string                     // guarded by fileMu

	mu       rank.RWMutex[rank.Epochs]
	entries  []checkpoint.Epoch // guarded by mu, as is all that follows; replaced, never changed in place
	saved    []checkpoint.Epoch // what the file has
	synced   bool               // that is durable
	bad      bool               // the file is something else
	leftover int32              // the latest epoch that the file had beyond the end of the log when it was opened, -1 none
}

// Open reads the file at path, creating it empty if it is missing, as Kafka does. A malformed file
// is a *checkpoint.FormatError.
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
	return &Cache{fs: f, path: path, entries: entries, saved: entries, synced: true, leftover: Undefined}, nil
}

// Anew is an empty list that will replace whatever is in the file at path.
func Anew(f vfs.FS, path string) *Cache {
	return &Cache{fs: f, path: path, bad: true, leftover: Undefined}
}

// Remove deletes the file at path if it is there: the partition uses a message format without
// leader epochs.
func Remove(f vfs.FS, path string) error {
	if err := f.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove leader epoch checkpoint: %w", err)
	}
	return nil
}

// SetPath says where the file is after its directory was renamed.
func (c *Cache) SetPath(path string) {
	c.fileMu.Lock()
	defer c.fileMu.Unlock()
	c.path = path
}

// Entries returns the list; it must not be changed.
func (c *Cache) Entries() []checkpoint.Epoch {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries
}

// Save makes the list durable in the file, but for the entry of the file in its directory, which
// the caller syncs if synced is set.
func (c *Cache) Save() (synced bool, err error) {
	if same, synced := c.state(); same && synced {
		return false, nil
	}
	c.fileMu.Lock()
	defer c.fileMu.Unlock()
	same, synced := c.state()
	switch {
	case same && synced:
		return false, nil
	case same:
		return true, c.syncFileLocked()
	}
	return true, c.writeFileLocked(true)
}

// Doubt notes that the process that wrote the file may have died before it was durable.
func (c *Cache) Doubt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.synced = len(c.saved) == 0
}

// state tells whether the file has the list, and whether what it has is durable.
func (c *Cache) state() (same, synced bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return !c.bad && slices.Equal(c.entries, c.saved), c.synced
}

// syncFileLocked makes durable what the file has.
func (c *Cache) syncFileLocked() error {
	if err := vfs.SyncFile(c.fs, c.path); err != nil {
		return fmt.Errorf("sync leader epoch checkpoint: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.synced = true
	return nil
}

// writeFileLocked writes the list; fileMu is held, mu is not.
func (c *Cache) writeFileLocked(sync bool) error {
	entries := c.Entries()
	if err := checkpoint.WriteEpochs(c.fs, c.path, entries, sync); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saved, c.synced, c.bad, c.leftover = entries, sync, false, Undefined
	return nil
}

// rewriteLocked writes the list and makes that durable; the file must not come back as it was.
func (c *Cache) rewriteLocked() error {
	if err := c.writeFileLocked(true); err != nil {
		return err
	}
	return vfs.SyncParent(c.fs, c.path)
}

func (c *Cache) replace(entries []checkpoint.Epoch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = entries
}

// Assign notes that epoch begins at start, or that a batch of it does. Nothing happens if it is the
// latest one and began at or before start; otherwise entries with an epoch or start that is not
// below the new ones are dropped.
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
	c.fileMu.Lock()
	defer c.fileMu.Unlock()
	switch stale, same, empty := c.assign(epoch, start); {
	case same || !stale && !empty:
		return nil
	case empty:
		return c.writeFileLocked(false)
	}
	return c.rewriteLocked()
}

// assign changes the list. stale tells that the file has an epoch that is gone, and that a batch of
// the new one would not overrule in a recovery; same that the file has just this list; empty that
// it has none.
func (c *Cache) assign(epoch int32, start int64) (stale, same, empty bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stale = c.leftover >= epoch
	if n := len(c.entries); n == 0 || c.entries[n-1].Epoch != epoch || start < c.entries[n-1].StartOffset {
		stale = c.appendLocked(epoch, start) || stale
	}
	same = !c.bad && slices.Equal(c.entries, c.saved)
	if same {
		c.leftover = Undefined
	}
	return stale, same, len(c.saved) == 0
}

// appendLocked adds an epoch, and tells whether one that the file has and that is not below it went
// for it.
func (c *Cache) appendLocked(epoch int32, start int64) (stale bool) {
	keep := 0
	for keep < len(c.entries) && c.entries[keep].Epoch < epoch && c.entries[keep].StartOffset < start {
		keep++
	}
	for _, gone := range c.entries[keep:] {
		stale = stale || gone.Epoch >= epoch && slices.Contains(c.saved, gone)
	}
	c.entries = append(slices.Clone(c.entries[:keep]), checkpoint.Epoch{Epoch: epoch, StartOffset: start})
	return stale
}

// knows tells whether the epoch changes nothing, in the file neither.
func (c *Cache) knows(epoch int32, start int64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := len(c.entries)
	return n > 0 && c.entries[n-1].Epoch == epoch && start >= c.entries[n-1].StartOffset && c.leftover < epoch
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

// EndOffset answers OffsetForLeaderEpoch: the largest known epoch that is not above the asked one,
// and where it ends. For the latest epoch that is logEnd; for an epoch below the first known one
// the answer is (epoch, start of the first); for one above the latest (Undefined, Undefined).
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

// ForOffset is the epoch in which offset was written; false if it is below the first entry or there
// is none.
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

// Loaded drops the epochs that start at logEnd, where the log ends, or later: they have no records.
// The file is left as it is until a batch with one of their epochs comes.
func (c *Cache) Loaded(logEnd int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := len(c.entries); n > 0 && c.entries[n-1].StartOffset >= logEnd; n-- {
		c.leftover = max(c.leftover, c.entries[n-1].Epoch)
		c.entries = c.entries[:n-1]
	}
}

// TruncateFromEnd drops the epochs that start at logEnd or later.
func (c *Cache) TruncateFromEnd(logEnd int64) error {
	entries := c.Entries()
	n := len(entries)
	if logEnd < 0 || n == 0 || entries[n-1].StartOffset < logEnd {
		return nil
	}
	keep := slices.IndexFunc(entries, func(e checkpoint.Epoch) bool { return e.StartOffset >= logEnd })
	return c.takeAway(entries[:keep:keep])
}

// takeAway keeps only the given epochs, and rewrites the file if it has others.
func (c *Cache) takeAway(entries []checkpoint.Epoch) error {
	c.fileMu.Lock()
	defer c.fileMu.Unlock()
	c.replace(entries)
	c.mu.RLock()
	ahead := len(c.saved) > 0 && (len(entries) == 0 || c.saved[len(c.saved)-1].StartOffset > entries[len(entries)-1].StartOffset)
	c.mu.RUnlock()
	if !ahead {
		return nil
	}
	return c.rewriteLocked()
}

// TruncateFromStart keeps, of the epochs that start at or before logStart, only the last, and lets
// it start there. The file follows with the next Save: who loads it knows logStart.
func (c *Cache) TruncateFromStart(logStart int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := -1
	for last+1 < len(c.entries) && c.entries[last+1].StartOffset <= logStart {
		last++
	}
	if last < 0 || last == 0 && c.entries[0].StartOffset == logStart {
		return
	}
	entries := slices.Clone(c.entries[last:])
	entries[0].StartOffset = logStart
	c.entries = entries
}

// Clear drops all epochs, in the file too.
func (c *Cache) Clear() error { return c.takeAway(nil) }

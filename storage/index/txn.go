package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"momus/storage/vfs"
)

// TxnEntrySize is the size of an entry of a transaction index: int16 version 0, int64 producer id,
// first offset, last offset, last stable offset.
const TxnEntrySize = 34

// AbortedTxn is one entry of a .txnindex: a transaction whose ABORT marker lies in the segment
// (KIP-98).
type AbortedTxn struct {
	ProducerID       int64
	FirstOffset      int64 // of the transaction
	LastOffset       int64 // of the marker
	LastStableOffset int64 // right after this abort
}

// AppendTo appends the entry as it stands in the file.
func (t AbortedTxn) AppendTo(b []byte) []byte {
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(t.ProducerID))
	b = binary.BigEndian.AppendUint64(b, uint64(t.FirstOffset))
	b = binary.BigEndian.AppendUint64(b, uint64(t.LastOffset))
	return binary.BigEndian.AppendUint64(b, uint64(t.LastStableOffset))
}

// parseTxn reads the content of a .txnindex; a tail shorter than an entry is ignored.
func parseTxn(content []byte) ([]AbortedTxn, error) {
	entries := make([]AbortedTxn, 0, len(content)/TxnEntrySize)
	for len(content) >= TxnEntrySize {
		if v := int16(binary.BigEndian.Uint16(content)); v > 0 {
			return nil, fmt.Errorf("entry %d has version %d, only 0 is known", len(entries), v)
		}
		entries = append(entries, AbortedTxn{
			ProducerID:       int64(binary.BigEndian.Uint64(content[2:])),
			FirstOffset:      int64(binary.BigEndian.Uint64(content[10:])),
			LastOffset:       int64(binary.BigEndian.Uint64(content[18:])),
			LastStableOffset: int64(binary.BigEndian.Uint64(content[26:])),
		})
		content = content[TxnEntrySize:]
	}
	return entries, nil
}

// Txn is the index of the aborted transactions of one segment. Its file is created by the first
// entry. Entries are written at once and kept in memory after the first use, until Release.
type Txn struct {
	file
	base int64

	absent  bool         // guarded by mu, as is all that follows; there is no file; then it is not dirty
	loaded  bool         // entries are those of the file
	entries []AbortedTxn // replaced or appended to, never changed in place
}

// NewTxn describes the transaction index at path; exists says whether the file is there.
func NewTxn(f vfs.FS, path string, base int64, exists bool) *Txn {
	return &Txn{file: file{fs: f, path: path}, base: base, absent: !exists}
}

func (x *Txn) loadLocked() error {
	if x.loaded || x.absent {
		return nil
	}
	content, err := vfs.ReadFile(x.fs, x.path)
	if errors.Is(err, fs.ErrNotExist) {
		x.absent, x.dirty = true, false
		return nil
	}
	if err == nil {
		x.entries, err = parseTxn(content)
	}
	if err != nil {
		return fmt.Errorf("read transaction index %s: %w", x.path, err)
	}
	x.loaded = true
	return nil
}

// Entries returns all entries; the slice must not be changed.
func (x *Txn) Entries() ([]AbortedTxn, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	err := x.loadLocked()
	return x.entries, err
}

// Add writes an entry. Last offsets ascend, else ErrNotAscending.
func (x *Txn) Add(t AbortedTxn) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.loadLocked(); err != nil {
		return err
	}
	n := len(x.entries)
	if n > 0 && t.LastOffset <= x.entries[n-1].LastOffset {
		return fmt.Errorf("transaction index %s: %d after %d: %w", x.path, t.LastOffset, x.entries[n-1].LastOffset, ErrNotAscending)
	}
	f, err := x.fs.OpenFile(x.path, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return fmt.Errorf("write transaction index: %w", err)
	}
	_, err = f.WriteAt(t.AppendTo(nil), int64(n*TxnEntrySize))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write transaction index: %w", err)
	}
	x.entries, x.loaded, x.absent, x.dirty = append(x.entries, t), true, false, true
	return nil
}

// Sane tells whether the index can be read and no entry lies before the segment.
func (x *Txn) Sane() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.loadLocked() != nil {
		return false
	}
	return !slices.ContainsFunc(x.entries, func(t AbortedTxn) bool { return t.LastOffset < x.base })
}

// Collect appends to dst the transactions that overlap [from, to). done tells that later segments
// have none.
func (x *Txn) Collect(dst []AbortedTxn, from, to int64) (all []AbortedTxn, done bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.loadLocked(); err != nil {
		return dst, false, err
	}
	for _, t := range x.entries {
		if t.LastOffset >= from && t.FirstOffset < to {
			dst = append(dst, t)
		}
		if t.LastStableOffset >= to {
			return dst, true, nil
		}
	}
	return dst, false, nil
}

// TruncateTo drops the entries from the first one on whose last offset is at or above offset. The
// file stays.
func (x *Txn) TruncateTo(offset int64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.loadLocked(); err != nil {
		return err
	}
	n := slices.IndexFunc(x.entries, func(t AbortedTxn) bool { return t.LastOffset >= offset })
	if n < 0 {
		return nil
	}
	return x.keepLocked(n)
}

// Reset drops all entries, readable or not. A file that is there stays, with 0 bytes.
func (x *Txn) Reset() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.absent {
		return nil
	}
	err := x.keepLocked(0)
	if errors.Is(err, fs.ErrNotExist) {
		x.absent, x.dirty = true, false
		return nil
	}
	return err
}

func (x *Txn) keepLocked(n int) error {
	f, err := x.fs.OpenFile(x.path, os.O_RDWR)
	if err != nil {
		return fmt.Errorf("cut transaction index: %w", err)
	}
	err = f.Truncate(int64(n * TxnEntrySize))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("cut transaction index: %w", err)
	}
	x.entries, x.loaded, x.dirty = slices.Clone(x.entries[:min(n, len(x.entries))]), true, true
	return nil
}

// Sync makes the file durable. Neither Add nor who looks something up waits for it.
func (x *Txn) Sync() error {
	if err := x.syncChanged(); err != nil {
		return fmt.Errorf("sync transaction index: %w", err)
	}
	return nil
}

// Release gives back the memory of the entries.
func (x *Txn) Release() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.loaded, x.entries = false, nil
}

// Exists tells whether there is a file.
func (x *Txn) Exists() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return !x.absent
}

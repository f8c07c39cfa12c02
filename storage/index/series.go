package index

import (
	"momus/storage/vfs"
)

// entry is what a series holds.
type entry[E any] interface {
	// decode is the entry that raw is in the index of a segment with that base offset.
	decode(base int64, raw []byte) E
	// append appends the entry as it stands in the index of that segment.
	append(b []byte, base int64) []byte
	// none stands for the last entry of an index without any.
	none(base int64) E
	// offset is what entries are dropped by.
	offset() int64
}

// series is a table of entries whose offsets ascend, with the last one at hand: what the offset and
// the time index of a segment have in common.
type series[E entry[E]] struct {
	table
	base int64
	last E    // guarded by mu; the last entry, valid if have is set
	have bool // guarded by mu; last is known
}

func newSeries[E entry[E]](f vfs.FS, path string, entrySize int, base int64) series[E] {
	return series[E]{table: newTable(f, path, entrySize), base: base}
}

func (x *series[E]) decode(raw []byte) E {
	var e E
	return e.decode(x.base, raw)
}

// entryLocked is entry i.
func (x *series[E]) entryLocked(i int) (e E, err error) {
	raw, err := x.rawLocked(i)
	if err != nil {
		return e, err
	}
	return x.decode(raw), nil
}

// lastLocked is the last entry, or none, and how many there are.
func (x *series[E]) lastLocked() (E, int, error) {
	n := x.countLocked()
	if n == 0 {
		var e E
		return e.none(x.base), 0, nil
	}
	if !x.have {
		last, err := x.entryLocked(n - 1)
		if err != nil {
			return last, 0, err
		}
		x.last, x.have = last, true
	}
	return x.last, n, nil
}

// add appends an entry if follows, which is given the last entry and how many there are, says that
// it is to be added.
func (x *series[E]) add(e E, follows func(last E, n int) (bool, error)) error {
	return x.write(func() error {
		last, n, err := x.lastLocked()
		if err != nil {
			return err
		}
		if ok, err := follows(last, n); !ok || err != nil {
			return err
		}
		x.pending = e.append(x.pending, x.base)
		x.last, x.have = e, true
		if len(x.pending) > 4*maxPending { // nobody prepares: recovery, tests
			return x.spillLocked()
		}
		return nil
	})
}

// Last is the last entry; without any it has the base offset, and position 0 or timestamp -1.
func (x *series[E]) Last() (e E, err error) {
	err = x.write(func() error { e, _, err = x.lastLocked(); return err })
	return e, err
}

// TruncateTo drops the entries with an offset at or above the given one.
func (x *series[E]) TruncateTo(offset int64) error {
	return x.write(func() error {
		n, err := x.searchLocked(func(raw []byte) bool { return x.decode(raw).offset() < offset })
		if err != nil {
			return err
		}
		x.have = false
		return x.keepLocked(n)
	})
}

// Reset drops all entries. A file that is missing is made.
func (x *series[E]) Reset() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.have = false
	return x.resetLocked()
}

// Discard forgets what is in memory; the file stays as it is and is looked at again when needed.
func (x *series[E]) Discard() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.have = false
	return x.discardLocked()
}

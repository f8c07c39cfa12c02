package index

import (
	"encoding/binary"
	"fmt"

	"momus/storage/vfs"
)

// OffsetEntrySize is the size of an entry of an offset index: int32 offset relative to the
// segment's base, int32 position.
const OffsetEntrySize = 8

// Position says where in a .log file a look-up of an offset may begin.
type Position struct {
	Offset   int64 // last offset of what was appended at Position
	Position int64 // in bytes
}

// Offset is the sparse index from offsets to positions of one segment.
type Offset struct{ series[Position] }

// NewOffset describes the offset index at path of the segment with that base offset. Nothing is
// read or created yet.
func NewOffset(f vfs.FS, path string, base int64) *Offset {
	return &Offset{newSeries[Position](f, path, OffsetEntrySize, base)}
}

func (Position) decode(base int64, raw []byte) Position {
	return Position{
		Offset:   base + int64(int32(binary.BigEndian.Uint32(raw))),
		Position: int64(int32(binary.BigEndian.Uint32(raw[4:]))),
	}
}

// decode shadows that of series, which calls Position's through a table: too slow for looking up.
func (x *Offset) decode(raw []byte) Position { return Position{}.decode(x.base, raw) }

func (p Position) append(b []byte, base int64) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(p.Offset-base))
	return binary.BigEndian.AppendUint32(b, uint32(p.Position))
}

func (Position) none(base int64) Position { return Position{Offset: base} }

func (p Position) offset() int64 { return p.Offset }

// Add appends an entry. Offsets ascend strictly, else ErrNotAscending. The offset must be within
// 2^31-1 of the base.
func (x *Offset) Add(offset, position int64) error {
	return x.add(Position{offset, position}, func(last Position, n int) (bool, error) {
		if n > 0 && offset <= last.Offset {
			return false, fmt.Errorf("offset index %s: %d after %d: %w", x.path, offset, last.Offset, ErrNotAscending)
		}
		return true, nil
	})
}

// Lookup is the last entry with an offset not above target, or (base offset, 0) if there is none.
func (x *Offset) Lookup(target int64) (Position, error) {
	found := Position{Offset: x.base}
	x.mu.RLock()
	if x.have && x.last.Offset <= target && x.loaded && x.countLocked() > 0 {
		found = x.last
		x.mu.RUnlock()
		if found.Position < 0 {
			found = Position{Offset: x.base}
		}
		return found, nil
	}
	x.mu.RUnlock()
	err := x.read(func() error {
		n, err := x.upToLocked(target)
		if err != nil || n == 0 {
			return err
		}
		raw, err := x.rawLocked(n - 1)
		if err == nil {
			found = x.decode(raw)
		}
		return err
	})
	if found.Position < 0 {
		found = Position{Offset: x.base} // a damaged entry: the index is a short cut only, and the reader begins at the start
	}
	return found, err
}

// upToLocked is the number of entries with an offset not above target. Offsets grow about evenly
// with the entries, so that it begins where target would be if they did, and looks around there:
// that touches one or two pages of the file where halving touches many.
func (x *Offset) upToLocked(target int64) (int, error) {
	low, high := 0, x.countLocked()
	notAbove := func(i int) (bool, error) {
		raw, err := x.rawLocked(i)
		return err == nil && x.decode(raw).Offset <= target, err
	}
	if high == 0 || target < x.base {
		return 0, nil
	}
	last := x.last
	if !x.have { // the lock may be held for reading only
		raw, err := x.rawLocked(high - 1)
		if err != nil {
			return 0, err
		}
		last = x.decode(raw)
	}
	if last.Offset <= target {
		return high, nil
	}
	probe := int(float64(high) * float64(target-x.base) / float64(max(last.Offset-x.base, 1)))
	probe = min(max(probe, 0), high-1)
	up, err := notAbove(probe)
	if err != nil {
		return 0, err
	}
	for step := 16; ; step *= 8 {
		var at int
		if up {
			low = probe + 1
			at = low + step
		} else {
			high = probe
			at = high - step
		}
		if at < low || at >= high {
			break
		}
		now, err := notAbove(at)
		if err != nil {
			return 0, err
		}
		if now != up {
			if now {
				low = at + 1
			} else {
				high = at
			}
			break
		}
		probe = at
	}
	for low < high {
		mid := int(uint(low+high) >> 1)
		up, err := notAbove(mid)
		if err != nil {
			return 0, err
		}
		if up {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

// FirstAtPosition is the first entry whose position is at or above the given one; false if there is
// none.
func (x *Offset) FirstAtPosition(position int64) (p Position, found bool, err error) {
	err = x.read(func() error {
		n, err := x.searchLocked(func(raw []byte) bool { return x.decode(raw).Position < position })
		if err != nil || n == x.countLocked() {
			return err
		}
		raw, err := x.rawLocked(n)
		if err == nil {
			p, found = x.decode(raw), true
		}
		return err
	})
	return p, found, err
}

// Sane tells whether the last entry can be true for a .log of that size. Kafka 2.5 does not look;
// we do, for the last segment, where a wrong entry would hide data.
func (x *Offset) Sane(logSize int64) (bool, error) {
	last, err := x.Last()
	if err != nil {
		return false, err
	}
	n, err := x.Len()
	return n == 0 || last.Offset >= x.base && last.Position >= 0 && last.Position < logSize, err
}

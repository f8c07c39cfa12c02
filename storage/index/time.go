package index

import (
	"encoding/binary"
	"fmt"

	"momus/storage/vfs"
)

// TimeEntrySize is the size of an entry of a time index: int64 timestamp in ms, int32 offset
// relative to the segment's base.
const TimeEntrySize = 12

// Timestamp is an entry of a time index: every record with a
// timestamp above Timestamp has an offset above Offset.
type Timestamp struct {
	Timestamp int64 // ms
	Offset    int64
}

// Time is the sparse index from timestamps to offsets of one segment.
type Time struct{ series[Timestamp] }

// NewTime describes the time index at path of the segment with that base offset. Nothing is read or
// created yet.
func NewTime(f vfs.FS, path string, base int64) *Time {
	return &Time{newSeries[Timestamp](f, path, TimeEntrySize, base)}
}

func (Timestamp) decode(base int64, raw []byte) Timestamp {
	return Timestamp{
		Timestamp: int64(binary.BigEndian.Uint64(raw)),
		Offset:    base + int64(int32(binary.BigEndian.Uint32(raw[8:]))),
	}
}

func (t Timestamp) append(b []byte, base int64) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(t.Timestamp))
	return binary.BigEndian.AppendUint32(b, uint32(t.Offset-base))
}

func (Timestamp) none(base int64) Timestamp { return Timestamp{Timestamp: -1, Offset: base} }

func (t Timestamp) offset() int64 { return t.Offset }

// Offer adds an entry if its timestamp is above the last one's. A smaller timestamp or offset than
// the last is ErrNotAscending.
func (x *Time) Offer(timestamp, offset int64) error {
	return x.add(Timestamp{timestamp, offset}, func(last Timestamp, n int) (bool, error) {
		if n > 0 && (offset < last.Offset || timestamp < last.Timestamp) {
			return false, fmt.Errorf("time index %s: (%d, %d) after (%d, %d): %w", x.path, timestamp, offset, last.Timestamp, last.Offset, ErrNotAscending)
		}
		return timestamp > last.Timestamp, nil
	})
}

// Lookup is the last entry with a timestamp not above target, or (-1, base offset) if there is
// none.
func (x *Time) Lookup(target int64) (Timestamp, error) {
	found := Timestamp{Timestamp: -1, Offset: x.base}
	err := x.read(func() error {
		n, err := x.searchLocked(func(raw []byte) bool { return x.decode(raw).Timestamp <= target })
		if err != nil || n == 0 {
			return err
		}
		found, err = x.entryLocked(n - 1)
		return err
	})
	return found, err
}

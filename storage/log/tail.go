package log

import (
	"momus/internal/rank"
	"momus/storage/record"
)

// tailLength is how many appends a segment remembers. Consumers and followers that keep up read one
// of the last few.
const tailLength = 8

// tail remembers where the last batches of the active segment begin, so that who keeps up is served
// without looking into the index and the file. The zero value is empty.
type tail struct {
	mu      rank.Mutex[rank.SegmentTail]
	entries []tailEntry // guarded by mu, as is next; made with the first append
	next    int
}

// tailEntry is the first batch of an append.
type tailEntry struct {
	first, last int64 // offsets
	pos         int64
	size        int // 0: no entry
}

// note remembers the first batch of what was written at pos.
func (t *tail) note(records []byte, pos int64) {
	b, _, err := record.Next(records)
	// Legacy entries do not tell their first offset.
	if err != nil || b == nil || b.Magic() < record.Magic2 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.entries == nil {
		t.entries = make([]tailEntry, tailLength)
	}
	t.entries[t.next] = tailEntry{first: b.BaseOffset(), last: b.LastOffset(), pos: pos, size: b.Size()}
	t.next = (t.next + 1) % tailLength
}

// find looks for the batch that holds offset; a size of 0 says that it is not remembered.
func (t *tail) find(offset int64) (pos int64, size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.entries {
		// An entry of zeros never matches twice: size 0 says that there is none.
		if e := &t.entries[i]; e.first <= offset && offset <= e.last {
			return e.pos, e.size
		}
	}
	return 0, 0
}

// forget drops everything: the segment was cut, or will not be written again.
func (t *tail) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries, t.next = nil, 0
}

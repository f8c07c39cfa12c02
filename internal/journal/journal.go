package journal

import (
	"slices"
	"sync"
	"time"
)

// chunk is how many entries are allocated at a time: a journal takes the memory of what happened,
// up to its bound.
const chunk = 128

// Journal is the journal of one broker. Its methods may be called from any goroutine; those of a
// nil Journal do nothing.
type Journal struct {
	now  func() time.Time
	base uint64 // entries have larger IDs

	// mu guards what follows. It is a leaf: nothing is called while it is held.
	mu      sync.Mutex
	broker  int32
	last    uint64
	rings   [numClasses]ring
	silent  bool
	changed chan struct{} // closed and replaced by the next entry, once somebody has asked for it; nil before
}

// ring holds the latest entries of a class, in chunks that are allocated when they are first
// needed.
type ring struct {
	chunks [][]Entry
	next   int // where the next entry goes
	full   bool
}

// New makes an empty journal; now nil is time.Now. IDs begin at the microseconds since 1970, so that
// those of a broker that was started again are larger than those that it had before, and whoever
// goes on where it was reads all that is new. (A program in JavaScript reads them exactly.)
func New(now func() time.Time) *Journal {
	if now == nil {
		now = time.Now
	}
	base := uint64(max(0, now().UnixMicro()))
	return &Journal{now: now, base: base, last: base, broker: -1}
}

// SetBroker says whose journal it is, once that is known: entries from before become this broker's.
func (j *Journal) SetBroker(id int32) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broker = id
}

// Broker is whose journal it is, -1 while that is not known.
func (j *Journal) Broker() int32 {
	if j == nil {
		return -1
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.broker
}

// Record adds an entry and returns its ID, to be the Cause of others; 0 from a nil Journal. ID,
// Time and Broker are filled in. From and To must not be changed any more, and texts must not be
// parts of buffers that are used again.
func (j *Journal) Record(e Entry) uint64 {
	if j == nil {
		return 0
	}
	e.bound()
	e.Time = j.now()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.silent {
		return 0
	}
	j.last++
	e.ID = j.last
	class := e.Kind.class()
	j.rings[class].put(&e, capacities[class])
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
	return e.ID
}

// Silence makes the journal drop what is recorded, or ends that: a process that was killed says
// nothing more, although what is left of it in this one still runs for a moment.
func (j *Journal) Silence(silent bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.silent = silent
}

func (r *ring) put(e *Entry, capacity int) {
	if r.next/chunk == len(r.chunks) {
		r.chunks = append(r.chunks, make([]Entry, min(chunk, capacity-r.next)))
	}
	r.chunks[r.next/chunk][r.next%chunk] = *e
	if r.next++; r.next == capacity {
		r.next, r.full = 0, true
	}
}

// since appends the entries whose ID is larger than after, in the ring's order.
func (r *ring) since(out []Entry, after uint64, capacity int) []Entry {
	take := func(from, to int) {
		for i := from; i < to; i++ {
			if e := &r.chunks[i/chunk][i%chunk]; e.ID > after {
				out = append(out, *e)
			}
		}
	}
	if r.full {
		take(r.next, capacity)
	}
	take(0, r.next)
	return out
}

// Since returns the entries with an ID larger than after, the oldest first. lost reports whether
// some of them are no longer kept.
func (j *Journal) Since(after uint64) (entries []Entry, lost bool) {
	if j == nil {
		return nil, false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if after >= j.last {
		return nil, false
	}
	after = max(after, j.base)
	for c := range j.rings {
		entries = j.rings[c].since(entries, after, capacities[c])
	}
	for i := range entries {
		entries[i].Broker = j.broker
	}
	slices.SortFunc(entries, func(a, b Entry) int { return int(int64(a.ID - b.ID)) })
	return entries, uint64(len(entries)) < j.last-after
}

// Last is the ID of the latest entry; before there is one, the ID that the first will follow.
func (j *Journal) Last() uint64 {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Changed is closed when there is an entry with an ID larger than after.
func (j *Journal) Changed(after uint64) <-chan struct{} {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.last > after {
		return closed
	}
	if j.changed == nil {
		j.changed = make(chan struct{})
	}
	return j.changed
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

package fetchsession

import (
	"sync"

	"momus/internal/model"
)

// Special epochs and the id of "no session".
const (
	InitialEpoch int32 = 0
	FinalEpoch   int32 = -1
	NoSession    int32 = 0
)

// NextEpoch is the epoch that a session expects after epoch; it wraps to 1.
func NextEpoch(epoch int32) int32 {
	switch {
	case epoch < 0:
		return FinalEpoch
	case epoch == 1<<31-1:
		return 1
	}
	return epoch + 1
}

// Partition is one partition to fetch, as the client last asked for it.
type Partition struct {
	TP             model.TopicPartition
	MaxBytes       int32
	FetchOffset    int64
	LeaderEpoch    int32 // the client's current leader epoch, -1 not given
	LogStartOffset int64 // a follower's own, -1 for consumers
}

// Result is what a session has to know of a partition's answer.
type Result struct {
	HighWatermark  int64
	LogStartOffset int64
	// Size is the number of bytes of records.
	Size int
	// Failed tells that there is an error, Preferred that the consumer is sent to another replica.
	Failed, Preferred bool
}

// cached is one partition of a session, in the session's order.
type cached struct {
	Partition
	highWatermark  int64 // last sent
	logStartOffset int64 // last sent

	prev, next *cached
}

// answered tells whether an incremental answer has to contain the partition, and remembers what is
// sent.
func (p *cached) answered(r *Result) bool {
	send := r.Size > 0 || r.Preferred
	if p.highWatermark != r.HighWatermark {
		p.highWatermark, send = r.HighWatermark, true
	}
	if p.logStartOffset != r.LogStartOffset {
		p.logStartOffset, send = r.LogStartOffset, true
	}
	if r.Failed {
		// When the error goes away the partition has to be sent again.
		p.highWatermark, send = -1, true
	}
	return send
}

// session is one client's incremental fetch session. Fields below mu are guarded by it; the others
// by the cache's lock.
type session struct {
	id         int32
	privileged bool // a follower's
	createdMs  int64

	lastUsedMs int64
	size       int // number of partitions when last touched
	// Who may evict the session, as decided when it was last touched.
	byPrivileged, byAll bool

	mu    sync.Mutex
	epoch int32 // expected next
	parts map[model.TopicPartition]*cached
	root  cached // ring of the partitions: root.next is the first
}

func newSession(id int32, privileged bool, now int64) *session {
	s := &session{id: id, privileged: privileged, createdMs: now, lastUsedMs: now, epoch: 1, parts: make(map[model.TopicPartition]*cached)}
	s.root.next, s.root.prev = &s.root, &s.root
	return s
}

func (s *session) pushBack(p *cached) {
	p.prev, p.next = s.root.prev, &s.root
	p.prev.next, p.next.prev = p, p
}

func (s *session) unlink(p *cached) {
	p.prev.next, p.next.prev = p.next, p.prev
	p.prev, p.next = nil, nil
}

// updateLocked applies an incremental request: changed and new partitions, then forgotten ones.
func (s *session) updateLocked(fetch []Partition, forget []model.TopicPartition) {
	for i := range fetch {
		if p := s.parts[fetch[i].TP]; p != nil {
			p.Partition = fetch[i]
			continue
		}
		p := &cached{Partition: fetch[i], highWatermark: -1, logStartOffset: -1}
		s.parts[p.TP] = p
		s.pushBack(p)
	}
	for _, tp := range forget {
		if p := s.parts[tp]; p != nil {
			delete(s.parts, tp)
			s.unlink(p)
		}
	}
}

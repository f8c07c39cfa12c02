package zkserver

import (
	"cmp"
	"crypto/subtle"
	"slices"
)

// instant is the time of an event: the wall clock for stats, and a monotonic clock for what
// expires, both in milliseconds.
type instant struct{ wallMs, elapsedMs int64 }

// session is a client's session; it survives its connections and the server.
type session struct {
	id        int64
	secret    [16]byte
	timeoutMs int32 // as negotiated last
	expiresMs int64 // on the monotonic clock, a multiple of the tick
	closing   bool  // its end is on the way to the log
	heard     bool  // in this run
	client    *client
}

// sessionTable holds the sessions in buckets by when they expire, as ZooKeeper does: expiry is
// rounded up to the next tick, which gives every session up to a tick of grace.
type sessionTable struct {
	tickMs  int64
	byID    map[int64]*session
	buckets map[int64]map[*session]struct{}
	lastID  int64
}

func newSessionTable(tickMs int64) *sessionTable {
	return &sessionTable{
		tickMs:  tickMs,
		byID:    make(map[int64]*session),
		buckets: make(map[int64]map[*session]struct{}),
	}
}

// nextID returns an id for a new session: the server's number (1) in the top byte, then the time,
// then a count, as ZooKeeper makes them; larger than every id before.
func (t *sessionTable) nextID(now instant) int64 {
	id := int64(uint64(now.wallMs)<<24>>8) | 1<<56
	t.lastID = max(t.lastID+1, id)
	return t.lastID
}

// add enters a session whose time begins now.
func (t *sessionTable) add(s *session, now instant) {
	t.byID[s.id] = s
	t.lastID = max(t.lastID, s.id)
	t.touch(s, now)
}

// touch gives s a whole timeout from now on, unless it is ending.
func (t *sessionTable) touch(s *session, now instant) bool {
	if s.closing {
		return false
	}
	s.heard = true
	// The next multiple of the tick behind the end.
	expires := ((now.elapsedMs+int64(s.timeoutMs))/t.tickMs + 1) * t.tickMs
	if s.expiresMs >= expires {
		return true
	}
	t.leaveBucket(s)
	s.expiresMs = expires
	bucket := t.buckets[expires]
	if bucket == nil {
		bucket = make(map[*session]struct{})
		t.buckets[expires] = bucket
	}
	bucket[s] = struct{}{}
	return true
}

// overdue makes s expire at the next look.
func (t *sessionTable) overdue(s *session) {
	t.leaveBucket(s)
	s.expiresMs = 0
	if t.buckets[0] == nil {
		t.buckets[0] = make(map[*session]struct{})
	}
	t.buckets[0][s] = struct{}{}
}

func (t *sessionTable) leaveBucket(s *session) {
	bucket := t.buckets[s.expiresMs]
	delete(bucket, s)
	if len(bucket) == 0 {
		delete(t.buckets, s.expiresMs)
	}
}

// remove forgets s, which has ended.
func (t *sessionTable) remove(s *session) {
	t.leaveBucket(s)
	delete(t.byID, s.id)
}

// expired takes the sessions whose time is over out of their buckets, by id.
func (t *sessionTable) expired(now instant) []*session {
	var over []*session
	for expires, bucket := range t.buckets {
		if expires > now.elapsedMs {
			continue
		}
		for s := range bucket {
			over = append(over, s)
		}
		delete(t.buckets, expires)
	}
	slices.SortFunc(over, func(a, b *session) int { return cmp.Compare(a.id, b.id) })
	return over
}

// attachable says whether a client that knows password may go on with s.
func (s *session) attachable(password []byte) bool {
	return s != nil && !s.closing && subtle.ConstantTimeCompare(password, s.secret[:]) == 1
}

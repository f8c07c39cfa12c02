package fetchsession

import (
	"sync"

	"momus/internal/kerr"
	"momus/internal/model"
)

// evictionMs is how long a session is safe: one that was used within it is not stale, one that was
// created within it is not evicted for a larger one (Kafka's
// MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS).
const evictionMs = 120_000

// Cache holds the sessions of a broker. It is safe for concurrent use.
type Cache struct {
	slots  func() int // max.incremental.fetch.session.cache.slots
	random func() int32

	mu         sync.Mutex
	sessions   map[int32]*session
	partitions int
	evictions  int64
}

// New makes an empty cache of at most slots() sessions. random gives session ids; any distribution
// will do, but clients must not be able to guess other clients' ids.
func New(slots func() int, random func() int32) *Cache {
	return &Cache{slots: slots, random: random, sessions: make(map[int32]*session)}
}

// Stats is what the cache reports in metrics.
type Stats struct {
	Sessions, Partitions int
	Evictions            int64
}

// Stats counts what is cached now.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{Sessions: len(c.sessions), Partitions: c.partitions, Evictions: c.evictions}
}

// Request is what a Fetch request says about its session; versions before 7 have (NoSession,
// FinalEpoch).
type Request struct {
	SessionID, Epoch int32
	Follower         bool
}

// Context is one Fetch request on its way: Begin, read Partitions, Finish. It may be used for
// another request afterwards.
type Context struct {
	cache   *Cache
	req     Request
	session *session  // of an incremental fetch
	create  bool      // a full fetch that wants a session
	nodes   []*cached // of an incremental fetch, as Partitions
	parts   []Partition
}

// Partitions are what to fetch, in order. The slice is the Context's.
func (x *Context) Partitions() []Partition { return x.parts }

// Incremental tells whether the answer leaves out what has not changed.
func (x *Context) Incremental() bool { return x.session != nil }

// Begin starts a request at now (ms). x becomes its context, with a copy of fetch or of the
// session's partitions. The errors are FETCH_SESSION_ID_NOT_FOUND and INVALID_FETCH_SESSION_EPOCH,
// to be answered alone with session id 0.
func (c *Cache) Begin(x *Context, req Request, fetch []Partition, forget []model.TopicPartition, now int64) error {
	clear(x.nodes)
	*x = Context{cache: c, req: req, nodes: x.nodes[:0], parts: x.parts[:0]}
	if req.Epoch == InitialEpoch || req.Epoch == FinalEpoch {
		if req.SessionID != NoSession {
			c.mu.Lock()
			c.removeLocked(c.sessions[req.SessionID])
			c.mu.Unlock()
		}
		x.create = req.Epoch == InitialEpoch
		x.parts = append(x.parts, fetch...)
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[req.SessionID]
	if s == nil {
		return kerr.FetchSessionIDNotFound
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != req.Epoch {
		return kerr.InvalidFetchSessionEpoch
	}
	s.updateLocked(fetch, forget)
	if len(s.parts) == 0 {
		c.removeLocked(s)
		x.parts = append(x.parts, fetch...)
		return nil
	}
	c.touchLocked(s, now, len(s.parts))
	s.epoch = NextEpoch(s.epoch)
	x.session = s
	for p := s.root.next; p != &s.root; p = p.next {
		x.nodes = append(x.nodes, p)
		x.parts = append(x.parts, p.Partition)
	}
	return nil
}

// Finish says how the partitions were answered, in the order of Partitions. send[i] (send has the
// same length and false everywhere) becomes true for those that the answer contains; sessionID goes
// into it. INVALID_FETCH_SESSION_EPOCH means that the session was used by another request
// meanwhile: answer it alone, with that session id.
func (x *Context) Finish(results []Result, send []bool, now int64) (sessionID int32, err error) {
	if x.session == nil {
		for i := range send {
			send[i] = true
		}
		if !x.create {
			return NoSession, nil
		}
		return x.cache.create(x, results, now), nil
	}
	s := x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != NextEpoch(x.req.Epoch) {
		return s.id, kerr.InvalidFetchSessionEpoch
	}
	for i, p := range x.nodes {
		if p.answered(&results[i]) {
			send[i] = true
			if p.prev != nil && p.next != &s.root { // answered partitions go last: the others come first next time
				s.unlink(p)
				s.pushBack(p)
			}
		}
	}
	return s.id, nil
}

// Skip ends a request that is answered without any partition because its client is throttled: the
// session stays as it is, and none is created. sessionID and errors are those of Finish.
func (x *Context) Skip() (sessionID int32, err error) {
	s := x.session
	if s == nil {
		return NoSession, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != NextEpoch(x.req.Epoch) {
		return s.id, kerr.InvalidFetchSessionEpoch
	}
	return s.id, nil
}

// create makes a session of a full fetch if there is room, and returns its id or NoSession.
func (c *Cache) create(x *Context, results []Result, now int64) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.sessions) >= c.slots() && !c.evictLocked(x.req.Follower, len(x.parts), now) {
		return NoSession
	}
	id := NoSession
	for id == NoSession || c.sessions[id] != nil {
		id = c.random() & (1<<31 - 1)
	}
	s := newSession(id, x.req.Follower, now)
	for i := range x.parts {
		p := s.parts[x.parts[i].TP]
		if p == nil {
			p = &cached{}
			s.parts[x.parts[i].TP] = p
			s.pushBack(p)
		}
		p.Partition, p.highWatermark, p.logStartOffset = x.parts[i], results[i].HighWatermark, results[i].LogStartOffset
	}
	c.sessions[id] = s
	c.touchLocked(s, now, len(s.parts))
	return id
}

func (c *Cache) touchLocked(s *session, now int64, size int) {
	c.partitions += size - s.size
	s.lastUsedMs, s.size = now, size
	s.byAll = now-s.createdMs > evictionMs
	s.byPrivileged = s.byAll || !s.privileged
}

func (c *Cache) removeLocked(s *session) {
	if s != nil && c.sessions[s.id] == s {
		delete(c.sessions, s.id)
		c.partitions -= s.size
	}
}

// evictLocked makes room for a session of size partitions, if one is worth less: a stale one, else
// the least valuable of those that this kind of client may evict.
func (c *Cache) evictLocked(privileged bool, size int, now int64) bool {
	var oldest, least *session
	for _, s := range c.sessions {
		if oldest == nil || s.lastUsedMs < oldest.lastUsedMs || s.lastUsedMs == oldest.lastUsedMs && s.id < oldest.id {
			oldest = s
		}
		if evictable := s.byAll || privileged && s.byPrivileged; evictable && (least == nil || lessValuable(s, least)) {
			least = s
		}
	}
	victim := least
	if oldest != nil && now-oldest.lastUsedMs > evictionMs {
		victim = oldest
	} else if least == nil || lessValuable(&session{privileged: privileged, size: size}, least) {
		return false
	}
	c.removeLocked(victim)
	c.evictions++
	return true
}

// lessValuable orders by (privileged, size, id).
func lessValuable(a, b *session) bool {
	if a.privileged != b.privileged {
		return !a.privileged
	}
	if a.size != b.size {
		return a.size < b.size
	}
	return a.id < b.id
}

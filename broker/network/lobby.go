package network

import (
	"slices"
	"sync"
	"time"
)

// lobby bounds the strangers that have state of TLS or SASL: a number of them is inside, the others
// wait outside, where they cost little more than their socket. Addresses take turns at coming in.
// While some wait, who is inside and says nothing for strangerPatience has to go, and so has who
// speaks but is not authenticated after strangerTime.
//
// A connection enters when its client has spoken, and leaves when it is authenticated or ends.
type lobby struct {
	size int
	now  func() time.Time

	mu      sync.Mutex
	inside  map[*Conn]time.Time // since when
	outside fairQueue[*Conn]
	waiting int            // outside
	count   map[string]int // inside and outside, by address

	// start serves a connection that has waited outside and is inside now; false when it has gone.
	start func(c *Conn) bool
}

const (
	// lobbySize is how many strangers may be inside. One takes 20 to 30 KB.
	lobbySize        = 512
	strangerPatience = 3 * time.Second
	// strangerTime is for a whole login: a byte now and then must not hold a place for ever. A client
	// may have to ask its key distribution center in between.
	strangerTime = 15 * time.Second
)

func newLobby(size int, now func() time.Time) *lobby {
	return &lobby{size: size, now: now, inside: map[*Conn]time.Time{}, count: map[string]int{}}
}

// enter lets a connection in, or puts it into the queue: it is started when its turn has come. One
// that is trusted never waits.
func (l *lobby) enter(c *Conn, trusted bool) (inside bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count[c.ip]++
	// Who is trusted may exceed the size: a broker or a known client must not wait behind
	// strangers.
	if trusted || l.waiting == 0 && len(l.inside) < l.size {
		l.inside[c] = l.now()
		return true
	}
	l.outside.push(c.ip, c)
	l.waiting++
	return false
}

// forget takes a connection out of the queue, if it is there.
func (l *lobby) forget(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.outside.remove(c.ip, c) {
		l.waiting--
		l.uncountLocked(c.ip)
	}
}

// from is how many strangers there are of an address.
func (l *lobby) from(ip string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count[ip]
}

// uncountLocked forgets an address with its last connection.
func (l *lobby) uncountLocked(ip string) {
	if l.count[ip]--; l.count[ip] == 0 {
		delete(l.count, ip)
	}
}

// leave makes room for others.
func (l *lobby) leave(c *Conn) {
	for gone := []*Conn{c}; len(gone) > 0; {
		next := l.replace(gone)
		gone = gone[:0]
		for _, c := range next {
			if !l.start(c) {
				gone = append(gone, c)
			}
		}
	}
}

// replace takes connections out and lets others in.
func (l *lobby) replace(gone []*Conn) (next []*Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range gone {
		delete(l.inside, c)
		l.uncountLocked(c.ip)
	}
	for len(l.inside) < l.size && l.waiting > 0 {
		c, _ := l.outside.pop()
		l.waiting--
		l.inside[c] = l.now()
		next = append(next, c)
	}
	return next
}

// stalled are those inside that have been silent or here for too long, who came first first, but
// not more than wait outside.
func (l *lobby) stalled() []*Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == 0 {
		return nil
	}
	var out []*Conn
	now := l.now()
	for c, entered := range l.inside {
		// Only those who let us wait; whom we let wait, for a slot or an answer, is not to blame.
		if c.busy.Load() || c.serving.Load() && !c.writing.Load() {
			continue
		}
		heard := time.Unix(0, max(c.lastActive.Load(), entered.UnixNano()))
		if now.Sub(heard) > strangerPatience || now.Sub(entered)-time.Duration(c.heldUp.Load()) > strangerTime {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *Conn) int { return l.inside[a].Compare(l.inside[b]) })
	return out[:min(len(out), l.waiting)]
}

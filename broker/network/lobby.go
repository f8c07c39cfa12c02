package network

import (
	"slices"
	"sync"
	"time"
)

// lobby bounds the strangers that have state of TLS or SASL: a number of them is inside, the others
// wait outside, where they cost their socket and a small stack. Addresses take turns at coming in.
// While some wait, who is inside and says nothing for strangerPatience has to go, and so has who
// speaks but is not authenticated after strangerTime.
//
// A connection enters when its client has spoken, and leaves when it is authenticated or ends.
type lobby struct {
	size int
	now  func() time.Time

	mu      sync.Mutex
	inside  map[*Conn]time.Time // since when
	outside fairQueue[*guest]
	waiting int            // outside
	count   map[string]int // inside and outside, by address
}

// guest is a connection that waits outside.
type guest struct {
	c  *Conn
	in chan struct{} // closed when it is inside
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

// enter waits until there is room, but not for a connection that is trusted; false when it was
// closed first.
func (l *lobby) enter(c *Conn, trusted bool) bool {
	g := l.admit(c, trusted)
	if g == nil {
		return true
	}
	select {
	case <-g.in:
		return true
	case <-c.done:
	}
	l.mu.Lock()
	gone := l.outside.remove(c.ip, g)
	if gone {
		l.waiting--
		l.uncountLocked(c.ip)
	}
	l.mu.Unlock()
	if !gone { // its turn came at the same time
		l.leave(c)
	}
	return false
}

// admit lets a connection in, or puts it into the queue.
func (l *lobby) admit(c *Conn, trusted bool) *guest {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count[c.ip]++
	// Who is trusted may exceed the size: a broker or a known client must not wait behind
	// strangers.
	if trusted || l.waiting == 0 && len(l.inside) < l.size {
		l.inside[c] = l.now()
		return nil
	}
	g := &guest{c: c, in: make(chan struct{})}
	l.outside.push(c.ip, g)
	l.waiting++
	return g
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
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.inside, c)
	l.uncountLocked(c.ip)
	for len(l.inside) < l.size && l.waiting > 0 {
		g, _ := l.outside.pop()
		l.waiting--
		l.inside[g.c] = l.now()
		close(g.in)
	}
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

package network

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"time"
)

// gate shares out the processor among TLS handshakes, so that a flood of them leaves the others
// theirs. A handshake holds a slot only while it computes, never while it waits for its peer.
// Addresses take turns. Those that have an authenticated connection come first and at full speed;
// all strangers together get strangerShare of the slots' time while others wait.
type gate struct {
	slots int

	mu      sync.Mutex
	running int
	known   map[string]int // authenticated connections by address
	ready   fairQueue      // of known addresses
	others  fairQueue      // of strangers
	resume  time.Time      // strangers wait until then
	timer   *time.Timer    // wakes a stranger at resume
	now     func() time.Time
}

// strangerShare is the part of the slots' time that strangers get when they queue: one in so many.
const strangerShare = 3

func newGate() *gate {
	return &gate{slots: max(1, runtime.GOMAXPROCS(0)/2), known: map[string]int{}, now: time.Now}
}

// fairQueue is a queue by address: whoever waits longest of the address whose turn it is comes
// next.
type fairQueue struct {
	turns []string
	queue map[string][]chan struct{}
}

func (q *fairQueue) push(ip string, w chan struct{}) {
	if q.queue == nil {
		q.queue = map[string][]chan struct{}{}
	}
	if len(q.queue[ip]) == 0 {
		q.turns = append(q.turns, ip)
	}
	q.queue[ip] = append(q.queue[ip], w)
}

func (q *fairQueue) pop() chan struct{} {
	if len(q.turns) == 0 {
		return nil
	}
	ip := q.turns[0]
	q.turns = q.turns[1:]
	list := q.queue[ip]
	w := list[0]
	if len(list) == 1 {
		delete(q.queue, ip)
	} else {
		q.queue[ip] = list[1:]
		q.turns = append(q.turns, ip)
	}
	return w
}

// remove takes a waiter out; it reports whether it was there.
func (q *fairQueue) remove(ip string, w chan struct{}) bool {
	list := q.queue[ip]
	for i, o := range list {
		if o != w {
			continue
		}
		if list = append(list[:i:i], list[i+1:]...); len(list) > 0 {
			q.queue[ip] = list
			return true
		}
		delete(q.queue, ip)
		for j, t := range q.turns {
			if t == ip {
				q.turns = append(q.turns[:j:j], q.turns[j+1:]...)
				break
			}
		}
		return true
	}
	return false
}

// enter waits for a slot; false when done was closed first.
func (g *gate) enter(ip string, done <-chan struct{}) bool {
	w := make(chan struct{})
	g.mu.Lock()
	q := &g.others
	if g.known[ip] > 0 {
		q = &g.ready
	}
	q.push(ip, w)
	g.handOut()
	g.mu.Unlock()
	select {
	case <-w:
		return true
	case <-done:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !q.remove(ip, w) { // the slot came at the same time
		g.running--
		g.handOut()
	}
	return false
}

// leave gives the slot back; used is how long it was held.
func (g *gate) leave(ip string, used time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if g.known[ip] == 0 && len(g.others.turns) > 0 {
		pause := used * (strangerShare - 1) / time.Duration(g.slots)
		if now := g.now(); g.resume.Before(now) {
			g.resume = now.Add(pause)
		} else {
			g.resume = g.resume.Add(pause)
		}
	}
	g.handOut()
}

// handOut gives free slots to those that wait. g.mu is held.
func (g *gate) handOut() {
	for g.running < g.slots {
		w := g.ready.pop()
		if w == nil && len(g.others.turns) > 0 {
			if wait := g.resume.Sub(g.now()); wait > 0 {
				if g.timer == nil {
					g.timer = time.AfterFunc(wait, g.wake)
				}
				return
			}
			w = g.others.pop()
		}
		if w == nil {
			return
		}
		g.running++
		close(w)
	}
}

func (g *gate) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = nil
	g.handOut()
}

// know counts a connection of an address that was authenticated, or that has ended.
func (g *gate) know(ip string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known[ip] += n; g.known[ip] <= 0 {
		delete(g.known, ip)
	}
}

// gatedConn is what lies under the TLS of a connection. During the handshake it holds a slot of the
// gate but while it reads. Afterwards the records of one answer are collected and sent together:
// TLS would write each of them, of 16 KB at most, by itself.
type gatedConn struct {
	net.Conn
	c     *Conn
	since time.Time
	held  bool

	mu     sync.Mutex // an alert may be written while an answer is
	corked *buffer    // records of an answer that is being written; nil when writes go through
	n      int        // bytes of it
}

// corkSize is how much of an answer is collected.
const corkSize = 128 << 10

// cork collects what is written until uncork sends it.
func (g *gatedConn) cork() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.corked, g.n = g.c.srv.pool.get(corkSize), 0
}

// uncork sends what was collected.
func (g *gatedConn) uncork() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.flushLocked()
	b := g.corked
	g.corked = nil
	g.c.srv.pool.put(b)
	return err
}

func (g *gatedConn) flushLocked() error {
	if g.n == 0 {
		return nil
	}
	_, err := g.Conn.Write(g.corked.b[:g.n])
	g.n = 0
	return err
}

// Write implements net.Conn.
func (g *gatedConn) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.corked == nil {
		return g.Conn.Write(p)
	}
	if g.n+len(p) > len(g.corked.b) {
		if err := g.flushLocked(); err != nil {
			return 0, err
		}
	}
	if len(p) > len(g.corked.b) {
		return g.Conn.Write(p)
	}
	g.n += copy(g.corked.b[g.n:], p)
	return len(p), nil
}

func (g *gatedConn) enter() bool {
	if g.held = g.c.srv.gate.enter(g.c.ip, g.c.done); g.held {
		g.since = time.Now()
	}
	return g.held
}

func (g *gatedConn) leave() {
	if g.held {
		g.held = false
		g.c.srv.gate.leave(g.c.ip, time.Since(g.since))
	}
}

// Read implements net.Conn.
func (g *gatedConn) Read(p []byte) (int, error) {
	if g.c.handshaken.Load() {
		return g.Conn.Read(p)
	}
	g.leave()
	n, err := g.Conn.Read(p)
	if err == nil && !g.enter() {
		return 0, errClosed
	}
	return n, err
}

// handshake does that of TLS, if the listener has one. The limit of idle connections ends one that
// never ends.
func (c *Conn) handshake() error {
	t, ok := c.nc.(*tls.Conn)
	if !ok {
		return nil
	}
	g := t.NetConn().(*gatedConn)
	if err := waitReadable(g.Conn); err != nil { // a client that says nothing gets no state of TLS
		return errClosed
	}
	err := t.Handshake() // ended by close, as reads and writes are
	g.leave()
	c.handshaken.Store(true)
	if err != nil {
		var notTLS tls.RecordHeaderError
		if errors.As(err, &notTLS) && notTLS.Conn != nil {
			_, _ = notTLS.Conn.Write([]byte{21, 3, 3, 0, 2, 2, 80}) // the alert internal_error, as Java's
		}
		if c.broken.Load() || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, errClosed) {
			return errClosed
		}
		if c.srv.o.Hooks.HandshakeFailed != nil {
			c.srv.o.Hooks.HandshakeFailed(c, err)
		}
		return errClosed
	}
	c.touch()
	if !c.stranger.Load() {
		c.srv.gate.know(c.ip, 1)
		c.counted = true
	}
	if c.srv.o.Hooks.Handshaken != nil {
		c.srv.o.Hooks.Handshaken(c)
	}
	return nil
}

// maxStrangerFrame is the largest frame before a client is authenticated; Kafka's limit is the same
// and cannot be set.
const maxStrangerFrame = 512 << 10

// strangerMemory bounds the frames of all connections that are not authenticated yet.
const strangerMemory = 16 << 20

// TLS is the state of the connection's encryption, nil when there is none.
func (c *Conn) TLS() *tls.ConnectionState {
	t, ok := c.nc.(*tls.Conn)
	if !ok {
		return nil
	}
	s := t.ConnectionState()
	return &s
}

// Authenticated tells the network that the client is who it says: only now may it send large
// requests. Called inside Serve.
func (c *Conn) Authenticated() {
	if c.stranger.Swap(false) && !c.counted {
		c.counted = true
		c.srv.gate.know(c.ip, 1)
	}
}

// delay waits as long as a failed authentication is to cost; false when the connection was closed
// meanwhile. Nothing is read meanwhile.
func (c *Conn) delay() bool {
	d := c.srv.o.Limits().FailedAuthenticationDelay
	if d <= 0 {
		return !c.broken.Load()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.done:
		return false
	}
}

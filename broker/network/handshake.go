package network

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"time"
)

// gate shares out the processor among TLS handshakes, so that a flood of them leaves the others
// theirs. A handshake holds a slot only while it computes, never while it waits for its peer.
// Addresses take turns. Those that have an authenticated connection come first and at full speed;
// all strangers together get a part of the slots' time when they queue: the whole while their
// handshakes lead to logins, as after a restart, and less the more of them do not.
type gate struct {
	// slots is half of the processors, so that handshakes never take them all.
	slots int

	mu      sync.Mutex
	running int
	known   map[string]int           // authenticated connections by address
	ready   fairQueue[chan struct{}] // of known addresses
	others  fairQueue[chan struct{}] // of strangers
	doubt   float64                  // from 0 to 1: how many handshakes of strangers led to nothing
	resume  time.Time                // strangers wait until then
	timer   *time.Timer              // wakes a stranger at resume
	now     func() time.Time
}

const (
	// strangerShare is the least part of the slots' time that strangers get: one in so many.
	strangerShare = 8
	// A handshake of a stranger adds to the doubt of them; a login takes more of it away.
	doubtAdded, doubtTaken = 1. / 64, 1. / 8
)

// newcomers is how many connections more than it has already an address may open at once and
// still be preferred: others may use the same address, too.
const newcomers = 32

// processors is how many there are for this process. It is asked for when the program starts: later
// there may be more threads than processors, or one while the process is quiet.
var processors = runtime.GOMAXPROCS(0)

func newGate() *gate {
	return &gate{slots: max(1, processors/2), known: map[string]int{}, now: time.Now}
}

// fairQueue is a queue by address: whoever waits longest of the address whose turn it is comes
// next.
type fairQueue[W comparable] struct {
	turns []string
	queue map[string][]W
}

func (q *fairQueue[W]) push(ip string, w W) {
	if q.queue == nil {
		q.queue = map[string][]W{}
	}
	if len(q.queue[ip]) == 0 {
		q.turns = append(q.turns, ip)
	}
	q.queue[ip] = append(q.queue[ip], w)
}

// pop takes the next one out; false when there is none.
func (q *fairQueue[W]) pop() (w W, ok bool) {
	if len(q.turns) == 0 {
		return w, false
	}
	ip := q.turns[0]
	q.turns = q.turns[1:]
	list := q.queue[ip]
	w = list[0]
	if len(list) == 1 {
		delete(q.queue, ip)
	} else {
		q.queue[ip] = list[1:]
		q.turns = append(q.turns, ip)
	}
	return w, true
}

// remove takes a waiter out; it reports whether it was there.
func (q *fairQueue[W]) remove(ip string, w W) bool {
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
	if g.trustsLocked(ip, len(g.ready.queue[ip])) {
		q = &g.ready
	}
	// A waiter is in one of the queues before handOut looks, which may hand him a slot at once.
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
		// It has to be given on, or it would be lost.
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
		// A slot's time costs all strangers a pause of up to seven times as long, shared by the
		// slots: their share is then one in eight.
		pause := time.Duration(float64(used) * (strangerShare - 1) * g.doubt / float64(g.slots))
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
		w, ok := g.ready.pop()
		if !ok && len(g.others.turns) > 0 {
			if wait := g.resume.Sub(g.now()); wait > 0 {
				if g.timer == nil {
					// One timer is enough: it wakes whoever is first then.
					g.timer = time.AfterFunc(wait, g.wake)
				}
				return
			}
			w, ok = g.others.pop()
		}
		if !ok {
			return
		}
		g.running++
		close(w)
	}
}

// wake lets a stranger in whose pause is over.
func (g *gate) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = nil
	g.handOut()
}

// trusts reports whether an address is known and has no flood of connections that are not
// authenticated: pending says how many.
func (g *gate) trusts(ip string, pending int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.trustsLocked(ip, pending)
}

func (g *gate) trustsLocked(ip string, pending int) bool {
	n := g.known[ip]
	return n > 0 && pending < n+newcomers
}

// meet counts a handshake that begins.
func (g *gate) meet(ip string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known[ip] == 0 {
		g.doubt += (1 - g.doubt) * doubtAdded
	}
}

// know counts a connection of an address that was authenticated, or that has ended.
func (g *gate) know(ip string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n > 0 {
		g.doubt -= g.doubt * doubtTaken
	}
	// The map has only addresses with authenticated connections, so that strangers cannot make it
	// grow.
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
	read  int // bytes of the handshake

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
	// The buffer lives for one answer: an idle connection holds none.
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
	// Larger than all of the buffer: TLS never writes so much at once.
	if len(p) > len(g.corked.b) {
		return g.Conn.Write(p)
	}
	g.n += copy(g.corked.b[g.n:], p)
	return len(p), nil
}

// enter takes a slot for computing; false when the connection ends first.
func (g *gatedConn) enter() bool {
	from := time.Now()
	if g.held = g.c.srv.gate.enter(g.c.ip, g.c.done); g.held {
		g.since = time.Now()
		g.c.heldUp.Add(int64(g.since.Sub(from)))
	}
	return g.held
}

// leave gives the slot back, if one is held.
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
	// While it waits for the peer others compute.
	g.leave()
	g.c.busy.Store(false)
	n, err := g.Conn.Read(p)
	g.c.touch()
	g.c.busy.Store(true)
	if g.read += n; err == nil && g.read > maxHandshake {
		return 0, errHandshakeSize
	}
	if err == nil && !g.enter() {
		return 0, errClosed
	}
	return n, err
}

// maxHandshake is how much a client may send in its handshake: crypto/tls takes 256 KB of
// certificates, and keeps them in memory until the last byte has come. Java's limit is 32 KB for a
// message.
const maxHandshake = 64 << 10

var errHandshakeSize = fmt.Errorf("the handshake has more than %d bytes", maxHandshake)

// shake does the handshake and gives the slot back, also after a panic in what the handshake calls.
func (g *gatedConn) shake(t *tls.Conn) error {
	defer g.leave()
	return t.Handshake() // ended by close, as reads and writes are
}

// meet does the handshake of TLS if the listener has one. The limit of idle connections ends what
// never ends.
func (c *Conn) meet() error {
	if c.tls == nil {
		return nil
	}
	if err := c.handshake(); err != nil {
		return err
	}
	c.touch()
	if !c.stranger.Load() {
		c.Authenticated()
	}
	if c.srv.o.Hooks.Handshaken != nil {
		c.srv.o.Hooks.Handshaken(c)
	}
	return nil
}

// handshake does that of TLS. What the connection needs for it is made only now.
func (c *Conn) handshake() error {
	c.busy.Store(true)
	defer c.busy.Store(false)
	g := &gatedConn{Conn: Quick(c.base), c: c}
	// Clients that gave up in the queue are many after a restart of a busy broker; nothing is
	// computed for them.
	if hungUp(c.base) || !g.enter() {
		return errClosed
	}
	if hungUp(c.base) { // while it waited for its turn
		g.leave()
		return errClosed
	}
	c.srv.gate.meet(c.ip)
	t := tls.Server(g, c.tls)
	err := g.shake(t)
	// Only now, and with handshaken behind it: close reads both from other goroutines.
	c.nc = t
	c.handshaken.Store(true)
	if err == nil {
		return nil
	}
	var notTLS tls.RecordHeaderError
	if errors.As(err, &notTLS) && notTLS.Conn != nil {
		_, _ = notTLS.Conn.Write([]byte{21, 3, 3, 0, 2, 2, 80}) // the alert internal_error, as Java's
	}
	if !c.broken.Load() && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, errClosed) && c.srv.o.Hooks.HandshakeFailed != nil {
		c.srv.o.Hooks.HandshakeFailed(c, err)
	}
	return errClosed
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
	c.stranger.Store(false)
	c.leaveLobby()
	if !c.counted {
		c.counted = true
		c.srv.gate.know(c.ip, 1)
	}
}

// leaveLobby makes room for the next stranger, once.
func (c *Conn) leaveLobby() {
	if c.guest {
		c.guest = false
		c.srv.lobby.leave(c)
	}
}

// delay waits as long as a failed authentication is to cost; false when the connection was closed
// meanwhile. Nothing is read meanwhile.
func (c *Conn) delay() bool {
	d := c.srv.o.Limits().FailedAuthenticationDelay
	if d <= 0 {
		return !c.broken.Load()
	}
	select {
	case <-c.srv.o.After(d):
		return true
	case <-c.done:
		return false
	}
}

package network

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// errClosed ends a connection that the server closed.
var errClosed = errors.New("connection closed by the server")

// defaultMaxPending is how many answers of one connection may be pending. A client with more
// requests in flight is not read.
const defaultMaxPending = 256

// conn is the connection's own part of a Conn. There may be many that say nothing, so that what they
// do not need is in traffic.
type conn struct {
	srv *Server
	// base is the connection of the system, which close uses when a farewell of TLS would block.
	base net.Conn
	nc   net.Conn        // base, or the TLS over it: only others' when handshaken is set
	tls  *tls.Config     // nil for a listener without
	raw  syscall.RawConn // nil unless nc is plain TCP

	phase  atomic.Int32
	index  int64  // in the order in which connections came
	ticket uint64 // of the porter, who guards it
	hears  bool   // who serves it is to wait until its client has spoken
	*traffic

	lastActive atomic.Int64 // Unix nanoseconds of the last byte read or written
	frameBegan atomic.Int64 // Unix nanoseconds of the first byte of the frame that is being received
	heldUp     atomic.Int64 // nanoseconds that a handshake has waited for its turn
	serving    atomic.Bool  // a request is executed, until its answer is written or queued
	receiving  atomic.Bool  // part of a frame has arrived
	starved    atomic.Bool  // it waits for memory
	writing    atomic.Bool  // an answer is being written
	broken     atomic.Bool
	retired    atomic.Bool // it ends without being asked why
	stranger   atomic.Bool // the client is not authenticated yet
	handshaken atomic.Bool // TLS is set up, or has failed
	busy       atomic.Bool // a handshake computes, or waits for its turn

	host           string // address of the client
	ip             string // what strangers take turns by: see neighbourhood
	counted, guest bool   // the gate knows of it, it is in the lobby; only touched by the reader
}

// The phases of a connection. It is visiting until somebody begins to serve it: it has no goroutine
// then, or one that waits. Who changes the phase is the one that ends it, or serves it.
const (
	visiting int32 = iota
	begun
	away // closed before it was begun
)

// traffic is what a connection needs when it is served. begin makes it.
type traffic struct {
	done      chan struct{} // closed when the connection is to end
	closeOnce sync.Once

	reader frameReader
	out    Output // of answers that the reader writes itself
	writer writer // used by one goroutine at a time: the reader, or the writer while it runs

	mutedUntil time.Time // only touched by the reader

	mu struct {
		sync.Mutex
		queue   []*queued     // answers not written yet, oldest first
		running bool          // a writer goroutine owns the head of the queue
		changed chan struct{} // closed and dropped when the queue got shorter; nil when nobody waits
	}
	writers sync.WaitGroup
}

// queued is an answer that waits for its turn.
type queued struct {
	out     Output
	buf     *buffer // storage of out.B
	pending Pending // nil when out is complete
	verdict Verdict
}

// begin makes what a connection needs to be served; false when it was closed before. Called by who
// is to serve it, or starts who does.
func (c *Conn) begin() bool {
	c.traffic = &traffic{done: make(chan struct{})}
	c.ClientHost, c.ID = javaHost(c.Remote, c.host), connectionID(c.Local, c.Remote, c.index)
	c.guest = c.visits()
	c.touch()
	return c.phase.CompareAndSwap(visiting, begun)
}

// close makes the connection end; safe to call at any time and more than once.
func (c *Conn) close() {
	if c.phase.CompareAndSwap(visiting, away) {
		c.broken.Store(true)
		c.base.Close()
		c.srv.turnAway(c)
	}
	if c.phase.Load() != begun {
		return
	}
	c.closeOnce.Do(func() {
		c.broken.Store(true)
		close(c.done)
		if c.tls != nil && (!c.handshaken.Load() || c.writing.Load()) {
			c.base.Close() // a farewell would wait for a client that does not read
			return
		}
		c.nc.Close()
	})
}

// touch notes that the client is alive, for the limit of idle connections.
func (c *Conn) touch() { c.lastActive.Store(c.srv.o.Now().UnixNano()) }

// run reads and executes requests until the connection ends.
func (c *Conn) run(ctx context.Context) {
	served := false
	defer func() {
		if r := recover(); r != nil {
			c.panicked(r)
		}
		c.close()
		// Before anything is given back: the writer may still use what the connection owns.
		c.writers.Wait()
		c.dropReader()
		c.leaveLobby()
		if c.counted {
			c.srv.gate.know(c.ip, -1)
		}
		if served {
			c.srv.guard(c, func() { c.srv.o.Handler.Closed(c) })
		}
	}()
	// Nobody is told: strangers who leave during a handshake are many, and those who failed were
	// told to the hooks.
	if err := c.meet(); err != nil {
		return
	}
	for {
		buf, n, err := c.readFrame()
		if err != nil {
			// Who ends a connection after several requests, or sends rubbish behind them, still
			// gets their answers, as from a broker that reads the next request when the last is
			// answered.
			c.waitQueue(0)
			c.ended(err)
			return
		}
		served = true
		c.held()
		if !c.execute(ctx, buf, n) {
			return
		}
		if !c.waitMuted(ctx) || ctx.Err() != nil {
			c.waitQueue(0)
			return
		}
	}
}

// held waits while the server is held up, or until the connection ends.
func (c *Conn) held() {
	hold := c.srv.o.Hold
	if hold == nil {
		return
	}
	for {
		held := hold()
		if held == nil {
			return
		}
		select {
		case <-held:
		case <-c.done:
			return
		}
	}
}

// retire makes the connection end when what it has begun is answered, at once if that is nothing.
func (c *Conn) retire() {
	c.retired.Store(true)
	if c.phase.Load() != begun {
		c.close()
		return
	}
	c.mu.Lock()
	busy := len(c.mu.queue) > 0 || c.serving.Load()
	c.mu.Unlock()
	if !busy || c.base.SetReadDeadline(time.Unix(1, 0)) != nil { // it ends the read in which the reader waits
		c.close()
	}
}

// execute runs one request and answers it or queues its answer; false when the connection is to
// end. It owns buf.
func (c *Conn) execute(ctx context.Context, buf *buffer, n int) (more bool) {
	freed := false
	free := func() {
		if !freed {
			freed = true
			c.freeFrame(buf)
		}
	}
	// The frame goes back now, as Serve has promised not to need it: the wait may be long, and the
	// memory is others'.
	defer free()
	frame := buf.b[4 : 4+n]
	room := 0
	if c.srv.o.Handler.Pipelined(frame) {
		room = c.srv.maxPending()
	}
	queueing, ok := c.waitQueue(room)
	if !ok {
		return false
	}
	var q *queued
	out := &c.out
	var store *buffer
	if queueing {
		q = c.srv.newQueued()
		out, store = &q.out, q.buf
	} else {
		store = c.srv.pool.get(minPooled)
	}
	out.begin(store.b)

	// Until the answer is written or in the queue: idleSince must not take a long request for an idle
	// connection, nor retire cut its answer off.
	c.serving.Store(true)
	defer c.serving.Store(false)
	verdict, pending := c.srv.o.Handler.Serve(ctx, c, frame, c.srv.o.Now(), out)

	if verdict == Later || verdict == HoldThenClose || verdict == CloseLate {
		free()
		if pending != nil && !queueing && pending.Done() {
			verdict, pending = pending.Complete(ctx, out), nil
		}
	}
	if queueing || pending != nil {
		// What Serve has put into the connection's own Output is moved, since the next request
		// needs that one.
		if q == nil { // the answer turned out to be pending
			q = c.srv.newQueued()
			out.moveTo(&q.out)
			q.buf, store = store, q.buf
			c.srv.pool.put(store)
		}
		q.pending, q.verdict = pending, verdict
		c.enqueue(ctx, q)
		if verdict.ends() {
			c.waitQueue(0) // the earlier answers go out first
			return false
		}
		return true
	}
	err := c.finish(out, verdict)
	store.b = out.takeBuffer(store.b)
	c.srv.pool.put(store)
	if err != nil {
		c.ended(err)
		return false
	}
	return verdict == Answered || verdict == Silent
}

// waitQueue waits until at most room-1 answers are queued, or none when room is 0. It tells whether
// some still are, and whether the connection lives.
func (c *Conn) waitQueue(room int) (queueing, ok bool) {
	for {
		c.mu.Lock()
		n := len(c.mu.queue)
		// With room 0 (not pipelined) every earlier answer must be out; the request may depend on
		// them.
		if n == 0 || n < room {
			c.mu.Unlock()
			return n > 0, !c.broken.Load()
		}
		if c.mu.changed == nil {
			c.mu.changed = make(chan struct{})
		}
		changed := c.mu.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-c.done:
			return false, false
		}
	}
}

// enqueue hands an answer to the writer, starting it when none runs.
func (c *Conn) enqueue(ctx context.Context, q *queued) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.queue = append(c.mu.queue, q)
	if !c.mu.running {
		c.mu.running = true
		c.writers.Add(1)
		go c.drain(ctx) // ended with the last answer; run waits for it
	}
}

// drain is the writer goroutine: it completes and writes answers in order, and ends when none is
// left.
func (c *Conn) drain(ctx context.Context) {
	defer c.writers.Done()
	for {
		c.mu.Lock()
		if len(c.mu.queue) == 0 {
			c.mu.queue = nil
			c.mu.running = false
			c.mu.Unlock()
			return
		}
		// The head stays in the queue until it is written, so that waitQueue and idleSince count
		// it.
		q := c.mu.queue[0]
		c.mu.Unlock()

		c.writeQueued(ctx, q)

		c.mu.Lock()
		copy(c.mu.queue, c.mu.queue[1:])
		c.mu.queue[len(c.mu.queue)-1] = nil
		c.mu.queue = c.mu.queue[:len(c.mu.queue)-1]
		if c.mu.changed != nil {
			close(c.mu.changed)
			c.mu.changed = nil
		}
		c.mu.Unlock()
	}
}

// writeQueued completes one answer and writes it, unless the connection is broken already.
func (c *Conn) writeQueued(ctx context.Context, q *queued) {
	defer func() {
		if r := recover(); r != nil {
			c.panicked(r)
			q.out.reset()
			c.close()
		}
	}()
	if q.pending != nil {
		p := q.pending
		q.pending = nil
		if c.broken.Load() {
			// The client is gone. What was appended stays; only the wait for its replicas ends.
			p.Abandon()
			q.verdict = CloseConn
		} else {
			q.verdict = p.Complete(ctx, &q.out)
		}
	}
	if c.broken.Load() {
		q.verdict = CloseConn
	}
	err := c.finish(&q.out, q.verdict)
	if err != nil {
		c.ended(err)
	}
	if err != nil || q.verdict.ends() {
		c.close()
	}
	c.srv.freeQueued(q)
}

// finish writes an answer and releases what it holds.
func (c *Conn) finish(out *Output, verdict Verdict) (err error) {
	c.held()
	switch verdict {
	case Silent:
		c.srv.o.Handler.Sent(c, out, 0)
	// The refused login costs its time before the answer: who guesses passwords waits for each.
	case HoldThenClose:
		if !c.delay() {
			break
		}
		out.finish()
		err = c.write(out)
	case CloseLate:
		if out.Len() > 4 {
			out.finish()
			err = c.write(out)
		}
		if err == nil {
			c.delay()
		}
	case Answered:
		out.finish()
		n := out.Len()
		c.touch()
		err = c.write(out)
		if err == nil {
			c.touch()
			c.srv.o.Handler.Sent(c, out, n)
		}
	}
	out.reset()
	return err
}

// ended logs why a connection ends, if that is worth a line.
func (c *Conn) ended(err error) {
	if c.broken.Load() || c.retired.Load() || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, errClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return
	}
	log := c.srv.o.Logger.WithField("connection", c.ID).WithError(err)
	if c.stranger.Load() { // who can make any number of these
		log.Debug("closed a connection")
		return
	}
	c.srv.bad.Log(c.srv.o.Now(), log, logrus.WarnLevel, "closed a connection")
}

// panicked tells of a fault of ours that has cost this connection.
func (c *Conn) panicked(r any) {
	c.srv.o.Logger.WithField("connection", connectionID(c.Local, c.Remote, c.index)).WithField("panic", r).WithField("stack", string(debug.Stack())).
		Error("a connection panicked")
	if c.srv.o.Hooks.Panicked != nil {
		c.srv.o.Hooks.Panicked()
	}
}

// idleSince is when the connection was last active; the present while its requests are being
// executed or wait. A client that does not read its answers is idle.
func (c *Conn) idleSince(now time.Time) time.Time {
	if c.phase.Load() == begun && !c.writing.Load() {
		if c.serving.Load() {
			return now
		}
		c.mu.Lock()
		waiting := len(c.mu.queue) > 0
		c.mu.Unlock()
		if waiting {
			return now
		}
	}
	return time.Unix(0, c.lastActive.Load())
}

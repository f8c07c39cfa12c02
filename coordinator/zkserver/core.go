package zkserver

import (
	"bytes"
	"slices"

	"momus/internal/wire"
)

// client is one connection as the core sees it.
type client struct {
	session     *session // nil until the connect request, and again once the session has gone elsewhere
	auth        []ID
	connect     connectRequest
	lastPending *pending // the transaction that later requests of this client come after; nil when there is none
	waiting     int      // requests not yet answered
	deferred    int      // of these, reads that wait for a transaction
	login       login
	stats       clientStats
}

// pending is a transaction on its way to the log, with what has to happen once it is there.
type pending struct {
	txn      *txn
	records  map[string]*record
	client   *client // who is to be answered; nil when a session has expired
	xid      int32
	op       opcode
	codes    []Code // of the parts of a multi that failed
	received instant
	size     int       // bytes of the request
	after    []request // reads that came later from the same clients, and syncs
	done     bool      // applied; only then the rest may be forgotten
}

// request is a read that waits for a transaction.
type request struct {
	client   *client
	xid      int32
	op       opcode
	body     []byte
	received instant
}

// effect is something the core wants done: a frame to be sent, and the connection closed after it.
type effect struct {
	client *client
	frame  []byte // may be nil
	close  bool
}

// core decides what every request means. It holds the tree, the sessions and the transactions that
// wait for the log, and does no I/O: transactions leave through unlogged, answers through effects,
// and logged brings back how far the log is. Reads see only what is durable, and do not wait for
// the log unless their own client has a write on its way there.
type core struct {
	tree     *tree
	overlay  overlay
	sessions *sessionTable
	queue    []*pending // in the order of their zxids
	queued   int        // bytes of the requests in queue
	lastZxid int64      // given out

	minTimeoutMs, maxTimeoutMs int32
	maxBuffer                  int
	logins                     logins

	effects  []effect
	unlogged []*txn
	stats    serverStats
	// changing says that sessions and queue are neither what they were nor what they will be: see
	// boundPanic.
	changing bool
}

// newCore is an empty tree without sessions; what was stored is put into it before the first
// connection.
func newCore(o *Options) *core {
	c := &core{
		tree:         newTree(),
		sessions:     newSessionTable(o.TickTime.Milliseconds()),
		minTimeoutMs: int32(o.MinSessionTimeout.Milliseconds()),
		maxTimeoutMs: int32(o.MaxSessionTimeout.Milliseconds()),
		maxBuffer:    o.MaxBuffer,
	}
	c.logins = logins{users: o.Users, super: o.SuperUser, nonce: o.Nonce}
	c.overlay = overlay{tree: c.tree, records: make(map[string]*record), schemes: schemes{sasl: o.Users != nil, x509: o.TLS != nil && o.Subject != nil}}
	return c
}

// serve ends recovery: from here on watches fire, and the sessions found have a whole timeout from
// now, what silent says is left of it, or none at all.
func (c *core) serve(now instant, endSessions bool, silent map[int64]int64) {
	c.lastZxid = c.tree.lastZxid
	c.tree.watches.emit = func(cl *client, event int32, path string) { c.send(cl, watchEvent(event, path)) }
	for _, s := range c.sessions.byID {
		if endSessions {
			// Recovered sessions are in the bucket of time 0 before this.
			c.sessions.overdue(s)
		} else {
			c.sessions.touch(s, now)
			// Not heard in this run: silence goes on where it was.
			s.heard = false
			if left, ok := silent[s.id]; ok {
				c.sessions.shorten(s, left, now)
			}
		}
	}
}

// replay applies a transaction found in the log.
func (c *core) replay(x *txn) bool {
	switch x.op {
	case opCreateSession:
		if c.sessions.byID[x.session] == nil {
			c.sessions.add(&session{id: x.session, secret: x.secret, timeoutMs: x.timeout}, instant{})
		}
	case opCloseSession:
		if s := c.sessions.byID[x.session]; s != nil {
			c.sessions.remove(s)
		}
	}
	for _, r := range c.tree.apply(x) {
		if r.code != codeOK {
			return false
		}
	}
	return true
}

func (c *core) send(cl *client, frame []byte) {
	cl.stats.sent++
	c.stats.sent++
	c.effects = append(c.effects, effect{client: cl, frame: frame})
}

func (c *core) closeClient(cl *client) {
	c.effects = append(c.effects, effect{client: cl, close: true})
}

// connected handles the first frame of a connection. secret is the password that a new session
// gets.
func (c *core) connected(now instant, cl *client, r connectRequest, secret [16]byte) {
	cl.connect = r
	c.countReceived(cl)
	// The client would otherwise see its own past undone.
	if r.lastZxidSeen > c.tree.lastZxid {
		c.closeClient(cl) // it knows a later state: its data is elsewhere, or ours was lost
		return
	}
	timeout := min(max(r.timeoutMs, c.minTimeoutMs), c.maxTimeoutMs)
	if r.sessionID == 0 {
		s := &session{id: c.sessions.nextID(now), secret: secret, timeoutMs: timeout, client: cl}
		cl.session = s
		c.sessions.add(s, now)
		c.enqueue(now, cl, 0, &txn{op: opCreateSession, session: s.id, timeout: timeout, secret: secret}, nil)
		return
	}
	s := c.sessions.byID[r.sessionID]
	if !s.attachable(r.password) {
		c.send(cl, connectResponse(&r, 0, 0, make([]byte, 16)))
		c.closeClient(cl)
		return
	}
	if old := s.client; old != nil {
		// Answers that the old connection waits for are none of this one's, but their order is.
		cl.lastPending = old.lastPending
		c.detach(old)
		c.closeClient(old)
	}
	s.client, cl.session = cl, s
	s.timeoutMs = timeout
	c.sessions.touch(s, now)
	c.send(cl, connectResponse(&r, timeout, s.id, s.secret[:]))
}

// detach separates a client from its session and its watches.
func (c *core) detach(cl *client) {
	c.tree.watches.forget(cl)
	if cl.session != nil && cl.session.client == cl {
		cl.session.client = nil
	}
	cl.session = nil
}

// disconnected forgets a client whose connection has ended; its session lives on.
func (c *core) disconnected(cl *client) { c.detach(cl) }

// request handles a frame after the first; it keeps nothing of frame. A false result means that the
// frame is no request at all and the connection has to be closed.
func (c *core) request(now instant, cl *client, frame []byte) bool {
	d := decoder{Reader: wire.Reader{Rest: frame}, max: c.maxBuffer}
	xid, op := d.Int32(), opcode(d.Int32())
	if d.Err != nil {
		return false
	}
	c.countReceived(cl)
	switch op {
	case opAuth:
		return c.authenticate(cl, xid, &d)
	case opSasl:
		return c.sasl(cl, xid, &d)
	}
	if cl.session == nil || !c.sessions.touch(cl.session, now) {
		return true // the session is over: ZooKeeper drops the request, and the connection is about to be closed
	}
	before := len(c.queue)
	switch op {
	case opCreate, opCreate2, opDelete, opSetData, opSetACL, opCheck:
		c.write(now, cl, xid, op, &d)
	case opMulti:
		c.multi(now, cl, xid, &d)
	case opCloseSession:
		c.endSession(now, cl.session, cl, xid)
	case opSync:
		if len(c.queue) > 0 {
			// A sync waits for all that is under way, not only for what is its client's own.
			cl.lastPending = c.queue[len(c.queue)-1]
		}
		c.read(request{client: cl, xid: xid, op: op, body: d.Rest, received: now})
	default:
		c.read(request{client: cl, xid: xid, op: op, body: d.Rest, received: now})
	}
	// One or none: each request makes at most one transaction.
	for _, p := range c.queue[before:] {
		p.size = len(frame)
		c.queued += p.size
	}
	return true
}

// read answers at once, or after the transaction that the client waits for.
func (c *core) read(r request) {
	r.client.waiting++
	if p := r.client.lastPending; p != nil && !p.done {
		r.client.deferred++
		// The frame's buffer is used again.
		r.body = bytes.Clone(r.body)
		p.after = append(p.after, r)
		return
	}
	c.answerRead(r.received, r)
}

// write decides about a write and puts it behind those that are not on disk yet; it is answered
// when it is. One that fails goes the same way, so that answers keep the order of requests.
func (c *core) write(now instant, cl *client, xid int32, op opcode, d *decoder) {
	o, err := decodeOperation(d, op)
	if err != nil {
		// The operation is kept for the answer, whose form it decides.
		c.enqueue(now, cl, xid, &txn{op: opError, code: codeMarshallingError}, nil).op = op
		return
	}
	stage := c.overlay.stage()
	ch, code := stage.prepare(cl.session.id, cl.auth, &o)
	if code != codeOK {
		c.enqueue(now, cl, xid, &txn{op: opError, code: code}, nil).op = op
		return
	}
	c.enqueue(now, cl, xid, &txn{op: op, change: ch}, stage)
}

// multi decides about several writes that happen together or not at all.
func (c *core) multi(now instant, cl *client, xid int32, d *decoder) {
	ops, err := decodeMulti(d)
	if err != nil {
		c.enqueue(now, cl, xid, &txn{op: opError, code: codeMarshallingError}, nil).op = opMulti
		return
	}
	stage := c.overlay.stage()
	x := &txn{op: opMulti}
	for i := range ops {
		ch, code := stage.prepare(cl.session.id, cl.auth, &ops[i])
		if code != codeOK {
			// Nothing of it happens: the parts before carry 0, this one its error, those behind
			// RUNTIMEINCONSISTENCY.
			codes := make([]Code, len(ops))
			codes[i] = code
			for j := i + 1; j < len(ops); j++ {
				codes[j] = codeRuntimeInconsistency
			}
			p := c.enqueue(now, cl, xid, &txn{op: opError, code: code}, nil)
			p.op, p.codes = opMulti, codes
			return
		}
		x.parts = append(x.parts, ch)
	}
	c.enqueue(now, cl, xid, x, stage)
}

// endSession puts the end of s on its way; cl is to be answered, or nil when s has expired.
func (c *core) endSession(now instant, s *session, cl *client, xid int32) {
	c.changing = true // until the end of enqueue
	s.closing = true
	stage := c.overlay.stage()
	stage.prepareClose(s.id)
	p := c.enqueue(now, cl, xid, &txn{op: opCloseSession, session: s.id}, stage)
	p.op = opCloseSession
}

// enqueue gives x its zxid and puts it on its way to the log.
func (c *core) enqueue(now instant, cl *client, xid int32, x *txn, stage *staged) *pending {
	c.changing = true
	// The order of zxids is that of the queue, of the log and of the answers.
	c.lastZxid++
	x.zxid, x.timeMs = c.lastZxid, now.wallMs
	p := &pending{txn: x, client: cl, xid: xid, op: x.op, received: now}
	if cl != nil {
		x.session = cl.session.id
		cl.lastPending = p
		cl.waiting++
	}
	if stage != nil {
		p.records = stage.publish()
	}
	c.queue = append(c.queue, p)
	c.unlogged = append(c.unlogged, x)
	c.changing = false
	return p
}

// tick ends the sessions whose time is over, and returns them.
func (c *core) tick(now instant) []*session {
	expired := slices.DeleteFunc(c.sessions.expired(now), func(s *session) bool { return s.closing })
	for _, s := range expired {
		c.stats.expired++
		c.endSession(now, s, nil, 0)
	}
	return expired
}

// logged applies the first n transactions in the queue, which are durable now, and answers them.
func (c *core) logged(now instant, n int) {
	for _, p := range c.queue[:n] {
		results := c.tree.apply(p.txn)
		c.overlay.retire(p.records)
		if p.client != nil {
			c.answerWrite(now, p, results)
		}
		if p.txn.op == opCloseSession {
			c.sessionEnded(p.txn.session)
		}
		p.done = true
		// Reads that waited see the state right behind their own client's write.
		for _, r := range p.after {
			r.client.deferred--
			c.answerRead(now, r)
		}
		c.queued -= p.size
		// Through lastPending: a client keeps its last transaction until the next.
		p.txn, p.records, p.after = nil, nil, nil // a client may still point to p
	}
	c.queue = slices.Delete(c.queue, 0, n)
}

// sessionEnded forgets a session, and closes the connection that it has.
func (c *core) sessionEnded(id int64) {
	s := c.sessions.byID[id]
	if s == nil {
		return
	}
	c.sessions.remove(s)
	if cl := s.client; cl != nil {
		c.detach(cl)
		c.closeClient(cl)
	}
}

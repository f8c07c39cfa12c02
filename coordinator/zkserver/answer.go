package zkserver

import "momus/internal/wire"

// answerWrite answers the request that a transaction came from.
func (c *core) answerWrite(now instant, p *pending, results []result) {
	cl, x := p.client, p.txn
	cl.waiting--
	c.answered(cl, now, p.received, p.op, p.xid)
	if p.op == opCreateSession {
		c.send(cl, connectResponse(&cl.connect, x.timeout, x.session, x.secret[:]))
		return
	}
	e := newFrame(96)
	switch {
	// A multi that failed is a transaction of its own kind in the log, and is answered like one
	// that did not.
	case p.op == opMulti && (x.op == opMulti || p.codes != nil):
		e.replyHeader(p.xid, x.zxid, codeOK)
		for i := range results {
			e.multiResult(&results[i])
		}
		for _, code := range p.codes {
			e.multiResult(&result{op: opError, code: code})
		}
		// The end of a multi is a header of its own: type -1, done, no error.
		e.multiHeader(-1, true, -1)
	case x.op == opError:
		e.replyHeader(p.xid, x.zxid, x.code)
	default:
		e.replyHeader(p.xid, x.zxid, codeOK)
		if len(results) > 0 {
			e.writeResult(&results[0])
		}
	}
	c.send(cl, e.endFrame())
}

func (e *encoder) multiHeader(op opcode, done bool, code Code) {
	e.int32(int32(op))
	e.bool(done)
	e.int32(int32(code))
}

func (e *encoder) multiResult(r *result) {
	e.multiHeader(r.op, false, r.code)
	if r.op == opError {
		e.int32(int32(r.code))
		return
	}
	e.writeResult(r)
}

// writeResult writes what the answer to a write has behind its header; deletion has nothing.
func (e *encoder) writeResult(r *result) {
	switch r.op {
	case opCreate:
		e.string(r.path)
	case opCreate2:
		e.string(r.path)
		e.stat(&r.stat)
	case opSetData, opSetACL:
		e.stat(&r.stat)
	}
}

// answerRead carries out a request that changes nothing and answers it.
func (c *core) answerRead(now instant, r request) {
	cl := r.client
	cl.waiting--
	if cl.session == nil {
		return // its connection ended while it waited
	}
	c.answered(cl, now, r.received, r.op, r.xid)
	e := newFrame(128)
	if r.op == opPing {
		e.replyHeader(xidPing, c.tree.lastZxid, codeOK)
		c.send(cl, e.endFrame())
		return
	}
	// The header comes first but its code is known last: an error answers with a header alone.
	e.replyHeader(r.xid, c.tree.lastZxid, codeOK)
	d := decoder{Reader: wire.Reader{Rest: r.body}, max: c.maxBuffer}
	code := c.readInto(&e, cl, r.op, &d)
	if code != codeOK {
		e = newFrame(16)
		zxid := c.tree.lastZxid
		if code == codeUnimplemented {
			zxid = -1 // ZooKeeper answers before the request has got a zxid
		}
		e.replyHeader(r.xid, zxid, code)
	}
	c.send(cl, e.endFrame())
	if code == codeUnimplemented {
		c.closeClient(cl)
	}
}

// readInto appends the answer to a read, or returns why there is none.
func (c *core) readInto(e *encoder, cl *client, op opcode, d *decoder) Code {
	switch op {
	case opSetWatches:
		return c.setWatches(cl, d)
	case opCheckWatches, opRemoveWatches:
		return c.checkWatches(cl, op, d)
	case opExists, opGetData, opGetACL, opGetChildren, opGetChildren2, opSync:
	default:
		// ZooKeeper closes the connection on what it does not know, after the answer.
		return codeUnimplemented
	}
	path, ok := d.string()
	watch := false
	if op != opGetACL && op != opSync {
		watch = d.bool()
	}
	if d.Err != nil {
		return codeMarshallingError
	}
	if op == opSync {
		if ok {
			e.string(path)
		} else {
			e.int32(-1)
		}
		return codeOK
	}
	if !ok {
		return codeMarshallingError
	}
	return c.readNode(e, cl, op, path, watch)
}

// readNode answers the reads of one node and sets the watch that was asked for. The watch of exists
// is also set on a node that is not there; the others only with a successful answer.
func (c *core) readNode(e *encoder, cl *client, op opcode, path string, watch bool) Code {
	n := c.tree.get(path)
	if op == opExists {
		for i := range len(path) {
			if path[i] == 0 {
				return codeBadArguments
			}
		}
		if watch { // also on a node that does not exist yet
			c.tree.watches.add(kindData, path, cl)
		}
	}
	if n == nil {
		return codeNoNode
	}
	stat := n.stat()
	perms := int32(permRead)
	switch op {
	case opExists: // needs no permission
		e.stat(&stat)
		return codeOK
	// 3.4.14's own: whoever may read or administer sees the ACL, with digests hidden from the
	// first.
	case opGetACL:
		perms = permRead | permAdmin
	}
	if !allowed(n.acl, perms, cl.auth) {
		return codeNoAuth
	}
	switch op {
	case opGetData:
		if watch {
			c.tree.watches.add(kindData, path, cl)
		}
		e.bytes(n.data)
		e.stat(&stat)
	case opGetACL:
		acl := n.acl
		if !allowed(acl, permAdmin, cl.auth) {
			acl = maskDigests(acl)
		}
		e.acl(acl)
		e.stat(&stat)
	default:
		if watch {
			c.tree.watches.add(kindChild, path, cl)
		}
		e.strings(c.tree.childNames(path, n))
		if op == opGetChildren2 {
			e.stat(&stat)
		}
	}
	return codeOK
}

// setWatches sets the watches again that a client had on its connection before, and fires those
// that missed something.
func (c *core) setWatches(cl *client, d *decoder) Code {
	seen := d.Int64()
	data, dataOK := d.strings()
	exist, existOK := d.strings()
	child, childOK := d.strings()
	if d.Err != nil || !dataOK || !existOK || !childOK {
		return codeMarshallingError
	}
	// Each list says what the client knew: a node that is gone, changed, or still as it was.
	c.setAgain(cl, data, kindData, eventNodeDataChanged, func(n *node) bool { return n.mzxid > seen })
	for _, path := range exist {
		if c.tree.get(path) != nil {
			c.send(cl, watchEvent(eventNodeCreated, path))
		} else {
			c.tree.watches.add(kindData, path, cl)
		}
	}
	c.setAgain(cl, child, kindChild, eventNodeChildrenChanged, func(n *node) bool { return n.pzxid > seen })
	return codeOK
}

// setAgain sets the watches of one kind on nodes that were there when the client set them, or says
// that a node is gone or has changed.
func (c *core) setAgain(cl *client, paths []string, kind watchKind, change int32, changed func(*node) bool) {
	for _, path := range paths {
		switch n := c.tree.get(path); {
		case n == nil:
			c.send(cl, watchEvent(eventNodeDeleted, path))
		case changed(n):
			c.send(cl, watchEvent(change, path))
		default:
			c.tree.watches.add(kind, path, cl)
		}
	}
}

// Kinds of watches in checkWatches and removeWatches (Watcher.WatcherType of 3.5).
const (
	watcherChildren = 1
	watcherData     = 2
	watcherAny      = 3
)

// checkWatches says whether the client has a watch, and removeWatches takes it away too (3.5).
func (c *core) checkWatches(cl *client, op opcode, d *decoder) Code {
	path, ok := d.string()
	typ := d.Int32()
	if d.Err != nil || !ok || typ < watcherChildren || typ > watcherAny {
		return codeMarshallingError
	}
	found := false
	// In any order, since both kinds are looked at.
	for k, t := range map[watchKind]int32{kindChild: watcherChildren, kindData: watcherData} {
		if typ != t && typ != watcherAny {
			continue
		}
		if op == opRemoveWatches {
			found = c.tree.watches.remove(k, path, cl) || found
		} else {
			found = c.tree.watches.has(k, path, cl) || found
		}
	}
	if !found {
		return codeNoWatcher
	}
	return codeOK
}

// authenticate handles an auth packet, which is answered at once and outside the order of requests,
// as in ZooKeeper.
func (c *core) authenticate(cl *client, xid int32, d *decoder) bool {
	// The type is a leftover of an earlier protocol.
	d.Int32() // type: unused
	scheme, _ := d.string()
	auth := d.bytes()
	if d.Err != nil {
		return false
	}
	code := codeOK
	switch {
	case scheme == "digest" && auth != nil && len(cl.auth) < maxACL:
		cl.addAuth(digestID(auth))
	case scheme == "ip":
		// The client has its address as an ID from the start.
	default:
		code = codeAuthFailed
	}
	e := newFrame(16)
	e.replyHeader(xid, 0, code)
	c.send(cl, e.endFrame())
	if code != codeOK {
		c.closeClient(cl)
	}
	return true
}

func (cl *client) addAuth(id ID) {
	for _, have := range cl.auth {
		if have == id {
			return
		}
	}
	cl.auth = append(cl.auth, id)
}

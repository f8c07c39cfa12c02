package zk

import (
	"encoding/binary"
	"net"
	"slices"
	"sync"
)

// rearming knows since when the watches of a session may have fired without the client having been
// told. When the library connects again it has the server set all watches anew, with the zxid that
// it has seen last, so that those that have fired meanwhile fire at once. But it takes that zxid
// when it asks: requests that waited for the connection may have been answered by then, with a zxid
// that is later than events the client has not been told of, and those are lost. The same happens
// when a connection is lost before the watches are set. So the zxid is put into the request here:
// that of before the connection, or of before the first of several that came to nothing. One that is
// too early costs a needless event, after which the node is read again.
type rearming struct {
	mu          sync.Mutex
	since       int64   // the watches were set, or had fired, as of this zxid
	settled     bool    // on the latest connection they are set again
	outstanding []int32 // xids of requests to set them that are not answered
}

// Of ZooKeeper's protocol.
const (
	opSetWatches = 101
	xidPing      = -2
)

// connecting notes a new connection of a client that has seen a zxid, 0 for a new session, which has
// no watches.
func (r *rearming) connecting(seen int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled || seen == 0 {
		r.since = seen
	}
	r.settled, r.outstanding = seen == 0, nil
}

// asking is the zxid for a request to set watches.
func (r *rearming) asking(xid int32) (since int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outstanding = append(r.outstanding, xid)
	return r.since
}

// answered notes an answer. The library sends one request to set watches after the other, at once:
// when a ping is answered and none is outstanding, there is no more to come.
func (r *rearming) answered(xid int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if xid == xidPing {
		r.settled = r.settled || len(r.outstanding) == 0
	} else {
		r.outstanding = slices.DeleteFunc(r.outstanding, func(x int32) bool { return x == xid })
	}
}

// rearmConn is a connection of the library under rearming. The library writes each request at once,
// the connect request first.
type rearmConn struct {
	net.Conn
	r         *rearming
	connected bool   // the connect request is written
	head      []byte // length and xid of the answer that is being read, as far as they are here
	skip      int    // bytes of it that are to come behind these
}

// Write implements net.Conn.
func (c *rearmConn) Write(p []byte) (int, error) {
	switch {
	case !c.connected && len(p) >= 16: // length, version of the protocol, zxid
		c.connected = true
		c.r.connecting(int64(binary.BigEndian.Uint64(p[8:])))
	case len(p) >= 20 && binary.BigEndian.Uint32(p[8:]) == opSetWatches: // length, xid, operation, zxid
		p = slices.Clone(p)
		binary.BigEndian.PutUint64(p[12:], uint64(c.r.asking(int32(binary.BigEndian.Uint32(p[4:])))))
	}
	return c.Conn.Write(p)
}

// Read implements net.Conn.
func (c *rearmConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for p = p[:n]; len(p) > 0; {
		if c.skip > 0 {
			k := min(c.skip, len(p))
			c.skip, p = c.skip-k, p[k:]
			continue
		}
		k := min(8-len(c.head), len(p))
		c.head, p = append(c.head, p[:k]...), p[k:]
		if len(c.head) == 8 {
			c.skip = max(0, int(int32(binary.BigEndian.Uint32(c.head)))-4)
			c.r.answered(int32(binary.BigEndian.Uint32(c.head[4:])))
			c.head = c.head[:0]
		}
	}
	return n, err
}

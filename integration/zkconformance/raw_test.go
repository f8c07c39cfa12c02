package zkconformance

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// Operation codes and flags of the protocol.
const (
	opCreate, opDelete, opExists, opGetData, opSetData, opGetACL, opSetACL, opGetChildren = 1, 2, 3, 4, 5, 6, 7, 8
	opSync, opPing, opGetChildren2, opCheck, opMulti, opCreate2                           = 9, 11, 12, 13, 14, 15
	opAuth, opSetWatches, opSasl, opClose, opError                                        = 100, 101, 102, -11, -1

	ephemeral, sequential = 1, 2
)

// buf builds a request in jute.
type buf []byte

func (b buf) i32(v int32) buf { return binary.BigEndian.AppendUint32(b, uint32(v)) }
func (b buf) i64(v int64) buf { return binary.BigEndian.AppendUint64(b, uint64(v)) }
func (b buf) str(s string) buf {
	return append(b.i32(int32(len(s))), s...)
}
func (b buf) bytes(p []byte) buf {
	if p == nil {
		return b.i32(-1)
	}
	return append(b.i32(int32(len(p))), p...)
}
func (b buf) bool(v bool) buf {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}
func (b buf) strs(v ...string) buf {
	b = b.i32(int32(len(v)))
	for _, s := range v {
		b = b.str(s)
	}
	return b
}
func (b buf) acl(v []acl) buf {
	b = b.i32(int32(len(v)))
	for _, a := range v {
		b = b.i32(a.perms).str(a.scheme).str(a.id)
	}
	return b
}

type acl struct {
	perms      int32
	scheme, id string
}

func open() []acl { return []acl{{31, "world", "anyone"}} }

// view reads an answer; running over its end is remembered.
type view struct {
	b   []byte
	bad bool
}

func (v *view) take(n int) []byte {
	if n < 0 || n > len(v.b) {
		v.bad = true
		return make([]byte, max(0, min(n, 16)))
	}
	p := v.b[:n]
	v.b = v.b[n:]
	return p
}
func (v *view) i32() int32 { return int32(binary.BigEndian.Uint32(v.take(4))) }
func (v *view) i64() int64 { return int64(binary.BigEndian.Uint64(v.take(8))) }
func (v *view) str() string {
	n := v.i32()
	if n == -1 {
		return "null"
	}
	return fmt.Sprintf("%q", v.take(int(n)))
}

// raw is a connection of the protocol without any of a client library's own ideas.
type raw struct {
	name     string
	conn     net.Conn
	session  int64
	password []byte
	timeout  int32
	seen     int64 // last zxid
	xid      int32
}

const ioTimeout = 20 * time.Second

func dialRaw(addr string) (*raw, error) {
	c, err := net.DialTimeout("tcp", addr, ioTimeout)
	if err != nil {
		return nil, err
	}
	return &raw{conn: c}, nil
}

func (r *raw) send(body []byte) error {
	r.conn.SetDeadline(time.Now().Add(ioTimeout))
	_, err := r.conn.Write(append(buf(nil).i32(int32(len(body))), body...))
	return err
}

func (r *raw) frame() (*view, error) {
	r.conn.SetDeadline(time.Now().Add(ioTimeout))
	var length [4]byte
	if _, err := io.ReadFull(r.conn, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > 64<<20 {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r.conn, b)
	return &view{b: b}, err
}

// connect sends the connect request; session 0 asks for a new one.
func (r *raw) connect(timeoutMs int32, session int64, password []byte, seen int64, readOnlyFlag bool) error {
	b := buf(nil).i32(0).i64(seen).i32(timeoutMs).i64(session).bytes(password)
	if readOnlyFlag {
		b = b.bool(false)
	}
	if err := r.send(b); err != nil {
		return err
	}
	v, err := r.frame()
	if err != nil {
		return err
	}
	v.i32()
	r.timeout = v.i32()
	r.session = v.i64()
	r.password = append([]byte(nil), v.take(int(v.i32()))...)
	if flag := len(v.b) > 0; flag != readOnlyFlag {
		return fmt.Errorf("read-only flag in the answer: %v", flag)
	}
	return nil
}

// names turns what differs from run to run into what does not: sessions into the names of their
// connections, zxids into distances from the begin of the script, times into whether they are set.
type names struct {
	base     int64
	sessions map[int64]string
	// sortChildren is set where the order of children is left to the server.
	sortChildren bool
}

func (n *names) zxid(z int64) string {
	if z <= 0 {
		return fmt.Sprint(z)
	}
	return fmt.Sprintf("+%d", z-n.base)
}

func (n *names) stat(v *view) string {
	czxid, mzxid, ctime, mtime := v.i64(), v.i64(), v.i64(), v.i64()
	version, cversion, aversion, owner := v.i32(), v.i32(), v.i32(), v.i64()
	length, children, pzxid := v.i32(), v.i32(), v.i64()
	times := "times=set"
	switch {
	case mtime < ctime:
		times = "mtime<ctime"
	case ctime == 0 && mtime == 0:
		times = "times=0"
	case ctime == 0:
		times = "ctime=0"
	}
	who := n.sessions[owner]
	if owner == 0 {
		who = "-"
	}
	return fmt.Sprintf("{czxid=%s mzxid=%s pzxid=%s %s version=%d cversion=%d aversion=%d owner=%s length=%d children=%d}",
		n.zxid(czxid), n.zxid(mzxid), n.zxid(pzxid), times, version, cversion, aversion, who, length, children)
}

func (n *names) children(v *view) string {
	count := v.i32()
	var list []string
	for range count {
		list = append(list, v.str())
	}
	if n.sortChildren {
		slices.Sort(list)
	}
	return "[" + strings.Join(list, " ") + "]"
}

func (n *names) acl(v *view) string {
	var list []string
	for range v.i32() {
		list = append(list, fmt.Sprintf("%d:%s:%s", v.i32(), v.str(), v.str()))
	}
	return "[" + strings.Join(list, " ") + "]"
}

// body describes what follows the header of an answer to op.
func (n *names) body(op int, v *view) string {
	var parts []string
	add := func(s string) { parts = append(parts, s) }
	switch op {
	case opCreate, opSync:
		add(v.str())
	case opCreate2:
		add(v.str())
		add(n.stat(v))
	case opExists, opSetData, opSetACL:
		add(n.stat(v))
	case opGetData:
		add(v.str())
		add(n.stat(v))
	case opGetACL:
		add(n.acl(v))
		add(n.stat(v))
	case opGetChildren:
		add(n.children(v))
	case opGetChildren2:
		add(n.children(v))
		add(n.stat(v))
	case opMulti:
		for !v.bad {
			typ, done, code := v.i32(), v.take(1)[0], v.i32()
			add(fmt.Sprintf("(%d %d %d", typ, done, code))
			switch {
			case done != 0:
				add(")")
			case typ == opError:
				add(fmt.Sprintf("error %d)", v.i32()))
			case typ == opCreate, typ == opSetData, typ == opCreate2:
				add(n.body(int(typ), v) + ")")
			default:
				add(")")
			}
			if done != 0 {
				break
			}
		}
	case opSasl:
		add(v.str())
	}
	if v.bad {
		add("TOO SHORT")
	}
	return strings.Join(parts, " ")
}

// fourLetters returns the answer to a four-letter word, or what went wrong.
func fourLetters(addr, word string, limit time.Duration) string {
	c, err := net.DialTimeout("tcp", addr, limit)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(limit))
	if _, err := io.WriteString(c, word); err != nil {
		return err.Error()
	}
	b, err := io.ReadAll(c)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

package zkserver

import (
	"encoding/binary"
	"errors"

	"momus/internal/wire"
)

// errMarshalling is what every malformed record decodes to; the client is answered
// MARSHALLINGERROR.
var errMarshalling = errors.New("malformed jute record")

// vectorSlack is what a single field may exceed the bound of a whole request by: ZooKeeper's
// BinaryInputArchive has it.
const vectorSlack = 1024

// decoder reads jute, ZooKeeper's serialisation: big-endian numbers, length-prefixed strings and
// buffers, -1 for null. The first malformed field makes every later read return zeros; Err says so
// once at the end. Lengths are checked against what is left of the input before anything is
// allocated.
type decoder struct {
	wire.Reader
	max int
}

func decoderOf(b []byte) *decoder { return &decoder{Reader: wire.Reader{Rest: b}} }

func (d *decoder) bool() bool {
	p := d.Take(1)
	return p != nil && p[0] != 0
}

// bytes returns a buffer that aliases the input, or nil for null; an empty buffer is not nil.
func (d *decoder) bytes() []byte {
	n := d.Int32()
	if d.Err != nil || n == -1 {
		return nil
	}
	// Within the frame anyway; the bound is there for its error code.
	if n < 0 || (d.max > 0 && int(n) > d.max+vectorSlack) {
		d.Err = errMarshalling
		return nil
	}
	p := d.Take(int(n))
	if p == nil && d.Err == nil {
		return []byte{}
	}
	return p
}

// string returns a string and whether it was not null.
func (d *decoder) string() (string, bool) {
	p := d.bytes()
	return string(p), p != nil
}

// vector reads a vector with a function that reads an element; ok is false when the vector is null,
// or the function says so of an element.
func (d *decoder) vector(element func() bool) (ok bool) {
	n := d.Int32()
	if d.Err != nil || n == -1 {
		return false
	}
	ok = true
	// A false count ends with the input.
	for i := int32(0); i < n && d.Err == nil; i++ {
		good := element()
		ok = ok && good
	}
	return ok
}

// strings returns a vector of strings; ok is false when it or one of its elements is null.
func (d *decoder) strings() (v []string, ok bool) {
	ok = d.vector(func() bool {
		s, notNull := d.string()
		v = append(v, s)
		return notNull
	})
	return v, ok
}

// acl returns a vector of ACLs; ok is false when it or one of its strings is null, but for the id
// of the scheme auth, which kazoo sends as null: ZooKeeper 3.4 does not look at it.
func (d *decoder) acl() (v []ACL, ok bool) {
	ok = d.vector(func() bool {
		var a ACL
		var scheme, id bool
		a.Perms = d.Int32()
		a.ID.Scheme, scheme = d.string()
		a.ID.ID, id = d.string()
		v = append(v, a)
		return scheme && (id || a.ID.Scheme == "auth")
	})
	return v, ok
}

// encoder appends jute to b.
type encoder struct{ b []byte }

func (e *encoder) int32(v int32) { e.b = binary.BigEndian.AppendUint32(e.b, uint32(v)) }
func (e *encoder) int64(v int64) { e.b = binary.BigEndian.AppendUint64(e.b, uint64(v)) }

func (e *encoder) bool(v bool) {
	if v {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

// bytes appends a buffer; nil is null.
func (e *encoder) bytes(v []byte) {
	if v == nil {
		e.int32(-1)
		return
	}
	e.int32(int32(len(v)))
	e.b = append(e.b, v...)
}

func (e *encoder) string(v string) {
	e.int32(int32(len(v)))
	e.b = append(e.b, v...)
}

func (e *encoder) strings(v []string) {
	e.int32(int32(len(v)))
	for _, s := range v {
		e.string(s)
	}
}

func (e *encoder) acl(v []ACL) {
	e.int32(int32(len(v)))
	for _, a := range v {
		e.int32(a.Perms)
		e.string(a.ID.Scheme)
		e.string(a.ID.ID)
	}
}

// stat writes a Stat: 68 bytes, in ZooKeeper's order.
func (e *encoder) stat(s *Stat) {
	e.int64(s.Czxid)
	e.int64(s.Mzxid)
	e.int64(s.Ctime)
	e.int64(s.Mtime)
	e.int32(s.Version)
	e.int32(s.Cversion)
	e.int32(s.Aversion)
	e.int64(s.EphemeralOwner)
	e.int32(s.DataLength)
	e.int32(s.NumChildren)
	e.int64(s.Pzxid)
}

// newFrame starts a frame whose length endFrame fills in.
func newFrame(size int) encoder { return encoder{b: make([]byte, 4, 4+size)} }

func (e *encoder) endFrame() []byte {
	binary.BigEndian.PutUint32(e.b, uint32(len(e.b)-4))
	return e.b
}

// replyHeader appends ZooKeeper's ReplyHeader.
func (e *encoder) replyHeader(xid int32, zxid int64, code Code) {
	e.int32(xid)
	e.int64(zxid)
	e.int32(int32(code))
}

package zk

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// tape is a connection that keeps what is written and gives what was put into it, byte by byte.
type tape struct {
	net.Conn
	written, answers bytes.Buffer
}

func (c *tape) Write(p []byte) (int, error) { return c.written.Write(p) }
func (c *tape) Read(p []byte) (int, error)  { return c.answers.Read(p[:1]) }

// packet is a request or an answer: its length and what is in it, int32s and int64s.
func packet(fields ...any) []byte {
	var b bytes.Buffer
	for _, f := range fields {
		binary.Write(&b, binary.BigEndian, f)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(b.Len())), b.Bytes()...)
}

// connection is one connection of the library: it has seen a zxid, and then asks for its watches as
// of a later one. The result is what the server is told.
func connection(t *testing.T, r *rearming, seen, asked int64, answers ...int32) (told int64) {
	t.Helper()
	c := &tape{}
	conn := &rearmConn{Conn: c, r: r}
	send := func(p []byte) {
		want := bytes.Clone(p)
		if _, err := conn.Write(p); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p, want) {
			t.Error("what the library writes was changed in its buffer")
		}
	}
	send(packet(int32(0), seen, int32(18000), int64(7), int32(0)))
	send(packet(int32(1), int32(4), int32(1))) // a read, whose answer has a later zxid
	at := c.written.Len()
	send(packet(int32(2), int32(opSetWatches), asked, int32(0), int32(0), int32(0)))
	told = int64(binary.BigEndian.Uint64(c.written.Bytes()[at+12:]))
	c.answers.Write(packet(int32(0), int32(18000), int64(7), int32(0))) // the answer to the connect request
	for _, xid := range answers {
		c.answers.Write(packet(xid, asked, int32(0), int32(9), int64(9)))
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	return told
}

// Watches are set anew as of what the client had seen before the first connection on which that did
// not succeed, whatever it has seen since.
func TestWatchesAreSetAsOfBeforeTheConnection(t *testing.T) {
	const read, watches = 1, 2
	var r rearming
	connection(t, &r, 0, 90, read) // a new session, which has no watches to set
	for i, x := range []struct {
		seen, asked int64
		answers     []int32
		told        int64
	}{
		{100, 110, []int32{read, watches, xidPing}, 100},
		{120, 120, []int32{read, watches, xidPing}, 120},
		{130, 135, []int32{read}, 130},                   // lost before the watches were set
		{135, 140, []int32{read, xidPing}, 130},          // and again: a ping alone proves nothing
		{140, 141, []int32{read, watches}, 130},          // there may be more of them to come
		{141, 150, []int32{read, watches, xidPing}, 130}, // now they are set
		{160, 170, []int32{watches, xidPing, read}, 160},
		{0, 180, nil, 0}, // another session
	} {
		if told := connection(t, &r, x.seen, x.asked, x.answers...); told != x.told {
			t.Errorf("connection %d: the server is told %d, want %d", i+1, told, x.told)
		}
	}
}

package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// firstGrant is how much of an announced frame is allocated before its bytes arrive, unless the
// connection has sent frames as large before: a length prefix alone costs its sender nothing and
// must not cost us much.
const firstGrant = 64 << 10

// strangerGrant is firstGrant before the client is authenticated: there may be many of these, and
// their frames are small.
const strangerGrant = 4 << 10

// strangerFrame is what a frame of a stranger may take without asking: whoever holds the memory of
// strangers must not keep others from logging in. The lobby bounds how many there are.
const strangerFrame = 16 << 10

// errFrameSize is wrapped when a length prefix is out of bounds.
var errFrameSize = errors.New("invalid request size")

// frameReader cuts frames out of a connection. No memory is held while nothing has arrived.
type frameReader struct {
	carry      *buffer // bytes read behind the last frame: carry.b[from:to]
	from, to   int
	expect     int // size of the next frame as far as earlier ones tell
	readBuf    []byte
	readBuffer *buffer
	readN      int
	readErr    error
	readFn     func(fd uintptr) bool
}

// readFrame waits for the next frame. The result's storage holds the length field and the n bytes
// of the frame behind it; the caller owns it and gives it back with freeFrame.
func (c *Conn) readFrame() (buf *buffer, n int, err error) {
	r := &c.reader
	r.expect = max(r.expect, minPooled)
	got := 0
	if have := r.to - r.from; have > 0 {
		want := have
		if have >= 4 {
			n, err := c.frameSize(r.carry.b[r.from:])
			if err != nil {
				return nil, 0, err
			}
			// Bytes behind the frame stay where they are, for the next call.
			want = min(4+n, have)
		}
		if buf, err = c.newFrame(max(want, min(r.expect, firstGrant)), 0); err != nil {
			return nil, 0, err
		}
		got = copy(buf.b, r.carry.b[r.from:r.from+want])
		r.from += got
		if r.from == r.to {
			c.srv.pool.put(r.carry)
			r.carry, r.from, r.to = nil, 0, 0
		}
	} else {
		if buf, got, err = c.readFirst(r.expect); err != nil {
			return nil, 0, err
		}
	}
	// From the first byte on the connection holds memory, and may be closed when others wait for
	// it.
	c.touch()
	c.frameBegan.Store(c.lastActive.Load())
	c.receiving.Store(true)
	defer func() {
		c.receiving.Store(false)
		if err != nil && buf != nil {
			c.freeFrame(buf)
			buf = nil
		}
	}()
	for got < 4 {
		m, err := c.readSome(buf.b[got:min(len(buf.b), max(r.expect, 4))])
		if err != nil {
			return buf, 0, eof(err)
		}
		got += m
	}
	if n, err = c.frameSize(buf.b); err != nil {
		return buf, 0, err
	}
	total := 4 + n
	if got > total {
		// The client has sent its next request behind this one, in the same read.
		if err := c.keep(buf.b[total:got]); err != nil {
			return buf, 0, err
		}
		got = total
	}
	grant := firstGrant
	if c.stranger.Load() {
		grant = strangerGrant
	}
	for got < total {
		// The buffer doubles as bytes arrive: who announces 100 MB and sends 1 KB has cost little.
		if got == len(buf.b) || (len(buf.b) < total && got < grant) {
			grown, err := c.newFrame(min(total, max(grant, 2*got, min(r.expect, maxPooled))), buf.charged)
			if err != nil {
				return buf, 0, err
			}
			if len(grown.b) > len(buf.b) {
				copy(grown.b, buf.b[:got])
				c.freeFrame(buf)
				buf = grown
			} else {
				c.freeFrame(grown)
			}
		}
		m, err := c.readSome(buf.b[got:min(total, len(buf.b))])
		if err != nil {
			return buf, 0, eof(err)
		}
		got += m
		c.touch()
	}
	if total >= r.expect {
		r.expect = total
	} else {
		// One small request among large ones must not make the next large one be copied; many small
		// ones make the buffer shrink.
		r.expect -= (r.expect - total + 7) / 8
	}
	return buf, n, nil
}

// frameSize checks a length prefix.
func (c *Conn) frameSize(b []byte) (int, error) {
	n := int32(binary.BigEndian.Uint32(b))
	limit := c.srv.o.Limits().MaxRequestBytes
	if c.stranger.Load() {
		// Before the login, as in Kafka's SaslServerAuthenticator.
		limit = maxStrangerFrame
	}
	if n < 0 || n > limit {
		return 0, fmt.Errorf("%w: %d, limit is %d", errFrameSize, n, limit)
	}
	return int(n), nil
}

// keep saves bytes that belong to later frames. There are none saved when it is called.
func (c *Conn) keep(b []byte) error {
	r := &c.reader
	if r.carry != nil {
		return errors.New("bytes behind a frame while some are kept")
	}
	r.carry = c.srv.pool.get(len(b))
	r.from, r.to = 0, copy(r.carry.b, b)
	return nil
}

// newFrame gets a buffer that counts against the budget, waiting for room. The connection already
// has held bytes of this frame.
func (c *Conn) newFrame(n int, held int64) (*buffer, error) {
	b := c.srv.pool.get(n)
	b.charged, b.stranger = int64(len(b.b)), c.stranger.Load()
	budget := c.budget(b)
	if b.stranger && b.charged <= strangerFrame {
		budget.used.Add(b.charged)
		return b, nil
	}
	if budget.tryCharge(b.charged, held) {
		return b, nil
	}
	c.starved.Store(true)
	defer c.starved.Store(false)
	if !budget.charge(b.charged, held, c.srv.o.Now(), c.done) {
		// The buffer was not charged, and freeFrame must not give back what was not taken.
		b.charged = 0
		c.srv.pool.put(b)
		return nil, errClosed
	}
	return b, nil
}

// freeFrame gives a buffer of newFrame back.
func (c *Conn) freeFrame(b *buffer) {
	n := b.charged
	b.charged = 0
	budget := c.budget(b)
	c.srv.pool.put(b)
	budget.release(n)
}

// budget is what a buffer counts against.
func (c *Conn) budget(b *buffer) *budget {
	if b.stranger {
		return &c.srv.strangers
	}
	return &c.srv.memory
}

// dropReader frees what the reader keeps.
func (c *Conn) dropReader() {
	if c.reader.carry != nil {
		c.srv.pool.put(c.reader.carry)
		c.reader.carry = nil
	}
}

// eof makes the end of a stream inside of a frame an error that says so.
func eof(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

//go:build unix

package network

import (
	"io"
	"net"
	"os"
	"syscall"
)

// smallRead is how much is read at least, so that a small frame that is somewhat larger than the
// last ones comes in one call.
const smallRead = 4 << 10

// readFirst waits for the first bytes of a frame, without holding memory while it waits, and reads
// at most want of them.
func (c *Conn) readFirst(want int) (*buffer, int, error) {
	if c.raw == nil {
		return c.readFirstPlain(want)
	}
	r := &c.reader
	if r.readFn == nil {
		r.readFn = c.readOnce
	}
	r.readBuffer, r.readBuf = nil, nil
	r.readN = min(max(want, smallRead), maxPooled)
	if c.srv.memory.used.Load() >= c.srv.memory.limit() || c.stranger.Load() {
		// With memory short, and for strangers, no more is read than what is needed to see what is
		// coming.
		r.readN = minPooled
	}
	if err := c.raw.Read(r.readFn); err != nil {
		return nil, 0, err
	}
	buf, n, err := r.readBuffer, r.readN, r.readErr
	r.readBuffer, r.readErr = nil, nil
	if err != nil {
		return nil, 0, err
	}
	return buf, n, nil
}

// readOnce tries one read; false when nothing has arrived yet. It never blocks.
func (c *Conn) readOnce(fd uintptr) bool {
	r := &c.reader
	if r.readBuffer == nil {
		r.readBuffer = c.srv.pool.get(r.readN)
	}
	for {
		n, err := readSocket(fd, r.readBuffer.b[:r.readN])
		if err == syscall.EINTR {
			continue
		}
		if err == syscall.EAGAIN {
			c.srv.pool.put(r.readBuffer)
			r.readBuffer = nil
			return false
		}
		if err == nil && n > 0 {
			b := r.readBuffer
			if n <= minPooled && len(b.b) > minPooled { // it is kept while the request waits
				small := c.srv.pool.get(minPooled)
				copy(small.b, b.b[:n])
				c.srv.pool.put(b)
				b, r.readBuffer = small, small
			}
			b.charged, b.stranger = int64(len(b.b)), c.stranger.Load()
			// Without asking: the bytes are here already, and there are few of them.
			c.budget(b).used.Add(b.charged)
			r.readN = n
			return true
		}
		c.srv.pool.put(r.readBuffer)
		r.readBuffer = nil
		if err == nil {
			err = io.EOF
		} else {
			err = os.NewSyscallError("read", err)
		}
		r.readErr = err
		return true
	}
}

// waitReadable waits until a connection has something to read, or has ended, without holding
// anything while it waits.
func waitReadable(conn net.Conn) error {
	return readRaw(conn, readable)
}

// readable reports whether a socket has something to read, or has ended.
func readable(fd uintptr) bool {
	var one [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}

// readRaw calls ready whenever a socket may have become readable, until it is content. A connection
// that is no socket of the system, as in tests, is taken for ready.
func readRaw(conn net.Conn, ready func(fd uintptr) bool) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(ready)
}

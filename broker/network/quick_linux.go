package network

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Quick wraps a TCP connection that this broker has opened so that its reads and writes do not tell
// the scheduler that a thread might block, as those of accepted connections do not: they never do.
// Other connections are returned as they are. One goroutine may read and one may write at a time.
func Quick(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn
	}
	q := &quickConn{TCPConn: tcp, raw: raw}
	q.in.fn, q.out.fn = q.read, q.write
	return q
}

// quickConn keeps what a call needs, so that none allocates.
type quickConn struct {
	*net.TCPConn
	raw     syscall.RawConn
	in, out transfer
	one     [1][]byte
	vectors vectors
}

// transfer is a read or a write: n bytes of p are done. fn goes on with it, and is false when the
// socket has nothing to give or no room.
type transfer struct {
	p   []byte
	n   int
	err error
	fn  func(fd uintptr) bool
}

// run moves p; call has fn called when the socket is ready.
func (s *transfer) run(p []byte, call func(fn func(fd uintptr) bool) error) (n int, err error) {
	s.p, s.n, s.err = p, 0, nil
	err = call(s.fn)
	s.p = nil
	if err == nil {
		err = s.err
	}
	return s.n, err
}

// Read implements net.Conn.
func (c *quickConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.in.run(p, c.raw.Read)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func (c *quickConn) read(fd uintptr) bool {
	s := &c.in
	for {
		n, err := readSocket(fd, s.p)
		switch err {
		case nil:
			s.n = n
		case syscall.EINTR:
			continue
		// The poller calls again when there is something; the goroutine sleeps until then.
		case syscall.EAGAIN:
			return false
		default:
			s.err = os.NewSyscallError("read", err)
		}
		return true
	}
}

// Write implements net.Conn.
func (c *quickConn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.out.run(p, c.raw.Write)
	c.one[0] = nil
	return n, err
}

func (c *quickConn) write(fd uintptr) bool {
	s := &c.out
	for s.n < len(s.p) {
		c.one[0] = s.p[s.n:]
		n, err := writeSocket(fd, &c.vectors, c.one[:], false)
		switch err {
		case nil:
			s.n += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			s.err = os.NewSyscallError("write", err)
			return true
		}
	}
	return true
}

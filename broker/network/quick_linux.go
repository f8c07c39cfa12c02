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
	raw syscall.RawConn
	in  struct {
		p   []byte
		n   int
		err error
		fn  func(fd uintptr) bool
	}
	out struct {
		p       []byte
		n       int
		err     error
		fn      func(fd uintptr) bool
		one     [1][]byte
		vectors vectors
	}
}

// Read implements net.Conn.
func (c *quickConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s := &c.in
	s.p, s.n, s.err = p, 0, nil
	err := c.raw.Read(s.fn)
	s.p = nil
	if err != nil {
		return 0, err
	}
	if s.n == 0 && s.err == nil {
		return 0, io.EOF
	}
	return s.n, s.err
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
	s := &c.out
	s.p, s.n, s.err = p, 0, nil
	err := c.raw.Write(s.fn)
	s.p, s.one[0] = nil, nil
	if err == nil {
		err = s.err
	}
	return s.n, err
}

func (c *quickConn) write(fd uintptr) bool {
	s := &c.out
	for s.n < len(s.p) {
		s.one[0] = s.p[s.n:]
		n, err := writeSocket(fd, &s.vectors, s.one[:], false)
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

//go:build linux

package network

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
)

// maxSendfile is the most that is asked of one sendfile call: what Linux does at most.
const maxSendfile = 0x7ffff000

// msgMore is MSG_MORE of Linux.
const msgMore = 0x8000

// sendState is the state of a sendfile or send that may be cut into several calls.
type sendState struct {
	fd     int   // file to send
	offset int64 // next byte of it
	left   int64
	bytes  []byte // bytes to send with MSG_MORE
	err    error
	fileFn func(uintptr) bool
	moreFn func(uintptr) bool
}

func (c *Conn) canSendFiles() bool { return c.raw != nil }

// sendFile sends n bytes of f from pos on, from the page cache to the socket.
func (c *Conn) sendFile(f *os.File, pos, n int64) error {
	s := &c.writer.send
	if s.fileFn == nil {
		s.fileFn = s.sendfile
	}
	s.fd, s.offset, s.left, s.err = int(f.Fd()), pos, n, nil
	err := c.raw.Write(s.fileFn)
	runtime.KeepAlive(f)
	if err == nil {
		err = s.err
	}
	if err != nil {
		return fmt.Errorf("send %d bytes of %s at %d: %w", n, f.Name(), pos, err)
	}
	return nil
}

// sendfile sends until all is sent; false when the socket is full.
func (s *sendState) sendfile(fd uintptr) bool {
	for s.left > 0 {
		n, err := syscall.Sendfile(int(fd), s.fd, &s.offset, int(min(s.left, maxSendfile)))
		if n > 0 {
			s.left -= int64(n)
		}
		switch {
		case err == syscall.EAGAIN:
			return false
		case err == syscall.EINTR:
		case err != nil:
			s.err = os.NewSyscallError("sendfile", err)
			return true
		case n == 0: // the file is shorter than the range
			s.err = io.ErrUnexpectedEOF
			return true
		}
	}
	return true
}

// writeOne writes b. When more follows at once, the kernel is told to wait for it, so that the header of an answer does not go
// out in a packet of its own.
func (c *Conn) writeOne(b []byte, more bool) error {
	if !more || c.raw == nil {
		_, err := c.nc.Write(b)
		return err
	}
	s := &c.writer.send
	if s.moreFn == nil {
		s.moreFn = s.sendMore
	}
	s.bytes, s.err = b, nil
	err := c.raw.Write(s.moreFn)
	s.bytes = nil
	if err == nil {
		err = s.err
	}
	return err
}

func (s *sendState) sendMore(fd uintptr) bool {
	for len(s.bytes) > 0 {
		n, err := syscall.SendmsgN(int(fd), s.bytes, nil, nil, msgMore|syscall.MSG_NOSIGNAL)
		switch {
		case err == syscall.EAGAIN:
			return false
		case err == syscall.EINTR:
		case err != nil:
			s.err = os.NewSyscallError("sendmsg", err)
			return true
		default:
			s.bytes = s.bytes[n:]
		}
	}
	return true
}

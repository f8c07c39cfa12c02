//go:build linux

package network

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
)

// sendState is the state of a sendfile or a send that may be cut into several calls.
type sendState struct {
	fd     int   // file to send
	offset int64 // next byte of it
	left   int64
	err    error
	fileFn func(uintptr) bool
	probe

	segments   [][]byte // bytes to send
	more       bool
	vectors    vectors
	segmentsFn func(uintptr) bool
}

// canSendFiles reports whether the kernel may copy from file to socket; TLS has to see the bytes.
func (c *Conn) canSendFiles() bool { return c.raw != nil }

// sendFile sends n bytes of f from pos on, from the page cache to the socket.
func (c *Conn) sendFile(f *os.File, pos, n int64) error {
	s := &c.writer.send
	if s.fileFn == nil {
		s.fileFn = s.sendfile
	}
	s.fd, s.offset, s.left, s.err = int(f.Fd()), pos, n, nil
	s.cachedTo = 0
	err := c.raw.Write(s.fileFn)
	// The number of the file must not be closed, and used for another, while the kernel sends.
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
		n, err := s.sendOnce(fd)
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

// writeSegments writes slices of memory, in one call where the socket has room. When more follows
// at once, the kernel is told to wait for it, so that the header of an answer does not go out in a
// packet of its own. It changes segments.
func (c *Conn) writeSegments(segments [][]byte, more bool) error {
	if c.raw == nil {
		return c.writeBuffers(segments)
	}
	s := &c.writer.send
	if s.segmentsFn == nil {
		s.segmentsFn = s.sendSegments
	}
	s.segments, s.more, s.err = segments, more, nil
	err := c.raw.Write(s.segmentsFn)
	s.segments = nil
	if err == nil {
		err = s.err
	}
	return err
}

// sendSegments sends until all is sent; false when the socket is full.
func (s *sendState) sendSegments(fd uintptr) bool {
	for {
		for len(s.segments) > 0 && len(s.segments[0]) == 0 {
			s.segments = s.segments[1:]
		}
		if len(s.segments) == 0 {
			return true
		}
		n, err := writeSocket(fd, &s.vectors, s.segments, s.more)
		switch {
		case err == syscall.EAGAIN:
			return false
		case err == syscall.EINTR:
		case err != nil:
			s.err = os.NewSyscallError("send", err)
			return true
		}
		for n > 0 {
			k := min(n, len(s.segments[0]))
			if s.segments[0] = s.segments[0][k:]; len(s.segments[0]) == 0 {
				s.segments = s.segments[1:]
			}
			n -= k
		}
	}
}

//go:build linux && (amd64 || arm64) && !race

package network

import (
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The sockets never block, so their reads and writes need not tell the scheduler that a thread
// might. That saves waking the runtime's monitor thread for each request of a quiet broker, which
// costs more than the request.

// maxVectors is the kernel's limit of buffers in one call (IOV_MAX).
const maxVectors = 1024

// msgMore is MSG_MORE of Linux.
const msgMore = 0x8000

// readSocket is one read from a socket that does not block.
func readSocket(fd uintptr, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, io.ErrShortBuffer
	}
	n, _, e := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// writeSocket is one write of a slice, or of several, to a socket that does not block; more says
// that the answer goes on.
func writeSocket(fd uintptr, v *vectors, segments [][]byte, more bool) (int, error) {
	// A connection that the peer has closed must be an error, not a signal.
	flags := uintptr(syscall.MSG_NOSIGNAL)
	if more {
		flags |= msgMore
	}
	if len(segments) == 1 {
		b := segments[0]
		n, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
		if e != 0 {
			return 0, e
		}
		return int(n), nil
	}
	v.iov = v.iov[:0]
	for _, b := range segments[:min(len(segments), maxVectors)] {
		if len(b) > 0 {
			v.iov = append(v.iov, syscall.Iovec{Base: &b[0], Len: uint64(len(b))})
		}
	}
	v.msg = syscall.Msghdr{Iov: unsafe.SliceData(v.iov), Iovlen: uint64(len(v.iov))}
	n, _, e := syscall.RawSyscall(syscall.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&v.msg)), flags)
	v.msg.Iov = nil
	clear(v.iov)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// sendChunk is how much of a file is sent by one call, and how far its page cache is probed.
const sendChunk = 1 << 20

// sendOnce is one sendfile to a socket that does not block. It blocks only for the file, so the
// scheduler is told when the file's pages are not all in memory, as far as a look at the last one
// tells: they are read and dropped in long runs.
func (s *sendState) sendOnce(fd uintptr) (int, error) {
	count := int(min(s.left, sendChunk))
	if !s.cached(s.offset + int64(count) - 1) {
		return syscall.Sendfile(int(fd), s.fd, &s.offset, count)
	}
	n, _, e := syscall.RawSyscall6(syscall.SYS_SENDFILE, fd, uintptr(s.fd), uintptr(unsafe.Pointer(&s.offset)), uintptr(count), 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// cached tells whether the byte at offset can be read without the disk.
func (s *sendState) cached(offset int64) bool {
	if s.cachedTo > offset {
		return true
	}
	s.iov.Base, s.iov.Len = &s.one[0], 1
	n, _, _ := syscall.RawSyscall6(unix.SYS_PREADV2, uintptr(s.fd), uintptr(unsafe.Pointer(&s.iov)), 1, uintptr(offset), 0, unix.RWF_NOWAIT)
	if n != 1 {
		return false
	}
	s.cachedTo = offset + 1
	return true
}

// probe is the storage of a look at the page cache. It is part of a Conn, as vectors are.
type probe struct {
	cachedTo int64 // bytes of the file before it are in memory
	iov      syscall.Iovec
	one      [1]byte
}

// vectors is the storage of a gathering write. It is part of a Conn, so that the kernel is never
// given the address of a stack.
type vectors struct {
	iov []syscall.Iovec
	msg syscall.Msghdr
}

//go:build linux && (amd64 || arm64) && !race

package network

import (
	"io"
	"syscall"
	"unsafe"
)

// The sockets never block, so their reads and writes need not tell the scheduler that a thread might. That saves waking the
// runtime's monitor thread for each request of a quiet broker, which costs more than the request.

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

// writeSocket is one write of a slice, or of several, to a socket that does not block; more says that the answer goes on.
func writeSocket(fd uintptr, v *vectors, segments [][]byte, more bool) (int, error) {
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

// vectors is the storage of a gathering write. It is part of a Conn, so that the kernel is never given the address of a stack.
type vectors struct {
	iov []syscall.Iovec
	msg syscall.Msghdr
}

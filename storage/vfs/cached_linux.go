//go:build linux && (amd64 || arm64) && !race

package vfs

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Small reads come from the page cache and return within a microsecond. Telling the scheduler that a thread might block, as package os
// does, wakes the runtime's monitor thread when the process was idle, which costs several times as much. So they are made without
// telling it, and such that they fail rather than wait for the disk. Writes are not: file systems may hold them up for long.

// call is one system call on a file, pooled because a closure would be allocated.
type call struct {
	p   []byte
	off int64
	n   int
	err syscall.Errno

	iov  unix.Iovec
	read func(fd uintptr)
}

var calls = sync.Pool{New: func() any {
	c := &call{}
	c.read = c.pread
	return c
}}

func (c *call) pread(fd uintptr) {
	c.iov = unix.Iovec{Base: &c.p[0], Len: uint64(len(c.p))}
	n, _, err := syscall.RawSyscall6(unix.SYS_PREADV2, fd, uintptr(unsafe.Pointer(&c.iov)), 1, uintptr(c.off), 0, unix.RWF_NOWAIT)
	c.iov.Base = nil
	c.n, c.err = int(n), err
}

// do runs one call and tells how many bytes it read; 0 after an error.
func do(conn syscall.RawConn, p []byte, off int64) int {
	c := calls.Get().(*call)
	defer calls.Put(c)
	c.p, c.off, c.n, c.err = p, off, 0, 0
	err := conn.Control(c.read)
	c.p = nil
	if err != nil || c.err != 0 {
		return 0
	}
	return c.n
}

// connOf is what holds the file open during a call.
func connOf(f *os.File) syscall.RawConn {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	return conn
}

// readCached reads what it can from the page cache.
func (f osFile) readCached(p []byte, off int64) int {
	if f.conn == nil || len(p) == 0 || off < 0 {
		return 0
	}
	return do(f.conn, p, off)
}

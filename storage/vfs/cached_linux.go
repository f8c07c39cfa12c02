//go:build linux && (amd64 || arm64) && !race

package vfs

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Small reads come from the page cache and return within a microsecond. Telling the scheduler that
// a thread might block, as package os does, wakes the runtime's monitor thread when the process was
// idle, which costs several times as much. So they are made without telling it, and such that they
// fail rather than wait for the disk. Writes cannot be made so on all file systems, which may hold
// them up for long: see pace.

// call is one system call on a file, pooled because a closure would be allocated.
type call struct {
	p   []byte
	off int64
	n   int
	err syscall.Errno

	// iov is part of the pooled call, so that none is allocated for a read.
	iov unix.Iovec
	// read and write are the methods below, bound once: a method value made for each call would be
	// an allocation.
	read, write func(fd uintptr)
}

var calls = sync.Pool{New: func() any {
	c := &call{}
	c.read, c.write = c.pread, c.pwrite
	return c
}}

// pread reads what the page cache has. RWF_NOWAIT makes it EAGAIN rather than wait for the disk,
// which counts as nothing read: the caller then reads by the usual way.
func (c *call) pread(fd uintptr) {
	c.iov = unix.Iovec{Base: &c.p[0], Len: uint64(len(c.p))}
	n, _, err := syscall.RawSyscall6(unix.SYS_PREADV2, fd, uintptr(unsafe.Pointer(&c.iov)), 1, uintptr(c.off), 0, unix.RWF_NOWAIT)
	// The pool must not keep the caller's buffer alive.
	c.iov.Base = nil
	c.n, c.err = int(n), err
}

// pwrite writes without telling the scheduler; there is no RWF_NOWAIT for writes on all file
// systems.
func (c *call) pwrite(fd uintptr) {
	n, _, err := syscall.RawSyscall6(unix.SYS_PWRITE64, fd, uintptr(unsafe.Pointer(&c.p[0])), uintptr(len(c.p)), uintptr(c.off), 0, 0)
	c.n, c.err = int(n), err
}

// do runs one call and tells how many bytes it read or wrote; 0 after an error.
func do(conn syscall.RawConn, p []byte, off int64, write bool) int {
	c := calls.Get().(*call)
	defer calls.Put(c)
	c.p, c.off, c.n, c.err = p, off, 0, 0
	run := c.read
	if write {
		run = c.write
	}
	// Control keeps the file from being closed meanwhile, so that the number cannot be another
	// file's.
	err := conn.Control(run)
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
	return do(f.conn, p, off, false)
}

// writeQuick writes what it can without telling the scheduler.
func (f osFile) writeQuick(p []byte, off int64) int {
	if f.conn == nil || len(p) == 0 || off < 0 {
		return 0
	}
	return do(f.conn, p, off, true)
}

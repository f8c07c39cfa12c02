//go:build linux && (amd64 || arm64) && !race

package vfs

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Small reads and writes go to the page cache and return within a microsecond. Telling the scheduler that a thread might block, as
// package os does, wakes the runtime's monitor thread when the process was idle, which costs several times as much. So they are made
// without telling it: reads such that they fail rather than wait for the disk; writes, for which file systems do not offer that, one
// at a time in the process, and not for a while after one that took long. A stall of the disk so holds up one of the
// scheduler's processors once, as a page fault on mapped memory does.
const (
	maxCachedWrite = 64 << 10
	slowWrite      = 10 * time.Millisecond
	slowPause      = time.Minute
)

// direct is the state of such writes. It is the process's, as the scheduler is.
var direct struct {
	busy  atomic.Bool
	until atomic.Int64 // Unix nanoseconds; not before that
}

// call is one system call on a file, pooled because a closure would be allocated.
type call struct {
	p   []byte
	off int64
	n   int
	err syscall.Errno

	iov         unix.Iovec
	read, write func(fd uintptr)
}

var calls = sync.Pool{New: func() any {
	c := &call{}
	c.read, c.write = c.pread, c.pwrite
	return c
}}

func (c *call) pread(fd uintptr) {
	c.iov = unix.Iovec{Base: &c.p[0], Len: uint64(len(c.p))}
	n, _, err := syscall.RawSyscall6(unix.SYS_PREADV2, fd, uintptr(unsafe.Pointer(&c.iov)), 1, uintptr(c.off), 0, unix.RWF_NOWAIT)
	c.iov.Base = nil
	c.n, c.err = int(n), err
}

func (c *call) pwrite(fd uintptr) {
	n, _, err := syscall.RawSyscall6(unix.SYS_PWRITE64, fd, uintptr(unsafe.Pointer(&c.p[0])), uintptr(len(c.p)), uintptr(c.off), 0, 0)
	c.n, c.err = int(n), err
}

// do runs one call and tells how many bytes it moved; 0 after an error.
func do(conn syscall.RawConn, p []byte, off int64, write bool) int {
	c := calls.Get().(*call)
	defer calls.Put(c)
	c.p, c.off, c.n, c.err = p, off, 0, 0
	fn := c.read
	if write {
		fn = c.write
	}
	err := conn.Control(fn)
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

// writeCached writes p, or a first part of it, or nothing: then the ordinary way must be taken.
func (f osFile) writeCached(p []byte, off int64) int {
	if f.conn == nil || len(p) == 0 || off < 0 || len(p) > maxCachedWrite || direct.busy.Load() || !direct.busy.CompareAndSwap(false, true) {
		return 0
	}
	defer direct.busy.Store(false)
	start := time.Now()
	if start.UnixNano() < direct.until.Load() {
		return 0
	}
	n := do(f.conn, p, off, true)
	if time.Since(start) > slowWrite {
		direct.until.Store(start.Add(slowPause).UnixNano())
	}
	return n
}

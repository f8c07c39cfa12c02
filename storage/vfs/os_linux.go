package vfs

import (
	"errors"
	"io"
	"math"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// lockFile takes an open file description lock: it conflicts with the POSIX locks of a Java broker
// like one of them, and unlike them also between two brokers in one process. Where the file system
// does not know it, a POSIX lock is taken.
func lockFile(f *os.File) error {
	err := lockRange(f, unix.F_OFD_SETLK)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		err = lockRange(f, unix.F_SETLK)
	}
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return ErrLocked
	}
	return err
}

// topOfHierarchies is FS_TOPDIR_FL of linux/fs.h, which package unix does not name.
const topOfHierarchies = 0x00020000

// scatter sets the flag if the file system has flags and the process may set them.
func scatter(dir string) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	flags, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS)
	if err != nil || flags&topOfHierarchies != 0 {
		return
	}
	// Not all file systems know the flag and only the owner may set it: without it, only making
	// files takes longer.
	_ = unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, flags|topOfHierarchies)
}

// maxVectors is the kernel's limit of buffers in one call (IOV_MAX).
const maxVectors = 1024

// gathers are reused, since each write of several buffers needs one, and each large write.
var gathers = sync.Pool{New: func() any { return new(gather) }}

// gather is a write of several buffers on its way.
type gather struct {
	all, left [][]byte // what is left is the end of all
	bytes     int      // left
	part      [][]byte // goes to the kernel next
}

// take makes a part of the next n bytes, or of what one call takes of them.
func (g *gather) take(n int) {
	size := 0
	g.part = g.part[:0]
	for _, b := range g.left[:min(len(g.left), maxVectors)] {
		b = b[:min(len(b), n-size)]
		g.part = append(g.part, b)
		if size += len(b); size == n {
			break
		}
	}
}

// drop forgets the first n bytes of what is left.
func (g *gather) drop(n int) {
	g.bytes -= n
	for len(g.left) > 0 && n >= len(g.left[0]) {
		n -= len(g.left[0])
		g.left = g.left[1:]
	}
	if n > 0 {
		g.left[0] = g.left[0][n:]
	}
}

// writeAt writes a buffer as slicing wants it.
func writeAt(f *os.File, s *slicing, p []byte, off int64) (int, error) {
	if len(p) < largeWrite {
		return f.WriteAt(p, off)
	}
	one := [...][]byte{p}
	n, err := writeBuffersAt(f, s, one[:], off)
	return int(n), err
}

// writeBuffersAt writes several buffers with as few calls of the system as slicing wants.
func writeBuffersAt(f *os.File, s *slicing, buffers [][]byte, off int64) (written int64, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	g := gathers.Get().(*gather)
	defer func() {
		// The buffers must not be kept alive.
		clear(g.all)
		clear(g.part[:cap(g.part)])
		gathers.Put(g)
	}()
	g.all, g.bytes = g.all[:0], 0
	for _, b := range buffers {
		if g.bytes += len(b); len(b) > 0 {
			g.all = append(g.all, b)
		}
	}
	g.left = g.all
	piece, size, measure := math.MaxInt, 0, false
	if g.bytes >= largeWrite {
		size, measure = s.choose()
		piece = pieceSizes[size]
	}
	var writeErr error
	err = raw.Control(func(fd uintptr) {
		if !measure {
			written, writeErr = g.write(int(fd), off, piece)
			return
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		before := threadTime()
		written, writeErr = g.write(int(fd), off, piece)
		s.note(size, written, threadTime()-before)
	})
	if err == nil {
		err = writeErr
	}
	if err != nil {
		return written, &os.PathError{Op: "pwritev", Path: f.Name(), Err: err}
	}
	return written, nil
}

// threadTime returns the CPU time of the calling thread, or 0.
func threadTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// write writes all that is left, with one call if it is no longer than a piece and else one for each
// piece, which ends at a multiple of its size in the file. It returns how much is written.
func (g *gather) write(fd int, off int64, piece int) (written int64, err error) {
	for g.bytes > 0 {
		at, n := off+written, g.bytes
		if n > piece {
			n = piece - int(at%int64(piece))
		}
		g.take(n)
		n, err = unix.Pwritev(fd, g.part, at)
		switch {
		case err == unix.EINTR:
			continue
		case err == nil && n == 0:
			err = io.ErrShortWrite
		}
		if err != nil {
			return written, err
		}
		// After a short write, as on a disk that has just become full, the kernel says why when it
		// is asked for the rest.
		written += int64(n)
		g.drop(n)
	}
	return written, nil
}

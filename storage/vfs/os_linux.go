package vfs

import (
	"errors"
	"io"
	"os"

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

// writeBuffersAt writes several buffers with one call of the system, as many at a time as it takes;
// a short write is io.ErrShortWrite.
func writeBuffersAt(f *os.File, buffers [][]byte, off int64) (int64, error) {
	if len(buffers) == 1 {
		n, err := f.WriteAt(buffers[0], off)
		return int64(n), err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var written int64
	for len(buffers) > 0 {
		part := buffers[:min(len(buffers), maxVectors)]
		var want, n int
		for _, b := range part {
			want += len(b)
		}
		var writeErr error
		err := raw.Control(func(fd uintptr) {
			for {
				n, writeErr = unix.Pwritev(int(fd), part, off+written)
				if writeErr != unix.EINTR {
					return
				}
			}
		})
		if err == nil {
			err = writeErr
		}
		if n > 0 {
			written += int64(n)
		}
		// The kernel wrote less than it was given without saying why, as on a disk that has just
		// become full. The caller learns how much is there, and that it is not all.
		if err == nil && n < want {
			err = io.ErrShortWrite
		}
		if err != nil {
			return written, &os.PathError{Op: "pwritev", Path: f.Name(), Err: err}
		}
		buffers = buffers[len(part):]
	}
	return written, nil
}

//go:build unix && !linux

package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes a POSIX record lock, which a Java broker sees. It is the process's: two brokers in
// one process do not see each other's.
func lockFile(f *os.File) error {
	err := lockRange(f, unix.F_SETLK)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return ErrLocked
	}
	return err
}

func writeAt(f *os.File, _ *slicing, p []byte, off int64) (int, error) { return f.WriteAt(p, off) }

func writeBuffersAt(f *os.File, _ *slicing, buffers [][]byte, off int64) (int64, error) {
	return writeEach(f, buffers, off)
}

// scatter does nothing: the attribute is one of Linux's ext4.
func scatter(string) {}

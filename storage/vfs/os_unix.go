//go:build unix

package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the file shared, so that the mapping and reads of the file see the same pages and
// nothing is copied.
func mapFile(f *os.File, size int64) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
}

// mapName needs half of the system calls that opening a file with package os needs.
func mapName(name string, size int64) ([]byte, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return unix.Mmap(fd, 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
}

func unmapFile(data []byte) error { return unix.Munmap(data) }

// lockRange takes a write lock over the whole file with the given fcntl command.
func lockRange(f *os.File, command int) error {
	// Start and length of 0 mean the whole file, as large as it may become: Java's lock is from 0
	// to 2^63-1.
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	return unix.FcntlFlock(f.Fd(), command, &lock)
}

// syncDir makes the entries of a directory durable: a file that was synced, but whose name was not,
// is gone after a power failure.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

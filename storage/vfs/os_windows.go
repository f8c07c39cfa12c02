package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// mapFile declines: a mapped file cannot be renamed or removed on Windows, so its content is read
// instead.
func mapFile(*os.File, int64) ([]byte, error) { return nil, errors.ErrUnsupported }

func mapName(string, int64) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapFile([]byte) error { return nil }

func lockFile(f *os.File) error {
	const all = ^uint32(0)
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, all, all, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}

// syncDir does nothing: Windows has no such call.
func syncDir(string) error { return nil }

func writeAt(f *os.File, _ *slicing, p []byte, off int64) (int, error) { return f.WriteAt(p, off) }

func writeBuffersAt(f *os.File, _ *slicing, buffers [][]byte, off int64) (int64, error) {
	return writeEach(f, buffers, off)
}

// scatter does nothing: the attribute is one of Linux's ext4.
func scatter(string) {}

package zkserver

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockDir takes a lock on the file at path, which the system lets go when the process ends.
func lockDir(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	if err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped)); err != nil {
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			err = errInUse
		}
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

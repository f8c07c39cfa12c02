//go:build !windows

package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// isRoot reports whether the process may give files away and become another user.
func isRoot() bool { return os.Geteuid() == 0 }

// handOver makes dir if it is missing and gives it and all in it to a user; it returns how many
// files that changed. Links in it are not followed; dir itself may be one, to a disk for example.
func handOver(dir string, uid, gid int) (changed int, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	// WalkDir would see the link alone.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return 0, err
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		// What has gone between the listing and the look is no fault.
		if errors.Is(err, fs.ErrNotExist) && path != dir {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) == uid {
			return nil
		}
		changed++
		return os.Lchown(path, uid, gid)
	})
	return changed, err
}

// readableBy reports whether a user may read a file; what is missing is somebody else's fault.
func readableBy(file string, uid, gid int) bool {
	// A user reads a file only through directories that let him pass, up to the root.
	for p := file; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err != nil {
			return errors.Is(err, fs.ErrNotExist)
		}
		s, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return true
		}
		need := fs.FileMode(0o4) // read
		if p != file {
			need = 0o1 // pass through a directory
		}
		switch {
		case int(s.Uid) == uid:
			need <<= 6
		case int(s.Gid) == gid:
			need <<= 3
		}
		if info.Mode().Perm()&need == 0 {
			return false
		}
		if p == filepath.Dir(p) {
			return true
		}
	}
}

// become changes this process's user for good.
func become(uid, gid int) error {
	// The groups first, which only root may set, and the user last, which ends being root. Go does
	// each on all threads of the process.
	if err := syscall.Setgroups([]int{gid}); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setgid(gid); err != nil {
		return fmt.Errorf("setgid: %w", err)
	}
	if err := syscall.Setuid(uid); err != nil {
		return fmt.Errorf("setuid: %w", err)
	}
	return nil
}

// replace makes this process the program at path.
func replace(path string, argv, environ []string) error {
	return &os.PathError{Op: "exec", Path: path, Err: syscall.Exec(path, argv, environ)}
}

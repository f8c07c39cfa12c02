//go:build linux || darwin

package doctor

import "syscall"

// fileSystem is the size of the file system of a directory, and what of it may still be used, in
// bytes.
func fileSystem(dir string) (total, usable int64, ok bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, false
	}
	return int64(s.Blocks) * int64(s.Bsize), int64(s.Bavail) * int64(s.Bsize), true
}

package vfs

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestScatter expects the flag wherever the file system lets it be set.
func TestScatter(t *testing.T) {
	dir := t.TempDir()
	OS{}.Scatter(dir)
	OS{}.Scatter(dir)
	f, err := os.Open(dir)
	must(t, err)
	defer f.Close()
	fd := int(f.Fd())
	flags, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS)
	set := err == nil && flags&topOfHierarchies != 0
	can := err == nil && unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, flags|topOfHierarchies) == nil
	if set != can {
		t.Errorf("flag set: %t, can be set: %t (%v)", set, can, err)
	}

	OS{}.Scatter(filepath.Join(dir, "nothing"))
	if Exists(OS{}, filepath.Join(dir, "nothing")) {
		t.Error("a hint made a directory")
	}
}

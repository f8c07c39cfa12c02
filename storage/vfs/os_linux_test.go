package vfs

import (
	"bytes"
	"errors"
	"os"
	"os/signal"
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

// TestLargeWritesEndInTheFile writes around the boundaries of pieces, as one buffer and as several.
func TestLargeWritesEndInTheFile(t *testing.T) {
	const pieceSize = 64 << 10
	content := make([]byte, 4*pieceSize)
	for i := range content {
		content[i] = byte(i ^ i>>8)
	}
	for _, n := range []int{0, 1, pieceSize - 1, pieceSize, pieceSize + 1, 2*pieceSize + 100, 4 * pieceSize} {
		for _, off := range []int64{0, 1, pieceSize - 1, pieceSize, 3*pieceSize - 7} {
			for _, buffer := range []int{n, 1000, pieceSize + 3} {
				path := filepath.Join(t.TempDir(), "f")
				file, err := Create(OS{}, path)
				must(t, err)
				buffers := [][]byte{nil}
				for left := content[:n]; len(left) > 0; {
					b := left[:min(buffer, len(left))]
					buffers, left = append(buffers, b, nil), left[len(b):]
				}
				file.(osFile).slicing.best = (n + buffer) % len(pieceSizes) // whatever the file has learned
				wrote, err := file.WriteBuffersAt(buffers, off)
				must(t, err)
				one, err := file.WriteAt(content[:n], off+8*pieceSize)
				must(t, err)
				must(t, file.Close())
				got, err := os.ReadFile(path)
				must(t, err)
				if wrote != int64(n) || one != n {
					t.Fatalf("%d bytes at %d: %d and %d written", n, off, wrote, one)
				}
				if n == 0 {
					continue
				}
				for _, at := range []int64{off, off + 8*pieceSize} {
					if !bytes.Equal(got[at:at+int64(n)], content[:n]) {
						t.Fatalf("%d bytes at %d, in buffers of %d: the file is not what was written", n, at, buffer)
					}
				}
			}
		}
	}
}

// TestFullDiskIsSaidByLargeWrites expects the kernel's reason and what was written before it.
func TestFullDiskIsSaidByLargeWrites(t *testing.T) {
	file, err := Create(OS{}, filepath.Join(t.TempDir(), "f"))
	must(t, err)
	defer file.Close()
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &old))
	const pieceSize = 64 << 10
	const room = 3*pieceSize - 5000
	must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: room, Max: old.Max}))
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &old)
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	big := make([]byte, 2*pieceSize)
	n, err := file.WriteBuffersAt([][]byte{big, big}, 100)
	if n != room-100 || !errors.Is(err, unix.EFBIG) {
		t.Errorf("several buffers: %d, %v", n, err)
	}
	one, err := file.WriteAt(append(big, big...), 100)
	if one != room-100 || !errors.Is(err, unix.EFBIG) {
		t.Errorf("one buffer: %d, %v", one, err)
	}
}

package vfs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Small and large pieces, ends of files and closed files look the same whichever way the system is
// asked.
func TestOSFilePieces(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	f, err := OS{}.OpenFile(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 300_000)
	for i := range want {
		want[i] = byte(i * 7)
	}
	var wg sync.WaitGroup
	const piece = 1000
	for off := 0; off < 200_000; off += piece {
		wg.Go(func() {
			if n, err := f.WriteAt(want[off:off+piece], int64(off)); n != piece || err != nil {
				t.Errorf("wrote %d (%v)", n, err)
			}
		})
	}
	if n, err := f.WriteAt(want[200_000:], 200_000); n != 100_000 || err != nil {
		t.Fatalf("wrote %d (%v)", n, err)
	}
	wg.Wait()
	for _, c := range []struct {
		off int64
		len int
		n   int
		err error
	}{{0, 300_000, 300_000, nil}, {5, 10, 10, nil}, {299_990, 20, 10, io.EOF}, {300_000, 1, 0, io.EOF}, {7, 0, 0, nil}} {
		p := make([]byte, c.len)
		n, err := f.ReadAt(p, c.off)
		if n != c.n || err != c.err || !bytes.Equal(p[:n], want[c.off:c.off+int64(n)]) {
			t.Errorf("%d bytes at %d: %d (%v)", c.len, c.off, n, err)
		}
	}
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("read before the beginning")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read from a closed file: %v", err)
	}
	if _, err := f.WriteAt([]byte{1}, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("wrote to a closed file: %v", err)
	}
	only, err := OS{}.OpenFile(name, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer only.Close()
	if _, err := only.WriteAt([]byte{1}, 0); err == nil {
		t.Error("wrote to a file that is open for reading")
	}
}

//go:build linux && (amd64 || arm64) && !race

package network

import (
	"bytes"
	"crypto/rand"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Whether the pages of a file are in memory decides how it is sent, not what arrives.
func TestFilesAreSentFromMemoryAndFromDisk(t *testing.T) {
	content := make([]byte, 3*sendChunk+4321)
	_, _ = rand.Read(content)
	f := fileOf(t, content)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	for _, dropped := range []bool{true, false} {
		if dropped {
			if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
				t.Fatal(err)
			}
		}
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 0, len(content))
		buf := make([]byte, 64<<10)
		receive := func() {
			for {
				n, err := syscall.Read(fds[1], buf)
				if n <= 0 {
					if err != nil && err != syscall.EAGAIN {
						t.Fatal(err)
					}
					return
				}
				got = append(got, buf[:n]...)
			}
		}
		s := &sendState{fd: int(f.Fd()), offset: 7, left: int64(len(content)) - 7}
		for !s.sendfile(uintptr(fds[0])) { // the socket is full
			receive()
		}
		receive()
		if s.err != nil || !bytes.Equal(got, content[7:]) {
			t.Errorf("pages dropped %v: %v, %d of %d bytes arrived, or not as they are in the file", dropped, s.err, len(got), len(content)-7)
		}
		syscall.Close(fds[0])
		syscall.Close(fds[1])
	}
	s := &sendState{fd: int(f.Fd())}
	if !s.cached(100) || s.cached(int64(len(content))) {
		t.Error("a page that was just sent is not seen in memory, or one behind the end is")
	}
}

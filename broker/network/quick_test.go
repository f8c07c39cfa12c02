package network

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// TestQuickConnections sends more than the sockets hold both ways at once, then looks at deadlines
// and ends.
func TestQuickConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			close(accepted)
			return
		}
		accepted <- c
	}()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, far := Quick(dialled), <-accepted
	defer near.Close()
	defer far.Close()

	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MB
	echoed := make(chan error, 1)
	go func() {
		_, err := io.Copy(struct{ io.Writer }{far}, io.LimitReader(far, int64(len(data))))
		echoed <- err
	}()
	wrote := make(chan error, 1)
	go func() {
		n, err := near.Write(data)
		if err == nil && n != len(data) {
			err = io.ErrShortWrite
		}
		wrote <- err
	}()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(near, got); err != nil || !bytes.Equal(got, data) {
		t.Fatal("what came back is not what was sent", err)
	}
	if err := errors.Join(<-wrote, <-echoed); err != nil {
		t.Fatal(err)
	}

	if err := near.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := near.Read(got); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes, %v at the deadline", n, err)
	}
	if err := near.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n, err := near.Read(nil); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	far.Close()
	if n, err := near.Read(got); n != 0 || err != io.EOF {
		t.Fatalf("%d bytes, %v at the end", n, err)
	}
	near.Close()
	if _, err := near.Read(got); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	if _, err := near.Write(data); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
}

package sabotage

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"momus/internal/testbase"
	"momus/storage/vfs"
)

// echo listens on n and returns what it is sent.
func echo(t *testing.T, n *Network) string {
	t.Helper()
	system, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return testbase.Serve(t, n.wrap(system), func(c net.Conn) { io.Copy(c, c) })
}

func dial(t *testing.T, n *Network, address string) net.Conn {
	t.Helper()
	c, err := n.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// says sends a byte and waits for it.
func says(c net.Conn) error {
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

func TestRefusedAddressesAreOutOfReachByAnyName(t *testing.T) {
	n := NewNetwork()
	address := echo(t, NewNetwork())
	_, port, _ := net.SplitHostPort(address)
	c := dial(t, n, address)
	if err := says(c); err != nil {
		t.Fatal(err)
	}
	n.Refuse("localhost:" + port)
	if says(c) == nil {
		t.Error("a connection is open to where nothing goes")
	}
	if _, err := n.Dial(t.Context(), address); err == nil {
		t.Error("dialled")
	}
	n.Allow("127.0.0.1:" + port)
	if err := says(dial(t, n, address)); err != nil {
		t.Error(err)
	}
}

func TestSeverBreaksAcceptedConnectionsAndLetsNoneIn(t *testing.T) {
	server, client := NewNetwork(), NewNetwork()
	address := echo(t, server)
	for range 3 * leastSweep { // closed ones are forgotten
		c := dial(t, client, address)
		if err := says(c); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	server.mu.Lock()
	kept := len(server.accepted)
	server.mu.Unlock()
	if kept > 2*leastSweep+1 {
		t.Errorf("%d connections are remembered", kept)
	}
	c := dial(t, client, address)
	if err := says(c); err != nil {
		t.Fatal(err)
	}
	server.Sever()
	if says(c) == nil {
		t.Error("the connection lives")
	}
	if says(dial(t, client, address)) == nil {
		t.Error("a new connection was served")
	}
	if _, err := server.Dial(t.Context(), address); err == nil {
		t.Error("dialled")
	}
}

func TestPauseHoldsUpUntilResume(t *testing.T) {
	n := NewNetwork()
	c := dial(t, n, echo(t, NewNetwork()))
	n.Pause()
	if n.hold() == nil {
		t.Fatal("nothing holds up requests")
	}
	said := make(chan error, 1)
	go func() { said <- says(c) }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := n.Dial(ctx, "127.0.0.1:1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	select {
	case err := <-said:
		t.Fatal("not held up", err)
	default:
	}
	n.Resume()
	if err := <-said; err != nil {
		t.Error(err)
	}
	n.Pause()
	go func() { said <- says(c) }()
	c.Close() // a paused connection can be closed
	if <-said == nil {
		t.Error("spoke on a closed connection")
	}
}

func TestSlowConnectionsTakeTheirTime(t *testing.T) {
	n := NewNetwork()
	address := echo(t, NewNetwork())
	c := dial(t, n, address)
	n.Slow(address, 1000)
	if _, err := c.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := io.ReadFull(c, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 90*time.Millisecond {
		t.Errorf("100 bytes in %v at 1000 a second", took)
	}
	n.Slow(address, 0)
	if err := says(c); err != nil {
		t.Error(err)
	}
}

func TestAFullDiskIsFullInOneDirectory(t *testing.T) {
	tools := New(vfs.NewMem())
	tools.FillDisk("/a")
	for name, want := range map[string]error{"/a/x": syscall.ENOSPC, "/ab": nil, "/b/a": nil} {
		if err := tools.Files.MkdirAll(filepath.Dir(name)); err != nil && want == nil {
			t.Fatal(err)
		}
		f, err := vfs.Create(tools.Files, name)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err == nil {
			f.Close()
		}
	}
	tools.FreeDisk()
	if err := tools.Files.MkdirAll("/a"); err != nil {
		t.Error(err)
	}
	tools.Die()
	if err := tools.Files.MkdirAll("/c"); !errors.Is(err, errKilled) {
		t.Error(err)
	}
}

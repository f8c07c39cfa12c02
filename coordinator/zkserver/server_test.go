package zkserver_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"go.uber.org/goleak"

	"momus/coordinator/zkserver"
)

// startServer runs a server until the test ends, or until the returned function is called.
func startServer(t *testing.T, o zkserver.Options) (addr string, stop func()) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := zkserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	return s.Addr().String(), stop
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func connect(t *testing.T, addr string, timeout time.Duration) (*zk.Conn, <-chan zk.Event) {
	t.Helper()
	c, events, err := zk.Connect([]string{addr}, timeout, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	for e := range events {
		if e.State == zk.StateHasSession {
			break
		}
	}
	return c, events
}

func TestGoZookeeperClientWorks(t *testing.T) {
	defer goleak.VerifyNone(t)
	addr, stop := startServer(t, zkserver.Options{})
	c, _ := connect(t, addr, 4*time.Second)
	if _, err := c.Create("/a", []byte("one"), 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	data, stat, watch, err := c.GetW("/a")
	if err != nil || string(data) != "one" || stat.Version != 0 {
		t.Fatalf("get: %q %+v %v", data, stat, err)
	}
	if _, err := c.Set("/a", []byte("two"), 0); err != nil {
		t.Fatal(err)
	}
	if e := <-watch; e.Type != zk.EventNodeDataChanged {
		t.Fatalf("event %+v", e)
	}
	if _, err := c.Set("/a", nil, 0); err != zk.ErrBadVersion {
		t.Fatalf("set with an old version: %v", err)
	}
	path, err := c.Create("/a/s-", nil, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
	if err != nil || path != "/a/s-0000000000" {
		t.Fatalf("create: %q %v", path, err)
	}
	_, err = c.Multi(&zk.CheckVersionRequest{Path: "/a", Version: 1}, &zk.DeleteRequest{Path: "/nothing", Version: -1})
	if err != zk.ErrNoNode {
		t.Fatalf("multi: %v", err)
	}
	c.Close()
	stop()
}

// Package zkservertest starts a coordination server for a test. It is for tests alone; the server
// ends with the test that started it.
package zkservertest

import (
	"net"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"momus/coordinator/zkserver"
	"momus/internal/testbase"
)

// Start runs a server on a free port and a directory of its own until the test ends, and returns
// its address.
func Start(t testing.TB) string {
	t.Helper()
	return Server(t).Addr().String()
}

// Server is Start for tests that end sessions. Sessions may last as long as a minute, so that a
// machine that is busy ends none: a test that wants one to expire ends it with EndSession.
func Server(t testing.TB) *zkserver.Server {
	t.Helper()
	s, _ := Run(t, zkserver.Options{TickTime: 50 * time.Millisecond, MaxSessionTimeout: time.Minute, NoSync: true})
	return s
}

// EndSession lets a session expire.
func EndSession(t testing.TB, s *zkserver.Server, id int64) {
	t.Helper()
	if !s.EndSession(id) {
		t.Fatalf("there is no session %#x that could expire", id)
	}
}

// Run runs a server until the test ends or stop is called, which may happen more than once. Without
// a directory it gets one of its own.
func Run(t testing.TB, o zkserver.Options) (s *zkserver.Server, stop func()) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := zkserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, testbase.Run(t, s.Run)
}

// Connect is a session of the library's at a server, to see what is really there; it ends with the
// test.
func Connect(t testing.TB, address string) *zk.Conn {
	t.Helper()
	dial := func(network, address string, _ time.Duration) (net.Conn, error) {
		return net.DialTimeout(network, address, time.Minute) // the library would give up after a second
	}
	c, _, err := zk.Connect([]string{address}, 30*time.Second, zk.WithLogInfo(false), zk.WithLogger(Quiet{}), zk.WithDialer(dial))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	testbase.Eventually(t, "a session at "+address, func() bool { _, _, err := c.Exists("/"); return err == nil })
	return c
}

// Session opens a session of the library's with a time-out, and waits until it is there; events are
// those that come after. A dialer that is nil is the library's own. The caller closes it.
func Session(t testing.TB, address string, timeout time.Duration, dial zk.Dialer) (c *zk.Conn, events <-chan zk.Event) {
	t.Helper()
	if dial == nil {
		dial = net.DialTimeout
	}
	c, events, err := zk.Connect([]string{address}, timeout, zk.WithLogger(Quiet{}), zk.WithDialer(dial))
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

// Quiet is a logger of the library's that writes nothing.
type Quiet struct{}

// Printf implements zk.Logger.
func (Quiet) Printf(string, ...any) {}

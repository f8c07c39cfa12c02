// Package zkservertest starts a coordination server for a test. It is for tests alone; the server
// ends with the test that started it.
package zkservertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"momus/coordinator/zkserver"
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
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }() // ended by stop
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("coordination server: %v", err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

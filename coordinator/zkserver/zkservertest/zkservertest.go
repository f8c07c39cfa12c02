// Package zkservertest starts a coordination server for a test. It is for tests alone; the server
// ends with the test that started it.
package zkservertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"momus/coordinator/zkserver"
)

// Start runs a server on a free port and a directory of its own until the test ends, and returns
// its address. Sessions may be as short as 100 ms.
func Start(t testing.TB) string {
	t.Helper()
	s, err := zkserver.New(zkserver.Options{Dir: t.TempDir(), TickTime: 50 * time.Millisecond, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }() // ended by the cleanup
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("server: %v", err)
		}
	})
	return s.Addr().String()
}

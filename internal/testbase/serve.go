package testbase

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// Serve serves the connections of a listener until the test ends, each in a goroutine of its own.
// Those that are open then are closed, after which serve has to return. It gives the listener's
// address.
func Serve(t testing.TB, l net.Listener, serve func(c net.Conn)) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				defer context.AfterFunc(ctx, func() { c.Close() })()
				serve(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); cancel(); all.Wait() })
	return l.Addr().String()
}

// Listen is Serve at a free port of this machine.
func Listen(t testing.TB, serve func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return Serve(t, l, serve)
}

// Forward passes a connection on to a target, for Serve.
func Forward(target string) func(c net.Conn) {
	return func(c net.Conn) {
		out, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		var there sync.WaitGroup
		there.Go(func() {
			defer out.Close()
			_, _ = io.Copy(out, c)
		})
		_, _ = io.Copy(c, out)
		c.Close()
		there.Wait()
	}
}

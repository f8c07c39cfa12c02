package testbase

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"syscall"
	"testing"
)

// FreePorts finds n TCP ports in a row that nobody listens on, and gives the first. Until the test
// ends no other test is given them, also not one of another process (on Linux), and the system does
// not hand them out by itself: a broker that is down for a moment, or not yet up, keeps its port.
func FreePorts(t testing.TB, n int) int {
	t.Helper()
	for range 200 {
		// Linux begins to hand out ports for outgoing connections at 32768.
		first := 12000 + rand.IntN(18000)
		if reservePorts(t, first, n) {
			return first
		}
	}
	t.Fatalf("no %d free ports in a row", n)
	return 0
}

func reservePorts(t testing.TB, first, n int) bool {
	var held []net.Listener
	for p := first; p < first+n; p++ {
		l, err := reservePort(p)
		if l != nil {
			held = append(held, l)
		}
		if err != nil || !portIsFree(p) {
			for _, l := range held {
				l.Close()
			}
			return false
		}
	}
	t.Cleanup(func() {
		for _, l := range held {
			l.Close()
		}
	})
	return true
}

// reservePort takes the name of a port. Names of sockets that are not files end with who has them.
func reservePort(p int) (net.Listener, error) {
	if runtime.GOOS != "linux" {
		return nil, nil
	}
	l, err := net.Listen("unix", fmt.Sprintf("@momus-test-port-%d", p))
	if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
		return nil, nil // there are no such sockets: the ports are only looked at
	}
	return l, err
}

func portIsFree(p int) bool {
	for _, host := range []string{"", "127.0.0.1"} {
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, p))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

package network

import (
	"crypto/tls"
	"net"
	"runtime"
	"testing"
	"time"

	"momus/internal/model"
	"momus/internal/testbase"
)

// silent connects many clients to a listener, which say nothing.
func (f *fixture) silent(listener string, n int) (all []net.Conn) {
	f.t.Helper()
	for range n {
		all = append(all, f.dialListener(listener))
	}
	f.waitConnections(listener, n)
	return all
}

func withStrangers(t *testing.T) *fixture {
	return start(t, func(o *Options, l *Limits) {
		l.MaxIdle = time.Hour
		o.Listeners = append(o.Listeners, Listener{Name: "SASL", Protocol: model.SASLPlaintext, Addr: "127.0.0.1:0"}, Listener{Name: "SSL", Protocol: model.SSL, Addr: "127.0.0.1:0",
			TLS: &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}})
	})
}

// TestThePorterServesWhoeverSpeaks has more silent strangers than goroutines may wait for.
func TestThePorterServesWhoeverSpeaks(t *testing.T) {
	f := withStrangers(t)
	const n = 2 * maxHearing
	before := runtime.NumGoroutine()
	plain, secure := f.silent("SASL", n), f.silent("SSL", n)
	testbase.Eventually(t, "only a few goroutines wait", func() bool { return runtime.NumGoroutine() < before+maxHearing+maxResting })
	for _, c := range secure {
		_, _ = c.Write([]byte{22}) // of a hello
	}
	for i, c := range plain {
		if i%2 == 0 {
			send(t, c, "e1")
			expect(t, c, "e1")
		}
	}
	_ = secure[n-1].Close()
	_ = plain[n-1].Close()
	f.waitConnections("SSL", n-1)
	f.waitConnections("SASL", n-1)
	for i := n - 2; i >= n-4; i-- {
		c := tls.Client(&rest{Conn: secure[i]}, &tls.Config{InsecureSkipVerify: true})
		send(t, c, "e2")
		expect(t, c, "e2")
	}
	if n := f.hearing.Load(); n > maxHearing {
		t.Errorf("%d goroutines wait for strangers", n)
	}
	f.stop()
	for _, name := range []string{"SASL", "SSL"} {
		if n := f.Connections(name); n != 0 {
			t.Errorf("%d connections of %s are left", n, name)
		}
	}
	if n := len(f.porter.waiting) + len(f.lobby.inside) + len(f.lobby.count) + len(f.mu.perIP) + int(f.hearing.Load()) + int(f.resting.Load()); n != 0 {
		t.Errorf("%d strangers are remembered", n)
	}
}

// rest leaves out the first byte that is written: it was sent before.
type rest struct {
	net.Conn
	begun bool
}

func (r *rest) Write(p []byte) (int, error) {
	if r.begun {
		return r.Conn.Write(p)
	}
	r.begun = true
	n, err := r.Conn.Write(p[1:])
	return n + 1, err
}

// TestWhoeverSaysNothingIsIdle has strangers with and without a goroutine, and in the queue of the
// lobby, when the time of idle connections is over and when their listener is removed.
func TestWhoeverSaysNothingIsIdle(t *testing.T) {
	const n = maxHearing + 10
	for _, end := range []string{"idle", "removed", "stopped"} {
		f := withStrangers(t)
		f.lobby.size = 0
		f.silent("SSL", n)
		for _, c := range f.silent("SASL", n) {
			send(t, c, "e1")
		}
		testbase.Eventually(t, "all wait for the lobby", func() bool {
			f.lobby.mu.Lock()
			defer f.lobby.mu.Unlock()
			return f.lobby.waiting == n
		})
		switch end {
		case "idle":
			f.sweepOnce(time.Now().Add(2 * time.Hour))
		case "removed":
			f.RemoveListener("SSL")
			f.RemoveListener("SASL")
		case "stopped":
			f.stop()
		}
		f.waitConnections("SSL", 0)
		f.waitConnections("SASL", 0)
		f.stop()
		if n := len(f.porter.waiting) + len(f.lobby.outside.turns) + len(f.lobby.count) + f.lobby.waiting + int(f.hearing.Load()); n != 0 {
			t.Errorf("%s: %d strangers are remembered", end, n)
		}
		if n := f.h.closed.Load(); n != 0 {
			t.Errorf("%s: the handler is told of %d connections that have sent nothing to it", end, n)
		}
	}
}

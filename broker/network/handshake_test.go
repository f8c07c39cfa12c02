package network

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"momus/internal/model"
)

func TestAddressesTakeTurnsAtHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		g.slots = 1
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		never := make(chan struct{})
		if !g.enter("first", never) {
			t.Fatal("no slot")
		}
		for _, who := range []string{"a1", "a2", "a3", "b1", "b2", "c1"} {
			wg.Go(func() {
				if !g.enter(who[:1], never) {
					t.Error("no slot for", who)
				}
				mu.Lock()
				order = append(order, who)
				mu.Unlock()
				g.leave(who[:1], 0)
			})
			synctest.Wait()
		}
		g.leave("first", 0)
		wg.Wait()
		if got := strings.Join(order, " "); got != "a1 b1 c1 a2 b2 a3" {
			t.Error(got)
		}
	})
}

func TestStrangersGetAShareOfTheTimeAndClientsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		g.slots = 1
		g.know("client", 1)
		never := make(chan struct{})
		work := func(ip string, n int) (took time.Duration) {
			var wg sync.WaitGroup
			from := time.Now()
			for range n {
				wg.Go(func() {
					if g.enter(ip, never) {
						at := time.Now()
						time.Sleep(time.Millisecond)
						g.leave(ip, time.Since(at))
					}
				})
			}
			wg.Wait()
			return time.Since(from)
		}
		done := make(chan time.Duration, 1)
		go func() { done <- work("stranger", 100) }()
		synctest.Wait()
		if took := work("client", 20); took > 25*time.Millisecond {
			t.Errorf("20 handshakes of a client took %v beside strangers", took)
		}
		if took := <-done; took < 250*time.Millisecond || took > 400*time.Millisecond {
			t.Errorf("100 handshakes of strangers took %v, a third of the time would be 300 ms", took)
		}
		if took := work("stranger", 1); took > 5*time.Millisecond {
			t.Errorf("a lone stranger waited %v", took)
		}
		// One that is closed while it waits leaves.
		if !g.enter("x", never) {
			t.Fatal("no slot")
		}
		closed := make(chan struct{})
		left := make(chan bool)
		go func() { left <- g.enter("y", closed) }()
		synctest.Wait()
		close(closed)
		if <-left {
			t.Error("a closed connection got a slot")
		}
		g.leave("x", 0)
		if g.running != 0 || len(g.others.turns) != 0 || len(g.others.queue) != 0 {
			t.Errorf("%d run, %v wait", g.running, g.others.turns)
		}
	})
}

// TestWhatIsNotTLSGetsAnAlert sends a plain request to a TLS listener, and a hello with versions
// that it does not speak.
func TestWhatIsNotTLSGetsAnAlert(t *testing.T) {
	failed := make(chan error, 10)
	f := start(t, func(o *Options, _ *Limits) {
		o.Listeners = append(o.Listeners, Listener{Name: "SSL", Protocol: model.SSL, Addr: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}})
		o.Hooks.HandshakeFailed = func(_ *Conn, err error) { failed <- err }
	})
	c := f.dialListener("SSL")
	send(t, c, "e1")
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, []byte{21, 3, 3, 0, 2, 2, 80}) {
		t.Errorf("%x, %v", got, err)
	}
	old := tls.Client(f.dialListener("SSL"), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err := old.Handshake(); err == nil || err.Error() != "remote error: tls: protocol version not supported" {
		t.Errorf("%v instead of the alert protocol_version", err)
	}
	for range 2 {
		if err := <-failed; err == nil {
			t.Error("a failure without a reason")
		}
	}
	gone := f.dialListener("SSL")
	gone.Close() // is no failure
	f.waitConnections("SSL", 0)
	select {
	case err := <-failed:
		t.Error(err)
	default:
	}
}

// TestStrangersHaveMemoryOfTheirOwn lets strangers announce large frames that never come.
func TestStrangersHaveMemoryOfTheirOwn(t *testing.T) {
	f := start(t, func(o *Options, l *Limits) {
		o.Listeners = append(o.Listeners, Listener{Name: "SASL", Protocol: model.SASLPlaintext, Addr: "127.0.0.1:0"})
		l.MaxConnections, l.MaxConnectionsPerIP = 1000, 1000
	})
	part := append([]byte{0, 7, 0xff, 0xff}, make([]byte, 300<<10)...)
	var strangers []net.Conn
	var wg sync.WaitGroup
	for range 100 {
		c := f.dialListener("SASL")
		strangers = append(strangers, c)
		wg.Go(func() { _, _ = c.Write(part) }) // stops when the server does not read any more
	}
	f.waitStrangersStarving()
	if used := f.strangers.used.Load(); used > strangerMemory+(1<<20) {
		t.Errorf("strangers hold %d bytes", used)
	}
	if used := f.MemoryUsed(); used > 1<<20 {
		t.Errorf("strangers hold %d bytes of the memory of others", used)
	}
	c := f.dialListener("SASL") // a small frame needs none of it
	send(t, c, "e1")
	expect(t, c, "e1")
	for _, s := range strangers {
		s.Close()
	}
	wg.Wait()
	f.waitConnections("SASL", 1)
	if used := f.strangers.used.Load(); used > 4096 {
		t.Errorf("%d bytes are held for strangers that have gone", used)
	}
	send(t, c, "e"+strings.Repeat("x", maxStrangerFrame-1))
	if got, err := receive(c); err != nil || len(got) != maxStrangerFrame {
		t.Error(len(got), err)
	}
	_, _ = fmt.Fprint(c, "\x00\x08\x00\x01")
	expectClosed(t, c)
}

func (f *fixture) waitStrangersStarving() {
	f.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f.strangers.starving(time.Now().Add(time.Hour)); {
		if time.Now().After(deadline) {
			f.t.Fatal("nobody waits for memory")
		}
		time.Sleep(time.Millisecond)
	}
}

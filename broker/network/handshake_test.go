package network

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
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
		g.doubt = 1
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
		if took := <-done; took < 700*time.Millisecond || took > 900*time.Millisecond {
			t.Errorf("100 handshakes of strangers took %v, an eighth of the time would be 800 ms", took)
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

// TestStrangersWhoLogInAreNotHeldUp has handshakes that all lead to logins, then a flood of which
// none does, then both.
func TestStrangersWhoLogInAreNotHeldUp(t *testing.T) {
	g := newGate()
	flood := func(strangers, logins int) float64 {
		for i := range 2000 {
			for range strangers {
				g.meet("stranger")
			}
			for range logins {
				ip := fmt.Sprint("client", i)
				g.meet(ip)
				g.know(ip, 1)
			}
		}
		return g.doubt
	}
	if d := flood(0, 1); d > 0.15 {
		t.Errorf("%.2f of the clients are doubted", d)
	}
	if d := flood(1, 0); d < 0.99 {
		t.Errorf("%.2f of a flood is doubted", d)
	}
	if d := flood(50, 1); d < 0.7 {
		t.Errorf("%.2f of a flood with a client in it is doubted", d)
	}
	if d := flood(0, 1); d > 0.15 {
		t.Errorf("%.2f of the clients are doubted after a flood", d)
	}
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
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
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
	waitStarving(t, &f.strangers)
	if used := f.strangers.used.Load(); used > strangerMemory+100*strangerFrame {
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

// TestDrippingStrangersKeepNobodyFromLoggingIn holds all memory of strangers with frames of which a
// byte comes now and then.
func TestDrippingStrangersKeepNobodyFromLoggingIn(t *testing.T) {
	began := time.Now()
	var goes atomic.Bool // the clock stands still before, so that nobody has to go
	f := start(t, func(o *Options, _ *Limits) {
		o.Now = func() time.Time {
			if !goes.Load() {
				return began
			}
			return time.Now().Add(2 * starvation)
		}
		o.Listeners = append(o.Listeners, Listener{Name: "SASL", Protocol: model.SASLPlaintext, Addr: "127.0.0.1:0"},
			Listener{Name: "SASL_SSL", Protocol: model.SASLSSL, Addr: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}})
	})
	part := append([]byte{0, 7, 0xff, 0xff}, make([]byte, 300<<10)...)
	var wg sync.WaitGroup
	defer wg.Wait()
	done := make(chan struct{})
	defer close(done)
	for range 100 {
		c := f.dialListener("SASL")
		wg.Go(func() {
			defer c.Close()
			_, err := c.Write(part)
			for tick := time.NewTicker(50 * time.Millisecond); err == nil; {
				select {
				case <-tick.C:
					_, err = c.Write([]byte{0})
				case <-done:
					return
				}
			}
		})
	}
	f.waitReceiving(100)
	waitStarving(t, &f.strangers)
	for _, login := range []string{"e1", "e" + strings.Repeat("x", strangerFrame/2)} {
		c := tls.Client(f.dialListener("SASL_SSL"), &tls.Config{InsecureSkipVerify: true})
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		send(t, c, login)
		expect(t, c, login)
	}
	// A large one waits until those who hold the memory have to go: those who hold it when the clock
	// begins to go at once, and those who get theirs after them when they have had it for long.
	goes.Store(true)
	c := tls.Client(f.dialListener("SASL_SSL"), &tls.Config{InsecureSkipVerify: true})
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	large := "e" + strings.Repeat("x", 100<<10)
	send(t, c, large)
	expect(t, c, large)
}

// TestAHandshakeIsBounded sends one with more certificates than anybody has.
func TestAHandshakeIsBounded(t *testing.T) {
	failed := make(chan error, 1)
	f := start(t, func(o *Options, _ *Limits) {
		o.Listeners = append(o.Listeners, Listener{Name: "SSL", Protocol: model.SSL, Addr: "127.0.0.1:0",
			TLS: &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}})
		o.Hooks.HandshakeFailed = func(_ *Conn, err error) { failed <- err }
	})
	own := selfSigned(t)
	for len(own.Certificate) < 2*maxHandshake/len(own.Certificate[0]) {
		own.Certificate = append(own.Certificate, own.Certificate[0])
	}
	c := tls.Client(f.dialListener("SSL"), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{own}, MaxVersion: tls.VersionTLS12})
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if err := c.Handshake(); err == nil {
		t.Error("it was taken")
	}
	select {
	case err := <-failed:
		if !errors.Is(err, errHandshakeSize) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("no handshake has failed")
	}
}

// TestHandshakesLeaveHalfOfTheProcessors has more threads than processors, and one, when a server
// starts: both are of the moment.
func TestHandshakesLeaveHalfOfTheProcessors(t *testing.T) {
	threads := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(threads) })
	for _, n := range []int{1, 8 * processors} {
		runtime.GOMAXPROCS(n)
		if got, want := newGate().slots, max(1, processors/2); got != want {
			t.Errorf("with %d threads handshakes take %d processors of %d, want %d", n, got, processors, want)
		}
	}
}

func TestNeighbourhood(t *testing.T) {
	for addr, want := range map[string]string{"10.1.2.3": "10.1.2.3", "::ffff:10.1.2.3": "10.1.2.3", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2::7": "2001:db8:1:2::", "::1": "::"} {
		a := &net.TCPAddr{IP: net.ParseIP(addr)}
		if got := neighbourhood(a, hostOf(a)); got != want {
			t.Errorf("%s is of %s, want %s", addr, got, want)
		}
	}
}

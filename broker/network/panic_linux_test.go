package network

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"momus/internal/model"
	"momus/internal/testbase"
)

// bombs are sockets of which the next one that is asked for its handle panics once it is armed.
type bombs struct {
	net.Listener
	armed *atomic.Bool
}

func (b bombs) Accept() (net.Conn, error) {
	c, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return bomb{c.(*net.TCPConn), b.armed}, nil
}

type bomb struct {
	*net.TCPConn
	armed *atomic.Bool
}

func (b bomb) SyscallConn() (syscall.RawConn, error) {
	if b.armed.CompareAndSwap(true, false) {
		panic("injected")
	}
	return b.TCPConn.SyscallConn()
}

// TestPanicOverAStrangerCostsOnlyHim injects a panic wherever a goroutine that serves many looks at
// a connection: the one that accepts, the one that waits for strangers, and those of others.
func TestPanicOverAStrangerCostsOnlyHim(t *testing.T) {
	var armed atomic.Bool
	full := func(f *fixture) []net.Conn { return f.silent("SASL", 2*maxHearing) }
	for name, blow := range map[string]func(f *fixture) (hit net.Conn){
		"accepted": func(f *fixture) net.Conn {
			full(f)
			armed.Store(true)
			return f.dialListener("SASL")
		},
		"waited for by the porter": func(f *fixture) net.Conn {
			all := full(f)
			armed.Store(true)
			c := all[len(all)-1]
			send(t, c, "e1")
			return c
		},
		"waited for by a goroutine": func(f *fixture) net.Conn {
			armed.Store(true)
			return f.dialListener("SASL")
		},
		"let in by another's end": func(f *fixture) net.Conn {
			f.lobby.size = 1
			inside, outside := f.dialListener("SASL"), f.dialListener("SASL")
			send(t, inside, "e1")
			expect(t, inside, "e1")
			send(t, outside, "e2")
			testbase.Eventually(t, "one waits for the lobby", func() bool {
				f.lobby.mu.Lock()
				defer f.lobby.mu.Unlock()
				return f.lobby.waiting == 1
			})
			armed.Store(true)
			_ = inside.Close()
			return outside
		},
	} {
		t.Run(name, func(t *testing.T) {
			var panics atomic.Int32
			f := start(t, func(o *Options, _ *Limits) {
				o.Hooks.Panicked = func() { panics.Add(1) }
				o.Wrap = func(l net.Listener) net.Listener { return bombs{l, &armed} }
				o.Listeners = append(o.Listeners, Listener{Name: "SASL", Protocol: model.SASLPlaintext, Addr: "127.0.0.1:0"})
			})
			expectClosed(t, blow(f))
			c := f.dialListener("SASL")
			send(t, c, "e3")
			expect(t, c, "e3")
			if n := panics.Load(); n != 1 {
				t.Errorf("%d panics are counted", n)
			}
			f.stop()
			if n := len(f.porter.waiting) + len(f.lobby.inside) + len(f.lobby.count) + len(f.mu.conns) + len(f.mu.perIP) + int(f.hearing.Load()); n != 0 {
				t.Errorf("%d strangers are remembered", n)
			}
		})
	}
}

// TestPanicInAHandshakeGivesItsSlotBack has one slot, which the next handshake needs.
func TestPanicInAHandshakeGivesItsSlotBack(t *testing.T) {
	var once atomic.Bool
	f := start(t, func(o *Options, _ *Limits) {
		o.Listeners[0].TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if once.CompareAndSwap(false, true) {
				panic("injected")
			}
			return nil, nil
		}}
	})
	f.gate.slots = 1
	trusting := &tls.Config{InsecureSkipVerify: true}
	if err := tls.Client(f.dial(), trusting).Handshake(); err == nil {
		t.Fatal("the handshake that panicked has succeeded")
	}
	c := tls.Client(f.dial(), trusting)
	send(t, c, "e1")
	expect(t, c, "e1")
}

// forgetful is a handler that panics when it is told that a connection has ended.
type forgetful struct{ *echo }

func (forgetful) Closed(*Conn) { panic("injected") }

func TestPanicAtTheEndOfAConnection(t *testing.T) {
	f := start(t, func(o *Options, _ *Limits) { o.Handler = forgetful{o.Handler.(*echo)} })
	c := f.dial()
	send(t, c, "e1")
	expect(t, c, "e1")
	_ = c.Close()
	f.waitConnections("PLAINTEXT", 0)
}

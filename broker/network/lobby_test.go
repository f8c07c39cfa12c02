package network

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"momus/internal/model"
	"momus/internal/testbase"
)

func stranger(ip string) *Conn {
	c := &Conn{}
	c.ip = ip
	c.lastActive.Store(time.Now().UnixNano())
	return c
}

func TestStrangersWaitOutsideTheLobbyByTurns(t *testing.T) {
	l := newLobby(2, time.Now)
	names := map[*Conn]string{}
	var in []string
	gone := ""
	l.start = func(c *Conn) bool {
		if names[c] == gone {
			return false
		}
		in = append(in, names[c])
		return true
	}
	first, second := stranger("f"), stranger("f")
	if !l.enter(first, false) || !l.enter(second, false) {
		t.Fatal("there was room")
	}
	var waiting []*Conn
	for _, name := range []string{"a1", "a2", "a3", "b1", "c1"} {
		c := stranger(name[:1])
		names[c], waiting = name, append(waiting, c)
		if l.enter(c, false) {
			t.Error("there is no room for", name)
		}
	}
	if n := l.from("a"); n != 3 || len(in) != 0 {
		t.Errorf("%d of a, %v inside", n, in)
	}
	trusted := stranger("t")
	if !l.enter(trusted, true) {
		t.Error("a trusted connection waits")
	}
	l.leave(trusted)
	for range 2 {
		l.forget(waiting[1]) // a2 has gone
	}
	for _, c := range []*Conn{first, second, waiting[0], waiting[3], waiting[4]} {
		l.leave(c)
	}
	if got := strings.Join(in, " "); got != "a1 b1 c1 a3" {
		t.Error(got)
	}
	in, gone = nil, "d1" // which is not to be served when its turn has come
	last := []*Conn{stranger("e"), stranger("d"), stranger("e")}
	names[last[1]], names[last[2]] = "d1", "e2"
	for i, c := range append([]*Conn{stranger("f")}, last...) {
		if l.enter(c, false) != (i < 1) {
			t.Error("it is inside:", i >= 1)
		}
	}
	l.leave(waiting[2])
	l.leave(last[0])
	if got := strings.Join(in, " "); got != " e2" {
		t.Error(got)
	}
	for c := range l.inside {
		l.leave(c)
	}
	if len(l.inside)+len(l.count)+len(l.outside.turns)+len(l.outside.queue)+l.waiting != 0 {
		t.Errorf("%d inside, %v counted, %v wait", len(l.inside), l.count, l.outside.turns)
	}
}

func TestWhoIsSilentOrSlowHasToGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(5, time.Now)
		l.start = func(*Conn) bool { return true }
		silent, computing, serving, dripping, heldUp := stranger("a"), stranger("b"), stranger("c"), stranger("d"), stranger("e")
		computing.busy.Store(true)
		serving.serving.Store(true)
		heldUp.heldUp.Store(int64(strangerTime))
		for _, c := range []*Conn{dripping, heldUp, silent, computing, serving} {
			l.enter(c, false)
			time.Sleep(time.Millisecond)
		}
		spoken := func() {
			for _, c := range []*Conn{dripping, heldUp} {
				c.lastActive.Store(time.Now().UnixNano())
			}
		}
		time.Sleep(strangerPatience + time.Second)
		spoken()
		if got := l.stalled(); len(got) != 0 {
			t.Errorf("%d have to go for nobody", len(got))
		}
		for _, ip := range []string{"f", "g"} {
			l.enter(stranger(ip), false)
		}
		if got := l.stalled(); !slices.Equal(got, []*Conn{silent}) {
			t.Errorf("%d have to go", len(got))
		}
		time.Sleep(strangerTime - strangerPatience)
		spoken()
		if got := l.stalled(); !slices.Equal(got, []*Conn{dripping, silent}) {
			t.Errorf("%d have to go", len(got))
		}
		l.leave(silent)
		if got := l.stalled(); !slices.Equal(got, []*Conn{dripping}) { // who has waited outside is not to blame for that
			t.Errorf("%d have to go", len(got))
		}
	})
}

// TestAFloodOfHandshakesLeavesRoomForClients has more strangers than the lobby takes, in every
// state in which they may stall, and then a client.
func TestAFloodOfHandshakesLeavesRoomForClients(t *testing.T) {
	const size = 8
	f := start(t, func(o *Options, _ *Limits) {
		o.Listeners = append(o.Listeners, Listener{Name: "SASL_SSL", Protocol: model.SASLSSL, Addr: "127.0.0.1:0",
			TLS: &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}})
	})
	f.lobby.size = size
	config := &tls.Config{InsecureSkipVerify: true}
	for i := range 3 * size {
		c := f.dialListener("SASL_SSL")
		switch i % 3 {
		case 0: // half a hello
			_, _ = c.Write([]byte{22, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3})
		case 1: // a hello and no more
			go func() { _ = tls.Client(&testbase.Mute{Conn: c}, config).Handshake() }()
		case 2: // half a frame after the handshake
			go func() {
				if s := tls.Client(c, config); s.Handshake() == nil {
					_, _ = s.Write([]byte{0, 0, 1})
				}
			}()
		}
	}
	testbase.Eventually(t, "the lobby is full", func() bool {
		f.lobby.mu.Lock()
		defer f.lobby.mu.Unlock()
		return f.lobby.waiting >= size
	})
	c := tls.Client(f.dialListener("SASL_SSL"), config)
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	send(t, c, "e1")
	expect(t, c, "e1")
}

// TestAHelloInPiecesIsPutTogether sends a hello byte by byte, and one that ends in the middle.
func TestAHelloInPiecesIsPutTogether(t *testing.T) {
	f := start(t, func(o *Options, _ *Limits) {
		o.Listeners = append(o.Listeners, Listener{Name: "SSL", Protocol: model.SSL, Addr: "127.0.0.1:0",
			TLS: &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}})
	})
	c := tls.Client(&bytewise{f.dialListener("SSL")}, &tls.Config{InsecureSkipVerify: true})
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	send(t, c, "e1")
	expect(t, c, "e1")
	half := f.dialListener("SSL")
	_, _ = half.Write([]byte{22, 3, 1, 1, 0, 1, 0})
	_ = half.(*net.TCPConn).CloseWrite()
	_ = half.SetReadDeadline(time.Now().Add(60 * time.Second))
	if _, err := io.ReadAll(half); errors.Is(err, os.ErrDeadlineExceeded) { // it may be a reset
		t.Error("a client that ended in the middle of its hello was not closed")
	}
}

// bytewise writes a byte at a time.
type bytewise struct{ net.Conn }

func (b *bytewise) Write(p []byte) (int, error) {
	for i := range p {
		if n, err := b.Conn.Write(p[i : i+1]); err != nil {
			return i + n, err
		}
	}
	return len(p), nil
}

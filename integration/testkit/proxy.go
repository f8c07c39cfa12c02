package testkit

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy forwards TCP connections to an address, and can stop doing so: as in a cut network nothing
// is refused or closed, bytes just do not arrive; those under way arrive when the cut is healed.
type Proxy struct {
	Addr   string
	target string
	l      net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	healed *sync.Cond
	// Asked with a client id for each piece of data.
	cut    func(client string) bool // nil: nothing is cut
	closed bool
	conns  map[net.Conn]bool
}

// NewProxy forwards to target from a free port.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), target: target, l: l, conns: map[net.Conn]bool{}}
	p.healed = sync.NewCond(&p.mu)
	acceptAll(&p.wg, l, target, p.serve)
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		p.closed = true
		for c := range p.conns {
			c.Close()
		}
		p.healed.Broadcast()
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

// acceptAll serves each connection, together with one to target, in a goroutine of its own until
// the listener is closed; all of them are wg's. Both connections are closed after it.
func acceptAll(wg *sync.WaitGroup, l net.Listener, target string, serve func(c, up net.Conn)) {
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				up, err := net.DialTimeout("tcp", target, 5*time.Second)
				if err != nil {
					return
				}
				defer up.Close()
				serve(c, up)
			})
		}
	})
}

// Port is the proxy's port.
func (p *Proxy) Port() int { return p.l.Addr().(*net.TCPAddr).Port }

// Cut stops forwarding, in both directions.
func (p *Proxy) Cut() { p.CutClients(func(string) bool { return true }) }

// CutClients stops forwarding for connections whose first Kafka request bears a client id that
// which accepts.
func (p *Proxy) CutClients(which func(clientID string) bool) {
	p.mu.Lock()
	p.cut = which
	p.mu.Unlock()
}

// Heal forwards again.
func (p *Proxy) Heal() {
	p.mu.Lock()
	p.cut = nil
	p.healed.Broadcast()
	p.mu.Unlock()
}

// serve forwards a connection both ways. Its first bytes are read before anything is sent, since
// they tell whose it is.
func (p *Proxy) serve(c, up net.Conn) {
	if !p.add(c, up) {
		return
	}
	defer p.remove(c, up)
	// The first request, or its beginning: a header is never longer.
	head := make([]byte, 64<<10)
	n, err := c.Read(head)
	if err != nil {
		return
	}
	client := clientID(head[:n])
	var both sync.WaitGroup
	both.Go(func() { p.pipe(c, up, client) })
	if p.pass(client) {
		if _, err := up.Write(head[:n]); err == nil {
			p.pipe(up, c, client)
		}
	}
	c.Close()
	up.Close()
	both.Wait()
}

// pipe copies until an end closes.
func (p *Proxy) pipe(to, from net.Conn, client string) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !p.pass(client) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err == io.EOF {
				// EOF is data too: in a cut network nobody learns of it.
				p.pass(client) // the end does not arrive either
			}
			to.Close()
			return
		}
	}
}

// pass waits while the client is cut off; false when the proxy is closed.
func (p *Proxy) pass(client string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && p.cut != nil && p.cut(client) {
		p.healed.Wait()
	}
	return !p.closed
}

// add notes connections to be cut; false when the proxy has ended.
func (p *Proxy) add(cs ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range cs {
		p.conns[c] = true
	}
	return !p.closed
}

// remove forgets connections that have ended.
func (p *Proxy) remove(cs ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range cs {
		delete(p.conns, c)
	}
}

// clientID is the client id in a Kafka request's header, "" if these are not the first bytes of
// one.
func clientID(b []byte) string {
	if len(b) < 14 {
		return ""
	}
	// Behind size, key, version and correlation id.
	n := int(int16(binary.BigEndian.Uint16(b[12:])))
	if n < 0 || 14+n > len(b) {
		return ""
	}
	// The buffer is used again.
	return strings.Clone(string(b[14 : 14+n]))
}

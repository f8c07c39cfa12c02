package momustest

import (
	"context"
	"errors"
	"net"
	"sync"

	"momus/broker"
)

// network is what one broker sees of the world. It can be cut, held up, or closed towards chosen
// addresses.
type network struct {
	mu sync.Mutex
	// All guarded by mu.
	cut     bool                // every connection is broken, none is made
	paused  chan struct{}       // not nil while bytes are held up; closed when they go on
	refused map[string]struct{} // addresses that are out of reach
	conns   map[*conn]struct{}
}

var errCut = errors.New("momustest: the network is cut")

func newNetwork() *network {
	return &network{refused: map[string]struct{}{}, conns: map[*conn]struct{}{}}
}

func (n *network) forBroker() *broker.Net { return &broker.Net{Dial: n.dial, Wrap: n.wrap} }

func (n *network) dial(ctx context.Context, address string) (net.Conn, error) {
	for {
		n.mu.Lock()
		_, refused := n.refused[address]
		cut, paused := n.cut, n.paused
		n.mu.Unlock()
		if cut || refused {
			return nil, errCut
		}
		if paused == nil {
			break
		}
		select {
		case <-paused:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return n.admit(c, address)
}

// admit takes a connection in; to is the address that was dialled, "" for one that was accepted.
func (n *network) admit(nc net.Conn, to string) (net.Conn, error) {
	c := &conn{Conn: nc, network: n, to: to, closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, refused := n.refused[to]; n.cut || refused {
		nc.Close()
		return nil, errCut
	}
	n.conns[c] = struct{}{}
	return c, nil
}

func (n *network) wrap(ln net.Listener) net.Listener { return &listener{ln, n} }

type listener struct {
	net.Listener
	network *network
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c, err := l.network.admit(nc, ""); err == nil {
			return c, nil
		}
	}
}

// conn waits before each read and write while its network is paused.
type conn struct {
	net.Conn
	network *network
	to      string
	once    sync.Once
	closed  chan struct{}
}

func (c *conn) pass() error {
	for {
		c.network.mu.Lock()
		paused := c.network.paused
		c.network.mu.Unlock()
		if paused == nil {
			return nil
		}
		select {
		case <-paused:
		case <-c.closed:
			return net.ErrClosed
		}
	}
}

func (c *conn) Read(p []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		if err := c.pass(); err != nil { // what came in meanwhile is held up as well
			return 0, err
		}
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.network.mu.Lock()
		delete(c.network.conns, c)
		c.network.mu.Unlock()
	})
	return c.Conn.Close()
}

// breakConns closes the connections that match.
func (n *network) breakConns(match func(*conn) bool) {
	n.mu.Lock()
	var broken []*conn
	for c := range n.conns {
		if match(c) {
			broken = append(broken, c)
		}
	}
	n.mu.Unlock()
	for _, c := range broken {
		c.Close()
	}
}

// sever breaks all connections for good.
func (n *network) sever() {
	n.mu.Lock()
	n.cut = true
	n.mu.Unlock()
	n.breakConns(func(*conn) bool { return true })
}

// refuse puts an address out of reach, allow brings it back.
func (n *network) refuse(address string) {
	n.mu.Lock()
	n.refused[address] = struct{}{}
	n.mu.Unlock()
	n.breakConns(func(c *conn) bool { return c.to == address })
}

func (n *network) allow(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.refused, address)
}

func (n *network) pause() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.paused == nil {
		n.paused = make(chan struct{})
	}
}

func (n *network) resume() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.paused != nil {
		close(n.paused)
		n.paused = nil
	}
}

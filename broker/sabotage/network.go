package sabotage

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"momus/broker"
	"momus/broker/network"
)

// Network is what one broker sees of the world. It can be cut, held up, slowed down, or closed
// towards chosen addresses.
type Network struct {
	paused atomic.Pointer[chan struct{}] // nil unless bytes are held up; closed when they go on

	mu sync.Mutex
	// All guarded by mu.
	cut      bool                // every connection is broken, none is made
	refused  map[string]struct{} // addresses that are out of reach
	limits   map[string]int64    // bytes a second that are read from an address
	dialled  map[*conn]struct{}
	accepted map[net.Conn]struct{} // some of them may be closed, see remember
	sweepAt  int                   // how many accepted ones are worth looking which are closed
}

var errCut = errors.New("the network is cut")

// NewNetwork makes a network on which all is well.
func NewNetwork() *Network {
	return &Network{refused: map[string]struct{}{}, limits: map[string]int64{}, dialled: map[*conn]struct{}{}, accepted: map[net.Conn]struct{}{}, sweepAt: leastSweep}
}

// Broker is the network as a broker is given it.
func (n *Network) Broker() *broker.Net {
	return &broker.Net{Dial: n.Dial, Wrap: n.wrap, Hold: n.hold}
}

// place is an address in the form in which addresses are compared: all names of this machine are
// the same.
func place(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// hold implements broker.Net.
func (n *Network) hold() <-chan struct{} {
	if p := n.paused.Load(); p != nil {
		return *p
	}
	return nil
}

// Dial opens a connection, if that is possible on this network.
func (n *Network) Dial(ctx context.Context, address string) (net.Conn, error) {
	to := place(address)
	for {
		if !n.reaches(to) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errCut}
		}
		held := n.hold()
		if held == nil {
			break
		}
		select {
		case <-held:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: network.Quick(nc), network: n, to: to, closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, refused := n.refused[to]; n.cut || refused {
		nc.Close()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errCut}
	}
	c.limit.Store(n.limits[to])
	n.dialled[c] = struct{}{}
	return c, nil
}

func (n *Network) reaches(to string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, refused := n.refused[to]
	return !n.cut && !refused
}

func (n *Network) wrap(ln net.Listener) net.Listener { return &listener{ln, n} }

type listener struct {
	net.Listener
	network *Network
}

// Accept returns the system's connections, which the broker serves in ways of its own; what holds
// them up is Hold.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.network.remember(nc) {
			return nc, nil
		}
		nc.Close()
	}
}

// leastSweep is how many accepted connections are kept before closed ones are looked for.
const leastSweep = 64

// remember takes a connection in that was accepted, unless the network is cut. Nobody tells when it
// is closed: closed ones are forgotten when there are many.
func (n *Network) remember(nc net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut {
		return false
	}
	if len(n.accepted) >= n.sweepAt {
		for old := range n.accepted {
			if isClosed(old) {
				delete(n.accepted, old)
			}
		}
		n.sweepAt = max(leastSweep, 2*len(n.accepted))
	}
	n.accepted[nc] = struct{}{}
	return true
}

func isClosed(nc net.Conn) bool {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	return err != nil || raw.Control(func(uintptr) {}) != nil
}

// conn is a connection that the broker has opened. It waits before each read and write while its
// network is paused.
type conn struct {
	net.Conn
	network *Network
	to      string
	limit   atomic.Int64 // bytes a second to read; 0 for no limit
	once    sync.Once
	closed  chan struct{}
}

func (c *conn) pass() error {
	for {
		held := c.network.hold()
		if held == nil {
			return nil
		}
		select {
		case <-held:
		case <-c.closed:
			return net.ErrClosed
		}
	}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	limit := c.limit.Load()
	if limit > 0 {
		p = p[:min(int64(len(p)), max(1, limit/slices))]
	}
	n, err := c.Conn.Read(p)
	if n == 0 {
		return n, err
	}
	if limit > 0 {
		wait := time.NewTimer(time.Duration(n) * time.Second / time.Duration(limit))
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	if err := c.pass(); err != nil { // what came in meanwhile is held up as well
		return 0, err
	}
	return n, err
}

// slices is into how many parts a second of a slow connection is cut.
const slices = 20

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.network.mu.Lock()
		delete(c.network.dialled, c)
		c.network.mu.Unlock()
	})
	return c.Conn.Close()
}

// Sever breaks all connections for good, and lets none be made.
func (n *Network) Sever() {
	n.mu.Lock()
	n.cut = true
	accepted := n.accepted
	n.accepted = map[net.Conn]struct{}{}
	n.mu.Unlock()
	for nc := range accepted {
		nc.Close() // some are closed already
	}
	n.breakConns(func(*conn) bool { return true })
}

// breakConns closes the connections that match, of those that the broker has opened.
func (n *Network) breakConns(match func(*conn) bool) {
	n.mu.Lock()
	var broken []*conn
	for c := range n.dialled {
		if match(c) {
			broken = append(broken, c)
		}
	}
	n.mu.Unlock()
	for _, c := range broken {
		c.Close()
	}
}

// Refuse puts an address out of reach of this broker, Allow brings it back. Connections that others
// have opened to it stay.
func (n *Network) Refuse(address string) {
	to := place(address)
	n.mu.Lock()
	n.refused[to] = struct{}{}
	n.mu.Unlock()
	n.breakConns(func(c *conn) bool { return c.to == to })
}

// Allow ends a Refuse.
func (n *Network) Allow(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.refused, place(address))
}

// Slow lets the broker read no more than so many bytes a second on each connection that it has
// opened to an address; 0 ends that.
func (n *Network) Slow(address string, bytesPerSecond int64) {
	to := place(address)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.limits[to] = bytesPerSecond; bytesPerSecond == 0 {
		delete(n.limits, to)
	}
	for c := range n.dialled {
		if c.to == to {
			c.limit.Store(bytesPerSecond)
		}
	}
}

// Pause holds up everything that the broker sends and receives, as a stopped process would. Resume
// lets it go on.
func (n *Network) Pause() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.paused.Load() == nil {
		held := make(chan struct{})
		n.paused.Store(&held)
	}
}

// Resume ends a Pause.
func (n *Network) Resume() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if held := n.paused.Swap(nil); held != nil {
		close(*held)
	}
}

package zk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	gozk "github.com/go-zookeeper/zk"
)

// Dialer opens a connection to a ZooKeeper server.
type Dialer = func(network, address string, timeout time.Duration) (net.Conn, error)

// Errors of operations; compare with errors.Is.
var (
	ErrNoNode         = gozk.ErrNoNode
	ErrNodeExists     = gozk.ErrNodeExists
	ErrBadVersion     = gozk.ErrBadVersion
	ErrNotEmpty       = gozk.ErrNotEmpty
	ErrNoAuth         = gozk.ErrNoAuth
	ErrSessionExpired = gozk.ErrSessionExpired
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("zookeeper client is closed")
	// ErrControllerMoved means that /controller_epoch has changed since this controller was
	// elected.
	ErrControllerMoved = errors.New("controller moved: /controller_epoch has another version")
)

var errConnectTimeout = errors.New("connect timeout")

// Stat is what ZooKeeper knows about a node.
type Stat = gozk.Stat

// session is one ZooKeeper session and the library connection that serves it, and only it.
type session struct {
	conn    *gozk.Conn
	expired chan struct{} // closed when the server declared the session expired
	closed  chan struct{} // closed by close
	id      atomic.Int64  // survives expiry, unlike conn's

	mu struct {
		sync.Mutex
		// connected is what the library has told last, and false for good once the session is
		// expired or closed.
		connected bool
		change    chan struct{} // closed and replaced when connected changes
		expired   bool
		closed    bool
		history   chronicle
		attempts
	}
}

func dialTCP(network, address string, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout(network, address, timeout)
}

// hostList offers the servers in turn and leaves name resolution to the dialer, so that a name may
// appear or change later (containers that start together).
type hostList struct {
	mu      sync.Mutex
	servers []string
	current int
	last    int
}

func (h *hostList) Init(servers []string) error {
	h.servers, h.current, h.last = servers, -1, -1
	return nil
}

func (h *hostList) Len() int { return len(h.servers) }

// Next goes round the servers; retryStart says that all of them were tried since the last
// connection.
func (h *hostList) Next() (server string, retryStart bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current = (h.current + 1) % len(h.servers)
	retryStart = h.current == h.last
	if h.last == -1 {
		h.last = 0
	}
	return h.servers[h.current], retryStart
}

func (h *hostList) Connected() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = h.current
}

// cappedConn shortens the library's read deadlines: its handshake would wait more than six session
// timeouts for a server that accepts connections but does not answer.
type cappedConn struct {
	net.Conn
	limit time.Duration
	in    *bufio.Reader // the library reads each answer in two pieces
}

func (c cappedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c cappedConn) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		if latest := time.Now().Add(c.limit); t.After(latest) {
			t = latest
		}
	}
	return c.Conn.SetReadDeadline(t)
}

// openSession begins a session with a connection of the library. A session that has expired never
// connects again: what was begun under it must not go on under another.
func (c *Client) openSession() (*session, error) {
	s := &session{expired: make(chan struct{}), closed: make(chan struct{})}
	s.mu.change = make(chan struct{})
	s.mu.history.j = c.opts.Journal
	open, watches := c.login(s), new(rearming)
	dial := func(network, address string, timeout time.Duration) (net.Conn, error) {
		if s.isExpired() || s.isClosed() {
			return nil, ErrSessionExpired // this connection must never open a second session
		}
		conn, err := open(network, address, timeout)
		if err != nil {
			c.failed(s, err)
			return nil, err
		}
		conn = &rearmConn{Conn: conn, r: watches}
		return cappedConn{conn, c.opts.SessionTimeout * 2 / 3, bufio.NewReaderSize(conn, 16<<10)}, nil
	}
	onEvent := func(ev gozk.Event) {
		if ev.Type == gozk.EventSession {
			c.events.count(ev.State)
			s.onState(ev.State, func() int64 { return s.conn.SessionID() })
			return
		}
		if ev.Err == nil && !s.isExpired() && !s.isClosed() {
			ev.Path = c.rel(ev.Path)
			c.hub.dispatch(ev)
		}
	}
	// The library calls back before Connect has returned; conn is set before any callback may need
	// it.
	ready := make(chan struct{})
	conn, _, err := gozk.Connect(c.servers, c.opts.SessionTimeout,
		gozk.WithEventCallback(func(ev gozk.Event) { <-ready; onEvent(ev) }),
		gozk.WithDialer(dial), gozk.WithHostProvider(&hostList{}),
		gozk.WithLogger(libraryLogger{c}), gozk.WithLogInfo(false), gozk.WithMaxConnBufferSize(maxPacketBytes))
	s.conn = conn
	close(ready)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// maxPacketBytes bounds what is sent: ZooKeeper's default jute.maxbuffer is 1 MiB, larger ones are
// raised by operators.
const maxPacketBytes = 4 << 20

// onState follows the library's states. Expiry is final; a connection that comes and goes only
// wakes those who wait for it.
func (s *session) onState(state gozk.State, id func() int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	connected := s.mu.connected
	switch state {
	case gozk.StateHasSession:
		s.id.Store(id())
		// A connection that succeeded makes earlier refusals void.
		s.mu.attempts = attempts{}
		connected = !s.mu.expired && !s.mu.closed
	case gozk.StateExpired:
		connected = false
		if !s.mu.expired {
			s.mu.expired = true
			s.mu.history.expired(s.id.Load())
			close(s.expired)
		}
	case gozk.StateDisconnected, gozk.StateConnecting:
		connected = false
	}
	if connected != s.mu.connected {
		if !s.mu.closed && !s.mu.expired {
			s.mu.history.connection(connected, s.id.Load())
		}
		s.mu.connected = connected
		close(s.mu.change)
		s.mu.change = make(chan struct{})
	}
}

func (s *session) isConnected() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.mu.connected }
func (s *session) isExpired() bool   { s.mu.Lock(); defer s.mu.Unlock(); return s.mu.expired }
func (s *session) isClosed() bool    { s.mu.Lock(); defer s.mu.Unlock(); return s.mu.closed }

// close ends the session at the server, too, so that its ephemeral nodes go at once.
func (s *session) close() {
	if s.markClosed() {
		s.conn.Close() // without the lock: the library tells of it before it returns
	}
}

// markClosed makes the session closed for all who use it; false if it was already.
func (s *session) markClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return false
	}
	s.mu.closed, s.mu.connected = true, false
	close(s.closed)
	return true
}

// waitConnected waits until the session is established; timeout 0 waits for ever.
func (s *session) waitConnected(ctx context.Context, timeout time.Duration) error {
	var timer <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		timer = t.C
	}
	for {
		s.mu.Lock()
		connected, change, expired, closed, refused := s.mu.connected, s.mu.change, s.mu.expired, s.mu.closed, s.mu.refused
		s.mu.Unlock()
		switch {
		case closed && !expired:
			return ErrClosed
		case expired:
			return ErrSessionExpired
		case connected:
			return nil
		case refused != nil:
			return refused
		}
		select {
		case <-change:
		case <-s.expired:
		case <-s.closed:
		case <-timer:
			return errConnectTimeout
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// do runs op until it ends otherwise than by a lost connection. repeated is true from the second
// attempt on: an earlier one may have been applied.
func (s *session) do(ctx context.Context, op func(conn *gozk.Conn, repeated bool) error) error {
	for repeated := false; ; repeated = true {
		if err := s.waitConnected(ctx, 0); err != nil {
			return err
		}
		change := s.nextChange()
		err := op(s.conn, repeated)
		switch {
		case err == nil:
			return nil
		// Also if the error says something else: what was tried under an expired session is not
		// repeated.
		case errors.Is(err, gozk.ErrSessionExpired), s.isExpired():
			return ErrSessionExpired
		case s.isClosed():
			return ErrClosed
		case !connectionLost(err):
			return err
		}
		// The connection's state changes a moment after its requests have failed; not with every
		// error, though.
		timer := time.NewTimer(lostWait)
		select {
		case <-change:
		case <-s.expired:
		case <-s.closed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// lostWait bounds how long a failed request waits for its connection to be known as lost.
const lostWait = 250 * time.Millisecond

// nextChange is closed when the session gets connected or disconnected, or ends.
func (s *session) nextChange() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.change
}

// connectionLost reports whether an error says that the connection broke, so that nobody knows
// whether the operation was applied. ErrNoServer is the library's word for none being left to try.
func connectionLost(err error) bool {
	var netErr net.Error
	return errors.Is(err, gozk.ErrConnectionClosed) || errors.Is(err, gozk.ErrNoServer) || errors.Is(err, gozk.ErrClosing) ||
		errors.Is(err, gozk.ErrSessionMoved) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.ErrClosedPipe) || errors.As(err, &netErr)
}

// libraryLogger passes the library's lines on at debug level: what matters is logged by Client
// itself.
type libraryLogger struct{ c *Client }

func (l libraryLogger) Printf(format string, args ...any) {
	l.c.log.Debug("zookeeper library: " + fmt.Sprintf(format, args...))
}

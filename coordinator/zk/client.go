package zk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/coordinator/zk/zksasl"
	"momus/internal/journal"
	"momus/internal/silent"
)

// Options configure a Client.
type Options struct {
	// Connect is zookeeper.connect: host:port pairs, and the chroot once at the end.
	Connect string
	// SessionTimeout is zookeeper.session.timeout.ms (18 s when 0), ConnectTimeout
	// zookeeper.connection.timeout.ms (SessionTimeout when 0).
	SessionTimeout, ConnectTimeout time.Duration
	// MaxInFlight is zookeeper.max.in.flight.requests (10 when 0).
	MaxInFlight int
	// SecureACLs is zookeeper.set.acl.
	SecureACLs bool
	// Dial opens the TCP (or TLS) connection; the plain one when nil.
	Dial Dialer
	// SASL logs each connection in; nil for no login. Who says as whom and where that is
	// configured, for errors.
	SASL   zksasl.Mechanism
	Who    string
	Logger *logrus.Entry
	// Journal is told of sessions and connections; may be nil.
	Journal *journal.Journal
}

// SessionHandler is told when a session was lost. Both functions run on the Client's goroutine, one
// handler after the other in order of registration, and may use the Client and block.
type SessionHandler struct {
	// Lost is called when the old session has expired, before a new one is opened; operations fail
	// meanwhile.
	Lost func()
	// Renewed is called when the new session is there.
	Renewed func(ctx context.Context)
}

// Client is a ZooKeeper session with what it takes to keep one. Its methods may be called from any
// goroutine.
type Client struct {
	opts    Options
	servers []string
	chroot  string // "" or /a/b
	log     *logrus.Entry
	hub     *hub

	current atomic.Pointer[session]
	// inFlight bounds what is sent but not yet answered.
	inFlight chan struct{}

	mu struct {
		sync.Mutex
		handlers []*SessionHandler // in the order in which they were added
	}

	events Events

	cancel context.CancelFunc
	done   chan struct{} // closed when run has returned
}

// Dial opens the first session and creates the chroot. It gives up after ConnectTimeout with an
// error that says what to look at.
func Dial(ctx context.Context, opts Options) (*Client, error) {
	if opts.SessionTimeout == 0 {
		opts.SessionTimeout = 18 * time.Second
	}
	if opts.ConnectTimeout <= 0 {
		opts.ConnectTimeout = opts.SessionTimeout
	}
	if opts.MaxInFlight <= 0 {
		opts.MaxInFlight = 10
	}
	if opts.Dial == nil {
		opts.Dial = dialTCP
	}
	if opts.Logger == nil {
		opts.Logger = silent.Logger()
	}
	servers, chroot, err := ParseConnect(opts.Connect)
	if err != nil {
		return nil, err
	}
	c := &Client{
		opts: opts, servers: servers, chroot: chroot, log: opts.Logger, hub: newHub(),
		inFlight: make(chan struct{}, opts.MaxInFlight), done: make(chan struct{}),
	}
	s, err := c.openSession()
	if err != nil {
		return nil, fmt.Errorf("zookeeper.connect=%s: %w", opts.Connect, err)
	}
	if err := s.waitConnected(ctx, opts.ConnectTimeout); err != nil {
		s.close()
		if errors.Is(err, errConnectTimeout) {
			err = c.connectTimeoutError(s.lastFailure())
		}
		return nil, fmt.Errorf("zookeeper.connect=%s: %w", opts.Connect, err)
	}
	c.current.Store(s)
	if err := c.createChroot(ctx); err != nil {
		s.close()
		return nil, fmt.Errorf("zookeeper.connect=%s: create chroot %s: %w", opts.Connect, chroot, err)
	}
	// The client outlives the context of its opening, which is a start's; Close ends it.
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	go c.run(runCtx) // ended by Close
	return c, nil
}

// connectTimeoutError says what was tried and what to do next. last is why the last attempt failed,
// nil if that is not known.
func (c *Client) connectTimeoutError(last error) error {
	why := ""
	if last != nil {
		why = fmt.Sprintf(" (%v)", last)
	}
	return fmt.Errorf("no answer within %v%s; is ZooKeeper running there? Check with: echo ruok | nc %s (answers imok), "+
		"or raise zookeeper.connection.timeout.ms", c.opts.ConnectTimeout, why, strings.Replace(c.servers[0], ":", " ", 1))
}

// Close ends the session, which removes its ephemeral nodes, and stops the Client's goroutine.
func (c *Client) Close() error {
	c.cancel()
	s := c.current.Load()
	s.close()
	<-c.done
	if latest := c.current.Load(); latest != s {
		latest.close()
	}
	return nil
}

// SessionID is the id of the current session.
func (c *Client) SessionID() int64 { return c.current.Load().conn.SessionID() }

// SessionTimeout is the timeout that was asked for.
func (c *Client) SessionTimeout() time.Duration { return c.opts.SessionTimeout }

// Connected tells whether the session is established and not known to be expired.
func (c *Client) Connected() bool { return c.current.Load().isConnected() }

// SessionState is the session's state in Kafka's words: CONNECTED, CONNECTING, EXPIRED or CLOSED.
func (c *Client) SessionState() string {
	switch s := c.current.Load(); {
	case s.isConnected():
		return "CONNECTED"
	case s.isClosed():
		return "CLOSED"
	case s.isExpired():
		return "EXPIRED"
	default:
		return "CONNECTING"
	}
}

// OnSession adds a handler for the loss of sessions. One that is called just now may still be after
// cancel.
func (c *Client) OnSession(h SessionHandler) (cancel func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	added := &h
	c.mu.handlers = append(c.mu.handlers, added)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.mu.handlers = slices.DeleteFunc(c.mu.handlers, func(h *SessionHandler) bool { return h == added })
	}
}

// handlers is a copy: handlers run without the lock, and may register others.
func (c *Client) handlers() []*SessionHandler {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.mu.handlers)
}

// run replaces sessions that expire, until Close.
func (c *Client) run(ctx context.Context) {
	defer close(c.done)
	for {
		old := c.current.Load()
		select {
		case <-ctx.Done():
			return
		case <-old.expired:
		}
		c.log.WithField("session", fmt.Sprintf("0x%x", old.id.Load())).Warn("session expired; a new one will be opened")
		// First of all: nothing of the old session may run on beside the new one.
		old.close()
		for _, h := range c.handlers() {
			if h.Lost != nil {
				h.Lost()
			}
		}
		next := c.reopen(ctx)
		if next == nil {
			return
		}
		c.current.Store(next)
		c.log.WithField("session", fmt.Sprintf("0x%x", next.id.Load())).Info("opened a new session")
		for _, h := range c.handlers() {
			if h.Renewed != nil && ctx.Err() == nil {
				h.Renewed(ctx)
			}
		}
	}
}

// reopen tries to get a session each second for ever; nil when ctx ended.
func (c *Client) reopen(ctx context.Context) *session {
	for attempt := 0; ; attempt++ {
		// Before the session is there, not after: a read of the new session must find every watch
		// unset.
		c.hub.disarmAll()
		s, err := c.openSession()
		if err == nil {
			if err = s.waitConnected(ctx, c.opts.ConnectTimeout); err == nil {
				return s
			}
			s.close()
		}
		if ctx.Err() != nil {
			return nil
		}
		if attempt%60 == 0 {
			c.log.WithError(err).Warn("could not open a new session; trying again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// ParseConnect splits zookeeper.connect into servers (the port defaults to 2181) and the chroot (""
// when there is none).
func ParseConnect(connect string) (servers []string, chroot string, err error) {
	hosts := connect
	if i := strings.IndexByte(connect, '/'); i >= 0 {
		hosts, chroot = connect[:i], strings.TrimRight(connect[i:], "/")
	}
	for _, h := range configs.NonEmpty(hosts) {
		if strings.HasPrefix(h, "[") { // [::1]:2181
			if strings.HasSuffix(h, "]") {
				h += ":2181"
			}
		} else if strings.Count(h, ":") == 0 {
			h += ":2181"
		}
		servers = append(servers, h)
	}
	if len(servers) == 0 {
		return nil, "", fmt.Errorf("zookeeper.connect=%q names no server; give host:port pairs such as localhost:2181", connect)
	}
	if strings.Contains(chroot, "//") {
		return nil, "", fmt.Errorf("zookeeper.connect=%q: the chroot has an empty path element", connect)
	}
	return servers, chroot, nil
}

package network

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"momus/internal/loglimit"
	"momus/internal/model"
)

// Server listens, and owns its connections.
type Server struct {
	o         Options
	pool      bufferPool
	memory    budget
	strangers budget // of connections that are not authenticated
	gate      *gate
	lobby     *lobby
	porter    *porter      // nil where there is none; set before anything is accepted
	hearing   atomic.Int32 // goroutines that wait for a stranger to speak
	idle      chan *Conn   // to goroutines that have served
	resting   atomic.Int32 // such goroutines
	ownLimit  int64        // of memory, when the configuration has none
	// lastAnswers bounds how long connections may take to write the answers that end with the server.
	lastAnswers time.Duration
	queuedSet   sync.Pool // of *queued
	// refused and bad bound the lines about connections that are refused, and that are closed for
	// what they sent.
	refused, bad loglimit.Limit

	index atomic.Int64 // of the next connection, part of its ID
	wg    sync.WaitGroup

	mu struct {
		sync.Mutex
		listeners []*listener
		serving   context.Context // the life of Run; nil before
		stopped   bool            // by Close: nobody listens any more
		// conns and the counts change together; perIP and perList have no entries of 0 but for
		// listeners.
		conns   map[*Conn]struct{}
		perIP   map[string]int
		perList map[string]int
		freed   chan struct{} // closed and dropped when a connection has gone; nil when nobody waits
	}
}

// New makes a server that does not listen yet.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Logger == nil {
		l := logrus.New()
		o.Logger = logrus.NewEntry(l)
	}
	s := &Server{o: o, ownLimit: defaultMemory(), lastAnswers: time.Second, gate: newGate(), lobby: newLobby(lobbySize, o.Now), idle: make(chan *Conn)}
	s.memory.limit = s.memoryLimit
	s.strangers.limit = func() int64 { return strangerMemory }
	s.mu.conns = make(map[*Conn]struct{})
	s.mu.perIP = make(map[string]int)
	s.mu.perList = make(map[string]int)
	return s
}

// memoryLimit is the bound for bytes of frames: queued.max.request.bytes, or a quarter of the
// memory limit of the process, at most 512 MiB.
func (s *Server) memoryLimit() int64 {
	if n := s.o.Limits().QueuedBytes; n > 0 {
		return n
	}
	return s.ownLimit
}

func defaultMemory() int64 {
	const most, least = 512 << 20, 16 << 20
	// -1 only asks. The limit is GOMEMLIMIT, or what the command has set from the container's.
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return most
	}
	return max(least, min(most, limit/4))
}

func (s *Server) maxPending() int {
	if n := s.o.Limits().MaxPending; n > 0 {
		return n
	}
	return defaultMaxPending
}

// MemoryUsed is the number of bytes in frames that are being received or executed, MemoryLimit what
// they may be.
func (s *Server) MemoryUsed() int64  { return s.memory.used.Load() }
func (s *Server) MemoryLimit() int64 { return s.memoryLimit() }

// Connections is the number of open connections of a listener.
func (s *Server) Connections(listener string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.perList[listener]
}

// Run serves until ctx ends, then closes the listeners and all connections, and returns once all
// goroutines have ended. Answers that are pending when ctx ends are completed, which waits for
// nobody any more, and written if the client reads them: it then knows that it is to send again,
// where a connection that just ends is taken by some for one that is refused.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.startAccepting(ctx)
	s.sweep(ctx)
	s.Close()
	s.porter.close()
	for _, c := range s.all() {
		// Each ends by itself once it has answered what it has begun.
		c.retire()
	}
	ended := make(chan struct{})
	go func() { // ended with the last connection
		defer close(ended)
		s.wg.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(s.lastAnswers):
	}
	for _, c := range s.all() {
		c.close()
	}
	<-ended
	return nil
}

// all is a copy, so that closing, which calls back, happens outside of the lock.
func (s *Server) all() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*Conn, 0, len(s.mu.conns))
	for c := range s.mu.conns {
		conns = append(conns, c)
	}
	return conns
}

// accept takes connections of one listener until it is closed.
func (s *Server) accept(ctx context.Context, l *listener) {
	for {
		nc, err := l.ln.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of file handles, or a connection that was gone before it was accepted.
			s.o.Logger.WithField("listener", l.Name).WithError(err).Warn("could not accept a connection")
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return
			}
			continue
		}
		if !s.admit(ctx, l, nc) {
			nc.Close()
		}
	}
}

// admit waits for room and starts the connection; false when it is refused.
func (s *Server) admit(ctx context.Context, l *listener, nc net.Conn) bool {
	ip := hostOf(nc.RemoteAddr())
	for blocked := false; ; {
		limits := s.o.Limits()
		s.mu.Lock()
		if l.removed {
			s.mu.Unlock()
			return false
		}
		// As in Kafka: with a single listener clients and brokers cannot be told apart.
		protected := l.Name == limits.InterBrokerListener && len(s.mu.listeners) > 1
		full := false
		if n, ok := limits.MaxConnectionsListener[l.Name]; ok && s.mu.perList[l.Name] >= int(n) {
			full = true
		} else if !protected && len(s.mu.conns) >= max(1, int(limits.MaxConnections)) {
			full = true
		}
		if !full {
			// After the limits that make it wait, as in Kafka: a refused connection must not take a
			// place.
			if s.mu.perIP[ip] >= perIP(limits, ip) {
				s.mu.Unlock()
				if s.o.Hooks.Refused != nil {
					s.o.Hooks.Refused(l.Name, "per-ip")
				}
				s.refused.Log(s.o.Now(), s.o.Logger.WithField("listener", l.Name), logrus.InfoLevel, fmt.Sprintf(
					"Rejected connection from %s, address already has the configured maximum of %d connections.", javaHost(nc.RemoteAddr(), ip), perIP(limits, ip)))
				return false
			}
			c := s.newConn(l, nc, ip)
			s.mu.conns[c] = struct{}{}
			s.mu.perIP[ip]++
			s.mu.perList[l.Name]++
			over := protected && len(s.mu.conns) > max(1, int(limits.MaxConnections))
			s.mu.Unlock()
			if over {
				s.closeLeastActive(limits.InterBrokerListener)
			}
			s.guard(c, func() {
				if s.o.Hooks.Accepted != nil {
					s.o.Hooks.Accepted(l.Name)
				}
				s.receive(ctx, c)
			})
			return true
		}
		if s.mu.freed == nil {
			s.mu.freed = make(chan struct{})
		}
		freed := s.mu.freed
		s.mu.Unlock()
		if !blocked {
			blocked = true
			s.refused.Log(s.o.Now(), s.o.Logger.WithField("listener", l.Name), logrus.WarnLevel, "connections wait: the limit of connections is reached")
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return false
		}
	}
}

// perIP is how many connections an address may have.
func perIP(l *Limits, ip string) int {
	if n, ok := l.MaxConnectionsPerIPHost[ip]; ok {
		return int(n)
	}
	return int(l.MaxConnectionsPerIP)
}

// hostOf is the numeric address, which limits are by; of other networks, as in tests, the whole
// name.
func hostOf(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.IP.String()
	}
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// neighbourhood is what strangers take turns by: an address, and of IPv6 the network of 64 bits, as
// nobody has fewer addresses there than those of one. host is the address.
func neighbourhood(a net.Addr, host string) string {
	t, ok := a.(*net.TCPAddr)
	if !ok || t.IP.To4() != nil || len(t.IP) != net.IPv6len {
		return host
	}
	return t.IP.Mask(net.CIDRMask(64, 128)).String()
}

// javaHost is an address as Java's InetAddress prints it: a slash, and IPv6 in eight groups without
// leading zeros. host is the address.
func javaHost(a net.Addr, host string) string {
	t, ok := a.(*net.TCPAddr)
	if !ok || t.IP.To4() != nil || len(t.IP) != net.IPv6len {
		return "/" + host
	}
	b := []byte{'/'}
	for i := 0; i < net.IPv6len; i += 2 {
		if i > 0 {
			b = append(b, ':')
		}
		b = strconv.AppendUint(b, uint64(t.IP[i])<<8|uint64(t.IP[i+1]), 16)
	}
	if t.Zone != "" {
		b = append(append(b, '%'), t.Zone...)
	}
	return string(b)
}

// connectionID names a connection as Kafka's logs do.
func connectionID(local, remote net.Addr, index int64) string {
	b := make([]byte, 0, 96)
	b = append(appendAddr(b, local), '-')
	b = append(appendAddr(b, remote), '-')
	return string(strconv.AppendInt(b, index, 10))
}

// appendAddr appends host:port, without the strings that net.Addr makes of it.
func appendAddr(b []byte, a net.Addr) []byte {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return append(b, a.String()...)
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port()).AppendTo(b)
}

func (s *Server) newConn(l *listener, nc net.Conn, host string) *Conn {
	c := &Conn{Listener: l.Name, Protocol: l.Protocol, Remote: nc.RemoteAddr(), Local: nc.LocalAddr()}
	c.srv, c.base, c.nc, c.tls, c.host, c.ip = s, nc, nc, l.TLS, host, neighbourhood(nc.RemoteAddr(), host)
	c.index = s.index.Add(1) - 1
	c.stranger.Store(l.Protocol == model.SASLPlaintext || l.Protocol == model.SASLSSL)
	if tcp, ok := nc.(*net.TCPConn); ok {
		tune(tcp, s.o.Limits())
		if l.TLS == nil {
			if raw, err := tcp.SyscallConn(); err == nil {
				c.raw = raw
			}
		}
	}
	c.touch()
	return c
}

// closeLeastActive closes the connection that was idle longest on any listener but one.
func (s *Server) closeLeastActive(except string) {
	var oldest *Conn
	now := s.o.Now()
	var since time.Time
	for _, c := range s.all() {
		if c.Listener == except || c.broken.Load() {
			continue
		}
		if t := c.idleSince(now); oldest == nil || t.Before(since) {
			oldest, since = c, t
		}
	}
	if oldest != nil {
		oldest.close()
	}
}

// starvation is how long a connection may wait for memory before one that holds some and makes no
// progress is closed.
const starvation = 5 * time.Second

// sweep closes idle connections, and stalled ones when memory is short, until ctx ends.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.sweepOnce(s.o.Now())
	}
}

// sweepOnce looks at every connection once. It never waits for one.
func (s *Server) sweepOnce(now time.Time) {
	if idle := s.o.Limits().MaxIdle; idle > 0 {
		for _, c := range s.all() {
			if !c.broken.Load() && now.Sub(c.idleSince(now)) > idle {
				c.close()
				if s.o.Hooks.IdleClosed != nil {
					s.o.Hooks.IdleClosed(c.Listener)
				}
			}
		}
	}
	if s.memory.starving(now.Add(-starvation)) {
		s.closeStalled(now, false)
	}
	for _, c := range s.lobby.stalled() {
		c.close()
	}
	if s.strangers.starving(now.Add(-starvation)) {
		s.closeStalled(now, true)
	}
}

// closeStalled closes the connection that has been receiving one frame longest without progress, if
// that is long: it holds memory that others wait for. One that waits for memory itself is not to
// blame, unless all do.
//
// Strangers share memory of their own. For them the whole frame must come in that time, or a byte
// now and then would hold it for ever, and all who are too slow have to go: there may be as many as
// hold the memory.
func (s *Server) closeStalled(now time.Time, strangers bool) {
	var stalled *Conn
	since := now.Add(-starvation)
	for _, c := range s.all() {
		if !c.receiving.Load() || c.broken.Load() || c.stranger.Load() != strangers {
			continue
		}
		t := time.Unix(0, c.lastActive.Load())
		if strangers {
			t = time.Unix(0, c.frameBegan.Load())
		}
		if !t.Before(now.Add(-starvation)) {
			continue
		}
		if strangers && !c.starved.Load() {
			c.close()
		}
		if stalled == nil || stalled.starved.Load() && !c.starved.Load() || t.Before(since) && stalled.starved.Load() == c.starved.Load() {
			stalled, since = c, t
		}
	}
	if stalled != nil && strangers {
		stalled.close()
		return
	}
	if stalled != nil {
		s.o.Logger.WithField("connection", stalled.ID).Warn("closed a connection that sent too slowly while memory was short")
		stalled.close()
	}
}

// newQueued makes an answer that will be queued, with storage.
func (s *Server) newQueued() *queued {
	q, _ := s.queuedSet.Get().(*queued)
	if q == nil {
		q = &queued{}
	}
	q.buf = s.pool.get(minPooled)
	return q
}

func (s *Server) freeQueued(q *queued) {
	q.buf.b = q.out.takeBuffer(q.buf.b)
	s.pool.put(q.buf)
	q.buf, q.pending = nil, nil
	s.queuedSet.Put(q)
}

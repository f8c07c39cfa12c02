package zkserver

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"momus/internal/silent"
	"momus/storage/vfs"
)

// Server is one coordination server. Several may run in one process, each with its own Options.Dir.
//
// Run has these goroutines: one that accepts connections, one that writes the log, one that ticks,
// sometimes one that writes a snapshot, and two for every connection.
type Server struct {
	options  Options
	logger   *logrus.Entry
	listener net.Listener
	secure   net.Listener // nil without TLS
	store    *store
	start    time.Time
	awayMs   atomic.Int64 // how long the server did not run since
	workers  sync.WaitGroup
	kafkaMet sync.Once // a Kafka client has come to this port, and that was logged

	// mu guards the core, and is taken before a connection's own lock. It is never held across I/O.
	mu struct {
		sync.Mutex
		core     *core
		conns    map[*client]*conn
		perHost  map[string]int
		unlogged *sync.Cond // there are transactions to be logged, or the server stops
		progress *sync.Cond // transactions have been answered, or the server stops
		stopping bool
	}
}

// New opens the data in o.Dir, repairing a torn end of its log, and begins to listen; connections
// are accepted once Run is called. A Server whose Run is never called must be closed with Close.
func New(o Options) (*Server, error) {
	o.setDefaults()
	if o.Dir == "" {
		return nil, errors.New("zkserver: no directory given")
	}
	if o.SecureOnly && o.TLS == nil {
		return nil, errors.New("zkserver: a server for TLS alone needs a certificate")
	}
	s := &Server{options: o, logger: o.Logger, start: o.Now()}
	c := newCore(&o)
	began := time.Now()
	var err error
	if s.store, err = openStore(o.FS, o.Dir, o.NoSync, c, o.Logger); err != nil {
		return nil, fmt.Errorf("open the coordination server's data: %w", err)
	}
	if !o.SecureOnly {
		if s.listener, err = net.Listen("tcp", o.Listen); err != nil {
			return nil, errors.Join(fmt.Errorf("coordination server: %w", err), s.store.close())
		}
	}
	if o.TLS != nil {
		if s.secure, err = net.Listen("tcp", o.SecureListen); err != nil {
			return nil, errors.Join(fmt.Errorf("coordination server, port for TLS: %w", err), s.Close())
		}
	}
	c.serve(s.now(), o.EndOldSessions, s.store.loadSilence())
	s.mu.core = c
	s.mu.conns = make(map[*client]*conn)
	s.mu.perHost = make(map[string]int)
	s.mu.unlogged = sync.NewCond(&s.mu)
	s.mu.progress = sync.NewCond(&s.mu)
	s.logger.WithFields(logrus.Fields{
		"address": s.Addr().String(), "dir": o.Dir, "nodes": len(c.tree.nodes), "sessions": len(c.sessions.byID),
		"zxid": fmt.Sprintf("%#x", c.lastZxid), "took": time.Since(began).Round(time.Microsecond).String(),
	}).Info("coordination server opened")
	return s, nil
}

// setDefaults fills in what was left out, with ZooKeeper's defaults.
func (o *Options) setDefaults() {
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.SecureListen == "" {
		o.SecureListen = "127.0.0.1:0"
	}
	if o.TickTime <= 0 {
		o.TickTime = DefaultTickTime
	}
	o.TickTime = max(o.TickTime, time.Millisecond)
	if o.MinSessionTimeout <= 0 {
		o.MinSessionTimeout = 2 * o.TickTime
	}
	if o.MaxSessionTimeout <= 0 {
		o.MaxSessionTimeout = 20 * o.TickTime
	}
	if o.MaxClientCnxns == 0 {
		o.MaxClientCnxns = DefaultMaxClientCnxns
	}
	if o.MaxBuffer <= 0 {
		o.MaxBuffer = DefaultMaxBuffer
	}
	if o.SnapshotBytes <= 0 {
		o.SnapshotBytes = DefaultSnapshotBytes
	}
	if o.Logger == nil {
		o.Logger = silent.Logger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Addr is the address the server listens on, for clients in the same machine or container: that
// for TLS when it has no other.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return s.secure.Addr()
	}
	return s.listener.Addr()
}

// SecureAddr is the address for TLS, nil when there is none.
func (s *Server) SecureAddr() net.Addr {
	if s.secure == nil {
		return nil
	}
	return s.secure.Addr()
}

// Close releases what New took. It is only for a server whose Run was not called.
func (s *Server) Close() error { return errors.Join(s.closeListeners(), s.store.close()) }

func (s *Server) closeListeners() error {
	var errs []error
	for _, l := range []net.Listener{s.listener, s.secure} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

// now is the time of an event.
func (s *Server) now() instant {
	t := s.options.Now()
	return instant{wallMs: t.UnixMilli(), elapsedMs: t.Sub(s.start).Milliseconds() - s.awayMs.Load()}
}

// away is how long the server itself did not run, when so much time has passed between two looks that
// are at most a tick apart.
func away(passed, tick time.Duration) time.Duration {
	if passed <= 2*tick {
		return 0
	}
	return passed - tick
}

// Run serves until ctx is cancelled or the log cannot be written, and returns when every goroutine
// of the server has ended and its files are closed. It returns nil after a cancelled ctx. Sessions
// survive it: they are in the log, and a server started on the same Dir gives their clients a whole
// timeout to come back.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	logged := make(chan error, 1)
	go func() { // ended by stop
		logged <- s.writeLog()
		cancel()
	}()
	if s.listener != nil {
		s.workers.Go(func() { s.accept(s.listener, nil) }) // ended by stop, which closes the listener
	}
	if s.secure != nil {
		s.workers.Go(func() { s.accept(s.secure, s.options.TLS) }) // likewise
	}
	s.workers.Go(func() { s.tick(ctx) }) // ended by ctx
	<-ctx.Done()
	s.stop()
	s.workers.Wait()
	err := <-logged
	if err == nil {
		err = s.finalSnapshot()
	}
	return errors.Join(err, s.store.close())
}

// stop makes every goroutine end: no new connections, no more requests, and the log is finished.
func (s *Server) stop() {
	s.closeListeners() // its error says that they are closed already
	s.mu.Lock()
	s.mu.stopping = true
	for _, c := range s.mu.conns {
		c.abort()
	}
	s.mu.unlogged.Broadcast()
	s.mu.progress.Broadcast()
	s.mu.Unlock()
}

// accept takes the connections of a listener, which speak TLS if config is not nil.
func (s *Server) accept(l net.Listener, config *tls.Config) {
	for {
		nc, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			s.logger.WithError(err).Warn("could not accept a connection")
			time.Sleep(10 * time.Millisecond) // out of file handles: wait for some to be closed
			continue
		}
		c := newConn(s, nc)
		if config != nil {
			c.secure = tls.Server(nc, config)
			c.net = c.secure
		}
		if !s.register(c) {
			nc.Close() // not the TLS on it, which would say goodbye and might wait
			continue
		}
		s.workers.Go(c.read)
		s.workers.Go(c.write)
	}
}

// register enters a connection unless its host has too many already.
func (s *Server) register(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stopping {
		return false
	}
	if limit := s.options.MaxClientCnxns; limit > 0 && s.mu.perHost[c.host] >= limit {
		s.logger.WithFields(logrus.Fields{"client": c.host, "limit": limit}).Warn("refused a connection: too many from this host (maxClientCnxns)")
		return false
	}
	s.mu.perHost[c.host]++
	s.mu.conns[&c.client] = c
	c.client.stats = clientStats{establishedMs: s.now().wallMs, lastXid: -1}
	return true
}

// unregister forgets a connection; its session lives on until its time-out.
func (s *Server) unregister(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.core.disconnected(&c.client)
	delete(s.mu.conns, &c.client)
	if s.mu.perHost[c.host]--; s.mu.perHost[c.host] == 0 {
		delete(s.mu.perHost, c.host)
	}
	s.mu.progress.Broadcast()
}

// deliverLocked hands what the core has decided to the connections and to the log.
func (s *Server) deliverLocked() {
	core := s.mu.core
	for i := range core.effects {
		e := &core.effects[i]
		// A connection that has ended meanwhile gets nothing.
		if c := s.mu.conns[e.client]; c != nil {
			c.send(e.frame, e.close)
		}
		*e = effect{}
	}
	core.effects = core.effects[:0]
	if len(core.unlogged) > 0 {
		s.mu.unlogged.Signal()
	}
}

// Bounds of what may wait in memory. A connection that reaches one is not read from until there is
// room again.
const (
	maxWaiting     = 1000     // requests of one connection without an answer (ZooKeeper's globalOutstandingLimit)
	maxDeferred    = 64       // of these, reads that wait for a write: their answers may be large, and come all at once
	maxQueued      = 10_000   // transactions on their way to the log
	maxQueuedBytes = 32 << 20 // and the requests that they come from
	maxUnsent      = 4 << 20  // bytes of one connection's answers
)

// waitForRoomLocked waits while there is too much under way. It returns false when the server
// stops.
func (s *Server) waitForRoomLocked(c *conn) bool {
	core := s.mu.core
	for !s.mu.stopping && (c.client.waiting >= maxWaiting || c.client.deferred >= maxDeferred ||
		len(core.queue) >= maxQueued || core.queued >= maxQueuedBytes) {
		s.mu.progress.Wait()
	}
	return !s.mu.stopping
}

// identify records who a connection is.
func (s *Server) identify(c *conn, id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.client.addAuth(id)
}

// connect hands the first frame of a connection to the core. It returns false when the connection
// has to end.
func (s *Server) connect(c *conn, r connectRequest) bool {
	var secret [16]byte
	rand.Read(secret[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.waitForRoomLocked(c) {
		return false
	}
	s.mu.core.connected(s.now(), &c.client, r, secret)
	s.deliverLocked()
	return true
}

// request hands any later frame to the core.
func (s *Server) request(c *conn, frame []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.waitForRoomLocked(c) {
		return false
	}
	ok := s.mu.core.request(s.now(), &c.client, frame)
	s.deliverLocked()
	return ok
}

// boundPanic lets a panic over what a client sent cost no more than its connection: a request is
// decoded and decided before anything but its client's own state changes. In the midst of a change
// the process ends, before what is neither the old state nor the new is answered or logged.
func (s *Server) boundPanic(c *conn) {
	r := recover()
	if r == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.core.changing {
		panic(r)
	}
	s.logger.WithFields(logrus.Fields{"client": c.host, "panic": fmt.Sprint(r), "stack": string(debug.Stack())}).Error("a request panicked")
}

// saveSilence notes how long sessions have been silent, in case the server is started again soon.
func (s *Server) saveSilence(remaining map[int64]int64) {
	if err := s.store.saveSilence(remaining); err != nil {
		s.logger.WithError(err).Warn("could not note how long sessions have been silent; after a restart they have their whole time-out")
	}
}

// tick ends sessions. Sessions expire at multiples of the tick only, so it need not look more
// often. While the server does not run, because its process or machine was stopped, no session gets
// older: its clients could not be heard, and most of them were stopped with it.
func (s *Server) tick(ctx context.Context) {
	tickMs := s.options.TickTime.Milliseconds()
	timer := time.NewTimer(0)
	defer timer.Stop()
	saved := true // there may be a file of the last run
	looked := time.Now()
	for {
		select {
		case <-ctx.Done():
			s.mu.Lock()
			remaining := s.mu.core.sessions.remaining(s.now())
			s.mu.Unlock()
			s.saveSilence(remaining)
			return
		case <-timer.C:
		}
		s.awayMs.Add(away(time.Since(looked), s.options.TickTime).Milliseconds())
		looked = time.Now()
		s.mu.Lock()
		now := s.now()
		expired := s.mu.core.tick(now)
		remaining := s.mu.core.sessions.remaining(now)
		s.deliverLocked()
		s.mu.Unlock()
		if len(remaining) > 0 || saved {
			saved = len(remaining) > 0
			s.saveSilence(remaining)
		}
		for _, e := range expired {
			s.logger.WithField("session", fmt.Sprintf("%#x", e.id)).Info("session expired")
		}
		next := (now.elapsedMs/tickMs + 1) * tickMs
		timer.Reset(time.Duration(next-now.elapsedMs) * time.Millisecond)
	}
}

// writeLog writes transactions as they come until the server stops and none is left. While one
// fsync is under way the next transactions gather, and share the next one.
func (s *Server) writeLog() error {
	var snapshots sync.WaitGroup
	defer snapshots.Wait()
	snapshotDone := make(chan int64, 1) // its size; there is one at a time
	// The token in the channel says that no snapshot is under way.
	snapshotDone <- 0
	threshold := s.options.SnapshotBytes
	var spare []*txn
	for {
		s.mu.Lock()
		for len(s.mu.core.unlogged) == 0 && !s.mu.stopping {
			s.mu.unlogged.Wait()
		}
		batch := s.mu.core.unlogged
		if len(batch) == 0 {
			s.mu.Unlock()
			return nil
		}
		// Two slices take turns as well.
		s.mu.core.unlogged = spare[:0]
		s.mu.Unlock()

		if err := s.store.append(batch); err != nil {
			return fmt.Errorf("write the coordination server's log: %w", err)
		}

		s.mu.Lock()
		s.mu.core.stats.logSyncs++
		s.mu.core.logged(s.now(), len(batch))
		s.deliverLocked()
		s.mu.progress.Broadcast()
		s.mu.Unlock()
		clear(batch)
		spare = batch

		if s.store.size < threshold {
			continue
		}
		select {
		case size := <-snapshotDone:
			threshold = max(s.options.SnapshotBytes, size) // writing the state costs no more than the log did
			img, err := s.roll()
			if err != nil {
				return fmt.Errorf("begin a new log: %w", err)
			}
			snapshots.Go(func() { snapshotDone <- s.writeSnapshot(img) })
		default:
		}
	}
}

// roll begins a new log and returns the state that it continues.
func (s *Server) roll() (*image, error) {
	s.mu.Lock()
	img := s.mu.core.image()
	s.mu.Unlock()
	return img, s.store.roll(img.zxid)
}

// writeSnapshot returns the size of the snapshot. That it failed is no reason to stop: the logs
// have everything.
func (s *Server) writeSnapshot(img *image) int64 {
	began := time.Now()
	size, err := s.store.writeSnapshot(img)
	log := s.logger.WithFields(logrus.Fields{"nodes": len(img.nodes), "bytes": size, "took": time.Since(began).String()})
	if err != nil {
		log.WithError(err).Error("could not write a snapshot; the log keeps growing")
	} else {
		log.Debug("wrote a snapshot")
	}
	return size
}

// finalSnapshotBytes is how much log a stopping server leaves to be replayed at the next start.
const finalSnapshotBytes = 512 << 10

// finalSnapshot saves the next start from reading a long log; a short one is read quickly enough.
func (s *Server) finalSnapshot() error {
	if s.store.size < finalSnapshotBytes {
		return nil
	}
	img, err := s.roll()
	if err != nil {
		return err
	}
	s.writeSnapshot(img)
	return nil
}

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
)

// listener is a bound Listener.
type listener struct {
	Listener
	ln      net.Listener
	removed bool // with mu: its connections are not wanted any more
}

// errStopped is the error of a listener that comes too late.
var errStopped = errors.New("the server is stopped")

// Listen binds all listeners; on an error none stays bound. Connections are accepted by the kernel
// but not served before Run.
func (s *Server) Listen() error {
	var bound []*listener
	for _, l := range s.o.Listeners {
		b, err := s.bind(l)
		if err != nil {
			for _, b := range bound {
				b.ln.Close()
			}
			return err
		}
		bound = append(bound, b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.listeners = bound
	return nil
}

// bind opens a listening socket. What its connections are to have is set before, as they inherit
// it: the window that TCP may use is agreed on when a connection is made.
func (s *Server) bind(l Listener) (*listener, error) {
	config := listenConfig(s.o.Limits())
	ln, err := config.Listen(context.Background(), "tcp", l.Addr)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", l.Name, err)
	}
	if s.o.Wrap != nil {
		ln = s.o.Wrap(ln)
	}
	return &listener{Listener: l, ln: ln}, nil
}

// AddListener binds one more listener after Listen; a server that runs serves it at once. One of
// the same name is replaced: its address is given up when the new one is bound, and its connections
// stay. On an error nothing has changed.
func (s *Server) AddListener(l Listener) error {
	b, err := s.bind(l)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A change of settings may come while the broker stops.
	if s.mu.stopped {
		b.ln.Close()
		return fmt.Errorf("listener %s: %w", l.Name, errStopped)
	}
	if i := s.findLocked(l.Name); i >= 0 {
		// Its accept loop ends with an error that it knows; connections that it has accepted go on.
		s.mu.listeners[i].ln.Close()
		s.mu.listeners[i] = b
	} else {
		s.mu.listeners = append(s.mu.listeners, b)
	}
	s.acceptLocked(b)
	return nil
}

// RemoveListener gives the address of a listener up and closes its connections. It does nothing if
// there is none of the name.
func (s *Server) RemoveListener(name string) {
	s.mu.Lock()
	var conns []*Conn
	if i := s.findLocked(name); i >= 0 {
		s.mu.listeners[i].removed = true
		s.mu.listeners[i].ln.Close()
		s.mu.listeners = slices.Delete(s.mu.listeners, i, i+1)
		for c := range s.mu.conns {
			if c.Listener == name {
				conns = append(conns, c)
			}
		}
		// Those of the removed listener that wait for room see that nobody wants them.
		s.wakeWaitingLocked()
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.close()
	}
}

// LimitsChanged lets connections that wait for room look at changed limits.
func (s *Server) LimitsChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wakeWaitingLocked()
}

// wakeWaitingLocked lets connections that wait for room look again.
func (s *Server) wakeWaitingLocked() {
	if s.mu.freed != nil {
		close(s.mu.freed)
		s.mu.freed = nil
	}
}

// findLocked is the position of a listener by name, -1 for none.
func (s *Server) findLocked(name string) int {
	return slices.IndexFunc(s.mu.listeners, func(l *listener) bool { return l.Name == name })
}

// startAccepting begins to serve; ctx is the life of the server.
func (s *Server) startAccepting(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.serving = ctx
	s.openReception(ctx)
	for _, l := range s.mu.listeners {
		s.acceptLocked(l)
	}
}

// acceptLocked begins to serve a listener, if the server serves.
func (s *Server) acceptLocked(l *listener) {
	ctx := s.mu.serving
	if ctx == nil {
		return
	}
	s.wg.Go(func() { s.accept(ctx, l) })
}

// Addr is the address that a listener is bound to, nil for one that is not.
func (s *Server) Addr(listener string) net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.findLocked(listener); i >= 0 {
		return s.mu.listeners[i].ln.Addr()
	}
	return nil
}

// Close gives up the addresses. Connections stay until Run returns.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.stopped = true
	for _, l := range s.mu.listeners {
		l.ln.Close()
	}
}

package network

import (
	"context"

	"momus/internal/model"
)

const (
	// maxHearing is how many goroutines may wait for strangers to speak. That is the fastest way for
	// who speaks at once; the porter waits for the others.
	maxHearing = 128
	// maxResting is how many goroutines that have served a connection wait for another one: their
	// stacks have grown, which costs as much as the rest of a login's work in the scheduler.
	maxResting = 16
)

// openReception makes what receives connections; it ends with Run.
func (s *Server) openReception(ctx context.Context) {
	s.lobby.start = func(c *Conn) (begun bool) {
		s.guard(c, func() {
			if c.left() {
				c.close()
			}
			begun = c.begin()
		})
		if begun {
			s.work(ctx, c)
		}
		return begun
	}
	var err error
	if s.porter, err = newPorter(); err != nil {
		s.o.Logger.WithError(err).Warn("strangers who say nothing cost a goroutine each")
		return
	}
	s.wg.Go(func() {
		s.porter.run(func(c *Conn) {
			if c.left() {
				c.close()
			} else if s.letIn(c) {
				s.work(ctx, c)
			}
		})
	})
}

// guard does something for a connection that others may wait behind: on a goroutine that serves many,
// or while it begins or ends. A panic costs that connection alone.
func (s *Server) guard(c *Conn, do func()) {
	defer func() {
		if r := recover(); r != nil {
			c.panicked(r)
			c.close()
		}
	}()
	do()
}

// visits reports whether a connection is to speak before it gets anything: on listeners on which
// its client has to tell who it is.
func (c *Conn) visits() bool {
	return c.tls != nil || c.Protocol == model.SASLPlaintext || c.Protocol == model.SASLSSL
}

// receive serves a connection that was accepted: at once, or if it is a stranger's when he has
// spoken and there is room for him. Nobody waits for that with more than the porter has for him, but
// for a few.
func (s *Server) receive(ctx context.Context, c *Conn) {
	if !c.visits() {
		if c.begin() {
			s.work(ctx, c)
		}
		return
	}
	if s.hearing.Add(1) > maxHearing {
		s.hearing.Add(-1)
		if s.porter.watch(c) {
			if ctx.Err() != nil { // Run may have closed all others already
				c.close()
			}
			return
		}
		s.hearing.Add(1)
	}
	c.hears = true
	s.work(ctx, c)
}

// work serves a connection on a goroutine that has served others, if one rests.
func (s *Server) work(ctx context.Context, c *Conn) {
	select {
	case s.idle <- c:
	default:
		s.wg.Go(func() {
			for c != nil {
				s.serve(ctx, c)
				c = s.rest(ctx)
			}
		})
	}
}

// rest waits for another connection to serve; nil when enough wait, or with the server's end.
func (s *Server) rest(ctx context.Context) (c *Conn) {
	if s.resting.Add(1) <= maxResting {
		select {
		case c = <-s.idle:
		case <-ctx.Done():
		}
	}
	s.resting.Add(-1)
	return c
}

// serve runs one connection and forgets it.
func (s *Server) serve(ctx context.Context, c *Conn) {
	if ctx.Err() != nil {
		c.close()
	}
	if c.hears {
		c.hears = false // before others may serve it
		in := false
		s.guard(c, func() {
			if c.hear() != nil {
				c.close()
			} else {
				in = s.letIn(c)
			}
		})
		if !in {
			return
		}
	}
	c.run(ctx)
	s.gone(c)
}

// hear waits until a stranger has spoken.
func (c *Conn) hear() error {
	defer c.srv.hearing.Add(-1)
	if c.tls == nil {
		return waitReadable(c.base)
	}
	return waitHello(c.base, c.srv.o.Limits().RecvBuffer)
}

// letIn takes a stranger who has spoken into the lobby, and reports whether he is to be served; if
// there is no room the lobby has him served later.
func (s *Server) letIn(c *Conn) bool {
	if s.lobby.enter(c, s.gate.trusts(c.ip, s.lobby.from(c.ip))) {
		if c.begin() {
			return true
		}
		s.lobby.leave(c)
		return false
	}
	switch {
	case c.phase.Load() == away: // turnAway came before he was in the queue
		s.lobby.forget(c)
	case c.left():
		c.close()
	}
	return false
}

// turnAway forgets a connection that was closed before it was begun.
func (s *Server) turnAway(c *Conn) {
	s.porter.forget(c)
	s.lobby.forget(c)
	s.gone(c)
}

// gone forgets a connection that has ended.
func (s *Server) gone(c *Conn) {
	s.mu.Lock()
	delete(s.mu.conns, c)
	if s.mu.perIP[c.host]--; s.mu.perIP[c.host] == 0 {
		delete(s.mu.perIP, c.host)
	}
	s.mu.perList[c.Listener]--
	s.wakeWaitingLocked()
	s.mu.Unlock()
	if s.o.Hooks.Closed != nil {
		s.o.Hooks.Closed(c.Listener)
	}
}

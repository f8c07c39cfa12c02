package zkserver

import "slices"

// EndSession ends a session as if it had expired: its ephemeral nodes vanish, and its client hears
// of it when it comes back. It reports whether there was such a session.
func (s *Server) EndSession(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.mu.core.sessions.byID[id]
	if session == nil || session.closing || s.mu.stopping {
		return false
	}
	s.mu.core.stats.expired++
	s.mu.core.endSession(s.now(), session, nil, 0)
	s.deliverLocked()
	return true
}

// Watchers lists the sessions that watch a node: its data and existence, and its children. Each
// session is listed once.
func (s *Server) Watchers(path string) (data, children []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	watches := s.mu.core.tree.watches
	for kind, out := range []*[]int64{kindData: &data, kindChild: &children} {
		for _, c := range watches.byPath[kind][path] {
			if c.session != nil {
				*out = append(*out, c.session.id)
			}
		}
		slices.Sort(*out)
		*out = slices.Compact(*out)
	}
	return data, children
}

// SessionLeft is how many milliseconds a session has until it expires unless its client is heard
// of; ok is false if there is no such session.
func (s *Server) SessionLeft(id int64) (ms int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.mu.core.sessions.byID[id]
	if session == nil {
		return 0, false
	}
	return max(0, session.expiresMs-s.now().elapsedMs), true
}

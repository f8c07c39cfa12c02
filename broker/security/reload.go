package security

import (
	"errors"
	"fmt"
	"maps"

	"momus/internal/model"
)

// Listener is the authentication of a listener; nil for an unknown one.
func (s *Security) Listener(name string) *Listener {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.listeners[name]
}

// Reload takes over what has changed in the settings of listeners, for connections from now on:
// listeners that were added or removed, key stores (also new content of the same files),
// mechanisms, rules. A listener whose settings are not usable keeps what it has, and does not come
// into being if it is new; the error names each.
func (s *Security) Reload() error {
	s.mu.RLock()
	now := maps.Clone(s.listeners)
	s.mu.RUnlock()
	next := make(map[string]*Listener, len(now))
	var errs []error
	for _, e := range s.o.Config.Listeners().Bind {
		l, err := s.reload(now[e.Listener], e)
		if err != nil {
			errs = append(errs, fmt.Errorf("listener %s: %w", e.Listener, err))
		}
		if l != nil {
			next[e.Listener] = l
		}
	}
	s.mu.Lock()
	s.listeners = next
	s.mu.Unlock()
	return errors.Join(errs...)
}

// reload makes a listener anew; old is what it was, nil for a new one. Its TLS stays the same
// Endpoint, as the sockets have that.
func (s *Security) reload(old *Listener, e model.Endpoint) (*Listener, error) {
	l, err := s.listener(e.Listener, e.Protocol)
	if err != nil {
		return old, err
	}
	if old != nil && old.TLS != nil && l.TLS != nil {
		if err := old.TLS.Update(l.TLS.Settings()); err != nil {
			return old, err
		}
		l.TLS = old.TLS
	}
	return l, nil
}

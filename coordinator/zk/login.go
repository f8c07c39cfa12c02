package zk

import (
	"crypto/tls"
	"errors"
	"fmt"

	"momus/coordinator/zk/zksasl"
)

// attempts are what is known of a session's attempts to connect since it was connected last.
type attempts struct {
	last     error // why the last one failed
	refusals int   // attempts that would fail again with the same settings
	refused  error // why the session will never be opened
}

// login is the dialer of a session with its login.
func (c *Client) login(s *session) Dialer {
	if c.opts.SASL == nil {
		return c.opts.Dial
	}
	return zksasl.Dialer(c.opts.Dial, zksasl.Options{
		Mechanism: c.opts.SASL,
		// That leaves time for other servers within the session.
		Timeout: c.opts.SessionTimeout / 3,
		Result: func(address string, err error) {
			switch {
			case errors.Is(err, zksasl.ErrUnsupported):
				c.log.WithError(err).WithField("server", address).Warn("not logged in at ZooKeeper; goes on without a login")
			case err == nil:
				c.events.SaslAuthentications.Add(1)
			default:
				if errors.Is(err, zksasl.ErrRefused) {
					c.events.AuthFailures.Add(1)
				}
				c.failed(s, &refusal{c.opts.Who, err})
			}
		},
	})
}

// RefusedError says that ZooKeeper and this client will not come together with the settings that
// they have: a login that is not taken, or a certificate that one of them does not believe.
type RefusedError struct{ err error }

func (r *RefusedError) Error() string { return r.err.Error() }

// Unwrap gives the reason.
func (r *RefusedError) Unwrap() error { return r.err }

// refusal is a login that failed.
type refusal struct {
	who string
	err error
}

func (r *refusal) Error() string {
	next := ""
	if errors.Is(r.err, zksasl.ErrRefused) {
		next = "; compare it with section Server of the JAAS file of ZooKeeper, whose log has the reason"
	}
	return fmt.Sprintf("%s: %v%s", r.who, r.err, next)
}

func (r *refusal) Unwrap() error { return r.err }

// failed records why an attempt to connect failed. What a person has to mend ends a session that
// was never opened, once every server, and at least two attempts, said so: one refusal may come
// from a server that stops. A session that was open goes on trying, since another server may take
// it, and says so once.
func (c *Client) failed(s *session, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.last = err
	if !permanent(err) {
		return
	}
	s.mu.refusals++
	if s.id.Load() != 0 {
		if s.mu.refusals == 1 {
			c.log.WithError(err).Error("ZooKeeper refused a reconnection; trying again")
		}
		return
	}
	if s.mu.refusals >= max(2, len(c.servers)) && s.mu.refused == nil {
		s.mu.refused = &RefusedError{err}
		// Who waits for the connection looks again, and finds refused.
		close(s.mu.change)
		s.mu.change = make(chan struct{})
	}
}

// permanent reports whether an attempt fails again with the same settings: a login or a certificate
// that one side does not take, or no TLS on the other side.
func permanent(err error) bool {
	var login *refusal
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	return errors.As(err, &login) || errors.As(err, &certificate) || errors.As(err, &alert) || errors.As(err, &record)
}

// lastFailure is why the last attempt failed, nil if none did.
func (s *session) lastFailure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.last
}

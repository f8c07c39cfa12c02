package handler

import (
	"encoding/binary"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metrics"
	"momus/broker/network"
	"momus/broker/protocol"
	"momus/broker/security/sasl"
	"momus/internal/model"
)

// SecurityEnv is what listeners that authenticate their clients need.
type SecurityEnv struct {
	// SASL is the authentication of a listener; nil for none.
	SASL func(listener string) *sasl.Server
	// CertificatePrincipal names the client of a TLS connection by its certificate; nil: every
	// client is anonymous.
	CertificatePrincipal func(c *network.Conn) (model.Principal, error)
	// LoginFailed is told of each login that failed, for the log: what is "authentication" or
	// "re-authentication"; nil: nobody is told.
	LoginFailed func(c *network.Conn, what, reason string, err error)
}

// login is the part of a session that says who the client is.
type login struct {
	server   *sasl.Server
	exchange *sasl.Exchange // in progress
	auth     *sasl.Session  // of SASL, once it is complete
	// refusal is why there is no principal although the client is authenticated: its first request
	// closes the connection.
	refusal     error
	reauthBegan time.Time // the last re-authentication
	figures     *metrics.Authentication
}

// reauthGap is how far apart re-authentications must begin (KIP-368).
const reauthGap = time.Second

// newSession is that of a connection that sends its first frame.
func (d *Dispatcher) newSession(c *network.Conn, now time.Time) *session {
	s := &session{principal: model.Anonymous(), software: [2]string{"unknown", "unknown"}}
	s.figures = d.env.Metrics.Authentication(c.Listener)
	if d.env.SASL != nil {
		s.server = d.env.SASL(c.Listener)
	}
	switch {
	case s.server != nil:
		s.exchange = sasl.NewExchange(s.server, d.strangerVersions(s), now)
	case d.env.CertificatePrincipal != nil && c.Protocol == model.SSL:
		s.principal, s.refusal = d.env.CertificatePrincipal(c)
	}
	return s
}

// strangerVersions answers ApiVersions before the client is authenticated: what he tells of himself
// is remembered in his session.
func (d *Dispatcher) strangerVersions(s *session) sasl.Versions {
	return func(h protocol.Header, body []byte) (kmsg.Response, bool) { return d.env.strangerVersions(s, h, body) }
}

func (e *Env) strangerVersions(s *session, h protocol.Header, body []byte) (kmsg.Response, bool) {
	// false leaves the exchange where it was, so that a client with too new a version may ask
	// again; a valid question may come once only.
	if info, _ := protocol.Lookup(h.Key); !info.Supported(h.Version) {
		return unsupportedAPIVersions(), false
	}
	req, err := protocol.DecodeRequest(h.Key, h.Version, body)
	if err != nil {
		return nil, false
	}
	resp := e.versions(req.(*kmsg.ApiVersionsRequest), s, false)
	return resp, resp.ErrorCode == 0
}

// authenticate takes the frame if it belongs to an authentication, or if the session has ended: the
// phases before, between and after requests (KIP-368).
func (d *Dispatcher) authenticate(r *Request, frame []byte, out *network.Output) (v network.Verdict, taken bool) {
	s, now := r.session, d.env.Now()
	if s.exchange == nil {
		if s.auth.Ends.IsZero() {
			return 0, false
		}
		// A frame of another API goes on as an ordinary request while the session is valid. It is
		// looked at by its first two bytes alone, since most frames are no handshakes.
		handshake := len(frame) >= 2 && int16(binary.BigEndian.Uint16(frame)) == protocol.SaslHandshake
		switch {
		case handshake && (s.reauthBegan.IsZero() || now.Sub(s.reauthBegan) >= reauthGap):
			s.reauthBegan = now
			s.exchange = sasl.NewReauthentication(s.server, d.strangerVersions(s), s.auth, now)
		// 2.5.0 gives no answer and no error: the client sees a closed connection, and the metric
		// counts it.
		case now.After(s.auth.Ends):
			s.figures.ExpiredKilled.Inc()
			return network.CloseConn, true
		default:
			return 0, false
		}
	}
	x := s.exchange
	o := x.Step(now, frame)
	// Received stays zero: frames of an authentication are in no metric of requests, see Sent.
	out.Meta = network.Meta{}
	out.B = append(out.B, o.Answer...)
	switch o.Action {
	case sasl.Continue:
		v = network.Answered
	case sasl.Done:
		d.authenticated(r, o.Session, now)
		v = network.Answered
	case sasl.Hold:
		v = network.HoldThenClose
	case sasl.CloseLate:
		v = network.CloseLate
		// Nothing to send before the late close; the first four bytes are the room for the length.
		if o.Answer == nil {
			out.B = out.B[:4]
		}
	default:
		v = network.CloseConn
	}
	if o.Err != nil {
		d.loginFailed(r, x, o)
	} else if o.Answer == nil {
		v = network.Silent
	}
	return v, true
}

// authenticated makes a completed exchange the connection's session.
func (d *Dispatcher) authenticated(r *Request, now *sasl.Session, at time.Time) {
	s := r.session
	if s.exchange.Reauthenticating() {
		s.figures.SuccessfulReauth.Inc()
		s.figures.ReauthLatencyN.Inc()
		s.figures.ReauthLatencyMsSum.Add(max(1, at.Sub(now.Began).Milliseconds()))
	} else {
		s.figures.Successful.Inc()
		if !now.Framed {
			s.figures.SuccessfulNoReauth.Inc()
		}
		r.Conn.Authenticated()
	}
	// From here on frames are requests. A new authentication may bring another end of the session.
	s.exchange, s.auth = nil, now
	s.principal, s.refusal = now.Principal, now.PrincipalErr
	if now.Note != "" {
		d.env.Logger.WithFields(logrus.Fields{"connection": r.Conn.ID, "listener": r.Conn.Listener}).Info(now.Note)
	}
}

// loginFailed counts and logs a failure.
func (d *Dispatcher) loginFailed(r *Request, x *sasl.Exchange, o sasl.Outcome) {
	s, again := r.session, x.Reauthenticating()
	switch {
	case again && o.Counted:
		s.figures.FailedReauth.Inc()
	case o.Counted:
		s.figures.Failed.Inc()
	}
	if !o.Counted {
		d.env.Logger.WithFields(logrus.Fields{"connection": r.Conn.ID, "listener": r.Conn.Listener}).WithError(o.Err).Debug("closed a connection during its authentication")
		return
	}
	// What is counted are credentials that were refused, and is told to LoginFailed; o.Err shows no
	// secrets.
	what := "authentication"
	if again {
		what = "re-authentication"
	}
	if d.env.LoginFailed != nil {
		d.env.LoginFailed(r.Conn, what, o.Err.Error(), nil)
	}
}

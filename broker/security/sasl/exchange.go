package sasl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/protocol"
	"momus/internal/kerr"
)

// Server is what all exchanges of one listener share. Nobody changes it once it is in use.
type Server struct {
	// Enabled are the mechanisms in the order of sasl.enabled.mechanisms.
	Enabled []string
	shown   []string // in the order that clients see
	// New begins an exchange of an enabled mechanism.
	New func(mechanism string) (Mechanism, error)
	// MaxReauth is connections.max.reauth.ms of a mechanism; 0: sessions never end.
	MaxReauth func(mechanism string) time.Duration
}

// NewServer makes one for the mechanisms of sasl.enabled.mechanisms; what else it needs is to be set.
func NewServer(enabled ...string) *Server {
	return &Server{Enabled: enabled, shown: hashOrder(enabled)}
}

// Versions answers a request for ApiVersions of any version. ok is false when the answer is an
// error, after which the client may ask again.
type Versions func(h protocol.Header, body []byte) (resp kmsg.Response, ok bool)

// Action is what is to happen to the connection after a frame.
type Action int8

// The actions.
const (
	Continue  Action = iota // read the next frame
	Done                    // the client is authenticated: read requests
	Hold                    // wait for the failure delay, then send the answer and close
	CloseLate               // send the answer, if any; wait for the failure delay; close
	Drop                    // close at once
)

// Outcome is the answer to a frame.
type Outcome struct {
	Action Action
	// Answer is the frame to send, without its size; nil for none. An empty one is sent. It is valid
	// until the next frame.
	Answer []byte
	// Session is set with Done.
	Session *Session
	// Err is why the exchange failed, in the words of Kafka's log. It shows no secrets.
	Err error
	// Counted tells that the failure counts as a failed authentication: drops do not, they may be
	// anything.
	Counted bool
}

type state int8

const (
	stateInitial  state = iota // a handshake, ApiVersions, or a raw GSSAPI token
	stateVersions              // a handshake or ApiVersions
	stateHandshake
	stateAuthenticate
	stateBadMechanism // in a re-authentication: another mechanism than the first time
	stateEnded
)

// Exchange is the authentication of one connection: its first, or a later one. It is not safe for
// concurrent use.
type Exchange struct {
	server    *Server
	versions  Versions
	before    *Session // of the connection, when this is a re-authentication
	state     state
	began     time.Time
	mechanism string
	step      Mechanism
	framed    bool   // tokens come in SaslAuthenticate requests
	version   int16  // the last one of SaslAuthenticate
	out       []byte // storage of answers
}

// NewExchange begins the first authentication of a connection.
func NewExchange(s *Server, v Versions, now time.Time) *Exchange {
	return &Exchange{server: s, versions: v, began: now}
}

// NewReauthentication begins another one on a connection that is authenticated; its first frame is
// the handshake.
func NewReauthentication(s *Server, v Versions, before *Session, now time.Time) *Exchange {
	return &Exchange{server: s, versions: v, before: before, state: stateVersions, began: now}
}

// Reauthenticating reports whether the connection was authenticated before.
func (x *Exchange) Reauthenticating() bool { return x.before != nil }

// Handshaken reports whether a mechanism has been agreed upon.
func (x *Exchange) Handshaken() bool { return x.state >= stateAuthenticate }

// Step takes the next frame, without its size. The frame is not kept.
func (x *Exchange) Step(now time.Time, frame []byte) Outcome {
	var out Outcome
	switch x.state {
	case stateInitial, stateVersions, stateHandshake:
		out = x.first(now, frame)
	case stateAuthenticate:
		if x.framed {
			out = x.framedToken(now, frame)
		} else {
			out = x.rawToken(now, frame)
		}
	case stateBadMechanism:
		out = fail(CloseLate, nil, fmt.Errorf("SASL mechanism '%s' requested by client is not supported for re-authentication of mechanism '%s'", x.mechanism, x.before.Mechanism))
	default:
		out = Outcome{Action: Drop, Err: errors.New("a frame after the end of the exchange")}
	}
	if out.Action != Continue {
		x.state = stateEnded
	}
	return out
}

func fail(a Action, answer []byte, err error) Outcome {
	return Outcome{Action: a, Answer: answer, Err: err, Counted: a == Hold || a == CloseLate}
}

// drop ends an exchange for a frame that makes no sense.
func drop(err error) Outcome { return Outcome{Action: Drop, Err: err} }

// first takes what may come before tokens.
func (x *Exchange) first(now time.Time, frame []byte) Outcome {
	h, body, err := protocol.ParseHeader(frame)
	if err != nil {
		if x.state != stateInitial {
			return drop(err)
		}
		return x.firstRaw(now, frame)
	}
	if x.state == stateInitial {
		x.state = stateVersions
	}
	switch h.Key {
	case protocol.ApiVersions:
		if x.state == stateHandshake {
			return drop(errors.New("unexpected ApiVersions request received during SASL authentication state HANDSHAKE_REQUEST"))
		}
		resp, ok := x.versions(h, body)
		if resp == nil {
			return drop(errors.New("malformed ApiVersions request"))
		}
		if ok {
			x.state = stateHandshake
		}
		return Outcome{Answer: x.answer(h, resp)}
	case protocol.SaslHandshake:
		return x.handshake(h, body)
	}
	return fail(CloseLate, nil, fmt.Errorf("Unexpected Kafka request of type %s during SASL handshake.", apiName(h.Key)))
}

// firstRaw takes a first frame that is no request: a GSSAPI token of a client older than 0.10, if
// that is enabled.
func (x *Exchange) firstRaw(now time.Time, frame []byte) Outcome {
	if !slices.Contains(x.server.Enabled, GSSAPI) {
		return fail(CloseLate, nil, errors.New("Exception handling first SASL packet from client, GSSAPI is not supported by server"))
	}
	step, err := x.server.New(GSSAPI)
	if err != nil {
		return drop(err)
	}
	x.mechanism, x.step = GSSAPI, step
	x.state = stateAuthenticate
	return x.rawToken(now, frame)
}

// handshake chooses the mechanism. One that is not enabled is answered with those that are, and
// after a pause, so that guessing is slow; when a session is renewed the mechanism must be the same
// (KIP-368).
func (x *Exchange) handshake(h protocol.Header, body []byte) Outcome {
	decoded, err := protocol.DecodeRequest(h.Key, h.Version, body)
	if err != nil {
		return drop(err)
	}
	asked := decoded.(*kmsg.SASLHandshakeRequest).Mechanism
	resp := kmsg.NewPtrSASLHandshakeResponse()
	resp.Version = h.Version
	resp.SupportedMechanisms = x.server.shown
	if !slices.Contains(x.server.Enabled, asked) {
		err := fmt.Errorf("Unsupported SASL mechanism %s", printable(asked))
		if x.before != nil {
			return drop(err)
		}
		resp.ErrorCode = kerr.UnsupportedSASLMechanism.Code
		return fail(Hold, x.answer(h, resp), err)
	}
	x.mechanism, x.framed = asked, h.Version >= 1
	if x.before != nil && x.before.Mechanism != asked {
		x.state = stateBadMechanism
		return Outcome{Answer: x.answer(h, resp)}
	}
	if x.step, err = x.server.New(asked); err != nil {
		return drop(err)
	}
	x.state = stateAuthenticate
	return Outcome{Answer: x.answer(h, resp)}
}

// rawToken takes a token that is a frame of its own.
func (x *Exchange) rawToken(now time.Time, token []byte) Outcome {
	reply, done, err := x.step.Step(now, token)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return fail(CloseLate, nil, err)
	case err != nil:
		return drop(err)
	case !done:
		return Outcome{Answer: reply}
	}
	s := x.complete(now)
	if err := x.samePrincipal(s); err != nil {
		return fail(CloseLate, nil, err)
	}
	return Outcome{Action: Done, Answer: reply, Session: s}
}

// framedToken takes a SaslAuthenticate request.
func (x *Exchange) framedToken(now time.Time, frame []byte) Outcome {
	h, body, err := protocol.ParseHeader(frame)
	if err != nil {
		return drop(err)
	}
	decoded, err := protocol.DecodeRequest(h.Key, h.Version, body)
	if err != nil {
		return drop(err)
	}
	if h.Key != protocol.SaslAuthenticate {
		err := fmt.Errorf("Unexpected Kafka request of type %s during SASL authentication.", apiName(h.Key))
		resp := protocol.ErrorResponse(decoded, kerr.IllegalSASLState)
		if resp == nil {
			return drop(err)
		}
		return fail(Hold, x.answer(h, resp), err)
	}
	x.version = h.Version
	token := decoded.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes
	if nullToken(h.Version, body) {
		return drop(errors.New("SaslAuthenticate without a token"))
	}
	reply, done, err := x.step.Step(now, token)
	var s *Session
	if err == nil && done {
		s = x.complete(now)
		err = x.samePrincipal(s)
	}
	if err != nil {
		return x.refuse(h, err)
	}
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	if reply == nil {
		reply = []byte{}
	}
	resp.ErrorMessage, resp.SASLAuthBytes = kmsg.StringPtr(""), reply
	if s == nil {
		return Outcome{Answer: x.answer(h, resp)}
	}
	if !s.Ends.IsZero() {
		resp.SessionLifetimeMillis = s.Ends.Sub(now).Milliseconds()
	}
	return Outcome{Action: Done, Answer: x.answer(h, resp), Session: s}
}

// nullToken reports whether the body of a SaslAuthenticate request has null for a token: kmsg takes
// that for an empty one.
func nullToken(version int16, body []byte) bool {
	if version >= 2 {
		return body[0] == 0
	}
	return body[0] == 0xff
}

// refuse answers a token that failed.
func (x *Exchange) refuse(h protocol.Header, err error) Outcome {
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	resp.ErrorCode, resp.SASLAuthBytes = kerr.SASLAuthenticationFailed.Code, []byte{}
	var refusal *Refusal
	switch {
	case errors.Is(err, ErrBroken):
		return drop(err)
	case errors.As(err, &refusal):
		resp.ErrorMessage = &refusal.Text
		return fail(Hold, x.answer(h, resp), err)
	}
	during := "authentication"
	if x.before != nil {
		during = "re-authentication"
	}
	text := "Authentication failed during " + during + " due to invalid credentials with SASL mechanism " + x.mechanism
	resp.ErrorMessage = &text
	return fail(CloseLate, x.answer(h, resp), fmt.Errorf("%s", text))
}

// complete is the session of a client that is authenticated.
func (x *Exchange) complete(now time.Time) *Session {
	s := &Session{Result: x.step.Result(), Mechanism: x.mechanism, Framed: x.framed && x.version >= 1, Began: x.began}
	lifetime := x.server.MaxReauth(x.mechanism)
	if !s.Expires.IsZero() {
		lifetime = min(lifetime, s.Expires.Sub(now).Truncate(time.Millisecond))
	}
	if lifetime > 0 {
		s.Ends = now.Add(lifetime)
	}
	return s
}

// samePrincipal refuses a re-authentication as somebody else.
func (x *Exchange) samePrincipal(s *Session) error {
	if x.before == nil {
		return nil
	}
	if s.PrincipalErr != nil {
		return fmt.Errorf("%w: %w", ErrBroken, s.PrincipalErr)
	}
	was, is := x.before.Principal, s.Principal
	if was.Equal(is) {
		return nil
	}
	return refused("Cannot change principals during re-authentication from %s.%s: %s.%s", was.Type, was.Name, is.Type, is.Name)
}

// usualAnswer is room for those of a login, in bytes, but for that to ApiVersions.
const usualAnswer = 192

// answer encodes a response as a frame without its size.
func (x *Exchange) answer(h protocol.Header, resp kmsg.Response) []byte {
	if h.Key != protocol.ApiVersions { // which may answer in another version than it was asked in
		resp.SetVersion(h.Version)
	}
	if x.out == nil {
		x.out = make([]byte, 0, usualAnswer)
	}
	x.out = resp.AppendTo(protocol.AppendResponseHeader(x.out[:0], h.Key, h.Version, h.CorrelationID))
	return x.out
}

// apiName is an API's name as Kafka's enum has it: SASL_HANDSHAKE.
func apiName(key protocol.Key) string {
	var b strings.Builder
	for i, c := range protocol.Name(key) {
		if c >= 'A' && c <= 'Z' && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToUpper(b.String())
}

// printable makes a stranger's text fit for a line of a log.
func printable(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

package interbroker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/protocol"
	"momus/broker/security/sasl"
	"momus/internal/kerr"
)

// Connection is an open and authenticated connection to a broker.
type Connection struct {
	net.Conn
	login *Login
	renew time.Time // when to authenticate again; zero: never
}

// Login authenticates a connection over SASL, at first and again before its session ends (KIP-368).
// It belongs to one connection.
type Login struct {
	Mechanism string
	// Begin begins an exchange; it may ask a key distribution center.
	Begin func() (sasl.Client, error)

	correlationID int32
	handshake     int16 // version of SaslHandshake
	authenticate  int16 // version of SaslAuthenticate, -1 for raw tokens
}

// AuthenticationError is a login that the other broker refused.
type AuthenticationError struct{ Text string }

// Error implements error.
func (e *AuthenticationError) Error() string { return "failed authentication due to: " + e.Text }

// maxLoginAnswer bounds the answers before a broker has shown who it is.
const maxLoginAnswer = 512 << 10

// Authenticate logs a new connection in: ApiVersions, SaslHandshake, tokens.
func (l *Login) Authenticate(c *Connection) error {
	versions, err := l.versions(c)
	if err != nil {
		return err
	}
	// Nothing is known of the peer but what it says: brokers before 1.0 have no SaslAuthenticate
	// and take tokens in frames without a header.
	l.handshake, l.authenticate = 0, -1
	for _, k := range versions.ApiKeys {
		switch k.ApiKey {
		case protocol.SaslHandshake:
			l.handshake = min(1, k.MaxVersion)
		case protocol.SaslAuthenticate:
			l.authenticate = min(2, k.MaxVersion)
		}
	}
	// Version 0 of the handshake announces raw tokens, version 1 those within requests.
	if l.authenticate < 0 {
		l.handshake = 0
	}
	c.login = l
	return l.again(c)
}

// renewIfDue logs in again when the session is about to end.
func (c *Connection) renewIfDue(now time.Time) error {
	if c.renew.IsZero() || now.Before(c.renew) {
		return nil
	}
	if err := c.login.again(c); err != nil {
		return fmt.Errorf("re-authentication: %w", err)
	}
	return nil
}

// again does a handshake and an exchange.
func (l *Login) again(c *Connection) error {
	req := kmsg.NewPtrSASLHandshakeRequest()
	req.Version, req.Mechanism = l.handshake, l.Mechanism
	resp, err := l.ask(c, req)
	if err != nil {
		return err
	}
	if answer := resp.(*kmsg.SASLHandshakeResponse); answer.ErrorCode != 0 {
		return &AuthenticationError{fmt.Sprintf("%v; the broker has %s for this listener", kerr.ForCode(answer.ErrorCode), strings.Join(answer.SupportedMechanisms, ", "))}
	}
	x, err := l.Begin()
	if err != nil {
		return fmt.Errorf("log in with %s: %w", l.Mechanism, err)
	}
	lifetime, err := l.exchange(c, x)
	if err != nil {
		return err
	}
	c.renew = time.Time{}
	if lifetime > 0 {
		// At a random point of 85 to 95 % of the session, as Kafka's clients do.
		c.renew = time.Now().Add(time.Duration((0.85 + 0.1*rand.Float64()) * float64(lifetime)))
	}
	return nil
}

// exchange sends tokens until the client has no more to say.
func (l *Login) exchange(c *Connection, x sasl.Client) (lifetime time.Duration, err error) {
	var token []byte
	for step := 0; ; step++ {
		reply, err := x.Next(token)
		if err != nil {
			return 0, err
		}
		if reply == nil {
			return lifetime, nil
		}
		if l.authenticate < 0 {
			// Raw tokens after the last of which such a server says nothing: waiting for an answer
			// would never end.
			if x.Silent() && step > 0 {
				return 0, writeToken(c, reply)
			}
			if token, err = l.raw(c, reply); err != nil {
				return 0, err
			}
			continue
		}
		if token, lifetime, err = l.framed(c, reply); err != nil {
			return 0, err
		}
	}
}

// framed sends a token in a SaslAuthenticate request.
func (l *Login) framed(c *Connection, token []byte) ([]byte, time.Duration, error) {
	req := kmsg.NewPtrSASLAuthenticateRequest()
	req.Version, req.SASLAuthBytes = l.authenticate, token
	resp, err := l.ask(c, req)
	if err != nil {
		return nil, 0, err
	}
	answer := resp.(*kmsg.SASLAuthenticateResponse)
	if answer.ErrorCode != 0 {
		text := kerr.ForCode(answer.ErrorCode).Error()
		if answer.ErrorMessage != nil && *answer.ErrorMessage != "" {
			text = *answer.ErrorMessage
		}
		return nil, 0, &AuthenticationError{text}
	}
	return answer.SASLAuthBytes, time.Duration(answer.SessionLifetimeMillis) * time.Millisecond, nil
}

func (l *Login) versions(c *Connection) (*kmsg.ApiVersionsResponse, error) {
	req := kmsg.NewPtrApiVersionsRequest()
	resp, err := l.ask(c, req)
	if err != nil {
		return nil, err
	}
	answer := resp.(*kmsg.ApiVersionsResponse)
	if e := kerr.ForCode(answer.ErrorCode); e != nil {
		return nil, e
	}
	return answer, nil
}

// ask sends a request without a client id and reads its answer.
func (l *Login) ask(c *Connection, req kmsg.Request) (kmsg.Response, error) {
	id := l.correlationID
	l.correlationID++
	if _, err := c.Write(protocol.AppendRequest(nil, req, id, nil)); err != nil {
		return nil, err
	}
	frame, err := l.read(c)
	if err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	got, err := protocol.ReadResponse(frame, resp)
	if err != nil {
		return nil, err
	}
	if got != id {
		return nil, fmt.Errorf("response has correlation id %d, the request had %d", got, id)
	}
	return resp, nil
}

// read reads one frame.
func (l *Login) read(c *Connection) ([]byte, error) {
	var size [4]byte
	_, err := io.ReadFull(c, size[:])
	var frame []byte
	if err == nil {
		// The size is of a stranger, so it is bounded before memory is taken.
		n := binary.BigEndian.Uint32(size[:])
		if n > maxLoginAnswer {
			return nil, fmt.Errorf("answer of %d bytes during authentication: is it a listener with another protocol?", n)
		}
		frame = make([]byte, n)
		_, err = io.ReadFull(c, frame)
	}
	if err != nil {
		return nil, fmt.Errorf("during authentication: %w", err)
	}
	return frame, nil
}

// raw sends a token as a frame of its own and reads the answer.
func (l *Login) raw(c *Connection, token []byte) ([]byte, error) {
	if err := writeToken(c, token); err != nil {
		return nil, err
	}
	return l.read(c)
}

func writeToken(c *Connection, token []byte) error {
	if len(token) > maxLoginAnswer {
		return errors.New("a token is too large")
	}
	_, err := c.Write(append([]byte{byte(len(token) >> 24), byte(len(token) >> 16), byte(len(token) >> 8), byte(len(token))}, token...))
	return err
}

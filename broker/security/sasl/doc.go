// Package sasl is authentication over SASL as a broker speaks it (KIP-43, KIP-152, KIP-368): the
// state machine of one connection (Exchange), the mechanisms PLAIN, SCRAM and OAUTHBEARER of the
// accepting side, and those of the connecting side (Client). All of it is pure: frames and the time
// go in, frames and a verdict come out; who owns the connection reads, writes and waits. GSSAPI is
// in package kerberos, behind the same interfaces. Nothing here starts a goroutine.
package sasl

import (
	"errors"
	"fmt"
	"time"

	"momus/internal/model"
)

// The mechanisms.
const (
	PLAIN       = "PLAIN"
	SCRAMSHA256 = "SCRAM-SHA-256"
	SCRAMSHA512 = "SCRAM-SHA-512"
	OAUTHBEARER = "OAUTHBEARER"
	GSSAPI      = "GSSAPI"
)

// Mechanisms lists all of them.
func Mechanisms() []string { return []string{GSSAPI, PLAIN, SCRAMSHA256, SCRAMSHA512, OAUTHBEARER} }

// Mechanism is the accepting side of one exchange.
type Mechanism interface {
	// Step takes a token of the client. reply is the server's token, nil for none (an empty one is
	// sent with raw tokens too); done says that the client is authenticated. An error ends the
	// exchange: a *Refusal, ErrBroken (wrapped), or any other, which the client is not told. The
	// token is only valid during the call.
	Step(now time.Time, token []byte) (reply []byte, done bool, err error)
	// Result is who was authenticated, once done.
	Result() Result
}

// Result is what a mechanism found out.
type Result struct {
	Principal model.Principal
	// PrincipalErr says why there is no principal although the client is authenticated: no rule
	// maps its name. Kafka finds out with the first request, and closes the connection then.
	PrincipalErr error
	// Expires is when the credential does; zero when it does not.
	Expires time.Time
	// Note is a line for the log, "" for none.
	Note string
}

// Refusal is a failure that the client is told in these words (Kafka's
// SaslAuthenticationException).
type Refusal struct{ Text string }

// Error implements error.
func (r *Refusal) Error() string { return r.Text }

func refused(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// ErrBroken is wrapped by failures after which the connection is closed without any answer.
var ErrBroken = errors.New("broken exchange")

// errInvalid is a failure whose reason the client is not told: every client gets the same words.
var errInvalid = errors.New("invalid credentials")

// Session is what a completed exchange gives a connection.
type Session struct {
	Result
	Mechanism string
	// Ends is when the client must have authenticated again, zero for never
	// (connections.max.reauth.ms).
	Ends time.Time
	// Framed tells that SaslAuthenticate v1 or later was used, so that the client knows of
	// re-authentication.
	Framed bool
	// Began is when the handshake that led to it came.
	Began time.Time
}

package network

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/sirupsen/logrus"

	"momus/internal/model"
)

// Handler executes requests. Its methods are called by many connections at once, but never twice at
// once for one connection.
type Handler interface {
	// Pipelined tells whether the request in frame may run while earlier answers of its connection
	// are pending.
	Pipelined(frame []byte) bool
	// Serve executes one request. frame belongs to the connection and stays valid until the answer
	// has been written; Serve may change it in place, but ends with Serve when the verdict is
	// Later. An answer is appended to out, whose first bytes (the length) are the connection's.
	// When the verdict is Later, p completes the answer. ctx ends with the server.
	Serve(ctx context.Context, c *Conn, frame []byte, received time.Time, out *Output) (v Verdict, p Pending)
	// Sent tells that an answer of n bytes, with its length field, has been written (0 when there
	// is none); out.Meta is as Serve or Complete left it.
	Sent(c *Conn, out *Output, n int64)
	// Closed tells that a connection is gone; it is called once for each connection that sent a
	// request.
	Closed(c *Conn)
}

// Verdict says what became of a request.
type Verdict int8

// The verdicts.
const (
	Answered  Verdict = iota // the answer is in out
	Silent                   // there is no answer (Produce acks=0)
	Later                    // the Pending completes it
	CloseConn                // no answer; close the connection once the earlier answers are written
	// HoldThenClose: the answer is in out. It is sent after Limits.FailedAuthenticationDelay, and
	// the connection is closed then.
	HoldThenClose
	// CloseLate: the answer, if there is any in out, is sent at once; the connection is closed
	// after the delay.
	CloseLate
)

// ends reports whether the connection ends with the answer.
func (v Verdict) ends() bool { return v == CloseConn || v == HoldThenClose || v == CloseLate }

// Pending is an answer that is not ready yet.
type Pending interface {
	// Done tells whether Complete would return without waiting.
	Done() bool
	// Complete waits for the answer and appends it to out; called once, unless the connection
	// breaks first, then Abandon is.
	Complete(ctx context.Context, out *Output) Verdict
	// Abandon releases what the pending answer holds.
	Abandon()
}

// Listener is one address to listen on.
type Listener struct {
	Name     string // listener name, upper case
	Protocol model.SecurityProtocol
	Addr     string      // host:port to bind; an empty host is all interfaces, port 0 a free one
	TLS      *tls.Config // for SSL and SASL_SSL
}

// Limits bound what connections may use. The server asks for them again and again, so they may
// change while it runs.
type Limits struct {
	MaxRequestBytes         int32            // socket.request.max.bytes
	MaxIdle                 time.Duration    // connections.max.idle.ms; 0: no limit
	MaxConnections          int32            // max.connections
	MaxConnectionsListener  map[string]int32 // listener.name.X.max.connections, by listener name
	MaxConnectionsPerIP     int32            // max.connections.per.ip
	MaxConnectionsPerIPHost map[string]int32 // max.connections.per.ip.overrides, by IP address
	InterBrokerListener     string           // its connections are not refused for max.connections
	SendBuffer, RecvBuffer  int32            // socket.*.buffer.bytes; -1: the system's default
	QueuedBytes             int64            // queued.max.request.bytes; ≤ 0: the server's own bound
	MaxPending              int              // answers of one connection that may be pending; 0: 256
	// FailedAuthenticationDelay is connection.failed.authentication.delay.ms.
	FailedAuthenticationDelay time.Duration
}

// Options make a Server.
type Options struct {
	Listeners []Listener
	Handler   Handler
	Limits    func() *Limits // current limits; must be cheap
	Hooks     Hooks
	Logger    *logrus.Entry
	Now       func() time.Time // nil: time.Now
	// After is what a failed authentication waits for; nil: time.After.
	After func(time.Duration) <-chan time.Time
	// Wrap, if not nil, stands between each listener of the system and the server.
	Wrap func(net.Listener) net.Listener
	// Hold, if not nil, is asked before a request is executed and before an answer is written: both
	// wait until the channel that it returns is closed, and do not while that is nil. It must be
	// cheap.
	Hold func() <-chan struct{}
}

// Hooks count what happens; any may be nil. They must not block.
type Hooks struct {
	Accepted, Closed func(listener string)
	Refused          func(listener, reason string)
	IdleClosed       func(listener string)
	Panicked         func()
	// Handshaken and HandshakeFailed tell of TLS handshakes. One that the client left is neither.
	Handshaken      func(c *Conn)
	HandshakeFailed func(c *Conn, err error)
}

// Conn is what a Handler may know of a connection. The fields are constant but User, which belongs
// to the Handler.
type Conn struct {
	ID       string // Kafka's form: localHost:localPort-remoteHost:remotePort-index
	Listener string
	Protocol model.SecurityProtocol
	Remote   net.Addr
	Local    net.Addr
	// ClientHost is the remote IP address in Java's form "/127.0.0.1", as in group descriptions and
	// ACL checks.
	ClientHost string
	// User is state that the Handler keeps for the connection; only touched inside Serve.
	User any

	conn
}

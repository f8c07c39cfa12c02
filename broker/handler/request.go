package handler

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/network"
	"momus/broker/protocol"
	"momus/internal/model"
)

// Request is one decoded request. It and all byte fields of Body (which alias the frame) are valid
// until the answer was written; what outlives the request is cloned. Strings in Body are copies and
// may be kept.
type Request struct {
	protocol.Header
	// Body is the decoded body, of the type kmsg.RequestForKey(Key) with its version set; nil for
	// rows that decode themselves.
	Body kmsg.Request
	// Raw is the undecoded body.
	Raw []byte
	// Conn is the connection: Listener, Protocol, Remote, ClientHost.
	Conn *network.Conn
	// Received is when the frame was complete.
	Received time.Time
	// Size is that of the frame in bytes, without the length field.
	Size int

	waited  time.Duration // for what others do: not counted against the request quota
	session *session
	kind    int16 // index of further metrics, see RequestNames; 0 none
}

// Listener is the name of the listener that the request came in on.
func (r *Request) Listener() string { return r.Conn.Listener }

// ClientHost is the client's IP address in Java's form "/127.0.0.1".
func (r *Request) ClientHost() string { return r.Conn.ClientHost }

// ClientIDString is the client id as a string that may be kept; "" for null, as in Kafka's group
// metadata.
func (r *Request) ClientIDString() string { return r.session.clientID(r.ClientID) }

// Principal is who sent the request: model.Anonymous on connections without authentication.
func (r *Request) Principal() model.Principal { return r.session.principal }

// session is what the dispatcher keeps for a connection. Only one request touches it at a time.
type session struct {
	request   Request // the one being served
	principal model.Principal
	client    string            // the last client id, as clients hardly ever change it
	names     map[string]string // interned names of topics and transactions
	gaps      gaps
	software  [2]string // client software name and version (KIP-511), "unknown" before ApiVersions v3
	login
}

// clientID is b as a string, the same one as before while the client does not change its id: a
// conversion per request would be an allocation per request.
func (s *session) clientID(b []byte) string {
	if string(b) != s.client {
		s.client = string(b)
	}
	return s.client
}

// maxInterned bounds the names that are remembered for a connection, and maxInternedLength each of
// them: no topic has a longer one.
const (
	maxInterned       = 4096
	maxInternedLength = 249
)

// intern returns b as a string, without allocating when the connection has sent the name before.
func (s *session) intern(b []byte) string {
	if v, ok := s.names[string(b)]; ok {
		return v
	}
	if len(b) > maxInternedLength {
		return string(b)
	}
	// All are forgotten at once: to find the oldest would cost more than to learn them again.
	if s.names == nil || len(s.names) >= maxInterned {
		s.names = make(map[string]string)
	}
	v := string(b)
	s.names[v] = v
	return v
}

package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
)

// networkClient is the class that logs what becomes of connections.
const networkClient = "org.apache.kafka.clients.NetworkClient"

// connections watches a client's connections: it writes Kafka's lines about those that could not be
// made, and keeps what a hint needs. Its methods are called by the client's goroutines.
type connections struct {
	c      *core.Call
	cc     *Config
	client atomic.Pointer[kgo.Client] // set when it is made; its goroutines call before
	seeds  []string

	produced traffic

	mu struct {
		sync.Mutex
		peers map[string]*peer // by address
		first time.Time        // of the first failure
		said  bool             // hints were given

		verdicts map[string]verdict // of addresses that were looked at
	}
}

// peer is an address that was connected to.
type peer struct {
	host     string
	port     int32
	id       int32 // of the broker that announced it; negative for bootstrap servers
	answered bool  // a request was answered, beyond the first ones of every connection
	dialled  bool  // a connection was made, whatever came of it
	refused  bool  // the last attempt failed of TLS or SASL
	err      error // the last failure, nil after a success

	failures int       // lines about connections that could not be made, since the last that could
	told     time.Time // of the last such line
}

// worthALine reports whether a failed connection gets a line. Java's client has one connection to a
// broker, and makes the next attempt after reconnect.backoff.ms, so it has no more lines than that;
// the library has several, which fail together.
func (p *peer) worthALine(now time.Time) bool {
	if p.failures > 0 && now.Sub(p.told) < reconnectBackoff(p.failures-1) {
		return false
	}
	p.failures++
	p.told = now
	return true
}

// address is where the broker listens, as metadata have it.
func (p *peer) address() string { return net.JoinHostPort(p.host, strconv.Itoa(int(p.port))) }

var (
	_ kgo.HookBrokerConnect = (*connections)(nil)
	_ kgo.HookBrokerWrite   = (*connections)(nil)
	_ kgo.HookBrokerRead    = (*connections)(nil)
)

// OnBrokerConnect implements kgo.HookBrokerConnect. An error with a connection is one of its first
// requests.
func (l *connections) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, conn net.Conn, err error) {
	// What is cancelled by the tool says nothing of the broker.
	if errors.Is(err, context.Canceled) || l.closing() {
		return
	}
	id := l.nodeID(meta)
	auth, silent := authError(err), err == nil
	patience := l.note(meta, id, func(p *peer) {
		switch {
		case err == nil:
			p.failures = 0
		case auth != nil: // to be refused is said once: the tool ends of it
			silent = p.refused
		default:
			silent = !p.worthALine(time.Now())
		}
		p.err = err
		p.dialled = p.dialled || conn != nil
		p.refused = auth != nil
	})
	if !silent {
		l.tell(meta, id, conn, auth, err)
	}
	// Who has no terminal gets only what Kafka's tools print, until the tool ends.
	if patience && (l.cc.Boot || l.c.Terminal.Err) { // these tools try for ever, and the others for long
		l.c.GiveHints(l.Hints())
	}
}

// tell writes Kafka's lines about a connection that failed; auth is set where TLS or SASL was
// refused.
func (l *connections) tell(meta kgo.BrokerMetadata, id int32, conn net.Conn, auth *java.Error, err error) {
	node := fmt.Sprintf("%s Connection to node %d (%s)", l.cc.Prefix, id, javaAddress(meta.Host, int(meta.Port)))
	switch {
	case auth != nil:
		l.c.Log("ERROR", networkClient, "%s failed authentication due to: %s", node, auth.Text)
		if !l.cc.Boot {
			l.c.Log("WARN", "org.apache.kafka.clients.admin.internals.AdminMetadataManager", "%s Metadata update failed due to authentication error", l.cc.Prefix)
			l.c.Errorf("%s\n", auth.ToString())
		}
	case conn == nil && errors.Is(err, io.EOF): // in the middle of TLS
		l.c.Log("WARN", networkClient, "%s terminated during authentication. This may happen due to any of the following reasons: (1) Authentication failed due to invalid credentials with brokers older than 1.0.0, (2) Firewall blocking Kafka TLS traffic (eg it may only allow HTTPS traffic), (3) Transient network issue.", node)
	case conn == nil:
		l.c.Log("WARN", networkClient, "%s could not be established. Broker may not be available.", node)
	}
	if l.cc.Boot && id < 0 {
		l.c.Log("WARN", networkClient, "%s Bootstrap broker %s (id: %d rack: null) disconnected", l.cc.Prefix, net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port))), id)
	}
}

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (l *connections) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if err == nil && key == kmsg.Produce.Int16() {
		l.produced.written.Add(1)
	}
}

// OnBrokerRead implements kgo.HookBrokerRead.
func (l *connections) OnBrokerRead(meta kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	// The end of the client closes connections with answers outstanding.
	if err != nil && (errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed) || l.closing()) {
		return
	}
	if err != nil && key == kmsg.Produce.Int16() {
		l.produced.lost.Add(1)
	}
	l.note(meta, l.nodeID(meta), func(p *peer) {
		// These three belong to every new connection, and a server that speaks another protocol can
		// look as if it answered them.
		p.answered = p.answered || err == nil && key != kmsg.ApiVersions.Int16() && key != kmsg.SASLHandshake.Int16() && key != kmsg.SASLAuthenticate.Int16()
		p.err = err
	})
}

// closing tells that the client is being closed: what its connections say then is not worth a line.
func (l *connections) closing() bool {
	client := l.client.Load()
	return client != nil && client.Context().Err() != nil
}

// nodeID is the id that Java gives a broker: bootstrap servers are -1, -2 and so on.
func (l *connections) nodeID(meta kgo.BrokerMetadata) int32 {
	if meta.NodeID >= 0 {
		return meta.NodeID
	}
	// A seed that is not in the list counts as the first.
	return -1 - int32(max(slices.Index(l.seeds, net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port)))), 0))
}

// note changes what is known of a peer; it reports whether nothing has worked for two seconds, on a
// terminal at all, and nobody was told yet.
func (l *connections) note(meta kgo.BrokerMetadata, id int32, change func(p *peer)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.peers == nil {
		l.mu.peers = map[string]*peer{}
	}
	key := net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port)))
	p := l.mu.peers[key]
	if p == nil {
		p = &peer{host: meta.Host, port: meta.Port, id: id}
		l.mu.peers[key] = p
	}
	// Bootstrap servers are negative: the broker's own id wins as soon as it is known.
	p.id = max(p.id, id)
	change(p)
	if p.err == nil {
		l.mu.first = time.Time{}
		return false
	}
	if l.mu.first.IsZero() {
		l.mu.first = time.Now()
	}
	patience := 2 * time.Second
	if l.c.Terminal.Err { // somebody watches
		patience = 0
	}
	if l.mu.said || time.Since(l.mu.first) < patience {
		return false
	}
	l.mu.said = true
	return true
}

// troubled are the peers that failed and never answered, announced ones first.
func (l *connections) troubled() []peer {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []peer
	works := false
	for _, p := range l.mu.peers {
		works = works || p.answered
		if p.err != nil && !p.answered {
			out = append(out, *p)
		}
	}
	// One bootstrap server that answers is enough; the others do not matter.
	out = slices.DeleteFunc(out, func(p peer) bool { return works && p.id < 0 })
	slices.SortFunc(out, func(a, b peer) int { return int(b.id - a.id) })
	return out
}

// Hints says what is wrong with the connections; it may look for itself, for a second or so each.
func (l *connections) Hints() []string {
	var out []string
	for _, p := range l.troubled() {
		if text := l.diagnose(p); text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// authError is the error of a connection whose TLS or SASL was refused, as Java has it; nil for any
// other.
func authError(err error) *java.Error {
	// Kafka's codes 58, 33 and 34 are exceptions of their own: nothing is tried again after them.
	if errors.Is(err, wire.SaslAuthenticationFailed) || errors.Is(err, wire.UnsupportedSaslMechanism) || errors.Is(err, wire.IllegalSaslState) {
		var we *wire.Error
		errors.As(err, &we)
		e := java.OfCode(we.Code, nil)
		// The text of the broker stands behind that of the code.
		if _, message, ok := strings.Cut(err.Error(), we.Error()+": "); ok {
			e.Text = message
		}
		return e
	}
	if reason := certificateTrouble(err, ""); reason != "" {
		return &java.Error{Class: java.ErrorsPackage + "SslAuthenticationException", Text: "SSL handshake failed", Cause: err}
	}
	return nil
}

// retry runs fn again while what it fails of is a connection that could not be made or that was
// closed, as Kafka's clients do until their time is over: a broker may be starting. What more time
// cannot mend is not tried again.
func (l *connections) retry(ctx context.Context, fn func(ctx context.Context) error) error {
	for n := 0; ; n++ {
		err := fn(ctx)
		if err == nil || ctx.Err() != nil || !isConnectionError(err) {
			return err
		}
		if l.hopeless() {
			return errNoBroker
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(reconnectBackoff(n)):
		}
	}
}

// errNoBroker says that it is no use to try again; a hint says why.
var errNoBroker = &java.Error{Class: java.ErrorsPackage + "TimeoutException", Text: "Timeout expired while fetching topic metadata"}

// reconnectBackoff is Kafka's reconnect.backoff.ms, doubled up to reconnect.backoff.max.ms, for the
// n-th attempt from 0.
func reconnectBackoff(n int) time.Duration { return min(50*time.Millisecond<<min(n, 5), time.Second) }

// isConnectionError reports whether a connection failed in a way that may mend while the tool
// waits.
func isConnectionError(err error) bool {
	var op *net.OpError
	// What the other side closed or reset may be a restart; certificates and passwords do not mend
	// by waiting.
	return authError(err) == nil && (errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || notTLS(err))
}

// hopeless tells that every server is something else than a broker, or speaks TLS when this client
// does not, or the reverse.
func (l *connections) hopeless() bool {
	peers := l.troubled()
	for _, p := range peers {
		// One server that may come up is enough to go on.
		if !p.dialled && notReached(p.err) || !l.verdict(p.address()).sure {
			return false
		}
	}
	return len(peers) > 0
}

// watchOf finds what watches a client that newClient made.
func watchOf(c *core.Call, client *kgo.Client) *connections {
	for _, w := range c.Watchers {
		if l, ok := w.(*connections); ok && l.client.Load() == client {
			return l
		}
	}
	return nil
}

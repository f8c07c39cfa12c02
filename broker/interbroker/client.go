// Package interbroker sends requests to other brokers: the fetchers' and the controller's
// connections, controlled shutdown. It owns the connections and their framing; what is sent, and
// when, is decided by its users. There is no ApiVersions exchange between brokers: the version of
// each request follows from inter.broker.protocol.version (Versions). A Client has no goroutine;
// each broker of a Channels has one, ended by RemoveBroker and Close.
package interbroker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/network"
	"momus/internal/model"
)

// ErrNoEndpoint means that the peer has no address: it is not alive, or has no endpoint on the
// inter-broker listener.
var ErrNoEndpoint = errors.New("broker has no endpoint on the inter-broker listener")

// ErrClosed is returned by a closed Client.
var ErrClosed = errors.New("inter-broker client is closed")

// Dialer opens an authenticated connection to an endpoint. ctx ends the attempt, and means nothing
// to the connection afterwards.
type Dialer interface {
	Dial(ctx context.Context, to model.Endpoint) (*Connection, error)
}

// Plaintext dials without encryption or authentication, and refuses endpoints that need either.
// Tests use it.
type Plaintext struct{}

// Dial implements Dialer.
func (Plaintext) Dial(ctx context.Context, to model.Endpoint) (*Connection, error) {
	if to.Protocol != model.Plaintext {
		return nil, fmt.Errorf("dial %s: security protocol %s needs a dialer that speaks it", to, to.Protocol)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		return nil, err
	}
	return &Connection{Conn: network.Quick(conn)}, nil
}

// ClientOptions configure a Client.
type ClientOptions struct {
	ClientID string
	// Endpoint is asked for the peer's address at each connect.
	Endpoint func() (model.Endpoint, bool)
	// Dialer opens the connections; there is no default, as one without protection would be a hole.
	Dialer Dialer
	// ConnectTimeout and RequestTimeout are 30 s when 0.
	ConnectTimeout, RequestTimeout time.Duration
	// MaxResponseBytes bounds a response frame; 1 GiB when 0.
	MaxResponseBytes int
	// ReuseBuffer lets every response share one buffer: byte slices of a response are valid only
	// until the next Do. Fetchers set it, as they append the records before they ask again.
	ReuseBuffer bool
}

// Client sends requests to one broker over one connection, one at a time, in the order of the
// calls. It connects when it has to and drops the connection after any error. Its methods may be
// called from any goroutine.
type Client struct {
	opts ClientOptions

	mu            sync.Mutex // one request at a time
	conn          *Connection
	correlationID int32 // restarts at 0 with each connection, as Kafka's does
	out, in       []byte

	state struct { // what Close may touch while a request is on its way
		sync.Mutex
		closed bool
		conn   net.Conn
	}
}

// NewClient does not connect yet.
func NewClient(opts ClientOptions) *Client {
	if opts.ConnectTimeout == 0 {
		opts.ConnectTimeout = 30 * time.Second
	}
	if opts.RequestTimeout == 0 {
		opts.RequestTimeout = 30 * time.Second
	}
	if opts.MaxResponseBytes == 0 {
		opts.MaxResponseBytes = 1 << 30
	}
	return &Client{opts: opts}
}

// Do sends req, whose version must be set, and returns its response. Any error has closed the
// connection: whether the peer has seen the request is then unknown. Byte fields of the response
// alias a buffer of their own unless ReuseBuffer is set.
func (c *Client) Do(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	resp, err := c.do(ctx, req)
	if err != nil {
		c.dropLocked()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("%s request: %w", kmsg.NameForKey(req.Key()), err)
	}
	return resp, nil
}

// Connected tells whether there is a connection at the moment.
func (c *Client) Connected() bool {
	c.state.Lock()
	defer c.state.Unlock()
	return c.state.conn != nil
}

// Disconnect drops the connection; a request on its way fails. The next Do connects again.
func (c *Client) Disconnect() {
	c.state.Lock()
	defer c.state.Unlock()
	if c.state.conn != nil {
		c.state.conn.Close()
	}
}

// Close drops the connection for good; a request on its way fails.
func (c *Client) Close() error {
	c.state.Lock()
	defer c.state.Unlock()
	c.state.closed = true
	if c.state.conn != nil {
		return c.state.conn.Close()
	}
	return nil
}

// do writes one request and reads its answer. A deadline or the end of ctx breaks the connection:
// it is not known then whether the request was carried out.
func (c *Client) do(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	if err := c.connectLocked(ctx); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(c.opts.RequestTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := c.conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	// A cancelled context breaks the connection, which ends the read below.
	conn := c.conn
	// A time in the past: reads and writes on the way end at once.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.renewIfDue(time.Now()); err != nil {
		return nil, err
	}

	id := c.correlationID
	c.correlationID++
	// The head of a request in one write and the shared rest in another: copying the rest would
	// cost more than a second write.
	if shared, ok := req.(*sharedRequest); ok {
		c.out = appendSharedRequest(c.out[:0], shared, id, c.opts.ClientID)
		if _, err := c.conn.Write(c.out); err != nil {
			return nil, err
		}
		if _, err := c.conn.Write(shared.rest.b); err != nil {
			return nil, err
		}
	} else {
		c.out = AppendRequest(c.out[:0], req, id, c.opts.ClientID)
		if _, err := c.conn.Write(c.out); err != nil {
			return nil, err
		}
	}
	// One large request must not keep its buffer as long as the connection lives.
	if cap(c.out) > 1<<20 {
		c.out = nil
	}
	frame, err := c.readFrame()
	if err != nil {
		return nil, err
	}
	return DecodeResponse(frame, req, id)
}

// connectLocked connects and logs in, unless there is a connection. The lock of state is not held
// meanwhile, so that Close can break it.
func (c *Client) connectLocked(ctx context.Context) error {
	c.state.Lock()
	closed := c.state.closed
	c.state.Unlock()
	if closed {
		return ErrClosed
	}
	if c.conn != nil {
		return nil
	}
	to, ok := c.opts.Endpoint()
	if !ok {
		return ErrNoEndpoint
	}
	dialCtx, cancel := context.WithTimeout(ctx, c.opts.ConnectTimeout)
	defer cancel()
	conn, err := c.opts.Dialer.Dial(dialCtx, to)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", to, err)
	}
	c.state.Lock()
	defer c.state.Unlock()
	if c.state.closed {
		conn.Close()
		return ErrClosed
	}
	c.conn, c.state.conn, c.correlationID = conn, conn, 0
	return nil
}

func (c *Client) dropLocked() {
	c.state.Lock()
	defer c.state.Unlock()
	if c.conn != nil {
		c.conn.Close()
		c.conn, c.state.conn = nil, nil
	}
}

// readAhead is what is read of a response at first: most are smaller and come whole with it.
const readAhead = 16 << 10

// readFrame reads a response. There is nothing behind it, as the next request has not been sent.
func (c *Client) readFrame() ([]byte, error) {
	if len(c.in) < readAhead {
		c.in = make([]byte, readAhead)
	}
	n, err := io.ReadAtLeast(c.conn, c.in, 4)
	// The size is read with as much as comes with it, mostly all: one system call in place of two.
	if err != nil {
		return nil, fmt.Errorf("read response size: %w", err)
	}
	size := int(int32(binary.BigEndian.Uint32(c.in)))
	if size < 4 || size > c.opts.MaxResponseBytes {
		return nil, fmt.Errorf("response of %d bytes, at most %d are allowed", size, c.opts.MaxResponseBytes)
	}
	if n -= 4; n > size {
		return nil, fmt.Errorf("%d bytes behind a response of %d", n-size, size)
	}
	frame := c.in[4:]
	// A response that fits stays in the buffer it was read into.
	if c.opts.ReuseBuffer && len(frame) >= size {
		frame = frame[:size]
	} else {
		whole := make([]byte, 4+size)
		copy(whole[4:], frame[:n])
		if frame = whole[4:]; c.opts.ReuseBuffer {
			c.in = whole
		}
	}
	if _, err := io.ReadFull(c.conn, frame[n:]); err != nil {
		return nil, fmt.Errorf("read response of %d bytes: %w", size, err)
	}
	return frame, nil
}

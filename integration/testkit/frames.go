package testkit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Verdict is what a FrameProxy does with a request or an answer.
type Verdict int8

const (
	Forward    Verdict = iota
	CutInstead         // it is not forwarded, and the connection is closed
	CutWithin          // half of it is forwarded, and the connection is closed
	CutAfter           // it is forwarded, and the connection is closed
)

// Request is a request that passes a FrameProxy.
type Request struct {
	Conn     uint64 // tells connections apart
	Key      int16
	Version  int16
	ClientID string
	At       time.Time

	correlation int32
	body        []byte
}

// Decode reads the body; it fails on requests that kmsg does not know.
func (r *Request) Decode() (kmsg.Request, error) {
	req := kmsg.RequestForKey(r.Key)
	if req == nil || r.Version > req.MaxVersion() {
		return nil, fmt.Errorf("request %d version %d is unknown", r.Key, r.Version)
	}
	req.SetVersion(r.Version)
	body := r.body
	// A flexible request has tags between the header, whose client id is not compact, and its body.
	if req.IsFlexible() {
		rd := kbin.Reader{Src: body}
		kmsg.SkipTags(&rd)
		body = rd.Src
	}
	return req, req.ReadFrom(body)
}

// DecodeAnswer reads the body of the answer to r.
func (r *Request) DecodeAnswer(body []byte) (kmsg.Response, error) {
	req := kmsg.RequestForKey(r.Key)
	if req == nil || r.Version > req.MaxVersion() {
		return nil, fmt.Errorf("request %d version %d is unknown", r.Key, r.Version)
	}
	req.SetVersion(r.Version)
	resp := req.ResponseKind()
	// ApiVersions answers with the header of version 0 always, so that any client can read it.
	if req.IsFlexible() && r.Key != int16(kmsg.ApiVersions) {
		rd := kbin.Reader{Src: body}
		kmsg.SkipTags(&rd)
		body = rd.Src
	}
	return resp, resp.ReadFrom(body)
}

// Hooks look at what passes a FrameProxy; either may be nil. They are called by the goroutines of
// the connections, and may block: then their connection does.
type Hooks struct {
	Request func(r *Request) Verdict
	// Answer gets the body of the answer to r.
	Answer func(r *Request, body []byte) Verdict
	// Closed is told that a connection is gone.
	Closed func(conn uint64)
}

// FrameProxy forwards Kafka connections to an address, whole requests and answers at a time.
type FrameProxy struct {
	Addr   string
	target string
	hooks  Hooks
	l      net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	next   uint64
	conns  map[net.Conn]bool
}

// NewFrameProxy forwards to target from a free port.
func NewFrameProxy(t testing.TB, target string, hooks Hooks) *FrameProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &FrameProxy{Addr: l.Addr().String(), target: target, hooks: hooks, conns: map[net.Conn]bool{}}
	p.serveAll(l)
	t.Cleanup(func() {
		p.Down()
		p.wg.Wait()
	})
	return p
}

// serveAll serves what comes in at a listener until it is closed.
func (p *FrameProxy) serveAll(l net.Listener) {
	p.mu.Lock()
	p.l = l
	p.mu.Unlock()
	acceptAll(&p.wg, l, p.target, p.serve)
}

// Down refuses connections and closes those that are there: with its target dead, a proxy that
// accepts would not look like a dead broker.
func (p *FrameProxy) Down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.l.Close()
	p.closed = true
	for c := range p.conns {
		c.Close()
	}
}

// Up serves again after Down.
func (p *FrameProxy) Up(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.closed = false
	p.mu.Unlock()
	p.serveAll(l)
}

// Port is the proxy's port.
func (p *FrameProxy) Port() int {
	// The address is the listener's, with a port that is a number.
	_, port, _ := net.SplitHostPort(p.Addr)
	n, _ := strconv.Atoi(port)
	return n
}

// serve forwards a connection frame by frame, past the hooks, until either side ends.
func (p *FrameProxy) serve(c, up net.Conn) {
	p.mu.Lock()
	p.next++
	id := p.next
	p.conns[c], p.conns[up] = true, true
	// Down may have come between the accept and here.
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return
	}
	defer func() {
		p.mu.Lock()
		delete(p.conns, c)
		delete(p.conns, up)
		p.mu.Unlock()
		if p.hooks.Closed != nil {
			p.hooks.Closed(id)
		}
	}()
	var mu sync.Mutex
	waiting := map[int32]*Request{} // by correlation id
	var both sync.WaitGroup
	both.Go(func() {
		defer c.Close()
		defer up.Close()
		p.pump(c, up, func(frame []byte) (Verdict, error) {
			if len(frame) < 4 {
				// The correlation id is the whole header that is looked at.
				return CutInstead, errors.New("answer without header")
			}
			correlation := int32(binary.BigEndian.Uint32(frame))
			mu.Lock()
			r := waiting[correlation]
			delete(waiting, correlation)
			mu.Unlock()
			// An answer nobody waits for, as after a request that was cut, passes.
			if r == nil || p.hooks.Answer == nil {
				return Forward, nil
			}
			return p.hooks.Answer(r, frame[4:]), nil
		})
	})
	p.pump(up, c, func(frame []byte) (Verdict, error) {
		r, err := parseRequest(id, frame)
		if err != nil {
			return CutInstead, err
		}
		mu.Lock()
		waiting[r.correlation] = r
		mu.Unlock()
		if p.hooks.Request == nil {
			return Forward, nil
		}
		return p.hooks.Request(r), nil
	})
	c.Close()
	up.Close()
	both.Wait()
}

// pump forwards frames until an end closes or it is told to cut.
func (p *FrameProxy) pump(to, from net.Conn, judge func(frame []byte) (Verdict, error)) {
	for {
		var size [4]byte
		if _, err := io.ReadFull(from, size[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(size[:])
		// No message of Kafka's is larger; a greater number is not a Kafka peer's.
		if n > 200<<20 {
			return
		}
		frame := make([]byte, 4+n)
		copy(frame, size[:])
		if _, err := io.ReadFull(from, frame[4:]); err != nil {
			return
		}
		v, err := judge(frame[4:])
		if err != nil || v == CutInstead {
			return
		}
		if v == CutWithin {
			frame = frame[:len(frame)/2]
		}
		if _, err := to.Write(frame); err != nil || v != Forward {
			return
		}
	}
}

// parseRequest reads a request's header, up to the client id; a flexible one's tags stay in the
// body.
func parseRequest(conn uint64, frame []byte) (*Request, error) {
	if len(frame) < 10 {
		return nil, errors.New("request without header")
	}
	r := &Request{Conn: conn, At: time.Now(), Key: int16(binary.BigEndian.Uint16(frame)), Version: int16(binary.BigEndian.Uint16(frame[2:])),
		correlation: int32(binary.BigEndian.Uint32(frame[4:]))}
	// -1 is a null client id.
	n := int(int16(binary.BigEndian.Uint16(frame[8:])))
	rest := frame[10:]
	if n > len(rest) {
		return nil, errors.New("client id longer than the request")
	}
	if n > 0 {
		r.ClientID, rest = string(rest[:n]), rest[n:]
	}
	r.body = rest
	return r, nil
}

// BehindFrameProxies starts brokers 1, 2, … that clients reach through a FrameProxy each, and each
// other directly; hooks makes the hooks of a broker's proxy. start is BrokerAt or KafkaAt.
func BehindFrameProxies(t testing.TB, zookeeper string, n int, start func(t testing.TB, id, port int, zookeeper string, lines ...string) *Cluster,
	hooks func(broker int) Hooks, lines ...string) ([]*Cluster, []*FrameProxy) {
	t.Helper()
	bs, proxies := make([]*Cluster, n), make([]*FrameProxy, n)
	for i := range bs {
		client, internal := FreePort(t), FreePort(t)
		proxies[i] = NewFrameProxy(t, fmt.Sprintf("127.0.0.1:%d", client), hooks(i+1))
		bs[i] = start(t, i+1, client, zookeeper, append([]string{
			fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,INTERNAL://127.0.0.1:%d", client, internal),
			fmt.Sprintf("advertised.listeners=PLAINTEXT://127.0.0.1:%d,INTERNAL://127.0.0.1:%d", proxies[i].Port(), internal),
			"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT", "inter.broker.listener.name=INTERNAL",
		}, lines...)...)
	}
	WaitBrokers(t, bs, n)
	return bs, proxies
}

package network

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"momus/internal/testbase"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a Handler: the first byte of a frame says what to do, the answer is the frame.
//
//	p  pipelined, pending until released     P  pipelined, answered at once
//	l  as p, but answered when the server stops
//	e  answered at once                      s  silent
//	c  close (C: pipelined)                  !  panic
//	z  a frame of length 0 or unknown closes
type echo struct {
	mu      sync.Mutex
	pending map[string]chan struct{}
	served  chan string // names of frames as they are served
	closed  atomic.Int32
	sent    atomic.Int64
	ranges  func() []Range // guarded by mu
	aborted atomic.Int32
}

func newEcho() *echo {
	return &echo{pending: map[string]chan struct{}{}, served: make(chan string, 1024)}
}

func (h *echo) gate(name string) chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending[name] == nil {
		h.pending[name] = make(chan struct{})
	}
	return h.pending[name]
}

func (h *echo) set(ranges func() []Range) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ranges = ranges
}

func (h *echo) release(name string) { close(h.gate(name)) }

func (h *echo) Pipelined(frame []byte) bool {
	return len(frame) > 0 && (frame[0] == 'p' || frame[0] == 'l' || frame[0] == 'P' || frame[0] == 'C')
}

func (h *echo) Serve(_ context.Context, _ *Conn, frame []byte, _ time.Time, out *Output) (Verdict, Pending) {
	if len(frame) == 0 {
		return CloseConn, nil
	}
	select {
	case h.served <- string(frame[:min(len(frame), 16)]):
	default:
	}
	switch frame[0] {
	case 'p', 'l':
		return Later, &gated{h: h, name: string(frame), gate: h.gate(string(frame))}
	case 'P', 'e':
		out.B = append(out.B, frame...)
		return Answered, nil
	case 'r':
		out.B = append(out.B, "head"...)
		h.mu.Lock()
		ranges := h.ranges
		h.mu.Unlock()
		for i, r := range ranges() {
			out.AppendRange(r)
			out.B = append(out.B, byte('0'+i%10))
		}
		return Answered, nil
	case 's':
		return Silent, nil
	case '!':
		panic("asked for")
	}
	return CloseConn, nil
}

func (h *echo) Sent(_ *Conn, _ *Output, n int64) { h.sent.Add(n) }
func (h *echo) Closed(*Conn)                     { h.closed.Add(1) }

type gated struct {
	h    *echo
	name string
	gate chan struct{}
}

func (g *gated) Done() bool {
	select {
	case <-g.gate:
		return true
	default:
		return false
	}
}

func (g *gated) Complete(ctx context.Context, out *Output) Verdict {
	select {
	case <-g.gate:
	case <-ctx.Done():
		if g.name[0] != 'l' {
			return CloseConn
		}
		out.B = append(out.B, g.name+" cut short"...)
		return Answered
	}
	out.B = append(out.B, g.name...)
	return Answered
}

func (g *gated) Abandon() { g.h.aborted.Add(1) }

type fixture struct {
	*Server
	t      testing.TB
	h      *echo
	limits Limits
	stop   func()
}

func start(t testing.TB, change func(o *Options, l *Limits)) *fixture {
	t.Helper()
	f := &fixture{t: t, h: newEcho()}
	f.limits = Limits{MaxRequestBytes: 100 << 20, MaxConnections: 1 << 30, MaxConnectionsPerIP: 1 << 30, SendBuffer: 102400, RecvBuffer: 102400}
	o := Options{Handler: f.h, Limits: func() *Limits { return &f.limits }, Logger: testbase.Quiet(),
		Listeners: []Listener{{Name: "PLAINTEXT", Addr: "127.0.0.1:0"}}}
	if change != nil {
		change(&o, &f.limits)
	}
	f.Server = New(o)
	if err := f.Listen(); err != nil {
		t.Fatal(err)
	}
	f.stop = testbase.Run(t, f.Run)
	t.Cleanup(func() {
		f.stop()
		if n := f.MemoryUsed(); n != 0 {
			t.Errorf("%d bytes of frames left", n)
		}
	})
	return f
}

func (f *fixture) dial() net.Conn { return f.dialListener("PLAINTEXT") }

func (f *fixture) dialListener(name string) net.Conn {
	f.t.Helper()
	c, err := net.Dial("tcp", f.Addr(name).String())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

func frame(body string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func send(t testing.TB, c net.Conn, bodies ...string) {
	t.Helper()
	var all []byte
	for _, b := range bodies {
		all = append(all, frame(b)...)
	}
	if _, err := c.Write(all); err != nil {
		t.Error(err)
	}
}

func receive(c net.Conn) (string, error) {
	body, err := testbase.ReadFrame(c)
	return string(body), err
}

func expect(t testing.TB, c net.Conn, bodies ...string) {
	t.Helper()
	for _, want := range bodies {
		got, err := receive(c)
		if err != nil {
			t.Fatalf("waiting for %.20q: %v", want, err)
		}
		if got != want {
			t.Fatalf("got %.40q, want %.40q", got, want)
		}
	}
}

func expectClosed(t testing.TB, c net.Conn) {
	t.Helper()
	if got, err := receive(c); err == nil {
		t.Fatalf("got %q, want the connection closed", got)
	} else if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		t.Fatal("the connection was not closed")
	}
}

func TestEachRequestIsAnsweredInOrder(t *testing.T) {
	f := start(t, nil)
	c := f.dial()
	send(t, c, "e1", "e2", "s", "e3")
	expect(t, c, "e1", "e2", "e3")
	big := "e" + string(bytes.Repeat([]byte("x"), 3<<20))
	sent := make(chan struct{})
	go func() { defer close(sent); send(t, c, big, "e4", big) }() // neither side can hold all of it
	expect(t, c, big, "e4", big)
	<-sent
}

func TestFramesMayArriveInAnyPieces(t *testing.T) {
	f := start(t, nil)
	c := f.dial()
	var all []byte
	var want []string
	for _, n := range []int{1, 3, 500, 507, 508, 509, 600, 2, 70_000, 5, 140_000, 9} {
		body := "e" + string(bytes.Repeat([]byte{byte('a' + n%26)}, n))
		want = append(want, body)
		all = append(all, frame(body)...)
	}
	for _, step := range []int{1 << 20, 1, 7, 511, 513, 65_000} {
		done := make(chan error, 1)
		go func() {
			if step == 1 {
				for i := range 2000 {
					if _, err := c.Write(all[i : i+1]); err != nil {
						done <- err
						return
					}
				}
				_, err := c.Write(all[2000:])
				done <- err
				return
			}
			for rest := all; len(rest) > 0; {
				n := min(step, len(rest))
				if _, err := c.Write(rest[:n]); err != nil {
					done <- err
					return
				}
				rest = rest[n:]
			}
			done <- nil
		}()
		expect(t, c, want...)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func TestBadSizesCloseTheConnection(t *testing.T) {
	f := start(t, func(_ *Options, l *Limits) { l.MaxRequestBytes = 1000 })
	other := f.dial()
	for name, raw := range map[string][]byte{
		"negative":  {0xff, 0xff, 0xff, 0xff},
		"too large": {0, 0, 3, 0xe9, 'e'},
		"zero":      {0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial()
			send(t, c, "e1")
			expect(t, c, "e1")
			if _, err := c.Write(raw); err != nil {
				t.Fatal(err)
			}
			expectClosed(t, c)
		})
	}
	c := f.dial()
	body := "e" + string(make([]byte, 999))
	send(t, c, body)
	expect(t, c, body)
	send(t, other, "e-other")
	expect(t, other, "e-other")
}

func TestPipelinedRequestsRunWhileEarlierOnesWait(t *testing.T) {
	f := start(t, nil)
	c := f.dial()
	send(t, c, "p1", "p2", "P3", "s", "p4", "e5")
	for _, want := range []string{"p1", "p2", "P3"} {
		if got := <-f.h.served; got != want {
			t.Fatalf("served %q, want %q", got, want)
		}
	}
	// "s" is not pipelined here, so nothing more is served before all earlier answers are out.
	select {
	case got := <-f.h.served:
		t.Fatalf("served %q too early", got)
	default:
	}
	f.h.release("p2")
	f.h.release("p1")
	expect(t, c, "p1", "p2", "P3")
	for _, want := range []string{"s", "p4"} {
		if got := <-f.h.served; got != want {
			t.Fatalf("served %q, want %q", got, want)
		}
	}
	f.h.release("p4")
	expect(t, c, "p4", "e5")
}

func TestPendingAnswersAreBounded(t *testing.T) {
	f := start(t, func(_ *Options, l *Limits) { l.MaxPending = 2 })
	c := f.dial()
	send(t, c, "p1", "p2", "p3", "p4")
	<-f.h.served
	<-f.h.served
	f.h.release("p1")
	expect(t, c, "p1")
	if got := <-f.h.served; got != "p3" {
		t.Fatal(got)
	}
	f.h.release("p2")
	f.h.release("p3")
	f.h.release("p4")
	expect(t, c, "p2", "p3", "p4")
}

func TestCloseComesAfterEarlierAnswers(t *testing.T) {
	f := start(t, nil)
	for _, last := range []string{"c", "C"} {
		c := f.dial()
		name := "p" + last
		send(t, c, name, "P2", last, "e3")
		for last == "C" && <-f.h.served != "C" {
		}
		f.h.release(name)
		expect(t, c, name, "P2")
		expectClosed(t, c)
	}
}

func TestPanicClosesOnlyItsConnection(t *testing.T) {
	var panics atomic.Int32
	f := start(t, func(o *Options, _ *Limits) { o.Hooks.Panicked = func() { panics.Add(1) } })
	c, other := f.dial(), f.dial()
	send(t, c, "!")
	expectClosed(t, c)
	send(t, other, "e")
	expect(t, other, "e")
	if panics.Load() != 1 {
		t.Fatal(panics.Load())
	}
}

// withAnswersPending starts a server that has taken the requests p1 and p2 of a client.
func withAnswersPending(t *testing.T) (*fixture, net.Conn) {
	t.Helper()
	f := start(t, nil)
	c := f.dial()
	send(t, c, "p1", "p2")
	<-f.h.served
	<-f.h.served
	return f, c
}

func TestStopAbandonsPendingAnswers(t *testing.T) {
	f, c := withAnswersPending(t)
	f.stop()
	expectClosed(t, c)
	if f.h.closed.Load() != 1 {
		t.Fatal("the handler was not told")
	}
}

// What waits when the server stops is answered if the handler has an answer then.
func TestStopAnswersWhatIsPending(t *testing.T) {
	f := start(t, nil)
	f.lastAnswers = time.Minute
	c, idle := f.dial(), f.dial()
	send(t, idle, "e")
	expect(t, idle, "e")
	send(t, c, "l1", "l2", "P3")
	for range 4 {
		<-f.h.served
	}
	f.stop()
	expect(t, c, "l1 cut short", "l2 cut short", "P3")
	expectClosed(t, c)
	expectClosed(t, idle)
}

// A client that does not read does not hold up the stop.
func TestStopDoesNotWaitForTheDeaf(t *testing.T) {
	f := start(t, nil)
	deaf := f.dial()
	var released atomic.Int32
	f.h.set(func() []Range { return []Range{&memRange{make([]byte, 64<<20), &released}} })
	send(t, deaf, "r")
	<-f.h.served
	f.stop()
	if released.Load() != 1 {
		t.Error("what was not sent is still held")
	}
}

func TestClosedByTheClientWithAnswersPending(t *testing.T) {
	f, c := withAnswersPending(t)
	c.Close()
	f.h.release("p1")
	f.h.release("p2")
	f.waitConnections("PLAINTEXT", 0)
}

// waitConnections waits until a listener has n connections.
func (f *fixture) waitConnections(listener string, n int) {
	f.t.Helper()
	deadline := time.After(20 * time.Second)
	for f.Connections(listener) != n {
		f.mu.Lock()
		freed := f.mu.freed
		f.mu.Unlock()
		if f.Connections(listener) == n {
			return
		}
		select {
		case <-freed:
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			f.t.Fatalf("%d connections, want %d", f.Connections(listener), n)
		}
	}
}

func TestConnectionLimits(t *testing.T) {
	t.Run("per address", func(t *testing.T) {
		f := start(t, func(_ *Options, l *Limits) {
			l.MaxConnectionsPerIP = 5
			l.MaxConnectionsPerIPHost = map[string]int32{"127.0.0.1": 1}
		})
		a := f.dial()
		send(t, a, "e")
		expect(t, a, "e")
		expectClosed(t, f.dial())
		a.Close()
		f.waitConnections("PLAINTEXT", 0)
		b := f.dial()
		send(t, b, "e")
		expect(t, b, "e")
	})
	t.Run("broker", func(t *testing.T) {
		f := start(t, func(_ *Options, l *Limits) { l.MaxConnections = 1 })
		a := f.dial()
		send(t, a, "e1")
		expect(t, a, "e1")
		b := f.dial() // waits for a slot
		send(t, b, "e2")
		send(t, a, "e3")
		expect(t, a, "e3")
		a.Close()
		expect(t, b, "e2")
	})
	t.Run("inter-broker listener is let in", func(t *testing.T) {
		f := start(t, func(o *Options, l *Limits) {
			o.Listeners = append(o.Listeners, Listener{Name: "INTERNAL", Addr: "127.0.0.1:0"})
			l.MaxConnections, l.InterBrokerListener = 1, "INTERNAL"
		})
		a := f.dial()
		send(t, a, "e1")
		expect(t, a, "e1")
		b := f.dialListener("INTERNAL")
		send(t, b, "e2")
		expect(t, b, "e2")
		expectClosed(t, a)
	})
	t.Run("listener", func(t *testing.T) {
		f := start(t, func(_ *Options, l *Limits) { l.MaxConnectionsListener = map[string]int32{"PLAINTEXT": 1} })
		a := f.dial()
		send(t, a, "e1")
		expect(t, a, "e1")
		b := f.dial()
		send(t, b, "e2")
		a.Close()
		expect(t, b, "e2")
	})
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	f := start(t, func(o *Options, l *Limits) {
		o.Now = func() time.Time { return time.Unix(0, now.Load()) }
		l.MaxIdle = time.Minute
	})
	idle, waiting := f.dial(), f.dial()
	send(t, idle, "e")
	expect(t, idle, "e")
	send(t, waiting, "p1")
	for range 2 {
		<-f.h.served
	}
	now.Add(int64(2 * time.Minute))
	f.sweepOnce(f.o.Now())
	expectClosed(t, idle)
	f.h.release("p1")
	expect(t, waiting, "p1")
}

// sweeping has idle connections looked for while a request has been served and its answer is not in
// the queue yet.
type sweeping struct {
	*echo
	sweep func()
}

func (h *sweeping) Serve(ctx context.Context, c *Conn, frame []byte, received time.Time, out *Output) (Verdict, Pending) {
	verdict, pending := h.echo.Serve(ctx, c, frame, received, out)
	return verdict, &sweepingDone{pending, h.sweep}
}

type sweepingDone struct {
	Pending
	sweep func()
}

func (p *sweepingDone) Done() bool {
	p.sweep()
	return p.Pending.Done()
}

func TestARequestWithoutAnswerYetIsNotIdle(t *testing.T) {
	var s *Server
	f := start(t, func(o *Options, l *Limits) {
		l.MaxIdle = time.Minute
		o.Handler = &sweeping{o.Handler.(*echo), func() { s.sweepOnce(time.Now().Add(2 * time.Minute)) }}
	})
	s = f.Server
	c := f.dial()
	send(t, c, "p1")
	<-f.h.served
	f.h.release("p1")
	expect(t, c, "p1")
}

// stoppedInside is a range that is read when the server stops: it goes on once the connection has
// been told.
type stoppedInside struct {
	memRange
	stop func()
	conn func() *Conn
}

func (r *stoppedInside) ReadAt(p []byte, off int64) (int, error) {
	r.stop()
	for !r.conn().retired.Load() {
		time.Sleep(time.Millisecond)
	}
	return r.memRange.ReadAt(p, off)
}

func TestStopLetsAnAnswerBeWritten(t *testing.T) {
	f := start(t, nil)
	var released atomic.Int32
	c := f.dial()
	send(t, c, "e")
	expect(t, c, "e")
	conn := f.all()[0]
	stop := sync.OnceFunc(func() { go f.stop() })
	f.h.set(func() []Range {
		return []Range{&stoppedInside{memRange{[]byte("range"), &released}, stop, func() *Conn { return conn }}}
	})
	send(t, c, "r")
	expect(t, c, "headrange0")
	expectClosed(t, c)
}

// A length prefix costs its sender nothing, so it must not cost the broker much.
func TestSlowSendersCostLittleMemory(t *testing.T) {
	f := start(t, nil)
	const n = 200
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = f.dial()
		if _, err := conns[i].Write(append([]byte{0x06, 0x40, 0, 0}, make([]byte, 1000)...)); err != nil {
			t.Fatal(err)
		}
	}
	f.waitConnections("PLAINTEXT", n)
	f.waitReceiving(n)
	if used := f.MemoryUsed(); used > n*(firstGrant+firstGrant/2) {
		t.Errorf("%d senders of 1,000 bytes each hold %d bytes", n, used)
	}
}

func TestExhaustedMemoryStopsReadingUntilSomeIsReleased(t *testing.T) {
	f := start(t, func(_ *Options, l *Limits) { l.QueuedBytes = 100_000 })
	body := "p" + string(bytes.Repeat([]byte("x"), 200_000))
	hold := f.dial()
	// Half a frame holds memory; it is never completed.
	if _, err := hold.Write(frame(body)[:150_000]); err != nil {
		t.Fatal(err)
	}
	testbase.Eventually(t, "half a frame arrives", func() bool { return f.MemoryUsed() >= 100_000 })
	c := f.dial()
	echo := "e" + body
	go func() { _, _ = c.Write(frame(echo)) }()
	f.sweepOnce(time.Now()) // nobody has waited long
	waitStarving(t, &f.memory)
	f.sweepOnce(time.Now().Add(2 * starvation))
	expectClosed(t, hold)
	expect(t, c, echo)
}

// waitReceiving waits until part of a frame has arrived at n connections.
func (f *fixture) waitReceiving(n int) {
	f.t.Helper()
	testbase.Eventually(f.t, "all frames begin to arrive", func() bool {
		k := 0
		for _, c := range f.all() {
			if c.receiving.Load() {
				k++
			}
		}
		return k >= n
	})
}

// waitStarving waits until somebody waits for memory of a budget.
func waitStarving(t *testing.T, m *budget) {
	t.Helper()
	testbase.Eventually(t, "somebody waits for memory", func() bool { return m.starving(time.Now().Add(time.Hour)) })
}

// memRange is a Range in memory.
type memRange struct {
	b        []byte
	released *atomic.Int32
}

func (r *memRange) Len() int { return len(r.b) }
func (r *memRange) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(r.b).ReadAt(p, off)
}
func (r *memRange) Release() { r.released.Add(1) }

// osRange is a Range of a file.
type osRange struct {
	memRange
	f   *os.File
	pos int64
}

func (r *osRange) OSFile() (*os.File, int64) { return r.f, r.pos }

// fileOf is an open file with a content.
func fileOf(t *testing.T, content []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "segment")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestRangesAreSentWhereTheyWereAppended(t *testing.T) {
	content := make([]byte, 3<<20)
	_, _ = rand.Read(content)
	file := fileOf(t, content)
	cert := selfSigned(t)
	f := start(t, func(o *Options, _ *Limits) {
		o.Listeners = append(o.Listeners, Listener{Name: "SSL", Addr: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	})
	for _, sizes := range [][]int{{10}, {smallRange - 1}, {smallRange}, {1 << 20}, {5, 1 << 20, 7, 300_000, 0, 20_000, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {10_000, 10_000, 10_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000}} {
		for _, kind := range []string{"file", "memory", "tls"} {
			t.Run(fmt.Sprintf("%s%v", kind, sizes), func(t *testing.T) {
				var released atomic.Int32
				want := []byte("head")
				f.h.set(func() (rs []Range) {
					pos := 100
					for _, n := range sizes {
						m := memRange{content[pos : pos+n], &released}
						if kind == "memory" {
							rs = append(rs, &m)
						} else {
							rs = append(rs, &osRange{m, file, int64(pos)})
						}
						pos += n
					}
					return rs
				})
				for i, r := range f.h.ranges() {
					b := make([]byte, r.Len())
					_, _ = r.ReadAt(b, 0)
					want = append(append(want, b...), byte('0'+i%10))
				}
				listener := "PLAINTEXT"
				if kind == "tls" {
					listener = "SSL"
				}
				c := f.dialListener(listener)
				if kind == "tls" {
					c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
				}
				send(t, c, "r", "e")
				expect(t, c, string(want), "e")
				if int(released.Load()) != len(sizes) {
					t.Errorf("%d of %d ranges released", released.Load(), len(sizes))
				}
			})
		}
	}
}

// A range that turns out shorter than announced must not desynchronise the connection.
func TestShortRangeClosesTheConnection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "segment")
	if err := os.WriteFile(path, make([]byte, 50_000), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f := start(t, nil)
	var released atomic.Int32
	f.h.set(func() []Range {
		return []Range{&osRange{memRange{make([]byte, 100_000), &released}, file, 0}}
	})
	c := f.dial()
	send(t, c, "r")
	expectClosed(t, c)
	f.waitConnections("PLAINTEXT", 0)
	if released.Load() != 1 {
		t.Error("range was not released")
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestJavaHost(t *testing.T) {
	for ip, want := range map[string]string{"127.0.0.1": "/127.0.0.1", "::1": "/0:0:0:0:0:0:0:1", "2001:db8::10": "/2001:db8:0:0:0:0:0:10"} {
		a := &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}
		if got := javaHost(a, hostOf(a)); got != want {
			t.Errorf("%s is %s, want %s", ip, got, want)
		}
	}
}

func TestConnectionsAreNamedByTheirAddresses(t *testing.T) {
	for _, a := range []net.Addr{&net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 9092}, &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3).To4(), Port: 1}, &net.TCPAddr{IP: net.IPv6loopback, Port: 65535},
		&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 7, Zone: "eth0"}, &net.UnixAddr{Name: "/s", Net: "unix"}} {
		if got, want := connectionID(a, a, 17), fmt.Sprintf("%s-%s-17", a, a); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestBufferClasses(t *testing.T) {
	var p bufferPool
	for _, n := range []int{0, 1, 511, 512, 513, 768, 769, 1024, 1025, 1536, 1537, 65536, 65537, 98304, 98305, 4 << 20, 4<<20 + 1} {
		b := p.get(n)
		if len(b.b) < n || n > 1024 && n <= maxPooled && len(b.b) > n+n/2 {
			t.Errorf("get(%d) has %d bytes", n, len(b.b))
		}
		p.put(b)
	}
	for class := range numClasses {
		if got := classFor(classSize(class)); got != class {
			t.Errorf("class %d of %d bytes is class %d", class, classSize(class), got)
		}
	}
}

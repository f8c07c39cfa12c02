package zkserver

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"momus/internal/testbase"
)

// bench drives a core by hand: the log is as slow as the test wants.
type bench struct {
	core *core
	now  instant
	out  map[*client][]string
	xid  int32
}

func newBench(tick time.Duration) *bench {
	o := Options{TickTime: tick}
	o.setDefaults()
	b := &bench{core: newCore(&o), out: make(map[*client][]string), now: instant{wallMs: 1_700_000_000_000}}
	b.core.serve(b.now, false, nil)
	return b
}

func (b *bench) at(elapsed time.Duration) { b.now.elapsedMs = elapsed.Milliseconds() }

// connect opens a session and makes it durable.
func (b *bench) connect(timeout time.Duration) *client {
	cl := &client{}
	b.core.connected(b.now, cl, connectRequest{timeoutMs: int32(timeout.Milliseconds()), hasReadOnly: true}, [16]byte{1})
	b.log(-1)
	b.collect()
	delete(b.out, cl)
	return cl
}

// log makes n transactions durable, or all.
func (b *bench) log(n int) {
	if n < 0 {
		n = len(b.core.queue)
	}
	b.core.unlogged = b.core.unlogged[:0]
	b.core.logged(b.now, n)
	b.collect()
}

// collect turns effects into words: the code of a reply, or an event and its path.
func (b *bench) collect() {
	for _, e := range b.core.effects {
		s := "closed"
		if e.frame != nil {
			d := decoderOf(e.frame[4:])
			xid, _, code := d.Int32(), d.Int64(), d.Int32()
			s = fmt.Sprintf("%d:%d", xid, code)
			if xid == xidNotification {
				event := d.Int32()
				d.Int32()
				path, _ := d.string()
				s = fmt.Sprintf("event %d %s", event, path)
			}
		}
		b.out[e.client] = append(b.out[e.client], s)
	}
	b.core.effects = b.core.effects[:0]
}

// send hands in a request; what has come back so far is taken by take.
func (b *bench) send(cl *client, op opcode, body func(e *encoder)) {
	b.xid++
	e := encoder{}
	e.int32(b.xid)
	e.int32(int32(op))
	if body != nil {
		body(&e)
	}
	b.core.request(b.now, cl, e.b)
	b.collect()
}

func (b *bench) take(cl *client) string {
	s := strings.Join(b.out[cl], " ")
	delete(b.out, cl)
	return s
}

func create(path string, flags int32) func(e *encoder) {
	return func(e *encoder) {
		e.string(path)
		e.bytes([]byte("data"))
		e.acl(openACL())
		e.int32(flags)
	}
}

func read(path string, watch bool) func(e *encoder) {
	return func(e *encoder) {
		e.string(path)
		e.bool(watch)
	}
}

func TestReadsSeeOnlyWhatIsDurable(t *testing.T) {
	b := newBench(time.Second)
	writer, reader := b.connect(10*time.Second), b.connect(10*time.Second)
	b.xid = 0
	b.send(reader, opExists, read("/a", true))
	if got := b.take(reader); got != "1:-101" {
		t.Fatalf("before: %q", got)
	}
	b.send(writer, opCreate, create("/a", 0))   // 2
	b.send(writer, opCreate, create("/a/b", 0)) // 3: checked against what is not durable yet
	b.send(writer, opGetData, read("/a", false))
	b.send(reader, opGetData, read("/a", false)) // 5
	b.send(reader, opSync, read("/", false))     // 6
	b.send(reader, opGetData, read("/a", false)) // 7: after the sync
	if got := b.take(writer); got != "" {
		t.Fatalf("answered before it was durable: %q", got)
	}
	if got := b.take(reader); got != "5:-101" {
		t.Fatalf("a reader: %q", got)
	}
	b.log(1)
	if got := b.take(writer); got != "2:0" {
		t.Fatalf("after the first: %q", got)
	}
	if got := b.take(reader); got != "event 1 /a" {
		t.Fatalf("after the first: %q", got)
	}
	b.log(1)
	if got := b.take(writer); got != "3:0 4:0" {
		t.Fatalf("after the second: %q", got)
	}
	if got := b.take(reader); got != "6:0 7:0" {
		t.Fatalf("after the second: %q", got)
	}
	if len(b.core.overlay.records) != 0 {
		t.Fatalf("records left: %v", b.core.overlay.records)
	}
}

func TestSessionsExpireAtTheTickAfterTheirTimeout(t *testing.T) {
	b := newBench(2 * time.Second)
	watcher := b.connect(40 * time.Second)
	owner := b.connect(5 * time.Second) // within [4 s, 40 s]
	b.send(owner, opCreate, create("/e", flagEphemeral))
	b.log(-1)
	b.take(owner)
	b.send(watcher, opExists, read("/e", true))
	b.take(watcher)
	for elapsed, alive := range map[time.Duration]bool{0: true, 4 * time.Second: true, 5999 * time.Millisecond: true, 6 * time.Second: false} {
		b := *b
		copied := b.core.sessions.byID[owner.session.id].expiresMs > elapsed.Milliseconds()
		if copied != alive {
			t.Errorf("at %s: alive %v", elapsed, copied)
		}
	}
	b.at(3 * time.Second)
	b.send(owner, opPing, nil) // (3000+5000)/2000 rounded up to the next tick: 10 s
	b.take(owner)
	b.at(9999 * time.Millisecond)
	b.core.tick(b.now)
	if len(b.core.queue) != 0 {
		t.Fatal("expired early")
	}
	b.at(10 * time.Second)
	b.core.tick(b.now)
	if len(b.core.queue) != 1 {
		t.Fatal("not expired")
	}
	b.send(owner, opPing, nil)
	if got := b.take(owner); got != "" {
		t.Fatalf("an expired session was answered: %q", got)
	}
	b.log(-1)
	if got := b.take(watcher); got != "event 2 /e" {
		t.Fatalf("watcher: %q", got)
	}
	if got := b.take(owner); got != "closed" {
		t.Fatalf("owner: %q", got)
	}
	if len(b.core.tree.ephemerals) != 0 || len(b.core.sessions.byID) != 1 {
		t.Fatal("something is left of the session")
	}
}

func TestTimeoutsAreBounded(t *testing.T) {
	b := newBench(2 * time.Second)
	for asked, want := range map[time.Duration]int32{-1: 4000, 0: 4000, 3 * time.Second: 4000, 6 * time.Second: 6000, time.Hour: 40_000} {
		if got := b.connect(asked).session.timeoutMs; got != want {
			t.Errorf("asked for %s: %d ms", asked, got)
		}
	}
}

// What is sent without waiting is answered like what is sent one by one, however the log lags
// behind.
func TestPipeliningDoesNotChangeAnswers(t *testing.T) {
	for seed := range uint64(200) {
		sequential := pipelineRun(seed, func(b *bench, _ *rand.Rand) { b.log(-1) })
		pipelined := pipelineRun(seed, func(b *bench, lag *rand.Rand) {
			if lag.IntN(4) == 0 {
				b.log(lag.IntN(len(b.core.queue) + 1))
			}
		})
		if sequential != pipelined {
			t.Fatalf("seed %d\none by one: %s\npipelined:  %s", seed, sequential, pipelined)
		}
	}
}

func pipelineRun(seed uint64, after func(*bench, *rand.Rand)) string {
	rng, lag := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	b := newBench(time.Second)
	cl := b.connect(10 * time.Second)
	b.xid = 0
	path := func() string {
		p := ""
		for range rng.IntN(3) + 1 {
			p += "/" + []string{"a", "b", "s0000000000", "s0000000001"}[rng.IntN(4)]
		}
		return p
	}
	version := func(e *encoder) { e.int32(int32(rng.IntN(4)) - 1) }
	for range 60 {
		switch p := path(); rng.IntN(6) {
		case 0, 1:
			b.send(cl, opCreate, create(p, int32(rng.IntN(4))))
		case 2:
			b.send(cl, opDelete, func(e *encoder) { e.string(p); version(e) })
		case 3:
			b.send(cl, opSetData, func(e *encoder) { e.string(p); e.bytes(nil); version(e) })
		case 4:
			b.send(cl, opGetData, read(p, false))
		case 5:
			b.send(cl, opMulti, func(e *encoder) {
				e.multiHeader(opDelete, false, -1)
				e.string(p)
				version(e)
				e.multiHeader(opCreate, false, -1)
				create(path(), 0)(e)
				e.multiHeader(-1, true, -1)
			})
		}
		after(b, lag)
	}
	b.log(-1)
	b.send(cl, opCloseSession, nil)
	b.log(-1)
	return fmt.Sprint(b.take(cl), " ", len(b.core.tree.nodes), len(b.core.overlay.records), b.core.tree.lastZxid)
}

func FuzzRequest(f *testing.F) {
	for _, op := range []opcode{opCreate, opDelete, opSetData, opSetACL, opGetData, opMulti, opSetWatches, opAuth, opSasl, opCloseSession} {
		e := encoder{}
		e.int32(1)
		e.int32(int32(op))
		create("/a", 0)(&e)
		f.Add(e.b)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		b := newBench(time.Second)
		cl := b.connect(10 * time.Second)
		b.core.request(b.now, cl, frame)
		b.log(-1)
		e := encoder{}
		for _, x := range b.core.unlogged {
			x.append(&e)
		}
		if len(b.core.overlay.records) != 0 || cl.waiting != 0 {
			t.Fatalf("left %v, waiting %d", b.core.overlay.records, cl.waiting)
		}
		for path := range b.core.tree.nodes {
			if !validPath(path) {
				t.Fatalf("a node %q", path)
			}
		}
	})
}

func FuzzConnectRequest(f *testing.F) {
	f.Add(make([]byte, 45))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if r, err := decodeConnectRequest(frame); err == nil {
			b := newBench(time.Second)
			b.core.connected(b.now, &client{}, r, [16]byte{})
			b.log(-1)
		}
	})
}

func TestDecoderBoundsAllocation(t *testing.T) {
	huge := binary.BigEndian.AppendUint32(nil, 1<<30)
	allocated := testing.AllocsPerRun(10, func() {
		d := decoderOf(huge)
		d.strings()
		d = decoderOf(huge)
		d.acl()
		d = decoderOf(huge)
		d.bytes()
	})
	if allocated > 8 {
		t.Errorf("%v allocations", allocated)
	}
}

// A log that cannot be written ends the server, and nothing that is not in it is acknowledged.
func TestServerStopsWhenItsLogFails(t *testing.T) {
	s, err := New(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.store.file.Close()
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	nc := testbase.Dial(t, s.Addr().String())
	defer nc.Close()
	nc.Write(append([]byte{0, 0, 0, 44}, make([]byte, 44)...))
	if n, err := nc.Read(make([]byte, 1)); err == nil {
		t.Errorf("answered with %d bytes", n)
	}
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
}

// What one connection can make wait is bounded, and all of it is answered in the end.
func TestFloodIsHeldBack(t *testing.T) {
	s, err := New(Options{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	nc := testbase.Dial(t, s.Addr().String())
	defer nc.Close()
	e := newFrame(44)
	e.b = append(e.b, make([]byte, 44)...)
	nc.Write(e.endFrame())
	const requests = 3000
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range requests {
			e := newFrame(64)
			e.int32(int32(i))
			if i%3 == 0 {
				e.int32(int32(opSetData))
				e.string("/")
				e.bytes(make([]byte, 10_000))
				e.int32(-1)
			} else {
				e.int32(int32(opGetData))
				read("/", false)(&e)
			}
			if _, err := nc.Write(e.endFrame()); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	r := bufio.NewReader(nc)
	for i := range requests + 1 {
		var length [4]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, binary.BigEndian.Uint32(length[:]))
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatal(err)
		}
		if xid := binary.BigEndian.Uint32(b); i > 0 && xid != uint32(i-1) {
			t.Fatalf("answer %d has xid %d", i, xid)
		}
	}
	<-sent
	s.mu.Lock()
	if c := s.mu.core; c.queued != 0 || len(c.queue) != 0 {
		t.Errorf("%d bytes, %d requests are left", c.queued, len(c.queue))
	}
	for cl := range s.mu.conns {
		if cl.waiting != 0 || cl.deferred != 0 {
			t.Errorf("waiting %d, deferred %d", cl.waiting, cl.deferred)
		}
	}
	s.mu.Unlock()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A panic in the midst of a change goes on: what is half done must be neither answered nor logged.
func TestAPanicInTheMidstOfAChangeGoesOn(t *testing.T) {
	b := newBench(time.Second)
	s := &Server{}
	s.mu.core = b.core
	defer func() {
		if r := recover(); r == nil || !b.core.changing {
			t.Errorf("panicked with %v, changing is %v", r, b.core.changing)
		}
	}()
	defer s.boundPanic(&conn{})
	b.core.enqueue(b.now, &client{}, 1, &txn{}, nil) // without a session, which never happens
}

package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// network stands for the client below a resender: it answers each attempt as a script says.
type network struct {
	mu      sync.Mutex
	traffic traffic
	answer  func(value string, attempt int) error // errLost and errAway are its own
	tries   map[string]int
	order   []string // of what arrived
	at      []time.Duration
	began   time.Time
}

var (
	errLost = errors.New("sent, and never answered")
	errAway = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
)

func (n *network) produce(_ context.Context, r *kgo.Record, promise func(*kgo.Record, error)) {
	n.mu.Lock()
	value := string(r.Value)
	n.tries[value]++
	err := n.answer(value, n.tries[value])
	switch {
	case err == nil:
		n.order = append(n.order, value)
		n.at = append(n.at, time.Since(n.began).Round(time.Millisecond))
		n.traffic.written.Add(1)
	case err == errLost:
		n.traffic.written.Add(1)
		n.traffic.lost.Add(1)
		err = kgo.ErrRecordRetries
	}
	n.mu.Unlock()
	go promise(r, err) // at once: the bubble of the test waits for it
}

// exchange sends values, one after the other, and gives the results by value.
func exchange(t *testing.T, s *resender, n *network, values ...string) map[string]error {
	t.Helper()
	n.tries, n.began = map[string]int{}, time.Now()
	s.produce, s.refresh, s.traffic = n.produce, func() {}, &n.traffic
	if s.delivery == 0 {
		s.delivery = 2 * time.Minute
	}
	var mu sync.Mutex
	results := map[string]error{}
	for _, v := range values {
		s.send(t.Context(), &kgo.Record{Topic: "t", Value: []byte(v)}, func(r *kgo.Record, err error) {
			mu.Lock()
			defer mu.Unlock()
			if _, twice := results[string(r.Value)]; twice {
				t.Errorf("%s has two results", r.Value)
			}
			results[string(r.Value)] = err
		})
	}
	if err := s.drain(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return results
}

func TestRetriesAreCountedAsJavaDoes(t *testing.T) {
	until := func(n int, err error) func(string, int) error {
		return func(_ string, attempt int) error {
			if attempt <= n {
				return err
			}
			return nil
		}
	}
	for _, c := range []struct {
		name     string
		retries  int
		answer   func(value string, attempt int) error
		delivery time.Duration
		want     string // the error's text; "" when it arrives
		attempts int
	}{
		{name: "all is well", answer: until(0, nil), attempts: 1},
		{name: "a broker that is away costs no retries", answer: until(30, errAway), attempts: 31},
		{name: "an answer that may be tried again costs one", retries: 3, answer: until(3, wire.NotLeaderForPartition), attempts: 4},
		{name: "and too many of them end it", retries: 3, answer: until(4, wire.NotEnoughReplicas),
			want: "Messages are rejected since there are fewer in-sync replicas than required.", attempts: 4},
		{name: "what was lost on its way counts", answer: until(1, errLost), want: "The server disconnected before a response was received.", attempts: 1},
		{name: "lost and sent again", retries: 1, answer: until(1, errLost), attempts: 2},
		{name: "an answer that stays is final", retries: 3, answer: until(1, wire.InvalidRecord), want: "This record has failed the validation on broker and hence will be rejected.", attempts: 1},
		{name: "nobody comes back", answer: until(1<<30, errAway), delivery: 10 * time.Second, want: "Expiring 1 record(s) for t-0:", attempts: -1},
		{name: "the client is closed", retries: 5, answer: until(1, kgo.ErrClientClosed), want: "client closed", attempts: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{answer: c.answer}
				err := exchange(t, &resender{retries: c.retries, backoff: 100 * time.Millisecond, delivery: c.delivery}, n, "a")["a"]
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
					t.Errorf("%v, want %q", err, c.want)
				}
				if c.attempts >= 0 && n.tries["a"] != c.attempts {
					t.Errorf("%d attempts, want %d", n.tries["a"], c.attempts)
				}
				if took := time.Since(n.began); c.delivery > 0 && (took < c.delivery || took > c.delivery+3*time.Second) {
					t.Errorf("given up after %v", took)
				}
			})
		})
	}
}

func TestOrderOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(3 * time.Second)
		n := &network{answer: func(string, int) error {
			if time.Now().Before(back) {
				return errAway
			}
			return nil
		}}
		var values []string
		for i := range 50 {
			values = append(values, fmt.Sprint(i))
		}
		for v, err := range exchange(t, &resender{backoff: 100 * time.Millisecond}, n, values...) {
			if err != nil {
				t.Errorf("%s: %v", v, err)
			}
		}
		if !slices.Equal(n.order, values) {
			t.Errorf("arrived as %v", n.order)
		}
		if last := n.at[len(n.at)-1]; last < 3*time.Second || last > 5*time.Second {
			t.Errorf("the last one arrived after %v", last)
		}
	})
}

// TestWhatFollowsARefusedRecordWaits sends a record a millisecond, none of them twice, while there
// is a new leader of which nobody has told the client yet.
func TestWhatFollowsARefusedRecordWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := false
		n := &network{tries: map[string]int{}}
		n.answer = func(string, int) error {
			if known {
				return nil
			}
			return wire.NotLeaderForPartition
		}
		refused := 0
		s := &resender{backoff: 100 * time.Millisecond, delivery: time.Minute, produce: n.produce, traffic: &n.traffic}
		s.refresh = func() {
			time.AfterFunc(50*time.Millisecond, func() {
				n.mu.Lock()
				defer n.mu.Unlock()
				known = true
			})
		}
		var mu sync.Mutex
		for i := range 200 {
			s.send(t.Context(), &kgo.Record{Topic: "t", Value: fmt.Append(nil, i)}, func(_ *kgo.Record, err error) {
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					refused++
				}
			})
			time.Sleep(time.Millisecond)
		}
		if err := s.drain(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if refused != 1 {
			t.Errorf("%d records were refused", refused)
		}
	})
}

func TestMemoryBoundsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget{memory: 150, maxBlock: 5 * time.Second}
		if err := b.reserve(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := b.reserve(t.Context(), 51); err == nil || err.Error() != "Failed to allocate memory within the configured max blocking time 5000 ms." {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("waited %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.reserve(ctx, 51); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.AfterFunc(time.Second, func() { b.release(100) })
		if err := b.reserve(t.Context(), 150); err != nil {
			t.Errorf("room that was given back: %v", err)
		}
	})
}

func TestDrainEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answer: func(string, int) error { return errAway }, tries: map[string]int{}}
		s := &resender{produce: n.produce, refresh: func() {}, traffic: &n.traffic, backoff: 100 * time.Millisecond, delivery: time.Hour}
		done := make(chan error, 1)
		s.send(t.Context(), &kgo.Record{Topic: "t"}, func(_ *kgo.Record, err error) { done <- err })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.drain(ctx, func(context.Context) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if err := s.drain(t.Context(), func(context.Context) error { return io.ErrClosedPipe }); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%v", err)
		}
		<-done // after an hour: nothing is left behind
	})
}

func TestFinalErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{wire.NotLeaderForPartition, false}, {wire.KafkaStorageError, false}, {wire.RequestTimedOut, false}, {kgo.ErrRecordRetries, false}, {errAway, false}, {io.EOF, false},
		{wire.MessageTooLarge, true}, {wire.TopicAuthorizationFailed, true}, {wire.InvalidTopicException, true}, {kgo.ErrRecordTimeout, true}, {kgo.ErrClientClosed, true},
		{context.Canceled, true}, {ErrNoMessage, true},
	} {
		if got := isFinal(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}

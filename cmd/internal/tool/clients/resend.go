package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/java"
)

// resender gives a producer the retries of Java's. There an attempt counts when a request was sent;
// records whose leader cannot be reached wait, uncounted, until delivery.timeout.ms is over.
// franz-go counts both. So the client below tries each record once, and what it gives back is sent
// again from here, in the order in which it was handed over: while some wait, later ones wait
// behind them.
type resender struct {
	produce  func(ctx context.Context, r *kgo.Record, promise func(*kgo.Record, error))
	refresh  func() // asks for metadata soon: a client that tries once does not look for the new leader by itself
	traffic  *traffic
	retries  int
	backoff  time.Duration // retry.backoff.ms
	delivery time.Duration // delivery.timeout.ms

	mu struct {
		sync.Mutex
		next     int64
		pending  int  // records without a result
		failures int  // in a row
		flushing bool // the waiting ones are being sent, or a timer is set for that
		waiting  []*sending
		changed  chan struct{} // closed when a record has its result
	}
}

// traffic counts the Produce requests of a client.
type traffic struct {
	written atomic.Int64 // those that were sent
	lost    atomic.Int64 // those among them that will never be answered
}

// sending is a record on its way.
type sending struct {
	ctx      context.Context
	record   *kgo.Record
	order    int64
	began    time.Time
	attempts int   // those that counted
	written  int64 // of the traffic when it was handed to the client last
	lost     int64
	done     func(*kgo.Record, error)
}

// send hands a record over; done is called once, by another goroutine.
func (s *resender) send(ctx context.Context, r *kgo.Record, done func(*kgo.Record, error)) {
	s.mu.Lock()
	x := &sending{ctx: ctx, record: r, order: s.mu.next, began: time.Now(), done: done}
	s.mu.next++
	s.mu.pending++
	if s.mu.flushing {
		s.mu.waiting = append(s.mu.waiting, x)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	s.attempt(x)
}

// changedLocked is closed when something next becomes of a record; it is made only when somebody
// waits.
func (s *resender) changedLocked() chan struct{} {
	if s.mu.changed == nil {
		s.mu.changed = make(chan struct{})
	}
	return s.mu.changed
}

// attempt sends a record and keeps how much was written and lost before, by which the result is
// told from one whose connection broke under it.
func (s *resender) attempt(x *sending) {
	x.written, x.lost = s.traffic.written.Load(), s.traffic.lost.Load()
	s.produce(x.ctx, x.record, func(_ *kgo.Record, err error) { s.result(x, err) })
}

// result takes what became of an attempt.
func (s *resender) result(x *sending, err error) {
	switch {
	case err == nil:
	case isFinal(err):
		err = JavaError(err)
	default:
		// What was never sent, or may be answered yet, is no attempt: it only shared the fate of
		// the connection.
		counted := s.traffic.lost.Load() > x.lost && s.traffic.written.Load() > x.written
		var refused *wire.Error
		// A broker's answer is always an attempt.
		if errors.As(err, &refused) {
			counted, err = true, java.OfCode(refused.Code, nil)
		} else {
			err = java.OfCode(wire.NetworkException.Code, nil)
		}
		if counted {
			x.attempts++
		}
		s.refresh()
		if x.attempts <= s.retries {
			s.wait(x, counted)
			return
		}
		// What follows would be refused for the same reason, as long as the leader is not known.
		s.wait(nil, counted)
	}
	s.settle(x, err)
}

// settle gives a record its result.
func (s *resender) settle(x *sending, err error) {
	// Outside the lock: done may send the next record.
	x.done(x.record, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.mu.failures = 0
	}
	s.mu.pending--
	if s.mu.changed != nil {
		close(s.mu.changed)
		s.mu.changed = nil
	}
}

// wait puts a record, unless it is nil, among those that are sent again after a while, and has
// later ones wait with it: retry.backoff.ms after an answer, and longer from time to time while
// nothing answers.
func (s *resender) wait(x *sending, counted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x != nil {
		s.mu.waiting = append(s.mu.waiting, x)
	}
	if s.mu.flushing {
		// The timer that is set, or the loop that runs, takes it along.
		return
	}
	s.mu.flushing = true
	pause := max(s.backoff, time.Millisecond)
	if !counted {
		pause = reconnectBackoff(s.mu.failures)
		s.mu.failures++
	}
	time.AfterFunc(pause, s.again)
}

// again sends what waits, oldest first, until nothing does; what came too late gets Java's
// TimeoutException.
func (s *resender) again() {
	for {
		s.mu.Lock()
		batch := s.mu.waiting
		s.mu.waiting = nil
		if len(batch) == 0 {
			s.mu.flushing = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		// In the order of their handing over, since results come from several goroutines.
		slices.SortFunc(batch, func(a, b *sending) int { return int(a.order - b.order) })
		expired := map[string]int{}
		for _, x := range batch {
			// All of one partition are counted first: Java expires a whole batch at a time and says
			// how many records it had.
			if s.tooLate(x) {
				expired[partitionOf(x.record)]++
			}
		}
		for _, x := range batch {
			if s.tooLate(x) {
				tp := partitionOf(x.record)
				s.settle(x, java.Timeout("Expiring %d record(s) for %s:%d ms has passed since batch creation", max(expired[tp], 1), tp, time.Since(x.began).Milliseconds()))
				continue
			}
			s.attempt(x)
		}
	}
}

// tooLate reports whether delivery.timeout.ms is over for a record.
func (s *resender) tooLate(x *sending) bool {
	return time.Since(x.began) >= s.delivery
}

// partitionOf is a record's partition as Java's TopicPartition prints it.
func partitionOf(r *kgo.Record) string { return fmt.Sprintf("%s-%d", r.Topic, r.Partition) }

// drain waits until every record has its result; flush hurries the client below, which may be
// lingering.
func (s *resender) drain(ctx context.Context, flush func(context.Context) error) error {
	for {
		s.mu.Lock()
		left, changed := s.mu.pending, s.changedLocked()
		s.mu.Unlock()
		if left == 0 {
			return nil
		}
		if err := flush(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-time.After(s.backoff + 10*time.Millisecond): // what waited was sent again, and lingers
		}
	}
}

// isFinal reports whether sending again does not help.
func isFinal(err error) bool {
	var refused *wire.Error
	var je *java.Error
	switch {
	case errors.As(err, &refused):
		return !refused.Retriable
	case authError(err) != nil, errors.As(err, &je):
		return true
	}
	return errors.Is(err, kgo.ErrRecordTimeout) || errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, kgo.ErrAborting) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

package shard_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"momus/coordinator/shard"
	"momus/coordinator/shard/shardtest"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// counter is a machine that counts what it appended: "add" answers with the number of records after
// the append, "wait" parks the call until its deadline, a minute on.
type counter struct {
	replayed int
	count    int
	calls    map[uint64]*shard.Call
	tag      uint64
	parked   []*shard.Call
	due      time.Time
	ticks    int
}

func (c *counter) Replay(b record.Batch) error {
	if b.FirstTimestamp() == 13 {
		return errors.New("unlucky")
	}
	c.replayed++
	return nil
}

func (c *counter) Loaded(time.Time) []shard.Effect {
	c.count, c.calls = c.replayed, map[uint64]*shard.Call{}
	return nil
}

func batch(ts int64) []byte {
	b := record.NewBuilder(record.DefaultOptions())
	b.Append(ts, []byte("k"), []byte("v"))
	return b.Bytes()
}

func (c *counter) Step(now time.Time, ev any, call *shard.Call) []shard.Effect {
	switch ev := ev.(type) {
	case string:
		switch ev {
		case "add":
			c.tag++
			c.calls[c.tag] = call
			return []shard.Effect{shard.Append{Tag: c.tag, Batch: batch(1), Acks: -1, Timeout: 5 * time.Second}}
		case "count":
			return []shard.Effect{shard.Reply{Call: call, Value: c.count}}
		case "wait":
			c.parked = append(c.parked, call)
			c.due = now.Add(time.Minute)
		case "bump":
			c.count += 100
		}
	case shard.Appended:
		call := c.calls[ev.Tag]
		delete(c.calls, ev.Tag)
		if ev.Err != nil {
			return []shard.Effect{shard.Reply{Call: call, Err: ev.Err}}
		}
		c.count++
		return []shard.Effect{shard.Reply{Call: call, Value: c.count}}
	case shard.Tick:
		c.due = time.Time{}
		c.ticks++
		return c.answerParked(nil)
	}
	return nil
}

func (c *counter) answerParked(err error) []shard.Effect {
	var effects []shard.Effect
	for _, p := range c.parked {
		effects = append(effects, shard.Reply{Call: p, Value: fmt.Sprintf("tick %d", c.ticks), Err: err})
	}
	c.parked = nil
	return effects
}

func (c *counter) NextDeadline() (time.Time, bool) { return c.due, !c.due.IsZero() }

func (c *counter) Unload(time.Time) []shard.Effect {
	for _, call := range c.calls {
		c.parked = append(c.parked, call)
	}
	return c.answerParked(kerr.NotCoordinator)
}

// run starts a Runtime of topic t; stop ends it and waits for its goroutines.
func run(t *testing.T, o shard.Options) (r *shard.Runtime, stop func()) {
	t.Helper()
	o.Topic, o.LoadBufferSize = "t", func() int { return 100 }
	r = shard.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	return r, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// start is run with counters on log.
func start(t *testing.T, log shard.Log, loaded func(int32, time.Duration, int)) (r *shard.Runtime, stop func()) {
	t.Helper()
	return run(t, shard.Options{Log: log, NewMachine: func(int32) shard.Machine { return &counter{} }, Logger: shardtest.Quiet(), OnLoaded: loaded})
}

// lead is start that leads partition 0, and has loaded it if log lets it.
func lead(t *testing.T, log shard.Log) (r *shard.Runtime, stop func()) {
	t.Helper()
	r, stop = start(t, log, nil)
	r.Lead(0, 1)
	synctest.Wait()
	return r, stop
}

func expect(t *testing.T, r *shard.Runtime, partition int32, ev any, want string) {
	t.Helper()
	v, err := r.Call(t.Context(), partition, ev)
	got := fmt.Sprint(v)
	if err != nil {
		got, _, _ = strings.Cut(err.Error(), ":")
	}
	if got != want {
		t.Errorf("%v: %s, want %s", ev, got, want)
	}
}

func TestCallsAreServedOnlyByTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := start(t, shardtest.New(), nil)
		expect(t, r, 0, "count", "NOT_COORDINATOR")
		r.Lead(0, 1)
		synctest.Wait()
		expect(t, r, 0, "add", "1")
		expect(t, r, 0, "add", "2")
		expect(t, r, 1, "add", "NOT_COORDINATOR")
		r.Lead(0, 2) // a new epoch of the same leadership changes nothing
		expect(t, r, 0, "count", "2")
		if serving, loading := r.Partitions(); len(serving) != 1 || loading {
			t.Errorf("serving %v, loading %v", serving, loading)
		}
		r.Resign(0)
		expect(t, r, 0, "count", "NOT_COORDINATOR")
		r.Lead(0, 3)
		synctest.Wait()
		expect(t, r, 0, "count", "2")
		stop()
		expect(t, r, 0, "count", "NOT_COORDINATOR")
	})
}

func TestLoadReadsTheWholeLogInChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := shardtest.New()
		tp := model.TopicPartition{Topic: "t"}
		for i := range 100 {
			log.Append(tp, batch(int64(i)), 0)
		}
		var batches int
		r, stop := start(t, log, func(_ int32, _ time.Duration, n int) { batches = n })
		r.Lead(0, 1)
		synctest.Wait()
		expect(t, r, 0, "count", "99") // one batch cannot be read by the machine
		if batches != 100 {
			t.Errorf("loaded %d batches", batches)
		}
		stop()
	})
}

func TestTimersFireAtTheMachinesDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := lead(t, shardtest.New())
		before := time.Now()
		expect(t, r, 0, "wait", "tick 1")
		if took := time.Since(before); took != time.Minute {
			t.Errorf("answered after %v", took)
		}
		expect(t, r, 0, "wait", "tick 2")
		stop()
	})
}

func TestAppendsWaitForReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := shardtest.New()
		r, stop := lead(t, log)
		log.Hold()
		results := make(chan any, 3)
		for range 3 {
			go func() {
				v, err := r.Call(t.Context(), 0, "add")
				if err != nil {
					v = err
				}
				results <- v
			}()
		}
		synctest.Wait()
		expect(t, r, 0, "count", "0") // others are served meanwhile
		log.Release()
		sum := 0
		for range 3 {
			sum += (<-results).(int)
		}
		if sum != 1+2+3 {
			t.Errorf("answers sum up to %d", sum)
		}

		log.Hold()
		before := time.Now()
		expect(t, r, 0, "add", "REQUEST_TIMED_OUT")
		if took := time.Since(before); took != 5*time.Second {
			t.Errorf("timed out after %v", took)
		}

		// Whoever still waits when the partition moves away is sent away too.
		go func() { time.Sleep(time.Second); r.Resign(0) }()
		expect(t, r, 0, "add", "NOT_COORDINATOR")
		stop()
	})
}

func TestParkedCallsEndWithTheirCallerOrThePartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := lead(t, shardtest.New())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Call(ctx, 0, "wait"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		go func() { time.Sleep(time.Second); stop() }()
		expect(t, r, 0, "wait", "NOT_COORDINATOR")
		synctest.Wait()
	})
}

// brokenLog cannot be read at first.
type brokenLog struct {
	*shardtest.Log
	failures int
}

func (b *brokenLog) Bounds(tp model.TopicPartition) (start, end int64, err error) {
	if b.failures > 0 {
		b.failures--
		return 0, 0, fmt.Errorf("bounds of %s: %w", tp, kerr.KafkaStorageError)
	}
	return b.Log.Bounds(tp)
}

func TestLoadIsTriedAgainUntilTheLogCanBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &brokenLog{Log: shardtest.New(), failures: 3}
		r, stop := lead(t, log)
		expect(t, r, 0, "count", "COORDINATOR_LOAD_IN_PROGRESS")
		if _, loading := r.Partitions(); !loading {
			t.Error("nothing is loading")
		}
		if !r.Cast(0, "bump") {
			t.Error("an event for a loading partition was refused")
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		expect(t, r, 0, "count", "100")

		// A load that never succeeds ends with the leadership.
		log.failures = 1 << 30
		r.Lead(1, 1)
		synctest.Wait()
		r.Resign(1)
		synctest.Wait()
		expect(t, r, 1, "count", "NOT_COORDINATOR")
		stop()
	})
}

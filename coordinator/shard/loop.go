package shard

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"momus/internal/bell"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/rank"
	"momus/storage/record"
)

// loop is one led partition: its machine, the mailbox, and the appends that wait for replicas.
// Whoever owns the machine steps it: a caller that finds it idle does so itself, which saves two
// switches of goroutines; events that come meanwhile are left in the mailbox for the loop's
// goroutine.
type loop struct {
	r       *Runtime
	tp      model.TopicPartition
	ctx     context.Context // ends with resign
	cancel  context.CancelFunc
	before  <-chan struct{} // the loop of an earlier leadership, which must have ended before this one reads the log
	ended   chan struct{}   // closed by run
	loading atomic.Bool
	failed  atomic.Bool // the machine panicked and is not being replaced yet; set with own
	epoch   atomic.Int32
	logger  *logrus.Entry

	own     rank.Mutex[rank.ShardOwner] // guards the machine and what follows; taken before mu
	machine Machine
	armed   time.Time // when timer fires; zero: not armed
	timer   *time.Timer
	done    []Appended         // appends that ended at once, to be stepped
	current message            // what is being stepped
	open    map[*Call]struct{} // calls that the machine has not answered yet
	// generation counts the machines; an append of an earlier one is nobody's.
	generation int
	failures   int // in a row
	failedAt   time.Time
	poison     map[int64]bool // batches, by base offset, over which a machine panicked while it was loaded; used by load only

	mu     rank.Mutex[rank.ShardMailbox] // guards the mailbox
	box    []message
	closed bool
	wake   bell.Bell // "the mailbox is not empty"

	waitMu  rank.Mutex[rank.ShardWaiter] // guards what the waiter works on
	waits   []waiting                    // in append order, so in the order in which replicas get them
	waiting bool                         // the waiter runs
}

// message is an event for the machine; generation is set with Appended: the machine whose append it
// was.
type message struct {
	ev         any
	call       *Call
	generation int
}

type waiting struct {
	generation int
	tag        uint64
	pending    Pending
	deadline   time.Time
}

func newLoop(r *Runtime, partition, epoch int32) *loop {
	ctx, cancel := context.WithCancel(r.ctx)
	l := &loop{
		r: r, tp: r.topicPartition(partition), ctx: ctx, cancel: cancel, ended: make(chan struct{}), wake: bell.New(),
		open: map[*Call]struct{}{}, poison: map[int64]bool{},
		logger: r.o.Logger.WithFields(logrus.Fields{"topic": r.o.Topic, "partition": partition}),
	}
	l.timer = time.NewTimer(time.Hour)
	l.timer.Stop()
	l.loading.Store(true)
	l.epoch.Store(epoch)
	return l
}

func (l *loop) resigned() bool { return l.ctx.Err() != nil }
func (l *loop) resign()        { l.cancel() }

// post puts a message into the mailbox; false if the loop has ended.
func (l *loop) post(m message) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.box = append(l.box, m)
	first := len(l.box) == 1
	l.mu.Unlock()
	if first {
		l.wake.Ring()
	}
	return true
}

// take empties the mailbox; spare becomes the new one.
func (l *loop) take(spare []message) []message {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.box
	l.box = spare[:0]
	return taken
}

// inline steps the machine in the caller's goroutine if it is idle; else the event is to be posted.
// Of an event that did not answer its call the answer comes later, through call.done.
func (l *loop) inline(ev any, call *Call) (done bool) {
	if !l.own.TryLock() {
		return false
	}
	defer l.own.Unlock()
	l.mu.Lock()
	idle := !l.closed && len(l.box) == 0 && !l.failed.Load() && !l.loading.Load() // what is in the mailbox came earlier
	l.mu.Unlock()
	if !idle {
		return false
	}
	now := l.r.o.Now()
	l.step(now, ev, call)
	l.tick(now)
	if !call.answered {
		call.wait()
	}
	return true
}

// run is the goroutine of the loop.
func (l *loop) run() {
	defer close(l.ended)
	defer l.cancel()
	defer l.timer.Stop()
	if l.before != nil {
		<-l.before
		l.before = nil
	}
	if !l.load() {
		l.unload()
		return
	}
	var spare []message
	for {
		if l.resigned() {
			l.unload()
			return
		}
		if l.failed.Load() {
			if !l.reload() {
				l.unload()
				return
			}
		}
		spare = l.drain(spare)
		if l.failed.Load() {
			continue
		}
		select {
		case <-l.wake:
		case <-l.timer.C:
			l.own.Lock()
			l.armed = time.Time{}
			l.own.Unlock()
		case <-l.ctx.Done():
		}
	}
}

// drain steps the machine with what is in the mailbox, and with the deadlines that have come. It
// returns the emptied messages.
func (l *loop) drain(spare []message) []message {
	l.own.Lock()
	defer l.own.Unlock()
	messages := l.take(spare)
	now := l.r.o.Now()
	for i := range messages {
		m := &messages[i]
		if _, ok := m.ev.(Appended); !ok || m.generation == l.generation {
			l.step(now, m.ev, m.call)
		}
		*m = message{}
		if l.failed.Load() {
			l.putBack(messages[i+1:])
			return messages[:0]
		}
	}
	if len(messages) > 0 {
		now = l.r.o.Now()
	}
	l.tick(now)
	return messages
}

// step gives the machine one event and carries out what follows from it, appends that end at once
// included. A machine that panics over it is given up, see fail.
func (l *loop) step(now time.Time, ev any, call *Call) {
	defer l.guard()
	l.current = message{ev: ev, call: call}
	l.carryOut(l.machine.Step(now, ev, call))
	if call != nil && !call.answered {
		l.open[call] = struct{}{}
	}
	for i := 0; i < len(l.done); i++ {
		ev := any(l.done[i])
		l.current = message{ev: ev}
		l.carryOut(l.machine.Step(now, ev, nil))
	}
	l.done, l.current = l.done[:0], message{}
}

func (l *loop) carryOut(effects []Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case Append:
			l.append(e)
		case Reply:
			e.answer()
			delete(l.open, e.Call)
		case Emit:
			if l.r.o.OnEmit != nil {
				l.r.o.OnEmit(l.tp.Partition, e.Value)
			}
		}
	}
}

func (l *loop) append(e Append) {
	p := l.r.o.Log.Append(l.tp, e.Batch, e.Acks)
	result, done := p.Done()
	switch {
	case !done && e.Tag != 0:
		l.await(waiting{generation: l.generation, tag: e.Tag, pending: p, deadline: l.r.o.Now().Add(e.Timeout)})
	case done && e.Tag != 0:
		l.done = append(l.done, Appended{Tag: e.Tag, Result: result})
	case done && result.Err != nil:
		l.logger.WithError(result.Err).Warn("coordinator record not appended")
	}
}

// tick steps the machine as long as a deadline has come, then arms the timer for the next. The
// timer is left alone when it fires early enough: firing too early costs one empty round, re-arming
// would cost one for every heartbeat.
func (l *loop) tick(now time.Time) {
	defer l.guard()
	for !l.failed.Load() {
		l.current = message{ev: "next deadline"}
		at, ok := l.machine.NextDeadline()
		l.current = message{}
		if !ok {
			return
		}
		if at.After(now) {
			if l.armed.IsZero() || at.Before(l.armed) {
				l.armed = at
				l.timer.Reset(at.Sub(now))
			}
			return
		}
		l.step(now, Tick{}, nil)
		if l.resigned() {
			return
		}
	}
}

// await gives an append to the goroutine that waits for replicas, starting it if there is none.
func (l *loop) await(w waiting) {
	l.waitMu.Lock()
	defer l.waitMu.Unlock()
	l.waits = append(l.waits, w)
	if !l.waiting {
		l.waiting = true
		l.r.wg.Go(l.wait)
	}
}

// wait is the goroutine that waits for replicas, append by append, and ends when there is nothing
// to wait for.
func (l *loop) wait() {
	for {
		l.waitMu.Lock()
		if len(l.waits) == 0 || l.resigned() {
			l.waits, l.waiting = nil, false
			l.waitMu.Unlock()
			return
		}
		batch := l.waits
		l.waits = nil
		l.waitMu.Unlock()
		for _, w := range batch {
			result := w.pending.Wait(l.ctx, max(0, w.deadline.Sub(l.r.o.Now())))
			if l.resigned() {
				break // unload answers everybody
			}
			l.post(message{ev: Appended{Tag: w.tag, Result: result}, generation: w.generation})
		}
	}
}

// unload ends the machine and answers whoever waits.
func (l *loop) unload() {
	l.own.Lock()
	defer l.own.Unlock()
	l.mu.Lock()
	l.closed = true
	rest := l.box
	l.box = nil
	l.mu.Unlock()
	if l.machine != nil && !l.loading.Load() && !l.failed.Load() {
		l.leave(l.r.o.Now())
	}
	for _, m := range rest {
		if m.call != nil {
			Reply{Call: m.call, Err: kerr.NotCoordinator}.answer()
		}
	}
	l.machine = nil
	l.logger.Debug("coordinator partition unloaded")
}

func (r Reply) answer() {
	if r.Call == nil {
		return
	}
	r.Call.give(answer{value: r.Value, err: r.Err})
}

// loadRetry is how long a load waits after the log could not be read.
const loadRetry = time.Second

// load replays the log into a new machine; false if the loop was resigned meanwhile. While the log
// cannot be read it tries again: serving half of the offsets would make consumers start over.
func (l *loop) load() bool {
	for {
		select {
		case l.r.loads <- struct{}{}:
		case <-l.ctx.Done():
			return false
		}
		began := l.r.o.Now()
		batches, err := l.replay()
		<-l.r.loads
		if l.resigned() {
			return false
		}
		if err == nil {
			now := l.r.o.Now()
			if !l.loaded(now) {
				return true // and run begins anew
			}
			if l.r.o.OnLoaded != nil {
				l.r.o.OnLoaded(l.tp.Partition, now.Sub(began), batches)
			}
			l.logger.WithFields(logrus.Fields{"batches": batches, "took": now.Sub(began), "leader_epoch": l.epoch.Load()}).Debug("coordinator partition loaded")
			return true
		}
		l.logger.WithError(err).Warn("coordinator partition not loaded, trying again")
		t := time.NewTimer(loadRetry)
		select {
		case <-t.C:
		case <-l.ctx.Done():
			t.Stop()
			return false
		}
	}
}

// replay reads the log from its start to its end. A batch that the machine cannot read is left out,
// with a warning.
func (l *loop) replay() (batches int, err error) {
	l.machine = l.r.o.NewMachine(l.tp.Partition)
	offset, end, err := l.r.o.Log.Bounds(l.tp)
	if err != nil {
		return 0, fmt.Errorf("load %s: %w", l.tp, err)
	}
	var buf []byte
	for offset < end && !l.resigned() {
		size := l.r.o.LoadBufferSize()
		if buf == nil {
			buf = make([]byte, 0, min(int64(size), 1<<16)) // grows by what the log returns
		}
		data, err := l.r.o.Log.Read(l.tp, offset, size, buf)
		if err != nil {
			return batches, fmt.Errorf("load %s at %d, log ends at %d: %w", l.tp, offset, end, err)
		}
		if cap(data) > cap(buf) {
			buf = data[:0]
		}
		at := offset
		for len(data) > 0 {
			batch, rest, err := record.Next(data)
			if err != nil {
				return batches, fmt.Errorf("load %s at %d: %w", l.tp, at, err)
			}
			if batch == nil {
				break
			}
			data = rest
			if next := batch.NextOffset(); next > at {
				at = next
			} else {
				continue // below where we are: the read began in the middle of a batch
			}
			batches++
			if err := l.replayBatch(batch); err != nil {
				return batches, fmt.Errorf("load %s: %w", l.tp, err)
			}
		}
		if at == offset {
			break // the cleaner took the last batches
		}
		offset = at
	}
	return batches, nil
}

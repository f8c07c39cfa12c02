package shard

import (
	"context"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/rank"
)

// Options are what a Runtime needs.
type Options struct {
	Topic          string
	Log            Log
	NewMachine     func(partition int32) Machine
	LoadBufferSize func() int // bytes read at once while loading
	Logger         *logrus.Entry
	Now            func() time.Time                                       // nil: time.Now
	OnLoaded       func(partition int32, took time.Duration, batches int) // nil: nobody; called by the loop
	OnEmit         func(partition int32, value any)                       // takes what machines Emit; called by the loop, must not block
}

// maxConcurrentLoads bounds the memory that loading takes: each load holds one buffer.
const maxConcurrentLoads = 2

// Runtime owns the loops of one internal topic: one for each partition that this broker leads.
type Runtime struct {
	o     Options
	ctx   context.Context // ends all loops
	stop  context.CancelFunc
	wg    sync.WaitGroup
	loads chan struct{} // semaphore

	mu      rank.RWMutex[rank.ShardRuntime]
	loops   map[int32]*loop
	stopped bool
}

// New makes a Runtime; its loops start with Lead and end with Resign or Run.
func New(o Options) *Runtime {
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Runtime{o: o, ctx: ctx, stop: cancel, loads: make(chan struct{}, maxConcurrentLoads), loops: map[int32]*loop{}}
}

// Run waits until ctx ends, then unloads every partition and returns when all goroutines have
// ended.
func (r *Runtime) Run(ctx context.Context) error {
	<-ctx.Done()
	r.mu.Lock()
	r.stopped = true
	clear(r.loops)
	r.mu.Unlock()
	r.stop()
	r.wg.Wait()
	return nil
}

// Lead starts to load a partition that this broker leads from now on, and serves it when loaded. It
// returns at once. A partition that is already led only gets the new epoch.
func (r *Runtime) Lead(partition, leaderEpoch int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	before := r.loops[partition]
	if before != nil && !before.resigned() {
		before.epoch.Store(leaderEpoch)
		return
	}
	l := newLoop(r, partition, leaderEpoch)
	if before != nil {
		l.before = before.ended
	}
	r.loops[partition] = l
	r.wg.Go(l.run)
}

// Resign drops a partition: its parked calls are answered, later ones get NOT_COORDINATOR. It
// returns at once.
func (r *Runtime) Resign(partition int32) {
	r.mu.RLock()
	l := r.loops[partition]
	r.mu.RUnlock()
	if l != nil {
		l.resign()
	}
}

func (r *Runtime) loop(partition int32) *loop {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.loops[partition]
}

// Status reports whether a partition can serve calls: nil, COORDINATOR_LOAD_IN_PROGRESS or
// NOT_COORDINATOR.
func (r *Runtime) Status(partition int32) *kerr.Error {
	_, err := r.ready(partition)
	return err
}

func (r *Runtime) ready(partition int32) (*loop, *kerr.Error) {
	l := r.loop(partition)
	switch {
	case l == nil || l.resigned() || l.failed.Load():
		return nil, kerr.NotCoordinator
	case l.loading.Load():
		return nil, kerr.CoordinatorLoadInProgress
	}
	return l, nil
}

// Call gives an event to the machine of a partition and waits for the Reply. Errors: those of
// Status, that of the Reply, or that of ctx; after the last the event is still carried out. Nothing
// but an append blocks the caller longer than ctx. The mailbox needs no bound of its own: a caller
// waits, so it holds at most one entry per caller.
func (r *Runtime) Call(ctx context.Context, partition int32, ev any) (any, error) {
	l, kerror := r.ready(partition)
	if kerror != nil {
		return nil, kerror
	}
	c := &Call{}
	if l.inline(ev, c) {
		if c.done == nil {
			return c.now.value, c.now.err
		}
	} else {
		c.wait()
		if !l.post(message{ev: ev, call: c}) {
			return nil, kerr.NotCoordinator
		}
	}
	select {
	case a := <-c.done:
		return a.value, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Cast gives an event to the machine of a partition without waiting; one that is loading gets it
// when it has loaded. It reports whether the partition is led.
func (r *Runtime) Cast(partition int32, ev any) bool {
	l := r.loop(partition)
	return l != nil && l.post(message{ev: ev})
}

// CastAll gives an event to the machine of every led partition, those that are loading included,
// without waiting.
func (r *Runtime) CastAll(ev any) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, l := range r.loops {
		l.post(message{ev: ev})
	}
}

// Partitions lists the partitions that serve, in no order, and reports whether others are loading.
func (r *Runtime) Partitions() (serving []int32, loading bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for p, l := range r.loops {
		switch {
		case l.resigned() || l.failed.Load():
		case l.loading.Load():
			loading = true
		default:
			serving = append(serving, p)
		}
	}
	return serving, loading
}

func (r *Runtime) topicPartition(p int32) model.TopicPartition {
	return model.TopicPartition{Topic: r.o.Topic, Partition: p}
}

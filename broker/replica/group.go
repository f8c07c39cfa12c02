package replica

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"momus/internal/kerr"
	"momus/storage/log"
	"momus/storage/record"
)

// Appends that meet at a partition are made together (group commit). Each waits in the partition's
// queue; one of those who wait leads: it appends all that is there with one lock, one write and one
// wake-up. Nothing is refused, reordered or acknowledged otherwise than if each were made alone.

// appending is one partition's part of a request on its way into the log. Who leads its group fills
// in what came of it.
type appending struct {
	log.Append
	p         *Partition
	call      *appendCall
	acks      int16
	ledSince  int32 // of the role that appended
	committed bool  // the in-sync replicas have it already
	together  bool  // others were appended with it
	panicked  any   // the panic that ended its group

	done bool // guarded by p.queue; its outcome is known
	heir bool // guarded by p.queue; its call is to lead the next group
}

// appendCall is a request that appends to partitions, in one goroutine. It is pooled; its last
// leader may wake it when it is in use again, so that a wake-up alone says nothing.
type appendCall struct {
	items []appending
	left  atomic.Int32  // items whose outcome is not known
	wake  chan struct{} // capacity 1: left has become 0, or an item heir
}

func (c *appendCall) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// appendQueue is what waits to be appended to a partition.
type appendQueue struct {
	mu      sync.Mutex
	led     bool         // guarded by mu; somebody appends, or is about to
	waiting []*appending // guarded by mu
	group   []*appending // what is being appended: the leader's; else storage for waiting
	list    []*log.Append
}

// groupsLed is how many groups a call appends before one of those who wait has to go on.
const groupsLed = 4

// push adds an item.
func (q *appendQueue) push(a *appending) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, a)
}

// lead makes the caller, who waits for a, the leader of a group that a is in; false if a is done,
// or another leads.
func (q *appendQueue) lead(a *appending) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.done || q.led && !a.heir {
		return false
	}
	q.led = true
	q.takeLocked()
	return true
}

func (q *appendQueue) takeLocked() { q.group, q.waiting = q.waiting, q.group[:0] }

// next ends the leader's n-th group, and tells whether it goes on with another one.
func (q *appendQueue) next(own *appendCall, n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, a := range q.group {
		a.done = true
		q.group[i] = nil
		if c := a.call; c.left.Add(-1) == 0 && c != own { // a is its owner's from here on
			c.signal()
		}
	}
	q.group = q.group[:0]
	if len(q.waiting) == 0 {
		q.led = false
		return false
	}
	if n >= groupsLed {
		q.waiting[0].heir = true
		q.waiting[0].call.signal()
		return false
	}
	q.takeLocked()
	return true
}

// settle appends a and what waits with it, unless somebody else is at it.
func (p *Partition) settle(a *appending) {
	if !p.queue.lead(a) {
		return
	}
	for n := 1; ; n++ {
		p.appendGroup()
		if !p.queue.next(a.call, n) {
			return
		}
	}
}

// appendGroup appends the queue's group to the local log if this broker leads; the callers wake who
// waits for the log end. It is called by the leader of the group. A panic is left to the calls to go
// on with.
func (p *Partition) appendGroup() {
	q := &p.queue
	defer func() {
		clear(q.list)
		q.list = q.list[:0]
		if r := recover(); r != nil {
			p.m.logger.WithField("panic", r).WithField("stack", string(debug.Stack())).Error("an append panicked")
			for _, a := range q.group {
				a.panicked = r
			}
		}
	}()
	bytes := int64(0)
	for _, a := range q.group {
		bytes += int64(len(a.Records))
	}
	p.m.meeting.bytes.Add(-bytes)
	p.mu.RLock()
	defer p.mu.RUnlock()
	r := p.role.Load()
	for _, a := range q.group {
		a.together = len(q.group) > 1
		switch {
		case !r.leading || r.log == nil:
			a.Err = kerr.NotLeaderForPartition
		case a.acks == -1 && len(r.isr) < int(r.log.Config().MinInsyncReplicas):
			a.Err = kerr.NotEnoughReplicas
		default:
			q.list = append(q.list, &a.Append)
		}
	}
	if len(q.list) == 0 {
		return
	}
	r.log.AppendTogether(r.leaderEpoch, q.list)
	appended := false
	for _, a := range q.group {
		if a.Err == nil {
			p.m.metrics.appended(&a.Info)
			appended = true
		}
	}
	if !appended {
		return
	}
	p.raiseHighWatermark(r)
	for _, a := range q.group {
		// With one replica in sync it is committed by now; min.insync.replicas was checked under the
		// same lock.
		a.ledSince = r.ledSince
		a.committed = a.Err == nil && len(r.isr) == 1 && r.log.HighWatermark() > a.Info.LastOffset
	}
}

// meeting decides whether a request waits for others before it appends.
type meeting struct {
	calls  sync.Pool     // of *appendCall
	bytes  atomic.Int64  // that wait in all queues
	missed atomic.Int32  // how often in a row nobody came
	tries  atomic.Uint32 // of those who would not wait
}

const (
	// enoughBytes wait in all queues together: more would leave the processor's cache before they
	// are written.
	enoughBytes = 1 << 20
	// missedOften is how often nobody comes until only every tryAgain-th request waits: so few that
	// they are not seen in the 99th percentile.
	missedOften = 8
	tryAgain    = 256
	// longWait is more than it takes to read from all connections: the processors are busy with
	// other things, and are not asked again soon.
	longWait = 3 * time.Millisecond
)

// wait lets requests go first that have arrived at other connections, so that they are appended
// together with this one. It does not wait for what has not arrived, and a request that has been
// alone lately hardly ever waits.
func (m *Manager) wait(c *appendCall) {
	t := &m.meeting
	if t.bytes.Load() >= enoughBytes || t.missed.Load() >= missedOften && t.tries.Add(1)%tryAgain != 0 {
		return
	}
	if m.opts.Meet == nil {
		runtime.Gosched()
		return
	}
	began := time.Now()
	m.opts.Meet(c.wake)
	if time.Since(began) > longWait {
		t.missed.Store(missedOften)
	}
}

// met notes whether a request was appended together with others.
func (m *meeting) met(together bool) {
	switch missed := m.missed.Load(); {
	case together && missed > 0:
		m.missed.Store(0)
	case !together && missed < missedOften:
		m.missed.Store(missed + 1)
	}
}

// call returns a call with n empty items.
func (m *meeting) call(n int) *appendCall {
	c, _ := m.calls.Get().(*appendCall)
	if c == nil {
		c = &appendCall{wake: make(chan struct{}, 1)}
	}
	if cap(c.items) < n {
		c.items = make([]appending, n)
	}
	c.items = c.items[:n]
	return c
}

// release takes a call back whose items are all done.
func (m *meeting) release(c *appendCall) {
	clear(c.items)
	m.calls.Put(c)
}

// settle appends what a call has queued, alone or with others, and returns when nothing of it is
// queued any more.
func (m *Manager) settle(c *appendCall, origin record.Origin) {
	// After a panic too: the records are the caller's again when it has unwound, and may be
	// overwritten.
	defer func() {
		for {
			for i := range c.items {
				if a := &c.items[i]; a.p != nil {
					a.p.settle(a)
				}
			}
			if c.left.Load() == 0 {
				return
			}
			<-c.wake
		}
	}()
	if origin == record.OriginClient {
		m.wait(c)
	}
}

// appendAll appends the items of a call, those without a partition excepted, and returns when the
// outcome of all is known.
func (m *Manager) appendAll(c *appendCall, origin record.Origin) {
	bytes := int64(0)
	for i := range c.items {
		a := &c.items[i]
		if a.p == nil {
			continue
		}
		if l := a.p.role.Load().log; l != nil {
			l.Check(&a.Append)
		}
		a.call = c
		c.left.Add(1)
		bytes += int64(len(a.Records))
	}
	m.meeting.bytes.Add(bytes)
	for i := range c.items {
		if a := &c.items[i]; a.p != nil {
			a.p.queue.push(a)
		}
	}
	m.settle(c, origin)
	together := false
	for i := range c.items {
		a := &c.items[i]
		if a.panicked != nil {
			panic(a.panicked)
		}
		together = together || a.together
	}
	if origin == record.OriginClient {
		m.meeting.met(together)
	}
}

// Package purgatory lets requests wait for progress: an offset that must be passed, a role that
// must change. A waiter subscribes to points, checks its condition, and sleeps until a point that
// it watches reaches its threshold or its deadline comes. Whoever makes progress only wakes: no
// callback runs under somebody else's lock.
package purgatory

import (
	"math"
	"sync/atomic"

	"momus/internal/rank"
)

// Point is something that moves forward and can be waited for, such as a high watermark. The zero
// value is ready for use. A Point must not be copied after first use. All methods are safe for
// concurrent use.
type Point struct {
	// first is one more than the lowest threshold that a subscription may have, 0 when nobody
	// waits: what Advance reads without the lock. It may be lower than true, never higher.
	first atomic.Int64

	mu   rank.Mutex[rank.Purgatory] // guards the subscriptions
	head *subscription              // doubly linked, in no particular order
}

// subscription is one waiter's place at one point. It is part of its Waiter, and linked into the
// point's list.
type subscription struct {
	point      *Point
	waiter     *Waiter
	at         int64 // wake when the point reaches this value; guarded by point.mu
	prev, next *subscription
	linked     bool
}

// Advance says that the point has reached value and wakes the waiters whose threshold is at or
// below it. A waiter that was woken is woken again only by a higher value. When nobody waits for
// value this is one atomic load.
func (p *Point) Advance(value int64) {
	first := p.first.Load()
	if first == 0 || value < first-1 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wakeLocked(value)
}

// WakeAll wakes every waiter of the point: roles changed, so each must look again.
func (p *Point) WakeAll() {
	if p.first.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := p.head; s != nil; s = s.next {
		s.waiter.wake()
	}
}

// Waiting is the number of subscriptions.
func (p *Point) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for s := p.head; s != nil; s = s.next {
		n++
	}
	return n
}

func (p *Point) wakeLocked(value int64) {
	low := int64(math.MaxInt64)
	for s := p.head; s != nil; s = s.next {
		if s.at <= value {
			s.waiter.wake()
			s.at = value + 1
		}
		low = min(low, s.at)
	}
	p.setFirstLocked(low)
}

func (p *Point) setFirstLocked(low int64) {
	switch {
	case p.head == nil:
		p.first.Store(0)
	case low < 0:
		p.first.Store(1)
	case low == math.MaxInt64:
		p.first.Store(low)
	default:
		p.first.Store(low + 1)
	}
}

func (p *Point) link(s *subscription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.next, s.prev, s.linked = p.head, nil, true
	if p.head != nil {
		p.head.prev = s
	}
	p.head = s
	low := s.at
	if first := p.first.Load(); first != 0 {
		low = min(low, first-1)
	}
	p.setFirstLocked(low)
}

func (p *Point) unlink(s *subscription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.linked {
		return
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		p.head = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next, s.linked = nil, nil, false
	if p.head == nil {
		p.first.Store(0)
	}
}

package purgatory

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Purgatory counts the requests that wait for one purpose (Produce, Fetch, DeleteRecords) and makes
// their waiters. The zero value is ready for use.
type Purgatory struct {
	waiters atomic.Int64
	watches atomic.Int64
	expired atomic.Int64
	pool    sync.Pool // of *Waiter
}

// Delayed is the number of requests that wait: Kafka's NumDelayedOperations.
func (p *Purgatory) Delayed() int64 { return p.waiters.Load() }

// Watched is the number of (request, key) pairs: Kafka's PurgatorySize.
func (p *Purgatory) Watched() int64 { return p.watches.Load() }

// Expired is the number of requests that reached their deadline since the start.
func (p *Purgatory) Expired() int64 { return p.expired.Load() }

// Waiter is one request that waits. It is used by one goroutine: New, Watch for each key, Wait,
// Close.
type Waiter struct {
	p    *Purgatory
	c    chan struct{} // capacity 1: a wake-up that nobody has taken yet stands for any number of them
	subs []subscription
	n    int
	// timer is kept from one use to the next; stopped between them.
	timer *time.Timer
}

// New makes a waiter for at most keys points.
func (p *Purgatory) New(keys int) *Waiter {
	w, _ := p.pool.Get().(*Waiter)
	if w == nil {
		w = &Waiter{p: p, c: make(chan struct{}, 1)}
	}
	if cap(w.subs) < keys {
		w.subs = make([]subscription, keys)
	}
	w.subs = w.subs[:keys]
	p.waiters.Add(1)
	return w
}

// Watch subscribes to a point: the waiter wakes when the point reaches at. More calls than New was
// told of panic: the slots must not move while they are linked.
func (w *Waiter) Watch(point *Point, at int64) {
	s := &w.subs[w.n]
	w.n++
	*s = subscription{point: point, waiter: w, at: at}
	w.p.watches.Add(1)
	point.link(s)
}

func (w *Waiter) wake() {
	select {
	case w.c <- struct{}{}:
	default:
	}
}

// Wait blocks until done answers true, the timeout passes or ctx ends; it tells whether done was
// true. done is tried first, and again after each wake-up, in the caller's goroutine without any
// lock. The points must have been watched before, so that no progress between the check and the
// sleep is lost.
func (w *Waiter) Wait(ctx context.Context, timeout time.Duration, done func() bool) bool {
	if done() {
		return true
	}
	if timeout <= 0 {
		w.p.expired.Add(1)
		return false
	}
	if w.timer == nil {
		w.timer = time.NewTimer(timeout)
	} else {
		w.timer.Reset(timeout) // nothing of an earlier use can come out of its channel
	}
	defer w.timer.Stop()
	for {
		select {
		case <-w.c:
			if done() {
				return true
			}
		case <-w.timer.C:
			if done() {
				return true
			}
			w.p.expired.Add(1)
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// Close ends all subscriptions. The waiter must not be used afterwards.
func (w *Waiter) Close() {
	for i := range w.subs[:w.n] {
		w.subs[i].point.unlink(&w.subs[i])
		w.subs[i] = subscription{}
	}
	w.p.watches.Add(-int64(w.n))
	w.n = 0
	w.p.waiters.Add(-1)
	select {
	case <-w.c:
	default:
	}
	if cap(w.subs) <= 1024 {
		w.p.pool.Put(w)
	}
}

package network

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// budget bounds the memory of frames: those being received and those being executed. Who wants more
// while it is exhausted waits; a charge may overshoot the limit by itself, as in Kafka's memory
// pool, so that a request larger than the limit passes.
type budget struct {
	// used may be above limit by what one waiter has taken; see tryCharge.
	used  atomic.Int64
	limit func() int64

	mu      sync.Mutex
	waiters []*budgetWaiter
}

type budgetWaiter struct {
	since time.Time
	ready chan struct{} // closed when the waiter may try again
}

// tryCharge charges n bytes unless the budget is exhausted by others than the caller, who holds
// some bytes already.
func (m *budget) tryCharge(n, held int64) bool {
	// What the caller holds itself does not count against him: who has begun to receive a frame
	// could else wait for himself.
	if m.used.Add(n)-n-held >= m.limit() {
		m.used.Add(-n)
		return false
	}
	return true
}

// charge waits until the budget has room, then charges n bytes; false when done was closed first.
func (m *budget) charge(n, held int64, now time.Time, done <-chan struct{}) bool {
	if m.tryCharge(n, held) {
		return true
	}
	w := &budgetWaiter{since: now}
	for {
		// A new channel for each round, since the last one is closed.
		w.ready = make(chan struct{})
		m.mu.Lock()
		m.waiters = append(m.waiters, w)
		m.mu.Unlock()
		if m.tryCharge(n, held) { // released between the attempt and the registration
			m.forget(w)
			return true
		}
		select {
		case <-w.ready:
		case <-done:
			m.forget(w)
			return false
		}
		if m.tryCharge(n, held) {
			return true
		}
	}
}

func (m *budget) forget(w *budgetWaiter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, o := range m.waiters {
		if o == w {
			m.waiters = append(m.waiters[:i], m.waiters[i+1:]...)
			return
		}
	}
	m.wakeLocked() // w was woken but leaves: pass it on
}

// release gives n bytes back.
func (m *budget) release(n int64) {
	if n == 0 || m.used.Add(-n) >= m.limit() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wakeLocked()
}

func (m *budget) wakeLocked() {
	if len(m.waiters) == 0 {
		return
	}
	// All of them: each takes a different amount, and those that find nothing queue again.
	for _, w := range m.waiters {
		close(w.ready)
	}
	m.waiters = m.waiters[:0]
}

// starving tells whether somebody has waited since before t.
func (m *budget) starving(t time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Anybody: who was woken for nothing queues again behind those who came later.
	return slices.ContainsFunc(m.waiters, func(w *budgetWaiter) bool { return w.since.Before(t) })
}

package replica

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// shortPoll is how long a leader may hold a fetch without data while partitions come and go,
	// instead of replica.fetch.wait.max.ms. Leaderships change in bunches: a partition that is
	// added while the leader holds a fetch can only be asked for in the next.
	shortPoll = 20 * time.Millisecond
	// settled is how long after the last change fetches are held for long again.
	settled = 2 * time.Second
	// pollGrace is how long a fetch may go on after a change: one that has data is answered by
	// then.
	pollGrace = 10 * time.Millisecond
)

// errPollCut is the cause of the end of a fetch that was cut short.
var errPollCut = errors.New("partitions were added")

// polls decides how long a leader may hold a fetcher's requests, and cuts the one short that began
// before partitions were added: those would wait for its end otherwise, and so would their
// producers. Only a long one is cut, so at most one in the time of settled. The zero value is ready
// for use; begin and end are called by the fetcher's goroutine.
type polls struct {
	mu      sync.Mutex
	changed time.Time          // when partitions were added last
	cancel  context.CancelFunc // ends the present fetch if it is a long one; nil otherwise
	timer   *time.Timer        // calls cancel
	cut     bool
}

// begin starts a fetch and returns its context and how long the leader may hold it.
func (p *polls) begin(ctx context.Context, now time.Time, most time.Duration) (context.Context, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
	if now.Sub(p.changed) < settled && most > shortPoll {
		return ctx, shortPoll
	}
	ctx, cancel := context.WithCancelCause(ctx)
	p.cancel = func() { cancel(errPollCut) }
	return ctx, most
}

// end ends a fetch and tells whether it was cut short.
func (p *polls) end() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if p.cancel != nil {
		p.cancel()
		p.cancel = nil
	}
	return p.cut
}

// added is called after partitions were added.
func (p *polls) added(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = now
	if p.cancel == nil || p.timer != nil {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(pollGrace, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.timer == timer { // the fetch goes on
			p.cut = true
			p.cancel()
		}
	})
	p.timer = timer
}

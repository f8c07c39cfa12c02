package cleaner

import (
	"context"
	"sync"
	"time"
)

// The numbers of a throttle.
const (
	// throttleBurst is for how long unused rate is saved up (the check interval of Kafka's
	// Throttler).
	throttleBurst = 300 * time.Millisecond
	// throttleNap is the longest wait before the rate is looked at again.
	throttleNap = time.Second
	// unthrottled is a rate in bytes per second that no disk reaches; the default is the largest
	// double.
	unthrottled = 1e15
)

// throttle bounds how fast all threads of a Cleaner together read and write
// (log.cleaner.io.max.bytes.per.second).
type throttle struct {
	rate func() float64 // bytes per second, asked each time

	mu    sync.Mutex
	free  float64 // guarded by mu; bytes that may be moved now, negative while in debt
	since time.Time
}

// wait accounts for n bytes and returns when they are allowed, or with the error of ctx.
func (t *throttle) wait(ctx context.Context, n int) error {
	for {
		nap := t.take(n, time.Now())
		if nap <= 0 {
			return ctx.Err()
		}
		// The bytes are in the books now; further rounds only wait for the debt to be paid.
		n = 0
		timer := time.NewTimer(min(nap, throttleNap))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// take accounts for n bytes and returns how long it takes until the debt is paid.
func (t *throttle) take(n int, now time.Time) time.Duration {
	rate := t.rate()
	t.mu.Lock()
	defer t.mu.Unlock()
	// Whoever turns the limit on later begins without debt.
	if rate >= unthrottled || rate <= 0 {
		t.free, t.since = 0, now
		return 0
	}
	burst := rate * throttleBurst.Seconds()
	if t.since.IsZero() {
		t.free = burst
	} else {
		t.free = min(t.free+rate*now.Sub(t.since).Seconds(), burst)
	}
	t.since = now
	t.free -= float64(n)
	if t.free >= 0 {
		return 0
	}
	return time.Duration(-t.free/rate*float64(time.Second)) + 1
}

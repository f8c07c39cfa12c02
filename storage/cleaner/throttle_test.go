package cleaner

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rate atomic.Uint64
		rate.Store(1000)
		th := &throttle{rate: func() float64 { return float64(rate.Load()) }}
		started := time.Now()
		for range 100 {
			if err := th.wait(t.Context(), 100); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(started); took < 9600*time.Millisecond || took > 9800*time.Millisecond { // 10 s less the burst
			t.Errorf("10000 bytes at 1000 a second took %v", took)
		}
		// What was not used is saved up for a moment only.
		time.Sleep(time.Minute)
		started = time.Now()
		if err := th.wait(t.Context(), 1300); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took < time.Second || took > 1010*time.Millisecond {
			t.Errorf("1300 bytes took %v", took)
		}
		// A change of the rate counts for those who wait.
		started = time.Now()
		time.AfterFunc(1500*time.Millisecond, func() { rate.Store(unthrottled) })
		if err := th.wait(t.Context(), 100_000); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("unthrottled after 1.5 s, but it took %v", took)
		}
		if err := th.wait(t.Context(), 1<<40); err != nil || time.Since(started) > 2*time.Second {
			t.Errorf("without limit: %v", err)
		}
		rate.Store(1)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		started = time.Now()
		if err := th.wait(ctx, 1000); !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != 3*time.Second {
			t.Errorf("aborted after %v: %v", time.Since(started), err)
		}
	})
}

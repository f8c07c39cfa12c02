package clients

import (
	"context"
	"time"

	"momus/cmd/internal/tool/core"
)

// Pace waits until the record after the first n may be sent, of rate records a second since began: a
// pause of the broker is made up for. Below 0 there is no limit. With 0 it waits until ctx ends, as
// Kafka's ThroughputThrottler does once something was sent. The error is that of ctx.
func Pace(ctx context.Context, c *core.Call, began time.Time, n, rate int64) error {
	var due <-chan time.Time
	switch {
	case rate < 0:
		return nil
	case rate == 0:
		if c.Terminal.Err {
			c.Errorf("--throughput 0: nothing more is sent; Ctrl-C ends this, and -1 is no limit\n")
		}
	default:
		wait := time.Until(began.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second))))
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-due:
		return nil
	}
}

package controller

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpu is the CPU time of this thread, which others on the machine do not change.
func cpu(t *testing.T) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// TestWorkGrowsWithTheCluster lives through the same events in clusters of which one is 16 times as
// large as the other, with many topics and with many partitions in one topic: what is quadratic
// would take 256 times as long.
func TestWorkGrowsWithTheCluster(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const factor, most = 16, 100
	const least = 200 * time.Microsecond // below it caches decide
	for _, shape := range []struct {
		name                string
		topics, partitions  int // of the small one
		topicsX, partitionX int
	}{{"more topics", 250, 2, factor, 1}, {"more partitions", 2, 250, 1, factor}} {
		small := newScaleCluster(20, shape.topics, shape.partitions)
		large := newScaleCluster(20, shape.topics*shape.topicsX, shape.partitions*shape.partitionX)
		took := func(c *scaleCluster, s *scaleStep) time.Duration {
			prepared := *s
			if s.prepare != nil {
				s.prepare(c)
				prepared.prepare = nil
			}
			var spent time.Duration
			prepared.run = func(ctx context.Context, c *scaleCluster) error {
				defer debug.SetGCPercent(debug.SetGCPercent(-1))
				began := cpu(t)
				err := s.run(ctx, c)
				spent = cpu(t) - began
				return err
			}
			if _, err := c.run(t.Context(), &prepared); err != nil {
				t.Fatal(fmt.Errorf("%s: %w", shape.name, err))
			}
			return spent
		}
		for i := range scaleSteps {
			s := &scaleSteps[i]
			if s.fixed {
				continue
			}
			few, many := took(small, s), took(large, s)
			if float64(many)/float64(max(few, least)) > most {
				t.Errorf("%s, %s: %v in the small cluster, %v in one %d times as large", shape.name, s.name, few, many, factor)
			}
		}
	}
}

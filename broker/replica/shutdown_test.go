package replica

import (
	"testing"
	"testing/synctest"
	"time"

	"momus/internal/model"
)

// A broker that hands its leaderships over does not follow the new leaders: they would put it back
// in sync, and it is gone in a moment.
func TestShuttingDownBrokerDoesNotComeBackInSync(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		kept := model.TopicPartition{Topic: "kept"}
		c.lead(tp0, 1, 0, isr(1, 2), 1, 2)
		c.lead(kept, 2, 0, isr(1, 2), 2, 1)
		c.brokers[1].append(-1, "a")
		time.Sleep(time.Second)
		synctest.Wait()
		c.brokers[1].m.BeginShutdown()
		c.lead(tp0, 2, 1, isr(2), 1, 2)
		c.brokers[2].append(1, "b")
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if got := c.brokers[2].m.Partition(tp0).State().ISR; len(got) != 1 {
			t.Errorf("in sync: %v", got)
		}
		if end := c.brokers[1].log(tp0).LogEndOffset(); end != 1 {
			t.Errorf("the broker that shuts down has fetched up to %d", end)
		}
		// What it followed before, it follows until it is told to stop.
		if got := c.brokers[2].m.Partition(kept).State().ISR; len(got) != 2 {
			t.Errorf("in sync for the other partition: %v", got)
		}
	})
}

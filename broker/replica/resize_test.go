package replica

import (
	"context"
	"fmt"
	"testing"
	"time"

	"momus/internal/model"
	"momus/storage/record"
)

// A changed num.replica.fetchers takes effect on partitions that are followed already, both ways,
// and replication goes on meanwhile.
func TestFetchersFollowTheirNumber(t *testing.T) {
	c := newCluster(t, 2)
	defer c.stop()
	leader, follower := c.brokers[1], c.brokers[2]
	var tps []model.TopicPartition
	for i := range int32(8) {
		tps = append(tps, model.TopicPartition{Topic: "t", Partition: i})
		c.lead(tps[i], 1, 0, []int32{1, 2}, 1, 2)
	}
	for _, n := range []int64{1, 4, 2, 1} {
		if err := follower.config.SetDynamicBroker(map[string]string{"num.replica.fetchers": fmt.Sprint(n)}); err != nil {
			t.Fatal(err)
		}
		fetchers, failed := int64(-1), int64(0)
		for deadline := time.Now().Add(20 * time.Second); fetchers != n && time.Now().Before(deadline); {
			entries := make([]AppendEntry, len(tps))
			for i, tp := range tps {
				entries[i] = AppendEntry{TP: tp, Records: batch(fmt.Sprint("value ", n))}
			}
			for _, r := range leader.m.Append(entries, -1, record.OriginClient).Wait(context.Background(), 20*time.Second) {
				if r.Err != nil {
					t.Fatal(r.TP, r.Err)
				}
			}
			_, failed, fetchers = follower.m.fetchers.gauges()
		}
		if fetchers != n || failed != 0 {
			t.Errorf("num.replica.fetchers=%d: %d fetchers, %d partitions failed", n, fetchers, failed)
		}
	}
}

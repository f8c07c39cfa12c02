package replica

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A follower that was away copies what it missed no faster than the throttle of either side allows, and is in sync at the end; in sync it is
// not held back any more.
func TestReplicationThrottles(t *testing.T) {
	for _, tc := range []struct {
		name, list, rate string
		broker           int32 // whose rate is set
		throttled        bool
	}{
		{"leader", "leader.replication.throttled.replicas", "leader.replication.throttled.rate", 1, true},
		{"follower", "follower.replication.throttled.replicas", "follower.replication.throttled.rate", 2, true},
		{"another broker's replica", "follower.replication.throttled.replicas", "follower.replication.throttled.rate", 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inCluster(t, 2, func(t *testing.T, c *testCluster) {
				overrides := map[string]string{tc.list: "0:1,0:2"}
				if tc.name == "leader" {
					overrides[tc.list] = "*"
				}
				for _, b := range c.brokers {
					b.settled.Store("t", overrides)
				}
				if err := c.brokers[tc.broker].config.SetDynamicBroker(map[string]string{tc.rate: "20000"}); err != nil {
					t.Fatal(err)
				}
				c.brokers[2].stop(true)
				c.lead(tp0, 1, 0, isr(1), 1, 2)
				value := strings.Repeat("x", 4900)
				for range 400 {
					c.brokers[1].append(1, value)
				}
				end, size := c.brokers[1].log(tp0).LogEndOffset(), c.brokers[1].log(tp0).Size()
				c.brokers[2].extra = map[string]string{"replica.fetch.max.bytes": "20000", "replica.fetch.response.max.bytes": "20000"}
				c.brokers[2].start()
				if tc.broker == 2 {
					if err := c.brokers[2].config.SetDynamicBroker(map[string]string{tc.rate: "20000"}); err != nil {
						t.Fatal(err)
					}
				}
				c.lead(tp0, 1, 1, isr(1), 1, 2)
				time.Sleep(30 * time.Second)
				synctest.Wait()
				copied := c.brokers[2].log(tp0).Size()
				if tc.throttled && (copied < 400_000 || copied > 800_000) {
					t.Errorf("%d bytes copied in 30 s at 20000 bytes a second", copied)
				}
				if !tc.throttled && copied != size {
					t.Errorf("%d of %d bytes copied", copied, size)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if got := c.brokers[2].log(tp0).LogEndOffset(); got != end {
					t.Fatalf("follower ends at %d, leader at %d", got, end)
				}
				if got := c.brokers[1].m.Partition(tp0).State().ISR; len(got) != 2 {
					t.Fatalf("in sync: %v", got)
				}
				// Now in sync, acks=all is not held back by the throttle.
				c.brokers[1].append(1, value, value, value, value, value, value)
				a := c.brokers[1].append(-1, value)
				time.Sleep(time.Second)
				synctest.Wait()
				if tc.name == "leader" && !a.Satisfied() {
					t.Error("an in-sync follower is throttled")
				}
			})
		})
	}
}

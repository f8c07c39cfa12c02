package replica

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A follower that was away copies what it missed no faster than the throttle of either side allows,
// and is in sync at the end; in sync it is not held back any more.
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
				for second := range 30 {
					time.Sleep(time.Second)
					synctest.Wait()
					// One answer of 20000 bytes more than allowed, over 11 windows of a second, is
					// what may pass.
					rate, other := c.brokers[tc.broker].m.ThrottleRates().Leader, c.brokers[3-tc.broker].m.ThrottleRates().Leader
					if tc.name == "follower" {
						rate, other = c.brokers[tc.broker].m.ThrottleRates().Follower, c.brokers[3-tc.broker].m.ThrottleRates().Follower
					}
					if tc.throttled && second >= 11 && (rate < 15_000 || rate > 22_000) {
						t.Errorf("after %d s the rate is %.0f bytes a second", second+1, rate)
					}
					if tc.throttled && other != 0 {
						t.Errorf("the other side, which is not throttled, counts %.0f bytes a second", other)
					}
				}
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

// A move between directories takes as long as replica.alter.log.dirs.io.max.bytes.per.second says,
// and its rate shows.
func TestThrottledMove(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		c.lead(tp0, 1, 0, isr(1), 1)
		for range 100 {
			b.append(1, strings.Repeat("x", 4900))
		}
		if err := b.config.SetDynamicBroker(map[string]string{"replica.alter.log.dirs.io.max.bytes.per.second": "20000"}); err != nil {
			t.Fatal(err)
		}
		from, size := b.logs.Get(tp0).Dir()[:len("/data1")], b.log(tp0).Size()
		to := map[string]string{"/data1": "/data2", "/data2": "/data1"}[from]
		if err := b.m.AlterReplicaLogDirs(tp0, to); err != nil {
			t.Fatal(err)
		}
		for second := range int(size/20_000) - 1 {
			time.Sleep(time.Second)
			synctest.Wait()
			future := b.logs.Future(tp0)
			if future == nil {
				t.Fatalf("the move of %d bytes was over after %d s", size, second+1)
			}
			if copied := future.Size(); copied > int64(second+1)*20_000 {
				t.Fatalf("%d bytes copied after %d s", copied, second+1)
			}
			if rate := b.m.ThrottleRates().Moves; second >= 11 && (rate < 14_000 || rate > 22_000) {
				t.Errorf("after %d s the rate is %.0f bytes a second", second+1, rate)
			}
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if dir := b.log(tp0).Dir(); dir != to+"/t-0" {
			t.Errorf("the log is in %s", dir)
		}
		if rate := b.m.ThrottleRates().Moves; rate != 0 {
			t.Errorf("long after the move the rate is %.0f", rate)
		}
	}, "/data1", "/data2")
}

// The rates are dynamic: while replicas are copied, and while a log moves, each change of a rate is
// followed.
func TestThrottlesFollowTheirRates(t *testing.T) {
	copied := func(c *testCluster) int64 { return c.brokers[2].log(tp0).Size() }
	moved := func(c *testCluster) int64 { return c.brokers[1].logs.Future(tp0).Size() }
	for _, tc := range []struct {
		rate   string
		broker int32 // whose rate is set
		done   func(c *testCluster) int64
	}{
		{"leader.replication.throttled.rate", 1, copied},
		{"follower.replication.throttled.rate", 2, copied},
		{"replica.alter.log.dirs.io.max.bytes.per.second", 1, moved},
	} {
		t.Run(tc.rate, func(t *testing.T) {
			inCluster(t, 2, func(t *testing.T, c *testCluster) {
				begin(t, c, tc.rate, tc.broker)
				for _, rate := range []int64{20_000, 60_000, 10_000, 40_000} {
					setRate(t, c, tc.broker, tc.rate, rate)
					time.Sleep(15 * time.Second) // the windows of before count no longer
					from := tc.done(c)
					time.Sleep(30 * time.Second)
					synctest.Wait()
					if per := (tc.done(c) - from) / 30; per < rate*7/10 || per > rate*13/10 {
						t.Errorf("%d bytes a second at a rate of %d", per, rate)
					}
				}
			}, "/data1", "/data2")
		})
	}
}

// begin has a follower, or a move, far behind a leader that has ten megabytes.
func begin(t *testing.T, c *testCluster, key string, broker int32) {
	t.Helper()
	for _, b := range c.brokers {
		b.settled.Store("t", map[string]string{"leader.replication.throttled.replicas": "*", "follower.replication.throttled.replicas": "*"})
	}
	c.brokers[2].stop(true)
	c.lead(tp0, 1, 0, isr(1), 1, 2)
	for range 2000 {
		c.brokers[1].append(1, strings.Repeat("x", 4900))
	}
	c.brokers[2].extra = map[string]string{"replica.fetch.max.bytes": "10000", "replica.fetch.response.max.bytes": "10000"}
	c.brokers[2].start()
	setRate(t, c, broker, key, 20_000)
	c.lead(tp0, 1, 1, isr(1), 1, 2)
	time.Sleep(time.Second)
	if !strings.Contains(key, "log.dirs") {
		return
	}
	b := c.brokers[1]
	to := map[bool]string{true: "/data2", false: "/data1"}[strings.HasPrefix(b.log(tp0).Dir(), "/data1")]
	if err := b.m.AlterReplicaLogDirs(tp0, to); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
}

func setRate(t *testing.T, c *testCluster, broker int32, key string, rate int64) {
	t.Helper()
	if err := c.brokers[broker].config.SetDynamicBroker(map[string]string{key: fmt.Sprint(rate)}); err != nil {
		t.Fatal(err)
	}
}

package replica

import (
	"testing"
	"testing/synctest"
	"time"

	"momus/internal/model"
	"momus/storage/record"
)

// TestNewPartitionsDoNotWaitForAFetchOfOthers appends to a partition that is new while its
// follower's fetch of another one is held by the leader: the records are committed long before that
// fetch would end.
func TestNewPartitionsDoNotWaitForAFetchOfOthers(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		c.lead(tp0, 1, 0, isr(1, 2), 1, 2)
		time.Sleep(settled + time.Second) // fetches are held for long again
		synctest.Wait()
		for i := range int32(3) { // the first cuts the fetch short, the others come while fetches are held shortly
			tp := model.TopicPartition{Topic: "new", Partition: i}
			c.lead(tp, 1, 0, isr(1, 2), 1, 2)
			began := time.Now()
			a := c.brokers[1].m.Append([]AppendEntry{{TP: tp, Records: batch("a")}}, -1, record.OriginClient)
			if r := a.Wait(t.Context(), 10*time.Second)[0]; r.Err != nil {
				t.Fatal(r.Err)
			}
			if took := time.Since(began); took > pollGrace+2*shortPoll {
				t.Errorf("partition %d: committed after %v", i, took)
			}
		}
		// Nothing of the first partition was lost by that.
		if r := c.brokers[1].append(-1, "b").Wait(t.Context(), 10*time.Second)[0]; r.Err != nil || r.BaseOffset != 0 {
			t.Fatalf("%+v", r)
		}
	})
}

func TestOnlyLongPollsAreCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p polls
		const most = 500 * time.Millisecond
		ctx, wait := p.begin(t.Context(), time.Now(), most)
		if wait != most {
			t.Fatalf("held for %v", wait)
		}
		p.added(time.Now())
		p.added(time.Now())
		<-ctx.Done()
		if !p.end() {
			t.Fatal("ended without being cut")
		}
		ctx, wait = p.begin(t.Context(), time.Now(), most)
		if wait != shortPoll {
			t.Fatalf("held for %v soon after a change", wait)
		}
		p.added(time.Now())
		time.Sleep(most)
		if ctx.Err() != nil || p.end() {
			t.Fatal("a short one was cut")
		}
		time.Sleep(settled)
		if _, wait = p.begin(t.Context(), time.Now(), most); wait != most {
			t.Fatalf("held for %v long after the change", wait)
		}
		p.added(time.Now())
		if p.end() { // answered before the grace was over
			t.Fatal("cut although it has ended")
		}
		if _, wait = p.begin(t.Context(), time.Now(), shortPoll/2); wait != shortPoll/2 {
			t.Fatalf("held for %v, longer than configured", wait)
		}
		time.Sleep(time.Second) // the timer of the fetch before must not end this one
		if p.end() {
			t.Fatal("cut by the timer of an earlier one")
		}
	})
}

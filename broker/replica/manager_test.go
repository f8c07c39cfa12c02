package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/log"
	"momus/storage/record"
)

// inCluster runs fn in a bubble with fake time, against a cluster of n brokers.
func inCluster(t *testing.T, n int, fn func(t *testing.T, c *testCluster), dirs ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, n, dirs...)
		defer c.stop()
		fn(t, c)
	})
}

func isr(ids ...int32) []int32 { return ids }

func TestLeaderAndISREpochs(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		type order struct {
			controllerEpoch, leader, epoch int32
			replicas                       []int32
		}
		for i, tc := range []struct {
			order
			top, partition   *kerr.Error
			leader, epoch    int32
			leading, hasRole bool
		}{
			{order{5, 1, 0, isr(1, 2)}, nil, nil, 1, 0, true, true},
			{order{5, 1, 0, isr(1, 2)}, nil, kerr.StaleControllerEpoch, 1, 0, true, true},                       // the same again
			{order{4, 2, 7, isr(1, 2)}, kerr.StaleControllerEpoch, kerr.StaleControllerEpoch, 1, 0, true, true}, // a deposed controller
			{order{5, 2, 1, isr(1, 2)}, nil, nil, 2, 1, false, true},
			{order{5, 1, 0, isr(1, 2)}, nil, kerr.StaleControllerEpoch, 2, 1, false, true},    // late
			{order{6, 9, 2, isr(1, 9)}, nil, nil, 2, 1, false, true},                          // leader 9 is not alive: nothing changes
			{order{6, 2, 2, isr(2, 3)}, nil, kerr.UnknownTopicOrPartition, 2, 1, false, true}, // not a replica
			{order{6, 1, 2, isr(1, 2)}, nil, nil, 1, 2, true, true},                           // still newer
			{order{6, 1, 1 << 30, isr(1, 2)}, nil, nil, 1, 1 << 30, true, true},               // gaps are normal
			{order{6, 2, 1<<30 - 1, isr(1, 2)}, nil, kerr.StaleControllerEpoch, 1, 1 << 30, true, true},
		} {
			results, err := b.m.LeaderAndISR(t.Context(), LeaderAndISRRequest{ControllerEpoch: tc.controllerEpoch, Partitions: []PartitionState{
				{TP: tp0, State: model.LeaderAndISR{Leader: tc.order.leader, LeaderEpoch: tc.order.epoch, ISR: tc.replicas}, Replicas: tc.replicas, IsNew: true}}})
			if kerr.Of(err) != tc.top || kerr.Of(results[0].Err) != tc.partition {
				t.Errorf("step %d: %v, %v", i, err, results[0].Err)
			}
			s := b.m.Partition(tp0).State()
			if s.Leader != tc.leader || s.LeaderEpoch != tc.epoch || s.Leading != tc.leading {
				t.Errorf("step %d: %+v", i, s)
			}
		}
		if b.m.Partition(tp0).Log() == nil {
			t.Error("no log")
		}
		results, _ := b.m.LeaderAndISR(t.Context(), LeaderAndISRRequest{ControllerEpoch: 6, Partitions: []PartitionState{
			{TP: model.TopicPartition{Topic: "other"}, State: model.LeaderAndISR{Leader: 2}, Replicas: isr(2)}}})
		if kerr.Of(results[0].Err) != kerr.UnknownTopicOrPartition || b.m.Partition(model.TopicPartition{Topic: "other"}) != nil {
			t.Error("hosts a partition that is not assigned:", results[0].Err)
		}
		if err := b.m.WithController(5, func() { t.Error("deposed controller was obeyed") }); kerr.Of(err) != kerr.StaleControllerEpoch {
			t.Error(err)
		}
	})
}

func TestProduceRules(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		b.settled.Store("strict", map[string]string{"min.insync.replicas": "2"})
		strict := model.TopicPartition{Topic: "strict"}
		follows := model.TopicPartition{Topic: "follows"}
		elsewhere := model.TopicPartition{Topic: "elsewhere"}
		c.lead(tp0, 1, 0, isr(1), 1)
		c.lead(strict, 1, 0, isr(1), 1)
		c.lead(follows, 2, 0, isr(1, 2), 1, 2)
		c.lead(elsewhere, 2, 0, isr(2), 2)
		for _, tc := range []struct {
			tp   model.TopicPartition
			acks int16
			data []byte
			want *kerr.Error
			base int64
		}{
			{tp0, 1, batch("a", "b"), nil, 0},
			{tp0, 0, batch("c"), nil, 2},
			{tp0, -1, batch("d"), nil, 3},
			{tp0, 2, batch("d"), kerr.InvalidRequiredAcks, -1},
			{strict, 1, batch("a"), nil, 0},
			{strict, -1, batch("a"), kerr.NotEnoughReplicas, -1},
			{follows, 1, batch("a"), kerr.NotLeaderForPartition, -1},
			{elsewhere, 1, batch("a"), kerr.NotLeaderForPartition, -1},
			{model.TopicPartition{Topic: "none"}, 1, batch("a"), kerr.UnknownTopicOrPartition, -1},
			{tp0, 1, append(batch("x")[:60:60], 'y', 'z'), kerr.CorruptMessage, -1},
		} {
			a := b.m.Append([]AppendEntry{{TP: tc.tp, Records: tc.data}}, tc.acks, record.OriginClient)
			r := a.Results()[0]
			if !a.Satisfied() || kerr.Of(r.Err) != tc.want && tc.want != kerr.CorruptMessage || r.BaseOffset != tc.base {
				t.Errorf("%s acks=%d: %+v", tc.tp, tc.acks, r)
			}
		}
		if hw := b.log(tp0).HighWatermark(); hw != 4 {
			t.Errorf("high watermark %d", hw)
		}
	})
}

func TestAcksAllWaitsForTheInSyncReplicas(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *testCluster) {
		c.lead(tp0, 1, 0, isr(1, 2, 3), 1, 2, 3)
		synctest.Wait()
		leader := c.brokers[1]
		for i := range 20 {
			a := leader.append(-1, fmt.Sprint(i))
			r := a.Wait(t.Context(), 10*time.Second)[0]
			if r.Err != nil || r.BaseOffset != int64(i) {
				t.Fatalf("%+v", r)
			}
			for id := int32(1); id <= 3; id++ {
				if end := c.brokers[id].log(tp0).LogEndOffset(); end != int64(i+1) {
					t.Fatalf("acknowledged %d, but broker %d ends at %d", i, id, end)
				}
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for id := int32(1); id <= 3; id++ {
			if hw := c.brokers[id].log(tp0).HighWatermark(); hw != 20 {
				t.Errorf("broker %d has high watermark %d", id, hw)
			}
			if !bytes.Equal(content(t, c.brokers[id].log(tp0)), content(t, leader.log(tp0))) {
				t.Errorf("the log of broker %d differs", id)
			}
		}
	})
}

func TestAcksAllEndsWithTimeoutLostLeadershipOrTooFewReplicas(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		leader := c.brokers[1]
		leader.settled.Store("t", map[string]string{"min.insync.replicas": "2"})
		c.brokers[2].down.Store(true) // never fetches
		c.lead(tp0, 1, 0, isr(1, 2), 1, 2)
		start := time.Now()
		if r := leader.append(-1, "a").Wait(t.Context(), 3*time.Second)[0]; kerr.Of(r.Err) != kerr.RequestTimedOut || time.Since(start) != 3*time.Second {
			t.Fatalf("after %v: %+v", time.Since(start), r)
		}
		if end := leader.log(tp0).LogEndOffset(); end != 1 {
			t.Fatalf("the records are gone: log ends at %d", end)
		}
		// Broker 2 is thrown out of the ISR: the records are committed then, but by too few.
		start = time.Now()
		r := leader.append(-1, "b").Wait(t.Context(), time.Hour)[0]
		if kerr.Of(r.Err) != kerr.NotEnoughReplicasAfterAppend {
			t.Fatalf("%+v", r)
		}
		if d := time.Since(start); d < 27*time.Second || d > 46*time.Second {
			t.Errorf("ISR was shrunk after %v", d)
		}
		if s := c.zk.state(tp0); !slices.Equal(s.ISR, isr(1)) {
			t.Errorf("ISR in ZooKeeper: %v", s.ISR)
		}
		time.Sleep(10 * time.Second)
		c.zk.mu.Lock()
		notified := slices.Contains(c.zk.notified, tp0)
		c.zk.mu.Unlock()
		if !notified {
			t.Error("controller was not notified")
		}
		leader.settled.Store("t", map[string]string{"min.insync.replicas": "1"})
		leader.log(tp0).UpdateConfig(leader.config.Topic(map[string]string{"min.insync.replicas": "1"}))
		c.lead(tp0, 1, 1, isr(1, 2), 1, 2)
		done := make(chan AppendResult)
		go func() { done <- leader.append(-1, "c").Wait(context.Background(), time.Hour)[0] }()
		synctest.Wait()
		c.lead(tp0, 2, 2, isr(1, 2), 1, 2)
		if r := <-done; kerr.Of(r.Err) != kerr.NotLeaderForPartition {
			t.Fatalf("%+v", r)
		}
	})
}

// Records whose leader followed another one in between are not acknowledged for those that are at
// their offsets now.
func TestAcksAllFailsAfterALostLeadershipEvenIfItCameBack(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		leader := c.brokers[1]
		c.brokers[2].down.Store(true)
		c.lead(tp0, 1, 0, isr(1, 2), 1, 2)
		waiting := leader.append(-1, "lost")
		c.lead(tp0, 1, 1, isr(1, 2), 1, 2)
		if waiting.Satisfied() {
			t.Fatalf("nobody has the records: %+v", waiting.Results())
		}
		c.brokers[2].down.Store(false)
		c.lead(tp0, 2, 2, isr(1, 2), 1, 2)
		time.Sleep(2 * time.Second)
		if end := leader.log(tp0).LogEndOffset(); end != 0 {
			t.Fatalf("the follower's log ends at %d", end)
		}
		c.lead(tp0, 1, 3, isr(1), 1, 2)
		if r := leader.append(-1, "kept").Wait(t.Context(), time.Minute)[0]; r.Err != nil || r.BaseOffset != 0 || leader.log(tp0).HighWatermark() != 1 {
			t.Fatalf("%+v", r)
		}
		if r := waiting.Wait(t.Context(), time.Second)[0]; kerr.Of(r.Err) != kerr.NotLeaderForPartition {
			t.Fatalf("%+v", r)
		}
		// A new epoch of the same leadership is no loss.
		c.lead(tp0, 1, 4, isr(1, 2), 1, 2)
		if r := leader.append(-1, "more").Wait(t.Context(), time.Minute)[0]; r.Err != nil {
			t.Fatalf("%+v", r)
		}
	})
}

func TestISRExpandsAgain(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		c.lead(tp0, 1, 0, isr(1), 1, 2)
		leader := c.brokers[1]
		leader.append(1, "a")
		time.Sleep(2 * time.Second)
		if s := leader.m.Partition(tp0).State(); !slices.Equal(s.ISR, isr(1, 2)) || !slices.Equal(c.zk.state(tp0).ISR, isr(1, 2)) {
			t.Fatalf("ISR %v, in ZooKeeper %v", s.ISR, c.zk.state(tp0).ISR)
		}
		// A conflict in ZooKeeper changes nothing.
		c.brokers[2].down.Store(true)
		c.zk.mu.Lock()
		s := c.zk.states[tp0]
		s.ZKVersion += 5
		c.zk.states[tp0] = s
		c.zk.mu.Unlock()
		leader.append(1, "b")
		time.Sleep(2 * time.Minute)
		if s := leader.m.Partition(tp0).State(); !slices.Equal(s.ISR, isr(1, 2)) || leader.log(tp0).HighWatermark() != 1 {
			t.Errorf("ISR %v, high watermark %d", s.ISR, leader.log(tp0).HighWatermark())
		}
		if g := leader.m.Gauges(); g.ISRExpands != 1 || g.FailedISRUpdates == 0 || g.LeaderCount != 1 || g.PartitionCount != 1 {
			t.Errorf("%+v", g)
		}
	})
}

func TestFetchRules(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		follows := model.TopicPartition{Topic: "follows"}
		c.lead(tp0, 1, 3, isr(1), 1)
		c.lead(follows, 2, 0, isr(1, 2), 1, 2)
		for i := range 5 {
			b.append(1, fmt.Sprint(2*i), fmt.Sprint(2*i+1))
		}
		size := int(b.log(tp0).Size()) / 5
		fetch := func(params FetchParams, part FetchPartition) FetchResult { return b.consume(params, part)[0] }
		with := func(p FetchPartition, change func(*FetchPartition)) FetchPartition { change(&p); return p }
		for _, tc := range []struct {
			name   string
			params FetchParams
			part   FetchPartition
			err    *kerr.Error
			bytes  int
		}{
			{"all", FetchParams{}, at(0), nil, 5 * size},
			{"from the middle of a batch", FetchParams{}, at(3), nil, 4 * size},
			{"at the end", FetchParams{}, at(10), nil, 0},
			{"above the end", FetchParams{}, at(11), kerr.OffsetOutOfRange, 0},
			{"below the start", FetchParams{}, at(-1), kerr.OffsetOutOfRange, 0},
			{"limit in bytes", FetchParams{MaxBytes: 2*size + 10}, at(0), nil, 2*size + 10},
			{"limit of the partition", FetchParams{}, with(at(0), func(p *FetchPartition) { p.MaxBytes = int32(size) }), nil, size},
			{"first batch is larger", FetchParams{MaxBytes: 10}, at(0), nil, size},
			{"hard limit", FetchParams{MaxBytes: 10, HardLimit: true, Version: 2}, at(0), nil, 10},
			{"right epoch", FetchParams{}, with(at(0), func(p *FetchPartition) { p.CurrentLeaderEpoch = 3 }), nil, 5 * size},
			{"old epoch", FetchParams{}, with(at(0), func(p *FetchPartition) { p.CurrentLeaderEpoch = 2 }), kerr.FencedLeaderEpoch, 0},
			{"future epoch", FetchParams{}, with(at(0), func(p *FetchPartition) { p.CurrentLeaderEpoch = 4 }), kerr.UnknownLeaderEpoch, 0},
			{"unknown", FetchParams{}, with(at(0), func(p *FetchPartition) { p.TP.Topic = "none" }), kerr.UnknownTopicOrPartition, 0},
			{"follower, new client", FetchParams{}, with(at(0), func(p *FetchPartition) { p.TP = follows }), nil, 0},
			{"follower, old client", FetchParams{Version: 10}, with(at(0), func(p *FetchPartition) { p.TP = follows }), kerr.NotLeaderForPartition, 0},
			{"replica that is not assigned", FetchParams{ReplicaID: 7}, at(0), nil, 0},
			{"committed", FetchParams{Isolation: log.UpToLastStable}, at(0), nil, 5 * size},
		} {
			r := fetch(tc.params, tc.part)
			if kerr.Of(r.Err) != tc.err || r.Records.Len() != tc.bytes {
				t.Errorf("%s: %v, %d bytes; want %v, %d", tc.name, r.Err, r.Records.Len(), tc.err, tc.bytes)
			}
			if r.Err == nil && tc.part.TP == tp0 && (r.HighWatermark != 10 || r.LastStableOffset != 10 || r.LogStartOffset != 0) ||
				r.Err != nil && (r.HighWatermark != -1 || r.LastStableOffset != -1 || r.LogStartOffset != -1) {
				t.Errorf("%s: %+v", tc.name, r)
			}
			if (r.Aborted != nil) != (tc.params.Isolation == log.UpToLastStable) {
				t.Errorf("%s: aborted %v", tc.name, r.Aborted)
			}
			r.Records.Release()
		}
		// The second partition gets what the first leaves; a first batch that does not fit is left
		// out.
		other := model.TopicPartition{Topic: "o"}
		c.lead(other, 1, 0, isr(1), 1)
		b.m.Append([]AppendEntry{{TP: other, Records: batch("0", "1")}}, 1, record.OriginClient)
		second := at(0)
		second.TP = other
		for _, tc := range []struct{ max, first, second int }{
			{5*size + 10, 5 * size, 0}, {6 * size, 5 * size, size}, {100, size, 0},
		} {
			r := b.consume(FetchParams{MaxBytes: tc.max}, at(0), second)
			if tc.max == 100 {
				tc.first = max(size, 100)
			}
			if r[0].Records.Len() != tc.first || r[1].Records.Len() != tc.second {
				t.Errorf("max %d: %d and %d bytes", tc.max, r[0].Records.Len(), r[1].Records.Len())
			}
			r[0].Records.Release()
			r[1].Records.Release()
		}
	})
}

func TestFetchWaits(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		c.lead(tp0, 1, 0, isr(1), 1)
		long := FetchParams{MaxWait: 10 * time.Second, MinBytes: 1}
		start := time.Now()
		b.consume(long, at(0))
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("empty fetch answered after %v", d)
		}
		answers := make(chan []FetchResult)
		fetch := func(params FetchParams, parts ...FetchPartition) {
			go func() { answers <- b.consume(params, parts...) }()
			synctest.Wait()
		}
		fetch(long, at(0))
		if b.m.fetch.Delayed() != 1 {
			t.Error("not in purgatory")
		}
		start = time.Now()
		b.append(1, "a")
		if r := <-answers; !slices.Equal(values(t, &r[0], 0), []string{"a"}) || time.Since(start) != 0 {
			t.Errorf("%v after %v", r, time.Since(start))
		}
		// Two partitions add up to the wanted bytes.
		other := model.TopicPartition{Topic: "o"}
		c.lead(other, 1, 0, isr(1), 1)
		size := int(b.log(tp0).Size())
		second := at(0)
		second.TP = other
		long.MinBytes = 2 * size
		fetch(long, at(1), second)
		b.append(1, "b")
		synctest.Wait()
		select {
		case <-answers:
			t.Error("answered before there was enough")
		default:
		}
		b.m.Append([]AppendEntry{{TP: other, Records: batch("c")}}, 1, record.OriginClient)
		r := <-answers
		if !slices.Equal(values(t, &r[0], 1), []string{"b"}) || !slices.Equal(values(t, &r[1], 0), []string{"c"}) {
			t.Error(r)
		}
		// An error in one partition answers at once.
		start = time.Now()
		r = b.consume(long, at(2), at(77))
		if kerr.Of(r[1].Err) != kerr.OffsetOutOfRange || time.Since(start) != 0 {
			t.Error(r[1].Err, time.Since(start))
		}
		// So does the end of the leadership, for old clients.
		long.Version = 10
		fetch(long, at(2))
		c.lead(tp0, 2, 1, isr(2), 1, 2)
		if r := <-answers; kerr.Of(r[0].Err) != kerr.NotLeaderForPartition {
			t.Error(r[0].Err)
		}
		if b.m.fetch.Delayed() != 0 || b.m.fetch.Watched() != 0 {
			t.Error("somebody is left in purgatory")
		}
	})
}

func TestConsumersSeeOnlyWhatIsCommitted(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		c.brokers[2].down.Store(true)
		c.lead(tp0, 1, 0, isr(1, 2), 1, 2)
		b.append(1, "a")
		r := b.consume(FetchParams{}, at(0))
		if r[0].Records.Len() != 0 || r[0].HighWatermark != 0 || r[0].Err != nil {
			t.Errorf("%+v", r[0])
		}
		r = b.consume(FetchParams{}, at(1)) // between high watermark and log end
		if r[0].Records.Len() != 0 || r[0].Err != nil {
			t.Errorf("%+v", r[0])
		}
		answers := make(chan []FetchResult)
		go func() { answers <- b.consume(FetchParams{MaxWait: time.Minute, MinBytes: 1}, at(0)) }()
		synctest.Wait()
		c.brokers[2].down.Store(false)
		got := <-answers
		if !slices.Equal(values(t, &got[0], 0), []string{"a"}) {
			t.Error("not seen after it was committed")
		}
	})
}

func TestPreferredReplica(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		c.lead(tp0, 1, 0, isr(1, 2), 1, 2)
		b.append(-1, "a").Wait(t.Context(), time.Second)
		near := FetchParams{ClientRack: "rack2"}
		if r := b.consume(near, at(0)); r[0].PreferredReadReplica != -1 || len(values(t, &r[0], 0)) != 1 {
			t.Errorf("without a selector: %+v", r[0])
		}
		b.stop(true)
		b.extra = map[string]string{"replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector"}
		b.start()
		c.lead(tp0, 1, 1, isr(1, 2), 1, 2)
		time.Sleep(time.Second)
		for _, tc := range []struct {
			rack   string
			offset int64
			want   int32
		}{
			{"rack2", 0, 2}, {"rack1", 0, -1}, {"", 0, -1}, {"rack3", 0, -1}, {"rack2", 1, 2},
		} {
			r := b.consume(FetchParams{ClientRack: tc.rack}, at(tc.offset))
			if r[0].PreferredReadReplica != tc.want || tc.want >= 0 && (r[0].Records.Len() != 0 || r[0].HighWatermark != 1) {
				t.Errorf("%+v: %+v", tc, r[0])
			}
			r[0].Records.Release()
		}
		if r := c.brokers[2].consume(near, at(0)); r[0].Err != nil || !slices.Equal(values(t, &r[0], 0), []string{"a"}) {
			t.Errorf("the follower does not serve: %+v", r[0])
		}
	})
}

func TestListOffsets(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		c.lead(tp0, 1, 2, isr(1), 1)
		for i := range 4 {
			builder := record.NewBuilder(record.DefaultOptions())
			builder.Append(int64(1000*(i+1)), nil, []byte("v"))
			b.m.Append([]AppendEntry{{TP: tp0, Records: builder.Bytes()}}, 1, record.OriginClient)
		}
		ask := func(timestamp int64, replica int32) (log.TimestampOffset, bool, error) {
			return b.m.ListOffset(ListOffsetQuery{TP: tp0, Timestamp: timestamp, ReplicaID: replica, CurrentLeaderEpoch: model.NoEpoch})
		}
		for _, tc := range []struct {
			timestamp, offset, ts int64
			epoch                 int32
			found                 bool
		}{
			{log.LatestTimestamp, 4, -1, 2, true},
			{log.EarliestTimestamp, 0, -1, 2, true},
			{1500, 1, 2000, 2, true},
			{0, 0, 1000, 2, true},
			{4000, 3, 4000, 2, true},
			{4001, 0, 0, 0, false},
		} {
			a, found, err := ask(tc.timestamp, ConsumerID)
			if err != nil || found != tc.found || found && (a.Offset != tc.offset || a.Timestamp != tc.ts || a.LeaderEpoch != tc.epoch) {
				t.Errorf("%d: %+v, %v, %v", tc.timestamp, a, found, err)
			}
		}
		// A fresh leader whose high watermark is behind does not tell consumers where the end is.
		c.brokers[2].down.Store(true)
		c.lead(tp0, 1, 3, isr(1, 2), 1, 2)
		b.append(1, "x")
		if a, _, err := ask(log.LatestTimestamp, ConsumerID); err != nil || a.Offset != 4 || a.LeaderEpoch != 3 {
			t.Error(a, err)
		}
		c.lead(tp0, 1, 4, isr(1, 2), 1, 2)
		if _, _, err := ask(log.LatestTimestamp, ConsumerID); kerr.Of(err) != kerr.OffsetNotAvailable {
			t.Error(err)
		}
		if _, _, err := ask(99_999, ConsumerID); kerr.Of(err) != kerr.OffsetNotAvailable {
			t.Error(err)
		}
		if a, _, err := ask(log.LatestTimestamp, 2); err != nil || a.Offset != 5 {
			t.Error("follower:", a, err)
		}
		if epoch, end, err := b.m.OffsetForLeaderEpoch(tp0, 4, 2); err != nil || epoch != 2 || end != 4 {
			t.Error(epoch, end, err)
		}
		if _, _, err := b.m.OffsetForLeaderEpoch(tp0, 3, 2); kerr.Of(err) != kerr.FencedLeaderEpoch {
			t.Error(err)
		}
		if epoch, end, err := b.m.OffsetForLeaderEpoch(tp0, 4, 9); err != nil || epoch != -1 || end != -1 {
			t.Error(epoch, end, err)
		}
	})
}

func TestDeleteRecordsWaitsForTheReplicas(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		c.lead(tp0, 1, 0, isr(1, 2), 1, 2)
		b.append(-1, "a", "b", "c", "d").Wait(t.Context(), time.Second)
		remove := func(offset int64) DeleteRecordsResult {
			return b.m.DeleteRecords(t.Context(), []DeleteRecordsEntry{{tp0, offset}}, 5*time.Second)[0]
		}
		if r := remove(2); r.Err != nil || r.LowWatermark != 2 {
			t.Errorf("%+v", r)
		}
		if s := c.brokers[2].log(tp0).LogStartOffset(); s != 2 {
			t.Errorf("follower starts at %d", s)
		}
		if r := remove(5); kerr.Of(r.Err) != kerr.OffsetOutOfRange {
			t.Errorf("%+v", r)
		}
		if r := remove(1); r.Err != nil || r.LowWatermark != 2 {
			t.Errorf("below the start: %+v", r)
		}
		c.brokers[2].down.Store(true)
		time.Sleep(time.Second)
		if r := remove(-1); kerr.Of(r.Err) != kerr.RequestTimedOut || r.LowWatermark != 2 {
			t.Errorf("%+v", r)
		}
		c.alive(1) // a dead follower does not count
		if r := remove(-1); r.Err != nil || r.LowWatermark != 4 {
			t.Errorf("%+v", r)
		}
		b.settled.Store("c", map[string]string{"cleanup.policy": "compact"})
		compacted := model.TopicPartition{Topic: "c"}
		c.lead(compacted, 1, 0, isr(1), 1)
		if r := b.m.DeleteRecords(t.Context(), []DeleteRecordsEntry{{compacted, 0}}, 0)[0]; kerr.Of(r.Err) != kerr.PolicyViolation {
			t.Errorf("%+v", r)
		}
	})
}

func TestStopReplica(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		c.lead(tp0, 1, 0, isr(1), 1)
		b.append(1, "a")
		if _, err := b.m.StopReplica(0, true, []model.TopicPartition{tp0}); kerr.Of(err) != kerr.StaleControllerEpoch {
			t.Fatal(err)
		}
		if r, err := b.m.StopReplica(1, false, []model.TopicPartition{tp0}); err != nil || r[0].Err != nil || b.log(tp0) == nil {
			t.Fatal(r, err)
		}
		answers := make(chan []FetchResult)
		go func() { answers <- b.consume(FetchParams{MaxWait: time.Hour, MinBytes: 1, Version: 10}, at(1)) }()
		synctest.Wait()
		if r, err := b.m.StopReplica(1, true, []model.TopicPartition{tp0, {Topic: "never"}}); err != nil || r[0].Err != nil || r[1].Err != nil {
			t.Fatal(r, err)
		}
		if r := <-answers; kerr.Of(r[0].Err) != kerr.NotLeaderForPartition {
			t.Error(r[0].Err)
		}
		if b.m.Partition(tp0) != nil || b.logs.Get(tp0) != nil {
			t.Error("still there")
		}
		names := func() (out []string) {
			entries, _ := b.mem.ReadDir("/data")
			for _, e := range entries {
				if e.IsDir() {
					out = append(out, e.Name())
				}
			}
			return out
		}
		if n := names(); len(n) != 1 || !bytes.HasSuffix([]byte(n[0]), []byte("-delete")) {
			t.Error(n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := names(); len(n) != 0 {
			t.Error(n)
		}
		// The same topic again starts from nothing.
		c.lead(tp0, 1, 0, isr(1), 1)
		if r := b.append(1, "b").Results()[0]; r.Err != nil || r.BaseOffset != 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestHighWatermarkSurvivesRestart(t *testing.T) {
	for _, clean := range []bool{true, false} {
		inCluster(t, 2, func(t *testing.T, c *testCluster) {
			b := c.brokers[1]
			c.lead(tp0, 1, 0, isr(1, 2), 1, 2)
			b.append(-1, "a", "b").Wait(t.Context(), time.Second)
			time.Sleep(10 * time.Second) // checkpoint
			c.brokers[2].down.Store(true)
			time.Sleep(time.Second)
			b.append(1, "c")
			b.stop(clean)
			b.start()
			c.lead(tp0, 1, 1, isr(1, 2), 1, 2)
			if l := b.log(tp0); l.HighWatermark() != 2 || l.LogEndOffset() != 3 {
				t.Errorf("clean %v: high watermark %d, log end %d", clean, l.HighWatermark(), l.LogEndOffset())
			}
		})
	}
}

func TestDiskFailureTakesOnlyItsPartitions(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		for i := range 4 {
			c.lead(model.TopicPartition{Topic: "t", Partition: int32(i)}, 1, 0, isr(1), 1)
		}
		failed := b.logs.Get(tp0).Dir()[:len("/data1")]
		b.fs.Inject(faultIn(failed))
		a := b.m.Append([]AppendEntry{{TP: tp0, Records: batch("x")}}, 1, record.OriginClient)
		if kerr.Of(a.Results()[0].Err) != kerr.KafkaStorageError {
			t.Fatal(a.Results()[0].Err)
		}
		b.fs.Clear()
		synctest.Wait()
		for i := range 4 {
			tp := model.TopicPartition{Topic: "t", Partition: int32(i)}
			r := b.m.Append([]AppendEntry{{TP: tp, Records: batch("x")}}, 1, record.OriginClient).Results()[0]
			p := b.m.Partition(tp)
			offline := p.offline.Load()
			if offline != (kerr.Of(r.Err) == kerr.KafkaStorageError) {
				t.Errorf("%s: offline %v, %v", tp, offline, r.Err)
			}
		}
		if g := b.m.Gauges(); g.OfflineReplicaCount != 2 || g.LeaderCount != 2 {
			t.Errorf("%+v", g)
		}
		if c.zk.dirs != 1 {
			t.Errorf("%d notifications", c.zk.dirs)
		}
		if errs := c.lead(tp0, 1, 1, isr(1), 1); kerr.Of(errs[1]) != kerr.KafkaStorageError {
			t.Error(errs)
		}
		dirs := b.m.DescribeLogDirs(nil)
		for _, d := range dirs {
			if (d.Path == failed) != errors.Is(d.Err, kerr.KafkaStorageError) || d.Err == nil && len(d.Replicas) != 2 {
				t.Errorf("%+v", d)
			}
		}
		for _, d := range dirs {
			if why := b.m.whyFailed(d.Path); (why != "") != (d.Path == failed) || strings.Contains(why, "KAFKA_STORAGE_ERROR") {
				t.Errorf("%s failed: %q", d.Path, why)
			}
		}
		// New partitions go to the other directory.
		fresh := model.TopicPartition{Topic: "fresh"}
		if errs := c.lead(fresh, 1, 0, isr(1), 1); errs[1] != nil {
			t.Error(errs)
		}
	}, "/data1", "/data2")
}

func TestMoveToAnotherLogDir(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		c.lead(tp0, 1, 0, isr(1), 1)
		for i := range 50 {
			b.append(1, fmt.Sprint(i))
		}
		from := b.logs.Get(tp0).Dir()[:len("/data1")]
		to := map[string]string{"/data1": "/data2", "/data2": "/data1"}[from]
		before := content(t, b.log(tp0))
		for _, tc := range []struct {
			tp  model.TopicPartition
			dir string
			err *kerr.Error
		}{
			{tp0, "/nowhere", kerr.LogDirNotFound},
			{model.TopicPartition{Topic: "none"}, to, kerr.UnknownTopicOrPartition},
			{tp0, from, nil},
			{tp0, to, nil},
		} {
			if err := b.m.AlterReplicaLogDirs(tc.tp, tc.dir); kerr.Of(err) != tc.err {
				t.Errorf("%s to %s: %v", tc.tp, tc.dir, err)
			}
		}
		synctest.Wait()
		time.Sleep(time.Second)
		l := b.log(tp0)
		if l.Dir() != to+"/t-0" || b.logs.Future(tp0) != nil || b.logs.Get(tp0) != l {
			t.Fatalf("log is in %s", l.Dir())
		}
		if !bytes.Equal(content(t, l), before) || l.HighWatermark() != 50 {
			t.Error("the copy differs")
		}
		if r := b.append(-1, "more").Results()[0]; r.Err != nil || r.BaseOffset != 50 {
			t.Errorf("%+v", r)
		}
	}, "/data1", "/data2")
}

// While the configs of a new topic are being read, other orders of the controller are carried out.
func TestControllerNeedNotWaitForTopicConfigs(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		asked, answer := make(chan []string, 1), make(chan struct{})
		known := model.TopicPartition{Topic: "known"}
		c.lead(known, 1, 0, isr(1), 1)
		b.m.opts.LearnTopics = func(_ context.Context, topics []string) {
			asked <- topics
			<-answer
		}
		done := make(chan error, 1)
		order := func(tp model.TopicPartition, epoch int32) PartitionState {
			return PartitionState{TP: tp, State: model.LeaderAndISR{Leader: 1, LeaderEpoch: epoch, ISR: isr(1)}, Replicas: isr(1), IsNew: true}
		}
		go func() {
			results, err := b.m.LeaderAndISR(t.Context(), LeaderAndISRRequest{ControllerID: 1, ControllerEpoch: 1,
				Partitions: []PartitionState{order(tp0, 0), order(known, 1), order(model.TopicPartition{Topic: "t", Partition: 1}, 0)}})
			done <- errors.Join(err, results[0].Err, results[1].Err, results[2].Err)
		}()
		if topics := <-asked; !slices.Equal(topics, []string{"t"}) {
			t.Errorf("asked for %v", topics)
		}
		called := false
		if err := b.m.WithController(1, func() { called = true }); err != nil || !called {
			t.Fatalf("UpdateMetadata: %v", err)
		}
		if r, err := b.m.StopReplica(1, true, []model.TopicPartition{known}); err != nil || r[0].Err != nil {
			t.Fatalf("StopReplica: %v, %v", r, err)
		}
		close(answer)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if !b.m.Partition(tp0).State().Leading {
			t.Error("the order was not carried out")
		}
	})
}

// A fault of this program under the lock of one log takes that partition out of service, as a
// failed disk does, and nothing else.
func TestPanicTakesOnlyItsPartition(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *testCluster) {
		b := c.brokers[1]
		other := model.TopicPartition{Topic: "t", Partition: 1}
		c.lead(tp0, 1, 0, isr(1), 1)
		c.lead(other, 1, 0, isr(1), 1)
		b.append(-1, "good")
		b.logs.AdmitTransactions(func(tp model.TopicPartition, _ int64, _ int16) error { panic("injected") })
		o := record.DefaultOptions()
		o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Transactional = 7, 0, 0, true
		w := record.NewBuilder(o)
		w.Append(time.Now().UnixMilli(), nil, []byte("v"))
		if r := b.m.Append([]AppendEntry{{TP: tp0, Records: w.Bytes()}}, -1, record.OriginClient).Results()[0]; kerr.Of(r.Err) != kerr.KafkaStorageError {
			t.Fatalf("%+v", r)
		}
		synctest.Wait()
		if !b.m.Partition(tp0).State().Offline || c.zk.dirs != 1 {
			t.Errorf("offline %v, the controller was told %d times", b.m.Partition(tp0).State().Offline, c.zk.dirs)
		}
		if r := b.append(-1, "more").Results()[0]; kerr.Of(r.Err) != kerr.KafkaStorageError {
			t.Errorf("produce: %+v", r)
		}
		if r := b.consume(FetchParams{}, at(0)); kerr.Of(r[0].Err) != kerr.KafkaStorageError {
			t.Errorf("fetch: %+v", r[0])
		}
		if err := c.lead(tp0, 1, 1, isr(1), 1)[1]; kerr.Of(err) != kerr.KafkaStorageError {
			t.Errorf("LeaderAndIsr: %v", err)
		}
		if r := b.m.Append([]AppendEntry{{TP: other, Records: batch("x")}}, -1, record.OriginClient).Results()[0]; r.Err != nil {
			t.Errorf("another partition: %+v", r)
		}
		b.stop(false) // as the process that is restarted
		b.start()
		c.lead(tp0, 1, 2, isr(1), 1)
		if end := b.log(tp0).LogEndOffset(); end != 1 {
			t.Errorf("after a restart the log ends at %d", end)
		}
	})
}

package group

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"momus/coordinator/shard/shardtest"
	"momus/internal/kerr"
	"momus/internal/model"
)

// startCoordinator runs a coordinator on log that leads all of n partitions; stop ends it.
func startCoordinator(t testing.TB, log *shardtest.Log, cfg *Settings, n int32) (c *Coordinator, stop func()) {
	t.Helper()
	loaded := make(chan struct{}, n)
	c = New(Options{
		Settings: func() Settings { return *cfg }, Log: log, Logger: shardtest.Quiet(),
		OnLoaded: func(int32, time.Duration, int) { loaded <- struct{}{} },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); c.Run(ctx) }()
	c.Start(n)
	for p := range n {
		c.OnBecomeLeader(p, 0)
	}
	for range n {
		<-loaded
	}
	return c, func() { cancel(); <-ended }
}

func plainCommit(group string, partition int32, offset int64) *CommitRequest {
	return &CommitRequest{Group: group, Generation: -1, ProducerID: -1, Offsets: []Offset{{
		TP: model.TopicPartition{Topic: "t", Partition: partition}, Offset: offset, LeaderEpoch: -1, CommitTimestamp: -1, ExpireTimestamp: -1,
	}}}
}

func TestCoordinatorChecksComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		cfg := testConfig()
		log := shardtest.New()
		c := New(Options{Settings: func() Settings { return *cfg }, Log: log, Logger: shardtest.Quiet()})
		if got := c.Join(ctx, &JoinRequest{}).Err; got != kerr.InvalidGroupID {
			t.Errorf("join of the empty group: %v", got)
		}
		if got := c.Heartbeat(ctx, &HeartbeatRequest{}); got != kerr.InvalidGroupID {
			t.Errorf("heartbeat of the empty group: %v", got)
		}
		for what, got := range map[string]*kerr.Error{
			"join":      c.Join(ctx, &JoinRequest{Group: "g"}).Err,
			"sync":      c.Sync(ctx, &SyncRequest{Group: "g"}).Err,
			"heartbeat": c.Heartbeat(ctx, &HeartbeatRequest{Group: "g"}),
			"leave":     c.Leave(ctx, &LeaveRequest{Group: "g"}).Err,
			"commit":    c.CommitOffsets(ctx, plainCommit("", 0, 1)).Errs[0],
			"fetch":     c.FetchOffsets(ctx, &FetchOffsetsRequest{}).Err,
			"describe":  c.Describe(ctx, "").Err,
			"list":      c.List(ctx).Err,
			"delete":    c.Delete(ctx, ""),
		} {
			if got != kerr.CoordinatorNotAvailable {
				t.Errorf("%s before the start: %v", what, got)
			}
		}
		c.Start(50)
		if got := c.PartitionFor("my-group"); got != 12 {
			t.Errorf("my-group is on partition %d", got)
		}
		if got := c.Describe(ctx, "g").Err; got != kerr.NotCoordinator {
			t.Errorf("describe elsewhere: %v", got)
		}
		runCtx, cancel := context.WithCancel(ctx)
		load := log.HoldLoads()
		c.OnBecomeLeader(c.PartitionFor("g"), 0)
		if got := c.Describe(ctx, "g").Err; got != kerr.CoordinatorLoadInProgress {
			t.Errorf("describe while loading: %v", got)
		}
		if got := c.Heartbeat(ctx, &HeartbeatRequest{Group: "g"}); got != nil {
			t.Errorf("heartbeat while loading: %v", got)
		}
		if got := c.Sync(ctx, &SyncRequest{Group: "g"}).Err; got != kerr.RebalanceInProgress {
			t.Errorf("sync while loading: %v", got)
		}
		if got := c.List(ctx).Err; got != kerr.CoordinatorLoadInProgress {
			t.Errorf("list while loading: %v", got)
		}
		load()
		synctest.Wait()
		if got := c.Describe(ctx, "g"); got.Err != nil || got.State != "Dead" {
			t.Errorf("describe: %+v", got)
		}
		ended := make(chan struct{})
		go func() { defer close(ended); c.Run(runCtx) }()
		cancel()
		<-ended
		if got := c.Describe(ctx, "g").Err; got != kerr.CoordinatorNotAvailable {
			t.Errorf("describe after the stop: %v", got)
		}
	})
}

// TestGroupSurvivesAFailover has a hundred members agree, commit, and find everything again on a
// new coordinator.
func TestGroupSurvivesAFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := shardtest.New()
		c, stop := startCoordinator(t, log, testConfig(), 4)
		const members = 100
		var wg sync.WaitGroup
		results := make([]JoinResult, members)
		join := func(i int) JoinRequest {
			return JoinRequest{
				Group: "g", MemberID: results[i].MemberID, ClientID: fmt.Sprintf("c%d", i), ClientHost: "/127.0.0.1", RequireKnownMember: true,
				SessionTimeoutMs: 10000, RebalanceTimeoutMs: 60000, ProtocolType: "consumer",
				Protocols: []Protocol{{Name: "range", Metadata: subscription("t")}},
			}
		}
		for i := range members {
			wg.Go(func() {
				for range 2 { // the first join gives the member id
					r := join(i)
					results[i] = c.Join(t.Context(), &r)
				}
				r := &SyncRequest{Group: "g", Generation: results[i].Generation, MemberID: results[i].MemberID}
				for _, m := range results[i].Members {
					r.Assignments = append(r.Assignments, MemberAssignment{MemberID: m.MemberID, Assignment: []byte(m.MemberID)})
				}
				s := c.Sync(t.Context(), r)
				if s.Err != nil || string(s.Assignment) != results[i].MemberID {
					t.Errorf("sync of %d: %v %q", i, s.Err, s.Assignment)
				}
				commit := plainCommit("g", int32(i), int64(i))
				commit.Generation, commit.MemberID = r.Generation, r.MemberID
				if err := c.CommitOffsets(t.Context(), commit).Errs[0]; err != nil {
					t.Errorf("commit of %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		before := c.Describe(t.Context(), "g")
		if len(before.Members) != members || before.State != "Stable" {
			t.Fatalf("%d members, %s", len(before.Members), before.State)
		}
		stop()
		c, stop = startCoordinator(t, log, testConfig(), 4)
		defer stop()
		after := c.Describe(t.Context(), "g")
		for i, m := range after.Members {
			if b := before.Members[i]; m.MemberID != b.MemberID || !bytes.Equal(m.Assignment, b.Assignment) {
				t.Fatalf("member %d was %+v, is %+v", i, b, m)
			}
		}
		offsets := c.FetchOffsets(t.Context(), &FetchOffsetsRequest{Group: "g", All: true}).Offsets
		if len(offsets) != members {
			t.Fatalf("%d offsets", len(offsets))
		}
		for i, o := range offsets {
			if o.Offset != int64(o.TP.Partition) {
				t.Errorf("offset %d: %+v", i, o)
			}
		}
		if got := c.Heartbeat(t.Context(), &HeartbeatRequest{Group: "g", Generation: 1, MemberID: after.Members[7].MemberID}); got != nil {
			t.Errorf("heartbeat: %v", got)
		}
		c.OnPartitionsDeleted([]model.TopicPartition{{Topic: "t", Partition: 3}})
		if n := c.Stats(t.Context()); n.Offsets != members-1 || n.Groups[Stable] != 1 {
			t.Errorf("stats %+v", n)
		}

		// A parked join is sent away when the partition moves.
		go func() { time.Sleep(time.Second); c.OnResign(c.PartitionFor("g")) }()
		r := join(0)
		r.MemberID = after.Members[0].MemberID
		r.Protocols[0].Metadata = subscription("other")
		if got := c.Join(t.Context(), &r); got.Err != kerr.NotCoordinator {
			t.Errorf("parked join: %+v", got)
		}
	})
}

// BenchmarkCommit commits from eight clients of one group each, on one coordinator with an
// in-memory log.
func BenchmarkCommit(b *testing.B) {
	c, stop := startCoordinator(b, shardtest.New(), testConfig(), 50)
	defer stop()
	b.ReportAllocs()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			group := fmt.Sprintf("group-%d", i)
			for n := range b.N / 8 {
				if err := c.CommitOffsets(context.Background(), plainCommit(group, 0, int64(n))).Errs[0]; err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkHeartbeat sends heartbeats of a stable member.
func BenchmarkHeartbeat(b *testing.B) {
	cfg := testConfig()
	cfg.InitialRebalanceDelayMs = 0
	c, stop := startCoordinator(b, shardtest.New(), cfg, 1)
	defer stop()
	j := c.Join(context.Background(), &JoinRequest{
		Group: "g", SessionTimeoutMs: 10000, RebalanceTimeoutMs: 60000, ProtocolType: "consumer", Protocols: []Protocol{{Name: "range"}},
	})
	c.Sync(context.Background(), &SyncRequest{Group: "g", Generation: 1, MemberID: j.MemberID})
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Heartbeat(context.Background(), &HeartbeatRequest{Group: "g", Generation: 1, MemberID: j.MemberID}); err != nil {
			b.Fatal(err)
		}
	}
}

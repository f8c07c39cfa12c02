package zk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"momus/coordinator/zk"
	"momus/internal/model"
)

// batchController is an elected controller with a topic t of n partitions, whose nodes do not exist
// yet.
func batchController(t *testing.T, n int32) (*zk.Client, zk.ControllerEpoch, []zk.PartitionState) {
	t.Helper()
	c := dial(t, startServer(t)+"/chroot")
	if err := c.CreateTopLevelPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	epoch, won, err := c.ElectController(t.Context(), 1, 5)
	if err != nil || !won {
		t.Fatal(won, err)
	}
	as := zk.Assignments{}
	states := make([]zk.PartitionState, n)
	for p := range n {
		as[p] = model.Assignment{Replicas: []int32{1, 2}}
		states[p] = zk.PartitionState{TopicPartition: model.TopicPartition{Topic: "t", Partition: p},
			State: model.LeaderAndISR{Leader: 1, ISR: []int32{1, 2}, ControllerEpoch: 1}}
	}
	if err := c.CreateTopic(t.Context(), "t", as); err != nil {
		t.Fatal(err)
	}
	return c, epoch, states
}

// TestManyStatesAreWrittenInFewTransactions has more partitions than a transaction takes, and
// single ones that fail.
func TestManyStatesAreWrittenInFewTransactions(t *testing.T) {
	ctx := t.Context()
	c, epoch, states := batchController(t, 450)
	if errs, err := c.CreateStates(ctx, epoch, states[:330]); err != nil || errors.Join(errs...) != nil {
		t.Fatal(err, errors.Join(errs...))
	}
	// All again: some exist, the others are created all the same.
	errs, err := c.CreateStates(ctx, epoch, states)
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range errs {
		if exists := i < 330; exists != errors.Is(err, zk.ErrNodeExists) || !exists && err != nil {
			t.Fatalf("partition %d: %v", i, err)
		}
	}
	next := append([]zk.PartitionState(nil), states...)
	for i := range next {
		next[i].State.LeaderEpoch = 1
	}
	next[7].State.ZKVersion = 3                // somebody else wrote
	next[201].TopicPartition.Partition = 10000 // does not exist
	results, err := c.SetStates(ctx, epoch, next)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		want := map[int]error{7: zk.ErrBadVersion, 201: zk.ErrNoNode}[i]
		if !errors.Is(r.Err, want) || want == nil && r.Version != 1 {
			t.Fatalf("partition %d: %+v", i, r)
		}
	}
	read, err := c.States(ctx, []model.TopicPartition{states[7].TopicPartition, states[8].TopicPartition})
	if err != nil || read[states[7].TopicPartition].LeaderEpoch != 0 || read[states[8].TopicPartition].LeaderEpoch != 1 {
		t.Fatal(read, err)
	}
	stale := epoch
	stale.ZKVersion--
	for i := range next {
		next[i].State.ZKVersion = 1
	}
	if _, err := c.SetStates(ctx, stale, next); !errors.Is(err, zk.ErrControllerMoved) {
		t.Fatal(err)
	}
	if _, err := c.CreateStates(ctx, stale, states); !errors.Is(err, zk.ErrControllerMoved) {
		t.Fatal(err)
	}
	if err := c.DeleteTopicNodes(ctx, stale, "t"); !errors.Is(err, zk.ErrControllerMoved) {
		t.Fatal(err)
	}
	if err := c.DeleteTopicNodes(ctx, epoch, "t"); err != nil {
		t.Fatal(err)
	}
	if exists, err := c.TopicExists(ctx, "t"); err != nil || exists {
		t.Fatal(exists, err)
	}
}

// TestStateOfADeletedTopicIsNotCreated keeps the other topics of the same transaction out of it.
func TestStateOfADeletedTopicIsNotCreated(t *testing.T) {
	ctx := t.Context()
	c, epoch, states := batchController(t, 3)
	gone := states[1]
	gone.Topic = "gone"
	errs, err := c.CreateStates(ctx, epoch, []zk.PartitionState{states[0], gone, states[2]})
	if err != nil || errs[0] != nil || !errors.Is(errs[1], zk.ErrNoNode) || errs[2] != nil {
		t.Fatal(errs, err)
	}
}

// TestLargeRecordsAreSpreadOverTransactions stays below what ZooKeeper takes in a packet.
func TestLargeRecordsAreSpreadOverTransactions(t *testing.T) {
	ctx := t.Context()
	c, epoch, states := batchController(t, 40)
	for i := range states {
		states[i].State.ISR = make([]int32, 10_000)
		for k := range states[i].State.ISR {
			states[i].State.ISR[k] = int32(k)
		}
	}
	if errs, err := c.CreateStates(ctx, epoch, states); err != nil || errors.Join(errs...) != nil {
		t.Fatal(err, errors.Join(errs...))
	}
	results, err := c.SetStates(ctx, epoch, states)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Err != nil || r.Version != 1 {
			t.Fatalf("partition %d: %+v", i, r)
		}
	}
}

func TestISRsOfManyPartitionsAreWritten(t *testing.T) {
	ctx := t.Context()
	c, epoch, states := batchController(t, 250)
	if errs, err := c.CreateStates(ctx, epoch, states); err != nil || errors.Join(errs...) != nil {
		t.Fatal(err, errors.Join(errs...))
	}
	for i := range states {
		states[i].State.ISR = []int32{1}
	}
	states[120].State.ZKVersion = 7 // the controller has written
	for i, r := range c.UpdateISRs(ctx, states) {
		if bad := i == 120; bad != errors.Is(r.Err, zk.ErrBadVersion) || !bad && (r.Err != nil || r.Version != 1) {
			t.Fatalf("partition %d: %+v", i, r)
		}
	}
	// The same again, as after a lost reply: what is there already is recognised.
	for i, r := range c.UpdateISRs(ctx, states[:120]) {
		if r.Err != nil || r.Version != 1 {
			t.Fatalf("partition %d: %+v", i, r)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	for i, r := range c.UpdateISRs(ctx, states) {
		if r.Err == nil && r.Version == 0 {
			t.Fatalf("partition %d has no outcome", i)
		}
	}
}

func TestNotificationsAreDeletedWhetherOrNotTheyExist(t *testing.T) {
	ctx := t.Context()
	c, epoch, _ := batchController(t, 1)
	var names []string
	for i := range 250 {
		if err := c.NotifyISRChanges(ctx, []model.TopicPartition{{Topic: "t", Partition: int32(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	names, err := c.ISRChanges(ctx)
	if err != nil || len(names) != 250 {
		t.Fatal(len(names), err)
	}
	if err := c.DeleteISRChanges(ctx, epoch, append(names[:200:200], "isr_change_9999999999")); err != nil {
		t.Fatal(err)
	}
	left, err := c.ISRChanges(ctx)
	if err != nil || strings.Join(left, " ") != strings.Join(names[200:], " ") {
		t.Fatal(fmt.Sprint(left), err)
	}
}

func TestConfigsOfNewTopicsReplaceWhatIsLeft(t *testing.T) {
	ctx := t.Context()
	c, _, _ := batchController(t, 1)
	for _, want := range []string{"1", "2"} {
		if err := c.CreateConfig(ctx, zk.EntityTopics, "new", map[string]string{"retention.ms": want}); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Config(ctx, zk.EntityTopics, "new"); err != nil || got["retention.ms"] != want {
			t.Fatal(got, err)
		}
	}
}

package metadata

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"momus/internal/model"
)

func partition(topic string, id, leader int32) PartitionUpdate {
	return PartitionUpdate{Topic: topic, Partition: Partition{
		ID: id, LeaderAndISR: model.LeaderAndISR{Leader: leader, ISR: []int32{leader}}, Replicas: []int32{leader},
	}}
}

func TestApplyReplacesBrokersAndMergesPartitions(t *testing.T) {
	c := NewCache("cluster")
	one, two := &model.Broker{ID: 1}, &model.Broker{ID: 2}
	c.Apply(Update{ControllerID: 1, Brokers: []*model.Broker{two, one}, Partitions: []PartitionUpdate{
		partition("b", 1, 2), partition("b", 0, 1), partition("a", 0, 1),
	}})
	before := c.Snapshot()
	if got := before.Topics(); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("topics %v", got)
	}
	if alive := before.AliveBrokers(); len(alive) != 2 || alive[0].ID != 1 {
		t.Fatalf("alive brokers %v", alive)
	}

	deleted := c.Apply(Update{ControllerID: -5, Brokers: []*model.Broker{one}, Partitions: []PartitionUpdate{
		partition("b", 1, 1), partition("a", 0, model.LeaderDuringDelete), partition("none", 0, model.LeaderDuringDelete),
	}})
	if want := []model.TopicPartition{{Topic: "a"}}; !slices.Equal(deleted, want) {
		t.Fatalf("deleted %v, want %v", deleted, want)
	}
	s := c.Snapshot()
	if s.ControllerID != NoController || s.IsAlive(2) || s.Topic("a") != nil || s.Topic("none") != nil {
		t.Fatalf("snapshot after the second update: %+v", s)
	}
	if p, ok := s.Partition(model.TopicPartition{Topic: "b", Partition: 1}); !ok || p.Leader != 1 {
		t.Fatalf("b-1 is %+v, %v", p, ok)
	}
	if p, ok := s.Partition(model.TopicPartition{Topic: "b", Partition: 0}); !ok || p.Leader != 1 {
		t.Fatalf("b-0 was lost: %+v, %v", p, ok)
	}
	if p, _ := before.Partition(model.TopicPartition{Topic: "b", Partition: 1}); p.Leader != 2 {
		t.Fatal("an older snapshot changed")
	}
	if _, ok := s.Partition(model.TopicPartition{Topic: "b", Partition: -1}); ok {
		t.Fatal("found partition -1")
	}
}

func TestPartitionIsFoundWhenIdsAreSparse(t *testing.T) {
	c := NewCache("")
	c.Apply(Update{Partitions: []PartitionUpdate{partition("t", 7, 1), partition("t", 3, 2)}})
	for id, leader := range map[int32]int32{3: 2, 7: 1} {
		if p, ok := c.Snapshot().Partition(model.TopicPartition{Topic: "t", Partition: id}); !ok || p.Leader != leader {
			t.Errorf("t-%d: %+v, %v", id, p, ok)
		}
	}
	if _, ok := c.Snapshot().Partition(model.TopicPartition{Topic: "t", Partition: 1}); ok {
		t.Error("found t-1")
	}
}

func TestWaitForReturnsWhenTheConditionHoldsOrTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCache("")
		hasTopic := func(s *Snapshot) bool { return s.Topic("t") != nil }
		done := make(chan bool)
		go func() { done <- c.WaitFor(context.Background(), hasTopic) }()
		synctest.Wait()
		c.Apply(Update{})
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("returned before the topic was there")
		default:
		}
		c.Apply(Update{Partitions: []PartitionUpdate{partition("t", 0, 1)}})
		if !<-done {
			t.Fatal("did not see the topic")
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if c.WaitFor(ctx, func(*Snapshot) bool { return false }) {
			t.Fatal("true after the context ended")
		}
	})
}

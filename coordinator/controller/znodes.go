package controller

import (
	"fmt"
	"slices"

	"momus/internal/kerr"
	"momus/internal/model"
)

// What is read here was written by tools, scripts and people: a znode may name a broker twice, or
// one that cannot exist. 2.5.0 believes most of that; a replica that counts twice has no second
// copy, and a negative id can never be served. So the controller takes over what has a meaning and
// says what it left out. It does not rewrite the nodes for it.

// replicaSet is a list of broker ids without duplicates and negative ids, in order. The list is not
// changed.
func replicaSet(ids []int32) []int32 {
	sound := make([]int32, 0, len(ids))
	for _, id := range ids {
		if id >= 0 && !slices.Contains(sound, id) {
			sound = append(sound, id)
		}
	}
	return sound
}

// soundAssignment is an assignment of a topic's node as far as it makes sense: sets of ids, what is
// added and removed among the replicas. A removal of all replicas, as an empty list in
// /admin/reassign_partitions made of it in earlier versions, is none.
func soundAssignment(a model.Assignment) model.Assignment {
	sound := model.Assignment{Replicas: replicaSet(a.Replicas)}
	among := func(ids []int32) []int32 {
		return slices.DeleteFunc(replicaSet(ids), func(id int32) bool { return !slices.Contains(sound.Replicas, id) })
	}
	if len(a.Adding) > 0 {
		sound.Adding = among(a.Adding)
	}
	if len(a.Removing) > 0 {
		sound.Removing = among(a.Removing)
	}
	if len(target(sound)) == 0 || len(origin(sound)) == 0 {
		sound.Adding, sound.Removing = nil, nil
	}
	return sound
}

// takeAssignment enters what a topic's node says about a partition.
func (c *core) takeAssignment(tp model.TopicPartition, a model.Assignment) *partition {
	sound := soundAssignment(a)
	if !sameAssignment(a, sound) {
		c.log.WithFields(map[string]any{"topic": tp.Topic, "partition": tp.Partition, "replicas": a.Replicas, "adding": a.Adding,
			"removing": a.Removing, "taken": sound.Replicas}).Warn("a topic's node has an impossible list of replicas")
	}
	return c.setAssignment(tp, sound)
}

// states reads leadership records; their in-sync replicas are sets.
func (c *core) states(tps []model.TopicPartition) (map[model.TopicPartition]model.LeaderAndISR, error) {
	states, err := c.world.States(tps)
	for tp, s := range states {
		if sound := replicaSet(s.ISR); len(sound) < len(s.ISR) {
			s.ISR = sound
			states[tp] = s
		}
	}
	return states, err
}

// requestedTarget checks a list of /admin/reassign_partitions as AlterPartitionReassignments checks
// its own, with two differences that Kafka has as well: a broker that is named twice is taken once,
// and one that is not live is waited for.
func (c *core) requestedTarget(tp model.TopicPartition, a model.Assignment, want []int32) ([]int32, error) {
	set := replicaSet(want)
	if len(set) == 0 || slices.ContainsFunc(want, func(id int32) bool { return id < 0 }) {
		return nil, fmt.Errorf("replicas %v: %w", want, kerr.InvalidReplicaAssignment)
	}
	absent := slices.DeleteFunc(reassignTo(a, set).Adding, func(id int32) bool { return c.brokers[id] != nil })
	if len(absent) > 0 {
		c.log.WithFields(map[string]any{"topic": tp.Topic, "partition": tp.Partition, "brokers": absent}).
			Warn("a reassignment waits for brokers that are not there; AlterPartitionReassignments can cancel it")
	}
	return set, nil
}

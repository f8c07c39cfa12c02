package controller

import (
	"maps"
	"slices"

	"momus/coordinator/zk"
	"momus/internal/model"
)

// topicChange finds created and vanished topics.
// Topics that vanished without a deletion were removed by hand: their replicas stay on the brokers,
// as in Kafka, but nothing waits for them any more.
func (c *core) topicChange() error {
	names, err := c.world.Topics()
	if err != nil {
		return err
	}
	var created []string
	present := make(map[string]bool, len(names))
	for _, name := range names {
		present[name] = true
		if c.topics[name] == nil {
			created = append(created, name)
		}
	}
	for _, name := range c.topicNames() {
		if !present[name] {
			c.forgetTopic(name)
		}
	}
	assignments, err := c.enterTopics(created)
	if err != nil {
		return err
	}
	var fresh []model.TopicPartition
	for _, name := range created {
		fresh = append(fresh, c.takeAssignments(name, assignments[name])...)
	}
	return c.createPartitions(fresh)
}

// enterTopics enters topics that are new, and reads the assignments of their partitions. Reading
// arms the watches of the topics; the interest in them is registered before, so that no change
// between the two is missed.
func (c *core) enterTopics(names []string) (map[string]zk.Assignments, error) {
	for _, name := range names {
		c.world.WatchTopic(name)
		c.addTopic(name)
	}
	return c.world.Assignments(names)
}

// forgetTopic drops a topic that is gone from ZooKeeper, with the interests in its nodes.
func (c *core) forgetTopic(name string) {
	c.world.UnwatchTopic(name)
	for _, p := range c.topics[name].sorted() {
		if c.reassigning[p.TopicPartition] {
			c.world.UnwatchState(p.TopicPartition)
		}
	}
	c.removeTopic(name)
}

// takeAssignments enters the partitions that are not known yet and returns them in order.
// Partitions that are known keep the replicas that they have.
func (c *core) takeAssignments(topic string, as zk.Assignments) (fresh []model.TopicPartition) {
	for _, id := range as.Partitions() {
		tp := model.TopicPartition{Topic: topic, Partition: id}
		if c.partition(tp) == nil {
			c.takeAssignment(tp, as[id])
			fresh = append(fresh, tp)
		}
	}
	return fresh
}

// createPartitions brings partitions into being.
// They pass through all states, because each step tells the brokers something else. A partition
// without a live replica stays New and is tried again when a broker comes.
func (c *core) createPartitions(tps []model.TopicPartition) error {
	if len(tps) == 0 {
		return nil
	}
	c.log.WithField("partitions", len(tps)).Info("new partitions")
	c.sawTopics(tps)
	c.markPartitions(tps, NewPartition)
	var replicas []ReplicaID
	for _, tp := range tps {
		for _, b := range c.partition(tp).assignment.Replicas {
			replicas = append(replicas, ReplicaID{tp, b})
		}
	}
	if err := c.moveReplicas(replicas, NewReplica); err != nil {
		return err
	}
	if _, err := c.bringOnline(tps, offlineStrategy); err != nil {
		return err
	}
	return c.moveReplicas(replicas, OnlineReplica)
}

// partitionModification looks for added partitions. What others have written about existing ones is
// ignored: only the controller changes replica lists.
func (c *core) partitionModification(name string) error {
	t := c.topics[name]
	if t == nil {
		return nil
	}
	as, ok, err := c.world.Assignment(name)
	if err != nil || !ok {
		return err
	}
	if !t.queuedForDeletion {
		return c.createPartitions(c.takeAssignments(name, as))
	}
	added := slices.ContainsFunc(slices.Collect(maps.Keys(as)), func(id int32) bool { return t.partitions[id] == nil })
	if !added {
		return nil
	}
	// The topic is being deleted: undo the addition. Kafka takes out partitions without a node too,
	// but one whose replicas were all dead when it was made is no addition.
	return c.writeTopic(name)
}

// isrChange takes over what leaders have written and tells everybody.
// The notifications are deleted also when the states could not be read, since the next one brings
// the newer state anyway; brokers that missed an update get it with the next change of the
// partition.
func (c *core) isrChange() error {
	return takeNotes(c, c.world.ISRChanges, c.world.ReadISRChanges, c.world.DeleteISRChanges, func(tps []model.TopicPartition) error {
		tps = slices.DeleteFunc(tps, func(tp model.TopicPartition) bool { return c.partition(tp) == nil })
		slices.SortFunc(tps, model.TopicPartition.Compare)
		if len(tps) == 0 {
			return nil
		}
		if err := c.readStates(tps); err != nil {
			return err
		}
		c.updateMetadata(c.liveOrShuttingDown(), tps)
		return nil
	})
}

// takeNotes lists and reads notifications of a kind, gives them to take, and deletes them, whatever
// came of it.
func takeNotes[T any](c *core, list func() ([]string, error), read func(names []string) ([]T, error),
	drop func(epoch zk.ControllerEpoch, names []string) error, take func([]T) error) error {
	names, err := list()
	if err != nil || len(names) == 0 {
		return err
	}
	notes, err := read(names)
	if err == nil {
		err = take(notes)
	}
	if derr := drop(c.epoch, names); err == nil {
		err = derr
	}
	return err
}

package controller

import (
	"maps"
	"slices"

	"momus/internal/journal"
	"momus/internal/model"
)

// topicDeletion takes new wishes to delete topics.
// A wish for a topic that does not exist is dropped, or a topic of that name would be deleted as
// soon as somebody creates it.
func (c *core) topicDeletion() error {
	names, err := c.world.TopicDeletions()
	if err != nil {
		return err
	}
	var unknown, known []string
	for _, name := range names {
		if c.topics[name] == nil {
			unknown = append(unknown, name)
		} else {
			known = append(known, name)
		}
	}
	if err := c.world.DropTopicDeletions(c.epoch, unknown); err != nil || len(known) == 0 {
		return err
	}
	if !c.settings.DeleteTopics {
		return c.world.DropTopicDeletions(c.epoch, known)
	}
	// As in Kafka 2.5.0 a running reassignment does not hold up the deletion of a topic that is not
	// queued yet.
	for _, name := range known {
		c.topics[name].queuedForDeletion = true
		c.note(journal.Entry{Kind: journal.TopicDeleting, Name: name, About: -1})
	}
	return c.resumeDeletions()
}

// loadDeletions is the part of the failover that reads the wishes; topics with dead replicas or
// reassignments wait.
func (c *core) loadDeletions() error {
	names, err := c.world.TopicDeletions()
	if err != nil {
		return err
	}
	if !c.settings.DeleteTopics {
		return c.world.DropTopicDeletions(c.epoch, names)
	}
	for _, name := range names {
		t := c.topics[name]
		if t == nil {
			t = c.addTopic(name) // completes at once and removes the wish
		}
		t.queuedForDeletion = true
		for _, r := range t.replicaIDs() {
			if !c.isOnline(r.Broker, r.TopicPartition) || c.reassigning[r.TopicPartition] {
				t.ineligibleForDeletion = true
			}
		}
	}
	return nil
}

// resumeDeletionOf lets topics try again that were ineligible.
// Names that are not queued for deletion are passed over, so callers need not look.
func (c *core) resumeDeletionOf(names map[string]bool) error {
	any := false
	for name := range names {
		if c.queuedForDeletion(name) {
			c.topics[name].ineligibleForDeletion = false
			any = true
		}
	}
	if !any {
		return nil
	}
	return c.resumeDeletions()
}

// markIneligible holds up the deletion of a topic if it is queued.
func (c *core) markIneligible(name string) {
	if c.queuedForDeletion(name) {
		c.topics[name].ineligibleForDeletion = true
	}
}

// resumeDeletions does the next step for each topic queued for deletion.
// A topic is complete when all replicas that have a state are deleted, so one without any is
// complete at once. While a deletion has been sent out nothing new is started: its answers, or the
// death of a broker, come back here.
func (c *core) resumeDeletions() error {
	var retry []ReplicaID
	var start []*topic
	for _, name := range c.topicNames() {
		t := c.topics[name]
		if !t.queuedForDeletion {
			continue
		}
		replicas := 0
		for _, n := range t.inStates {
			replicas += n
		}
		started := t.inStates[ReplicaDeletionStarted] > 0
		if t.inStates[ReplicaDeletionSuccessful] == replicas {
			if err := c.completeDeletion(t, t.inState(ReplicaDeletionSuccessful)); err != nil {
				return err
			}
			continue
		}
		if !started {
			retry = append(retry, t.inState(ReplicaDeletionIneligible)...)
		}
		if !started && !t.ineligibleForDeletion {
			start = append(start, t)
		}
	}
	if err := c.moveReplicas(retry, OfflineReplica); err != nil {
		return err
	}
	if len(start) == 0 {
		return nil
	}
	return c.startDeletion(start)
}

// completeDeletion removes a topic whose replicas are all deleted.
// The nodes go last but one, the memory last: an error in between is found again by the next event.
// Interest ends before, so that the deletion is no news.
func (c *core) completeDeletion(t *topic, replicas []ReplicaID) error {
	c.world.UnwatchTopic(t.name)
	if err := c.moveReplicas(replicas, NonExistentReplica); err != nil {
		return err
	}
	if err := c.world.DeleteTopicNodes(c.epoch, t.name); err != nil {
		return err
	}
	c.forgetTopic(t.name)
	c.note(journal.Entry{Kind: journal.TopicDeleted, Name: t.name, About: -1})
	c.log.WithField("topic", t.name).Info("deleted the topic")
	return nil
}

// startDeletion takes topics out of the metadata and deletes their replicas.
// Brokers are told that the topic is going (leader -2) before anything is deleted, so that no
// client is sent there. A replica that is not online makes its topic wait as a whole, since the
// nodes may not go while a log is left.
func (c *core) startDeletion(topics []*topic) error {
	var all, unseen []model.TopicPartition
	for _, t := range topics {
		for _, p := range t.sorted() {
			all = append(all, p.TopicPartition)
			if !t.deletionStarted {
				unseen = append(unseen, p.TopicPartition)
			}
		}
		t.deletionStarted = true
	}
	c.markPartitions(unseen, OfflinePartition)
	c.markPartitions(unseen, NonExistentPartition)
	c.updateMetadata(c.liveOrShuttingDown(), all)

	var dead, alive []ReplicaID
	var waiting []*topic
	for _, t := range topics {
		before := len(dead)
		for _, r := range t.replicaIDs() {
			switch {
			case !c.isOnline(r.Broker, r.TopicPartition):
				dead = append(dead, r)
			case t.partitions[r.Partition].replicaState(r.Broker) != ReplicaDeletionSuccessful:
				alive = append(alive, r)
			}
		}
		if len(dead) > before {
			waiting = append(waiting, t)
		}
	}
	if err := c.moveReplicas(dead, ReplicaDeletionIneligible); err != nil {
		return err
	}
	if err := c.moveReplicas(alive, OfflineReplica); err != nil {
		return err
	}
	if err := c.moveReplicas(alive, ReplicaDeletionStarted); err != nil {
		return err
	}
	for _, t := range waiting {
		t.ineligibleForDeletion = true
	}
	return nil
}

// stopReplicaReply takes the outcome of deleting replicas.
// An answer of an earlier attempt, or for a topic that was created anew, does not find its replica
// in the right state and is passed over.
func (c *core) stopReplicaReply(r *StopReplicaReply) error {
	var failed, done []ReplicaID
	tps := slices.SortedFunc(maps.Keys(r.Errors), model.TopicPartition.Compare)
	for _, tp := range tps {
		p := c.partition(tp)
		if p == nil || !c.queuedForDeletion(tp.Topic) || p.replicaState(r.Broker) != ReplicaDeletionStarted {
			continue
		}
		if r.Errors[tp] != 0 {
			failed = append(failed, ReplicaID{tp, r.Broker})
		} else {
			done = append(done, ReplicaID{tp, r.Broker})
		}
	}
	if err := c.deletionFailed(failed); err != nil {
		return err
	}
	if len(done) == 0 {
		return nil
	}
	if err := c.moveReplicas(done, ReplicaDeletionSuccessful); err != nil {
		return err
	}
	return c.resumeDeletions()
}

// deletionFailed makes replicas, and their topics, wait for a better time.
func (c *core) deletionFailed(ids []ReplicaID) error {
	if len(ids) == 0 {
		return nil
	}
	var waiting []ReplicaID
	for _, r := range ids {
		// Those that are deleted already, or wait already, stay what they are.
		switch c.partition(r.TopicPartition).replicaState(r.Broker) {
		case OfflineReplica, ReplicaDeletionStarted:
			waiting = append(waiting, r)
		}
	}
	if err := c.moveReplicas(waiting, ReplicaDeletionIneligible); err != nil {
		return err
	}
	for _, r := range ids {
		c.markIneligible(r.Topic)
	}
	return c.resumeDeletions()
}

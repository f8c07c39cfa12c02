package controller

import (
	"slices"

	"github.com/sirupsen/logrus"

	"momus/internal/journal"
	"momus/internal/model"
)

// brokerChange compares the registrations with the context: brokers may be new, dead, or bounced
// (registered again between two looks: same id, larger epoch).
// The channels change first: no request of this event may go to a process that is gone, or miss one
// that is new. A bounced broker is taken down and up again, because it has lost what it was told.
func (c *core) brokerChange() error {
	now, err := c.world.Brokers()
	if err != nil {
		return err
	}
	var fresh, bounced []*model.Broker
	present := map[int32]bool{}
	for _, b := range now {
		present[b.ID] = true
		switch known := c.brokers[b.ID]; {
		case known == nil:
			fresh = append(fresh, b)
		case known.Epoch < b.Epoch:
			bounced = append(bounced, b)
		}
	}
	var dead []int32
	for _, id := range c.liveOrShuttingDown() {
		if !present[id] {
			dead = append(dead, id)
		}
	}
	c.log.WithFields(logrus.Fields{"new": brokerIDs(fresh), "bounced": brokerIDs(bounced), "dead": dead}).Info("brokers have changed")
	c.sawBrokers(slices.Concat(fresh, bounced), slices.Concat(brokerIDs(bounced), dead))

	for _, b := range fresh {
		c.world.AddBroker(b)
	}
	for _, b := range bounced {
		c.world.RemoveBroker(b.ID)
		c.world.AddBroker(b)
	}
	for _, id := range dead {
		c.world.RemoveBroker(id)
	}
	if len(fresh) > 0 {
		if err := c.brokersUp(fresh); err != nil {
			return err
		}
	}
	if len(bounced) > 0 {
		if err := c.brokersDown(brokerIDs(bounced)); err != nil {
			return err
		}
		if err := c.brokersUp(bounced); err != nil {
			return err
		}
	}
	if len(dead) > 0 {
		return c.brokersDown(dead)
	}
	return nil
}

func brokerIDs(bs []*model.Broker) []int32 {
	ids := make([]int32, len(bs))
	for i, b := range bs {
		ids[i] = b.ID
	}
	return ids
}

// brokersUp takes brokers in: they learn everything, get their replicas, and may lead what had no
// leader.
// The order is Kafka's: the others learn of the new brokers before those may be named as leaders,
// and the new ones learn of everything before they get replicas. Failed disks are forgotten, as a
// broker that starts has probed them.
func (c *core) brokersUp(bs []*model.Broker) error {
	ids := brokerIDs(bs)
	others := c.liveOrShuttingDown()
	for _, b := range bs {
		c.brokers[b.ID] = b
		delete(c.offlineDirs, b.ID)
	}
	c.updateMetadata(others, nil)
	c.updateMetadata(ids, c.partitions(func(_ *topic, p *partition) bool { return p.leadership != nil }))

	replicas := c.replicasOn(ids)
	if err := c.moveReplicas(replicas, OnlineReplica); err != nil {
		return err
	}
	if err := c.electOffline(func(*topic) bool { return true }); err != nil {
		return err
	}
	if err := c.resumeReassignments(func(p *partition) bool {
		return slices.ContainsFunc(target(p.assignment), func(b int32) bool { return slices.Contains(ids, b) })
	}); err != nil {
		return err
	}
	resume := map[string]bool{}
	for _, r := range replicas {
		if c.queuedForDeletion(r.Topic) {
			resume[r.Topic] = true
		}
	}
	if err := c.resumeDeletionOf(resume); err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.world.WatchBroker(id); err != nil {
			return err
		}
	}
	return nil
}

// brokersDown takes brokers out.
// Interest in their registrations ends last: with an error before, the next event finds them dead
// again.
func (c *core) brokersDown(ids []int32) error {
	for _, id := range ids {
		delete(c.brokers, id)
		delete(c.shuttingDown, id)
		delete(c.offlineDirs, id)
	}
	if err := c.replicasOffline(c.replicasOn(ids)); err != nil {
		return err
	}
	for _, id := range ids {
		c.world.UnwatchBroker(id)
	}
	return nil
}

// replicasOffline is what follows when brokers or disks fail.
// Leaders are elected before replicas are taken out of sync, as in Kafka, so that a partition is
// without a leader as shortly as possible. Topics that are being deleted elect nobody; their
// replicas wait for a better time.
func (c *core) replicasOffline(ids []ReplicaID) error {
	var deleting, others []ReplicaID
	for _, id := range ids {
		if c.queuedForDeletion(id.Topic) {
			deleting = append(deleting, id)
		} else {
			others = append(others, id)
		}
	}
	leaderless := c.partitions(func(t *topic, p *partition) bool {
		return !t.queuedForDeletion && p.leadership != nil && !c.isOnline(p.leadership.Leader, p.TopicPartition)
	})
	c.markPartitions(leaderless, OfflinePartition)
	if err := c.electOffline(func(*topic) bool { return true }); err != nil {
		return err
	}
	if err := c.moveReplicas(others, OfflineReplica); err != nil {
		return err
	}
	if err := c.deletionFailed(deleting); err != nil {
		return err
	}
	if len(leaderless) == 0 {
		c.updateMetadata(c.liveOrShuttingDown(), nil) // they learn at least who is live
	}
	return nil
}

// brokerModification takes changed endpoints of a live broker over. A changed rack alone is
// ignored, as in Kafka.
func (c *core) brokerModification(id int32) error {
	now, ok, err := c.world.Broker(id)
	known := c.brokers[id]
	if err != nil || !ok || known == nil || now.Epoch != known.Epoch || slices.Equal(now.Endpoints, known.Endpoints) {
		return err
	}
	c.brokers[id] = now
	c.world.UpdateBroker(now)
	c.updateMetadata(c.liveOrShuttingDown(), nil)
	return nil
}

// logDirEvent probes the brokers that have reported a failed disk: they answer with an error for
// the replicas on it.
// The notification does not name the disk. It is deleted also when the probing failed: the failure
// of a partition is not worth an endless loop, and the next LeaderAndIsr finds out as well.
func (c *core) logDirEvent() error {
	return takeNotes(c, c.world.LogDirEvents, c.world.ReadLogDirEvents, c.world.DeleteLogDirEvents, func(brokers []int32) error {
		return c.moveReplicas(c.replicasOn(brokers), OnlineReplica)
	})
}

// leaderAndISRReply learns from KAFKA_STORAGE_ERROR and from success which replicas are on failed
// disks.
// A refusal of the whole request needs no action here: whoever refuses it follows a newer
// controller, or has not heard of its own registration and will ask again.
func (c *core) leaderAndISRReply(r *LeaderAndISRReply) error {
	const storageError = 56
	if r.Code != 0 {
		c.log.WithFields(logrus.Fields{"broker": r.Broker, "code": r.Code}).Warn("broker refused LeaderAndIsr")
		return nil
	}
	if c.brokers[r.Broker] == nil {
		return nil
	}
	offline := c.offlineDirs[r.Broker]
	var failed []ReplicaID
	for tp, code := range r.Errors {
		switch {
		case code == 0:
			delete(offline, tp)
		case code == storageError && !offline[tp]:
			if offline == nil {
				offline = map[model.TopicPartition]bool{}
				c.offlineDirs[r.Broker] = offline
			}
			offline[tp] = true
			failed = append(failed, ReplicaID{tp, r.Broker})
		}
	}
	if len(failed) == 0 {
		return nil
	}
	c.because(journal.Entry{Kind: journal.ReplicasFailed, About: r.Broker, Count: int64(len(failed))})
	slices.SortFunc(failed, func(a, b ReplicaID) int { return a.Compare(b.TopicPartition) })
	return c.replicasOffline(failed)
}

// controlledShutdown moves the leaderships of a broker to others and takes its replicas out of
// sync. It returns the replicated partitions that it still leads.
// From here on the broker counts as not live for elections, also if it never goes: only its
// registration makes it live again. Partitions with a single replica are left to it until the end.
func (c *core) controlledShutdown(ev *ControlledShutdown) ([]model.TopicPartition, error) {
	if err := c.mayShutDown(ev); err != nil {
		return nil, err
	}
	c.shuttingDown[ev.Broker] = true
	c.because(journal.Entry{Kind: journal.ShutdownRequested, About: ev.Broker, Count: c.ledBy(ev.Broker)})
	var led []model.TopicPartition
	var followed []ReplicaID
	concerned := func(t *topic, p *partition) bool {
		return slices.Contains(p.assignment.Replicas, ev.Broker) && len(p.assignment.Replicas) > 1 && p.leadership != nil && !t.queuedForDeletion
	}
	c.each(func(t *topic, p *partition) {
		switch {
		case !concerned(t, p):
		case p.leadership.Leader == ev.Broker:
			led = append(led, p.TopicPartition)
		default:
			followed = append(followed, ReplicaID{p.TopicPartition, ev.Broker})
		}
	})
	if _, err := c.bringOnline(led, shutdownStrategy); err != nil {
		return nil, err
	}
	for _, r := range followed {
		c.batch.stopReplica(ev.Broker, r.TopicPartition, false)
	}
	c.batch.send(c)
	if err := c.moveReplicas(followed, OfflineReplica); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(c.liveOrShuttingDown(), c.isLive) {
		// All brokers are shutting down: none will take what is left, and none need wait for
		// another. Kafka lets each ask again until its attempts are used up.
		return nil, nil
	}
	return c.partitions(func(t *topic, p *partition) bool {
		return concerned(t, p) && p.leadership.Leader == ev.Broker
	}), nil
}

package controller

import (
	"slices"

	"github.com/sirupsen/logrus"

	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// core is the controller without threads, clock and network: a step of it, see ready.go, returns
// what it wants of them.
type core struct {
	id       int32
	settings Settings // as of the step
	log      *logrus.Entry
	world    world
	step     *running // that is running; nil between steps

	active bool
	epoch  zk.ControllerEpoch
	event  int64 // counts events, failovers included
	*Context
	batch   batch
	history chronicle
}

func newCore(id int32, log *logrus.Entry) *core {
	c := &core{id: id, log: log, Context: newContext()}
	c.world.c = c
	c.batch.reset()
	return c
}

// process applies one event, as the body of a step. An error ends the event where it occurred;
// zk.ErrControllerMoved means that this broker is no longer the controller, zk.ErrSessionExpired
// that it may not be. Everything else that fails concerns one partition: it is logged and the rest
// goes on.
func (c *core) process(ev Event) error {
	if !c.active {
		if look, ok := ev.(*Inspect); ok {
			look.Fn(c.Context)
		} else {
			c.do(refuse{ev})
		}
		return nil
	}
	c.batch.reset() // an event that failed may have left something behind
	c.event++
	c.history.begin()
	switch ev := ev.(type) {
	case BrokerChange:
		return c.brokerChange()
	case BrokerModification:
		return c.brokerModification(ev.Broker)
	case TopicChange:
		return c.topicChange()
	case PartitionModification:
		return c.partitionModification(ev.Topic)
	case TopicDeletion:
		return c.topicDeletion()
	case ISRChange:
		return c.isrChange()
	case LogDirEvent:
		return c.logDirEvent()
	case *LeaderAndISRReply:
		return c.leaderAndISRReply(ev)
	case *StopReplicaReply:
		return c.stopReplicaReply(ev)
	case PreferredElectionRequested:
		return c.preferredElectionRequested()
	case *ElectLeaders:
		return c.electLeaders(ev)
	case AutoRebalance:
		return c.autoRebalance()
	case UncleanElectionEnabled:
		return c.electOffline(func(*topic) bool { return true })
	case TopicUncleanElectionEnabled:
		return c.electOffline(func(t *topic) bool { return t.name == ev.Topic })
	case ReassignmentRequested:
		_, err := c.reassignmentRequested()
		return err
	case ReassignmentsRewritten:
		_, _, err := c.world.Reassignments() // arms the watch again
		return err
	case ReassignmentProgress:
		return c.reassignmentProgress(ev.TopicPartition)
	case *AlterReassignments:
		return c.alterReassignments(ev)
	case *ListReassignments:
		c.listReassignments(ev)
	case *ControlledShutdown:
		remaining, err := c.controlledShutdown(ev)
		reply(c, ev.Reply, remaining, err)
		if !isAnswer(err) {
			return err
		}
	case *Inspect:
		ev.Fn(c.Context)
	}
	return nil
}

// isAnswer reports whether an error is one of Kafka's, meant for the client, and not a fault of the
// event's processing.
func isAnswer(err error) bool {
	_, ok := err.(*kerr.Error)
	return ok
}

// failover makes the core the active controller, starting from nothing but ZooKeeper (the order
// matters).
// What follows reads and writes in the order in which Kafka does: a broker that follows two
// controllers, one of each kind, sees the same requests from both. A failover that fails leaves the
// core active; the shell resigns then and lets others try.
func (c *core) failover(epoch zk.ControllerEpoch) error {
	c.resign()
	c.active, c.epoch = true, epoch
	c.event++
	c.history.left = perEvent
	c.world.WatchAll()

	if err := c.dropNotifications(); err != nil {
		return err
	}
	if err := c.loadCluster(); err != nil {
		return err
	}
	c.sawMissing()
	for _, b := range c.liveBrokers() {
		c.world.AddBroker(b)
	}
	if err := c.loadDeletions(); err != nil {
		return err
	}
	// Brokers must know the live ones before they can follow a leader.
	c.updateMetadata(c.liveOrShuttingDown(), nil)

	if err := c.startReplicas(); err != nil {
		return err
	}
	if err := c.startPartitions(); err != nil {
		return err
	}
	resumed, err := c.reassignmentRequested()
	if err != nil {
		return err
	}
	if err := c.resumeReassignments(func(p *partition) bool { return !resumed[p.TopicPartition] }); err != nil {
		return err
	}
	if err := c.resumeDeletions(); err != nil {
		return err
	}
	return c.pendingPreferredElections()
}

// resign forgets everything, so that nothing of an old epoch can be believed after the next
// election, and asks for nothing: it must work without ZooKeeper.
func (c *core) resign() {
	for id := range c.brokers {
		c.world.RemoveBroker(id)
	}
	c.world.UnwatchAll()
	c.active, c.epoch, c.Context = false, zk.ControllerEpoch{}, newContext()
	c.batch.reset()
}

// dropNotifications deletes what nobody needs to process, as everything is read anyway.
func (c *core) dropNotifications() error {
	names, err := c.world.LogDirEvents()
	if err != nil {
		return err
	}
	if err := c.world.DeleteLogDirEvents(c.epoch, names); err != nil {
		return err
	}
	if names, err = c.world.ISRChanges(); err != nil {
		return err
	}
	return c.world.DeleteISRChanges(c.epoch, names)
}

// loadCluster reads the whole cluster. Reading a topic, a registration or a state arms its watch;
// interest is registered before, so that no change between the two is missed. States are read last,
// when all partitions are known.
func (c *core) loadCluster() error {
	brokers, err := c.world.Brokers()
	if err != nil {
		return err
	}
	for _, b := range brokers {
		c.brokers[b.ID] = b
	}
	names, err := c.world.Topics()
	if err != nil {
		return err
	}
	assignments, err := c.enterTopics(names)
	if err != nil {
		return err
	}
	for name, as := range assignments {
		for id, a := range as {
			p := c.takeAssignment(model.TopicPartition{Topic: name, Partition: id}, a)
			if isReassigning(p.assignment) {
				c.reassigning[p.TopicPartition] = true
			}
		}
	}
	for _, b := range brokers {
		if err := c.world.WatchBroker(b.ID); err != nil {
			return err
		}
	}
	return c.readStates(c.partitions(func(*topic, *partition) bool { return true }))
}

// readStates refreshes leadership records; partitions without a state node keep what they have.
// Those that could be read before an error are taken over, since each is true by itself.
func (c *core) readStates(tps []model.TopicPartition) error {
	states, err := c.states(tps)
	for tp, s := range states {
		if p := c.partition(tp); p != nil {
			p.leadership, p.asOf = &s, c.event
		}
	}
	return err
}

// startReplicas gives replicas the states that a controller which had been there all the time would
// have given them, without the steps between.
func (c *core) startReplicas() error {
	var online, offline []ReplicaID
	c.each(func(_ *topic, p *partition) {
		for _, b := range p.assignment.Replicas {
			id := ReplicaID{p.TopicPartition, b}
			if c.isOnline(b, p.TopicPartition) {
				p.setReplicaState(b, OnlineReplica)
				online = append(online, id)
			} else {
				// A replica of a topic that is being deleted must not look deleted; all others
				// become Offline below.
				p.setReplicaState(b, ReplicaDeletionIneligible)
				offline = append(offline, id)
			}
		}
	})
	if err := c.moveReplicas(online, OnlineReplica); err != nil {
		return err
	}
	return c.moveReplicas(offline, OfflineReplica)
}

// startPartitions ends with the first elections. The state follows from the record and from who is
// live; then what has no leader gets one, which is the first thing a new controller changes.
func (c *core) startPartitions() error {
	c.each(func(_ *topic, p *partition) {
		switch {
		case p.leadership == nil:
			p.state = NewPartition
		case c.isOnline(p.leadership.Leader, p.TopicPartition):
			p.state = OnlinePartition
		default:
			p.state = OfflinePartition
		}
	})
	return c.electOffline(func(*topic) bool { return true })
}

// updateMetadata sends one UpdateMetadata with these partitions to these brokers.
func (c *core) updateMetadata(brokers []int32, tps []model.TopicPartition) {
	c.batch.updateMetadata(c, brokers, tps)
	c.batch.send(c)
}

// stats counts for the metrics.
// It looks at every partition, so its caller does not ask for each event.
func (c *core) stats() (s Stats) {
	if !c.active {
		return s
	}
	s.Topics = int64(len(c.topics))
	for _, t := range c.topics {
		s.Partitions += int64(len(t.partitions))
		for _, p := range t.partitions {
			if p.leadership == nil || t.queuedForDeletion {
				continue
			}
			if !c.isLive(p.leadership.Leader) {
				s.OfflinePartitions++
			}
			if len(p.assignment.Replicas) > 0 && p.leadership.Leader != p.assignment.Replicas[0] {
				s.PreferredReplicaImbalance++
			}
		}
	}
	return s
}

// failed logs what could not be done for one partition.
// The log has the logger name of Kafka, by which operators look for it.
func (c *core) failed(tp model.TopicPartition, what string, err error) {
	c.log.WithFields(logrus.Fields{"logger": "state.change.logger", "topic": tp.Topic, "partition": tp.Partition, "controller_epoch": c.epoch.Epoch}).
		WithError(err).Error(what)
}

// without is list but for some. It is never nil and never shares memory with list, so results may
// be changed.
func without(list []int32, drop ...int32) []int32 {
	out := make([]int32, 0, len(list))
	for _, v := range list {
		if !slices.Contains(drop, v) {
			out = append(out, v)
		}
	}
	return out
}

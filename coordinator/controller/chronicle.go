package controller

import (
	"slices"
	"time"

	"momus/internal/journal"
	"momus/internal/model"
)

// chronicle is what the core records in the journal, and what the event that is processed goes back
// to. Its methods only record: nothing that the core decides depends on them.
type chronicle struct {
	j *journal.Journal
	// cause is the entry that the present event goes back to, 0 for none; gone are those of brokers
	// that are gone, by id.
	cause uint64
	gone  map[int32]uint64
	// led are the brokers that led a partition until they were taken out of its in-sync replicas, and
	// with that out of its leadership: a new controller does so before it elects.
	led  map[model.TopicPartition]int32
	left int // how many entries about single partitions the event may still make
}

// perEvent bounds the entries about single partitions that one event makes: that thousands of
// partitions lose their leader with a broker must not push everything else out of the journal.
const perEvent = 300

func (h *chronicle) begin() { h.cause, h.left = 0, perEvent }

// note records an entry of this controller.
func (c *core) note(e journal.Entry) uint64 {
	e.ControllerEpoch = c.epoch.Epoch
	if e.Cause == 0 {
		e.Cause = c.history.cause
	}
	return c.history.j.Record(e)
}

// because records what the rest of the event goes back to.
func (c *core) because(e journal.Entry) { c.history.cause = c.note(e) }

func (c *core) sawBrokers(fresh []*model.Broker, dead []int32) {
	for _, b := range fresh {
		delete(c.history.gone, b.ID)
		c.because(journal.Entry{Kind: journal.BrokerUp, About: b.ID, Number: b.Epoch})
		c.history.cause = 0
	}
	for _, id := range dead {
		e := journal.Entry{Kind: journal.BrokerDown, About: id, Reason: journal.SessionEnded}
		if b := c.brokers[id]; b != nil {
			e.Number = b.Epoch
		}
		if c.shuttingDown[id] {
			e.Reason = journal.ShuttingDown
		}
		if c.history.gone == nil {
			c.history.gone = map[int32]uint64{}
		}
		c.history.gone[id] = c.note(e)
	}
}

// sawMissing records the brokers that have replicas but were not there when this controller took
// over.
func (c *core) sawMissing() {
	c.history.gone, c.history.led = map[int32]uint64{}, map[model.TopicPartition]int32{}
	c.each(func(_ *topic, p *partition) {
		for _, id := range p.assignment.Replicas {
			if _, seen := c.history.gone[id]; !seen && c.brokers[id] == nil {
				c.history.gone[id] = c.note(journal.Entry{Kind: journal.BrokerDown, About: id, Reason: journal.MetadataLoad})
			}
		}
	})
}

// tell records an entry about a partition, if the event has not made too many.
func (c *core) tell(p *partition, e journal.Entry) {
	if c.history.left--; c.history.left < 0 {
		return
	}
	e.Name, e.Partition = p.Topic, p.Partition
	c.note(e)
}

// sawElection records a new leader. before is the record that it replaces, nil for a new partition.
func (c *core) sawElection(p *partition, before *model.LeaderAndISR, s strategy, unclean bool) {
	now := p.leadership
	e := journal.Entry{Kind: journal.LeaderElected, About: now.Leader, Number: int64(model.NoLeader), LeaderEpoch: now.LeaderEpoch, To: now.ISR, Reason: reasonOf(s)}
	if before == nil {
		e.Reason = journal.NewPartition
	} else {
		e.Number, e.From = int64(before.Leader), before.ISR
		e.Cause = c.history.gone[before.Leader]
		if led, ok := c.ledBefore(p, before); ok {
			e.Number, e.Cause = int64(led), c.history.gone[led]
		} else if before.Leader == model.NoLeader {
			e.Reason, e.Cause = journal.BrokerBack, 0
		} else if s == offlineStrategy && c.isLive(before.Leader) && !c.isOnline(before.Leader, p.TopicPartition) {
			e.Cause = 0 // its disk has failed: the event says so
		}
	}
	if unclean {
		e.Reason = journal.Unclean
	}
	c.tell(p, e)
}

func reasonOf(s strategy) journal.Reason {
	switch s {
	case reassignStrategy:
		return journal.Reassigning
	case preferredStrategy:
		return journal.PreferredLeader
	case shutdownStrategy:
		return journal.ShuttingDown
	case uncleanStrategy:
		return journal.ByRequest
	}
	return journal.LeaderGone
}

// sawOffline records that no replica may lead.
func (c *core) sawOffline(p *partition, state model.LeaderAndISR) {
	leader := state.Leader
	if led, ok := c.ledBefore(p, &state); ok {
		leader = led
	}
	c.tell(p, journal.Entry{Kind: journal.PartitionOffline, About: -1, Number: int64(leader), From: state.ISR, LeaderEpoch: state.LeaderEpoch, Cause: c.history.gone[leader]})
}

// ledBefore is who led a partition before this controller took it out of the in-sync replicas. It is
// told once: a later leader follows nobody.
func (c *core) ledBefore(p *partition, before *model.LeaderAndISR) (broker int32, ok bool) {
	if before.Leader != model.NoLeader {
		return 0, false
	}
	broker, ok = c.history.led[p.TopicPartition]
	delete(c.history.led, p.TopicPartition)
	return broker, ok
}

// sawOutOfSync records that the controller took a replica out of the in-sync replicas.
func (c *core) sawOutOfSync(p *partition, broker int32, before model.LeaderAndISR) {
	if before.Leader == broker && p.leadership.Leader == model.NoLeader {
		if c.history.led == nil {
			c.history.led = map[model.TopicPartition]int32{}
		}
		c.history.led[p.TopicPartition] = broker
	}
	c.tell(p, journal.Entry{Kind: journal.ISRShrunk, About: broker, From: before.ISR, To: p.leadership.ISR, LeaderEpoch: p.leadership.LeaderEpoch, Cause: c.history.gone[broker]})
}

// sawReassignment records that the replicas of a partition begin to move, or that the wish has
// changed.
func (c *core) sawReassignment(p *partition, before, want model.Assignment) {
	if slices.Equal(target(before), target(want)) {
		return
	}
	c.tell(p, journal.Entry{Kind: journal.ReassignmentStart, About: -1, From: origin(before), To: target(want)})
}

func (c *core) sawTopics(created []model.TopicPartition) {
	for len(created) > 0 {
		n := 1
		for n < len(created) && created[n].Topic == created[0].Topic {
			n++
		}
		if c.history.left--; c.history.left >= 0 {
			c.because(journal.Entry{Kind: journal.TopicCreated, Name: created[0].Topic, Count: int64(n), About: -1})
		}
		created = created[n:]
	}
}

// sawFailover records how long it took to take the cluster over.
func (c *core) sawFailover(took time.Duration, partitions int64) {
	c.note(journal.Entry{Kind: journal.ClusterTaken, About: -1, Count: partitions, Took: took})
}

// ledBy counts the partitions that a broker leads.
func (c *core) ledBy(broker int32) (n int64) {
	c.each(func(_ *topic, p *partition) {
		if p.leadership != nil && p.leadership.Leader == broker {
			n++
		}
	})
	return n
}

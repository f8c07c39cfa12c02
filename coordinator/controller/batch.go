package controller

import (
	"slices"

	"momus/internal/model"
)

// batch collects the requests of one step of a state machine and sends them together: for each
// broker LeaderAndISR first, then UpdateMetadata, then StopReplica.
type batch struct {
	leaderAndISR map[int32]*brokerPartitions
	updateTo     map[int32]bool
	updateAll    bool // to all brokers, whatever updateTo says
	update       []UpdateMetadataPartition
	updated      map[*partition]int // index in update
	stop         map[int32]*stopList
}

type brokerPartitions struct {
	list  []LeaderAndISRPartition
	index map[*partition]int
}

type stopList struct{ deleted, stopped []model.TopicPartition }

func (b *batch) reset() {
	*b = batch{
		leaderAndISR: map[int32]*brokerPartitions{}, updateTo: map[int32]bool{},
		updated: map[*partition]int{}, stop: map[int32]*stopList{},
	}
}

// leaderAndISRTo adds a partition's record for some brokers, and for all live brokers' metadata.
// isNew sticks.
func (b *batch) leaderAndISRTo(c *core, brokers []int32, p *partition, isNew bool) {
	for _, id := range brokers {
		if id < 0 {
			continue
		}
		of := b.leaderAndISR[id]
		if of == nil {
			of = &brokerPartitions{index: map[*partition]int{}}
			b.leaderAndISR[id] = of
		}
		entry := LeaderAndISRPartition{p.TopicPartition, *p.leadership, p.assignment, isNew}
		if i, ok := of.index[p]; ok {
			entry.IsNew = isNew || of.list[i].IsNew
			of.list[i] = entry
		} else {
			of.index[p] = len(of.list)
			of.list = append(of.list, entry)
		}
	}
	b.updateAll = true
	b.addUpdate(c, p)
}

// updateMetadata adds partitions, which may be none, to the metadata of some brokers.
func (b *batch) updateMetadata(c *core, brokers []int32, tps []model.TopicPartition) {
	for _, id := range brokers {
		b.updateTo[id] = true
	}
	for _, tp := range tps {
		if p := c.partition(tp); p != nil {
			b.addUpdate(c, p)
		}
	}
}

// addUpdate adds what the metadata says about a partition; one without a leadership record is left
// out.
// A partition that is added twice is sent once, as it was the last time, in the place of the first.
func (b *batch) addUpdate(c *core, p *partition) {
	if p.leadership == nil {
		return
	}
	u := UpdateMetadataPartition{p.TopicPartition, *p.leadership, p.assignment.Replicas, c.offlineReplicas(p)}
	if c.queuedForDeletion(p.Topic) {
		u.Leader, u.LeaderEpoch, u.ZKVersion = model.LeaderDuringDelete, 0, 0
	}
	if i, ok := b.updated[p]; ok {
		b.update[i] = u
		return
	}
	b.updated[p] = len(b.update)
	b.update = append(b.update, u)
}

// stopReplica adds a replica to stop, or to delete.
// Deletions and mere stops of a broker become two requests, the deletions first.
func (b *batch) stopReplica(broker int32, tp model.TopicPartition, del bool) {
	of := b.stop[broker]
	if of == nil {
		of = &stopList{}
		b.stop[broker] = of
	}
	if del {
		of.deleted = append(of.deleted, tp)
	} else {
		of.stopped = append(of.stopped, tp)
	}
}

// send queues everything for those brokers that are live or shutting down and empties the batch.
// Per broker the order is LeaderAndIsr, UpdateMetadata, StopReplica; each goes to all brokers
// before the next kind is begun, as in Kafka. Brokers without a channel are passed over. The lists
// are shared by all requests and not changed afterwards.
func (b *batch) send(c *core) {
	brokers := c.liveBrokers()
	for _, to := range brokers {
		of := b.leaderAndISR[to.ID]
		if of == nil {
			continue
		}
		named := map[int32]bool{}
		for i := range of.list {
			named[of.list[i].Leader] = true
		}
		var leaders []*model.Broker
		for _, l := range brokers {
			if named[l.ID] {
				leaders = append(leaders, l)
			}
		}
		c.world.Send(to.ID, &LeaderAndISR{c.epoch.Epoch, to.Epoch, of.list, leaders})
	}
	for _, to := range brokers {
		if b.updateAll || b.updateTo[to.ID] {
			c.world.Send(to.ID, &UpdateMetadata{c.epoch.Epoch, to.Epoch, b.update, brokers})
		}
	}
	for _, to := range brokers {
		of := b.stop[to.ID]
		if of == nil {
			continue
		}
		if len(of.deleted) > 0 {
			c.world.Send(to.ID, &StopReplica{c.epoch.Epoch, to.Epoch, true, of.deleted})
		}
		if len(of.stopped) > 0 {
			c.world.Send(to.ID, &StopReplica{c.epoch.Epoch, to.Epoch, false, of.stopped})
		}
	}
	b.reset()
}

// sortedIDs is a copy in order.
func sortedIDs(ids []int32) []int32 {
	out := slices.Clone(ids)
	slices.Sort(out)
	return out
}

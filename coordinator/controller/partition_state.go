package controller

import (
	"errors"
	"fmt"
	"maps"

	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// partitionMoves is the partition state machine: to each state, from which ones it may be entered.
var partitionMoves = map[PartitionState][]PartitionState{
	NewPartition:         {NonExistentPartition},
	OnlinePartition:      {NewPartition, OnlinePartition, OfflinePartition},
	OfflinePartition:     {NewPartition, OnlinePartition, OfflinePartition},
	NonExistentPartition: {OfflinePartition},
}

// errNoCandidate means that no replica may become leader.
var errNoCandidate = errors.New("no replica is eligible to lead")

// markPartitions moves partitions to a state that needs no action outside.
func (c *core) markPartitions(tps []model.TopicPartition, to PartitionState) {
	for _, tp := range tps {
		if p := c.partition(tp); p != nil && c.mayMove(p, to) {
			p.state = to
		}
	}
}

// mayMove checks a move. One that the table does not have is a fault of this package or of what an
// operator did by hand; it is logged, and the partition stays what it is.
func (c *core) mayMove(p *partition, to PartitionState) bool {
	for _, from := range partitionMoves[to] {
		if p.state == from {
			return true
		}
	}
	c.failed(p.TopicPartition, "illegal partition state transition", fmt.Errorf("from %s to %s", p.state, to))
	return false
}

// bringOnline gives partitions a leader: new ones their first record, the others by an election. It
// returns the outcome of the elections by partition (nil: elected) and sends what has to be sent.
// Partitions that are not known, or may not go online, are left out of the outcome. An error is one
// of ZooKeeper as a whole, after which nothing is sent; that of a single partition is in the
// outcome.
func (c *core) bringOnline(tps []model.TopicPartition, s strategy) (map[model.TopicPartition]error, error) {
	var fresh, elect []*partition
	for _, tp := range tps {
		p := c.partition(tp)
		switch {
		case p == nil || !c.mayMove(p, OnlinePartition):
		case p.state == NewPartition:
			fresh = append(fresh, p)
		default:
			elect = append(elect, p)
		}
	}
	if err := c.initialize(fresh); err != nil {
		return nil, err
	}
	results, err := c.elect(elect, s)
	if err != nil {
		return nil, err
	}
	c.batch.send(c)
	return results, nil
}

// initialize writes the first record of new partitions: the first live replica leads, all live ones
// are in sync. Partitions without a live replica stay New.
// The record is created, not written, so that a record that another controller has made is never
// lost: then the partition keeps that state until the next controller reads it.
func (c *core) initialize(ps []*partition) error {
	var states []zk.PartitionState
	var which []*partition
	for _, p := range ps {
		var live []int32
		for _, b := range p.assignment.Replicas {
			if c.isOnline(b, p.TopicPartition) {
				live = append(live, b)
			}
		}
		if len(live) == 0 {
			c.failed(p.TopicPartition, "partition has no live replica to start with", errNoCandidate)
			continue
		}
		states = append(states, zk.PartitionState{TopicPartition: p.TopicPartition, State: model.LeaderAndISR{
			Leader: live[0], LeaderEpoch: 0, ISR: live, ControllerEpoch: c.epoch.Epoch, ZKVersion: 0,
		}})
		which = append(which, p)
	}
	if len(states) == 0 {
		return nil
	}
	results, err := c.world.CreateStates(c.epoch, states)
	for i, p := range which {
		switch {
		case i >= len(results) || (err != nil && results[i] != nil):
		case results[i] != nil:
			c.failed(p.TopicPartition, "could not create the state of a new partition", results[i])
		case err == nil:
			p.leadership, p.asOf = &states[i].State, c.event
			p.state = OnlinePartition
			c.sawElection(p, nil, offlineStrategy, false)
			c.batch.leaderAndISRTo(c, p.leadership.ISR, p, true)
		}
	}
	return err
}

// elect elects leaders until every partition has one or has failed. Only the records are written
// and the requests collected. The first try takes the records that the context has: writes are
// conditional, so an old one is noticed, and only then, or if it allows no leader, the record is
// read.
func (c *core) elect(ps []*partition, s strategy) (map[model.TopicPartition]error, error) {
	results := make(map[model.TopicPartition]error, len(ps))
	for read := false; len(ps) > 0; read = true {
		again, err := c.electOnce(ps, s, read, results)
		if err != nil {
			return results, err
		}
		ps = again
	}
	return results, nil
}

// records are the leadership records of partitions: those that the context has, unless there is
// none or it will not do.
func (c *core) records(ps []*partition, willDo func(p *partition) bool) (map[model.TopicPartition]model.LeaderAndISR, error) {
	var missing []model.TopicPartition
	known := make(map[model.TopicPartition]model.LeaderAndISR, len(ps))
	for _, p := range ps {
		if p.leadership == nil || !willDo(p) {
			missing = append(missing, p.TopicPartition)
		} else {
			known[p.TopicPartition] = *p.leadership
		}
	}
	if len(missing) == 0 {
		return known, nil
	}
	states, err := c.states(missing)
	if err != nil || len(known) == 0 {
		return states, err
	}
	maps.Copy(known, states)
	return known, nil
}

// electOnce is one round of elections. again are those for which the record in memory was too old
// or would not do; the second round reads it. A record of a newer controller is not touched: this
// one has been deposed and does not know it yet.
func (c *core) electOnce(ps []*partition, s strategy, read bool, results map[model.TopicPartition]error) (again []*partition, err error) {
	states, err := c.records(ps, func(*partition) bool { return !read })
	if err != nil {
		return nil, err
	}
	readable := ps[:0:0]
	for _, p := range ps {
		state, ok := states[p.TopicPartition]
		switch {
		case !ok:
			results[p.TopicPartition] = fmt.Errorf("%s has no state in ZooKeeper: %w", p.TopicPartition, errNoCandidate)
			c.failed(p.TopicPartition, "partition was not elected", results[p.TopicPartition])
		case state.ControllerEpoch > c.epoch.Epoch:
			results[p.TopicPartition] = fmt.Errorf("state of %s was written by controller epoch %d: %w", p.TopicPartition, state.ControllerEpoch, kerr.StaleControllerEpoch)
			c.failed(p.TopicPartition, "partition was not elected", results[p.TopicPartition])
		default:
			readable = append(readable, p)
		}
	}
	unclean, err := c.uncleanAllowed(readable, states, s)
	if err != nil {
		return nil, err
	}
	var writes []zk.PartitionState
	var which []*partition
	var tell [][]int32
	var uncleanly []bool
	for _, p := range readable {
		cand := candidate{
			assignment: p.assignment, state: states[p.TopicPartition],
			live:           func(b int32) bool { return c.isOnline(b, p.TopicPartition) },
			shuttingDown:   func(b int32) bool { return c.shuttingDown[b] && c.isOnlineOrShuttingDown(b, p.TopicPartition) },
			uncleanAllowed: unclean[p.Topic],
		}
		next, recipients, wasUnclean, ok := cand.elect(s)
		if !ok && !read && p.asOf < c.event {
			again = append(again, p)
			continue
		}
		if !ok {
			results[p.TopicPartition] = fmt.Errorf("%s, replicas %v, in sync %v: %w", p.TopicPartition, p.assignment.Replicas, cand.state.ISR, errNoCandidate)
			c.failed(p.TopicPartition, "partition was not elected", results[p.TopicPartition])
			if s == offlineStrategy || s == uncleanStrategy {
				c.sawOffline(p, cand.state)
			}
			if p.state == OnlinePartition && !c.isOnlineOrShuttingDown(cand.state.Leader, p.TopicPartition) {
				p.state = OfflinePartition // so that it is tried again; Kafka 2.5 forgets a partition that loses its leader in a reassignment
			}
			continue
		}
		if wasUnclean {
			c.log.WithFields(map[string]any{"topic": p.Topic, "partition": p.Partition, "broker": next.Leader}).
				Warn("elected a leader that was not in sync; records may be lost")
		}
		next.ControllerEpoch = c.epoch.Epoch
		writes = append(writes, zk.PartitionState{TopicPartition: p.TopicPartition, State: next})
		which = append(which, p)
		tell = append(tell, recipients)
		uncleanly = append(uncleanly, wasUnclean)
	}
	done, err := c.writeStates(which, writes)
	for i, p := range which {
		switch {
		case done[i] == nil:
			p.state = OnlinePartition
			before := states[p.TopicPartition]
			c.sawElection(p, &before, s, uncleanly[i])
			results[p.TopicPartition] = nil
			c.batch.leaderAndISRTo(c, tell[i], p, false)
		case errors.Is(done[i], zk.ErrBadVersion):
			again = append(again, p)
		default:
			results[p.TopicPartition] = done[i]
			c.failed(p.TopicPartition, "partition was not elected", done[i])
		}
	}
	return again, err
}

// writeStates writes records and takes those that were written into the context. The result has one
// error per partition.
// The context follows what was written even if a later write of the same call failed: what is in
// ZooKeeper is true.
func (c *core) writeStates(ps []*partition, writes []zk.PartitionState) ([]error, error) {
	done := make([]error, len(ps))
	if len(ps) == 0 {
		return done, nil
	}
	results, err := c.world.SetStates(c.epoch, writes)
	for i, p := range ps {
		if err != nil && (i >= len(results) || results[i].Err != nil || results[i].Version == 0) {
			done[i] = err
			continue
		}
		if done[i] = results[i].Err; done[i] == nil {
			state := writes[i].State
			state.ZKVersion = results[i].Version
			p.leadership, p.asOf = &state, c.event
		}
	}
	return done, err
}

// uncleanAllowed tells for which topics an unclean election is allowed, reading the configs only of
// those where it matters.
func (c *core) uncleanAllowed(ps []*partition, states map[model.TopicPartition]model.LeaderAndISR, s strategy) (map[string]bool, error) {
	allowed := map[string]bool{}
	if s != offlineStrategy && s != uncleanStrategy {
		return allowed, nil
	}
	var topics []string
	for _, p := range ps {
		clean := false
		for _, b := range states[p.TopicPartition].ISR {
			clean = clean || c.isOnline(b, p.TopicPartition)
		}
		if _, known := allowed[p.Topic]; !clean && !known {
			allowed[p.Topic] = s == uncleanStrategy
			topics = append(topics, p.Topic)
		}
	}
	if s == uncleanStrategy || len(topics) == 0 {
		return allowed, nil
	}
	overrides, err := c.world.Configs(zk.EntityTopics, topics)
	if err != nil {
		return nil, err
	}
	for _, t := range topics {
		value, ok := overrides[t][uncleanElectionKey]
		allowed[t] = isTrue(value) || !ok && c.settings.UncleanLeaderElection
	}
	return allowed, nil
}

// electOffline elects leaders for all New and Offline partitions of those topics, except topics
// being deleted.
// It is what every event ends with that may have made an election possible.
func (c *core) electOffline(of func(*topic) bool) error {
	tps := c.partitions(func(t *topic, p *partition) bool {
		return (p.state == NewPartition || p.state == OfflinePartition) && !t.queuedForDeletion && of(t)
	})
	_, err := c.bringOnline(tps, offlineStrategy)
	return err
}

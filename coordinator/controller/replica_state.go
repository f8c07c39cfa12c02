package controller

import (
	"errors"
	"fmt"
	"slices"

	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// replicaMoves is the replica state machine: to each state, from which ones it may be entered.
var replicaMoves = map[ReplicaState][]ReplicaState{
	NewReplica:                {NonExistentReplica},
	OnlineReplica:             {NewReplica, OnlineReplica, OfflineReplica, ReplicaDeletionIneligible},
	OfflineReplica:            {NewReplica, OnlineReplica, OfflineReplica, ReplicaDeletionIneligible},
	ReplicaDeletionStarted:    {OfflineReplica},
	ReplicaDeletionSuccessful: {ReplicaDeletionStarted},
	ReplicaDeletionIneligible: {OfflineReplica, ReplicaDeletionStarted},
	NonExistentReplica:        {ReplicaDeletionSuccessful},
}

// moveReplicas moves replicas to a state, with what has to happen outside, and sends the requests
// at the end.
// A move that the table does not have is logged and left out; the others happen. Brokers are
// handled in the order of their ids, one after the other, and the requests of all are sent together
// at the end.
func (c *core) moveReplicas(ids []ReplicaID, to ReplicaState) error {
	if len(ids) == 0 {
		return nil
	}
	byBroker := map[int32][]*partition{}
	for _, id := range ids {
		p := c.partition(id.TopicPartition)
		if p == nil {
			continue
		}
		from := p.replicaState(id.Broker)
		if !slices.Contains(replicaMoves[to], from) {
			c.failed(id.TopicPartition, "illegal replica state transition", fmt.Errorf("replica on broker %d from %s to %s", id.Broker, from, to))
			continue
		}
		byBroker[id.Broker] = append(byBroker[id.Broker], p)
	}
	brokers := make([]int32, 0, len(byBroker))
	for b := range byBroker {
		brokers = append(brokers, b)
	}
	for _, b := range sortedIDs(brokers) {
		if err := c.moveReplicasOf(b, byBroker[b], to); err != nil {
			return err
		}
	}
	c.batch.send(c)
	return nil
}

// moveReplicasOf moves replicas of one broker. The caller has checked the moves. What a state means
// outside is collected in the batch, but for the in-sync replicas, which are written here.
func (c *core) moveReplicasOf(broker int32, ps []*partition, to ReplicaState) error {
	switch to {
	case NewReplica:
		for _, p := range ps {
			if p.leadership != nil {
				if p.leadership.Leader == broker {
					c.failed(p.TopicPartition, "replica cannot be new", fmt.Errorf("broker %d leads the partition", broker))
					continue
				}
				c.batch.leaderAndISRTo(c, []int32{broker}, p, true)
			}
			p.setReplicaState(broker, to)
		}
	case OnlineReplica:
		for _, p := range ps {
			if p.replicaState(broker) == NewReplica {
				if !slices.Contains(p.assignment.Replicas, broker) {
					p.assignment.Replicas = append(slices.Clone(p.assignment.Replicas), broker)
				}
			} else if p.leadership != nil {
				c.batch.leaderAndISRTo(c, []int32{broker}, p, false)
			}
			p.setReplicaState(broker, to)
		}
	case OfflineReplica:
		return c.takeOffline(broker, ps)
	case ReplicaDeletionStarted:
		for _, p := range ps {
			p.setReplicaState(broker, to)
			c.batch.stopReplica(broker, p.TopicPartition, true)
		}
	case NonExistentReplica:
		for _, p := range ps {
			drop := func(list []int32) []int32 {
				if len(list) == 0 {
					return nil
				}
				return without(list, broker)
			}
			p.assignment = model.Assignment{
				Replicas: without(p.assignment.Replicas, broker), Adding: drop(p.assignment.Adding), Removing: drop(p.assignment.Removing),
			}
			p.setReplicaState(broker, to)
		}
	default: // ReplicaDeletionSuccessful, ReplicaDeletionIneligible
		for _, p := range ps {
			p.setReplicaState(broker, to)
		}
	}
	return nil
}

// takeOffline stops the replicas and takes them out of the in-sync replicas.
// The stop is collected first and sent in any case: a broker must not go on with a replica because
// ZooKeeper was slow. Partitions without a record have nothing to be taken out of.
func (c *core) takeOffline(broker int32, ps []*partition) error {
	var led []*partition
	var unled []model.TopicPartition
	for _, p := range ps {
		c.batch.stopReplica(broker, p.TopicPartition, false)
		if p.leadership != nil {
			led = append(led, p)
		} else {
			p.setReplicaState(broker, OfflineReplica)
			unled = append(unled, p.TopicPartition)
		}
	}
	if len(unled) > 0 {
		c.batch.updateMetadata(c, c.liveOrShuttingDown(), unled)
	}
	for read := false; len(led) > 0; read = true {
		again, err := c.removeFromISR(broker, led, read)
		if err != nil {
			return err
		}
		led = again
	}
	return nil
}

// removeFromISR does one round of conditional writing, with records from ZooKeeper if read is true,
// else where they will do with those of the context; again are those that somebody else has written
// meanwhile.
// A replica that is not in sync needs no write, but the leader may not know yet that it is offline,
// so the record is told again all the same.
func (c *core) removeFromISR(broker int32, ps []*partition, read bool) (again []*partition, err error) {
	states, err := c.records(ps, func(p *partition) bool {
		// Where the replica is not in sync, the leader may have taken it in since the record was
		// read.
		return !read && (p.asOf == c.event || slices.Contains(p.leadership.ISR, broker))
	})
	if err != nil {
		return nil, err
	}
	offline := func(p *partition) {
		p.setReplicaState(broker, OfflineReplica)
		if p.leadership.Leader < 0 && p.state == OnlinePartition {
			p.state = OfflinePartition // so that an election is tried again; Kafka 2.5 does that only when another broker fails
		}
		if !c.queuedForDeletion(p.Topic) {
			c.batch.leaderAndISRTo(c, without(p.assignment.Replicas, broker), p, false)
		}
	}
	var writes []zk.PartitionState
	var which []*partition
	for _, p := range ps {
		state, ok := states[p.TopicPartition]
		switch {
		case !ok:
			c.failed(p.TopicPartition, "replica was not taken out of the in-sync replicas", errors.New("the partition has no state in ZooKeeper"))
		case state.ControllerEpoch > c.epoch.Epoch:
			c.failed(p.TopicPartition, "replica was not taken out of the in-sync replicas",
				fmt.Errorf("state was written by controller epoch %d: %w", state.ControllerEpoch, kerr.StaleControllerEpoch))
		case !slices.Contains(state.ISR, broker):
			state.ControllerEpoch = c.epoch.Epoch
			p.leadership = &state
			offline(p)
		default:
			next := withoutReplica(state, broker)
			next.ControllerEpoch = c.epoch.Epoch
			writes = append(writes, zk.PartitionState{TopicPartition: p.TopicPartition, State: next})
			which = append(which, p)
		}
	}
	done, err := c.writeStates(which, writes)
	for i, p := range which {
		switch {
		case done[i] == nil:
			c.sawOutOfSync(p, broker, states[p.TopicPartition])
			offline(p)
		case errors.Is(done[i], zk.ErrBadVersion):
			again = append(again, p)
		default:
			c.failed(p.TopicPartition, "replica was not taken out of the in-sync replicas", done[i])
		}
	}
	return again, err
}

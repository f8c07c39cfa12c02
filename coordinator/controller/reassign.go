package controller

import (
	"errors"
	"fmt"
	"slices"

	"momus/coordinator/zk"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
)

// target is where a reassignment leads to: the replicas without those that are being removed.
func target(a model.Assignment) []int32 { return without(a.Replicas, a.Removing...) }

// origin is where a reassignment came from: the replicas without those that are being added.
func origin(a model.Assignment) []int32 { return without(a.Replicas, a.Adding...) }

// reassignTo is the assignment while the replicas move to want (KIP-455): want first, then what was
// there before and goes. It is also how a reassignment is cancelled (want is the origin) or
// replaced by another.
func reassignTo(a model.Assignment, want []int32) model.Assignment {
	from := origin(a)
	removing := without(from, want...)
	next := model.Assignment{Replicas: append(slices.Clone(want), removing...)}
	if adding := without(want, from...); len(adding) > 0 {
		next.Adding = adding
	}
	if len(removing) > 0 {
		next.Removing = removing
	}
	return next
}

func sameAssignment(a, b model.Assignment) bool {
	return slices.Equal(a.Replicas, b.Replicas) && slices.Equal(a.Adding, b.Adding) && slices.Equal(a.Removing, b.Removing)
}

func isReassigning(a model.Assignment) bool { return len(a.Adding)+len(a.Removing) > 0 }

// validTarget checks the replicas of a request: not empty, no duplicates, no negative ids, and live
// if they are new.
func (c *core) validTarget(a model.Assignment, want []int32) bool {
	if len(want) == 0 {
		return false
	}
	for i, b := range want {
		if b < 0 || slices.Contains(want[:i], b) {
			return false
		}
	}
	for _, b := range reassignTo(a, want).Adding {
		if !c.isLive(b) {
			return false
		}
	}
	return true
}

// alterReassignments serves AlterPartitionReassignments.
func (c *core) alterReassignments(ev *AlterReassignments) error {
	results := make([]ReassignmentResult, len(ev.Partitions))
	wanted := map[model.TopicPartition]model.Assignment{}
	for i, r := range ev.Partitions {
		results[i].TopicPartition = r.TopicPartition
		p := c.partition(r.TopicPartition)
		switch {
		case r.Replicas == nil && (p == nil || !isReassigning(p.assignment)):
			results[i].Err = kerr.NoReassignmentInProgress
		case p == nil || c.queuedForDeletion(r.Topic):
			results[i].Err = kerr.UnknownTopicOrPartition
		case r.Replicas == nil:
			wanted[r.TopicPartition] = reassignTo(p.assignment, origin(p.assignment))
		case !c.validTarget(p.assignment, r.Replicas):
			results[i].Err = kerr.InvalidReplicaAssignment
		default:
			wanted[r.TopicPartition] = reassignTo(p.assignment, r.Replicas)
		}
	}
	// A request replaces what /admin/reassign_partitions says about the same partitions.
	err := c.removeFromReassignNode(func(r zk.Reassignment) bool { _, ok := wanted[r.TopicPartition]; return ok })
	for i := range results {
		if a, ok := wanted[results[i].TopicPartition]; ok && err == nil && results[i].Err == nil {
			err = c.reassign(c.partition(results[i].TopicPartition), a)
			if refused := (*lossError)(nil); errors.As(err, &refused) {
				results[i].Err, err = refused.answer(), nil
			}
		}
	}
	if err != nil {
		reply(c, ev.Reply, nil, err)
		return err
	}
	reply(c, ev.Reply, results, nil)
	return nil
}

// listReassignments serves ListPartitionReassignments.
func (c *core) listReassignments(ev *ListReassignments) {
	running := map[model.TopicPartition]model.Assignment{}
	add := func(p *partition) {
		if p != nil && isReassigning(p.assignment) {
			running[p.TopicPartition] = p.assignment
		}
	}
	if ev.All {
		c.each(func(_ *topic, p *partition) { add(p) })
	}
	for _, tp := range ev.Partitions {
		add(c.partition(tp))
	}
	reply(c, ev.Reply, running, nil)
}

// reassignmentRequested serves /admin/reassign_partitions; it returns the partitions that it has
// started or resumed.
func (c *core) reassignmentRequested() (started map[model.TopicPartition]bool, err error) {
	started = map[model.TopicPartition]bool{}
	list, ok, err := c.world.Reassignments()
	if err != nil || !ok {
		return started, err
	}
	failed := map[model.TopicPartition]bool{}
	for _, r := range list {
		p := c.partition(r.TopicPartition)
		if p == nil || c.queuedForDeletion(r.Topic) || len(p.assignment.Replicas) == 0 {
			c.failed(r.TopicPartition, "reassignment was refused", kerr.UnknownTopicOrPartition)
			failed[r.TopicPartition] = true
			continue
		}
		replicas, err := c.requestedTarget(p.TopicPartition, p.assignment, r.Replicas)
		if err != nil {
			c.failed(r.TopicPartition, "reassignment was refused", err)
			failed[r.TopicPartition] = true
			continue
		}
		started[r.TopicPartition] = true
		err = c.reassign(p, reassignTo(p.assignment, replicas))
		if refused := (*lossError)(nil); errors.As(err, &refused) {
			c.failed(r.TopicPartition, "reassignment was refused", refused)
			failed[r.TopicPartition] = true
			continue
		}
		if err != nil {
			return started, err
		}
	}
	if len(failed) == 0 {
		return started, nil
	}
	return started, c.removeFromReassignNode(func(r zk.Reassignment) bool { return failed[r.TopicPartition] })
}

// reassignmentProgress checks whether the new replicas of a partition are in sync.
func (c *core) reassignmentProgress(tp model.TopicPartition) error {
	p := c.partition(tp)
	if p == nil || !c.reassigning[tp] {
		return nil
	}
	done, err := c.reassignmentComplete(p, p.assignment)
	if err != nil || !done {
		return err
	}
	return c.reassign(p, p.assignment)
}

// resumeReassignments continues running reassignments that ok accepts.
func (c *core) resumeReassignments(ok func(p *partition) bool) error {
	tps := c.partitions(func(_ *topic, p *partition) bool { return c.reassigning[p.TopicPartition] && ok(p) })
	for _, tp := range tps {
		if p := c.partition(tp); p != nil && c.reassigning[tp] {
			if err := c.reassign(p, p.assignment); err != nil {
				return err
			}
		}
	}
	return nil
}

// reassign starts, resumes or completes the reassignment of a partition (the letters are its
// phases).
func (c *core) reassign(p *partition, want model.Assignment) error {
	tp := p.TopicPartition
	c.markIneligible(tp.Topic)
	if err := c.setReassignment(p, want); err != nil { // U
		return err
	}
	done, err := c.reassignmentComplete(p, want)
	if err != nil {
		return err
	}
	if !done { // A
		if err := c.bumpEpoch(p, want.Replicas); err != nil {
			return err
		}
		return c.startAdding(p, want.Adding)
	}
	// B
	if err := c.moveReplicas(replicaIDs(tp, want.Adding), OnlineReplica); err != nil {
		return err
	}
	p.assignment = model.Assignment{Replicas: target(want)}
	if err := c.moveLeader(p); err != nil {
		return err
	}
	if l := p.leadership; len(want.Removing) > 0 && (l == nil || !slices.Contains(p.assignment.Replicas, l.Leader)) {
		// No target replica can lead, as they have fallen out of sync or shut down since. Kafka 2.5
		// goes on and takes the last replicas in sync away; here the reassignment waits for the
		// next change of the state or the return of a broker.
		p.assignment = want
		return nil
	}
	if err := c.dropReplicas(tp, want.Removing); err != nil {
		return err
	}
	if err := c.writeTopic(tp.Topic); err != nil {
		return err
	}
	if c.reassigning[tp] {
		c.world.UnwatchState(tp)
		delete(c.reassigning, tp)
		c.tell(p, journal.Entry{Kind: journal.ReassignmentDone, About: -1, To: p.assignment.Replicas})
		replicas := p.assignment.Replicas
		if err := c.removeFromReassignNode(func(r zk.Reassignment) bool {
			return r.TopicPartition == tp && slices.Equal(replicaSet(r.Replicas), replicas)
		}); err != nil {
			return err
		}
	}
	c.updateMetadata(c.liveOrShuttingDown(), []model.TopicPartition{tp})
	return c.resumeDeletionOf(map[string]bool{tp.Topic: true})
}

// setReassignment writes the wish to the topic's node, before anything else happens, and stops
// replicas that a former wish had added. It is refused with a *lossError, and nothing changes, when
// all replicas in sync are among those: Kafka 2.5 deletes them, and the records with them.
func (c *core) setReassignment(p *partition, want model.Assignment) error {
	before := p.assignment
	if !sameAssignment(before, want) {
		dropped := without(before.Replicas, want.Replicas...)
		if len(dropped) > 0 {
			if err := c.readStates([]model.TopicPartition{p.TopicPartition}); err != nil {
				return err
			}
			if p.losesAll(want) {
				return &lossError{dropped}
			}
		}
		c.sawReassignment(p, before, want)
		p.assignment = want
		if err := c.writeTopic(p.Topic); err != nil {
			p.assignment = before
			return err
		}
		if err := c.moveReplicas(replicaIDs(p.TopicPartition, dropped), OfflineReplica); err != nil {
			return err
		}
		if p.losesAll(want) { // meanwhile the leader has taken all others out
			c.sawReassignment(p, want, before)
			if err := c.takeBack(p, before, dropped); err != nil {
				return err
			}
			return &lossError{dropped}
		}
		if err := c.deleteReplicas(p.TopicPartition, dropped); err != nil {
			return err
		}
		p.assignment = want
	}
	c.reassigning[p.TopicPartition] = true
	c.world.WatchState(p.TopicPartition)
	return nil
}

// losesAll reports whether none of the wanted replicas is in sync.
func (p *partition) losesAll(want model.Assignment) bool {
	return p.leadership != nil && !slices.ContainsFunc(p.leadership.ISR, func(b int32) bool { return slices.Contains(want.Replicas, b) })
}

// takeBack makes replicas that were only stopped serve again, with the assignment as it was.
func (c *core) takeBack(p *partition, before model.Assignment, stopped []int32) error {
	p.assignment = before
	if err := c.writeTopic(p.Topic); err != nil {
		return err
	}
	live := slices.DeleteFunc(stopped, func(b int32) bool { return !c.isOnline(b, p.TopicPartition) })
	if err := c.moveReplicas(replicaIDs(p.TopicPartition, live), OnlineReplica); err != nil {
		return err
	}
	_, err := c.bringOnline([]model.TopicPartition{p.TopicPartition}, offlineStrategy)
	return err
}

// lossError refuses a reassignment that would delete all replicas in sync.
type lossError struct{ dropped []int32 }

func (e *lossError) Error() string {
	return fmt.Sprintf("brokers %v, whose replicas would be dropped, are the only ones in sync; "+
		"wait until another replica is, or name one of them", e.dropped)
}

// answer is what AlterPartitionReassignments says of it.
func (e *lossError) answer() error {
	return &kerr.Error{Code: kerr.InvalidReplicaAssignment.Code, Name: kerr.InvalidReplicaAssignment.Name, Message: e.Error()}
}

func (c *core) writeTopic(name string) error {
	as := zk.Assignments{}
	for id, p := range c.topics[name].partitions {
		as[id] = p.assignment
	}
	return c.world.SetTopicAsController(c.epoch, name, as)
}

// reassignmentComplete reads whether all target replicas are in sync, which also arms the watch of
// the state.
func (c *core) reassignmentComplete(p *partition, a model.Assignment) (bool, error) {
	if !isReassigning(a) {
		return true, nil
	}
	if err := c.readStates([]model.TopicPartition{p.TopicPartition}); err != nil {
		return false, err
	}
	if p.asOf < c.event {
		return false, nil // it has no state in ZooKeeper
	}
	for _, b := range target(a) {
		if !slices.Contains(p.leadership.ISR, b) {
			return false, nil
		}
	}
	return true, nil
}

// bumpEpoch raises the leader epoch, so that brokers accept a changed replica list, and tells them.
func (c *core) bumpEpoch(p *partition, recipients []int32) error {
	for {
		states, err := c.states([]model.TopicPartition{p.TopicPartition})
		if err != nil {
			return err
		}
		state, ok := states[p.TopicPartition]
		if !ok {
			c.failed(p.TopicPartition, "leader epoch was not raised", errors.New("the partition has no state in ZooKeeper"))
			return nil
		}
		if state.ControllerEpoch > c.epoch.Epoch {
			c.failed(p.TopicPartition, "leader epoch was not raised", kerr.StaleControllerEpoch)
			return nil
		}
		state.LeaderEpoch++
		state.ControllerEpoch = c.epoch.Epoch
		done, err := c.writeStates([]*partition{p}, []zk.PartitionState{{TopicPartition: p.TopicPartition, State: state}})
		switch {
		case err != nil:
			return err
		case done[0] == nil:
			c.batch.leaderAndISRTo(c, recipients, p, false)
			c.batch.send(c)
			return nil
		case !errors.Is(done[0], zk.ErrBadVersion):
			c.failed(p.TopicPartition, "leader epoch was not raised", done[0])
			return nil
		}
	}
}

// startAdding creates the new replicas. After a failover, or when a reassignment is resumed, they
// exist already.
func (c *core) startAdding(p *partition, adding []int32) error {
	var fresh []ReplicaID
	for _, b := range adding {
		if p.replicaState(b) == NonExistentReplica {
			fresh = append(fresh, ReplicaID{p.TopicPartition, b})
		}
	}
	return c.moveReplicas(fresh, NewReplica)
}

// moveLeader keeps a leader that stays, with a new epoch, or elects one of the target replicas.
func (c *core) moveLeader(p *partition) error {
	if p.leadership != nil && slices.Contains(p.assignment.Replicas, p.leadership.Leader) && c.isOnline(p.leadership.Leader, p.TopicPartition) {
		return c.bumpEpoch(p, p.assignment.Replicas)
	}
	_, err := c.bringOnline([]model.TopicPartition{p.TopicPartition}, reassignStrategy)
	return err
}

// dropReplicas stops and deletes replicas that are not wanted any more, without waiting for the
// outcome.
func (c *core) dropReplicas(tp model.TopicPartition, brokers []int32) error {
	if err := c.moveReplicas(replicaIDs(tp, brokers), OfflineReplica); err != nil {
		return err
	}
	return c.deleteReplicas(tp, brokers)
}

// deleteReplicas deletes replicas that were stopped.
func (c *core) deleteReplicas(tp model.TopicPartition, brokers []int32) error {
	ids := replicaIDs(tp, brokers)
	for _, to := range []ReplicaState{ReplicaDeletionStarted, ReplicaDeletionSuccessful, NonExistentReplica} {
		if err := c.moveReplicas(ids, to); err != nil {
			return err
		}
	}
	return nil
}

// removeFromReassignNode takes entries out of /admin/reassign_partitions. When that deletes the
// node, the watch that the read has set tells of it and thereby of a newer node.
func (c *core) removeFromReassignNode(drop func(zk.Reassignment) bool) error {
	list, ok, err := c.world.Reassignments()
	if err != nil || !ok {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(list), drop)
	if len(rest) == len(list) {
		return nil
	}
	return c.world.SetReassignments(c.epoch, rest)
}

func replicaIDs(tp model.TopicPartition, brokers []int32) []ReplicaID {
	ids := make([]ReplicaID, len(brokers))
	for i, b := range brokers {
		ids[i] = ReplicaID{tp, b}
	}
	return ids
}

package controller

import (
	"errors"
	"slices"

	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
)

// preferredElectionRequested serves /admin/preferred_replica_election: elect, then delete the node
// whatever the outcome.
func (c *core) preferredElectionRequested() error {
	tps, ok, err := c.world.PreferredElection()
	if err != nil || !ok {
		return err
	}
	_, err = c.bringOnline(c.notPreferred(tps), preferredStrategy)
	return c.endPreferredElection(err)
}

// pendingPreferredElections ends a failover. The node is deleted even if there is none, as Kafka
// does.
func (c *core) pendingPreferredElections() error {
	tps, _, err := c.world.PreferredElection()
	if err != nil {
		return err
	}
	_, err = c.bringOnline(c.notPreferred(tps), preferredStrategy)
	return c.endPreferredElection(err)
}

// endPreferredElection deletes the node; the watch that the read has set tells of the deletion and
// thereby of a newer node.
func (c *core) endPreferredElection(err error) error {
	if derr := c.world.DeletePreferredElection(c.epoch); err == nil {
		err = derr
	}
	return err
}

// notPreferred filters the partitions that exist, are not being deleted, and are not led by their
// preferred replica.
// A partition that is named twice is elected once.
func (c *core) notPreferred(tps []model.TopicPartition) []model.TopicPartition {
	seen := map[model.TopicPartition]bool{}
	return slices.DeleteFunc(slices.Clone(tps), func(tp model.TopicPartition) bool {
		p, twice := c.partition(tp), seen[tp]
		seen[tp] = true
		return twice || p == nil || c.queuedForDeletion(tp.Topic) || c.leaderIsPreferred(p)
	})
}

func (c *core) leaderIsPreferred(p *partition) bool {
	return p.leadership != nil && len(p.assignment.Replicas) > 0 && p.leadership.Leader == p.assignment.Replicas[0]
}

// electLeaders serves ElectLeaders.
// Partitions that need nothing are only mentioned if they were asked for by name. The answer comes
// when the elections are written, not when the brokers have heard of them.
func (c *core) electLeaders(ev *ElectLeaders) error {
	tps := ev.Partitions
	if ev.All {
		tps = c.partitions(func(*topic, *partition) bool { return true })
	}
	results := make([]ElectionResult, 0, len(tps))
	var elect []model.TopicPartition
	for _, tp := range tps {
		p := c.partition(tp)
		needed := false
		if p != nil {
			switch ev.Type {
			case PreferredElection:
				needed = !c.leaderIsPreferred(p)
			case UncleanElection:
				needed = p.leadership == nil || !c.isLive(p.leadership.Leader)
			}
		}
		switch {
		case p == nil:
			results = append(results, ElectionResult{tp, model.NoLeader, &kerr.Error{Code: kerr.UnknownTopicOrPartition.Code,
				Name: kerr.UnknownTopicOrPartition.Name, Message: "The partition does not exist."}})
		case c.queuedForDeletion(tp.Topic):
			results = append(results, ElectionResult{tp, model.NoLeader, &kerr.Error{Code: kerr.InvalidTopicException.Code,
				Name: kerr.InvalidTopicException.Name, Message: "The topic is being deleted"}})
		case needed:
			elect = append(elect, tp)
		case !ev.All:
			results = append(results, ElectionResult{tp, model.NoLeader, kerr.ElectionNotNeeded})
		}
	}
	s, none, name := preferredStrategy, kerr.PreferredLeaderNotAvailable, "PreferredReplicaPartitionLeaderElectionStrategy"
	if ev.Type == UncleanElection {
		s, none, name = uncleanStrategy, kerr.EligibleLeadersNotAvailable, "OfflinePartitionLeaderElectionStrategy(true)"
	}
	if len(elect) > 0 {
		c.because(journal.Entry{Kind: journal.ElectionRequested, About: -1, Reason: journal.ByRequest, Count: int64(len(elect))})
	}
	outcome, err := c.bringOnline(elect, s)
	if err != nil {
		reply(c, ev.Reply, nil, err)
		return err
	}
	for _, tp := range elect {
		r := ElectionResult{TopicPartition: tp, Leader: model.NoLeader, Err: outcome[tp]}
		p := c.partition(tp)
		switch {
		case errors.Is(r.Err, errNoCandidate), r.Err == nil && p.leadership == nil: // a new partition without a live replica
			r.Err = &kerr.Error{Code: none.Code, Name: none.Name, Retriable: none.Retriable,
				Message: "Failed to elect leader for partition " + tp.String() + " under strategy " + name}
		case r.Err == nil:
			r.Leader = p.leadership.Leader
		}
		results = append(results, r)
	}
	reply(c, ev.Reply, results, nil)
	return nil
}

// autoRebalance elects preferred leaders for the brokers that lead too few of the partitions that
// prefer them.
// While anything is being reassigned nobody is moved: the reassignment decides who leads.
func (c *core) autoRebalance() error {
	preferredBy := map[int32][]*partition{}
	c.each(func(t *topic, p *partition) {
		if !t.queuedForDeletion && len(p.assignment.Replicas) > 0 {
			b := p.assignment.Replicas[0]
			preferredBy[b] = append(preferredBy[b], p)
		}
	})
	brokers := make([]int32, 0, len(preferredBy))
	for b := range preferredBy {
		brokers = append(brokers, b)
	}
	for _, b := range sortedIDs(brokers) {
		var elsewhere []model.TopicPartition
		for _, p := range preferredBy[b] {
			if p.leadership != nil && p.leadership.Leader != b {
				elsewhere = append(elsewhere, p.TopicPartition)
			}
		}
		// Strictly more than the percentage.
		if len(elsewhere)*100 <= len(preferredBy[b])*c.settings.ImbalancePercentage {
			continue
		}
		candidates := slices.DeleteFunc(elsewhere, func(tp model.TopicPartition) bool {
			return !c.isOnline(b, tp) || len(c.reassigning) > 0
		})
		if _, err := c.bringOnline(candidates, preferredStrategy); err != nil {
			return err
		}
	}
	return nil
}

package controller

import (
	"slices"

	"momus/internal/model"
)

// strategy is how a leader is chosen.
type strategy int8

const (
	// offlineStrategy: the first assigned replica that is live and in sync; else, where unclean
	// elections are allowed, the first live one.
	offlineStrategy strategy = iota
	// uncleanStrategy is offlineStrategy with unclean elections allowed whatever the configs say.
	uncleanStrategy
	// reassignStrategy: the first of the target replicas that is live and in sync.
	reassignStrategy
	// preferredStrategy: the first assigned replica if it is live and in sync.
	preferredStrategy
	// shutdownStrategy: the first assigned replica that is in sync and not on a broker that is
	// shutting down.
	shutdownStrategy
)

// candidate is what an election of one partition looks at.
type candidate struct {
	assignment model.Assignment
	state      model.LeaderAndISR // as read from ZooKeeper
	// live are the replicas on live brokers and working disks; shuttingDown those on brokers that
	// are shutting down.
	live         func(broker int32) bool
	shuttingDown func(broker int32) bool
	// uncleanAllowed counts only when no replica in sync is live.
	uncleanAllowed bool
}

// elect chooses a leader and the new in-sync replicas. recipients are the brokers that have to be
// told by LeaderAndISR.
func (c *candidate) elect(s strategy) (next model.LeaderAndISR, recipients []int32, unclean, ok bool) {
	inSync := func(b int32) bool { return slices.Contains(c.state.ISR, b) }
	liveAndInSync := func(b int32) bool { return c.live(b) && inSync(b) }
	first := func(replicas []int32, accept func(int32) bool) (int32, bool) {
		if i := slices.IndexFunc(replicas, accept); i >= 0 {
			return replicas[i], true
		}
		return model.NoLeader, false
	}
	filter := func(replicas []int32, accept func(int32) bool) []int32 {
		return slices.DeleteFunc(slices.Clone(replicas), func(b int32) bool { return !accept(b) })
	}
	all := c.assignment.Replicas
	next = c.state
	next.LeaderEpoch++
	switch s {
	case offlineStrategy, uncleanStrategy:
		recipients = filter(all, c.live)
		if next.Leader, ok = first(all, liveAndInSync); ok {
			next.ISR = filter(c.state.ISR, c.live)
			return next, recipients, false, true
		}
		if c.uncleanAllowed && !slices.ContainsFunc(c.state.ISR, c.live) {
			if next.Leader, ok = first(all, c.live); ok {
				next.ISR = []int32{next.Leader}
				return next, recipients, true, true
			}
		}
	case reassignStrategy:
		recipients = c.assignment.Replicas
		if len(c.assignment.Removing) > 0 {
			recipients = without(all, c.assignment.Removing...)
		}
		next.Leader, ok = first(recipients, liveAndInSync)
	case preferredStrategy:
		recipients = all
		next.Leader, ok = first(all[:min(1, len(all))], liveAndInSync)
	case shutdownStrategy:
		liveOrLeaving := func(b int32) bool { return c.live(b) || c.shuttingDown(b) }
		recipients = filter(all, liveOrLeaving)
		staying := func(b int32) bool { return !c.shuttingDown(b) }
		next.Leader, ok = first(all, func(b int32) bool { return liveOrLeaving(b) && inSync(b) && staying(b) })
		next.ISR = filter(c.state.ISR, staying)
	}
	return next, recipients, false, ok
}

// withoutReplica takes a replica out of the in-sync replicas: it is not leader any more, and stays
// in sync only if it was the last one.
func withoutReplica(s model.LeaderAndISR, broker int32) model.LeaderAndISR {
	if s.Leader == broker {
		s.Leader = model.NoLeader
	}
	if len(s.ISR) > 1 {
		s.ISR = without(s.ISR, broker)
	}
	s.LeaderEpoch++
	return s
}

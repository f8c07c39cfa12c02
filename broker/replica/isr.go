package replica

import (
	"slices"
	"time"
)

// unknownOffset is the log end or start offset of a follower that has not fetched yet.
const unknownOffset int64 = -1

// follower is what the leader knows about one remote replica of a partition.
type follower struct {
	id             int32
	logEndOffset   int64 // offset of its last fetch; unknownOffset before the first
	logStartOffset int64 // as it said in its last fetch; unknownOffset before the first
	// lastCaughtUp is the last time at which the follower had everything that the leader had.
	lastCaughtUp time.Time
	// lastFetch and lastFetchLeaderEnd are the time of the last fetch and the leader's log end
	// offset then.
	lastFetch          time.Time
	lastFetchLeaderEnd int64
	// lastSentHighWatermark is the high watermark in the last answer to it (KIP-392).
	lastSentHighWatermark int64
}

// fetched records a fetch at offset, answered at now with the leader's log end and high watermark
// of that moment.
func (f *follower) fetched(offset, logStart, leaderEnd, highWatermark int64, now time.Time) {
	switch {
	case offset >= leaderEnd:
		f.caughtUpAt(now)
	case offset >= f.lastFetchLeaderEnd:
		f.caughtUpAt(f.lastFetch)
	}
	f.logEndOffset = offset
	f.logStartOffset = logStart
	f.lastFetch = now
	f.lastFetchLeaderEnd = leaderEnd
	f.lastSentHighWatermark = highWatermark
}

func (f *follower) caughtUpAt(t time.Time) {
	if t.After(f.lastCaughtUp) {
		f.lastCaughtUp = t
	}
}

// reset prepares the follower's state for a leadership that starts at now with the given log end.
// newLeader tells that this broker did not lead before, so that nothing is known about the
// follower's log.
func (f *follower) reset(leaderEnd int64, inSync, newLeader bool, now time.Time) {
	f.lastFetchLeaderEnd = leaderEnd
	f.lastFetch = now
	f.lastCaughtUp = time.Time{}
	if inSync {
		f.lastCaughtUp = now
	}
	if newLeader {
		f.logEndOffset, f.logStartOffset = unknownOffset, unknownOffset
		f.lastSentHighWatermark = 0
	}
}

// followersFor makes the followers of an assignment, keeping what is known about those that stay.
func followersFor(me int32, replicas []int32, old []follower) []follower {
	next := make([]follower, 0, len(replicas))
	for _, id := range replicas {
		if id == me || slices.ContainsFunc(next, func(f follower) bool { return f.id == id }) {
			continue
		}
		f := follower{id: id, logEndOffset: unknownOffset, logStartOffset: unknownOffset}
		if i := slices.IndexFunc(old, func(f follower) bool { return f.id == id }); i >= 0 {
			f = old[i]
		}
		next = append(next, f)
	}
	return next
}

// leaderHighWatermark is the high watermark that a leader may announce: the smallest log end offset
// of itself and of all replicas that are in sync, are about to be (pending) or caught up within
// maxLag. Negative when an in-sync follower is not known yet.
func leaderHighWatermark(leaderEnd int64, followers []follower, isr, pending []int32, now time.Time, maxLag time.Duration) int64 {
	hw := leaderEnd
	for i := range followers {
		f := &followers[i]
		if f.logEndOffset < hw &&
			(now.Sub(f.lastCaughtUp) <= maxLag || slices.Contains(isr, f.id) || slices.Contains(pending, f.id)) {
			hw = f.logEndOffset
		}
	}
	return hw
}

// canJoinISR tells whether a follower that is not in the ISR has what it needs to join: everything
// committed, and everything that the current leadership started with.
func canJoinISR(f *follower, isr []int32, highWatermark, epochStart int64) bool {
	return !slices.Contains(isr, f.id) && f.logEndOffset >= highWatermark && f.logEndOffset >= epochStart
}

// outOfSync lists the members of the ISR that have not been caught up for longer than maxLag. A
// follower at the leader's log end stays, however silent it is: the controller removes dead
// brokers.
func outOfSync(leaderEnd int64, followers []follower, isr []int32, now time.Time, maxLag time.Duration) []int32 {
	var out []int32
	for i := range followers {
		f := &followers[i]
		if slices.Contains(isr, f.id) && f.logEndOffset != leaderEnd && now.Sub(f.lastCaughtUp) > maxLag {
			out = append(out, f.id)
		}
	}
	return out
}

// without is isr without the given members, in order.
func without(isr, members []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(isr), func(id int32) bool { return slices.Contains(members, id) })
}

// lowWatermark is the smallest log start offset of the leader and its live followers; future is
// that of a copy on its way to another directory, negative when there is none. A live follower that
// has not fetched yet counts as unknown (-1).
func lowWatermark(leaderStart, future int64, followers []follower, alive func(id int32) bool) int64 {
	low := leaderStart
	if future >= 0 {
		low = min(low, future)
	}
	for i := range followers {
		if alive(followers[i].id) {
			low = min(low, followers[i].logStartOffset)
		}
	}
	return low
}

// candidate is a replica that a consumer could read from (KIP-392).
type candidate struct {
	id           int32
	rack         string
	logEndOffset int64
	lastCaughtUp time.Time
	leader       bool
}

// selectReplica is Kafka's RackAwareReplicaSelector: the leader if it is in the client's rack, else
// the most caught up replica in that rack (by log end offset, then by how recently it was caught
// up, then by lower id), else the leader.
func selectReplica(clientRack string, candidates []candidate) (id int32, found bool) {
	var best *candidate
	for i := range candidates {
		c := &candidates[i]
		if clientRack == "" || c.rack != clientRack {
			continue
		}
		if c.leader {
			return c.id, true
		}
		if best == nil || c.logEndOffset > best.logEndOffset ||
			c.logEndOffset == best.logEndOffset && (c.lastCaughtUp.After(best.lastCaughtUp) ||
				c.lastCaughtUp.Equal(best.lastCaughtUp) && c.id < best.id) {
			best = c
		}
	}
	if best != nil {
		return best.id, true
	}
	for i := range candidates {
		if candidates[i].leader {
			return candidates[i].id, true
		}
	}
	return 0, false
}

package replica

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"momus/broker/purgatory"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/rank"
	"momus/storage/log"
)

// Partition is a replica on this broker.
type Partition struct {
	m  *Manager
	tp model.TopicPartition

	// offline tells that the disk below has failed, or that its log could not be created: every
	// request gets KAFKA_STORAGE_ERROR.
	offline atomic.Bool

	// role is never nil; a role is not changed but replaced, under mu.
	role atomic.Pointer[role]
	// mu is read-held while records are appended and offsets recorded, so that a role cannot end in
	// the middle of it, and write-held to replace the role.
	mu rank.RWMutex[rank.Partition]

	// queue is what waits to be appended while this broker leads.
	queue appendQueue

	// progress guards what a leader knows about its followers.
	progress struct {
		rank.Mutex[rank.PartitionProgress]
		followers []follower
		// pending is the ISR that is being written to ZooKeeper, nil if none is.
		pending *isrChange
		// retryISRAt is the earliest time for the next write after one has failed.
		retryISRAt time.Time
	}

	// throttledBy is what the topic's configuration says about throttling; nil before the first
	// look.
	throttledBy atomic.Pointer[throttled]

	// What requests wait for. logEnd: followers; highWatermark: consumers and acks=all; lastStable:
	// read_committed consumers; lowWater: DeleteRecords.
	logEnd, highWatermark, lastStable, lowWater purgatory.Point
}

// role is what the controller last made of a replica. It is immutable.
type role struct {
	// log is nil until the replica has one; future is the copy on its way to another directory, or
	// nil.
	log, future *log.Log

	leader          int32
	leading         bool
	leaderEpoch     int32
	controllerEpoch int32
	zkVersion       int32
	isr             []int32 // empty on followers
	replicas        []int32
	adding          []int32
	removing        []int32
	// ledSince is the leader epoch at which this broker last became leader after it had not been:
	// later epochs that go on with it as leader keep it, and nothing of the log was taken away
	// since.
	ledSince int32
	// epochStart is the log end offset at which the current leadership began; -1 on followers.
	epochStart int64
}

func newPartition(m *Manager, tp model.TopicPartition) *Partition {
	p := &Partition{m: m, tp: tp}
	p.role.Store(&role{leader: model.NoLeader, leaderEpoch: model.NoEpoch, epochStart: -1})
	return p
}

// TopicPartition is the partition's name.
func (p *Partition) TopicPartition() model.TopicPartition { return p.tp }

// Log is the partition's log; nil if it has none yet or its disk has failed.
func (p *Partition) Log() *log.Log {
	if p.offline.Load() {
		return nil
	}
	return p.role.Load().log
}

// State is a view of a partition for metrics and tests.
type State struct {
	Leader, LeaderEpoch int32
	Leading, Offline    bool
	ISR, Replicas       []int32 // shared: read only
	Adding, Removing    []int32
}

// State returns the present role.
func (p *Partition) State() State {
	r := p.role.Load()
	return State{Leader: r.leader, LeaderEpoch: r.leaderEpoch, Leading: r.leading, Offline: p.offline.Load(), ISR: r.isr,
		Replicas: r.replicas, Adding: r.adding, Removing: r.removing}
}

// checkEpoch compares the leader epoch that a client believes in with ours (KIP-320); model.NoEpoch
// is not checked.
func (r *role) checkEpoch(current int32) error {
	switch {
	case current == model.NoEpoch || current == r.leaderEpoch:
		return nil
	case current < r.leaderEpoch:
		return kerr.FencedLeaderEpoch
	}
	return kerr.UnknownLeaderEpoch
}

// logFor is the log to serve a request from: the epoch is checked first, then leadership.
func (r *role) logFor(currentEpoch int32, leaderOnly bool) (*log.Log, error) {
	if err := r.checkEpoch(currentEpoch); err != nil {
		return nil, err
	}
	if leaderOnly && !r.leading {
		return nil, kerr.NotLeaderForPartition
	}
	if r.log == nil {
		return nil, kerr.ReplicaNotAvailable
	}
	return r.log, nil
}

// wakeAll makes every waiting request look again, after the role has changed.
func (p *Partition) wakeAll() {
	p.logEnd.WakeAll()
	p.highWatermark.WakeAll()
	p.lastStable.WakeAll()
	p.lowWater.WakeAll()
}

// published wakes who waited for the log's present offsets.
func (p *Partition) published(l *log.Log) {
	p.logEnd.Advance(l.LogEndOffset())
	p.highWatermark.Advance(l.HighWatermark())
	p.lastStable.Advance(l.LastStableOffset())
}

// raiseHighWatermark recomputes the high watermark of a leader and wakes who waited for it. The
// caller holds mu at least for reading and r is the present role.
func (p *Partition) raiseHighWatermark(r *role) {
	if p.moveHighWatermark(r) {
		p.wakeCommitted(r.log)
	}
}

// wakeCommitted wakes who waited for the present high watermark.
func (p *Partition) wakeCommitted(l *log.Log) {
	p.highWatermark.Advance(l.HighWatermark())
	p.lastStable.Advance(l.LastStableOffset())
}

// moveHighWatermark is raiseHighWatermark without waking; it tells whether there is something to
// wake for.
func (p *Partition) moveHighWatermark(r *role) bool {
	hw := r.log.LogEndOffset()
	if len(r.replicas) > 1 {
		hw = p.replicatedUpTo(r, hw)
	}
	return hw > r.log.HighWatermark() && r.log.MaybeIncrementHighWatermark(hw)
}

// replicatedUpTo is the offset up to which the in-sync replicas have what this leader has up to
// end.
func (p *Partition) replicatedUpTo(r *role, end int64) int64 {
	p.progress.Lock()
	defer p.progress.Unlock()
	if len(p.progress.followers) == 0 {
		return end
	}
	var pending []int32
	if p.progress.pending != nil {
		pending = p.progress.pending.isr
	}
	return leaderHighWatermark(end, p.progress.followers, r.isr, pending, p.m.now(), p.m.maxLag())
}

// followerFetched records a follower's fetch on the leader: its position, whether it caught up,
// whether it may join the ISR, and what that does to the high and low watermarks. It returns false
// if the replica is not assigned. r is the role that the fetch was answered under; if it has ended,
// nothing is recorded. raised is the log whose high watermark has moved, nil if it has not: the
// caller calls wakeCommitted.
func (p *Partition) followerFetched(r *role, id int32, offset, logStart, leaderEnd, highWatermark int64, now time.Time) (raised *log.Log, assigned bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.role.Load() != r {
		// A new ISR replaces the role too; the same leadership goes on.
		next := p.role.Load()
		if !next.leading || next.leaderEpoch != r.leaderEpoch {
			return nil, slices.Contains(r.replicas, id)
		}
		r = next
	}
	moved, startMoved, change, assigned := p.noteFetch(r, id, offset, logStart, leaderEnd, highWatermark, now)
	if !assigned {
		return nil, false
	}
	if change != nil {
		p.m.isrWriter.submit(change)
	}
	if moved && p.moveHighWatermark(r) {
		raised = r.log
	}
	if startMoved {
		p.lowWater.Advance(p.lowWatermark(r))
	}
	return raised, true
}

// noteFetch enters a follower's fetch into its progress: whether its log end and its log start have
// moved, and the larger ISR to be written if it has caught up.
func (p *Partition) noteFetch(r *role, id int32, offset, logStart, leaderEnd, highWatermark int64, now time.Time) (moved, startMoved bool, change *isrChange, assigned bool) {
	p.progress.Lock()
	defer p.progress.Unlock()
	i := slices.IndexFunc(p.progress.followers, func(f follower) bool { return f.id == id })
	if i < 0 {
		return false, false, nil, false
	}
	f := &p.progress.followers[i]
	moved, startMoved = f.logEndOffset != offset, f.logStartOffset != logStart
	f.fetched(offset, logStart, leaderEnd, highWatermark, now)
	if p.progress.pending == nil && canJoinISR(f, r.isr, r.log.HighWatermark(), r.epochStart) && !now.Before(p.progress.retryISRAt) {
		change = p.proposeLocked(r, append(slices.Clone(r.isr), id))
	}
	return moved, startMoved, change, true
}

// lastSentHighWatermark is the high watermark that was last sent to a follower; larger than any if
// it is not one.
func (p *Partition) lastSentHighWatermark(id int32) int64 {
	p.progress.Lock()
	defer p.progress.Unlock()
	for i := range p.progress.followers {
		if f := &p.progress.followers[i]; f.id == id {
			return f.lastSentHighWatermark
		}
	}
	return math.MaxInt64 - 1
}

// sentHighWatermark remembers the high watermark that a follower was told, so that a follower
// without news gets it when it moves.
func (p *Partition) sentHighWatermark(id int32, hw int64) {
	p.progress.Lock()
	defer p.progress.Unlock()
	for i := range p.progress.followers {
		if f := &p.progress.followers[i]; f.id == id {
			f.lastSentHighWatermark = max(f.lastSentHighWatermark, hw)
		}
	}
}

// lowWatermark is the smallest log start offset of the live replicas.
func (p *Partition) lowWatermark(r *role) int64 {
	snapshot := p.m.opts.Metadata.Snapshot()
	future := int64(-1)
	if r.future != nil {
		future = r.future.LogStartOffset()
	}
	p.progress.Lock()
	defer p.progress.Unlock()
	return lowWatermark(r.log.LogStartOffset(), future, p.progress.followers, snapshot.IsAlive)
}

package replica

import (
	"context"
	"time"

	"momus/broker/purgatory"
	"momus/internal/model"
	"momus/storage/log"
)

// Replica ids in requests that are no broker's.
const (
	ConsumerID      int32 = -1 // an ordinary consumer
	DebuggingID     int32 = -2 // a consumer that reads any replica
	futureReplicaID int32 = -3 // this broker's own copy to another directory
)

// firstVersionWithRack is the Fetch version from which consumers may read from any replica
// (KIP-392).
const firstVersionWithRack = 11

// FetchParams are the parts of a Fetch request that hold for all its partitions.
type FetchParams struct {
	// ReplicaID is the follower's broker id, or ConsumerID or DebuggingID.
	ReplicaID int32
	MaxWait   time.Duration
	MinBytes  int
	// MaxBytes limits the answer: the request's, fetch.max.bytes and quotas.
	MaxBytes int
	// HardLimit is the rule of v0-2: limits hold even for the first batch, which may come back cut.
	HardLimit bool
	// Isolation is log.UpToHighWatermark or log.UpToLastStable for consumers; followers read to the
	// log end whatever it says.
	Isolation  log.Isolation
	Version    int16
	ClientRack string
	ClientID   string
	ClientHost string
}

func (p *FetchParams) fromFollower() bool { return p.ReplicaID >= 0 }

// FetchPartition is one partition of a Fetch request.
type FetchPartition struct {
	TP                 model.TopicPartition
	FetchOffset        int64
	LogStartOffset     int64 // a follower's own; -1 from consumers
	MaxBytes           int32
	CurrentLeaderEpoch int32 // model.NoEpoch when not given
}

// FetchResult is the answer for one partition. The caller releases Records when it has sent them.
// After an error all offsets are -1.
type FetchResult struct {
	TP                   model.TopicPartition
	Err                  error
	HighWatermark        int64
	LastStableOffset     int64
	LogStartOffset       int64
	PreferredReadReplica int32            // -1: read here
	Aborted              []log.AbortedTxn // nil unless the consumer reads committed
	Records              log.FileRange
}

// fetchState is what a fetch remembers of a partition between reading and waiting: it need not read
// again before one of these changed.
type fetchState struct {
	p     *Partition
	role  *role
	bound int64 // log end, high watermark or last stable offset: up to where it may read
	end   int64 // the leader's log end, for followers
}

// Fetch reads the partitions in order and answers at once if it has something to say: MinBytes, an
// error, no time to wait, and where consumers read from followers a high watermark that the
// follower does not know. Otherwise it waits up to MaxWait for that and reads again. Every result's
// Records must be released.
func (m *Manager) Fetch(ctx context.Context, params FetchParams, parts []FetchPartition) []FetchResult {
	op := fetchOp{m: m, params: &params, parts: parts, results: make([]FetchResult, len(parts)), states: make([]fetchState, len(parts))}
	params.MinBytes = min(params.MinBytes, params.MaxBytes)
	// Only where consumers read from followers (KIP-392) it matters when these learn of it.
	// Elsewhere it comes with the next records, or when the wait ends: answering for it alone would
	// double the fetches.
	op.tellHighWatermark = params.fromFollower() && m.opts.Settings().Selector
	op.read()
	if params.fromFollower() {
		op.recordFollower()
	}
	if params.MaxWait <= 0 || len(parts) == 0 || op.satisfied() {
		op.countThrottled()
		return op.results
	}
	keys := len(parts)
	if op.tellHighWatermark {
		keys *= 2
	}
	w := m.fetch.New(keys)
	defer w.Close()
	for i := range op.states {
		op.watch(w, i)
	}
	w.Wait(ctx, params.MaxWait, func() bool {
		if !op.moved() {
			return false
		}
		op.release()
		op.read()
		return op.satisfied()
	})
	// Everything is read again, so that also an expired fetch returns what there is; what has not
	// moved costs nothing.
	if op.moved() {
		op.release()
		op.read()
	}
	if params.fromFollower() {
		op.recordSent()
		op.countThrottled()
	}
	return op.results
}

// fetchOp is one Fetch in progress.
type fetchOp struct {
	m       *Manager
	params  *FetchParams
	parts   []FetchPartition
	results []FetchResult
	states  []fetchState
	// tellHighWatermark tells that a follower is to hear of a new high watermark at once.
	tellHighWatermark bool
	// bytes is the size of what was read; answer tells that it is reason enough to answer at once.
	bytes  int
	answer bool
}

func (op *fetchOp) satisfied() bool { return op.answer || op.bytes >= op.params.MinBytes }

func (op *fetchOp) release() {
	for i := range op.results {
		op.results[i].Records.Release()
		op.results[i].Records = log.FileRange{}
	}
}

// read fills results and states, and decides whether they are reason enough to answer: an error, a
// high watermark that the follower does not know, a reader in an older segment. The first partition
// with data may exceed its limits by one batch, unless limits are hard.
func (op *fetchOp) read() {
	op.bytes, op.answer = 0, false
	left := op.params.MaxBytes
	for i := range op.parts {
		result, state := &op.results[i], &op.states[i]
		*result = FetchResult{TP: op.parts[i].TP, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1, PreferredReadReplica: -1}
		older, err := op.readPartition(&op.parts[i], result, state, left)
		if err != nil {
			result.Err = err
			result.HighWatermark, result.LastStableOffset, result.LogStartOffset = -1, -1, -1
			op.answer = true
			continue
		}
		if state.p != nil && op.tellHighWatermark && state.p.lastSentHighWatermark(op.params.ReplicaID) < result.HighWatermark {
			op.answer = true
		}
		n := result.Records.Len()
		op.bytes += n
		left = max(0, left-n)
		if older {
			op.answer = true
		}
	}
}

// readPartition reads one partition; older tells that the read began in a segment before that of
// its upper bound.
func (op *fetchOp) readPartition(part *FetchPartition, result *FetchResult, state *fetchState, left int) (older bool, err error) {
	*state = fetchState{}
	leaderOnly := op.params.fromFollower() || op.params.ReplicaID != futureReplicaID && op.params.Version < firstVersionWithRack
	p, err := op.m.partition(part.TP, leaderOnly)
	if err != nil {
		return false, err
	}
	state.p = p
	for {
		r := p.role.Load()
		state.role = r
		older, err = op.readRole(p, r, part, result, state, left, leaderOnly)
		if p.role.Load() == r || err == nil && sameLeadership(r, p.role.Load()) {
			return older, err
		}
		// The role has changed meanwhile: what was read may have been truncated. Look again.
		result.Records.Release()
		result.Records = log.FileRange{}
	}
}

func sameLeadership(a, b *role) bool {
	return a.log == b.log && a.leaderEpoch == b.leaderEpoch && a.leading == b.leading
}

// readRole reads one partition under the role that it has now. Followers and moves between
// directories read to the end of the log, consumers to what is replicated or decided.
func (op *fetchOp) readRole(p *Partition, r *role, part *FetchPartition, result *FetchResult, state *fetchState, left int, leaderOnly bool) (bool, error) {
	l, err := r.logFor(part.CurrentLeaderEpoch, leaderOnly)
	if err != nil {
		return false, err
	}
	isolation := op.params.Isolation
	if op.params.fromFollower() || op.params.ReplicaID == futureReplicaID {
		isolation = log.UpToLogEnd
	} else if isolation == log.UpToLogEnd {
		isolation = log.UpToHighWatermark
	}
	// The bound is taken before the other offsets are: progress made in between is seen as
	// movement.
	state.end = l.LogEndOffset()
	state.bound = boundOf(l, isolation)
	result.HighWatermark = l.HighWatermark()
	result.LastStableOffset = l.LastStableOffset()
	result.LogStartOffset = l.LogStartOffset()
	if op.params.Version >= firstVersionWithRack && !op.params.fromFollower() && op.params.ReplicaID != futureReplicaID && r.leading {
		if id, ok := op.m.preferredReplica(p, r, op.params.ClientRack, part.FetchOffset); ok {
			result.PreferredReadReplica = id
			return false, nil
		}
	}
	if part.FetchOffset == state.bound && part.FetchOffset >= result.LogStartOffset {
		if isolation == log.UpToLastStable {
			result.Aborted = noAborted
		}
		return false, nil // the usual answer for somebody who is up to date
	}
	maxBytes := max(0, min(int(part.MaxBytes), left))
	minOne := !op.params.HardLimit && op.bytes == 0
	read, err := l.Read(part.FetchOffset, maxBytes, isolation, minOne)
	if err != nil {
		return false, err
	}
	result.Records = read.Records
	result.Aborted = read.Aborted
	result.HighWatermark = read.HighWatermark
	result.LastStableOffset = read.LastStableOffset
	result.LogStartOffset = read.LogStartOffset
	if read.FirstBatchIncomplete && !op.params.HardLimit {
		result.Records.Release()
		result.Records = log.FileRange{}
	}
	if op.params.fromFollower() && p.leaderThrottled(r, op.params.ReplicaID) {
		result.Records.Release()
		result.Records = log.FileRange{}
		return false, nil
	}
	return read.StartedInOlderSegment, nil
}

// noAborted says "none" where nil would say "not asked".
var noAborted = []log.AbortedTxn{}

// boundOf is the offset that a reader of this isolation may not pass.
func boundOf(l *log.Log, isolation log.Isolation) int64 {
	switch isolation {
	case log.UpToLastStable:
		return l.LastStableOffset()
	case log.UpToHighWatermark:
		return l.HighWatermark()
	}
	return l.LogEndOffset()
}

// watch subscribes to what would make the partition worth reading again.
func (op *fetchOp) watch(w *purgatory.Waiter, i int) {
	p, offset := op.states[i].p, op.parts[i].FetchOffset
	if p == nil {
		return
	}
	switch {
	case op.params.fromFollower():
		w.Watch(&p.logEnd, offset+1)
		if op.tellHighWatermark {
			w.Watch(&p.highWatermark, p.lastSentHighWatermark(op.params.ReplicaID)+1)
		}
	case op.params.Isolation == log.UpToLastStable:
		w.Watch(&p.lastStable, offset+1)
	default:
		w.Watch(&p.highWatermark, offset+1)
	}
}

// moved tells whether any partition has changed since it was read.
func (op *fetchOp) moved() bool {
	for i := range op.states {
		s := &op.states[i]
		if s.p == nil {
			continue
		}
		if s.p.offline.Load() || s.p.role.Load() != s.role {
			return true
		}
		l := s.role.log
		if l == nil {
			continue
		}
		if op.params.fromFollower() {
			if l.LogEndOffset() != s.end || s.p.lastSentHighWatermark(op.params.ReplicaID) < l.HighWatermark() {
				return true
			}
		} else if boundOf(l, op.params.Isolation) != s.bound {
			return true
		}
	}
	return false
}

// recordFollower tells each partition where the follower is. A replica that is not assigned gets
// nothing, without an error.
func (op *fetchOp) recordFollower() {
	now := op.m.now()
	// A request with acks=all mostly waits for several partitions: it is woken when all of them are
	// done.
	var raised [wakeTogether]struct {
		p   *Partition
		log *log.Log
	}
	n := 0
	wake := func() {
		for _, r := range raised[:n] {
			r.p.wakeCommitted(r.log)
		}
		n = 0
	}
	defer wake()
	for i := range op.results {
		result, s := &op.results[i], &op.states[i]
		if result.Err != nil || s.p == nil {
			continue
		}
		part := &op.parts[i]
		l, assigned := s.p.followerFetched(s.role, op.params.ReplicaID, part.FetchOffset, part.LogStartOffset, s.end, result.HighWatermark, now)
		if l != nil {
			raised[n].p, raised[n].log = s.p, l
			if n++; n == len(raised) {
				wake()
			}
		}
		if !assigned {
			op.bytes -= result.Records.Len()
			result.Records.Release()
			result.Records = log.FileRange{}
		}
	}
}

// countThrottled counts what followers are sent of throttled partitions.
func (op *fetchOp) countThrottled() {
	if !op.params.fromFollower() {
		return
	}
	bytes := 0
	for i := range op.results {
		if n, s := op.results[i].Records.Len(), &op.states[i]; n > 0 && s.p != nil && s.role.log != nil && s.p.throttled(s.role.log).leader {
			bytes += n
		}
	}
	if bytes > 0 {
		op.m.throttles.leader.Record(op.m.now(), bytes)
	}
}

// recordSent remembers which high watermarks the follower is told.
func (op *fetchOp) recordSent() {
	for i := range op.results {
		if s := &op.states[i]; s.p != nil && op.results[i].Err == nil {
			s.p.sentHighWatermark(op.params.ReplicaID, op.results[i].HighWatermark)
		}
	}
}

// preferredReplica finds another replica that a consumer had better read from (KIP-392).
func (m *Manager) preferredReplica(p *Partition, r *role, rack string, offset int64) (int32, bool) {
	if rack == "" || !m.opts.Settings().Selector {
		return 0, false
	}
	snapshot := m.opts.Metadata.Snapshot()
	candidates := make([]candidate, 0, len(r.replicas))
	if b := snapshot.Brokers[m.id]; b != nil {
		candidates = append(candidates, candidate{id: m.id, rack: b.Rack, logEndOffset: r.log.LogEndOffset(), lastCaughtUp: m.now(), leader: true})
	}
	p.progress.Lock()
	for i := range p.progress.followers {
		f := &p.progress.followers[i]
		b := snapshot.Brokers[f.id]
		if b != nil && f.logStartOffset <= offset && offset <= f.logEndOffset {
			candidates = append(candidates, candidate{id: f.id, rack: b.Rack, logEndOffset: f.logEndOffset, lastCaughtUp: f.lastCaughtUp})
		}
	}
	p.progress.Unlock()
	id, ok := selectReplica(rack, candidates)
	return id, ok && id != m.id
}

// ReadLocal reads a led partition up to its log end, for a coordinator that loads its state: whole
// batches, at least one if there is one. The caller releases the range.
func (m *Manager) ReadLocal(tp model.TopicPartition, offset int64, maxBytes int) (log.FileRange, error) {
	return m.readToLogEnd(tp, true, offset, maxBytes)
}

// LogBounds are the log start, high watermark and log end offsets of a led partition.
func (m *Manager) LogBounds(tp model.TopicPartition) (start, highWatermark, end int64, err error) {
	p, err := m.partition(tp, true)
	if err != nil {
		return 0, 0, 0, err
	}
	l, err := p.role.Load().logFor(model.NoEpoch, true)
	if err != nil {
		return 0, 0, 0, err
	}
	return l.LogStartOffset(), l.HighWatermark(), l.LogEndOffset(), nil
}

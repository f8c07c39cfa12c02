package replica

import (
	"context"
	"time"

	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/log"
)

// ListOffsetQuery asks for one offset of a partition (ListOffsets v1 and later).
type ListOffsetQuery struct {
	TP                 model.TopicPartition
	Timestamp          int64 // ms; log.LatestTimestamp, log.EarliestTimestamp
	ReplicaID          int32 // ConsumerID, DebuggingID (any replica answers) or a broker
	ReadCommitted      bool  // consumers only: up to the last stable offset
	CurrentLeaderEpoch int32 // model.NoEpoch when not given
}

// ListOffset answers ListOffsets: found is false when no record is that young. While a fresh
// leader's high watermark is behind the start of its epoch, consumers get OFFSET_NOT_AVAILABLE
// where the answer could be one that they have seen exceeded.
func (m *Manager) ListOffset(q ListOffsetQuery) (answer log.TimestampOffset, found bool, err error) {
	l, r, err := m.logForOffsets(q.TP, q.CurrentLeaderEpoch, q.ReplicaID)
	if err != nil {
		return answer, false, err
	}
	consumer := q.ReplicaID == ConsumerID
	last := lastFetchable(l, consumer, q.ReadCommitted)
	lagging := consumer && r.epochStart > l.HighWatermark()
	switch q.Timestamp {
	case log.LatestTimestamp:
		if lagging {
			return answer, false, kerr.OffsetNotAvailable
		}
		return log.TimestampOffset{Timestamp: -1, Offset: last, LeaderEpoch: r.leaderEpoch}, true, nil
	case log.EarliestTimestamp:
		return l.OffsetForTimestamp(q.Timestamp)
	}
	answer, found, err = l.OffsetForTimestamp(q.Timestamp)
	if err != nil || found && answer.Offset < last {
		return answer, found, err
	}
	if lagging {
		return log.TimestampOffset{}, false, kerr.OffsetNotAvailable
	}
	return log.TimestampOffset{}, false, nil
}

// LegacyListOffset answers ListOffsets v0: at most maxOffsets offsets of segments that are older
// than timestamp, newest first.
func (m *Manager) LegacyListOffset(tp model.TopicPartition, timestamp int64, maxOffsets int, replicaID int32) ([]int64, error) {
	l, _, err := m.logForOffsets(tp, model.NoEpoch, replicaID)
	if err != nil {
		return nil, err
	}
	offsets := l.LegacyOffsetsBefore(timestamp, maxOffsets)
	if replicaID != ConsumerID {
		return offsets, nil
	}
	// Consumers must not learn of offsets above the high watermark: those are replaced by it, once.
	hw := l.HighWatermark()
	for i, o := range offsets {
		if o <= hw {
			if i == 0 {
				return offsets, nil
			}
			return append([]int64{hw}, offsets[i:]...), nil
		}
	}
	if len(offsets) > 0 {
		return []int64{hw}, nil
	}
	return offsets, nil
}

// logForOffsets is the log to look in; only a client for debugging may ask a follower.
func (m *Manager) logForOffsets(tp model.TopicPartition, epoch, replicaID int32) (*log.Log, *role, error) {
	leaderOnly := replicaID != DebuggingID
	p, err := m.partition(tp, leaderOnly)
	if err != nil {
		return nil, nil, err
	}
	r := p.role.Load()
	l, err := r.logFor(epoch, leaderOnly)
	return l, r, err
}

// lastFetchable is the latest offset for whoever asks.
func lastFetchable(l *log.Log, consumer, committed bool) int64 {
	switch {
	case !consumer:
		return l.LogEndOffset()
	case committed:
		return l.LastStableOffset()
	}
	return l.HighWatermark()
}

// OffsetForLeaderEpoch answers where a leader epoch ends in the leader's log (KIP-101): (-1, -1) if
// it does not know the epoch.
func (m *Manager) OffsetForLeaderEpoch(tp model.TopicPartition, currentLeaderEpoch, leaderEpoch int32) (epoch int32, endOffset int64, err error) {
	p, err := m.partition(tp, true)
	if err != nil {
		return -1, -1, err
	}
	l, err := p.role.Load().logFor(currentLeaderEpoch, true)
	if err != nil {
		return -1, -1, err
	}
	epoch, endOffset = l.EndOffsetForEpoch(leaderEpoch)
	return epoch, endOffset, nil
}

// DeleteRecordsEntry asks that everything below Offset of a partition go; -1 means the high
// watermark.
type DeleteRecordsEntry struct {
	TP     model.TopicPartition
	Offset int64
}

// DeleteRecordsResult is the outcome for one partition. LowWatermark is -1 after an error, except a
// timeout.
type DeleteRecordsResult struct {
	TP           model.TopicPartition
	LowWatermark int64
	Err          error
}

// DeleteRecords raises log start offsets and waits until the live replicas of each partition have
// followed (KIP-107).
func (m *Manager) DeleteRecords(ctx context.Context, entries []DeleteRecordsEntry, timeout time.Duration) []DeleteRecordsResult {
	type wait struct {
		p      *Partition
		index  int
		offset int64
	}
	results := make([]DeleteRecordsResult, len(entries))
	var waits []wait
	for i, e := range entries {
		p, err := m.partition(e.TP, true)
		var offset, low int64
		if err == nil {
			offset, low, err = p.deleteRecords(e.Offset)
		}
		if err != nil {
			results[i] = DeleteRecordsResult{TP: e.TP, LowWatermark: -1, Err: err}
			continue
		}
		results[i] = DeleteRecordsResult{TP: e.TP, LowWatermark: low}
		if low < offset {
			waits = append(waits, wait{p: p, index: i, offset: offset})
		}
	}
	if len(waits) == 0 {
		return results
	}
	w := m.deleteRecords.New(len(waits))
	defer w.Close()
	for _, x := range waits {
		w.Watch(&x.p.lowWater, x.offset)
	}
	done := func() bool {
		left := waits[:0]
		for _, x := range waits {
			low, err := x.p.leaderLowWatermark()
			result := &results[x.index]
			switch {
			case err != nil:
				result.LowWatermark, result.Err = -1, err
			case low >= x.offset:
				result.LowWatermark = low
			default:
				left = append(left, x)
			}
		}
		waits = left
		return len(left) == 0
	}
	if !w.Wait(ctx, timeout, done) {
		for _, x := range waits {
			results[x.index].Err = kerr.RequestTimedOut
		}
	}
	return results
}

// deleteRecords raises the log start offset to offset, -1 for the high watermark, and returns it
// with the present low watermark.
func (p *Partition) deleteRecords(offset int64) (target, low int64, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	r := p.role.Load()
	l, err := r.logFor(model.NoEpoch, true)
	if err != nil {
		return 0, 0, err
	}
	if !l.Config().Delete {
		return 0, 0, kerr.PolicyViolation
	}
	if offset == -1 {
		offset = l.HighWatermark()
	}
	if offset < 0 || offset > l.HighWatermark() {
		return 0, 0, kerr.OffsetOutOfRange
	}
	if err := l.MaybeIncrementLogStartOffset(offset); err != nil {
		return 0, 0, err
	}
	p.published(l)
	low = p.lowWatermark(r)
	p.lowWater.Advance(low)
	return offset, low, nil
}

// leaderLowWatermark is the lowest log start offset of the living replicas, which only the leader
// knows; DeleteRecords waits for it.
func (p *Partition) leaderLowWatermark() (int64, error) {
	if p.offline.Load() {
		return 0, kerr.KafkaStorageError
	}
	r := p.role.Load()
	if _, err := r.logFor(model.NoEpoch, true); err != nil {
		return 0, err
	}
	return p.lowWatermark(r), nil
}

package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"momus/broker/replica"
	"momus/coordinator/shard"
	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// isrStore writes the in-sync replicas to ZooKeeper for the replica manager.
type isrStore struct {
	zk *zk.Client
	id int32
}

// UpdateISRs writes each state on condition of its version. A version that does not fit means that
// the controller has written meanwhile: ErrISRVersion.
func (s isrStore) UpdateISRs(ctx context.Context, updates []replica.ISRUpdate) []replica.ISRResult {
	states := make([]zk.PartitionState, len(updates))
	for i, u := range updates {
		states[i] = zk.PartitionState{TopicPartition: u.TP, State: u.State}
	}
	results := make([]replica.ISRResult, len(updates))
	for i, r := range s.zk.UpdateISRs(ctx, states) {
		results[i] = replica.ISRResult{ZKVersion: r.Version, Err: r.Err}
		if errors.Is(r.Err, zk.ErrBadVersion) {
			results[i].Err = fmt.Errorf("%w: %w", replica.ErrISRVersion, r.Err)
		}
	}
	return results
}

// NotifyISRChange tells the controller, which does not watch every partition's node.
func (s isrStore) NotifyISRChange(ctx context.Context, tps []model.TopicPartition) error {
	return s.zk.NotifyISRChanges(ctx, tps)
}

// NotifyLogDirFailure makes the controller ask this broker which replicas it still has.
func (s isrStore) NotifyLogDirFailure(ctx context.Context) error {
	return s.zk.NotifyLogDirFailure(ctx, s.id)
}

// coordinatorLog is the log of internal topics as coordinators see it.
type coordinatorLog struct{ m *replica.Manager }

// Append appends one batch; whom the coordinator answers waits for the result.
func (l coordinatorLog) Append(tp model.TopicPartition, batch []byte, acks int16) shard.Pending {
	return pendingAppend{l.m.Append([]replica.AppendEntry{{TP: tp, Records: batch}}, acks, record.OriginCoordinator)}
}

// Read copies into buf, or into a new buffer if that is too small, and releases the log's range.
func (l coordinatorLog) Read(tp model.TopicPartition, offset int64, maxBytes int, buf []byte) ([]byte, error) {
	r, err := l.m.ReadLocal(tp, offset, maxBytes)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	n := r.Len()
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := r.ReadAt(buf, 0); err != nil {
		return nil, fmt.Errorf("read %s at %d: %w", tp, offset, err)
	}
	return buf, nil
}

func (l coordinatorLog) Bounds(tp model.TopicPartition) (start, end int64, err error) {
	start, _, end, err = l.m.LogBounds(tp)
	return start, end, err
}

type pendingAppend struct{ a *replica.Appended }

func (p pendingAppend) Done() (shard.Result, bool) {
	if !p.a.Satisfied() {
		return shard.Result{}, false
	}
	return result(p.a.Results()), true
}

func (p pendingAppend) Wait(ctx context.Context, timeout time.Duration) shard.Result {
	return result(p.a.Wait(ctx, timeout))
}

// result is that of the one entry that was appended. Another number of results is a fault of ours,
// which must not look like success.
func result(rs []replica.AppendResult) shard.Result {
	if len(rs) != 1 {
		return shard.Result{BaseOffset: -1, Err: kerr.UnknownServerError}
	}
	return shard.Result{BaseOffset: rs[0].BaseOffset, Err: rs[0].Err}
}

// producerIDBlocks claims blocks of producer ids in ZooKeeper.
type producerIDBlocks struct {
	zk *zk.Client
	id int32
}

func (b producerIDBlocks) NextProducerIDBlock(ctx context.Context) (first, last int64, err error) {
	block, err := b.zk.ClaimProducerIDs(ctx, b.id)
	return block.First, block.Last, err
}

// groupOffsets keeps the offsets of OffsetCommit and OffsetFetch version 0 in ZooKeeper.
type groupOffsets struct{ zk *zk.Client }

func (g groupOffsets) CommitOffset(ctx context.Context, group string, tp model.TopicPartition, offset int64) error {
	return g.zk.SetGroupOffset(ctx, group, tp, offset)
}

func (g groupOffsets) FetchOffset(ctx context.Context, group string, tp model.TopicPartition) (int64, bool, error) {
	return g.zk.GroupOffset(ctx, group, tp)
}

package group

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/coordinator/shard"
	"momus/storage/model"
)

// Options are what a Coordinator needs.
type Options struct {
	Config func() *configs.Broker // the current snapshot
	Log    shard.Log
	Logger *logrus.Entry
	Now    func() time.Time // nil: time.Now
	NewID  func() string    // a random UUID; nil: crypto/rand
	// ZooKeeper keeps offsets of OffsetCommit and OffsetFetch version 0; nil: they are refused.
	ZooKeeper OffsetStore
}

// OffsetStore keeps offsets in ZooKeeper under /consumers/<group>/offsets/<topic>/<partition>, for version 0 of OffsetCommit
// and OffsetFetch.
type OffsetStore interface {
	// CommitOffset writes the offset, creating the path as needed.
	CommitOffset(ctx context.Context, group string, tp model.TopicPartition, offset int64) error
	// FetchOffset reads the offset; ok is false if there is none.
	FetchOffset(ctx context.Context, group string, tp model.TopicPartition) (offset int64, ok bool, err error)
}

// Coordinator serves the groups whose offsets partition this broker leads. All methods may be called by many goroutines. Calls that
// wait (Join, Sync, CommitOffsets …) end with ctx; a cancelled caller's request is still carried out.
type Coordinator struct {
	opts Options
}

// New makes a coordinator that answers COORDINATOR_NOT_AVAILABLE until Start.
func New(o Options) *Coordinator { return &Coordinator{opts: o} }

// Run serves until ctx ends; then all parked calls are answered NOT_COORDINATOR. It returns when every goroutine has ended.
func (c *Coordinator) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Start makes the coordinator available. partitions is the number of partitions of __consumer_offsets: of the topic if it exists at
// start-up, else offsets.topic.num.partitions.
func (c *Coordinator) Start(partitions int32) {}

// PartitionFor is the offsets partition of a group.
func (c *Coordinator) PartitionFor(group string) int32 { return 0 }

// OnBecomeLeader loads an offsets partition that this broker leads from now on. It returns at once.
func (c *Coordinator) OnBecomeLeader(partition, leaderEpoch int32) {}

// OnResign drops the groups of an offsets partition that this broker no longer leads.
func (c *Coordinator) OnResign(partition int32) {}

// OnPartitionsDeleted drops the committed offsets of deleted partitions in all groups.
func (c *Coordinator) OnPartitionsDeleted(partitions []model.TopicPartition) {}

// OnTransactionCompleted applies (commit) or drops (abort) the offsets that a producer's transaction committed in an offsets
// partition, after the marker was appended there (protocol.md 9.6). It returns at once.
func (c *Coordinator) OnTransactionCompleted(partition int32, producerID int64, commit bool) {}

// Join answers when the round is complete (protocol.md 8.3).
func (c *Coordinator) Join(ctx context.Context, r *JoinRequest) JoinResult { return JoinResult{} }

// Sync answers when the leader's assignment is known and durable.
func (c *Coordinator) Sync(ctx context.Context, r *SyncRequest) SyncResult { return SyncResult{} }

// Heartbeat keeps a member alive.
func (c *Coordinator) Heartbeat(ctx context.Context, r *HeartbeatRequest) error { return nil }

// Leave removes members.
func (c *Coordinator) Leave(ctx context.Context, r *LeaveRequest) LeaveResult { return LeaveResult{} }

// CommitOffsets answers when the offsets are durable.
func (c *Coordinator) CommitOffsets(ctx context.Context, r *CommitRequest) CommitResult {
	return CommitResult{}
}

// FetchOffsets reads committed offsets.
func (c *Coordinator) FetchOffsets(ctx context.Context, r *FetchOffsetsRequest) FetchOffsetsResult {
	return FetchOffsetsResult{}
}

// Describe shows a group; an unknown one is Dead without an error.
func (c *Coordinator) Describe(ctx context.Context, group string) Description { return Description{} }

// List shows all groups of this broker, sorted.
func (c *Coordinator) List(ctx context.Context) ListResult { return ListResult{} }

// Delete removes an empty group with its offsets.
func (c *Coordinator) Delete(ctx context.Context, group string) error { return nil }

// DeleteOffsets removes offsets of a group (KIP-496).
func (c *Coordinator) DeleteOffsets(ctx context.Context, r *DeleteOffsetsRequest) DeleteOffsetsResult {
	return DeleteOffsetsResult{}
}

// ZooKeeper is the store of version 0 offsets; nil if there is none.
func (c *Coordinator) ZooKeeper() OffsetStore { return c.opts.ZooKeeper }

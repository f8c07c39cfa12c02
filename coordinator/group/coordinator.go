package group

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"momus/coordinator/shard"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
)

// Options are what a Coordinator needs.
type Options struct {
	Settings func() Settings // as they are now
	Log      shard.Log
	Logger   *logrus.Entry
	Now      func() time.Time // nil: time.Now
	// Journal is told of members and rebalances; may be nil.
	Journal *journal.Journal
	NewID   func() string // a random UUID; nil: crypto/rand
	// OnLoaded hears of each partition that was loaded (metric partition-load-time); may be nil.
	OnLoaded func(partition int32, took time.Duration, batches int)
	// ZooKeeper keeps offsets of OffsetCommit and OffsetFetch version 0; nil: they are refused.
	ZooKeeper OffsetStore
}

// OffsetStore keeps offsets in ZooKeeper under /consumers/<group>/offsets/<topic>/<partition>, for
// version 0 of OffsetCommit and OffsetFetch.
type OffsetStore interface {
	// CommitOffset writes the offset, creating the path as needed.
	CommitOffset(ctx context.Context, group string, tp model.TopicPartition, offset int64) error
	// FetchOffset reads the offset; ok is false if there is none.
	FetchOffset(ctx context.Context, group string, tp model.TopicPartition) (offset int64, ok bool, err error)
}

// Coordinator serves the groups whose offsets partition this broker leads. All methods may be
// called by many goroutines. Calls that wait (Join, Sync, CommitOffsets …) end with ctx; a
// cancelled caller's request is still carried out. Requests belong to the coordinator from the call
// on; bytes in them are copied before it returns, strings must not alias a buffer that is used
// again.
type Coordinator struct {
	o      Options
	shards *shard.Keyed
}

// New makes a coordinator that answers COORDINATOR_NOT_AVAILABLE until Start. Partitions may be led
// before.
func New(o Options) *Coordinator {
	if o.NewID == nil {
		o.NewID = newUUID
	}
	c := &Coordinator{o: o}
	c.shards = shard.NewKeyed(shard.Options{
		Topic: model.OffsetsTopic,
		Log:   o.Log,
		NewMachine: func(int32) shard.Machine {
			p := NewPartition(o.Settings, o.Logger)
			p.journal = o.Journal
			return p
		},
		LoadBufferSize: func() int { return int(o.Settings().LoadBufferBytes) },
		Logger:         o.Logger,
		Now:            o.Now,
		OnLoaded:       o.OnLoaded,
	})
	return c
}

// newUUID is a random UUID (version 4) in its usual form.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Run serves until ctx ends; then all parked calls are answered NOT_COORDINATOR. It returns when
// every goroutine has ended.
func (c *Coordinator) Run(ctx context.Context) error {
	return c.shards.Run(ctx)
}

// Start makes the coordinator available. partitions is the number of partitions of
// __consumer_offsets: of the topic if it exists at start-up, else offsets.topic.num.partitions.
func (c *Coordinator) Start(partitions int32) { c.shards.Start(partitions) }

// PartitionFor is the offsets partition of a group; 0 before Start.
func (c *Coordinator) PartitionFor(group string) int32 { return c.shards.PartitionFor(group) }

// OnBecomeLeader loads an offsets partition that this broker leads from now on. It returns at once.
func (c *Coordinator) OnBecomeLeader(partition, leaderEpoch int32) {
	c.shards.Lead(partition, leaderEpoch)
}

// OnResign drops the groups of an offsets partition that this broker no longer leads.
func (c *Coordinator) OnResign(partition int32) { c.shards.Resign(partition) }

// OnPartitionsDeleted drops the committed offsets of deleted partitions in all groups.
func (c *Coordinator) OnPartitionsDeleted(partitions []model.TopicPartition) {
	if len(partitions) == 0 {
		return
	}
	c.shards.CastAll(partitionsDeleted(slices.Clone(partitions)))
}

// OnTransactionCompleted applies (commit) or drops (abort) the offsets that a producer's
// transaction committed in an offsets partition, after the marker was appended there. It returns at
// once.
func (c *Coordinator) OnTransactionCompleted(partition int32, producerID int64, commit bool) {
	c.shards.Cast(partition, transactionCompleted{producerID: producerID, commit: commit})
}

// call gives a request to the partition of its group and waits for the answer; failed makes the
// answer of an error. Checks come in the order of Kafka's GroupCoordinator.
func call[T any](ctx context.Context, c *Coordinator, emptyID bool, r aboutGroup, failed func(*kerr.Error) T) T {
	group := r.about()
	// Before anything else, as in Kafka: also a broker that is not the coordinator says so.
	if group == "" && !emptyID {
		return failed(kerr.InvalidGroupID)
	}
	v, err := c.shards.CallKey(ctx, group, r)
	if err != nil {
		return failed(kerr.Of(err))
	}
	t, _ := v.(T)
	return t
}

// Join answers when the round is complete.
func (c *Coordinator) Join(ctx context.Context, r *JoinRequest) JoinResult {
	for i := range r.Protocols {
		// The bytes alias the request's frame, and the group keeps them for as long as the member
		// is there.
		r.Protocols[i].Metadata = bytes.Clone(r.Protocols[i].Metadata)
	}
	if r.MemberID == "" {
		// Drawn here, outside of the core, which has no random source; it is used only if the
		// member turns out to be new.
		r.newMemberID = r.ClientID + "-" + c.o.NewID()
		if r.InstanceID != nil {
			r.newMemberID = *r.InstanceID + "-" + c.o.NewID()
		}
	}
	// The request belongs to the coordinator from the call on.
	memberID := r.MemberID
	return call(ctx, c, false, r, func(err *kerr.Error) JoinResult { return joinError(memberID, err) })
}

// Sync answers when the leader's assignment is known and durable.
func (c *Coordinator) Sync(ctx context.Context, r *SyncRequest) SyncResult {
	for i := range r.Assignments {
		r.Assignments[i].Assignment = bytes.Clone(r.Assignments[i].Assignment)
	}
	return call(ctx, c, false, r, func(err *kerr.Error) SyncResult {
		// What was being agreed on is lost. Old clients do not expect the code of loading here.
		if err == kerr.CoordinatorLoadInProgress {
			err = kerr.RebalanceInProgress
		}
		return SyncResult{Err: err}
	})
}

// Heartbeat keeps a member alive; nil means all is well.
func (c *Coordinator) Heartbeat(ctx context.Context, r *HeartbeatRequest) *kerr.Error {
	return call(ctx, c, false, r, func(err *kerr.Error) *kerr.Error {
		// As in Kafka: a member must not leave its group because its coordinator has just moved.
		if err == kerr.CoordinatorLoadInProgress {
			return nil
		}
		return err
	})
}

// Leave removes members.
func (c *Coordinator) Leave(ctx context.Context, r *LeaveRequest) LeaveResult {
	return call(ctx, c, false, r, func(err *kerr.Error) LeaveResult { return LeaveResult{Err: err} })
}

// CommitOffsets answers when the offsets are durable. Unless ctx has ended meanwhile, r.Offsets are the
// caller's again with the answer.
func (c *Coordinator) CommitOffsets(ctx context.Context, r *CommitRequest) CommitResult {
	// OffsetCommit may name the empty group, TxnOffsetCommit may not.
	return call(ctx, c, !r.transactional(), r, func(err *kerr.Error) CommitResult { return commitFailed(r, err) })
}

// FetchOffsets reads committed offsets.
func (c *Coordinator) FetchOffsets(ctx context.Context, r *FetchOffsetsRequest) FetchOffsetsResult {
	return call(ctx, c, true, r, func(err *kerr.Error) FetchOffsetsResult { return FetchOffsetsResult{Err: err} })
}

// Describe shows a group; an unknown one is Dead without an error.
func (c *Coordinator) Describe(ctx context.Context, group string) Description {
	return call(ctx, c, true, describe{group}, func(err *kerr.Error) Description { return Description{Err: err, Group: group} })
}

// List shows all groups of this broker, sorted.
func (c *Coordinator) List(ctx context.Context) ListResult {
	if !c.shards.Started() {
		return ListResult{Err: kerr.CoordinatorNotAvailable}
	}
	var result ListResult
	if shard.Gather(ctx, c.shards, list{}, func(groups []Listing) { result.Groups = append(result.Groups, groups...) }) {
		result.Err = kerr.CoordinatorLoadInProgress
	}
	slices.SortFunc(result.Groups, func(a, b Listing) int { return strings.Compare(a.Group, b.Group) })
	return result
}

// Delete removes an empty group with its offsets.
func (c *Coordinator) Delete(ctx context.Context, group string) *kerr.Error {
	return call(ctx, c, true, deleteGroup{group}, func(err *kerr.Error) *kerr.Error { return err })
}

// DeleteOffsets removes offsets of a group (KIP-496).
func (c *Coordinator) DeleteOffsets(ctx context.Context, r *DeleteOffsetsRequest) DeleteOffsetsResult {
	return call(ctx, c, false, r, func(err *kerr.Error) DeleteOffsetsResult { return DeleteOffsetsResult{Err: err} })
}

// Stats sums up all partitions of this broker, for metrics.
func (c *Coordinator) Stats(ctx context.Context) Stats {
	var sum Stats
	shard.Gather(ctx, c.shards, stats{}, func(s Stats) { sum.add(&s) })
	return sum
}

// ZooKeeper is the store of version 0 offsets; nil if there is none.
func (c *Coordinator) ZooKeeper() OffsetStore { return c.o.ZooKeeper }

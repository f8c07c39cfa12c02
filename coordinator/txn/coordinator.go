package txn

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"momus/coordinator/shard"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
)

// Options are what a Coordinator needs.
type Options struct {
	Settings    func() Settings // asked at each event: they may change
	Log         shard.Log
	ProducerIDs *ProducerIDs
	Cluster     Cluster
	Sender      Sender
	Logger      *logrus.Entry
	Journal     *journal.Journal // told what becomes of transactions; may be nil
	Now         func() time.Time // nil: time.Now
	// OnLoaded hears of each partition that was loaded (metric partition-load-time); may be nil.
	OnLoaded func(partition int32, took time.Duration, batches int)
}

// Coordinator serves the transactional ids whose state partition this broker leads. All methods may
// be called by many goroutines. Calls that wait end with ctx; a cancelled caller's request is still
// carried out. Requests belong to the coordinator from the call on; strings in them must not alias
// a buffer that is used again.
type Coordinator struct {
	o         Options
	shards    *shard.Keyed
	markers   *markerQueue
	standings standings

	epochs struct { // leader epochs of the state partitions that are led
		sync.Mutex
		of map[int32]int32
	}
}

// New makes a coordinator that answers COORDINATOR_NOT_AVAILABLE until Start. Partitions may be led
// before.
func New(o Options) *Coordinator {
	c := &Coordinator{o: o}
	c.epochs.of = map[int32]int32{}
	c.markers = newMarkerQueue(o.Cluster, o.Sender, func(partition int32, m *SendMarkers) {
		c.shards.Cast(partition, markersWritten{m.TransactionalID, m.ProducerID, m.Epoch})
	}, o.Logger)
	c.shards = shard.NewKeyed(shard.Options{
		Topic: model.TransactionTopic,
		Log:   o.Log,
		NewMachine: func(p int32) shard.Machine {
			machine := NewPartition(o.Settings, o.Logger, c.epochOf(p))
			machine.journal = o.Journal
			return machine
		},
		LoadBufferSize: func() int { return int(o.Settings().LoadBufferBytes) },
		Logger:         o.Logger,
		Now:            o.Now,
		OnLoaded:       o.OnLoaded,
		OnEmit: func(partition int32, value any) {
			switch v := value.(type) {
			case *Standing:
				c.standings.apply(v)
			case SendMarkers:
				c.markers.add(partition, v)
			case DropMarkers:
				c.markers.drop(partition)
			}
		},
	})
	return c
}

func (c *Coordinator) epochOf(partition int32) int32 {
	c.epochs.Lock()
	defer c.epochs.Unlock()
	return c.epochs.of[partition]
}

// Run serves until ctx ends; then all waiting calls are answered NOT_COORDINATOR. It returns when
// every goroutine has ended.
func (c *Coordinator) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.shards.Run(ctx) })
	g.Go(func() error { return c.markers.run(ctx) })
	return g.Wait()
}

// Start makes the coordinator available. partitions is the number of partitions of
// __transaction_state: of the topic if it exists at start-up, else
// transaction.state.log.num.partitions.
func (c *Coordinator) Start(partitions int32) { c.shards.Start(partitions) }

// PartitionFor is the state partition of a transactional id; 0 before Start.
func (c *Coordinator) PartitionFor(id string) int32 { return c.shards.PartitionFor(id) }

// OnBecomeLeader loads a state partition that this broker leads from now on. It returns at once.
// The leader epoch becomes the coordinator epoch, by which partitions refuse markers of deposed
// coordinators.
func (c *Coordinator) OnBecomeLeader(partition, leaderEpoch int32) {
	c.epochs.Lock()
	c.epochs.of[partition] = leaderEpoch
	c.epochs.Unlock()
	c.shards.Lead(partition, leaderEpoch)
	c.shards.Cast(partition, epochRaised(leaderEpoch))
}

// OnResign drops the transactional ids of a state partition that this broker no longer leads.
func (c *Coordinator) OnResign(partition int32) { c.shards.Resign(partition) }

// call gives ev to the partition of a transactional id and waits for the answer.
func (c *Coordinator) call(ctx context.Context, id string, ev any) (any, error) {
	if id == "" {
		return nil, kerr.InvalidRequest
	}
	return c.shards.CallKey(ctx, id, ev)
}

func code(err error) *kerr.Error {
	if err == nil {
		return nil
	}
	return kerr.Of(err)
}

// InitProducerID gives a transactional producer its id and epoch; an open transaction of its
// predecessor is aborted first.
func (c *Coordinator) InitProducerID(ctx context.Context, r InitRequest) InitResult {
	fresh := int64(-1)
	for {
		req := r // the core may keep it
		req.fresh = fresh
		v, err := c.call(ctx, r.TransactionalID, &req)
		if result, ok := v.(InitResult); ok && err == nil {
			return result
		}
		if !errors.Is(err, errNeedProducerID) {
			return InitResult{ProducerID: -1, Epoch: -1, Err: code(err)}
		}
		if fresh, err = c.o.ProducerIDs.Next(ctx); err != nil {
			// Every client tries again on this code; most give up on one that is not retriable.
			c.o.Logger.WithError(err).Warn("producer id not assigned")
			return InitResult{ProducerID: -1, Epoch: -1, Err: kerr.CoordinatorLoadInProgress}
		}
	}
}

// AddPartitions adds partitions to a producer's transaction, and begins one if none is open.
func (c *Coordinator) AddPartitions(ctx context.Context, r *AddRequest) *kerr.Error {
	_, err := c.call(ctx, r.TransactionalID, r)
	return code(err)
}

// EndTxn commits or aborts a producer's transaction. It answers when the decision is durable; the
// markers are on their way then.
func (c *Coordinator) EndTxn(ctx context.Context, r *EndRequest) *kerr.Error {
	_, err := c.call(ctx, r.TransactionalID, r)
	return code(err)
}

// Stats sums up all partitions of this broker, for metrics.
func (c *Coordinator) Stats(ctx context.Context) Stats {
	var sum Stats
	shard.Gather(ctx, c.shards, stats{}, func(s Stats) { sum.add(&s) })
	c.markers.stats(&sum)
	return sum
}

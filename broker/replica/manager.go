// Package replica is the broker's side of replication: the partitions that it hosts, whether it
// leads or follows them, who is in sync, what is committed. It appends what producers send, reads
// for consumers and followers, copies from leaders, and obeys the controller's LeaderAndIsr and
// StopReplica.
//
// The order of locks is that of internal/rank. None is held across network or ZooKeeper, and none
// is shared by partitions on the way of Produce and Fetch.
package replica

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"momus/broker/metadata"
	"momus/broker/purgatory"
	"momus/configs"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/rank"
	"momus/storage/logdir"
)

// ISRStore is where a leader writes the in-sync replicas: the partition's state znode and the
// notifications beside it.
type ISRStore interface {
	// UpdateISRs writes each state if its znode still has version State.ZKVersion. The results are
	// in the order of updates.
	UpdateISRs(ctx context.Context, updates []ISRUpdate) []ISRResult
	// NotifyISRChange tells the controller which partitions have a new ISR.
	NotifyISRChange(ctx context.Context, tps []model.TopicPartition) error
	// NotifyLogDirFailure tells the controller that a log directory of this broker has failed.
	NotifyLogDirFailure(ctx context.Context) error
}

// ISRUpdate is the new state of one partition, on condition that its znode has version
// State.ZKVersion.
type ISRUpdate struct {
	TP    model.TopicPartition
	State model.LeaderAndISR
}

// ISRResult is the outcome of an ISRUpdate: the new version, or an error. ErrISRVersion means that
// the controller has written in between.
type ISRResult struct {
	ZKVersion int32
	Err       error
}

// ErrISRVersion is the error of an ISRUpdate whose version did not match.
var ErrISRVersion = errors.New("the partition state has another version in ZooKeeper")

// Leadership is a partition of which this broker became leader or follower.
type Leadership struct {
	TP          model.TopicPartition
	LeaderEpoch int32
}

// Options configure a Manager. Everything but LearnTopics, OnLeadership, OnDeleted, Endpoint, Meet
// and Now is required.
type Options struct {
	BrokerID int32
	// Settings are the broker's as they are now, TopicConfig is the configuration of a topic. They
	// are asked under locks, and answer from memory.
	Settings    func() Settings
	TopicConfig func(topic string) *configs.Topic
	// LearnTopics makes TopicConfig know topics of which this broker gets its first partitions. It
	// is called without any lock, may read from elsewhere, and returns after a bounded time,
	// whether it could or not.
	LearnTopics func(ctx context.Context, topics []string)
	Logs        *logdir.Manager
	Metadata    *metadata.Cache
	ISR         ISRStore
	// Endpoint reaches the leader of partitions that this broker follows. Without one nothing is
	// fetched.
	Endpoint func(leader int32, fetcherID int) LeaderEndpoint
	// OnLeadership is called after each LeaderAndIsr with the partitions whose role it changed, in
	// the request's order; the coordinators load and unload. It must not block.
	OnLeadership func(leaders, followers []Leadership)
	// OnDeleted is called after StopReplica has removed partitions.
	OnDeleted func(deleted []model.TopicPartition)
	// Meet returns when requests that had arrived have been read, so that they can be appended with
	// the caller's; at once when something can be received from enough.
	Meet   func(enough <-chan struct{})
	Logger *logrus.Entry
	Now    func() time.Time
	// Journal is told what happens to partitions; may be nil.
	Journal *journal.Journal
}

// Manager holds the partitions of this broker (Kafka's ReplicaManager). All methods are safe for
// concurrent use.
type Manager struct {
	opts   Options
	id     int32
	logs   *logdir.Manager
	logger *logrus.Entry
	now    func() time.Time

	partitions partitionMap

	produce, fetch, deleteRecords purgatory.Purgatory

	// control serialises what the controller asks for: LeaderAndIsr, StopReplica and
	// UpdateMetadata.
	control struct {
		rank.Mutex[rank.ReplicaControl]
		epoch int32 // highest controller epoch seen
	}
	isrWriter isrWriter
	fetchers  fetcherManager
	movers    moverManager
	throttles throttles
	metrics   Metrics
	meeting   meeting
	counted   struct {
		sync.Mutex
		gauges Gauges
		at     time.Time
	}

	checkpointStart chan struct{} // closed by the first LeaderAndIsr
	checkpointOnce  sync.Once
	stopping        atomic.Bool
}

// New makes a Manager without partitions: they come with LeaderAndIsr. Run must be called for the
// background work.
func New(opts Options) *Manager {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	m := &Manager{opts: opts, id: opts.BrokerID, logs: opts.Logs, logger: opts.Logger, now: opts.Now, checkpointStart: make(chan struct{})}
	m.isrWriter.init(m)
	m.fetchers.init(m)
	m.movers.init(m)
	m.throttles = newThrottles(opts.Settings())
	m.logs.OnFailure(m.handleDirFailure)
	return m
}

// Run does the background work until ctx ends: ISR shrinking and writing, high watermark
// checkpoints, fetchers and movers. It returns when all of its goroutines have ended and the high
// watermarks are written, so that the logs may be closed.
func (m *Manager) Run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.isrWriter.run(gctx) })
	g.Go(func() error { return m.shrinkLoop(gctx) })
	g.Go(func() error { return m.checkpointLoop(gctx) })
	g.Go(func() error { return m.fetchers.run(gctx) })
	g.Go(func() error { return m.movers.run(gctx) })
	err := g.Wait()
	m.checkpointHighWatermarks()
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// BeginShutdown is called before leaderships are handed over. From now on LeaderAndIsr starts no
// fetchers: the new leaders would take this broker back in sync, shortly before it is gone.
func (m *Manager) BeginShutdown() { m.stopping.Store(true) }

// Partition finds a hosted partition; nil if this broker does not host it.
func (m *Manager) Partition(tp model.TopicPartition) *Partition { return m.partitions.get(tp) }

// partition finds a hosted partition for a client (Kafka's getPartitionOrException):
// KAFKA_STORAGE_ERROR when its disk has failed; when it is not here NOT_LEADER_FOR_PARTITION (a
// leader was expected) or REPLICA_NOT_AVAILABLE if the cluster knows it, else
// UNKNOWN_TOPIC_OR_PARTITION.
func (m *Manager) partition(tp model.TopicPartition, expectLeader bool) (*Partition, error) {
	if p := m.partitions.get(tp); p != nil {
		if p.offline.Load() {
			return nil, kerr.KafkaStorageError
		}
		return p, nil
	}
	if _, known := m.opts.Metadata.Snapshot().Partition(tp); !known {
		return nil, kerr.UnknownTopicOrPartition
	}
	if expectLeader {
		return nil, kerr.NotLeaderForPartition
	}
	return nil, kerr.ReplicaNotAvailable
}

// observeControllerLocked refuses requests of deposed controllers and remembers newer epochs.
func (m *Manager) observeControllerLocked(epoch int32) error {
	if epoch < m.control.epoch {
		return kerr.StaleControllerEpoch
	}
	m.control.epoch = epoch
	return nil
}

// WithController runs fn as LeaderAndIsr and StopReplica are run: in order with them, and only if
// the controller with this epoch is not deposed, else it returns STALE_CONTROLLER_EPOCH.
// UpdateMetadata uses it.
func (m *Manager) WithController(epoch int32, fn func()) error {
	m.control.Lock()
	defer m.control.Unlock()
	if err := m.observeControllerLocked(epoch); err != nil {
		return err
	}
	fn()
	return nil
}

// maxLag is replica.lag.time.max.ms.
func (m *Manager) maxLag() time.Duration {
	return time.Duration(m.opts.Settings().LagTimeMaxMs) * time.Millisecond
}

// sleep waits for d, or returns false when ctx ends.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

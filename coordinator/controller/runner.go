package controller

import (
	"context"

	"github.com/sirupsen/logrus"

	"momus/coordinator/zk"
	"momus/internal/model"
)

// Store is ZooKeeper as the active controller uses it; *zk.Client has all but the watches. Writes
// with an epoch fail with zk.ErrControllerMoved when another controller was elected. Lists are
// sorted.
type Store interface {
	Brokers(ctx context.Context) ([]*model.Broker, error)
	Broker(ctx context.Context, id int32) (*model.Broker, bool, error)

	Topics(ctx context.Context) ([]string, error)
	Assignment(ctx context.Context, topic string) (zk.Assignments, bool, error)
	Assignments(ctx context.Context, topics []string) (map[string]zk.Assignments, error)
	SetTopicAsController(ctx context.Context, epoch zk.ControllerEpoch, topic string, a zk.Assignments) error
	Configs(ctx context.Context, t zk.EntityType, entities []string) (map[string]map[string]string, error)

	States(ctx context.Context, tps []model.TopicPartition) (map[model.TopicPartition]model.LeaderAndISR, error)
	CreateStates(ctx context.Context, epoch zk.ControllerEpoch, states []zk.PartitionState) ([]error, error)
	SetStates(ctx context.Context, epoch zk.ControllerEpoch, states []zk.PartitionState) ([]zk.StateResult, error)

	TopicDeletions(ctx context.Context) ([]string, error)
	DropTopicDeletions(ctx context.Context, epoch zk.ControllerEpoch, topics []string) error
	DeleteTopicNodes(ctx context.Context, epoch zk.ControllerEpoch, topic string) error

	ISRChanges(ctx context.Context) ([]string, error)
	ReadISRChanges(ctx context.Context, names []string) ([]model.TopicPartition, error)
	DeleteISRChanges(ctx context.Context, epoch zk.ControllerEpoch, names []string) error
	LogDirEvents(ctx context.Context) ([]string, error)
	ReadLogDirEvents(ctx context.Context, names []string) ([]int32, error)
	DeleteLogDirEvents(ctx context.Context, epoch zk.ControllerEpoch, names []string) error

	PreferredElection(ctx context.Context) ([]model.TopicPartition, bool, error)
	DeletePreferredElection(ctx context.Context, epoch zk.ControllerEpoch) error
	Reassignments(ctx context.Context) ([]zk.Reassignment, bool, error)
	SetReassignments(ctx context.Context, epoch zk.ControllerEpoch, rs []zk.Reassignment) error

	// WatchBroker, WatchTopic and WatchState register interest in a node. WatchBroker arms the
	// watch as well, the others leave that to the next read.
	WatchBroker(ctx context.Context, id int32) error
	UnwatchBroker(id int32)
	WatchTopic(topic string)
	UnwatchTopic(topic string)
	WatchState(tp model.TopicPartition)
	UnwatchState(tp model.TopicPartition)
	// WatchAll registers interest in the fixed paths, UnwatchAll drops all interests.
	WatchAll()
	UnwatchAll()
}

// runner carries out what the core wants: it owns the core, and has the I/O that the core has not.
// One goroutine uses it.
type runner struct {
	*core
	store    Store
	out      Sender
	settings func() Settings
}

func newRunner(id int32, store Store, out Sender, settings func() Settings, log *logrus.Entry) *runner {
	return &runner{core: newCore(id, log), store: store, out: out, settings: settings}
}

// run takes a step to its end. Effects and operations happen in the order in which the step wants
// them; a panic in one of them gives the step up.
func (r *runner) run(ctx context.Context, body func() error) error {
	defer r.core.abandon()
	r.core.settings = r.settings()
	ready := r.core.begin(body)
	for {
		for _, e := range ready.Do {
			e.on(r)
		}
		if ready.Ask == nil {
			return ready.Err
		}
		value, err := ready.Ask.on(ctx, r.store)
		ready = r.core.resume(Result{value, err})
	}
}

// Step processes one event, see core.step.
func (r *runner) Step(ctx context.Context, ev Event) error {
	return r.run(ctx, func() error { return r.core.process(ev) })
}

// failover makes this the active controller, see core.failover.
func (r *runner) failover(ctx context.Context, epoch zk.ControllerEpoch) error {
	return r.run(ctx, func() error { return r.core.failover(epoch) })
}

// resign makes this an inactive controller. It waits for nothing.
func (r *runner) resign() {
	_ = r.run(context.Background(), func() error { r.core.resign(); return nil }) // it asks for nothing that could fail
}

func (o readBrokers) on(ctx context.Context, s Store) (any, error) {
	return s.Brokers(ctx)
}

func (o readBroker) on(ctx context.Context, s Store) (any, error) {
	v, ok, err := s.Broker(ctx, o.id)
	return found[*model.Broker]{v, ok}, err
}

func (o readTopics) on(ctx context.Context, s Store) (any, error) {
	return s.Topics(ctx)
}

func (o readAssignment) on(ctx context.Context, s Store) (any, error) {
	v, ok, err := s.Assignment(ctx, o.topic)
	return found[zk.Assignments]{v, ok}, err
}

func (o readAssignments) on(ctx context.Context, s Store) (any, error) {
	return s.Assignments(ctx, o.topics)
}

func (o writeTopic) on(ctx context.Context, s Store) (any, error) {
	return nil, s.SetTopicAsController(ctx, o.epoch, o.topic, o.a)
}

func (o readConfigs) on(ctx context.Context, s Store) (any, error) {
	return s.Configs(ctx, o.t, o.entities)
}

func (o readStates) on(ctx context.Context, s Store) (any, error) {
	return s.States(ctx, o.tps)
}

func (o createStates) on(ctx context.Context, s Store) (any, error) {
	return s.CreateStates(ctx, o.epoch, o.states)
}

func (o writeStates) on(ctx context.Context, s Store) (any, error) {
	return s.SetStates(ctx, o.epoch, o.states)
}

func (o readTopicDeletions) on(ctx context.Context, s Store) (any, error) {
	return s.TopicDeletions(ctx)
}

func (o dropTopicDeletions) on(ctx context.Context, s Store) (any, error) {
	return nil, s.DropTopicDeletions(ctx, o.epoch, o.topics)
}

func (o deleteTopicNodes) on(ctx context.Context, s Store) (any, error) {
	return nil, s.DeleteTopicNodes(ctx, o.epoch, o.topic)
}

func (o listISRChanges) on(ctx context.Context, s Store) (any, error) {
	return s.ISRChanges(ctx)
}

func (o readISRChanges) on(ctx context.Context, s Store) (any, error) {
	return s.ReadISRChanges(ctx, o.names)
}

func (o deleteISRChanges) on(ctx context.Context, s Store) (any, error) {
	return nil, s.DeleteISRChanges(ctx, o.epoch, o.names)
}

func (o listLogDirEvents) on(ctx context.Context, s Store) (any, error) {
	return s.LogDirEvents(ctx)
}

func (o readLogDirEvents) on(ctx context.Context, s Store) (any, error) {
	return s.ReadLogDirEvents(ctx, o.names)
}

func (o deleteLogDirEvents) on(ctx context.Context, s Store) (any, error) {
	return nil, s.DeleteLogDirEvents(ctx, o.epoch, o.names)
}

func (o readPreferredElection) on(ctx context.Context, s Store) (any, error) {
	v, ok, err := s.PreferredElection(ctx)
	return found[[]model.TopicPartition]{v, ok}, err
}

func (o deletePreferredElection) on(ctx context.Context, s Store) (any, error) {
	return nil, s.DeletePreferredElection(ctx, o.epoch)
}

func (o readReassignments) on(ctx context.Context, s Store) (any, error) {
	v, ok, err := s.Reassignments(ctx)
	return found[[]zk.Reassignment]{v, ok}, err
}

func (o writeReassignments) on(ctx context.Context, s Store) (any, error) {
	return nil, s.SetReassignments(ctx, o.epoch, o.rs)
}

func (o watchBroker) on(ctx context.Context, s Store) (any, error) {
	return nil, s.WatchBroker(ctx, o.id)
}

func (e openChannel) on(r *runner)     { r.out.AddBroker(e.b) }
func (e closeChannel) on(r *runner)    { r.out.RemoveBroker(e.id) }
func (e redirectChannel) on(r *runner) { r.out.UpdateBroker(e.b) }
func (e send) on(r *runner)            { r.out.Send(e.to, e.request) }
func (e unwatchBroker) on(r *runner)   { r.store.UnwatchBroker(e.id) }
func (e watchTopic) on(r *runner)      { r.store.WatchTopic(e.topic) }
func (e unwatchTopic) on(r *runner)    { r.store.UnwatchTopic(e.topic) }
func (e watchState) on(r *runner)      { r.store.WatchState(e.tp) }
func (e unwatchState) on(r *runner)    { r.store.UnwatchState(e.tp) }
func (e watchAll) on(r *runner)        { r.store.WatchAll() }
func (e unwatchAll) on(r *runner)      { r.store.UnwatchAll() }

func (e answer[T]) on(*runner) { e.give(e.result, e.err) }

func (e refuse) on(*runner) { drop(e.ev, nil) }

package controller

import (
	"context"

	"momus/coordinator/zk"
	"momus/internal/model"
)

// Op is a read or a write in ZooKeeper whose result a step needs; see Store for what each does.
type Op interface {
	on(ctx context.Context, s Store) (any, error)
}

// found is the result of reading what may not be there.
type found[T any] struct {
	value T
	ok    bool
}

// world is the core's side of Store and Sender: the same methods, which make the values of a Ready
// and do nothing by themselves.
type world struct{ c *core }

// The operations. A read arms the watch of what it reads, if interest in it is registered: what the
// step has seen cannot change without an event. A write carries the controller epoch, so that one
// that comes after another election does nothing.
type (
	readBrokers     struct{}
	readBroker      struct{ id int32 }
	readTopics      struct{}
	readAssignment  struct{ topic string }
	readAssignments struct{ topics []string }
	writeTopic      struct {
		epoch zk.ControllerEpoch
		topic string
		a     zk.Assignments
	}
	readConfigs struct {
		t        zk.EntityType
		entities []string
	}
	readStates   struct{ tps []model.TopicPartition }
	createStates struct {
		epoch  zk.ControllerEpoch
		states []zk.PartitionState
	}
	writeStates struct {
		epoch  zk.ControllerEpoch
		states []zk.PartitionState
	}
	readTopicDeletions struct{}
	dropTopicDeletions struct {
		epoch  zk.ControllerEpoch
		topics []string
	}
	deleteTopicNodes struct {
		epoch zk.ControllerEpoch
		topic string
	}
	listISRChanges   struct{}
	readISRChanges   struct{ names []string }
	deleteISRChanges struct {
		epoch zk.ControllerEpoch
		names []string
	}
	listLogDirEvents   struct{}
	readLogDirEvents   struct{ names []string }
	deleteLogDirEvents struct {
		epoch zk.ControllerEpoch
		names []string
	}
	readPreferredElection   struct{}
	deletePreferredElection struct{ epoch zk.ControllerEpoch }
	readReassignments       struct{}
	writeReassignments      struct {
		epoch zk.ControllerEpoch
		rs    []zk.Reassignment
	}
	watchBroker struct{ id int32 }
)

func (w world) Brokers() ([]*model.Broker, error) {
	return await[[]*model.Broker](w.c, readBrokers{})
}

func (w world) Broker(id int32) (*model.Broker, bool, error) {
	f, err := await[found[*model.Broker]](w.c, readBroker{id})
	return f.value, f.ok, err
}

func (w world) Topics() ([]string, error) {
	return await[[]string](w.c, readTopics{})
}

func (w world) Assignment(topic string) (zk.Assignments, bool, error) {
	f, err := await[found[zk.Assignments]](w.c, readAssignment{topic})
	return f.value, f.ok, err
}

func (w world) Assignments(topics []string) (map[string]zk.Assignments, error) {
	return await[map[string]zk.Assignments](w.c, readAssignments{topics})
}

func (w world) SetTopicAsController(epoch zk.ControllerEpoch, topic string, a zk.Assignments) error {
	_, err := await[any](w.c, writeTopic{epoch, topic, a})
	return err
}

func (w world) Configs(t zk.EntityType, entities []string) (map[string]map[string]string, error) {
	return await[map[string]map[string]string](w.c, readConfigs{t, entities})
}

func (w world) States(tps []model.TopicPartition) (map[model.TopicPartition]model.LeaderAndISR, error) {
	return await[map[model.TopicPartition]model.LeaderAndISR](w.c, readStates{tps})
}

func (w world) CreateStates(epoch zk.ControllerEpoch, states []zk.PartitionState) ([]error, error) {
	return await[[]error](w.c, createStates{epoch, states})
}

func (w world) SetStates(epoch zk.ControllerEpoch, states []zk.PartitionState) ([]zk.StateResult, error) {
	return await[[]zk.StateResult](w.c, writeStates{epoch, states})
}

func (w world) TopicDeletions() ([]string, error) {
	return await[[]string](w.c, readTopicDeletions{})
}

func (w world) DropTopicDeletions(epoch zk.ControllerEpoch, topics []string) error {
	_, err := await[any](w.c, dropTopicDeletions{epoch, topics})
	return err
}

func (w world) DeleteTopicNodes(epoch zk.ControllerEpoch, topic string) error {
	_, err := await[any](w.c, deleteTopicNodes{epoch, topic})
	return err
}

func (w world) ISRChanges() ([]string, error) {
	return await[[]string](w.c, listISRChanges{})
}

func (w world) ReadISRChanges(names []string) ([]model.TopicPartition, error) {
	return await[[]model.TopicPartition](w.c, readISRChanges{names})
}

func (w world) DeleteISRChanges(epoch zk.ControllerEpoch, names []string) error {
	_, err := await[any](w.c, deleteISRChanges{epoch, names})
	return err
}

func (w world) LogDirEvents() ([]string, error) {
	return await[[]string](w.c, listLogDirEvents{})
}

func (w world) ReadLogDirEvents(names []string) ([]int32, error) {
	return await[[]int32](w.c, readLogDirEvents{names})
}

func (w world) DeleteLogDirEvents(epoch zk.ControllerEpoch, names []string) error {
	_, err := await[any](w.c, deleteLogDirEvents{epoch, names})
	return err
}

func (w world) PreferredElection() ([]model.TopicPartition, bool, error) {
	f, err := await[found[[]model.TopicPartition]](w.c, readPreferredElection{})
	return f.value, f.ok, err
}

func (w world) DeletePreferredElection(epoch zk.ControllerEpoch) error {
	_, err := await[any](w.c, deletePreferredElection{epoch})
	return err
}

func (w world) Reassignments() ([]zk.Reassignment, bool, error) {
	f, err := await[found[[]zk.Reassignment]](w.c, readReassignments{})
	return f.value, f.ok, err
}

func (w world) SetReassignments(epoch zk.ControllerEpoch, rs []zk.Reassignment) error {
	_, err := await[any](w.c, writeReassignments{epoch, rs})
	return err
}

func (w world) WatchBroker(id int32) error {
	_, err := await[any](w.c, watchBroker{id})
	return err
}

// The effects. Channels are the queues of requests to brokers: a request stays in its queue until
// it is answered, and is gone with the channel. Interests in nodes make events of their changes.
type (
	openChannel     struct{ b *model.Broker }
	closeChannel    struct{ id int32 }
	redirectChannel struct{ b *model.Broker }
	send            struct {
		to      int32
		request Request
	}
	unwatchBroker struct{ id int32 }
	watchTopic    struct{ topic string }
	unwatchTopic  struct{ topic string }
	watchState    struct{ tp model.TopicPartition }
	unwatchState  struct{ tp model.TopicPartition }
	watchAll      struct{}
	unwatchAll    struct{}
)

func (w world) AddBroker(b *model.Broker)            { w.c.do(openChannel{b}) }
func (w world) RemoveBroker(id int32)                { w.c.do(closeChannel{id}) }
func (w world) UpdateBroker(b *model.Broker)         { w.c.do(redirectChannel{b}) }
func (w world) Send(to int32, request Request)       { w.c.do(send{to, request}) }
func (w world) UnwatchBroker(id int32)               { w.c.do(unwatchBroker{id}) }
func (w world) WatchTopic(topic string)              { w.c.do(watchTopic{topic}) }
func (w world) UnwatchTopic(topic string)            { w.c.do(unwatchTopic{topic}) }
func (w world) WatchState(tp model.TopicPartition)   { w.c.do(watchState{tp}) }
func (w world) UnwatchState(tp model.TopicPartition) { w.c.do(unwatchState{tp}) }
func (w world) WatchAll()                            { w.c.do(watchAll{}) }
func (w world) UnwatchAll()                          { w.c.do(unwatchAll{}) }

// answer tells who asked what came of it.
type answer[T any] struct {
	give   func(T, error)
	result T
	err    error
}

func reply[T any](c *core, give func(T, error), result T, err error) {
	c.do(answer[T]{give, result, err})
}

// refuse answers an event that only the active controller processes.
type refuse struct{ ev Event }

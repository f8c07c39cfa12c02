package controller

import (
	"context"
	"sync"

	"momus/coordinator/zk"
	"momus/internal/model"
)

// watchingStore is the Store on a ZooKeeper client: it turns watches into events.
type watchingStore struct {
	*zk.Client
	put func(Event)

	mu      sync.Mutex
	cancels map[Event]func() // by the event that a watch makes
}

var _ Store = (*watchingStore)(nil)

func newWatchingStore(client *zk.Client, put func(Event)) *watchingStore {
	return &watchingStore{Client: client, put: put, cancels: map[Event]func(){}}
}

func (s *watchingStore) node(path string, ev Event) { s.request(path, ev, ev) }

// request watches a node that asks for something when it is created, while it is rewritten as that
// is done.
func (s *watchingStore) request(path string, asked, rewritten Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancels[asked] == nil {
		s.cancels[asked] = s.OnNode(path, func(e zk.NodeEvent) {
			if e == zk.NodeChanged {
				s.put(rewritten)
			} else {
				s.put(asked)
			}
		})
	}
}

func (s *watchingStore) children(path string, ev Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancels[ev] == nil {
		s.cancels[ev] = s.OnChildren(path, func() { s.put(ev) })
	}
}

func (s *watchingStore) cancel(ev Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fn := s.cancels[ev]; fn != nil {
		delete(s.cancels, ev)
		fn()
	}
}

// WatchBroker implements Store.
func (s *watchingStore) WatchBroker(ctx context.Context, id int32) error {
	s.node(zk.BrokerPath(id), BrokerModification{id})
	_, err := s.Watch(ctx, zk.BrokerPath(id))
	return err
}

// UnwatchBroker implements Store.
func (s *watchingStore) UnwatchBroker(id int32) { s.cancel(BrokerModification{id}) }

// WatchTopic implements Store.
func (s *watchingStore) WatchTopic(topic string) {
	s.node(zk.TopicPath(topic), PartitionModification{topic})
}

// UnwatchTopic implements Store.
func (s *watchingStore) UnwatchTopic(topic string) { s.cancel(PartitionModification{topic}) }

// WatchState implements Store.
func (s *watchingStore) WatchState(tp model.TopicPartition) {
	s.node(zk.StatePath(tp), ReassignmentProgress{tp})
}

// UnwatchState implements Store.
func (s *watchingStore) UnwatchState(tp model.TopicPartition) { s.cancel(ReassignmentProgress{tp}) }

// WatchAll implements Store.
func (s *watchingStore) WatchAll() {
	s.children(zk.BrokerIDsPath, BrokerChange{})
	s.children(zk.TopicsPath, TopicChange{})
	s.children(zk.DeleteTopicsPath, TopicDeletion{})
	s.children(zk.LogDirEventsPath, LogDirEvent{})
	s.children(zk.ISRChangesPath, ISRChange{})
	s.node(zk.PreferredElectionPath, PreferredElectionRequested{})
	s.request(zk.ReassignPartitionsPath, ReassignmentRequested{}, ReassignmentsRewritten{})
}

// UnwatchAll implements Store.
func (s *watchingStore) UnwatchAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ev, fn := range s.cancels {
		delete(s.cancels, ev)
		fn()
	}
}

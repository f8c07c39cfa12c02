package admin

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// Store is ZooKeeper as admin uses it; *zk.Client implements it.
type Store interface {
	Topics(ctx context.Context) ([]string, error)
	TopicExists(ctx context.Context, topic string) (bool, error)
	Assignment(ctx context.Context, topic string) (zk.Assignments, bool, error)
	CreateTopic(ctx context.Context, topic string, as zk.Assignments) error
	SetTopic(ctx context.Context, topic string, as zk.Assignments) error
	RequestTopicDeletion(ctx context.Context, topic string) error
	IsTopicQueuedForDeletion(ctx context.Context, topic string) (bool, error)
	Brokers(ctx context.Context) ([]*model.Broker, error)
	Config(ctx context.Context, t zk.EntityType, entity string) (map[string]string, error)
	CreateConfig(ctx context.Context, t zk.EntityType, entity string, overrides map[string]string) error
	SetConfig(ctx context.Context, t zk.EntityType, entity string, overrides map[string]string) error
	NotifyConfigChange(ctx context.Context, ch zk.ConfigChange) error
}

var _ Store = (*zk.Client)(nil)

// Admin writes what clients want to ZooKeeper. Its methods may be called from any goroutine.
type Admin struct {
	Store Store
	// Random returns a number in [0, n); rand.IntN when nil.
	Random func(n int) int
}

func (a *Admin) random(n int) int {
	if a.Random != nil {
		return a.Random(n)
	}
	return rand.IntN(n)
}

// Place chooses the replicas of a new topic at random.
// Which brokers count is for the caller to say: live ones, as in Kafka.
func (a *Admin) Place(brokers []*model.Broker, partitions int32, replicationFactor int) (zk.Assignments, error) {
	n := max(len(brokers), 1)
	return AssignReplicas(brokers, partitions, replicationFactor, Placement{Start: a.random(n), Shift: a.random(n)})
}

// NewTopic is a topic to create; Assignments has replicas only.
type NewTopic struct {
	Name        string
	Assignments zk.Assignments
	Overrides   map[string]string
}

// ValidateNewTopic checks everything about a new topic that needs no live brokers.
func (a *Admin) ValidateNewTopic(ctx context.Context, t *NewTopic) error {
	if err := ValidateTopicName(t.Name); err != nil {
		return err
	}
	exists, err := a.Store.TopicExists(ctx, t.Name)
	if err != nil {
		return err
	}
	if exists {
		return topicExists(t.Name)
	}
	if strings.ContainsAny(t.Name, "._") {
		topics, err := a.Store.Topics(ctx)
		if err != nil {
			return err
		}
		found := collisions(t.Name, topics)
		if slices.Contains(found, t.Name) {
			return topicExists(t.Name)
		}
		if len(found) > 0 {
			return fail(kerr.InvalidTopicException, "Topic '%s' collides with existing topics: %s", t.Name, strings.Join(found, ", "))
		}
	}
	if err := validateAssignment(t.Assignments); err != nil {
		return err
	}
	return ValidateNewConfig(t.Overrides)
}

func topicExists(name string) error {
	return fail(kerr.TopicAlreadyExists, "Topic '%s' already exists.", name)
}

// CreateTopic validates a topic and writes it: first the config node, always and without a
// notification, then the topic's node, from which moment it exists.
// A config node without its topic, which a failure in between leaves behind, is harmless: the next
// creation of the name writes it anew.
func (a *Admin) CreateTopic(ctx context.Context, t *NewTopic) error {
	if err := a.ValidateNewTopic(ctx, t); err != nil {
		return err
	}
	if err := a.Store.CreateConfig(ctx, zk.EntityTopics, t.Name, t.Overrides); err != nil {
		return err
	}
	err := a.Store.CreateTopic(ctx, t.Name, t.Assignments)
	if errors.Is(err, zk.ErrNodeExists) {
		return topicExists(t.Name)
	}
	return err
}

// AddPartitions extends a topic to count partitions. given are the replicas of the new partitions
// in order, nil to choose them. It returns the whole assignment; validateOnly stops before writing.
// The replicas of present partitions are written as they were read; the controller does not look at
// them. Two requests at once are not told apart: as in Kafka the last write wins.
func (a *Admin) AddPartitions(ctx context.Context, topic string, count int32, given [][]int32, validateOnly bool) (zk.Assignments, error) {
	brokers, err := a.Store.Brokers(ctx)
	if err != nil {
		return nil, err
	}
	now, ok, err := a.Store.Assignment(ctx, topic)
	if err != nil {
		return nil, err
	}
	if !ok || len(now) == 0 {
		return nil, fail(kerr.UnknownTopicOrPartition, "The topic '%s' does not exist.", topic)
	}
	for _, as := range now {
		if len(as.Adding)+len(as.Removing) > 0 {
			return nil, fail(kerr.ReassignmentInProgress, "A partition reassignment is in progress for the topic '%s'.", topic)
		}
	}
	old := int32(len(now))
	switch {
	case count < old:
		return nil, fail(kerr.InvalidPartitions, "Topic currently has %d partitions, which is higher than the requested %d.", old, count)
	case count == old:
		return nil, fail(kerr.InvalidPartitions, "Topic already has %d partitions.", old)
	}
	brokers = brokersByID(brokers)
	var added zk.Assignments
	first := now[0].Replicas
	if given != nil {
		if added, err = givenPartitions(brokers, old, count, len(first), given); err != nil {
			return nil, err
		}
	} else {
		// Kafka begins where partition 0 does: at its preferred leader, or the next broker in order
		// of ids.
		start := 0
		if len(first) > 0 {
			start = max(0, slices.IndexFunc(brokers, func(b *model.Broker) bool { return b.ID >= first[0] }))
		}
		if added, err = AssignReplicas(brokers, count-old, len(first), Placement{Start: start, Shift: start, FirstPartition: old}); err != nil {
			return nil, err
		}
	}
	all := now.Clone()
	for id, as := range added {
		all[id] = as
	}
	if validateOnly {
		return all, nil
	}
	return all, a.Store.SetTopic(ctx, topic, all)
}

// givenPartitions checks replicas that a client has chosen.
// The checks come in Kafka's order, so that the same mistake is answered by the same text.
func givenPartitions(brokers []*model.Broker, old, count int32, replicationFactor int, given [][]int32) (zk.Assignments, error) {
	added := zk.Assignments{}
	var unknown []int32
	for i, replicas := range given {
		for _, id := range replicas {
			known := slices.ContainsFunc(brokers, func(b *model.Broker) bool { return b.ID == id })
			if !known && !slices.Contains(unknown, id) {
				unknown = append(unknown, id)
			}
		}
		added[old+int32(i)] = model.Assignment{Replicas: replicas}
	}
	if len(unknown) > 0 {
		return nil, fail(kerr.InvalidReplicaAssignment, "Unknown broker(s) in replica assignment: %s.", joinIDs(unknown))
	}
	if int32(len(given)) != count-old {
		return nil, fail(kerr.InvalidReplicaAssignment, "Increasing the number of partitions by %d but %d assignments provided.", count-old, len(given))
	}
	for _, id := range added.Partitions() {
		replicas := added[id].Replicas
		switch {
		case len(replicas) == 0:
			return nil, fail(kerr.InvalidReplicaAssignment, "Cannot have replication factor of 0 for partition id %d.", id)
		case duplicate(replicas):
			return nil, fail(kerr.InvalidReplicaAssignment, "Duplicate brokers not allowed in replica assignment: %s for partition id %d.", joinIDs(replicas), id)
		}
	}
	var bad []int32
	for _, id := range added.Partitions() {
		if len(added[id].Replicas) != replicationFactor {
			bad = append(bad, id)
		}
	}
	if len(bad) > 0 {
		sizes := make([]int32, len(bad))
		for i, id := range bad {
			sizes[i] = int32(len(added[id].Replicas))
		}
		return nil, fail(kerr.InvalidReplicaAssignment,
			"Inconsistent replication factor between partitions, partition 0 has %d while partitions [%s] have replication factors [%s], respectively.",
			replicationFactor, joinIDs(bad), joinIDs(sizes))
	}
	return added, nil
}

// DeleteTopic asks for the deletion of a topic; that it was asked for already is success.
func (a *Admin) DeleteTopic(ctx context.Context, topic string) error {
	if err := a.Store.RequestTopicDeletion(ctx, topic); !errors.Is(err, zk.ErrNodeExists) {
		return err
	}
	return nil
}

// SetTopicConfig replaces the overrides of an existing topic and tells all brokers.
func (a *Admin) SetTopicConfig(ctx context.Context, topic string, overrides map[string]string) error {
	if err := a.CheckTopicConfig(ctx, topic, overrides); err != nil {
		return err
	}
	return a.setConfig(ctx, zk.EntityTopics, topic, overrides)
}

// CheckTopicConfig is SetTopicConfig without writing.
func (a *Admin) CheckTopicConfig(ctx context.Context, topic string, overrides map[string]string) error {
	if err := ValidateTopicName(topic); err != nil {
		return err
	}
	exists, err := a.Store.TopicExists(ctx, topic)
	if err != nil {
		return err
	}
	if !exists {
		return fail(kerr.UnknownServerError, "Topic \"%s\" does not exist.", topic)
	}
	return ValidateChangedConfig(topic, overrides)
}

// SetBrokerConfig replaces the dynamic configs of a broker (its id, or zk.DefaultEntity) and tells
// all brokers.
// What the settings say is for the caller to check: only the broker that they are for knows what it
// can change.
func (a *Admin) SetBrokerConfig(ctx context.Context, entity string, settings map[string]string) error {
	return a.setConfig(ctx, zk.EntityBrokers, entity, settings)
}

// setConfig writes and tells. The notification comes after the node, or who reads it might find the
// old settings.
func (a *Admin) setConfig(ctx context.Context, t zk.EntityType, entity string, overrides map[string]string) error {
	if err := a.Store.SetConfig(ctx, t, entity, overrides); err != nil {
		return err
	}
	return a.Store.NotifyConfigChange(ctx, zk.ConfigChange{Type: t, Entity: entity})
}

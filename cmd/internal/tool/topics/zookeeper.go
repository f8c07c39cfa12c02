package topics

import (
	"context"
	"errors"
	"fmt"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/coordinator/admin"
	"momus/coordinator/zk"
	"momus/internal/model"
)

// zkTopics works on the znodes of topics, without any broker.
type zkTopics struct {
	c      *topicRun
	o      *options.Options
	client *zk.Client
	admin  *admin.Admin
}

func (s *zkTopics) close() { s.client.Close() }

func (s *zkTopics) names(ctx context.Context, _ bool) ([]string, error) {
	return s.client.Topics(ctx)
}

func (s *zkTopics) create(ctx context.Context, t *topicSpec) error {
	var assignments zk.Assignments
	if t.assignment != nil {
		assignments = zk.Assignments{}
		for i, ids := range t.assignment {
			assignments[int32(i)] = model.Assignment{Replicas: ids}
		}
	} else if !t.resized {
		return &java.Error{Class: "java.util.NoSuchElementException", Text: "None.get"}
	} else {
		brokers, err := s.brokers(ctx, t.rackAware)
		if err != nil {
			return err
		}
		if assignments, err = s.admin.Place(brokers, t.partitions, int(t.replication)); err != nil {
			return err
		}
	}
	err := s.admin.CreateTopic(ctx, &admin.NewTopic{Name: t.name, Assignments: assignments, Overrides: t.configs})
	if err != nil {
		if t.unlessExists && isTopicExists(err) {
			return nil
		}
		return err
	}
	s.c.Printf("Created topic %s.\n", t.name)
	return nil
}

func isTopicExists(err error) bool {
	var ae *admin.Error
	return errors.As(err, &ae) && ae.Kind.Code == 36
}

func (s *zkTopics) brokers(ctx context.Context, rackAware bool) ([]*model.Broker, error) {
	brokers, err := s.client.Brokers(ctx)
	if err == nil && !rackAware {
		for i, b := range brokers {
			plain := *b
			plain.Rack = ""
			brokers[i] = &plain
		}
	}
	return brokers, err
}

func (s *zkTopics) alter(ctx context.Context, names []string) error {
	t, err := s.c.spec()
	if err != nil {
		return err
	}
	for _, name := range names {
		if len(t.configs) > 0 || len(t.deleted) > 0 {
			overrides, err := s.client.Config(ctx, zk.EntityTopics, name)
			if err != nil {
				return err
			}
			s.c.Println(alterWarning)
			for k, v := range t.configs {
				overrides[k] = v
			}
			for _, k := range t.deleted {
				delete(overrides, k)
			}
			if err := s.admin.SetTopicConfig(ctx, name, overrides); err != nil {
				return err
			}
			s.c.Printf("Updated config for topic %s.\n", name)
		}
		if !t.resized {
			continue
		}
		if name == model.OffsetsTopic {
			return java.IllegalArgument("The number of partitions for the internal topic %s cannot be changed.", name)
		}
		s.c.Println(partitionWarning)
		if err := s.addPartitions(ctx, name, t); err != nil {
			return err
		}
		s.c.Println("Adding partitions succeeded!")
	}
	return nil
}

func (s *zkTopics) addPartitions(ctx context.Context, name string, t *topicSpec) error {
	existing, ok, err := s.client.Assignment(ctx, name)
	if err != nil {
		return err
	}
	if !ok || len(existing) == 0 {
		return &java.Error{Class: java.ErrorsPackage + "InvalidTopicException", Text: "The topic " + name + " does not exist"}
	}
	if int(t.partitions) <= len(existing) {
		return &java.Error{Class: java.ErrorsPackage + "InvalidPartitionsException", Text: fmt.Sprintf("The number of partitions for a topic can only be increased. "+
			"Topic %s currently has %d partitions, %d would not be an increase.", name, len(existing), t.partitions)}
	}
	var given [][]int32
	if len(t.assignment) > len(existing) {
		given = t.assignment[len(existing):]
	}
	_, err = s.admin.AddPartitions(ctx, name, t.partitions, given, false)
	return err
}

func (s *zkTopics) delete(ctx context.Context, names []string) error {
	for _, name := range names {
		if model.IsInternalTopic(name) {
			return &java.Error{Class: "kafka.admin.AdminOperationException",
				Text: fmt.Sprintf("Topic %s is a kafka internal topic and is not allowed to be marked for deletion.", name)}
		}
		err := s.client.RequestTopicDeletion(ctx, name)
		switch {
		case errors.Is(err, zk.ErrNodeExists):
			s.c.Printf("Topic %s is already marked for deletion.\n", name)
		case err != nil:
			return &java.Error{Class: "kafka.admin.AdminOperationException", Text: "Error while deleting topic " + name, Cause: err}
		default:
			s.c.Printf("Topic %s is marked for deletion.\nNote: This will have no impact if delete.topic.enable is not set to true.\n", name)
		}
	}
	return nil
}

func (s *zkTopics) describe(ctx context.Context, names []string) error {
	assignments, err := s.client.Assignments(ctx, names)
	if err != nil {
		return err
	}
	deletions, err := s.client.TopicDeletions(ctx)
	if err != nil && !errors.Is(err, zk.ErrNoNode) {
		return err
	}
	deleted := map[string]bool{}
	for _, d := range deletions {
		deleted[d] = true
	}
	ids, err := s.client.BrokerIDs(ctx)
	if err != nil {
		return err
	}
	alive := map[int32]bool{}
	for _, id := range ids {
		alive[id] = true
	}
	for _, name := range names {
		as, ok := assignments[name]
		if !ok {
			s.c.Printf("Topic %s doesn't exist!\n", name)
			continue
		}
		if err := s.describeTopic(ctx, name, as, deleted[name], alive); err != nil {
			return err
		}
	}
	return nil
}

func (s *zkTopics) describeTopic(ctx context.Context, name string, as zk.Assignments, deleted bool, alive map[int32]bool) error {
	if describesTopics(s.o) {
		overrides, err := s.client.Config(ctx, zk.EntityTopics, name)
		if err != nil {
			return err
		}
		if !s.o.Has("topics-with-overrides") || len(overrides) > 0 {
			first := as[as.Partitions()[0]]
			s.c.describeTopicLine(name, len(as), len(first.Replicas), core.ConfigWords(overrides), deleted)
		}
	}
	if !describesPartitions(s.o) {
		return nil
	}
	var tps []model.TopicPartition
	for _, p := range as.Partitions() {
		tps = append(tps, model.TopicPartition{Topic: name, Partition: p})
	}
	states, err := s.client.States(ctx, tps)
	if err != nil {
		return err
	}
	for _, tp := range tps {
		line := &partitionLine{topic: name, partition: tp.Partition, leader: -1, replicas: as[tp.Partition].Replicas, deleted: deleted}
		if state, ok := states[tp]; ok {
			line.leader, line.isr = state.Leader, state.ISR
		}
		s.c.describePartition(s.o, alive, line)
	}
	return nil
}

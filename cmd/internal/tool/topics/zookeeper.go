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

// zkTopics works on the znodes of topics, without any broker. It does what the controller's admin
// code does on the broker side, with the same package (coordinator/admin), and the brokers learn of
// it by their watches. No policy of theirs is asked.
type zkTopics struct {
	c      *topicRun
	o      *options.Options
	client *zk.Client
	admin  *admin.Admin
}

// close ends the session.
func (s *zkTopics) close() { s.client.Close() }

// names has internal topics, whatever is asked for: nobody marks them in ZooKeeper.
func (s *zkTopics) names(ctx context.Context, _ bool) ([]string, error) {
	return s.client.Topics(ctx)
}

// create places the replicas on the brokers that are registered, as the broker would. Without
// --partitions and without an assignment Kafka's tool falls over an empty Option, and so do we.
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
		// --if-not-exists is looked at when it failed, not before: another may create the topic in
		// between.
		if t.unlessExists && isTopicExists(err) {
			return nil
		}
		return err
	}
	s.c.Printf("Created topic %s.\n", t.name)
	return nil
}

// 36 is TOPIC_ALREADY_EXISTS.
func isTopicExists(err error) bool {
	var ae *admin.Error
	return errors.As(err, &ae) && ae.Kind.Code == 36
}

// brokers are the registered ones; without rack awareness they are copies without their racks,
// since the client may hand out the same ones again.
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

// alter changes configs and adds partitions, topic by topic: what was done stays done when a later
// one fails. For none of the matching topics it checks the command line only.
func (s *zkTopics) alter(ctx context.Context, names []string) error {
	t, err := s.c.spec()
	if err != nil {
		return err
	}
	for _, name := range names {
		// The whole set of overrides is written anew: what others change between reading and
		// writing is lost, as with Kafka's tool (kafka-configs over the admin API has no such gap).
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
		// The partition of a group is a hash modulo their number: with more, every group would look
		// for its offsets elsewhere.
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

// addPartitions checks what Kafka's AdminZkClient.addPartitions checks, with its words. An
// assignment names the partitions that exist too, whose part is not looked at.
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

// delete only marks topics, by a znode in /admin/delete_topics: the controller deletes them, if
// delete.topic.enable is true.
func (s *zkTopics) delete(ctx context.Context, names []string) error {
	for _, name := range names {
		if model.IsInternalTopic(name) {
			return &java.Error{Class: "kafka.admin.AdminOperationException",
				Text: fmt.Sprintf("Topic %s is a kafka internal topic and is not allowed to be marked for deletion.", name)}
		}
		// The check for internal topics stands before each one, so that those before it in the list
		// are marked already.
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

// describe shows what the znodes say: state of partitions may be older than what brokers serve, for
// a controller that is about to write it.
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
	// A leader counts as available only while its broker is registered.
	ids, err := s.client.BrokerIDs(ctx)
	if err != nil {
		return err
	}
	alive := map[int32]bool{}
	for _, id := range ids {
		alive[id] = true
	}
	for _, name := range names {
		// It was deleted since its name was read.
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

// describeTopic prints the topic's line and then a line for each partition. The number of replicas
// is that of the first partition, as Kafka has it.
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
		// Without a state znode the partition never had a leader.
		line := &partitionLine{topic: name, partition: tp.Partition, leader: -1, replicas: as[tp.Partition].Replicas, deleted: deleted}
		if state, ok := states[tp]; ok {
			line.leader, line.isr = state.Leader, state.ISR
		}
		s.c.describePartition(s.o, alive, line)
	}
	return nil
}

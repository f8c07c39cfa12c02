package handler

import (
	"context"
	"errors"
	"strconv"

	"momus/internal/kerr"
	"momus/internal/model"
)

// TopicCreator creates topics that a client asked about, through ZooKeeper, by this broker, whoever
// the controller is.
type TopicCreator interface {
	// CreateTopic writes the assignment (brokers sorted by id, racks used only if all have one) and
	// the configs of a new topic. TOPIC_ALREADY_EXISTS when somebody else was faster,
	// INVALID_TOPIC_EXCEPTION for a bad name, INVALID_REPLICATION_FACTOR with too few brokers
	// alive.
	CreateTopic(ctx context.Context, name string, partitions int32, replicationFactor int16, configs map[string]string) error
}

// internalTopic are the settings with which an internal topic is created.
// "segment.bytes" is small (100 MB) so that compaction, which leaves the active segment alone,
// keeps what a coordinator must load short.
func internalTopic(name string, s Settings) (partitions int32, replicationFactor int16, config map[string]string) {
	if name == model.OffsetsTopic {
		return s.Offsets.Partitions, s.Offsets.ReplicationFactor, map[string]string{
			"segment.bytes":    strconv.Itoa(int(s.Offsets.SegmentBytes)),
			"compression.type": "producer",
			"cleanup.policy":   "compact",
		}
	}
	return s.Transactions.Partitions, s.Transactions.ReplicationFactor, map[string]string{
		"unclean.leader.election.enable": "false",
		"compression.type":               "uncompressed",
		"cleanup.policy":                 "compact",
		"min.insync.replicas":            strconv.Itoa(int(s.TransactionMinISR)),
		"segment.bytes":                  strconv.Itoa(int(s.Transactions.SegmentBytes)),
	}
}

// createInternalTopic creates an internal topic with its own settings. nil means that it will exist
// soon (LEADER_NOT_AVAILABLE for who asked); INVALID_REPLICATION_FACTOR that too few brokers are
// alive.
func (e *Env) createInternalTopic(ctx context.Context, name string) error {
	partitions, factor, config := internalTopic(name, e.Settings())
	// Kafka does not go below the replication factor here: a group's offsets on one disk would look
	// safe and not be.
	if alive := len(e.Metadata.Snapshot().AliveBrokers()); alive < int(factor) {
		e.Logger.WithField("topic", name).WithField("alive_brokers", alive).WithField("replication_factor", factor).
			Error("could not create an internal topic: too few brokers are alive")
		return kerr.InvalidReplicationFactor
	}
	return e.createTopic(ctx, name, partitions, factor, config)
}

// createTopic creates a topic; that it exists already is no error.
func (e *Env) createTopic(ctx context.Context, name string, partitions int32, factor int16, config map[string]string) error {
	if e.TopicCreator == nil {
		return kerr.UnknownTopicOrPartition
	}
	err := e.TopicCreator.CreateTopic(ctx, name, partitions, factor, config)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// namedPartitions are the partitions that a request names by topic; nil topics are all partitions,
// which are nil here too.
func namedPartitions[T any](topics []T, of func(t *T) (topic string, partitions []int32)) []model.TopicPartition {
	if topics == nil {
		return nil
	}
	tps := []model.TopicPartition{}
	for i := range topics {
		topic, partitions := of(&topics[i])
		for _, p := range partitions {
			tps = append(tps, model.TopicPartition{Topic: topic, Partition: p})
		}
	}
	return tps
}

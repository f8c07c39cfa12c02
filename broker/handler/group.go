package handler

import (
	"momus/coordinator/group"
	"momus/internal/kerr"
	"momus/internal/model"
)

// staticRefused tells whether a request carries a group.instance.id that the
// inter.broker.protocol.version does not allow yet (KIP-345).
func (e *Env) staticRefused(instanceID *string) bool {
	return instanceID != nil && !group.StaticMembersAllowed(e.Settings().version())
}

// topicPartitionError is what keeps a request from a partition: TOPIC_AUTHORIZATION_FAILED without
// the right, so that missing topics look the same, UNKNOWN_TOPIC_OR_PARTITION for one that the
// metadata cache does not know; nil if nothing.
func (e *Env) topicPartitionError(may rights, tp model.TopicPartition) *kerr.Error {
	if !may.allow(tp.Topic) {
		return kerr.TopicAuthorizationFailed
	}
	if _, ok := e.Metadata.Snapshot().Partition(tp); !ok {
		return kerr.UnknownTopicOrPartition
	}
	return nil
}

// orEmpty is *s, "" for nil.
func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// notNil makes null bytes empty.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

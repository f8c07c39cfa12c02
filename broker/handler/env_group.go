package handler

import (
	"context"

	"momus/broker/metadata"
	"momus/coordinator/group"
	"momus/coordinator/txn"
)

// GroupEnv is what the APIs of groups and offsets use (8-16, 42, 47), and InitProducerId (22).
type GroupEnv struct {
	// Groups is the group coordinator.
	Groups *group.Coordinator
	// ProducerIDs hands out the ids of idempotent producers.
	ProducerIDs *txn.ProducerIDs
	// Cluster is the current snapshot of the metadata cache.
	Cluster func() *metadata.Snapshot
	// CreateInternalTopic creates an internal topic that is missing, as Metadata does (protocol.md 7.1), without waiting for its
	// leaders; nil: nothing is created.
	CreateInternalTopic func(ctx context.Context, topic string) error
}

package handler

import (
	"sync"

	"momus/coordinator/group"
	"momus/coordinator/txn"
)

// GroupEnv is what the APIs of groups and offsets use (8-16, 42, 47), and InitProducerId (22).
type GroupEnv struct {
	// Groups is the group coordinator.
	Groups *group.Coordinator
	// ProducerIDs hands out the ids of idempotent producers.
	ProducerIDs *txn.ProducerIDs

	commitCalls sync.Pool // of *commitCall
}

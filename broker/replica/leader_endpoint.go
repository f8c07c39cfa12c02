package replica

import (
	"context"
	"time"

	"momus/internal/model"
)

// LeaderEndpoint is a leader broker as a fetcher sees it. It is used by one goroutine; an error of
// a call as a whole means that nothing is known about the outcome, and the fetcher tries again
// after replica.fetch.backoff.ms.
type LeaderEndpoint interface {
	// Fetch asks for data of all given partitions, in order, and blocks up to maxWait while there
	// is none. The answer names the partitions that have news only; it is valid until the next
	// call. When ctx ends it returns soon, with an error.
	Fetch(ctx context.Context, partitions []ReplicaFetch, maxWait time.Duration) ([]ReplicaData, error)
	// EndOffsets asks where leader epochs end (OffsetForLeaderEpoch). The answers are in the order
	// of the queries.
	EndOffsets(ctx context.Context, queries []EpochQuery) ([]EpochAnswer, error)
	// Offset asks for the leader's log end (log.LatestTimestamp) or log start
	// (log.EarliestTimestamp).
	Offset(ctx context.Context, tp model.TopicPartition, currentLeaderEpoch int32, timestamp int64) (int64, error)
	Close() error
}

// ReplicaFetch is one partition that a follower wants.
type ReplicaFetch struct {
	TP                 model.TopicPartition
	Offset             int64
	LogStartOffset     int64
	CurrentLeaderEpoch int32
}

// ReplicaData is what a leader answers for one partition. Records belongs to the endpoint.
type ReplicaData struct {
	TP             model.TopicPartition
	Err            error
	HighWatermark  int64
	LogStartOffset int64
	Records        []byte
}

// EpochQuery asks where LeaderEpoch ends in a partition.
type EpochQuery struct {
	TP                 model.TopicPartition
	CurrentLeaderEpoch int32
	LeaderEpoch        int32
}

// EpochAnswer is the answer; Epoch and EndOffset are -1 where the leader does not know.
type EpochAnswer struct {
	Err       error
	Epoch     int32
	EndOffset int64
}

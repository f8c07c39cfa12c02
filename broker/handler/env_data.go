package handler

import (
	"context"
	"sync"
	"time"

	"momus/broker/fetchsession"
	"momus/broker/metadata"
	"momus/broker/replica"
	"momus/internal/model"
	"momus/storage/log"
	"momus/storage/record"
)

// DataEnv is what Produce, Fetch, ListOffsets, Metadata, OffsetForLeaderEpoch and DeleteRecords
// use.
type DataEnv struct {
	Metadata *metadata.Cache
	// Data are the partitions of this broker; New takes those of StorageEnv.Replicas when it is
	// nil.
	Data Replicas
	// FetchSessions are the incremental fetch sessions; New makes the cache when it is nil.
	FetchSessions *fetchsession.Cache
	// TopicCreator creates topics on demand; nil: none are created.
	TopicCreator TopicCreator

	produceCalls, fetchCalls sync.Pool // of *produceCall, *fetchCall
}

// Replicas is what the data APIs ask of the replica manager.
type Replicas interface {
	Append(entries []replica.AppendEntry, acks int16, origin record.Origin) Appended
	Fetch(ctx context.Context, params replica.FetchParams, parts []replica.FetchPartition) []replica.FetchResult
	ListOffset(q replica.ListOffsetQuery) (answer log.TimestampOffset, found bool, err error)
	LegacyListOffset(tp model.TopicPartition, timestamp int64, maxOffsets int, replicaID int32) ([]int64, error)
	OffsetForLeaderEpoch(tp model.TopicPartition, currentLeaderEpoch, leaderEpoch int32) (epoch int32, endOffset int64, err error)
	DeleteRecords(ctx context.Context, entries []replica.DeleteRecordsEntry, timeout time.Duration) []replica.DeleteRecordsResult
}

// Appended is an append that may still wait for followers; see replica.Appended.
type Appended interface {
	Results() []replica.AppendResult
	Satisfied() bool
	Wait(ctx context.Context, timeout time.Duration) []replica.AppendResult
}

// hosted makes a replica manager Replicas.
type hosted struct{ *replica.Manager }

func (h hosted) Append(entries []replica.AppendEntry, acks int16, origin record.Origin) Appended {
	return h.Manager.Append(entries, acks, origin)
}

package txn

import (
	"momus/internal/kerr"
	"momus/internal/model"
)

// InitRequest is InitProducerId for a transactional id. ProducerID and Epoch are what the producer
// has, from version 3 on (KIP-360); -1 if none. TimeoutMs was checked.
type InitRequest struct {
	TransactionalID string
	TimeoutMs       int32
	ProducerID      int64
	Epoch           int16

	fresh int64 // a producer id that nobody has, -1 none; set by the Coordinator
}

func (r *InitRequest) given() bool { return r.ProducerID != -1 }

// InitResult answers an InitRequest; id and epoch are -1 with an error.
type InitResult struct {
	ProducerID int64
	Epoch      int16
	Err        *kerr.Error
}

// AddRequest is AddPartitionsToTxn, and AddOffsetsToTxn with the group's offsets partition.
type AddRequest struct {
	TransactionalID string
	ProducerID      int64
	Epoch           int16
	Partitions      []model.TopicPartition
}

// EndRequest is EndTxn.
type EndRequest struct {
	TransactionalID string
	ProducerID      int64
	Epoch           int16
	Commit          bool
}

// Stats are numbers for metrics.
type Stats struct {
	TransactionalIDs   int
	Ongoing            int
	Parked             int // requests that wait for the end of a transaction
	UnknownDestination int // partitions whose markers wait for a living leader (UnknownDestinationQueueSize)
	LogAppendRetry     int // ended transactions whose last record has to be written again (LogAppendRetryQueueSize)
	MarkerQueue        int // partitions whose markers wait to be sent
}

func (s *Stats) add(o *Stats) {
	s.TransactionalIDs += o.TransactionalIDs
	s.Ongoing += o.Ongoing
	s.Parked += o.Parked
	s.LogAppendRetry += o.LogAppendRetry
}

package txn

import (
	"fmt"
	"math"
	"slices"
	"time"

	"momus/coordinator/shard"
	"momus/internal/journal"
	"momus/internal/model"
	"momus/storage/record"
)

// State is the state of a transactional id; the numbers are those of the records.
type State int8

// The states.
const (
	Empty             State = 0 // no transaction yet, or since the producer's last InitProducerId
	Ongoing           State = 1
	PrepareCommit     State = 2 // decided; markers are being written
	PrepareAbort      State = 3
	CompleteCommit    State = 4
	CompleteAbort     State = 5
	Dead              State = 6 // expired; being removed
	PrepareEpochFence State = 7 // about to be aborted with a new epoch; never in a record

	noState State = -1
)

var stateNames = [...]string{"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence"}

// String is Kafka's name of the state.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return fmt.Sprintf("State(%d)", int8(s))
	}
	return stateNames[s]
}

// legalFrom lists the states from which each state may be entered.
var legalFrom = [...][]State{
	Empty:             {Empty, CompleteCommit, CompleteAbort},
	Ongoing:           {Ongoing, Empty, CompleteCommit, CompleteAbort},
	PrepareCommit:     {Ongoing},
	PrepareAbort:      {Ongoing, PrepareEpochFence},
	CompleteCommit:    {PrepareCommit},
	CompleteAbort:     {PrepareAbort},
	Dead:              {Empty, CompleteCommit, CompleteAbort},
	PrepareEpochFence: {Ongoing},
}

// decided reports whether the transaction's outcome is fixed but its markers may not all be
// written.
func (s State) decided() bool { return s == PrepareCommit || s == PrepareAbort }

// ended reports whether there is no transaction.
func (s State) ended() bool { return s == Empty || s == CompleteCommit || s == CompleteAbort }

// exhaustedEpoch is the first epoch that a producer does not get any more: the next InitProducerId
// gives it a new id instead, so that there is always one more epoch to fence it with.
const exhaustedEpoch int16 = math.MaxInt16 - 1

// Metadata is what is kept of a transactional id. The last values are not in the records, so they
// are gone after a load.
type Metadata struct {
	ProducerID     int64
	LastProducerID int64 // the id before the last change by InitProducerId, -1 none
	Epoch          int16 // -1 until the first InitProducerId is done
	LastEpoch      int16 // the epoch before the last bump by its owner (KIP-360) or by an abort, -1 none
	TimeoutMs      int32
	State          State
	Partitions     []model.TopicPartition // of the transaction, sorted, without duplicates; not changed but replaced
	StartMs        int64                  // of the transaction or the last one, -1 none
	UpdateMs       int64
}

// exhausted reports whether the epoch cannot be raised again for its owner.
func (m *Metadata) exhausted() bool { return m.Epoch >= exhaustedEpoch }

// transaction is a transactional id in the core. Pending is the state that an append under way will
// make effective, noState if there is none; while the markers of a decided transaction are out, it
// is the Complete state that follows.
type transaction struct {
	id string
	Metadata
	pending State
	// fenced tells that the epoch was raised to abort the transaction, but that the record of the
	// abort failed: it is not raised again for the next attempt.
	fenced bool
	// completing tells that all markers are written and the record of the Complete state is being
	// appended.
	completing bool
	parked     []*parkedCall

	// For the journal: the last entry, why the transaction is being aborted, and when the last
	// record was durable.
	history   uint64
	why       journal.Reason
	decidedAt time.Time
}

// parkedCall is a request that waits for the end of a pending state.
type parkedCall struct {
	t        *transaction
	ev       any
	call     *shard.Call
	deadline time.Time
	answered bool
}

func newTransaction(id string, producerID int64, timeoutMs int32, nowMs int64) *transaction {
	return &transaction{id: id, pending: noState, Metadata: Metadata{
		ProducerID: producerID, LastProducerID: record.NoProducerID, Epoch: record.NoProducerEpoch, LastEpoch: record.NoProducerEpoch,
		TimeoutMs: timeoutMs, State: Empty, StartMs: -1, UpdateMs: nowMs,
	}}
}

// busy reports whether requests have to wait.
func (t *transaction) busy() bool { return t.pending != noState || t.State.decided() }

// has reports whether all of tps (sorted) are in the transaction.
func (t *transaction) has(tps []model.TopicPartition) bool {
	for _, tp := range tps {
		if _, ok := slices.BinarySearchFunc(t.Partitions, tp, model.TopicPartition.Compare); !ok {
			return false
		}
	}
	return true
}

// union merges two sorted lists into a new one.
func union(a, b []model.TopicPartition) []model.TopicPartition {
	out := make([]model.TopicPartition, 0, len(a)+len(b))
	out = append(append(out, a...), b...)
	slices.SortFunc(out, model.TopicPartition.Compare)
	return slices.Compact(out)
}

// Package producer keeps what a partition remembers of idempotent and transactional producers
// (KIP-98): the sequence checks, open and recently ended transactions, and the snapshot files
// OFFSET.snapshot. It is Kafka's ProducerStateManager.
//
// A Manager belongs to one log and is used under that log's lock. It has no goroutines and no
// clock.
package producer

import (
	"fmt"

	"momus/internal/kerr"
	"momus/storage/record"
)

// window is how many batches are remembered of a producer: as many as a client may have in flight.
const window = 5

// Batch is a remembered batch of a producer.
type Batch struct {
	LastSequence int32
	OffsetDelta  int32 // last offset - first offset
	LastOffset   int64
	Timestamp    int64 // ms
}

// remembered is what is kept of a batch of data.
func remembered(b record.Batch) Batch {
	return Batch{
		LastSequence: b.LastSequence(), LastOffset: b.LastOffset(),
		OffsetDelta: int32(b.LastOffset() - b.BaseOffset()), Timestamp: b.MaxTimestamp(),
	}
}

// FirstSequence is the sequence of the first record.
func (b Batch) FirstSequence() int32 {
	if b.OffsetDelta > b.LastSequence { // sequences wrap from 2^31-1 to 0
		return int32(int64(b.LastSequence) - int64(b.OffsetDelta) + 1<<31)
	}
	return b.LastSequence - b.OffsetDelta
}

// FirstOffset is the offset of the first record.
func (b Batch) FirstOffset() int64 { return b.LastOffset - int64(b.OffsetDelta) }

// Entry is what is known of one producer id.
type Entry struct {
	ProducerID       int64
	Epoch            int16 // -1 unknown
	CoordinatorEpoch int32 // of the last marker, -1 none
	LastTimestamp    int64 // ms, -1 none
	TxnFirstOffset   int64 // first offset of the open transaction, -1 none

	recent
	// partial tells that the log may hold batches of this epoch before the oldest remembered one: a
	// snapshot knows only the last batch of a producer.
	partial bool
}

func emptyEntry(producerID int64) Entry {
	return Entry{ProducerID: producerID, Epoch: -1, CoordinatorEpoch: -1, LastTimestamp: -1, TxnFirstOffset: -1}
}

// LastBatch is the latest remembered batch with data; false if there is none.
func (e *Entry) LastBatch() (Batch, bool) {
	if e.n == 0 {
		return Batch{}, false
	}
	return e.batches[e.n-1], true
}

// LastSequence is that of the latest remembered batch, -1 if there is none.
func (e *Entry) LastSequence() int32 {
	if e.n == 0 {
		return -1
	}
	return e.batches[e.n-1].LastSequence
}

// LastDataOffset is the last offset of the latest remembered batch, -1 if there is none.
func (e *Entry) LastDataOffset() int64 {
	if e.n == 0 {
		return -1
	}
	return e.batches[e.n-1].LastOffset
}

// duplicate finds the remembered batch that b repeats.
func (e *Entry) duplicate(b record.Batch) (Batch, bool) {
	if b.ProducerEpoch() != e.Epoch {
		return Batch{}, false
	}
	first, last := b.BaseSequence(), b.LastSequence()
	for _, known := range e.batches[:e.n] {
		if known.FirstSequence() == first && known.LastSequence == last {
			return known, true
		}
	}
	return Batch{}, false
}

func (e *Entry) setEpoch(epoch int16) {
	if e.Epoch != epoch {
		e.Epoch, e.n, e.partial = epoch, 0, false
	}
}

func (e *Entry) add(b Batch) {
	e.recent.add(b)
	e.partial = e.partial && e.n < window
}

// checkEpoch refuses an epoch below the known one, except from the leader.
func (e *Entry) checkEpoch(b record.Batch, origin record.Origin) error {
	if b.ProducerEpoch() >= e.Epoch || origin == record.OriginReplication {
		return nil
	}
	return fmt.Errorf("producer %d at offset %d has epoch %d, %d is known: %w",
		e.ProducerID, b.BaseOffset(), b.ProducerEpoch(), e.Epoch, kerr.InvalidProducerEpoch)
}

// checkSequence requires that b continues the sequence. known tells that the log knew the producer
// before this append.
func (e *Entry) checkSequence(b record.Batch, known bool) error {
	first := b.BaseSequence()
	if b.ProducerEpoch() != e.Epoch {
		if first == 0 || e.Epoch == -1 {
			return nil
		}
		return fmt.Errorf("producer %d at offset %d begins epoch %d with sequence %d (epoch %d is known): %w",
			e.ProducerID, b.BaseOffset(), b.ProducerEpoch(), first, e.Epoch, kerr.OutOfOrderSequenceNumber)
	}
	last := e.LastSequence()
	if !known || int64(first) == int64(last)+1 || first == 0 && last == 1<<31-1 {
		return nil
	}
	return fmt.Errorf("producer %d at offset %d has sequence %d after %d: %w",
		e.ProducerID, b.BaseOffset(), first, last, kerr.OutOfOrderSequenceNumber)
}

// appendData applies a batch of data. began is set if it opens a transaction.
func (e *Entry) appendData(b record.Batch, origin record.Origin, known bool) (began bool, err error) {
	if err := e.checkEpoch(b, origin); err != nil {
		return false, err
	}
	if origin == record.OriginClient {
		if err := e.checkSequence(b, known); err != nil {
			return false, err
		}
	}
	first := b.BaseOffset()
	e.setEpoch(b.ProducerEpoch())
	e.add(remembered(b))
	e.LastTimestamp = b.MaxTimestamp()
	switch open := e.TxnFirstOffset >= 0; {
	case open && !b.IsTransactional():
		return false, fmt.Errorf("producer %d wrote outside its transaction open since offset %d: %w", e.ProducerID, e.TxnFirstOffset, kerr.InvalidTxnState)
	case !open && b.IsTransactional():
		e.TxnFirstOffset = first
		return true, nil
	}
	return false, nil
}

// appendMarker applies the end of a transaction. began is set if none was open: then one of just
// the marker is recorded.
func (e *Entry) appendMarker(b record.Batch, kind record.ControlType, coordinatorEpoch int32, origin record.Origin) (end Completed, began bool, err error) {
	if err := e.checkEpoch(b, origin); err != nil {
		return Completed{}, false, err
	}
	if e.CoordinatorEpoch > coordinatorEpoch && origin != record.OriginReplication {
		return Completed{}, false, fmt.Errorf("marker for producer %d has coordinator epoch %d, %d is known: %w",
			e.ProducerID, coordinatorEpoch, e.CoordinatorEpoch, kerr.TransactionCoordinatorFenced)
	}
	offset := b.BaseOffset()
	first := e.TxnFirstOffset
	if began = first < 0; began {
		first = offset
	}
	e.setEpoch(b.ProducerEpoch())
	e.TxnFirstOffset, e.CoordinatorEpoch, e.LastTimestamp = -1, coordinatorEpoch, b.MaxTimestamp()
	return Completed{ProducerID: e.ProducerID, FirstOffset: first, LastOffset: offset, Aborted: kind == record.ControlAbort}, began, nil
}

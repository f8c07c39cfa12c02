package txn

import (
	"errors"
	"fmt"
	"math"

	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// The functions of this file decide what a request makes of a transactional id: the metadata that
// is to be appended and, once it is, becomes effective; or the error. They change nothing. They are
// called only when nothing is pending, but for prepareEnd.

// legal panics on a move that the table does not have: a fault of this package, never of a client.
func legal(from, to State, what string) {
	for _, s := range legalFrom[to] {
		if s == from {
			return
		}
	}
	panic(fmt.Sprintf("transaction coordinator: %s moves %s to %s", what, from, to))
}

// errNeedProducerID says that InitProducerId has to be repeated with a fresh producer id.
var errNeedProducerID = errors.New("a new producer id is needed")

// prepareInit is InitProducerId while no transaction is open. fresh is a new producer id, or -1 if
// none is at hand; needID asks for one.
func (m *Metadata) prepareInit(r *InitRequest, fresh, nowMs int64) (next Metadata, needID bool, err *kerr.Error) {
	legal(m.State, Empty, "InitProducerId")
	next = *m
	next.State, next.Partitions, next.StartMs, next.UpdateMs = Empty, nil, -1, nowMs
	next.TimeoutMs, next.LastProducerID = r.TimeoutMs, m.ProducerID
	given := r.given()
	if m.exhausted() && (!given || r.Epoch == m.Epoch) {
		if fresh < 0 {
			return next, true, nil
		}
		next.ProducerID, next.Epoch, next.LastEpoch = fresh, 0, record.NoProducerEpoch
		if given {
			next.LastEpoch = m.Epoch
		}
		return next, false, nil
	}
	switch {
	case !given:
		next.Epoch, next.LastEpoch = m.Epoch+1, record.NoProducerEpoch
	case m.Epoch == record.NoProducerEpoch || r.Epoch == m.Epoch:
		next.Epoch, next.LastEpoch = m.Epoch+1, m.Epoch
	case r.Epoch == m.LastEpoch && m.Epoch < math.MaxInt16: // the answer to the bump was lost, or an abort has raised it
		next.LastProducerID = m.LastProducerID // Kafka 2.5 forgets it, so that asking a third time fails
	default:
		return next, false, kerr.InvalidProducerEpoch
	}
	return next, false, nil
}

// admitInit checks the id and epoch that an InitProducerId of version 3 gives (KIP-360).
func (m *Metadata) admitInit(r *InitRequest) *kerr.Error {
	if !r.given() || m.Epoch == record.NoProducerEpoch || r.ProducerID == m.ProducerID ||
		r.ProducerID == m.LastProducerID && r.Epoch >= exhaustedEpoch {
		return nil
	}
	return kerr.InvalidProducerEpoch
}

// prepareFence is the abort of an open transaction whose owner is to be fenced: by InitProducerId
// of another producer, or because it took too long.
func (t *transaction) prepareFence(nowMs int64) Metadata {
	legal(t.State, PrepareEpochFence, "fencing")
	next := t.Metadata
	next.State, next.UpdateMs = PrepareAbort, nowMs
	if !t.fenced && next.Epoch < math.MaxInt16 { // owners get 32766 at most, so there is one more
		// As in Kafka the owner may ask for the new epoch with the one it had (KIP-360), as long as
		// nobody else has come for it.
		next.LastEpoch = next.Epoch
		next.Epoch++
	}
	return next
}

// prepareAdd is AddPartitionsToTxn and AddOffsetsToTxn. tps are sorted.
func (m *Metadata) prepareAdd(tps []model.TopicPartition, nowMs int64) Metadata {
	legal(m.State, Ongoing, "adding partitions")
	next := *m
	next.State, next.UpdateMs = Ongoing, nowMs
	if m.State == Ongoing {
		next.Partitions = union(m.Partitions, tps)
	} else {
		next.Partitions, next.StartMs = union(nil, tps), nowMs
	}
	return next
}

// prepareEnd is the decision of EndTxn.
func (m *Metadata) prepareEnd(commit bool, nowMs int64) Metadata {
	next := *m
	next.State, next.UpdateMs = PrepareAbort, nowMs
	if commit {
		next.State = PrepareCommit
	}
	legal(m.State, next.State, "EndTxn")
	return next
}

// prepareComplete ends a decided transaction whose markers are written.
func (m *Metadata) prepareComplete(nowMs int64) Metadata {
	next := *m
	next.State = completion(m.State)
	legal(m.State, next.State, "the last marker")
	next.Partitions, next.UpdateMs = []model.TopicPartition{}, nowMs
	return next
}

// completion is the Complete state that follows a Prepare state.
func completion(s State) State {
	if s == PrepareCommit {
		return CompleteCommit
	}
	return CompleteAbort
}

// endAgain is the answer to EndTxn when no transaction is open: nil if it was ended in the same way
// before, wait if that is still under way.
func (m *Metadata) endAgain(commit bool) (wait bool, err *kerr.Error) {
	switch {
	case m.State == CompleteCommit && commit, m.State == CompleteAbort && !commit:
		return false, nil
	case m.State == PrepareCommit && commit, m.State == PrepareAbort && !commit:
		return true, kerr.ConcurrentTransactions
	}
	return false, kerr.InvalidTxnState
}

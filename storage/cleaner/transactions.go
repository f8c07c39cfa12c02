package cleaner

import (
	"slices"

	"momus/storage/index"
	"momus/storage/record"
)

// transactions follows the transactions of a log while its batches are passed in order (Kafka's
// CleanedTransactionMetadata). Data of aborted transactions goes at once; a marker goes when no
// batch of its transaction was seen any more.
type transactions struct {
	// pending are the aborted transactions that have not begun yet, by first offset; known are the
	// markers of all that were ever added.
	pending   []index.AbortedTxn
	known     map[int64]struct{}
	aborted   map[int64]*abortedTxn // by producer id
	committed map[int64]struct{}    // producers with a batch since their last marker
	// kept is told the aborted transactions whose marker stays because a batch was seen.
	kept func(index.AbortedTxn) error
}

// seen decides about the marker: while data of the transaction is in the log, consumers need the
// marker, and the index entry, to know that it was aborted.
type abortedTxn struct {
	index.AbortedTxn
	seen bool // a batch of it
}

func newTransactions() *transactions {
	return &transactions{
		known: map[int64]struct{}{}, aborted: map[int64]*abortedTxn{}, committed: map[int64]struct{}{},
		kept: func(index.AbortedTxn) error { return nil },
	}
}

// add announces aborted transactions before their first batch. Those that are known are passed
// over: a transaction that spans segments is in the answer for each.
func (t *transactions) add(aborted []index.AbortedTxn) {
	for _, a := range aborted {
		if _, ok := t.known[a.LastOffset]; !ok {
			t.known[a.LastOffset] = struct{}{}
			t.pending = append(t.pending, a)
		}
	}
	slices.SortStableFunc(t.pending, func(a, b index.AbortedTxn) int {
		switch {
		case a.FirstOffset < b.FirstOffset:
			return -1
		case a.FirstOffset > b.FirstOffset:
			return 1
		}
		return 0
	})
}

// begin makes those transactions the running ones of their producers that have begun by upTo. A
// producer has one at a time.
func (t *transactions) begin(upTo int64) {
	for len(t.pending) > 0 && t.pending[0].FirstOffset <= upTo {
		t.aborted[t.pending[0].ProducerID] = &abortedTxn{AbortedTxn: t.pending[0]}
		t.pending = t.pending[1:]
	}
}

// isAborted passes a batch of data and tells whether its transaction was aborted.
func (t *transactions) isAborted(b record.Batch) bool {
	t.begin(b.LastOffset())
	if !b.IsTransactional() {
		return false
	}
	if a := t.aborted[b.ProducerID()]; a != nil {
		a.seen = true
		return true
	}
	t.committed[b.ProducerID()] = struct{}{}
	return false
}

// isDone passes a control batch and tells whether nothing is left of its transaction, so that it is
// not needed any more.
func (t *transactions) isDone(b record.Batch) (bool, error) {
	t.begin(b.LastOffset())
	// A control batch that was emptied says nothing any more, except about its producer: see
	// isLastOfProducer.
	if b.Count() == 0 {
		return true, nil
	}
	kind, _, err := b.ControlType()
	if err != nil {
		return false, err
	}
	id := b.ProducerID()
	switch kind {
	case record.ControlAbort:
		a := t.aborted[id]
		// The marker ends the transaction; what the producer writes afterwards belongs to another.
		delete(t.aborted, id)
		if a != nil && a.seen {
			return false, t.kept(a.AbortedTxn)
		}
		return true, nil
	case record.ControlCommit:
		_, seen := t.committed[id]
		delete(t.committed, id)
		return !seen, nil
	}
	return false, nil
}

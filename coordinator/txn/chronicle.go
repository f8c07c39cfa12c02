package txn

import (
	"time"

	"momus/internal/journal"
)

// note records an entry about a transactional id.
func (p *Partition) note(t *transaction, e journal.Entry) uint64 {
	e.Name, e.Number, e.LeaderEpoch, e.About = t.id, t.ProducerID, int32(t.Epoch), -1
	return p.journal.Record(e)
}

// sawState records what a durable change means. Only the first of the records of an open
// transaction is told.
func (p *Partition) sawState(t *transaction, before State) {
	switch t.State {
	case Empty:
		t.history = p.note(t, journal.Entry{Kind: journal.ProducerReady})
	case Ongoing:
		if before != Ongoing {
			t.history = p.note(t, journal.Entry{Kind: journal.TransactionBegan, Count: int64(len(t.Partitions)), Cause: t.history})
		}
	case PrepareCommit, PrepareAbort:
		t.history = p.note(t, journal.Entry{Kind: journal.TransactionDecided, New: outcome(t.State == PrepareCommit), Reason: t.why, Cause: t.history,
			Count: int64(len(t.Partitions)), Took: time.Duration(max(0, p.nowMs-t.StartMs)) * time.Millisecond})
		t.why = 0
	case CompleteCommit, CompleteAbort:
		e := journal.Entry{Kind: journal.TransactionEnded, New: outcome(t.State == CompleteCommit), Cause: t.history}
		if !t.decidedAt.IsZero() { // decided by this coordinator, not one before
			e.Took = p.now.Sub(t.decidedAt)
		}
		t.history = p.note(t, e)
	}
	t.decidedAt = p.now
}

func outcome(commit bool) string {
	if commit {
		return "commit"
	}
	return "abort"
}

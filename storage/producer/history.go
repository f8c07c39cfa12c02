package producer

import (
	"fmt"

	"momus/storage/record"
)

// History shows the batches of the log that lie before an offset: stretches of them, the latest
// stretch first, and each stretch in the order of the log. visit gets the header of each batch,
// valid until it returns; after a stretch more says whether an earlier one is wanted. It ends with
// the log or when it has gone back as far as is reasonable.
type History func(before int64, visit func(b record.Batch), more func() bool) error

// recall completes the window of an entry that came from a snapshot, once a batch arrives that
// could be one of those that the snapshot does not tell. Snapshots have Kafka's format, which keeps
// the last batch of a producer: in Kafka a connection is not read while a request of it is
// unanswered, so that nothing but the last batch can come again. Here up to five requests of a
// connection are in the log unanswered (docs/architecture.md, "The window of five"), and after a
// crash their producer sends all of them again. Looking then, and not when the log is opened, costs
// a start nothing.
func (m *Manager) recall(e *Entry, b record.Batch) error {
	if m.History == nil || !e.partial || !e.mayPrecede(b) {
		return nil
	}
	var stretch recent
	err := m.History(e.batches[0].FirstOffset(), func(b record.Batch) {
		if b.HasProducerID() && b.ProducerID() == e.ProducerID && b.ProducerEpoch() == e.Epoch && !b.IsControl() {
			stretch.add(remembered(b))
		}
	}, func() bool {
		e.prepend(&stretch)
		return e.n < window && e.mayPrecede(b)
	})
	if err != nil {
		return fmt.Errorf("look for earlier batches of producer %d: %w", e.ProducerID, err)
	}
	e.partial = false
	return nil
}

// mayPrecede reports whether b, by its sequence, lies before the oldest remembered batch. Sequences
// wrap, so that before is what is nearer than half of their range.
func (e *Entry) mayPrecede(b record.Batch) bool {
	if e.n == 0 || b.ProducerEpoch() != e.Epoch {
		return false
	}
	distance := (int64(e.batches[0].FirstSequence()) - int64(b.LastSequence()) + 1<<31) % (1 << 31)
	return distance > 0 && distance < 1<<30
}

// prepend puts batches, which it empties, before the remembered ones, as many as there is room for.
func (e *Entry) prepend(r *recent) {
	for e.n < window && r.n > 0 {
		copy(e.batches[1:], e.batches[:e.n])
		r.n--
		e.batches[0] = r.batches[r.n]
		e.n++
	}
	r.n = 0
}

// recent keeps the last batches that were added.
type recent struct {
	batches [window]Batch // the first n, oldest first
	n       uint8
}

func (r *recent) add(b Batch) {
	if r.n == window {
		copy(r.batches[:], r.batches[1:])
		r.n--
	}
	r.batches[r.n] = b
	r.n++
}

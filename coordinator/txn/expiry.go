package txn

import (
	"momus/storage/record"
)

// abortTimedOut aborts the transactions that are open for longer than their producer asked for,
// with a new epoch, so that the producer cannot go on.
func (p *Partition) abortTimedOut() {
	for _, t := range p.those(func(t *transaction) bool {
		return t.State == Ongoing && t.pending == noState && t.StartMs+int64(t.TimeoutMs) < p.nowMs
	}) {
		p.logger.WithField("transactional_id", t.id).WithField("producer_id", t.ProducerID).WithField("timeout_ms", t.TimeoutMs).
			Info("aborting a transaction that took too long")
		p.fence(t, nil, nil)
	}
}

// maxTombstones bounds the ids that one batch removes, so that it stays well below
// max.message.bytes.
const maxTombstones = 500

// expire forgets the ids whose last transaction, or producer, is older than
// transactional.id.expiration.ms.
func (p *Partition) expire() {
	expired := p.those(func(t *transaction) bool {
		return t.State.ended() && t.pending == noState && t.UpdateMs <= p.nowMs-int64(p.cfg.ExpirationMs)
	})
	for len(expired) > 0 {
		n := min(len(expired), maxTombstones)
		b := record.NewBuilder(record.DefaultOptions())
		for _, t := range expired[:n] {
			legal(t.State, Dead, "expiry")
			t.pending = Dead
			p.keyBuf = appendKey(p.keyBuf[:0], t.id)
			b.Append(p.nowMs, p.keyBuf, nil)
		}
		p.append(b.Bytes(), p.cfg.TimeoutMs, &appendDone{kind: removed, ids: expired[:n:n]})
		expired = expired[n:]
	}
}

// removed forgets ids whose tombstones are appended; if that failed they are tried again at the
// next sweep.
func (p *Partition) removed(ids []*transaction, err error) {
	if err != nil {
		p.logger.WithError(err).WithField("count", len(ids)).Warn("expired transactional ids not removed")
	}
	for _, t := range ids {
		t.pending = noState
		if err == nil {
			t.State = Dead
			delete(p.transactions, t.id)
			p.leave(t.ProducerID)
		}
		p.settle(t)
	}
}

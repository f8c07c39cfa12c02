package txn

import (
	"slices"
	"sync"

	"momus/coordinator/shard"
	"momus/internal/kerr"
	"momus/internal/model"
)

// standings is what this broker's coordinator knows of producers, for the logs of the same broker:
// they ask before a batch opens a transaction. It is a copy of the state of loaded partitions, kept
// by what they emit and read without their goroutine.
//
// The protocol of Kafka 2.5 has no such check (KIP-890 brought it): a produce request that is
// delayed until its transaction has ended opens another one, which nobody ends, or adds to the
// next. A coordinator decides before it sends markers, so that what is refused here cannot slip in
// behind them.
type standings struct{ of sync.Map } // producer id → *Standing; standings do not change

// Standing is emitted with each change of what a producer may write, before what depends on it:
// before the record of a transaction that gets partitions, before the markers of one that is
// decided, before the answer to the client. Not to be changed.
type Standing struct {
	ProducerID int64
	Gone       bool // nothing is known of the producer any more
	Epoch      int16
	Partitions []model.TopicPartition // of its open transaction, sorted; nil if none is open
}

// apply takes over what a partition has emitted.
func (s *standings) apply(now *Standing) {
	if now.Gone {
		s.of.Delete(now.ProducerID)
	} else {
		s.of.Store(now.ProducerID, now)
	}
}

// stand emits what may be written with t's producer id: what is durable, and what is about to be
// (next, if any).
func (p *Partition) stand(t *transaction, next *Metadata) {
	if t.Epoch < 0 {
		return
	}
	now := &Standing{ProducerID: t.ProducerID, Epoch: t.Epoch}
	switch {
	case next != nil && next.State == Ongoing:
		now.Partitions = next.Partitions
	case t.State == Ongoing:
		now.Partitions = t.Partitions
	}
	p.effects.Add(shard.Emit{Value: now})
}

// leave emits that nothing is known of a producer any more.
func (p *Partition) leave(producerID int64) {
	p.effects.Add(shard.Emit{Value: &Standing{ProducerID: producerID, Gone: true}})
}

// admit judges a batch that would open a transaction in a partition. It refuses only what it knows:
// INVALID_PRODUCER_EPOCH for an epoch that the coordinator has passed, and NOT_ENOUGH_REPLICAS for
// a partition that is not in the producer's transaction: clients send again on that, so that one
// whose coordinator has just moved away is not harmed (later Kafkas use it for old clients in the
// same doubt).
func (s *standings) admit(tp model.TopicPartition, producerID int64, epoch int16) error {
	v, ok := s.of.Load(producerID)
	if !ok {
		return nil // of another coordinator
	}
	known, _ := v.(*Standing)
	switch {
	case epoch < known.Epoch:
		return kerr.InvalidProducerEpoch
	case epoch > known.Epoch:
		return nil // a newer coordinator knows better
	}
	if _, ok := slices.BinarySearchFunc(known.Partitions, tp, model.TopicPartition.Compare); !ok {
		return kerr.NotEnoughReplicas
	}
	return nil
}

// Admit reports whether a batch of a producer may open a transaction in a partition: nil, or the
// error to refuse it with. It does not wait.
func (c *Coordinator) Admit(tp model.TopicPartition, producerID int64, epoch int16) error {
	return c.standings.admit(tp, producerID, epoch)
}

package txn

import (
	"slices"
	"sync"

	"momus/internal/kerr"
	"momus/internal/model"
)

// standings is what this broker's coordinator knows of producers, for the logs of the same broker: they ask before a batch opens a
// transaction. It is a copy of the state of loaded partitions, kept by them and read without their goroutine.
//
// The protocol of Kafka 2.5 has no such check (KIP-890 brought it): a produce request that is delayed until its transaction has ended opens
// another one, which nobody ends, or adds to the next. A coordinator decides before it sends markers, so that what is
// refused here cannot slip in behind them.
type standings struct{ of sync.Map } // producer id → *standing; standings do not change

// standing is a producer's epoch and the partitions of its open transaction, nil if none is open.
type standing struct {
	epoch      int16
	partitions []model.TopicPartition // sorted
}

// set notes what may be written with t's producer id: what is durable, and what is about to be.
func (s *standings) set(t *transaction, next *Metadata) {
	if t.Epoch < 0 {
		return
	}
	now := &standing{epoch: t.Epoch}
	switch {
	case next != nil && next.State == Ongoing:
		now.partitions = next.Partitions
	case t.State == Ongoing:
		now.partitions = t.Partitions
	}
	s.of.Store(t.ProducerID, now)
}

func (s *standings) remove(producerID int64) { s.of.Delete(producerID) }

// admit judges a batch that would open a transaction in a partition. It refuses only what it knows: INVALID_PRODUCER_EPOCH for an epoch that
// the coordinator has passed, and NOT_ENOUGH_REPLICAS for a partition that is not in the producer's transaction: clients send again
// on that, so that one whose coordinator has just moved away is not harmed (later Kafkas use it for old clients in the same doubt).
func (s *standings) admit(tp model.TopicPartition, producerID int64, epoch int16) error {
	v, ok := s.of.Load(producerID)
	if !ok {
		return nil // of another coordinator
	}
	known, _ := v.(*standing)
	switch {
	case epoch < known.epoch:
		return kerr.InvalidProducerEpoch
	case epoch > known.epoch:
		return nil // a newer coordinator knows better
	}
	if _, ok := slices.BinarySearchFunc(known.partitions, tp, compare); !ok {
		return kerr.NotEnoughReplicas
	}
	return nil
}

// Admit tells whether a batch of a producer may open a transaction in a partition: nil, or the error to refuse it with. It does not wait.
func (c *Coordinator) Admit(tp model.TopicPartition, producerID int64, epoch int16) error {
	return c.standings.admit(tp, producerID, epoch)
}

package handler

import (
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// gaps are the batches of idempotent producers that a connection sent and that were refused for a
// reason which passes: the partition was not known yet, another broker led it. Their producer sends
// them again, but the requests that it had sent behind them are on their way already. If the reason
// passes in between, those find a log without the refused batch. A log that knows the producer
// refuses them as out of order; one that does not takes any sequence (KIP-360), and some clients
// (librdkafka) take the success of a later batch for that of the refused one. So what follows a gap
// is refused for the same reason until the batch comes again.
//
// It is used by one request at a time. The zero value has no gaps.
type gaps map[gapKey]gap

type gapKey struct {
	tp         model.TopicPartition
	producerID int64
}

// gap is a refused batch.
type gap struct {
	epoch    int16
	sequence int32 // of its first record
	err      *kerr.Error
	left     int // how many later batches may still be on their way
}

const (
	// behindGap is how many batches of a partition an idempotent producer may have sent behind one
	// without an answer: five requests may be in flight. Whoever sends more has given the refused
	// one up.
	behindGap = 4
	// maxGaps bounds what a connection may make us remember.
	maxGaps = 4096
)

// refuse is the error for b if it follows a gap, else nil. What fills the gap closes it.
func (g gaps) refuse(tp model.TopicPartition, b record.Batch) *kerr.Error {
	if len(g) == 0 || !b.HasProducerID() {
		return nil
	}
	key := gapKey{tp, b.ProducerID()}
	open, found := g[key]
	if !found {
		return nil
	}
	// How far behind the gap, modulo 2^31: sequence numbers wrap from 2147483647 to 0. The upper
	// half stands for numbers before it.
	later := (int64(b.BaseSequence()) - int64(open.sequence) + 1<<31) % (1 << 31)
	switch {
	case b.ProducerEpoch() != open.epoch || later == 0 || open.left == 0:
		delete(g, key)
		return nil
	case later >= 1<<30: // before the gap: it comes again, too
		return nil
	}
	open.left--
	g[key] = open
	return open.err
}

// note remembers that b was refused and not appended, and returns the gaps.
func (g gaps) note(tp model.TopicPartition, b record.Batch, err *kerr.Error) gaps {
	if !err.Retriable || !b.HasProducerID() {
		return g
	}
	if g == nil {
		g = gaps{}
	}
	key := gapKey{tp, b.ProducerID()}
	if _, found := g[key]; !found && len(g) >= maxGaps {
		for other := range g { // any: they are there for the moments after a start or an election
			delete(g, other)
			break
		}
	}
	g[key] = gap{epoch: b.ProducerEpoch(), sequence: b.BaseSequence(), err: err, left: behindGap}
	return g
}

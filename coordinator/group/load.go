package group

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"momus/coordinator/shard"
	"momus/internal/journal"
	"momus/storage/record"
)

// Replay implements shard.Machine: it applies the records of one batch from the log. Records that
// cannot be read are left out and reported; the others are applied (Kafka 2.5 gives up the whole
// rest of the partition).
// Offsets of a transaction stay apart until its marker, which is a batch of its own, says what
// becomes of them. Control batches without a producer that is known are passed over.
func (p *Partition) Replay(batch record.Batch) error {
	if batch.IsControl() {
		kind, _, err := batch.ControlType()
		if err != nil {
			return fmt.Errorf("control batch at %d: %w", batch.BaseOffset(), err)
		}
		switch kind {
		case record.ControlCommit:
			p.completeTransaction(batch.ProducerID(), true)
		case record.ControlAbort:
			p.completeTransaction(batch.ProducerID(), false)
		}
		return nil
	}
	producerID := record.NoProducerID
	if batch.IsTransactional() {
		producerID = batch.ProducerID()
	}
	first := int64(-1)
	var bad error
	err := batch.ForEach(nil, func(r *record.Record) error {
		if first < 0 {
			first = r.Offset
		}
		if err := p.replayRecord(r, producerID, first); err != nil {
			bad = errors.Join(bad, fmt.Errorf("record at %d: %w", r.Offset, err))
		}
		return nil
	})
	return errors.Join(bad, err)
}

// replayRecord applies one record. batchOffset is the offset of the first record of its batch: it
// orders commits as it did when they were made.
func (p *Partition) replayRecord(r *record.Record, producerID, batchOffset int64) error {
	k, err := decodeKey(r.Key)
	if err != nil {
		return err
	}
	if !k.isOffset {
		g := p.loading(k.group)
		// It points to the group that is about to be replaced.
		p.loadingLast = nil
		// A group's metadata is replaced as a whole; its offsets are records of their own.
		fresh := newGroup(g.id, noTimestamp)
		fresh.offsets, fresh.txns = g.offsets, g.txns
		if r.Value != nil {
			if err := decodeGroupValue(fresh, r.Value); err != nil {
				return err
			}
		}
		for id := range g.txns {
			// Open transactions point to their groups, too.
			p.producers[id][g.id] = fresh
		}
		p.groups[g.id] = fresh
		return nil
	}
	var c committed
	if r.Value != nil {
		if c, err = decodeOffsetValue(r.Value); err != nil {
			return err
		}
		c.batchOffset = batchOffset
	}
	g := p.loading(k.group)
	k.tp.Topic = p.topicName(k.tp.Topic)
	switch {
	// A tombstone.
	case producerID == record.NoProducerID && r.Value == nil:
		delete(g.offsets, k.tp)
	case producerID == record.NoProducerID:
		g.offsets[k.tp] = c
	case r.Value == nil:
		delete(g.txns[producerID], k.tp)
	default:
		p.openTransaction(g, producerID)[k.tp] = txnOffset{committed: c, appended: true}
	}
	return nil
}

// loading is the group of a record; it comes to be with its first record. Most records are of the
// same group as the one before, which is remembered. id is cloned if it is kept.
func (p *Partition) loading(id string) *Group {
	if g := p.loadingLast; g != nil && g.id == id {
		return g
	}
	g := p.groups[id]
	if g == nil {
		g = newGroup(strings.Clone(id), noTimestamp)
		p.groups[g.id] = g
	}
	p.loadingLast = g
	return g
}

// topicName is a copy of a topic's name: one for all records that have it, of which there may be
// millions.
func (p *Partition) topicName(topic string) string {
	name, ok := p.loadingTopics[topic]
	if !ok {
		name = strings.Clone(topic)
		if p.loadingTopics == nil {
			p.loadingTopics = map[string]string{}
		}
		p.loadingTopics[name] = name
	}
	return name
}

// Loaded implements shard.Machine: groups of which nothing is left disappear, sessions begin.
// Members get a full session timeout from now on, since nobody could hear their heartbeats
// meanwhile.
func (p *Partition) Loaded(now time.Time) []shard.Effect {
	p.begin(now)
	p.loadingLast, p.loadingTopics = nil, nil
	p.scheduleSweep()
	for _, id := range shard.SortedKeys(p.groups) {
		g := p.groups[id]
		for producerID, t := range g.txns {
			if len(t) == 0 {
				p.forgetProducer(g, producerID)
			}
		}
		if g.generation == 0 && g.protocolType == "" && len(g.order) == 0 && !g.hasOffsets() {
			delete(p.groups, id)
			continue
		}
		// group.max.size was lowered meanwhile: in the round those who come last are refused.
		if int64(len(g.order)) > int64(p.cfg.MaxSize) {
			p.prepareRebalance(g, journal.ByFailure)
		}
		for _, m := range g.order {
			p.restartSession(m)
		}
	}
	return p.effects
}

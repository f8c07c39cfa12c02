package txn

import (
	"context"
	"fmt"
	"sync"
)

// BlockSource claims blocks of producer ids for this broker: the znode /latest_producer_id_block,
// blocks of 1000.
type BlockSource interface {
	// NextProducerIDBlock claims the next block; ids first to last (inclusive) belong to this
	// broker alone.
	NextProducerIDBlock(ctx context.Context) (first, last int64, err error)
}

// ProducerIDs hands out producer ids. An id is never given twice; those left in a block at a stop
// are lost, as in Kafka.
type ProducerIDs struct {
	source BlockSource

	mu         sync.Mutex // held while a block is claimed, so that one claim serves all who wait
	next, last int64
}

// NewProducerIDs makes a generator that claims its first block at the first id asked for.
func NewProducerIDs(source BlockSource) *ProducerIDs {
	return &ProducerIDs{source: source, next: 0, last: -1}
}

// Prepare claims a block if there is none, as every broker of Kafka does when it starts.
func (p *ProducerIDs) Prepare(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prepareLocked(ctx)
}

// Next returns a producer id that no broker has given out before.
func (p *ProducerIDs) Next(ctx context.Context) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.prepareLocked(ctx); err != nil {
		return -1, err
	}
	id := p.next
	p.next++
	return id, nil
}

func (p *ProducerIDs) prepareLocked(ctx context.Context) error {
	if p.next <= p.last {
		return nil
	}
	first, last, err := p.source.NextProducerIDBlock(ctx)
	if err != nil {
		return fmt.Errorf("claim a block of producer ids: %w", err)
	}
	if first < 0 || last < first {
		return fmt.Errorf("claimed producer ids %d to %d, which is no block", first, last)
	}
	p.next, p.last = first, last
	return nil
}

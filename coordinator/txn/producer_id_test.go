package txn

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// blocks gives out blocks of ten ids.
type blocks struct {
	claims int64
	err    error
}

func (b *blocks) NextProducerIDBlock(context.Context) (first, last int64, err error) {
	if b.err != nil {
		return 0, 0, b.err
	}
	b.claims++
	return (b.claims - 1) * 10, b.claims*10 - 1, nil
}

func TestEachProducerIDIsGivenOnce(t *testing.T) {
	source := &blocks{}
	ids := NewProducerIDs(source)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[int64]bool{}
	)
	for range 4 {
		wg.Go(func() {
			for range 25 {
				id, err := ids.Next(t.Context())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				if seen[id] {
					t.Errorf("%d was given twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 100 || source.claims != 10 {
		t.Errorf("%d ids from %d blocks", len(seen), source.claims)
	}
}

func TestAFailedClaimIsTriedAgain(t *testing.T) {
	source := &blocks{err: errors.New("away")}
	ids := NewProducerIDs(source)
	if _, err := ids.Next(t.Context()); !errors.Is(err, source.err) {
		t.Errorf("got %v", err)
	}
	source.err = nil
	if id, err := ids.Next(t.Context()); err != nil || id != 0 {
		t.Errorf("got %d, %v", id, err)
	}
}

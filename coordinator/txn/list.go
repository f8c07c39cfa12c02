package txn

import (
	"context"
	"slices"
	"strings"
	"time"

	"momus/coordinator/shard"
	"momus/internal/model"
)

// list is the event that asks for Listings. The protocol of Kafka 2.5 has no such request (KIP-664
// brought it); the page shows it.
type list struct{}

// Listing is a transactional id as it stands.
type Listing struct {
	TransactionalID string
	ProducerID      int64
	Epoch           int16
	State           State
	Timeout         time.Duration
	Started         time.Time // of the transaction or the last one; zero if there was none
	Partitions      []model.TopicPartition
}

func (p *Partition) list() []Listing {
	out := make([]Listing, 0, len(p.transactions))
	for id, t := range p.transactions {
		l := Listing{TransactionalID: id, ProducerID: t.ProducerID, Epoch: t.Epoch, State: t.State, Timeout: time.Duration(t.TimeoutMs) * time.Millisecond, Partitions: t.Partitions}
		if t.StartMs > 0 {
			l.Started = time.UnixMilli(t.StartMs)
		}
		out = append(out, l)
	}
	return out
}

// List shows all transactional ids of this broker, by name.
func (c *Coordinator) List(ctx context.Context) []Listing {
	var all []Listing
	shard.Gather(ctx, c.shards, list{}, func(some []Listing) { all = append(all, some...) })
	slices.SortFunc(all, func(a, b Listing) int { return strings.Compare(a.TransactionalID, b.TransactionalID) })
	return all
}

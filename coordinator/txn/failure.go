package txn

import "momus/coordinator/shard"

var _ shard.Describer = (*Partition)(nil)

// Describe implements shard.Describer: the transactional id that an event is about.
func (p *Partition) Describe(ev any) map[string]any {
	about := map[string]any{"transactional_ids": len(p.transactions), "appends": len(p.appends)}
	var id string
	switch ev := ev.(type) {
	case *AddRequest:
		id = ev.TransactionalID
	case *EndRequest:
		id = ev.TransactionalID
	case *InitRequest:
		id = ev.TransactionalID
	case markersWritten:
		id = ev.id
	case shard.Appended:
		if d := p.appends[ev.Tag]; d != nil && d.t != nil {
			id = d.t.id
		}
	}
	if t := p.transactions[id]; t != nil {
		about["transactional_id"], about["producer_id"], about["epoch"] = id, t.ProducerID, t.Epoch
		about["state"], about["pending"], about["partitions"] = t.State.String(), t.pending.String(), len(t.Partitions)
	}
	return about
}

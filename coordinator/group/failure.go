package group

import "momus/coordinator/shard"

var _ shard.Describer = (*Partition)(nil)

// Describe implements shard.Describer: the group that an event is about, without what its members
// have sent.
func (p *Partition) Describe(ev any) map[string]any {
	about := map[string]any{"groups": len(p.groups)}
	r, ok := ev.(aboutGroup)
	if !ok {
		return about
	}
	id := r.about()
	about["group"] = id
	if g := p.groups[id]; g != nil {
		about["state"], about["generation"], about["members"] = g.state.String(), g.generation, len(g.members)
		about["offsets"], about["appends"] = len(g.offsets), len(p.appends)
	}
	return about
}

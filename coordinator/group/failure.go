package group

import "momus/coordinator/shard"

var _ shard.Describer = (*Partition)(nil)

// Describe implements shard.Describer: the group that an event is about, without what its members
// have sent.
func (p *Partition) Describe(ev any) map[string]any {
	about := map[string]any{"groups": len(p.groups)}
	id, ok := groupOf(ev)
	if !ok {
		return about
	}
	about["group"] = id
	if g := p.groups[id]; g != nil {
		about["state"], about["generation"], about["members"] = g.state.String(), g.generation, len(g.members)
		about["offsets"], about["appends"] = len(g.offsets), len(p.appends)
	}
	return about
}

// groupOf is the group that an event names, if it names one.
func groupOf(ev any) (string, bool) {
	switch ev := ev.(type) {
	case *JoinRequest:
		return ev.Group, true
	case *SyncRequest:
		return ev.Group, true
	case *HeartbeatRequest:
		return ev.Group, true
	case *LeaveRequest:
		return ev.Group, true
	case *CommitRequest:
		return ev.Group, true
	case *FetchOffsetsRequest:
		return ev.Group, true
	case *DeleteOffsetsRequest:
		return ev.Group, true
	case describe:
		return ev.group, true
	case deleteGroup:
		return ev.group, true
	}
	return "", false
}

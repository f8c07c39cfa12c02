package group

// describe is the event of DescribeGroups for one group.
type describe struct{ group string }

// describe shows protocol, metadata and assignments of a Stable group only: while it rebalances
// they are those of nobody. As in Kafka an unknown group is Dead.
func (p *Partition) describe(id string) Description {
	g := p.groups[id]
	if g == nil {
		return Description{Group: id, State: Dead.String()}
	}
	d := Description{Group: id, State: g.state.String(), ProtocolType: g.protocolType, Members: make([]MemberDescription, len(g.order))}
	stable := g.state == Stable
	if stable && g.protocol != nil {
		d.Protocol = *g.protocol
	}
	for i, m := range g.order {
		d.Members[i] = MemberDescription{MemberID: m.id, InstanceID: m.instanceID, ClientID: m.clientID, ClientHost: m.clientHost}
		if stable {
			d.Members[i].Metadata, d.Members[i].Assignment = m.metadataFor(g.protocol), m.assignment
		}
	}
	return d
}

// list is the event of ListGroups.
type list struct{}

// list is in the order of a map; the Coordinator sorts what comes from all partitions.
func (p *Partition) list() []Listing {
	groups := make([]Listing, 0, len(p.groups))
	for id, g := range p.groups {
		groups = append(groups, Listing{Group: id, ProtocolType: g.protocolType})
	}
	return groups
}

// stats is the event that asks for Stats.
type stats struct{}

// Stats are the figures behind the metrics of GroupMetadataManager and group-coordinator-metrics.
type Stats struct {
	Groups  [Dead + 1]int // by State
	Offsets int
	Counters
}

// stats looks at every group, which a scrape may ask for; nothing is counted along the way.
func (p *Partition) stats() Stats {
	s := Stats{Counters: p.counters}
	for _, g := range p.groups {
		s.Groups[g.state]++
		s.Offsets += len(g.offsets)
	}
	return s
}

// add sums up another partition.
func (s *Stats) add(o *Stats) {
	for i := range s.Groups {
		s.Groups[i] += o.Groups[i]
	}
	s.Offsets += o.Offsets
	s.OffsetCommits += o.OffsetCommits
	s.OffsetExpirations += o.OffsetExpirations
	s.OffsetDeletions += o.OffsetDeletions
	s.CompletedRebalances += o.CompletedRebalances
}

package group

import (
	"time"

	"momus/internal/journal"
)

// chronicle is what the journal needs to know of a rebalance: nothing that the group decides
// depends on it.
type chronicle struct {
	cause uint64 // the entry of what started the round
	began int64  // ms
}

// note records an entry about a group.
func (p *Partition) note(g *Group, e journal.Entry) uint64 {
	e.Name, e.LeaderEpoch, e.About = g.id, g.generation, -1
	return p.journal.Record(e)
}

// sawMember records that a member came, or why it went, and keeps that as the cause of the
// rebalance that follows.
func (p *Partition) sawMember(g *Group, m *Member, kind journal.Kind, why journal.Reason) {
	e := journal.Entry{Kind: kind, Who: m.id, Reason: why}
	if m.instanceID != nil && kind == journal.MemberJoined {
		e.Old = *m.instanceID
	}
	if why == journal.HeartbeatMissed {
		e.Took = time.Duration(m.sessionTimeoutMs) * time.Millisecond
	}
	g.history.cause = p.note(g, e)
}

// sawRebalance records that a join round began. why is used if no member that came or went is the
// cause.
func (p *Partition) sawRebalance(g *Group, why journal.Reason) {
	g.history.began = p.nowMs
	g.history.cause = p.note(g, journal.Entry{Kind: journal.RebalanceStarted, Reason: why, Count: int64(len(g.order)), Cause: g.history.cause})
}

// sawGeneration records the end of a join round, with its members or without.
func (p *Partition) sawGeneration(g *Group) {
	e := journal.Entry{Kind: journal.GroupEmpty, Cause: g.history.cause}
	if g.state != Empty {
		e.Kind, e.Count = journal.GroupStable, int64(len(g.order))
		if g.history.began > 0 {
			e.Took = time.Duration(p.nowMs-g.history.began) * time.Millisecond
		}
	}
	p.note(g, e)
	g.history = chronicle{}
}

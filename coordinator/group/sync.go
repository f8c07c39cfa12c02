package group

import (
	"momus/coordinator/shard"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/storage/record"
)

// sync carries out SyncGroup.
// Followers wait for the leader's assignment. The leader's sync makes it durable first: until the
// append ends all are parked, and if it fails the group has to agree anew.
func (p *Partition) sync(r *SyncRequest, call *shard.Call) {
	g := p.groups[r.Group]
	if g == nil {
		p.effects.Reply(call, SyncResult{Err: kerr.UnknownMemberID})
		return
	}
	m := g.members[r.MemberID]
	var err *kerr.Error
	switch {
	case g.fenced(r.MemberID, r.InstanceID):
		err = kerr.FencedInstanceID
	case m == nil:
		err = kerr.UnknownMemberID
	case r.Generation != g.generation:
		err = kerr.IllegalGeneration
	// From v5 on (KIP-559) the client says what it believes the group to have agreed on.
	case r.ProtocolType != nil && (*r.ProtocolType != g.protocolType || g.protocolType == ""):
		err = kerr.InconsistentGroupProtocol
	case r.Protocol != nil && (g.protocol == nil || *r.Protocol != *g.protocol):
		err = kerr.InconsistentGroupProtocol
	case g.state == Empty:
		err = kerr.UnknownMemberID
	case g.state == PreparingRebalance:
		err = kerr.RebalanceInProgress
	}
	if err != nil {
		p.effects.Reply(call, SyncResult{Err: err})
		return
	}
	if g.state == Stable {
		p.effects.Reply(call, g.syncResult(m))
		p.restartSession(m)
		return
	}
	p.answerSync(m, SyncResult{Err: kerr.RebalanceInProgress}) // an earlier one, whose connection is probably gone
	m.syncing = call
	if m.id != g.leader {
		return
	}
	assignments := make(map[string][]byte, len(r.Assignments))
	for _, a := range r.Assignments {
		assignments[a.MemberID] = a.Assignment
	}
	p.storeGroup(g, assignments, &groupStored{group: g, generation: g.generation, assignments: assignments, assigned: true})
	p.counters.CompletedRebalances++
}

// syncResult is the answer to a sync of m in a Stable group.
func (g *Group) syncResult(m *Member) SyncResult {
	return SyncResult{ProtocolType: g.typePtr(), Protocol: g.protocol, Assignment: m.assignment}
}

// answerSync answers the parked sync of a member, if there is one, and reports whether there was.
func (p *Partition) answerSync(m *Member, r SyncResult) bool {
	if m.syncing == nil {
		return false
	}
	p.effects.Reply(m.syncing, r)
	m.syncing = nil
	return true
}

// propagate sets the assignments of all members (none with an error) and answers the parked syncs.
// Members without an assignment get an empty one.
func (p *Partition) propagate(g *Group, assignments map[string][]byte, err *kerr.Error) {
	for _, m := range g.order {
		m.assignment = assignments[m.id]
		result := g.syncResult(m)
		if err != nil {
			result = SyncResult{Err: err}
		}
		if p.answerSync(m, result) {
			p.restartSession(m)
		}
	}
}

// storeGroup writes the group's metadata of this generation.
func (p *Partition) storeGroup(g *Group, assignments map[string][]byte, done appendDone) {
	p.keyBuf = appendGroupKey(p.keyBuf[:0], g.id)
	p.valBuf = appendGroupValue(p.valBuf[:0], g, assignments, p.formats.group)
	b := record.NewBuilder(p.batchOptions())
	b.Append(p.nowMs, p.keyBuf, p.valBuf)
	p.append(b.Bytes(), p.cfg.CommitRequiredAcks, done)
}

// groupStored waits for the append of a group's metadata: after the leader's sync (assigned), or
// when the group became empty.
type groupStored struct {
	group       *Group
	generation  int32
	assignments map[string][]byte
	assigned    bool
}

// appended implements appendDone. A group that has moved on to another round meanwhile has no use
// for the outcome.
func (d *groupStored) appended(p *Partition, _ uint64, r shard.Result) {
	g := d.group
	if r.Err != nil {
		p.logger.WithError(r.Err).WithField("group", g.id).Warn("group metadata not appended")
	}
	// Meanwhile another member may have joined, and begun another round.
	if !d.assigned || g.state != CompletingRebalance || g.generation != d.generation {
		return
	}
	if r.Err != nil {
		p.propagate(g, nil, groupError(r.Err))
		p.prepareRebalance(g, journal.ByFailure)
		return
	}
	p.propagate(g, d.assignments, nil)
	g.to(Stable, p.nowMs)
}

func (d *groupStored) unload(*Partition) {} // the syncs are parked with the members

package group

import (
	"momus/coordinator/shard"
	"momus/internal/journal"
	"momus/internal/kerr"
)

// heartbeat carries out Heartbeat. Nothing is allocated when all is well.
func (p *Partition) heartbeat(r *HeartbeatRequest, call *shard.Call) {
	if err := p.beat(r); err != nil {
		p.effects.Refuse(call, err)
		return
	}
	p.effects.Reply(call, nil)
}

// beat checks a heartbeat in Kafka's order, of which clients see the first failure.
func (p *Partition) beat(r *HeartbeatRequest) *kerr.Error {
	g := p.groups[r.Group]
	if g == nil {
		return kerr.UnknownMemberID
	}
	m := g.members[r.MemberID]
	switch {
	case g.fenced(r.MemberID, r.InstanceID):
		return kerr.FencedInstanceID
	case m == nil:
		return kerr.UnknownMemberID
	case r.Generation != g.generation:
		return kerr.IllegalGeneration
	}
	switch g.state {
	case Stable:
		p.restartSession(m)
		return nil
	case PreparingRebalance:
		p.restartSession(m)
		return kerr.RebalanceInProgress
	// The session goes on as it was: who heartbeats instead of syncing has no assignment.
	case CompletingRebalance:
		return kerr.RebalanceInProgress
	default:
		return kerr.UnknownMemberID
	}
}

// leave carries out LeaveGroup.
func (p *Partition) leave(r *LeaveRequest, call *shard.Call) {
	g := p.groups[r.Group]
	result := LeaveResult{Members: make([]LeaveMemberResult, len(r.Members))}
	for i, l := range r.Members {
		result.Members[i] = LeaveMemberResult{LeavingMember: l, Err: kerr.UnknownMemberID}
		if g != nil {
			result.Members[i].Err = p.leaveOne(g, l)
		}
	}
	p.effects.Reply(call, result)
}

// leaveOne takes one member out, by either of its ids; an administrator gives the instance id alone
// (KIP-571).
func (p *Partition) leaveOne(g *Group, l LeavingMember) *kerr.Error {
	if l.MemberID != "" && g.fenced(l.MemberID, l.InstanceID) {
		return kerr.FencedInstanceID
	}
	m := g.members[l.MemberID]
	if t := g.pending[l.MemberID]; t != nil && m == nil {
		if l.InstanceID != nil { // the id was given to a dynamic member
			return kerr.UnknownServerError
		}
		p.timers.remove(t)
		delete(g.pending, l.MemberID)
		p.maybeCompleteJoin(g)
		return nil
	}
	if s := g.staticMember(l.InstanceID); s != nil {
		m = s
	}
	if m == nil {
		return kerr.UnknownMemberID
	}
	why := journal.LeftByItself
	if l.MemberID == "" {
		why = journal.RemovedByAdmin
	}
	p.removeMember(g, m, why)
	return nil
}

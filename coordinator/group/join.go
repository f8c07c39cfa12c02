package group

import (
	"time"

	"github.com/sirupsen/logrus"

	"momus/coordinator/shard"
	"momus/internal/journal"
	"momus/internal/kerr"
)

// joinError is a refusal: generation -1, no leader and no members, as old clients expect.
func joinError(memberID string, err *kerr.Error) JoinResult {
	return JoinResult{Err: err, Generation: -1, MemberID: memberID}
}

// join carries out JoinGroup.
func (p *Partition) join(r *JoinRequest, call *shard.Call) {
	// First of all, before the group is looked for or made, as in Kafka.
	if r.SessionTimeoutMs < p.cfg.MinSessionTimeoutMs || r.SessionTimeoutMs > p.cfg.MaxSessionTimeoutMs {
		p.effects.Reply(call, joinError(r.MemberID, kerr.InvalidSessionTimeout))
		return
	}
	g := p.groups[r.Group]
	if g == nil {
		if r.MemberID != "" {
			p.effects.Reply(call, joinError(r.MemberID, kerr.UnknownMemberID))
			return
		}
		g = p.create(r.Group)
	}
	m, limit := g.members[r.MemberID], int(p.cfg.MaxSize)
	switch {
	case m != nil && m.joining == nil && len(g.members) > limit:
		// The group was loaded with more members than are allowed by now: those who come last do
		// not get back in.
		p.detach(g, m)
		p.effects.Reply(call, joinError("", kerr.GroupMaxSizeReached))
	case r.MemberID == "" && len(g.members) >= limit:
		p.effects.Reply(call, joinError("", kerr.GroupMaxSizeReached))
	case !g.accepts(r.ProtocolType, r.Protocols):
		p.effects.Reply(call, joinError(r.MemberID, kerr.InconsistentGroupProtocol))
	case r.MemberID == "":
		p.joinNew(g, r, call)
	default:
		p.joinKnown(g, m, r, call)
	}
	// Also after a refusal: a member that was taken out may have been the last that was waited for.
	p.maybeCompleteJoin(g)
}

// create makes an Empty group.
func (p *Partition) create(id string) *Group {
	g := newGroup(id, p.nowMs)
	p.groups[id] = g
	return g
}

// joinNew is a join without a member id.
func (p *Partition) joinNew(g *Group, r *JoinRequest, call *shard.Call) {
	switch old := g.staticMember(r.InstanceID); {
	case old != nil:
		p.replaceStatic(g, old, r, call)
	case r.RequireKnownMember:
		// KIP-394: the client takes part only after it has shown that it got its member id.
		t := newTimer(g)
		t.pending = r.newMemberID
		if g.pending == nil {
			g.pending = map[string]*timer{}
		}
		// A pending id holds up the end of every round until it is used or its time is over:
		// KIP-394 as 2.5.0 does it.
		g.pending[r.newMemberID] = t
		g.lastCame = p.now
		p.timers.set(t, p.after(r.SessionTimeoutMs))
		p.effects.Reply(call, joinError(r.newMemberID, kerr.MemberIDRequired))
	default:
		p.addMember(g, r.newMemberID, r, call)
	}
}

// joinKnown is a join with a member id; m is nil if the group has no such member.
func (p *Partition) joinKnown(g *Group, m *Member, r *JoinRequest, call *shard.Call) {
	if _, ok := g.pending[r.MemberID]; ok && m == nil {
		if r.InstanceID != nil { // the id was given to a dynamic member
			p.effects.Reply(call, joinError(r.MemberID, kerr.UnknownServerError))
			return
		}
		p.addMember(g, r.MemberID, r, call)
		return
	}
	switch {
	case g.fenced(r.MemberID, r.InstanceID):
		p.effects.Reply(call, joinError(r.MemberID, kerr.FencedInstanceID))
		return
	case m == nil, r.InstanceID != nil && g.staticMember(r.InstanceID) == nil:
		p.effects.Reply(call, joinError(r.MemberID, kerr.UnknownMemberID))
		return
	}
	switch g.state {
	case PreparingRebalance:
		p.rejoin(g, m, r, call)
	case CompletingRebalance:
		if m.offers(r.Protocols) {
			// The answer to the previous join was lost.
			p.effects.Reply(call, g.joinResult(m))
			return
		}
		p.rejoin(g, m, r, call)
		p.prepareRebalance(g, journal.NewSubscription)
	case Stable:
		if m.id != g.leader && m.offers(r.Protocols) {
			p.effects.Reply(call, g.joinResult(m))
			return
		}
		// The leader asks for a rebalance when something else changed, such as the partitions of a
		// topic.
		why := journal.LeaderRejoined
		if !m.offers(r.Protocols) {
			why = journal.NewSubscription
		}
		p.rejoin(g, m, r, call)
		p.prepareRebalance(g, why)
	default:
		p.effects.Reply(call, joinError(r.MemberID, kerr.UnknownMemberID))
	}
}

// addMember puts a new member into the group and starts a rebalance unless one is being prepared.
func (p *Partition) addMember(g *Group, id string, r *JoinRequest, call *shard.Call) {
	m := &Member{
		id: id, instanceID: r.InstanceID, clientID: r.ClientID, clientHost: r.ClientHost,
		rebalanceTimeoutMs: r.RebalanceTimeoutMs, sessionTimeoutMs: r.SessionTimeoutMs, protocols: r.Protocols, isNew: true,
	}
	// Only the very first round is extended for those who come late.
	if g.state == PreparingRebalance && g.generation == 0 {
		g.newMemberAdded = true
	}
	if len(g.members) == 0 {
		g.protocolType = r.ProtocolType
	}
	g.add(m)
	g.lastCame = p.now
	p.park(g, m, call)
	p.timers.set(m.session, p.now+newMemberJoinTimeout)
	if t := g.pending[id]; t != nil {
		p.timers.remove(t)
		delete(g.pending, id)
	}
	p.sawMember(g, m, journal.MemberJoined, 0)
	if g.state != PreparingRebalance {
		p.prepareRebalance(g, journal.NewMember)
	}
}

// rejoin updates the protocols of a member and parks its join.
func (p *Partition) rejoin(g *Group, m *Member, r *JoinRequest, call *shard.Call) {
	g.count(m.protocols, -1)
	m.protocols = r.Protocols
	g.count(m.protocols, +1)
	p.park(g, m, call)
}

// park keeps a join until the round is complete. An earlier join of the same member, whose
// connection is probably gone, is sent away.
func (p *Partition) park(g *Group, m *Member, call *shard.Call) {
	p.answerJoin(g, m, joinError(m.id, kerr.RebalanceInProgress))
	m.joining = call
	g.joined++
}

// replaceStatic gives a static member that comes back without its member id a new one (KIP-345).
func (p *Partition) replaceStatic(g *Group, m *Member, r *JoinRequest, call *shard.Call) {
	oldID, oldLeader := m.id, g.leader
	p.answerJoin(g, m, joinError(oldID, kerr.FencedInstanceID))
	p.answerSync(m, SyncResult{Err: kerr.FencedInstanceID})
	// The member keeps its place in order, and what it was assigned; only its id changes. 2.5.0
	// does not write this down: after a failover the old id is known again.
	delete(g.members, oldID)
	m.id = r.newMemberID
	g.members[m.id] = m
	if g.leader == oldID {
		g.leader = m.id
	}
	p.restartSession(m)
	p.rejoin(g, m, r, call)
	switch g.state {
	case Stable:
		// The answer names the old leader, so that a leader that came back does not assign: nobody
		// would get that assignment.
		result := g.joinResult(m)
		result.Leader, result.Members = oldLeader, nil
		p.answerJoin(g, m, result)
	case CompletingRebalance:
		// The old member id may be with the leader already.
		p.prepareRebalance(g, journal.StaticReplaced)
	}
}

// prepareRebalance starts a join round, from any state but PreparingRebalance.
func (p *Partition) prepareRebalance(g *Group, why journal.Reason) {
	if g.state == CompletingRebalance {
		// Whoever waits for an assignment of the round that is given up joins again.
		p.propagate(g, nil, kerr.RebalanceInProgress)
	}
	if g.initial = g.state == Empty; g.initial {
		g.initialDelayMs = p.cfg.InitialRebalanceDelayMs
		g.remainingMs = max(g.rebalanceTimeoutMs()-g.initialDelayMs, 0)
		p.timers.set(g.join, p.after(g.initialDelayMs))
		g.firstCame = p.now
	} else {
		p.timers.set(g.join, p.after(g.rebalanceTimeoutMs()))
	}
	g.to(PreparingRebalance, p.nowMs)
	p.log(g, "preparing to rebalance group")
	p.sawRebalance(g, why)
	p.maybeCompleteJoin(g)
}

// maybeCompleteJoin ends the join round if there is nobody to wait for. The first round after Empty
// always waits for its deadline.
func (p *Partition) maybeCompleteJoin(g *Group) {
	if g.state == PreparingRebalance && !g.initial && g.allJoined() {
		p.completeJoin(g)
	}
}

// joinDeadline is the end of the join round's time.
func (p *Partition) joinDeadline(g *Group) {
	if g.state != PreparingRebalance {
		return
	}
	if g.initial && g.newMemberAdded && g.remainingMs != 0 {
		g.newMemberAdded = false
		// The delays together are at most the largest rebalance timeout of the members.
		delay := min(p.cfg.InitialRebalanceDelayMs, g.remainingMs)
		g.remainingMs = max(g.remainingMs-g.initialDelayMs, 0)
		g.initialDelayMs = delay
		p.timers.set(g.join, p.after(delay))
		return
	}
	if at := p.settled(g); at > p.now {
		p.timers.set(g.join, at)
		return
	}
	p.completeJoin(g)
}

// With group.initial.rebalance.delay.ms=0, the value that Kafka's own server.properties has, the
// first round would end with the first member, and the others, which usually come with it, would
// have to wait until that member's next heartbeat tells it of a second round. So the first round
// ends only when whoever was given a member id has used it and nobody new has come for a while:
// settleTime, and a tenth of it for each member that is there, up to three times as long, since a
// crowd rarely comes all at once. It lasts maxSettleTimes at most.
const (
	settleTime     = 20 * time.Millisecond
	maxSettleTimes = 15
)

// settled is the time at which the first round may end.
func (p *Partition) settled(g *Group) time.Duration {
	latest := g.firstCame + maxSettleTimes*p.settle
	switch {
	case !g.initial || time.Duration(p.cfg.InitialRebalanceDelayMs)*time.Millisecond >= p.settle:
		return p.now
	case len(g.pending) > 0:
		return min(p.now+p.settle, latest)
	}
	quiet := p.settle + min(time.Duration(len(g.members)-1)*p.settle/10, 2*p.settle)
	return min(g.lastCame+quiet, latest)
}

// minRoundMs bounds how often a round that nobody joined begins again.
const minRoundMs = 1000

// completeJoin ends the join round with those who joined.
func (p *Partition) completeJoin(g *Group) {
	g.initial = false
	p.timers.remove(g.join)
	var late []*Member
	for _, m := range g.order {
		// Static members stay until their session ends, or they leave by instance id (KIP-345).
		if m.joining == nil && m.instanceID == nil {
			late = append(late, m)
		}
	}
	for _, m := range late {
		p.sawMember(g, m, journal.MemberLeft, journal.PollInterval)
		p.detach(g, m)
	}
	if !p.electLeader(g) {
		// Static members only, none of which came: until their sessions end they may still come.
		p.timers.set(g.join, p.after(max(g.rebalanceTimeoutMs(), minRoundMs)))
		return
	}
	g.nextGeneration(p.nowMs)
	if g.state == Empty {
		p.log(g, "group is empty")
		p.sawGeneration(g)
		p.storeGroup(g, nil, &groupStored{group: g, generation: g.generation})
		return
	}
	p.log(g, "stabilized group")
	p.sawGeneration(g)
	for _, m := range g.order {
		p.answerJoin(g, m, g.joinResult(m))
		p.restartSession(m)
		m.isNew = false
	}
}

// electLeader makes sure that the leader has joined; false if there are members but none has.
func (p *Partition) electLeader(g *Group) bool {
	if len(g.order) == 0 {
		g.leader = ""
		return true
	}
	if m := g.members[g.leader]; m != nil && m.joining != nil {
		return true
	}
	for _, m := range g.order {
		if m.joining != nil {
			g.leader = m.id
			return true
		}
	}
	return false
}

// answerJoin answers the parked join of a member, if there is one.
func (p *Partition) answerJoin(g *Group, m *Member, r JoinResult) {
	if m.joining != nil {
		p.effects.Reply(m.joining, r)
		m.joining = nil
		g.joined--
	}
}

// restartSession gives a member its whole session timeout again.
func (p *Partition) restartSession(m *Member) {
	p.timers.set(m.session, p.after(m.sessionTimeoutMs))
}

// detach takes a member out of the group without a rebalance.
func (p *Partition) detach(g *Group, m *Member) {
	p.answerJoin(g, m, joinError("", kerr.UnknownMemberID))
	p.answerSync(m, SyncResult{Err: kerr.UnknownMemberID})
	p.timers.remove(m.session)
	g.remove(m)
}

// removeMember takes a member out of the group and lets the others know.
func (p *Partition) removeMember(g *Group, m *Member, why journal.Reason) {
	p.sawMember(g, m, journal.MemberLeft, why)
	p.detach(g, m)
	switch g.state {
	case Stable, CompletingRebalance:
		p.prepareRebalance(g, journal.MemberGone)
	case PreparingRebalance:
		p.maybeCompleteJoin(g)
	}
}

// sessionExpired is the end of a member's session, or of the time that a new member has for its
// join.
func (p *Partition) sessionExpired(g *Group, m *Member) {
	if m.parked() && !m.isNew {
		return // it waits for us; its session begins again with the answer
	}
	p.logger.WithFields(logrus.Fields{"group": g.id, "member": m.id}).Info("member failed, removed from its group")
	p.removeMember(g, m, journal.HeartbeatMissed)
}

// pendingExpired is the end of the time that a client has to come back with its member id.
func (p *Partition) pendingExpired(g *Group, id string) {
	delete(g.pending, id)
	p.maybeCompleteJoin(g)
}

// log writes a line about a group; the fields are made only if the line is.
func (p *Partition) log(g *Group, what string) {
	if p.logger.Logger.IsLevelEnabled(logrus.InfoLevel) {
		p.logger.WithFields(logrus.Fields{
			"group": g.id, "generation": g.generation, "members": len(g.order),
		}).Info(what)
	}
}

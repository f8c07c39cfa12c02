package group

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"momus/coordinator/shard"
	"momus/internal/model"
)

// State is the state of a group; the names are Kafka's.
type State int8

// The states of a group.
const (
	Empty               State = iota // no members; maybe offsets
	PreparingRebalance               // collecting JoinGroups
	CompletingRebalance              // waiting for the leader's SyncGroup
	Stable                           // the assignment is known
	Dead                             // removed; only references held by appends under way see it
)

var stateNames = [...]string{"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"}

// String is the name that DescribeGroups shows.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return fmt.Sprintf("State(%d)", int8(s))
	}
	return stateNames[s]
}

// legalMoves lists, for each state, from which states it may be entered.
var legalMoves = [...][]State{
	Empty:               {PreparingRebalance},
	PreparingRebalance:  {Stable, CompletingRebalance, Empty},
	CompletingRebalance: {PreparingRebalance},
	Stable:              {CompletingRebalance},
	Dead:                {Stable, PreparingRebalance, CompletingRebalance, Empty, Dead},
}

// consumerProtocol is the protocol type of consumers; only for it the coordinator looks into the
// members' metadata.
const consumerProtocol = "consumer"

// Group is one group: its members and its committed offsets.
type Group struct {
	id           string
	state        State
	stateTime    int64 // ms, when the state was entered; noTimestamp if not known
	generation   int32
	protocolType string  // "" for a group that only stores offsets
	protocol     *string // chosen for this generation
	leader       string  // member id, "" if there is none

	members   map[string]*Member // by member id
	order     []*Member          // the same, in the order in which they joined
	static    map[string]*Member // those with an instance id, by it
	pending   map[string]*timer  // member ids handed out with MEMBER_ID_REQUIRED whose owners have not joined yet
	joined    int                // members with a parked join
	supported map[string]int     // how many members offer a protocol

	join           *timer        // deadline of the join round
	initial        bool          // the round is the first after Empty: it is not completed before its deadline
	initialDelayMs int32         // the delay that is running
	remainingMs    int32         // by how much the initial round may still be extended
	newMemberAdded bool          // a member came while the first round was running
	lastCame       time.Duration // when a new member came, or was given an id; since Partition.origin
	firstCame      time.Duration // when the initial round began; since Partition.origin

	offsets        map[model.TopicPartition]committed
	pendingCommits map[model.TopicPartition]uint64 // tag of the last append under way
	txns           map[int64]txnOffsets            // by producer id

	history chronicle

	// subscribed are the topics that a group of consumers subscribes to; nil: not known, or not a
	// group of consumers.
	subscribed map[string]struct{}
}

// txnOffsets are the offsets that a producer commits in its open transaction.
type txnOffsets map[model.TopicPartition]txnOffset

// txnOffset is one of them; appended tells that the record is in the log, so that
// committed.batchOffset is known.
type txnOffset struct {
	committed
	tag      uint64 // of its append
	appended bool
}

// newGroup is an Empty group of generation 0, whose timers are not set.
func newGroup(id string, nowMs int64) *Group {
	g := &Group{
		id: id, state: Empty, stateTime: nowMs, members: map[string]*Member{}, supported: map[string]int{},
		offsets: map[model.TopicPartition]committed{},
	}
	g.join = newTimer(g)
	return g
}

// Member is one member of a group.
type Member struct {
	id                 string
	instanceID         *string
	clientID           string
	clientHost         string
	rebalanceTimeoutMs int32
	sessionTimeoutMs   int32
	protocols          []Protocol // in the member's order of preference
	assignment         []byte

	isNew   bool        // joined in the round that is running: its timer is that of its join
	joining *shard.Call // the parked join
	syncing *shard.Call // the parked sync
	session *timer
}

// metadataFor is the member's metadata for a protocol; nil if it does not offer it.
func (m *Member) metadataFor(protocol *string) []byte {
	if protocol == nil {
		return nil
	}
	for i := range m.protocols {
		if m.protocols[i].Name == *protocol {
			return m.protocols[i].Metadata
		}
	}
	return nil
}

// offers reports whether the member's protocols are exactly these, in this order.
func (m *Member) offers(protocols []Protocol) bool {
	return slices.EqualFunc(m.protocols, protocols, func(a, b Protocol) bool {
		return a.Name == b.Name && bytes.Equal(a.Metadata, b.Metadata)
	})
}

// parked reports whether the member waits for us; then it counts as alive, unless it is new.
func (m *Member) parked() bool { return m.joining != nil || m.syncing != nil }

// to moves the group to a state. A move that Kafka's table does not have panics: it is a fault of this package, and the partition
// is loaded again (see package shard).
func (g *Group) to(s State, nowMs int64) {
	if !slices.Contains(legalMoves[s], g.state) {
		panic(fmt.Sprintf("group %q: illegal move from %s to %s", g.id, g.state, s))
	}
	g.state, g.stateTime = s, nowMs
}

// add puts a member in. The first one fixes the protocol type (unless the group was loaded with
// one) and becomes leader.
func (g *Group) add(m *Member) {
	if g.leader == "" {
		g.leader = m.id
	}
	if m.session == nil {
		m.session = newTimer(g)
		m.session.member = m
	}
	g.members[m.id] = m
	g.order = append(g.order, m)
	if m.instanceID != nil {
		if g.static == nil {
			g.static = map[string]*Member{}
		}
		g.static[*m.instanceID] = m
	}
	g.count(m.protocols, +1)
}

// remove takes a member out; its timer and parked calls are the caller's.
func (g *Group) remove(m *Member) {
	delete(g.members, m.id)
	if i := slices.Index(g.order, m); i >= 0 {
		g.order = slices.Delete(g.order, i, i+1)
	}
	if m.instanceID != nil && g.static[*m.instanceID] == m {
		delete(g.static, *m.instanceID)
	}
	g.count(m.protocols, -1)
	if g.leader == m.id {
		g.leader = ""
		if len(g.order) > 0 {
			// The one that has been there longest; Kafka takes any. The round that follows tells
			// the members.
			g.leader = g.order[0].id
		}
	}
}

// count adds delta to the number of members for each protocol named.
func (g *Group) count(protocols []Protocol, delta int) {
	for i := range protocols {
		name := protocols[i].Name
		// A protocol that a member names twice counts once.
		if slices.ContainsFunc(protocols[:i], func(p Protocol) bool { return p.Name == name }) {
			continue
		}
		if n := g.supported[name] + delta; n != 0 {
			g.supported[name] = n
		} else {
			delete(g.supported, name)
		}
	}
}

// accepts reports whether a member that offers these may join.
func (g *Group) accepts(protocolType string, protocols []Protocol) bool {
	// Nobody is there whom it would have to suit.
	if g.state == Empty {
		return protocolType != "" && len(protocols) > 0
	}
	return protocolType == g.protocolType && slices.ContainsFunc(protocols, func(p Protocol) bool {
		return g.supported[p.Name] == len(g.members)
	})
}

// fenced reports whether instanceID belongs to another member id (KIP-345).
func (g *Group) fenced(memberID string, instanceID *string) bool {
	m := g.staticMember(instanceID)
	return m != nil && m.id != memberID
}

// staticMember is the member with an instance id, nil for none, also for no id.
func (g *Group) staticMember(instanceID *string) *Member {
	if instanceID == nil {
		return nil
	}
	return g.static[*instanceID]
}

// rebalanceTimeoutMs is the longest of the members.
func (g *Group) rebalanceTimeoutMs() int32 {
	var longest int32
	for _, m := range g.order {
		longest = max(longest, m.rebalanceTimeoutMs)
	}
	return longest
}

// allJoined reports whether the join round has nobody to wait for.
func (g *Group) allJoined() bool { return g.joined == len(g.members) && len(g.pending) == 0 }

// chooseProtocol lets every member vote for the first protocol of its list that all members offer;
// most votes win, and of equals the one that was voted for first. (Kafka takes any of equals.)
func (g *Group) chooseProtocol() string {
	votes := map[string]int{}
	var best string
	var candidates []string
	for _, m := range g.order {
		for _, p := range m.protocols {
			if g.supported[p.Name] != len(g.members) {
				continue
			}
			if votes[p.Name]++; votes[p.Name] == 1 {
				candidates = append(candidates, p.Name)
			}
			break
		}
	}
	for _, name := range candidates {
		if votes[name] > votes[best] {
			best = name
		}
	}
	return best
}

// nextGeneration ends a join round.
// A group without members becomes Empty and has no protocol; its generation counts on, so that no
// former member can take itself for one of the present.
func (g *Group) nextGeneration(nowMs int64) {
	g.generation++
	if len(g.members) > 0 {
		protocol := g.chooseProtocol()
		g.protocol = &protocol
		g.to(CompletingRebalance, nowMs)
	} else {
		g.protocol = nil
		g.to(Empty, nowMs)
	}
	g.subscribed = g.subscriptions()
}

// subscriptions are the topics of all members; nil when not known.
func (g *Group) subscriptions() map[string]struct{} {
	if g.protocolType != consumerProtocol {
		return nil
	}
	all := map[string]struct{}{}
	if len(g.order) > 0 && g.protocol == nil {
		return nil
	}
	for _, m := range g.order {
		topics, ok := parseSubscription(m.metadataFor(g.protocol))
		// One member whose metadata is not understood makes the subscriptions of all unknown:
		// nothing may be taken for unread then.
		if !ok {
			return nil
		}
		for _, t := range topics {
			all[t] = struct{}{}
		}
	}
	return all
}

// subscribes reports whether the group reads a topic; yes when that is not known.
func (g *Group) subscribes(topic string) bool {
	if g.subscribed == nil {
		return true
	}
	_, ok := g.subscribed[topic]
	return ok
}

// hasOffsets reports whether there are offsets, committed or on their way.
func (g *Group) hasOffsets() bool {
	return len(g.offsets) > 0 || len(g.pendingCommits) > 0 || len(g.txns) > 0
}

// unstable reports whether a commit for the partition is on its way (KIP-447).
// It is so while a plain commit is not acknowledged, or while a transaction has written to it.
func (g *Group) unstable(tp model.TopicPartition) bool {
	if _, ok := g.pendingCommits[tp]; ok {
		return true
	}
	for _, t := range g.txns {
		if _, ok := t[tp]; ok {
			return true
		}
	}
	return false
}

// apply makes an offset the committed one, unless a newer record is known.
func (g *Group) apply(tp model.TopicPartition, c committed) {
	// Appends may end in another order than that in which the log has them.
	if old, ok := g.offsets[tp]; !ok || old.batchOffset < c.batchOffset {
		g.offsets[tp] = c
	}
}

// joinMembers is what the leader is told of the members.
func (g *Group) joinMembers() []JoinMember {
	members := make([]JoinMember, len(g.order))
	for i, m := range g.order {
		members[i] = JoinMember{MemberID: m.id, InstanceID: m.instanceID, Metadata: m.metadataFor(g.protocol)}
	}
	return members
}

// joinResult is the answer to a join of m in the current generation.
func (g *Group) joinResult(m *Member) JoinResult {
	r := JoinResult{Generation: g.generation, ProtocolType: g.typePtr(), Protocol: g.protocol, Leader: g.leader, MemberID: m.id}
	if m.id == g.leader {
		r.Members = g.joinMembers()
	}
	return r
}

// typePtr is the protocol type as answers have it: null for none.
func (g *Group) typePtr() *string {
	if g.protocolType == "" {
		return nil
	}
	t := g.protocolType
	return &t
}

package group

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"momus/coordinator/shard"
	"momus/coordinator/shard/shardtest"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// testConfig has Kafka's defaults.
func testConfig() *Settings {
	return &Settings{
		InitialRebalanceDelayMs: 3000, MinSessionTimeoutMs: 6000, MaxSessionTimeoutMs: 1800000, MaxSize: 1 << 30,
		Protocol: "2.5-IV0", MetadataMaxBytes: 4096, CommitRequiredAcks: -1, CommitTimeoutMs: 5000,
		LoadBufferBytes: 5242880, RetentionSweepMs: 600000, RetentionMinutes: 10080,
	}
}

// world is a Partition with a clock, a log, and names for its calls.
type world struct {
	shardtest.World
	cfg   *Settings
	p     *Partition
	names map[*shard.Call]string
	ids   int
}

func newWorld(t testing.TB) *world {
	w := &world{cfg: testConfig(), names: map[*shard.Call]string{}}
	w.T, w.Now, w.Record, w.Check = t, time.UnixMilli(shardtest.EpochMs).UTC(), showRecord, w.check
	w.Appended = func(e shard.Append, b record.Batch) string { return fmt.Sprintf(" acks=%d%s", e.Acks, batchMarks(b)) }
	w.Reply = func(e shard.Reply) func() {
		w.Printf("%s: %s\n", w.names[e.Call], show(e.Value, e.Err))
		delete(w.names, e.Call)
		return nil
	}
	w.reload()
	return w
}

// reload replays the log into a new partition.
func (w *world) reload() {
	w.p = NewPartition(func() Settings { return *w.cfg }, shardtest.Quiet())
	w.p.settle = 0
	w.Load(w.p)
}

// step gives the partition an event; the answer, if any, is written under name.
func (w *world) step(ev any, name string) {
	var call *shard.Call
	if name != "" {
		call = shard.NewCall()
		w.names[call] = name
	}
	w.Step(ev, call)
}

func batchMarks(b record.Batch) string {
	var s string
	if b.BaseSequence() != record.NoSequence {
		s += fmt.Sprintf(" sequence=%d", b.BaseSequence())
	}
	if b.IsTransactional() {
		s += fmt.Sprintf(" transaction of %d epoch %d", b.ProducerID(), b.ProducerEpoch())
	}
	return s
}

func showRecord(r *record.Record) string {
	k, err := decodeKey(r.Key)
	if err != nil {
		return err.Error()
	}
	name := "group " + k.group
	if k.isOffset {
		name = fmt.Sprintf("offset of %s for %s", k.group, k.tp)
	}
	if r.Value == nil {
		return name + " <DELETE>"
	}
	version := r.Value[1]
	if k.isOffset {
		c, err := decodeOffsetValue(r.Value)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%s v%d: %s", name, version, showCommitted(c))
	}
	g := newGroup(k.group, 0)
	if err := decodeGroupValue(g, r.Value); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s v%d: %s", name, version, showGroup(g))
}

func showCommitted(c committed) string {
	s := strconv.FormatInt(c.offset, 10)
	if c.leaderEpoch != -1 {
		s += fmt.Sprintf(" epoch=%d", c.leaderEpoch)
	}
	if c.metadata != "" {
		s += fmt.Sprintf(" metadata=%.20q", c.metadata)
	}
	s += " committed=" + shardtest.ShowMs(c.commitTime)
	if c.expireTime != noTimestamp {
		s += " expires=" + shardtest.ShowMs(c.expireTime)
	}
	return s
}

func showGroup(g *Group) string {
	s := fmt.Sprintf("%s generation=%d since=%s", g.state, g.generation, shardtest.ShowMs(g.stateTime))
	if g.protocolType != "" {
		s += " type=" + g.protocolType
	}
	if g.protocol != nil {
		s += " protocol=" + *g.protocol
	}
	if g.leader != "" {
		s += " leader=" + g.leader
	}
	for _, m := range g.order {
		s += fmt.Sprintf("\n    %s", m.id)
		if m.instanceID != nil {
			s += " instance=" + *m.instanceID
		}
		s += fmt.Sprintf(" client=%s%s session=%d rebalance=%d", m.clientID, m.clientHost, m.sessionTimeoutMs, m.rebalanceTimeoutMs)
		for _, p := range m.protocols {
			s += fmt.Sprintf(" %s=%s", p.Name, showMetadata(p.Metadata))
		}
		s += fmt.Sprintf(" assignment=%q", m.assignment)
	}
	return s
}

// showMetadata is the topics of a subscription, or else the bytes.
func showMetadata(b []byte) string {
	if topics, ok := parseSubscription(b); ok {
		return strings.Join(topics, "+")
	}
	return strconv.Quote(string(b))
}

func (w *world) showState() {
	for _, id := range shard.SortedKeys(w.p.groups) {
		g := w.p.groups[id]
		w.Printf("group %s: %s\n", id, showGroup(g))
		for _, id := range shard.SortedKeys(g.pending) {
			w.Printf("    pending %s\n", id)
		}
		for _, tp := range g.sortedOffsets() {
			w.Printf("    offset %s: %s\n", tp, showCommitted(g.offsets[tp]))
		}
		for _, pid := range shard.SortedKeys(g.txns) {
			for _, tp := range slices.SortedFunc(maps.Keys(g.txns[pid]), func(a, b model.TopicPartition) int { return strings.Compare(a.String(), b.String()) }) {
				w.Printf("    producer %d offset %s: %s\n", pid, tp, showCommitted(g.txns[pid][tp].committed))
			}
		}
	}
}

func errName(e *kerr.Error) string {
	if e == nil {
		return "ok"
	}
	return e.Name
}

func show(v any, err error) string {
	if err != nil {
		return errName(kerr.Of(err))
	}
	switch v := v.(type) {
	case nil:
		return "ok"
	case *kerr.Error:
		return errName(v)
	case JoinResult:
		s := errName(v.Err) + " member=" + strconv.Quote(v.MemberID)
		if v.Err == nil {
			s += fmt.Sprintf(" generation=%d type=%s protocol=%s leader=%s", v.Generation, orNone(v.ProtocolType), orNone(v.Protocol), v.Leader)
			for _, m := range v.Members {
				s += fmt.Sprintf(" [%s %s]", m.MemberID, showMetadata(m.Metadata))
			}
		}
		return s
	case SyncResult:
		if v.Err != nil {
			return v.Err.Name
		}
		return fmt.Sprintf("ok type=%s protocol=%s assignment=%q", orNone(v.ProtocolType), orNone(v.Protocol), v.Assignment)
	case LeaveResult:
		s := errName(v.Err)
		for _, m := range v.Members {
			s += fmt.Sprintf(" [%s%s %s]", m.MemberID, orNone(m.InstanceID), errName(m.Err))
		}
		return s
	case CommitResult:
		var s []string
		for _, e := range v.Errs {
			s = append(s, errName(e))
		}
		return strings.Join(s, " ")
	case FetchOffsetsResult:
		s := errName(v.Err)
		for _, f := range v.Offsets {
			s += fmt.Sprintf(" [%s %d", f.TP, f.Offset)
			if f.LeaderEpoch != -1 {
				s += fmt.Sprintf(" epoch=%d", f.LeaderEpoch)
			}
			if f.Metadata != "" {
				s += fmt.Sprintf(" %q", f.Metadata)
			}
			if f.Err != nil {
				s += " " + f.Err.Name
			}
			s += "]"
		}
		return s
	case Description:
		s := fmt.Sprintf("%s type=%s protocol=%s", v.State, v.ProtocolType, v.Protocol)
		for _, m := range v.Members {
			s += fmt.Sprintf("\n    %s instance=%s client=%s%s metadata=%s assignment=%q", m.MemberID, orNone(m.InstanceID), m.ClientID, m.ClientHost, showMetadata(m.Metadata), m.Assignment)
		}
		return s
	case []Listing:
		slices.SortFunc(v, func(a, b Listing) int { return strings.Compare(a.Group, b.Group) })
		return fmt.Sprint(v)
	case DeleteOffsetsResult:
		s := errName(v.Err)
		for _, e := range v.Errs {
			s += " " + errName(e)
		}
		return s
	case Stats:
		return fmt.Sprintf("%+v", v)
	}
	return fmt.Sprintf("%#v", v)
}

func orNone(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// check holds the invariants of every state.
func (w *world) check() {
	for id, g := range w.p.groups {
		joined := 0
		for _, m := range g.order {
			if g.members[m.id] != m {
				w.T.Fatalf("group %s: member %s is not found by its id", id, m.id)
			}
			if m.joining != nil {
				joined++
			}
			if m.instanceID != nil && g.static[*m.instanceID] != m {
				w.T.Fatalf("group %s: instance %s is not that of %s", id, *m.instanceID, m.id)
			}
		}
		switch {
		case len(g.order) != len(g.members):
			w.T.Fatalf("group %s: %d members in order, %d by id", id, len(g.order), len(g.members))
		case joined != g.joined:
			w.T.Fatalf("group %s: %d parked joins, counted %d", id, joined, g.joined)
		case joined > 0 && g.state != PreparingRebalance:
			w.T.Fatalf("group %s: %d parked joins in state %s", id, joined, g.state)
		case (g.state == Stable || g.state == CompletingRebalance) && len(g.order) == 0:
			w.T.Fatalf("group %s: %s without members", id, g.state)
		case (g.state == Empty || g.state == Dead) && len(g.order) > 0:
			w.T.Fatalf("group %s: %s with members", id, g.state)
		case len(g.order) > 0 && g.members[g.leader] == nil:
			w.T.Fatalf("group %s: leader %q is no member", id, g.leader)
		case g.state == PreparingRebalance && g.join.at == never:
			w.T.Fatalf("group %s: prepares a rebalance without a deadline", id)
		}
	}
}

// subscription is consumer metadata, version 0, for topics separated by +.
func subscription(topics string) []byte {
	b := []byte{0, 0, 0, 0, 0, 0}
	for _, topic := range strings.Split(topics, "+") {
		b = append(b, 0, byte(len(topic)))
		b = append(b, topic...)
		b[5]++
	}
	return append(b, 0xff, 0xff, 0xff, 0xff)
}

func (w *world) run(d *datadriven.TestData) string {
	w.Out.Reset()
	a := shardtest.Args{T: w.T, D: d}
	name, group := a.Str("as", d.Cmd), a.Str("group", "g")
	member := a.Str("member", "")
	switch d.Cmd {
	case "join":
		w.ids++
		client := a.Str("client", "c")
		r := &JoinRequest{
			Group: group, MemberID: member, InstanceID: a.Ptr("instance"), ClientID: client, ClientHost: "/127.0.0.1",
			RequireKnownMember: !a.Has("old") && !a.Has("instance"), RebalanceTimeoutMs: int32(a.Num("rebalance", 60000)),
			SessionTimeoutMs: int32(a.Num("session", 10000)), ProtocolType: a.Str("type", "consumer"),
			newMemberID: fmt.Sprintf("%s-%d", a.Str("instance", client), w.ids),
		}
		if !a.Has("no-protocols") {
			for _, p := range strings.Split(a.Str("protocols", "range"), "/") {
				r.Protocols = append(r.Protocols, Protocol{Name: p, Metadata: subscription(a.Str("topics", "t"))})
			}
		}
		w.step(r, name)
	case "sync":
		r := &SyncRequest{
			Group: group, Generation: int32(a.Num("generation", 1)), MemberID: member, InstanceID: a.Ptr("instance"),
			ProtocolType: a.Ptr("type"), Protocol: a.Ptr("protocol"),
		}
		for _, v := range a.List("assign") {
			id, value, _ := strings.Cut(v, ":")
			r.Assignments = append(r.Assignments, MemberAssignment{MemberID: id, Assignment: []byte(value)})
		}
		w.step(r, name)
	case "heartbeat":
		w.step(&HeartbeatRequest{Group: group, Generation: int32(a.Num("generation", 1)), MemberID: member, InstanceID: a.Ptr("instance")}, name)
	case "leave":
		r := &LeaveRequest{Group: group}
		for _, m := range a.List("members") {
			id, instance, ok := strings.Cut(m, "/")
			l := LeavingMember{MemberID: id}
			if ok {
				l.InstanceID = &instance
			}
			r.Members = append(r.Members, l)
		}
		w.step(r, name)
	case "commit":
		r := &CommitRequest{
			Group: group, Generation: int32(a.Num("generation", -1)), MemberID: member, InstanceID: a.Ptr("instance"),
			ProducerID: a.Num("producer", -1), ProducerEpoch: int16(a.Num("epoch", -1)),
		}
		for _, v := range a.List("offsets") {
			tp, offset, _ := strings.Cut(v, ":")
			n, err := strconv.ParseInt(offset, 10, 64)
			if err != nil {
				w.T.Fatalf("%s: %v", d.Pos, err)
			}
			o := Offset{
				TP: a.Partitions([]string{tp})[0], Offset: n, LeaderEpoch: int32(a.Num("leader-epoch", -1)),
				Metadata: a.Str("metadata", ""), CommitTimestamp: -1, ExpireTimestamp: -1,
			}
			if long := a.Num("metadata-length", 0); long > 0 && len(r.Offsets) == 0 {
				o.Metadata = strings.Repeat("\U0001F600", int(long/2)) // two UTF-16 units, four bytes
			}
			if a.Has("retention") {
				o.ExpireTimestamp = w.Now.UnixMilli() + a.Num("retention", 0)
			}
			if a.Has("timestamp") {
				o.CommitTimestamp = shardtest.EpochMs + a.Num("timestamp", 0)
			}
			r.Offsets = append(r.Offsets, o)
		}
		w.step(r, name)
	case "fetch":
		w.step(&FetchOffsetsRequest{Group: group, All: !a.Has("partitions"), Partitions: a.Partitions(a.List("partitions")), RequireStable: a.Has("stable")}, name)
	case "describe":
		w.step(describe{group}, name)
	case "list":
		w.step(list{}, name)
	case "stats":
		w.step(stats{}, name)
	case "delete":
		w.step(deleteGroup{group}, name)
	case "delete-offsets":
		w.step(&DeleteOffsetsRequest{Group: group, Partitions: a.Partitions(a.List("partitions"))}, name)
	case "partitions-deleted":
		w.step(partitionsDeleted(a.Partitions(a.List("partitions"))), "")
	case "marker":
		w.control(a.Num("producer", 0), a.Has("commit"))
		if !a.Has("log-only") {
			w.step(transactionCompleted{producerID: a.Num("producer", 0), commit: a.Has("commit")}, "")
		}
	case "advance":
		w.Advance(a.First())
	case "hold":
		w.Held = true
	case "release":
		w.Release(a.Err(a.Str("error", "")))
	case "fail":
		w.Refuse = nil
		if len(d.CmdArgs) > 0 {
			w.Refuse = a.Err(d.CmdArgs[0].Key)
		}
	case "config":
		cfg := *w.cfg
		for _, c := range d.CmdArgs {
			n, _ := strconv.ParseInt(c.Vals[0], 10, 64)
			switch c.Key {
			case "group.max.size":
				cfg.MaxSize = int32(n)
			case "group.initial.rebalance.delay.ms":
				cfg.InitialRebalanceDelayMs = int32(n)
			case "settle.ms":
				w.p.settle = time.Duration(n) * time.Millisecond
			case "inter.broker.protocol.version":
				cfg.Protocol = c.Vals[0]
			default:
				w.T.Fatalf("%s: key %s", d.Pos, c.Key)
			}
		}
		w.cfg = &cfg
	case "unload":
		w.Carry(w.p.Unload(w.Now))
		w.p = NewPartition(func() Settings { return *w.cfg }, shardtest.Quiet())
	case "reload":
		w.reload()
	case "state":
		w.showState()
	default:
		w.T.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
	if w.Out.Len() == 0 {
		return "ok\n"
	}
	return w.Out.String()
}

// control puts a marker into the log.
func (w *world) control(producerID int64, commit bool) {
	b := record.Batch(record.ControlBatch(producerID, 0, 0, commit, w.Now.UnixMilli()))
	b.SetBaseOffset(w.Next)
	w.Batches = append(w.Batches, b)
	w.Next++
}

func TestTranscripts(t *testing.T) { shardtest.Transcripts(t, newWorld, (*world).run) }

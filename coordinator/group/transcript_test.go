package group

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/coordinator/shard"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// quiet is a logger that writes nothing.
func quiet() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}

// testConfig has Kafka's defaults.
func testConfig() *configs.Broker {
	return &configs.Broker{
		GroupInitialRebalanceDelayMs: 3000, GroupMinSessionTimeoutMs: 6000, GroupMaxSessionTimeoutMs: 1800000, GroupMaxSize: 1 << 30,
		InterBrokerProtocolVersion: "2.5-IV0", OffsetMetadataMaxBytes: 4096, OffsetsCommitRequiredAcks: -1, OffsetsCommitTimeoutMs: 5000,
		OffsetsLoadBufferSize: 5242880, OffsetsRetentionCheckIntervalMs: 600000, OffsetsRetentionMinutes: 10080,
		OffsetsTopicNumPartitions: 50,
	}
}

// world is a Partition with a clock, a log, and names for its calls.
type world struct {
	t     *testing.T
	cfg   *configs.Broker
	p     *Partition
	start time.Time
	now   time.Time
	log   []record.Batch
	next  int64
	held  bool
	tags  []shard.Appended // appends that wait, with the result they will have
	fail  *kerr.Error
	names map[*shard.Call]string
	ids   int
	out   strings.Builder
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, cfg: testConfig(), start: time.UnixMilli(1_600_000_000_000).UTC(), names: map[*shard.Call]string{}}
	w.now = w.start
	w.reload()
	return w
}

// reload replays the log into a new partition.
func (w *world) reload() {
	w.p = NewPartition(func() *configs.Broker { return w.cfg }, quiet())
	w.p.settle = 0
	for _, b := range w.log {
		if err := w.p.Replay(b); err != nil {
			fmt.Fprintf(&w.out, "replay: %v\n", err)
		}
	}
	w.effects(w.p.Loaded(w.now))
}

func (w *world) step(ev any, name string) {
	var call *shard.Call
	if name != "" {
		call = shard.NewCall()
		w.names[call] = name
	}
	w.effects(w.p.Step(w.now, ev, call))
	w.check()
}

func (w *world) effects(effects []shard.Effect) {
	var ended []shard.Appended
	for _, e := range effects {
		switch e := e.(type) {
		case shard.Reply:
			fmt.Fprintf(&w.out, "%s: %s\n", w.names[e.Call], show(e.Value, e.Err))
			delete(w.names, e.Call)
		case shard.Append:
			if a, ok := w.append(e); ok {
				ended = append(ended, a)
			}
		}
	}
	for _, a := range ended {
		w.effects(w.p.Step(w.now, a, nil))
	}
}

func (w *world) append(e shard.Append) (shard.Appended, bool) {
	if w.fail != nil {
		fmt.Fprintf(&w.out, "append refused: %s\n", w.fail.Name)
		return shard.Appended{Tag: e.Tag, Result: shard.Result{BaseOffset: -1, Err: w.fail}}, e.Tag != 0
	}
	b := record.Batch(slices.Clone(e.Batch))
	b.SetBaseOffset(w.next)
	if err := b.Verify(); err != nil {
		w.t.Fatalf("batch written: %v", err)
	}
	fmt.Fprintf(&w.out, "append at %d acks=%d%s\n", w.next, e.Acks, batchMarks(b))
	if err := b.ForEach(nil, func(r *record.Record) error {
		fmt.Fprintf(&w.out, "  %s\n", showRecord(r))
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	a := shard.Appended{Tag: e.Tag, Result: shard.Result{BaseOffset: w.next}}
	w.log = append(w.log, b)
	w.next = b.NextOffset()
	if e.Tag == 0 {
		return a, false
	}
	if w.held {
		w.tags = append(w.tags, a)
		return a, false
	}
	return a, true
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

// epochMs is when worlds begin; times are shown relative to it.
const epochMs = 1_600_000_000_000

func showMs(ms int64) string {
	if ms == noTimestamp {
		return "none"
	}
	return (time.Duration(ms-epochMs) * time.Millisecond).String()
}

func showCommitted(c committed) string {
	s := strconv.FormatInt(c.offset, 10)
	if c.leaderEpoch != -1 {
		s += fmt.Sprintf(" epoch=%d", c.leaderEpoch)
	}
	if c.metadata != "" {
		s += fmt.Sprintf(" metadata=%.20q", c.metadata)
	}
	s += " committed=" + showMs(c.commitTime)
	if c.expireTime != noTimestamp {
		s += " expires=" + showMs(c.expireTime)
	}
	return s
}

func showGroup(g *Group) string {
	s := fmt.Sprintf("%s generation=%d since=%s", g.state, g.generation, showMs(g.stateTime))
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
		fmt.Fprintf(&w.out, "group %s: %s\n", id, showGroup(g))
		for _, id := range shard.SortedKeys(g.pending) {
			fmt.Fprintf(&w.out, "    pending %s\n", id)
		}
		for _, tp := range g.sortedOffsets() {
			fmt.Fprintf(&w.out, "    offset %s: %s\n", tp, showCommitted(g.offsets[tp]))
		}
		for _, pid := range shard.SortedKeys(g.txns) {
			for _, tp := range slices.SortedFunc(maps.Keys(g.txns[pid]), func(a, b model.TopicPartition) int { return strings.Compare(a.String(), b.String()) }) {
				fmt.Fprintf(&w.out, "    producer %d offset %s: %s\n", pid, tp, showCommitted(g.txns[pid][tp].committed))
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
				w.t.Fatalf("group %s: member %s is not found by its id", id, m.id)
			}
			if m.joining != nil {
				joined++
			}
			if m.instanceID != nil && g.static[*m.instanceID] != m {
				w.t.Fatalf("group %s: instance %s is not that of %s", id, *m.instanceID, m.id)
			}
		}
		switch {
		case len(g.order) != len(g.members):
			w.t.Fatalf("group %s: %d members in order, %d by id", id, len(g.order), len(g.members))
		case joined != g.joined:
			w.t.Fatalf("group %s: %d parked joins, counted %d", id, joined, g.joined)
		case joined > 0 && g.state != PreparingRebalance:
			w.t.Fatalf("group %s: %d parked joins in state %s", id, joined, g.state)
		case (g.state == Stable || g.state == CompletingRebalance) && len(g.order) == 0:
			w.t.Fatalf("group %s: %s without members", id, g.state)
		case (g.state == Empty || g.state == Dead) && len(g.order) > 0:
			w.t.Fatalf("group %s: %s with members", id, g.state)
		case len(g.order) > 0 && g.members[g.leader] == nil:
			w.t.Fatalf("group %s: leader %q is no member", id, g.leader)
		case g.state == PreparingRebalance && g.join.at == never:
			w.t.Fatalf("group %s: prepares a rebalance without a deadline", id)
		}
	}
}

// advance lets time pass, with a tick at each deadline.
func (w *world) advance(d time.Duration) {
	until := w.now.Add(d)
	for {
		at, ok := w.p.NextDeadline()
		if !ok || at.After(until) {
			break
		}
		if at.After(w.now) {
			w.now = at
		}
		before := w.out.Len()
		w.effects(w.p.Step(w.now, shard.Tick{}, nil))
		w.check()
		if w.out.Len() > before {
			rest := w.out.String()
			w.out.Reset()
			w.out.WriteString(rest[:before] + fmt.Sprintf("at %s:\n", w.now.Sub(w.start)) + rest[before:])
		}
	}
	w.now = until
}

// args reads the arguments of a command.
type args struct{ d *datadriven.TestData }

func (a args) find(key string) (datadriven.CmdArg, bool) {
	for _, c := range a.d.CmdArgs {
		if c.Key == key {
			return c, true
		}
	}
	return datadriven.CmdArg{}, false
}

func (a args) list(key string) []string {
	c, _ := a.find(key)
	return c.Vals
}

func (a args) str(key, otherwise string) string {
	c, ok := a.find(key)
	if !ok || len(c.Vals) == 0 {
		return otherwise
	}
	return c.Vals[0]
}

func (a args) ptr(key string) *string {
	c, ok := a.find(key)
	if !ok || len(c.Vals) == 0 {
		return nil
	}
	return &c.Vals[0]
}

func (a args) num(t *testing.T, key string, otherwise int64) int64 {
	s := a.str(key, "")
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", a.d.Pos, err)
	}
	return n
}

func (a args) has(key string) bool {
	_, ok := a.find(key)
	return ok
}

// partitions reads values like t-0.
func partitions(t *testing.T, vals []string) []model.TopicPartition {
	var tps []model.TopicPartition
	for _, v := range vals {
		tp, err := model.ParseTopicPartition(v)
		if err != nil {
			t.Fatal(err)
		}
		tps = append(tps, tp)
	}
	return tps
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
	w.out.Reset()
	a := args{d}
	name, group := a.str("as", d.Cmd), a.str("group", "g")
	member := a.str("member", "")
	switch d.Cmd {
	case "join":
		w.ids++
		client := a.str("client", "c")
		r := &JoinRequest{
			Group: group, MemberID: member, InstanceID: a.ptr("instance"), ClientID: client, ClientHost: "/127.0.0.1",
			RequireKnownMember: !a.has("old") && !a.has("instance"), RebalanceTimeoutMs: int32(a.num(w.t, "rebalance", 60000)),
			SessionTimeoutMs: int32(a.num(w.t, "session", 10000)), ProtocolType: a.str("type", "consumer"),
			newMemberID: fmt.Sprintf("%s-%d", a.str("instance", client), w.ids),
		}
		if !a.has("no-protocols") {
			for _, p := range strings.Split(a.str("protocols", "range"), "/") {
				r.Protocols = append(r.Protocols, Protocol{Name: p, Metadata: subscription(a.str("topics", "t"))})
			}
		}
		w.step(r, name)
	case "sync":
		r := &SyncRequest{
			Group: group, Generation: int32(a.num(w.t, "generation", 1)), MemberID: member, InstanceID: a.ptr("instance"),
			ProtocolType: a.ptr("type"), Protocol: a.ptr("protocol"),
		}
		for _, v := range a.list("assign") {
			id, value, _ := strings.Cut(v, ":")
			r.Assignments = append(r.Assignments, MemberAssignment{MemberID: id, Assignment: []byte(value)})
		}
		w.step(r, name)
	case "heartbeat":
		w.step(&HeartbeatRequest{Group: group, Generation: int32(a.num(w.t, "generation", 1)), MemberID: member, InstanceID: a.ptr("instance")}, name)
	case "leave":
		r := &LeaveRequest{Group: group}
		for _, m := range a.list("members") {
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
			Group: group, Generation: int32(a.num(w.t, "generation", -1)), MemberID: member, InstanceID: a.ptr("instance"),
			ProducerID: a.num(w.t, "producer", -1), ProducerEpoch: int16(a.num(w.t, "epoch", -1)),
		}
		for _, v := range a.list("offsets") {
			tp, offset, _ := strings.Cut(v, ":")
			n, err := strconv.ParseInt(offset, 10, 64)
			if err != nil {
				w.t.Fatalf("%s: %v", d.Pos, err)
			}
			o := Offset{
				TP: partitions(w.t, []string{tp})[0], Offset: n, LeaderEpoch: int32(a.num(w.t, "leader-epoch", -1)),
				Metadata: a.str("metadata", ""), CommitTimestamp: -1, ExpireTimestamp: -1,
			}
			if long := a.num(w.t, "metadata-length", 0); long > 0 && len(r.Offsets) == 0 {
				o.Metadata = strings.Repeat("\U0001F600", int(long/2)) // two UTF-16 units, four bytes
			}
			if a.has("retention") {
				o.ExpireTimestamp = w.now.UnixMilli() + a.num(w.t, "retention", 0)
			}
			if a.has("timestamp") {
				o.CommitTimestamp = epochMs + a.num(w.t, "timestamp", 0)
			}
			r.Offsets = append(r.Offsets, o)
		}
		w.step(r, name)
	case "fetch":
		w.step(&FetchOffsetsRequest{Group: group, All: !a.has("partitions"), Partitions: partitions(w.t, a.list("partitions")), RequireStable: a.has("stable")}, name)
	case "describe":
		w.step(describe{group}, name)
	case "list":
		w.step(list{}, name)
	case "stats":
		w.step(stats{}, name)
	case "delete":
		w.step(deleteGroup{group}, name)
	case "delete-offsets":
		w.step(&DeleteOffsetsRequest{Group: group, Partitions: partitions(w.t, a.list("partitions"))}, name)
	case "partitions-deleted":
		w.step(partitionsDeleted(partitions(w.t, a.list("partitions"))), "")
	case "marker":
		w.control(a.num(w.t, "producer", 0), a.has("commit"))
		if !a.has("log-only") {
			w.step(transactionCompleted{producerID: a.num(w.t, "producer", 0), commit: a.has("commit")}, "")
		}
	case "advance":
		dur, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			w.t.Fatalf("%s: %v", d.Pos, err)
		}
		w.advance(dur)
	case "hold":
		w.held = true
	case "release":
		w.held = false
		tags := w.tags
		w.tags = nil
		for _, t := range tags {
			if e := a.str("error", ""); e != "" {
				t.Result = shard.Result{BaseOffset: -1, Err: errByName(w.t, e)}
			}
			w.effects(w.p.Step(w.now, t, nil))
		}
		w.check()
	case "fail":
		w.fail = nil
		if len(d.CmdArgs) > 0 {
			w.fail = errByName(w.t, d.CmdArgs[0].Key)
		}
	case "config":
		cfg := *w.cfg
		for _, c := range d.CmdArgs {
			n, _ := strconv.ParseInt(c.Vals[0], 10, 64)
			switch c.Key {
			case "group.max.size":
				cfg.GroupMaxSize = int32(n)
			case "group.initial.rebalance.delay.ms":
				cfg.GroupInitialRebalanceDelayMs = int32(n)
			case "settle.ms":
				w.p.settle = time.Duration(n) * time.Millisecond
			case "inter.broker.protocol.version":
				cfg.InterBrokerProtocolVersion = c.Vals[0]
			default:
				w.t.Fatalf("%s: key %s", d.Pos, c.Key)
			}
		}
		w.cfg = &cfg
	case "unload":
		w.effects(w.p.Unload(w.now))
		w.p = NewPartition(func() *configs.Broker { return w.cfg }, quiet())
	case "reload":
		w.reload()
	case "state":
		w.showState()
	default:
		w.t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
	if w.out.Len() == 0 {
		return "ok\n"
	}
	return w.out.String()
}

func errByName(t *testing.T, name string) *kerr.Error {
	for code := int16(-1); code <= 88; code++ {
		if e := kerr.ForCode(code); e != nil && e.Name == name {
			return e
		}
	}
	t.Fatalf("no error %s", name)
	return nil
}

// control puts a marker into the log.
func (w *world) control(producerID int64, commit bool) {
	b := record.Batch(record.ControlBatch(producerID, 0, 0, commit, w.now.UnixMilli()))
	b.SetBaseOffset(w.next)
	w.log = append(w.log, b)
	w.next++
}

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			w := newWorld(t)
			datadriven.RunTest(t, f, func(t *testing.T, d *datadriven.TestData) string {
				w.t = t
				return w.run(d)
			})
		})
	}
}

// readGolden reads a recorded log file.
func readGolden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "golden", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

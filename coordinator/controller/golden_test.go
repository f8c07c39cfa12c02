package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"momus/coordinator/zk"
	"momus/internal/model"
)

// The golden recordings are those of a cluster of Apache Kafka 2.5.0 (brokers 1, 2, 3): the tree
// before an operation, what ZooKeeper's log shows of it, and the control requests that broker 2
// received. The test lets this controller go through the same operation on the same tree and
// compares what it writes and what it sends to broker 2. Order within a request, and of writes that
// Kafka makes in hash order, is left aside.

// traceOp is one mutation in a recorded trace.
type traceOp struct {
	Op, Path, By string
	Data         *string
	NewVersion   int32 `json:"new_version"`
	Ops          []traceOp
}

// byController reports whether the mutation was made by the controller as such: with the check of
// the epoch.
func (o *traceOp) byController() bool {
	return o.Op == "multi" && o.Ops[0].Op == "check"
}

type replay struct {
	fixture string // the recorded operation
	before  string // the tree before it
	// change makes the tree before from the one given, where none was recorded; skip are requests
	// at the beginning that belong to an earlier operation.
	change func(s *modelStore)
	skip   int
	rest   int   // requests at the end that belong to a later operation
	lost   int   // the first requests to broker 2 but one that never arrived there, since it was paused
	silent int32 // a broker that answers nothing
	// prepare is the operation before this one, for what the controller remembers of it.
	prepare func(b *bench) error
	// begin is what happens that leaves no trace in ZooKeeper's log, such as the end of a session.
	begin func(b *bench) error
	// takeover: the controller is elected by the operation, not before it.
	takeover bool
	// ignoreRequests leaves out the comparison of the requests, for the reason given.
	ignoreRequests string
	ignoreWrites   string // as ignoreRequests
	// reverse: Kafka went through the list of /admin/reassign_partitions, a hash map, from its end.
	reverse bool
	// rebalance lets the automatic rebalance run at the end, rebalanceBefore before somebody writes
	// below that path, as it did while the recording was made.
	rebalance       bool
	rebalanceBefore string
	// answer is what a broker answers to a request, nil for nothing of interest. All deletions of
	// replicas succeed.
	answer func(sentRequest) Event
}

func removeBroker(id int32) func(*bench) error {
	return func(b *bench) error {
		delete(b.store.nodes, zk.BrokerPath(id))
		return b.core.Step(context.Background(), BrokerChange{})
	}
}

func TestControllerDoesWhatKafkaDid(t *testing.T) {
	for _, r := range []replay{
		{fixture: "03-create-topic-zk", before: "02-three-brokers"},
		{fixture: "04-create-topic-bootstrap", before: "03-create-topic-zk"},
		{fixture: "06-add-partitions-zk", before: "05-create-topic-noconfig-zk"},
		{fixture: "31-reassign-zk-tool", before: "30-create-r3", reverse: true},
		{fixture: "34-kill9-broker3", before: "34-kill9-broker3", change: undoDeath, skip: 2, begin: removeBroker(3)},
		{fixture: "36-restart-broker3", before: "34-kill9-broker3"},
		{fixture: "38-controlled-shutdown-broker2", before: "37-preferred-election-zk", begin: func(b *bench) error {
			var failed error
			if err := b.core.Step(context.Background(), &ControlledShutdown{Broker: 2, Epoch: -1, Reply: func(left []model.TopicPartition, err error) {
				if failed = err; len(left) > 0 {
					failed = fmt.Errorf("broker 2 still leads %v", left)
				}
			}}); err != nil || failed != nil {
				return fmt.Errorf("%v, %v", err, failed)
			}
			return removeBroker(2)(b)
		}, ignoreRequests: "the leaving broker stops reading after the first one"},
		{fixture: "39-restart-broker2", before: "38-controlled-shutdown-broker2"},
		{fixture: "42-delete-topic-zk", before: "40-preferred-election-api", ignoreWrites: "Kafka takes the replicas out of sync in hash order, so that another one is the last"},
		{fixture: "55-unclean-enable-topic-config", before: "54-broker2-back-no-eligible-leader", rebalanceBefore: zk.ConfigChangesPath},
		{fixture: "57-controller-kill9", before: "56-broker3-back", takeover: true, rebalance: true, begin: func(b *bench) error {
			delete(b.store.nodes, zk.BrokerPath(1))
			return nil
		}},
	} {
		t.Run(r.fixture, func(t *testing.T) { r.run(t) })
	}
}

func (r *replay) run(t *testing.T) {
	ctx := context.Background()
	b := newBench(loadTree(t, r.before))
	if r.change != nil {
		r.change(b.store)
	}
	if !r.takeover {
		r.takeOver(t, b)
	}
	var trace []traceOp
	raw, err := os.ReadFile("testdata/znodes/" + r.fixture + ".trace.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &trace); err != nil {
		t.Fatal(err)
	}
	var want []string
	var writes []string
	var sent []sentRequest
	collect := func() {
		for more := true; more; {
			more = false
			w, s := b.take()
			writes, sent = append(writes, w...), append(sent, s...)
			for _, req := range s {
				if stop, ok := req.Request.(*StopReplica); ok && stop.Delete && req.to != r.silent {
					reply := &StopReplicaReply{Broker: req.to, Errors: map[model.TopicPartition]int16{}}
					for _, tp := range stop.Partitions {
						reply.Errors[tp] = 0
					}
					if err := b.core.Step(ctx, reply); err != nil {
						t.Fatal(err)
					}
					more = true
				}
				if r.answer == nil {
					continue
				}
				if ev := r.answer(req); ev != nil {
					if err := b.core.Step(ctx, ev); err != nil {
						t.Fatal(err)
					}
					more = true
				}
			}
		}
	}
	if r.prepare != nil {
		if err := r.prepare(b); err != nil {
			t.Fatal(err)
		}
		collect()
		writes, sent = nil, nil
	}
	if r.begin != nil {
		if err := r.begin(b); err != nil {
			t.Fatal(err)
		}
		collect()
	}
	for i := range trace {
		op := &trace[i]
		if op.byController() {
			for _, w := range traceWords(op.Ops[1]) {
				// The request for a deletion goes with the topic; only that of a topic that does
				// not exist goes alone.
				if topic, ok := strings.CutPrefix(w, "drop deletion of "); !ok || !slices.Contains(want, "delete topic "+topic) {
					want = append(want, w)
				}
			}
			continue
		}
		if r.takeover && op.Op == "multi" && op.Ops[0].Path == zk.ControllerPath {
			if err := b.elect(); err != nil {
				t.Fatal(err)
			}
			collect()
			continue
		}
		if r.rebalanceBefore != "" && strings.HasPrefix(op.Path, r.rebalanceBefore) {
			if err := b.core.Step(ctx, AutoRebalance{}); err != nil {
				t.Fatal(err)
			}
			collect()
		}
		events := apply(b.store, op)
		if r.reverse && op.Path == zk.ReassignPartitionsPath {
			rs, _ := zk.DecodeReassignments([]byte(*op.Data))
			slices.Reverse(rs)
			b.store.nodes[op.Path].data = zk.EncodeReassignments(rs)
		}
		for _, ev := range events {
			if err := b.core.Step(ctx, ev); err != nil {
				t.Fatal(err)
			}
			collect()
		}
	}
	if r.rebalance {
		if err := b.core.Step(ctx, AutoRebalance{}); err != nil {
			t.Fatal(err)
		}
		collect()
	}
	if r.ignoreWrites == "" {
		compareSorted(t, "writes", want, writes)
	}
	if _, err := os.Stat("testdata/znodes/" + r.fixture + ".control.txt"); err == nil && r.ignoreRequests == "" {
		r.compareRequests(t, sent)
	}
}

// takeOver makes the core what the controller of the recording was before the operation: it had
// brought the tree about itself, so what a controller that takes over writes (a new epoch for
// replicas on dead brokers) is undone.
func (r *replay) takeOver(t *testing.T, b *bench) {
	t.Helper()
	before := map[string]modelNode{}
	for path, n := range b.store.nodes {
		before[path] = *n
	}
	if err := b.core.failover(context.Background(), b.store.epoch); err != nil {
		t.Fatal(err)
	}
	for path, n := range before {
		b.store.nodes[path] = &n
	}
	if err := b.core.run(context.Background(), func() error {
		return b.core.readStates(b.core.partitions(func(*topic, *partition) bool { return true }))
	}); err != nil {
		t.Fatal(err)
	}
	b.take()
}

// undoDeath turns the tree after the death of broker 3 into the one before: the automatic rebalance
// had made it leader of what it prefers, and it was in sync everywhere.
func undoDeath(s *modelStore) {
	led := map[string]bool{"bst-1": true, "r3-2": true, "slow-0": true, "zkt-1": true, "__consumer_offsets-0": true, "__transaction_state-1": true}
	for path, n := range s.nodes {
		if !strings.HasSuffix(path, "/state") {
			continue
		}
		tp := statePartition(path)
		as, _, _ := s.Assignment(context.Background(), tp.Topic)
		if !slices.Contains(as[tp.Partition].Replicas, 3) {
			continue
		}
		st, _ := zk.DecodeState(n.data, n.version)
		if led[tp.String()] {
			st.Leader = 3
		}
		if !slices.Contains(st.ISR, 3) {
			st.ISR = append(st.ISR, 3)
		}
		st.LeaderEpoch--
		n.data = zk.EncodeState(st)
		n.version--
	}
	s.register(3, model.Endpoint{Listener: "PLAINTEXT", Host: "127.0.0.1", Port: 19093})
}

// traceWords puts a recorded mutation into the words of modelStore.
func traceWords(op traceOp) []string {
	data := ""
	if op.Data != nil {
		data = *op.Data
	}
	last := op.Path[strings.LastIndexByte(op.Path, '/')+1:]
	switch {
	case op.Op == "error":
		return nil // such as the attempt to delete what is not there
	case op.Op == "delete" && strings.HasPrefix(op.Path, zk.DeleteTopicsPath+"/"):
		return []string{"drop deletion of " + last}
	case op.Op == "delete" && strings.HasPrefix(op.Path, zk.TopicsPath+"/") && !strings.Contains(op.Path, "/partitions"):
		return []string{"delete topic " + last}
	case op.Op == "delete" && (strings.HasPrefix(op.Path, zk.TopicsPath+"/") || strings.HasPrefix(op.Path, zk.ConfigPath(zk.EntityTopics, ""))):
		return nil // goes with the topic
	case strings.HasSuffix(op.Path, "/state"):
		tp := statePartition(op.Path)
		s, err := zk.DecodeState([]byte(data), 0)
		if err != nil {
			return []string{err.Error()}
		}
		if op.Op == "create" {
			return []string{"create " + stateWords(tp, s, 0)}
		}
		return []string{"state " + stateWords(tp, s, op.NewVersion)}
	case strings.Contains(op.Path, "/partitions"): // the parents of state
		return nil
	case strings.HasPrefix(op.Path, zk.TopicsPath+"/"):
		a, _ := zk.DecodeTopic(last, []byte(data))
		return []string{fmt.Sprintf("topic %s %s", last, words(a))}
	case op.Path == zk.ReassignPartitionsPath && op.Op == "set":
		rs, _ := zk.DecodeReassignments([]byte(data))
		return []string{fmt.Sprintf("reassign_partitions %v", rs)}
	}
	return []string{op.Op + " " + last}
}

func statePartition(path string) model.TopicPartition {
	parts := strings.Split(path, "/") // "", brokers, topics, t, partitions, p, state
	p, _ := strconv.Atoi(parts[5])
	return model.TopicPartition{Topic: parts[3], Partition: int32(p)}
}

// apply does what somebody else did and says which watches fire.
func apply(s *modelStore, op *traceOp) []Event {
	if op.Op == "multi" {
		for i := range op.Ops {
			apply(s, &op.Ops[i])
		}
		return []Event{BrokerChange{}} // the registration
	}
	var data []byte
	if op.Data != nil {
		data = []byte(*op.Data)
	}
	if op.Op == "error" {
		return nil
	}
	if op.Op == "delete" {
		delete(s.nodes, op.Path)
		return nil // whoever does this by hand says what fires
	}
	if strings.HasPrefix(op.Path, zk.BrokerIDsPath+"/") {
		if op.Op == "create" {
			delete(s.nodes, op.Path)
		}
		s.zxid += 1000
	}
	s.put(op.Path, data)
	parts := strings.Split(op.Path, "/")
	switch {
	case strings.HasSuffix(op.Path, "/state"):
		return []Event{ReassignmentProgress{statePartition(op.Path)}}
	case strings.HasPrefix(op.Path, zk.TopicsPath+"/") && op.Op == "create":
		return []Event{TopicChange{}}
	case strings.HasPrefix(op.Path, zk.TopicsPath+"/"):
		return []Event{PartitionModification{parts[3]}}
	case strings.HasPrefix(op.Path, zk.ISRChangesPath+"/"):
		return []Event{ISRChange{}}
	case strings.HasPrefix(op.Path, zk.DeleteTopicsPath+"/"):
		return []Event{TopicDeletion{}}
	case strings.HasPrefix(op.Path, zk.LogDirEventsPath+"/"):
		return []Event{LogDirEvent{}}
	case op.Path == zk.ReassignPartitionsPath && op.Op == "set":
		return []Event{ReassignmentsRewritten{}}
	case op.Path == zk.ReassignPartitionsPath:
		return []Event{ReassignmentRequested{}}
	case op.Path == zk.PreferredElectionPath:
		return []Event{PreferredElectionRequested{}}
	case strings.HasPrefix(op.Path, zk.ConfigChangesPath+"/"):
		if ch, err := zk.DecodeConfigChange(data); err == nil && ch.Type == zk.EntityTopics {
			return []Event{TopicUncleanElectionEnabled{ch.Entity}}
		}
	}
	return nil
}

func compareSorted(t *testing.T, what string, want, got []string) {
	t.Helper()
	sort.Strings(want)
	sort.Strings(got)
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%s differ\nKafka:\n  %s\nmomus:\n  %s", what, strings.Join(want, "\n  "), strings.Join(got, "\n  "))
	}
}

// compareRequests compares what was sent to broker 2 with what it received from Kafka.
func (r *replay) compareRequests(t *testing.T, sent []sentRequest) {
	t.Helper()
	raw, err := os.ReadFile("testdata/znodes/" + r.fixture + ".control.txt")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	api := ""
	for _, line := range strings.Split(string(raw), "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 2 && strings.HasPrefix(fields[1], "v"):
			api = fields[0]
		case len(fields) == 2 && fields[0] == "request":
			v, _ := parseFields(fields[1])
			if w := requestWords(api, v.(map[string]any)); w != "" {
				want = append(want, w)
			}
		}
	}
	want = want[r.skip : len(want)-r.rest]
	var got []string
	for _, s := range sent {
		if s.to == 2 {
			got = append(got, sentWords(s.Request))
		}
	}
	if r.lost > 0 {
		got = slices.Delete(got, 1, 1+r.lost)
	}
	for i := range max(len(want), len(got)) {
		w, g := "(nothing)", "(nothing)"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			t.Errorf("request %d to broker 2\nKafka: %s\nmomus: %s", i+1, w, g)
		}
	}
}

// parseFields reads the notation of the recordings: {name=value,...}, [value,...], bare words.
func parseFields(s string) (any, string) {
	switch {
	case strings.HasPrefix(s, "{"):
		m := map[string]any{}
		for s = s[1:]; !strings.HasPrefix(s, "}"); s = strings.TrimPrefix(s, ",") {
			name, rest, _ := strings.Cut(s, "=")
			m[name], s = parseFields(rest)
		}
		return m, s[1:]
	case strings.HasPrefix(s, "["):
		list := []any{}
		for s = s[1:]; !strings.HasPrefix(s, "]"); s = strings.TrimPrefix(s, ",") {
			var v any
			v, s = parseFields(s)
			list = append(list, v)
		}
		return list, s[1:]
	}
	i := strings.IndexAny(s, ",]}")
	return s[:i], s[i:]
}

// requestWords prints a recorded request in a form without order.
func requestWords(api string, m map[string]any) string {
	var parts []string
	ids := func(key, id string) string {
		var list []string
		for _, b := range m[key].([]any) {
			list = append(list, fmt.Sprint(b.(map[string]any)[id]))
		}
		sort.Strings(list)
		return strings.Join(list, " ")
	}
	states := func(extra ...string) {
		for _, ts := range m["topic_states"].([]any) {
			for _, ps := range ts.(map[string]any)["partition_states"].([]any) {
				p := ps.(map[string]any)
				line := fmt.Sprintf("%s-%s leader=%s epoch=%s isr=%v version=%s controller=%s replicas=%v", ts.(map[string]any)["topic_name"], p["partition_index"],
					p["leader"], p["leader_epoch"], sortedAny(p["isr"]), p["zk_version"], p["controller_epoch"], p["replicas"])
				for _, key := range extra {
					line += fmt.Sprintf(" %s=%v", key, p[key])
				}
				parts = append(parts, line)
			}
		}
		sort.Strings(parts)
	}
	switch api {
	case "LEADER_AND_ISR":
		states("adding_replicas", "removing_replicas", "is_new")
		return "LeaderAndIsr leaders " + ids("live_leaders", "broker_id") + "\n  " + strings.Join(parts, "\n  ")
	case "UPDATE_METADATA":
		states("offline_replicas")
		return "UpdateMetadata brokers " + ids("live_brokers", "id") + "\n  " + strings.Join(parts, "\n  ")
	case "STOP_REPLICA":
		for _, ts := range m["topics"].([]any) {
			topic := ts.(map[string]any)
			for _, p := range topic["partition_indexes"].([]any) {
				parts = append(parts, fmt.Sprintf("%s-%s", topic["name"], p))
			}
		}
		sort.Strings(parts)
		return fmt.Sprintf("StopReplica delete=%s %s", m["delete_partitions"], strings.Join(parts, " "))
	}
	return ""
}

func sortedAny(v any) []string {
	var out []string
	for _, x := range v.([]any) {
		out = append(out, x.(string))
	}
	sort.Strings(out)
	return out
}

// sentWords prints a request of this controller as requestWords does.
func sentWords(r Request) string {
	var parts []string
	line := func(tp model.TopicPartition, s model.LeaderAndISR, replicas []int32) string {
		return fmt.Sprintf("%s leader=%d epoch=%d isr=%v version=%d controller=%d replicas=%v", tp, s.Leader, s.LeaderEpoch, sortedIDs(s.ISR), s.ZKVersion, s.ControllerEpoch, replicas)
	}
	ids := func(bs []*model.Broker) string {
		return strings.Trim(fmt.Sprint(brokerIDs(bs)), "[]")
	}
	switch r := r.(type) {
	case *LeaderAndISR:
		for _, p := range r.Partitions {
			parts = append(parts, fmt.Sprintf("%s adding_replicas=%v removing_replicas=%v is_new=%v", line(p.TopicPartition, p.LeaderAndISR, p.Replicas), p.Adding, p.Removing, p.IsNew))
		}
		sort.Strings(parts)
		return "LeaderAndIsr leaders " + ids(r.LiveLeaders) + "\n  " + strings.Join(parts, "\n  ")
	case *UpdateMetadata:
		for _, p := range r.Partitions {
			parts = append(parts, fmt.Sprintf("%s offline_replicas=%v", line(p.TopicPartition, p.LeaderAndISR, p.Replicas), p.OfflineReplicas))
		}
		sort.Strings(parts)
		return "UpdateMetadata brokers " + ids(r.LiveBrokers) + "\n  " + strings.Join(parts, "\n  ")
	case *StopReplica:
		for _, tp := range r.Partitions {
			parts = append(parts, tp.String())
		}
		sort.Strings(parts)
		return fmt.Sprintf("StopReplica delete=%v %s", r.Delete, strings.Join(parts, " "))
	}
	return ""
}

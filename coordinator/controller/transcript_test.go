package controller

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// The commands of a transcript. Each prints what the controller wrote and sent, in order of writes,
// then requests.
//
//	brokers 1 2 3                      these brokers are registered, nothing is told
//	elect                              this broker becomes controller
//	create-topic NAME 1/2 2/3          somebody creates the topic with these replicas
//	topic-node NAME, state-node TP     somebody writes the JSON that follows into the node
//	add-partitions NAME 3/1            somebody adds partitions
//	delete-topic NAME                  somebody asks for the deletion
//	vanish ID                          the registration goes, and nobody is told
//	start ID / kill ID / bounce ID     the registration comes, goes, or is renewed in between
//	isr TP 1/2                         the leader writes the in-sync replicas, and notifies unless quiet
//	reply BROKER [offline=TP,...]      the broker answers its last LeaderAndIsr
//	deleted BROKER [error=CODE]        the broker answers all its StopReplica requests with delete
//	shutdown ID                        controlled shutdown
//	reassign TP 1/2 / cancel TP        by request
//	elect-leaders preferred|unclean TP by request
//	preferred-election TP ...          through the znode
//	rebalance                          the timer
//	reassign-znode TP=1/2 ...          through /admin/reassign_partitions
//	reassign-znode-rewritten           the controller has taken a part out of it
//	list [TP ...]                      running reassignments, by request
//	log-dir-failure ID                 the notification
//	listener ID PORT                   a live broker changes its registration
//	unclean-enabled                    the broker's own unclean.leader.election.enable becomes true
//	config NAME key=value              a topic override, with its notification
//	setting NAME=BOOL                  unclean, delete-topics
//	show                               states of partitions and replicas
func TestTranscripts(t *testing.T) {
	driven := map[string]bool{}
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		store := newModelStore()
		for _, p := range []string{zk.ControllerEpochPath} {
			store.put(p, []byte("0"))
		}
		s := &script{bench: newBench(store), pending: map[int32]map[model.TopicPartition]bool{}, driven: driven}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return s.run(t, d)
		})
	})
	for _, name := range eventTypes(t) {
		if !driven[name] {
			t.Errorf("no transcript drives the event %s", name)
		}
	}
}

// eventTypes are the names of all types that events.go makes events.
func eventTypes(t *testing.T) (names []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "events.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Name.Name != "event" || fn.Recv == nil {
			continue
		}
		typ := fn.Recv.List[0].Type
		if star, ok := typ.(*ast.StarExpr); ok {
			typ = star.X
		}
		names = append(names, typ.(*ast.Ident).Name)
	}
	return names
}

type script struct {
	*bench
	notifications int
	last          map[int32]*LeaderAndISR
	pending       map[int32]map[model.TopicPartition]bool // deletions not answered yet
	driven        map[string]bool                         // the types of the events so far
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	ctx := context.Background()
	var out strings.Builder
	step := func(ev Event) {
		s.driven[strings.TrimPrefix(strings.TrimPrefix(fmt.Sprintf("%T", ev), "*"), "controller.")] = true
		if err := s.core.Step(ctx, ev); err != nil {
			fmt.Fprintf(&out, "error: %v\n", err)
		}
	}
	arg := func(i int) string {
		if i >= len(d.CmdArgs) {
			t.Fatalf("%s: argument %d is missing", d.Pos, i+1)
		}
		return d.CmdArgs[i].Key
	}
	id := func(text string) int32 {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s: %v", d.Pos, err)
		}
		return int32(n)
	}
	switch d.Cmd {
	case "brokers":
		for i := range d.CmdArgs {
			s.store.register(id(arg(i)))
		}
	case "elect":
		if err := s.elect(); err != nil {
			fmt.Fprintf(&out, "error: %v\n", err)
		}
	case "create-topic":
		as := zk.Assignments{}
		for i := 1; i < len(d.CmdArgs); i++ {
			as[int32(i-1)] = model.Assignment{Replicas: parseIDs(t, arg(i))}
		}
		s.store.put(zk.TopicPath(arg(0)), zk.EncodeTopic(as))
		step(TopicChange{})
	case "topic-node": // the JSON follows on the next lines
		s.store.put(zk.TopicPath(arg(0)), []byte(d.Input))
		step(TopicChange{})
	case "state-node":
		s.store.put(zk.StatePath(parseTP(t, arg(0))), []byte(d.Input))
	case "add-partitions":
		as, _, _ := s.store.Assignment(ctx, arg(0))
		for i := 1; i < len(d.CmdArgs); i++ {
			as[int32(len(as))] = model.Assignment{Replicas: parseIDs(t, arg(i))}
		}
		s.store.put(zk.TopicPath(arg(0)), zk.EncodeTopic(as))
		step(PartitionModification{arg(0)})
	case "delete-topic":
		s.store.put(zk.DeleteTopicPath(arg(0)), nil)
		step(TopicDeletion{})
	case "start", "bounce":
		s.store.register(id(arg(0)))
		step(BrokerChange{})
	case "vanish":
		delete(s.store.nodes, zk.BrokerPath(id(arg(0))))
	case "kill":
		delete(s.store.nodes, zk.BrokerPath(id(arg(0))))
		step(BrokerChange{})
	case "isr":
		tp := parseTP(t, arg(0))
		s.writeISR(tp, parseIDs(t, arg(1)))
		if !d.HasArg("quiet") {
			s.notify(tp)
			step(ISRChange{})
		}
		step(ReassignmentProgress{tp})
	case "reply":
		reply := &LeaderAndISRReply{Broker: id(arg(0)), Errors: map[model.TopicPartition]int16{}}
		for _, p := range s.last[reply.Broker].Partitions {
			reply.Errors[p.TopicPartition] = 0
		}
		for i := range d.CmdArgs {
			if d.CmdArgs[i].Key == "offline" {
				for _, v := range d.CmdArgs[i].Vals {
					reply.Errors[parseTP(t, v)] = kerr.KafkaStorageError.Code
				}
			}
		}
		step(reply)
	case "deleted":
		reply := &StopReplicaReply{Broker: id(arg(0)), Errors: map[model.TopicPartition]int16{}}
		code := 0
		d.MaybeScanArgs(t, "error", &code)
		for tp := range s.pending[reply.Broker] {
			reply.Errors[tp] = int16(code)
		}
		delete(s.pending, reply.Broker)
		step(reply)
	case "shutdown":
		step(&ControlledShutdown{Broker: id(arg(0)), Epoch: -1, Reply: func(left []model.TopicPartition, err error) {
			fmt.Fprintf(&out, "remaining %v, error %v\n", left, err)
		}})
	case "reassign", "cancel":
		r := zk.Reassignment{TopicPartition: parseTP(t, arg(0))}
		if d.Cmd == "reassign" {
			r.Replicas = parseIDs(t, arg(1))
		}
		step(&AlterReassignments{Partitions: []zk.Reassignment{r}, Reply: func(results []ReassignmentResult, err error) {
			fmt.Fprintf(&out, "answer %v, error %v\n", results[0].Err, err)
		}})
	case "reassign-znode":
		var rs []zk.Reassignment
		for _, a := range d.CmdArgs {
			rs = append(rs, zk.Reassignment{TopicPartition: parseTP(t, a.Key), Replicas: parseIDs(t, a.Vals[0])})
		}
		s.store.put(zk.ReassignPartitionsPath, zk.EncodeReassignments(rs))
		step(ReassignmentRequested{})
	case "reassign-znode-rewritten":
		step(ReassignmentsRewritten{})
	case "list":
		ev := &ListReassignments{All: len(d.CmdArgs) == 0, Reply: func(running map[model.TopicPartition]model.Assignment, err error) {
			for _, tp := range sortedTPs(running) {
				fmt.Fprintf(&out, "%s %v adding %v removing %v\n", tp, running[tp].Replicas, running[tp].Adding, running[tp].Removing)
			}
		}}
		for i := range d.CmdArgs {
			ev.Partitions = append(ev.Partitions, parseTP(t, arg(i)))
		}
		step(ev)
	case "elect-leaders":
		kind := PreferredElection
		if arg(0) == "unclean" {
			kind = UncleanElection
		}
		step(&ElectLeaders{Type: kind, Partitions: []model.TopicPartition{parseTP(t, arg(1))}, Reply: func(results []ElectionResult, err error) {
			for _, r := range results {
				fmt.Fprintf(&out, "answer %s leader=%d, error %v\n", r.TopicPartition, r.Leader, r.Err)
			}
		}})
	case "preferred-election":
		var tps []model.TopicPartition
		for i := range d.CmdArgs {
			tps = append(tps, parseTP(t, arg(i)))
		}
		s.store.put(zk.PreferredElectionPath, zk.EncodePartitions(tps))
		step(PreferredElectionRequested{})
	case "rebalance":
		step(AutoRebalance{})
	case "log-dir-failure":
		s.store.put(zk.LogDirEventsPath+"/log_dir_event_0000000000", zk.EncodeLogDirEvent(id(arg(0))))
		step(LogDirEvent{})
	case "listener":
		e := model.Endpoint{Listener: "PLAINTEXT", Host: "h" + arg(0), Port: id(arg(1))}
		s.store.put(zk.BrokerPath(id(arg(0))), zk.EncodeBroker(&zk.Registration{Version: 4, JMXPort: -1, Endpoints: []model.Endpoint{e}}))
		step(BrokerModification{id(arg(0))})
	case "unclean-enabled":
		s.settings.UncleanLeaderElection = true
		step(UncleanElectionEnabled{})
	case "config":
		s.store.put(zk.ConfigPath(zk.EntityTopics, arg(0)), zk.EncodeConfig(map[string]string{d.CmdArgs[1].Key: d.CmdArgs[1].Vals[0]}))
		if d.CmdArgs[1].Vals[0] == "true" {
			step(TopicUncleanElectionEnabled{arg(0)})
		}
	case "setting":
		on := d.CmdArgs[0].Vals[0] == "true"
		switch arg(0) {
		case "unclean":
			s.settings.UncleanLeaderElection = on
		case "delete-topics":
			s.settings.DeleteTopics = on
		}
	case "show":
		step(&Inspect{Fn: func(c *Context) {
			c.each(func(tt *topic, p *partition) {
				fmt.Fprintf(&out, "%s %s", p.TopicPartition, p.state)
				for _, r := range p.replicas {
					fmt.Fprintf(&out, " %d:%s", r.broker, r.state)
				}
				if tt.queuedForDeletion {
					fmt.Fprintf(&out, " deleting ineligible=%v", tt.ineligibleForDeletion)
				}
				out.WriteByte('\n')
			})
		}})
	default:
		t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
	writes, sent := s.take()
	for _, w := range writes {
		fmt.Fprintf(&out, "zk: %s\n", w)
	}
	for _, r := range sent {
		fmt.Fprintf(&out, "%s\n", r)
		switch q := r.Request.(type) {
		case *LeaderAndISR:
			if s.last == nil {
				s.last = map[int32]*LeaderAndISR{}
			}
			s.last[r.to] = q
		case *StopReplica:
			if q.Delete {
				if s.pending[r.to] == nil {
					s.pending[r.to] = map[model.TopicPartition]bool{}
				}
				for _, tp := range q.Partitions {
					s.pending[r.to][tp] = true
				}
			}
		}
	}
	if out.Len() == 0 {
		return "nothing\n"
	}
	return out.String()
}

// writeISR is the write of a leader.
func (b *bench) writeISR(tp model.TopicPartition, isr []int32) {
	n := b.store.nodes[zk.StatePath(tp)]
	st, _ := zk.DecodeState(n.data, n.version)
	st.ISR = isr
	b.store.put(zk.StatePath(tp), zk.EncodeState(st))
}

func (s *script) notify(tp model.TopicPartition) {
	s.store.put(fmt.Sprintf("%s/isr_change_%010d", zk.ISRChangesPath, s.notifications), zk.EncodePartitions([]model.TopicPartition{tp}))
	s.notifications++
}

// parseIDs reads 1/2, or [] for an empty list.
func parseIDs(t *testing.T, text string) (ids []int32) {
	if text == "[]" {
		return []int32{}
	}
	for _, part := range strings.Split(strings.Trim(text, "[]"), "/") {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, int32(n))
	}
	return ids
}

func parseTP(t *testing.T, text string) model.TopicPartition {
	tp, err := model.ParseTopicPartition(text)
	if err != nil {
		t.Fatal(err)
	}
	return tp
}

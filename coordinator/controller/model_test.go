package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"momus/coordinator/zk"
	"momus/internal/model"
)

// modelStore is ZooKeeper as far as Store needs it: nodes with data and versions, no watches, no
// sessions.
type modelStore struct {
	nodes map[string]*modelNode
	zxid  int64
	epoch zk.ControllerEpoch // that of /controller_epoch
	// writes are the controller's mutations in words, in order.
	writes []string
	// before is called before each conditional write of a state; it may write the node.
	before func(tp model.TopicPartition)
}

type modelNode struct {
	data    []byte
	version int32
	czxid   int64
}

func newModelStore() *modelStore { return &modelStore{nodes: map[string]*modelNode{}} }

// loadTree reads a golden tree.
func loadTree(t testing.TB, name string) *modelStore {
	t.Helper()
	raw, err := os.ReadFile("testdata/znodes/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]struct {
		Data    *string
		Version int32
	}
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	s := newModelStore()
	for path, n := range tree {
		node := &modelNode{version: n.Version, czxid: 1}
		if n.Data != nil {
			node.data = []byte(*n.Data)
		}
		s.nodes[path] = node
	}
	if n := s.nodes[zk.ControllerEpochPath]; n != nil {
		e, _ := strconv.Atoi(string(n.data))
		s.epoch = zk.ControllerEpoch{Epoch: int32(e), ZKVersion: n.version}
	}
	return s
}

func (s *modelStore) put(path string, data []byte) {
	s.zxid++
	if n := s.nodes[path]; n != nil {
		n.data = data
		n.version++
		return
	}
	s.nodes[path] = &modelNode{data: data, czxid: s.zxid}
}

func (s *modelStore) register(id int32, endpoints ...model.Endpoint) {
	if endpoints == nil {
		endpoints = []model.Endpoint{{Listener: "PLAINTEXT", Host: "h" + strconv.Itoa(int(id)), Port: 9092}}
	}
	delete(s.nodes, zk.BrokerPath(id))
	s.put(zk.BrokerPath(id), zk.EncodeBroker(&zk.Registration{Version: 4, JMXPort: -1, Endpoints: endpoints}))
}

func (s *modelStore) list(parent string) (names []string) {
	for path := range s.nodes {
		if rest, ok := strings.CutPrefix(path, parent+"/"); ok && !strings.Contains(rest, "/") {
			names = append(names, rest)
		}
	}
	sort.Strings(names)
	return names
}

func (s *modelStore) wrote(format string, args ...any) {
	s.writes = append(s.writes, fmt.Sprintf(format, args...))
}

func (s *modelStore) check(epoch zk.ControllerEpoch) error {
	if epoch != s.epoch {
		return zk.ErrControllerMoved
	}
	return nil
}

func (s *modelStore) Broker(_ context.Context, id int32) (*model.Broker, bool, error) {
	n := s.nodes[zk.BrokerPath(id)]
	if n == nil {
		return nil, false, nil
	}
	b, err := zk.DecodeBroker(id, n.data)
	if err == nil {
		b.Epoch = n.czxid
	}
	return b, err == nil, err
}

func (s *modelStore) Brokers(ctx context.Context) (bs []*model.Broker, err error) {
	for _, name := range s.list(zk.BrokerIDsPath) {
		id, _ := strconv.Atoi(name)
		b, _, err := s.Broker(ctx, int32(id))
		if err != nil {
			return nil, err
		}
		bs = append(bs, b)
	}
	slices.SortFunc(bs, func(a, b *model.Broker) int { return int(a.ID) - int(b.ID) })
	return bs, nil
}

func (s *modelStore) Topics(context.Context) ([]string, error) { return s.list(zk.TopicsPath), nil }

func (s *modelStore) Assignment(_ context.Context, topic string) (zk.Assignments, bool, error) {
	n := s.nodes[zk.TopicPath(topic)]
	if n == nil {
		return nil, false, nil
	}
	a, err := zk.DecodeTopic(topic, n.data)
	return a, err == nil, err
}

func (s *modelStore) Assignments(ctx context.Context, topics []string) (map[string]zk.Assignments, error) {
	all := map[string]zk.Assignments{}
	for _, t := range topics {
		if a, ok, err := s.Assignment(ctx, t); err != nil {
			return nil, err
		} else if ok {
			all[t] = a
		}
	}
	return all, nil
}

func (s *modelStore) SetTopicAsController(_ context.Context, epoch zk.ControllerEpoch, topic string, a zk.Assignments) error {
	if err := s.check(epoch); err != nil {
		return err
	}
	s.put(zk.TopicPath(topic), zk.EncodeTopic(a))
	s.wrote("topic %s %s", topic, words(a))
	return nil
}

// words prints assignments shortly: 0=[1 2]+[2]-[1].
func words(as zk.Assignments) string {
	var parts []string
	for _, id := range as.Partitions() {
		a := as[id]
		text := fmt.Sprintf("%d=%v", id, a.Replicas)
		if len(a.Adding) > 0 {
			text += fmt.Sprintf("+%v", a.Adding)
		}
		if len(a.Removing) > 0 {
			text += fmt.Sprintf("-%v", a.Removing)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

func (s *modelStore) Configs(_ context.Context, t zk.EntityType, entities []string) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	for _, e := range entities {
		all[e] = map[string]string{}
		if n := s.nodes[zk.ConfigPath(t, e)]; n != nil {
			c, err := zk.DecodeConfig(n.data)
			if err != nil {
				return nil, err
			}
			all[e] = c
		}
	}
	return all, nil
}

func (s *modelStore) States(_ context.Context, tps []model.TopicPartition) (map[model.TopicPartition]model.LeaderAndISR, error) {
	all := map[model.TopicPartition]model.LeaderAndISR{}
	for _, tp := range tps {
		if n := s.nodes[zk.StatePath(tp)]; n != nil {
			st, err := zk.DecodeState(n.data, n.version)
			if err != nil {
				return nil, err
			}
			all[tp] = st
		}
	}
	return all, nil
}

func (s *modelStore) CreateStates(_ context.Context, epoch zk.ControllerEpoch, states []zk.PartitionState) ([]error, error) {
	if err := s.check(epoch); err != nil {
		return nil, err
	}
	errs := make([]error, len(states))
	for i, st := range states {
		path := zk.StatePath(st.TopicPartition)
		if s.nodes[path] != nil {
			errs[i] = zk.ErrNodeExists
			continue
		}
		for _, parent := range []string{zk.PartitionsPath(st.Topic), zk.PartitionPath(st.TopicPartition)} {
			if s.nodes[parent] == nil {
				s.put(parent, nil)
			}
		}
		s.put(path, zk.EncodeState(st.State))
		s.wrote("create %s", stateWords(st.TopicPartition, st.State, 0))
	}
	return errs, nil
}

func stateWords(tp model.TopicPartition, st model.LeaderAndISR, version int32) string {
	return fmt.Sprintf("%s leader=%d epoch=%d isr=%v version=%d controller=%d", tp, st.Leader, st.LeaderEpoch, st.ISR, version, st.ControllerEpoch)
}

func (s *modelStore) SetStates(_ context.Context, epoch zk.ControllerEpoch, states []zk.PartitionState) ([]zk.StateResult, error) {
	if err := s.check(epoch); err != nil {
		return nil, err
	}
	results := make([]zk.StateResult, len(states))
	for i, st := range states {
		if s.before != nil {
			s.before(st.TopicPartition)
		}
		n := s.nodes[zk.StatePath(st.TopicPartition)]
		switch {
		case n == nil:
			results[i].Err = zk.ErrNoNode
		case n.version != st.State.ZKVersion:
			results[i].Err = zk.ErrBadVersion
			s.wrote("conflict %s", st.TopicPartition)
		default:
			s.put(zk.StatePath(st.TopicPartition), zk.EncodeState(st.State))
			results[i].Version = n.version
			s.wrote("state %s", stateWords(st.TopicPartition, st.State, n.version))
		}
	}
	return results, nil
}

func (s *modelStore) TopicDeletions(context.Context) ([]string, error) {
	return s.list(zk.DeleteTopicsPath), nil
}

func (s *modelStore) DropTopicDeletions(_ context.Context, epoch zk.ControllerEpoch, topics []string) error {
	for _, t := range topics {
		delete(s.nodes, zk.DeleteTopicPath(t))
		s.wrote("drop deletion of %s", t)
	}
	return s.check(epoch)
}

func (s *modelStore) DeleteTopicNodes(_ context.Context, epoch zk.ControllerEpoch, topic string) error {
	if err := s.check(epoch); err != nil {
		return err
	}
	for path := range s.nodes {
		if path == zk.TopicPath(topic) || strings.HasPrefix(path, zk.TopicPath(topic)+"/") {
			delete(s.nodes, path)
		}
	}
	delete(s.nodes, zk.ConfigPath(zk.EntityTopics, topic))
	delete(s.nodes, zk.DeleteTopicPath(topic))
	s.wrote("delete topic %s", topic)
	return nil
}

// remove deletes nodes of a directory.
func (s *modelStore) remove(epoch zk.ControllerEpoch, dir string, names []string) error {
	for _, name := range names {
		delete(s.nodes, dir+"/"+name)
		s.wrote("delete %s", name)
	}
	return s.check(epoch)
}

func (s *modelStore) ISRChanges(context.Context) ([]string, error) {
	return s.list(zk.ISRChangesPath), nil
}

func (s *modelStore) ReadISRChanges(_ context.Context, names []string) (tps []model.TopicPartition, err error) {
	for _, name := range names {
		more, err := zk.DecodePartitions(s.nodes[zk.ISRChangesPath+"/"+name].data)
		if err != nil {
			return nil, err
		}
		tps = append(tps, more...)
	}
	return tps, nil
}

func (s *modelStore) DeleteISRChanges(_ context.Context, epoch zk.ControllerEpoch, names []string) error {
	return s.remove(epoch, zk.ISRChangesPath, names)
}

func (s *modelStore) LogDirEvents(context.Context) ([]string, error) {
	return s.list(zk.LogDirEventsPath), nil
}

func (s *modelStore) ReadLogDirEvents(_ context.Context, names []string) (ids []int32, err error) {
	for _, name := range names {
		id, err := zk.DecodeLogDirEvent(s.nodes[zk.LogDirEventsPath+"/"+name].data)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (s *modelStore) DeleteLogDirEvents(_ context.Context, epoch zk.ControllerEpoch, names []string) error {
	return s.remove(epoch, zk.LogDirEventsPath, names)
}

func (s *modelStore) PreferredElection(context.Context) ([]model.TopicPartition, bool, error) {
	n := s.nodes[zk.PreferredElectionPath]
	if n == nil {
		return nil, false, nil
	}
	tps, err := zk.DecodePartitions(n.data)
	return tps, true, err
}

func (s *modelStore) DeletePreferredElection(_ context.Context, epoch zk.ControllerEpoch) error {
	if s.nodes[zk.PreferredElectionPath] != nil {
		s.wrote("delete preferred_replica_election")
	}
	delete(s.nodes, zk.PreferredElectionPath)
	return s.check(epoch)
}

func (s *modelStore) Reassignments(context.Context) ([]zk.Reassignment, bool, error) {
	n := s.nodes[zk.ReassignPartitionsPath]
	if n == nil {
		return nil, false, nil
	}
	rs, err := zk.DecodeReassignments(n.data)
	if err != nil {
		rs = nil
	}
	return rs, true, nil
}

func (s *modelStore) SetReassignments(_ context.Context, epoch zk.ControllerEpoch, rs []zk.Reassignment) error {
	if err := s.check(epoch); err != nil {
		return err
	}
	if len(rs) == 0 {
		delete(s.nodes, zk.ReassignPartitionsPath)
		s.wrote("delete reassign_partitions")
		return nil
	}
	s.put(zk.ReassignPartitionsPath, zk.EncodeReassignments(rs))
	s.wrote("reassign_partitions %v", rs)
	return nil
}

func (s *modelStore) WatchBroker(context.Context, int32) error { return nil }
func (s *modelStore) UnwatchBroker(int32)                      {}
func (s *modelStore) WatchTopic(string)                        {}
func (s *modelStore) UnwatchTopic(string)                      {}
func (s *modelStore) WatchState(model.TopicPartition)          {}
func (s *modelStore) UnwatchState(model.TopicPartition)        {}
func (s *modelStore) WatchAll()                                {}
func (s *modelStore) UnwatchAll()                              {}

// modelSender keeps what was sent to brokers that it knows.
type modelSender struct {
	open map[int32]bool
	sent []sentRequest
}

type sentRequest struct {
	to int32
	Request
}

func newModelSender() *modelSender { return &modelSender{open: map[int32]bool{}} }

func (s *modelSender) AddBroker(b *model.Broker)  { s.open[b.ID] = true }
func (s *modelSender) RemoveBroker(id int32)      { delete(s.open, id) }
func (s *modelSender) UpdateBroker(*model.Broker) {}
func (s *modelSender) Close()                     {}
func (s *modelSender) Send(to int32, r Request) {
	if s.open[to] {
		s.sent = append(s.sent, sentRequest{to, r})
	}
}

// String prints a request in words.
func (r sentRequest) String() string {
	var b strings.Builder
	switch q := r.Request.(type) {
	case *LeaderAndISR:
		fmt.Fprintf(&b, "LeaderAndIsr to %d:", r.to)
		for _, p := range q.Partitions {
			fmt.Fprintf(&b, " %s{leader=%d epoch=%d isr=%v replicas=%v", p.TopicPartition, p.Leader, p.LeaderEpoch, p.ISR, p.Replicas)
			if len(p.Adding)+len(p.Removing) > 0 {
				fmt.Fprintf(&b, "+%v-%v", p.Adding, p.Removing)
			}
			if p.IsNew {
				b.WriteString(" new")
			}
			b.WriteByte('}')
		}
		fmt.Fprintf(&b, " live leaders %v", brokerIDs(q.LiveLeaders))
	case *UpdateMetadata:
		fmt.Fprintf(&b, "UpdateMetadata to %d: brokers %v", r.to, brokerIDs(q.LiveBrokers))
		for _, l := range q.LiveBrokers {
			if e := l.Endpoints[0]; e.Port != 9092 && e.Port < 19090 { // those of the recordings are above
				fmt.Fprintf(&b, " (%d at %s:%d)", l.ID, e.Host, e.Port)
			}
		}
		for _, p := range q.Partitions {
			fmt.Fprintf(&b, " %s{leader=%d epoch=%d isr=%v", p.TopicPartition, p.Leader, p.LeaderEpoch, p.ISR)
			if len(p.OfflineReplicas) > 0 {
				fmt.Fprintf(&b, " offline=%v", p.OfflineReplicas)
			}
			b.WriteByte('}')
		}
	case *StopReplica:
		fmt.Fprintf(&b, "StopReplica to %d: delete=%v", r.to, q.Delete)
		for _, tp := range q.Partitions {
			b.WriteString(" " + tp.String())
		}
	}
	return b.String()
}

// bench is a core with its model world.
type bench struct {
	store    *modelStore
	out      *modelSender
	core     *runner
	settings Settings
}

func newBench(store *modelStore) *bench {
	b := &bench{store: store, out: newModelSender(), settings: Settings{DeleteTopics: true, AutoRebalance: true, ImbalancePercentage: 10}}
	quiet := logrus.New()
	quiet.SetLevel(logrus.PanicLevel)
	b.core = newRunner(1, store, b.out, func() Settings { return b.settings }, logrus.NewEntry(quiet))
	return b
}

// take returns what has happened since the last call.
func (b *bench) take() (writes []string, sent []sentRequest) {
	writes, sent = b.store.writes, b.out.sent
	b.store.writes, b.out.sent = nil, nil
	return writes, sent
}

// elect makes the core controller under the next epoch.
func (b *bench) elect() error {
	b.store.epoch = zk.ControllerEpoch{Epoch: b.store.epoch.Epoch + 1, ZKVersion: b.store.epoch.ZKVersion + 1}
	return b.core.failover(context.Background(), b.store.epoch)
}

func sortedTPs[V any](m map[model.TopicPartition]V) []model.TopicPartition {
	return slices.SortedFunc(maps.Keys(m), model.TopicPartition.Compare)
}

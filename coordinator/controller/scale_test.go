package controller

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/sirupsen/logrus"

	"momus/coordinator/zk"
	"momus/internal/model"
)

// scaleStore is ZooKeeper for a large cluster: maps instead of a tree, and counters. It encodes
// what it is given, as that is a part of the computing.
type scaleStore struct {
	*modelStore // brokers, and the rare nodes
	assignments map[string]zk.Assignments
	states      map[model.TopicPartition]model.LeaderAndISR
	cost        storeCost
}

// storeCost is what a real ZooKeeper would have had to do.
type storeCost struct {
	reads, writes int // nodes
	transactions  int
	bytes         int // data written
}

// recordsPerTransaction is how many records the ZooKeeper client writes at a time.
const recordsPerTransaction = 100

func (c *storeCost) wrote(nodes, bytes int) {
	c.writes += nodes
	c.transactions += (nodes + recordsPerTransaction - 1) / recordsPerTransaction
	c.bytes += bytes
}

func (s *scaleStore) Topics(context.Context) ([]string, error) {
	s.cost.reads++
	return sortedKeys(s.assignments), nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (s *scaleStore) Assignment(_ context.Context, topic string) (zk.Assignments, bool, error) {
	s.cost.reads++
	a, ok := s.assignments[topic]
	return a, ok, nil
}

func (s *scaleStore) Assignments(ctx context.Context, topics []string) (map[string]zk.Assignments, error) {
	all := make(map[string]zk.Assignments, len(topics))
	for _, t := range topics {
		if a, ok, _ := s.Assignment(ctx, t); ok {
			all[t] = a
		}
	}
	return all, nil
}

func (s *scaleStore) SetTopicAsController(_ context.Context, _ zk.ControllerEpoch, topic string, a zk.Assignments) error {
	s.cost.wrote(1, len(zk.EncodeTopic(a)))
	s.assignments[topic] = a
	return nil
}

func (s *scaleStore) States(_ context.Context, tps []model.TopicPartition) (map[model.TopicPartition]model.LeaderAndISR, error) {
	s.cost.reads += len(tps)
	all := make(map[model.TopicPartition]model.LeaderAndISR, len(tps))
	for _, tp := range tps {
		if st, ok := s.states[tp]; ok {
			all[tp] = st
		}
	}
	return all, nil
}

func (s *scaleStore) CreateStates(_ context.Context, _ zk.ControllerEpoch, states []zk.PartitionState) ([]error, error) {
	bytes := 0
	for _, st := range states {
		bytes += len(zk.EncodeState(st.State))
		s.states[st.TopicPartition] = st.State
	}
	s.cost.wrote(len(states), bytes)
	return make([]error, len(states)), nil
}

func (s *scaleStore) SetStates(_ context.Context, _ zk.ControllerEpoch, states []zk.PartitionState) ([]zk.StateResult, error) {
	results := make([]zk.StateResult, len(states))
	bytes := 0
	for i, st := range states {
		bytes += len(zk.EncodeState(st.State))
		if s.states[st.TopicPartition].ZKVersion != st.State.ZKVersion {
			results[i].Err = zk.ErrBadVersion
			continue
		}
		st.State.ZKVersion++
		results[i].Version = st.State.ZKVersion
		s.states[st.TopicPartition] = st.State
	}
	s.cost.wrote(len(states), bytes)
	return results, nil
}

func (s *scaleStore) Configs(_ context.Context, _ zk.EntityType, entities []string) (map[string]map[string]string, error) {
	s.cost.reads += len(entities)
	return map[string]map[string]string{}, nil
}

func (s *scaleStore) DeleteTopicNodes(_ context.Context, _ zk.ControllerEpoch, topic string) error {
	for id := range s.assignments[topic] {
		delete(s.states, model.TopicPartition{Topic: topic, Partition: id})
	}
	s.cost.wrote(2*len(s.assignments[topic])+4, 0)
	delete(s.assignments, topic)
	delete(s.nodes, zk.DeleteTopicPath(topic))
	return nil
}

// scaleSender counts requests and keeps the last ones to each broker, to answer them.
type scaleSender struct {
	requests, entries int
	deletions         map[int32][]model.TopicPartition
}

func (s *scaleSender) AddBroker(*model.Broker)    {}
func (s *scaleSender) RemoveBroker(int32)         {}
func (s *scaleSender) UpdateBroker(*model.Broker) {}
func (s *scaleSender) Close()                     {}
func (s *scaleSender) Send(to int32, r Request) {
	s.requests++
	switch r := r.(type) {
	case *LeaderAndISR:
		s.entries += len(r.Partitions)
	case *UpdateMetadata:
		s.entries += len(r.Partitions)
	case *StopReplica:
		s.entries += len(r.Partitions)
		if r.Delete {
			s.deletions[to] = append(s.deletions[to], r.Partitions...)
		}
	}
}

// scaleCluster is a controller with many partitions, three replicas each.
type scaleCluster struct {
	store    *scaleStore
	out      *scaleSender
	core     *runner
	settings Settings
	brokers  int32
	rnd      *rand.Rand
}

func newScaleCluster(brokers int32, topics, partitions int) *scaleCluster {
	c := &scaleCluster{brokers: brokers, rnd: rand.New(rand.NewPCG(1, 2)),
		store: &scaleStore{modelStore: newModelStore(), assignments: map[string]zk.Assignments{}, states: map[model.TopicPartition]model.LeaderAndISR{}},
		out:   &scaleSender{deletions: map[int32][]model.TopicPartition{}}}
	c.settings = Settings{DeleteTopics: true, AutoRebalance: true, ImbalancePercentage: 10}
	for id := range brokers {
		c.store.register(id)
	}
	for t := range topics {
		c.topic(fmt.Sprintf("topic-%05d", t), partitions, true)
	}
	quiet := logrus.New()
	quiet.SetLevel(logrus.PanicLevel)
	c.core = newRunner(1, c.store, c.out, func() Settings { return c.settings }, logrus.NewEntry(quiet))
	return c
}

// topic adds a topic to ZooKeeper, with leaders if it is not new.
func (c *scaleCluster) topic(name string, partitions int, led bool) {
	as := zk.Assignments{}
	for p := range int32(partitions) {
		first, shift := c.rnd.Int32N(c.brokers), 1+c.rnd.Int32N(max(1, c.brokers/3))
		replicas := []int32{first, (first + shift) % c.brokers, (first + 2*shift) % c.brokers}
		as[p] = model.Assignment{Replicas: replicas}
		if led {
			c.store.states[model.TopicPartition{Topic: name, Partition: p}] = model.LeaderAndISR{Leader: first, ISR: slices.Clone(replicas)}
		}
	}
	c.store.assignments[name] = as
}

// expand is what the leaders do when their followers have caught up.
func (c *scaleCluster) expand() {
	for tp, st := range c.store.states {
		all := c.store.assignments[tp.Topic][tp.Partition].Replicas
		if st.Leader >= 0 && len(st.ISR) < len(all) {
			st.ISR = slices.Clone(all)
			st.ZKVersion++
			c.store.states[tp] = st
		}
	}
}

func (c *scaleCluster) kill(id int32) { delete(c.store.nodes, zk.BrokerPath(id)) }

// scaleStep is one line of the table.
type scaleStep struct {
	name    string
	fixed   bool                  // its work does not depend on the size of the cluster
	prepare func(c *scaleCluster) // not counted; may be nil
	run     func(ctx context.Context, c *scaleCluster) error
}

func step(ev Event) func(context.Context, *scaleCluster) error {
	return func(ctx context.Context, c *scaleCluster) error { return c.core.Step(ctx, ev) }
}

// scaleSteps are the events that a large cluster has to live through.
var scaleSteps = []scaleStep{
	{name: "controller failover", run: func(ctx context.Context, c *scaleCluster) error {
		c.store.epoch.Epoch++
		return c.core.failover(ctx, c.store.epoch)
	}},
	{name: "a broker fails", run: func(ctx context.Context, c *scaleCluster) error {
		c.kill(c.brokers - 1)
		return c.core.Step(ctx, BrokerChange{})
	}},
	{name: "it comes back", run: func(ctx context.Context, c *scaleCluster) error {
		c.store.register(c.brokers - 1)
		return c.core.Step(ctx, BrokerChange{})
	}},
	{name: "its preferred leaderships return", prepare: (*scaleCluster).expand, run: step(AutoRebalance{})},
	{name: "controlled shutdown", run: func(ctx context.Context, c *scaleCluster) (err error) {
		ev := &ControlledShutdown{Broker: 2, Epoch: -1, Reply: func(_ []model.TopicPartition, e error) { err = e }}
		if e := c.core.Step(ctx, ev); e != nil {
			return e
		}
		return err
	}},
	{name: "it has ended", run: func(ctx context.Context, c *scaleCluster) error {
		c.kill(2)
		return c.core.Step(ctx, BrokerChange{})
	}},
	{name: "ten brokers fail at once", run: func(ctx context.Context, c *scaleCluster) error {
		for id := range min(10, c.brokers/2) {
			c.kill(c.brokers - 1 - id)
		}
		return c.core.Step(ctx, BrokerChange{})
	}},
	{name: "they come back", run: func(ctx context.Context, c *scaleCluster) error {
		for id := range min(10, c.brokers/2) {
			c.store.register(c.brokers - 1 - id)
		}
		c.store.register(2)
		return c.core.Step(ctx, BrokerChange{})
	}},
	{name: "1,000 partitions are created", fixed: true, prepare: func(c *scaleCluster) { c.topic("created", 1000, false) }, run: func(ctx context.Context, c *scaleCluster) error {
		return c.core.Step(ctx, TopicChange{})
	}},
	{name: "a notification of 3,000 ISR changes", fixed: true, prepare: func(c *scaleCluster) {
		var tps []model.TopicPartition
		for tp := range c.store.states {
			if tps = append(tps, tp); len(tps) == 3000 {
				break
			}
		}
		c.store.put(zk.ISRChangesPath+"/isr_change_0000000000", zk.EncodePartitions(tps))
	}, run: step(ISRChange{})},
	{name: "a tenth of the topics is deleted", prepare: func(c *scaleCluster) {
		for i, name := range sortedKeys(c.store.assignments) {
			if i%10 == 0 {
				c.store.put(zk.DeleteTopicPath(name), nil)
			}
		}
	}, run: func(ctx context.Context, c *scaleCluster) error {
		if err := c.core.Step(ctx, TopicDeletion{}); err != nil {
			return err
		}
		for id := range c.brokers { // each broker answers
			done := map[model.TopicPartition]int16{}
			for _, tp := range c.out.deletions[id] {
				done[tp] = 0
			}
			if err := c.core.Step(ctx, &StopReplicaReply{Broker: id, Errors: done}); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "1,000 partitions are reassigned", fixed: true, run: func(ctx context.Context, c *scaleCluster) (err error) {
		var rs []zk.Reassignment
		for _, name := range sortedKeys(c.store.assignments) {
			for _, id := range c.store.assignments[name].Partitions() {
				first := c.store.assignments[name][id].Replicas[0]
				if rs = append(rs, zk.Reassignment{TopicPartition: model.TopicPartition{Topic: name, Partition: id},
					Replicas: []int32{first, (first + 1) % c.brokers, (first + 2) % c.brokers}}); len(rs) == 1000 {
					break
				}
			}
			if len(rs) == 1000 {
				break
			}
		}
		ev := &AlterReassignments{Partitions: rs, Reply: func(_ []ReassignmentResult, e error) { err = e }}
		if e := c.core.Step(ctx, ev); e != nil {
			return e
		}
		return err
	}},
	{name: "the metrics are counted", run: func(_ context.Context, c *scaleCluster) error {
		if s := c.core.stats(); s.Topics == 0 {
			return fmt.Errorf("no topics: %+v", s)
		}
		return nil
	}},
}

// run lives through one step and returns how long the controller has computed.
func (c *scaleCluster) run(ctx context.Context, s *scaleStep) (time.Duration, error) {
	if s.prepare != nil {
		s.prepare(c)
	}
	c.store.cost, *c.out = storeCost{}, scaleSender{deletions: map[int32][]model.TopicPartition{}}
	runtime.GC()
	began := time.Now()
	if err := s.run(ctx, c); err != nil {
		return 0, fmt.Errorf("%s: %w", s.name, err)
	}
	return time.Since(began), nil
}

// BenchmarkScale lets the controller live through the events of a cluster of 100 brokers with
// 200,000 partitions of three replicas and prints the table of docs/performance.md.
// MOMUS_SCALE=BROKERS,TOPICS,PARTITIONS chooses another size.
func BenchmarkScale(b *testing.B) {
	brokers, topics, partitions := 100, 2000, 100
	if s := os.Getenv("MOMUS_SCALE"); s != "" {
		if _, err := fmt.Sscanf(s, "%d,%d,%d", &brokers, &topics, &partitions); err != nil {
			b.Fatalf("MOMUS_SCALE=%s: %v", s, err)
		}
	}
	for range b.N {
		c := newScaleCluster(int32(brokers), topics, partitions)
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', tabwriter.AlignRight|tabwriter.Debug)
		fmt.Fprintln(w, "\n| event\tcomputing\tnodes read\tnodes written\ttransactions\tbytes written\trequests\tpartitions in them\t")
		for _, s := range scaleSteps {
			took, err := c.run(b.Context(), &s)
			if err != nil {
				b.Fatal(err)
			}
			fmt.Fprintf(w, "| %s\t%.3f s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", s.name, took.Seconds(), thousands(c.store.cost.reads), thousands(c.store.cost.writes),
				thousands(c.store.cost.transactions), thousands(c.store.cost.bytes), thousands(c.out.requests), thousands(c.out.entries))
			if s.name == "a broker fails" {
				b.ReportMetric(took.Seconds(), "s/failure")
			}
		}
		w.Flush()
	}
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

func brokers(racks ...string) []*model.Broker {
	bs := make([]*model.Broker, len(racks))
	for i, r := range racks {
		bs[i] = &model.Broker{ID: int32(i), Rack: r}
	}
	return bs
}

func lists(as zk.Assignments) string {
	var parts []string
	for _, id := range as.Partitions() {
		parts = append(parts, strings.ReplaceAll(strings.Trim(fmt.Sprint(as[id].Replicas), "[]"), " ", ","))
	}
	return strings.Join(parts, " ")
}

func TestReplicasArePlacedAsByKafka(t *testing.T) {
	for _, c := range []struct {
		name       string
		brokers    []*model.Broker
		partitions int32
		rf         int
		pl         Placement
		want       string
	}{
		// The example in Kafka's AdminUtils.
		{"five brokers without racks", brokers("", "", "", "", ""), 10, 3, Placement{}, "0,1,2 1,2,3 2,3,4 3,4,0 4,0,1 0,2,3 1,3,4 2,4,0 3,0,1 4,1,2"},
		{"six brokers in three racks", brokers("r1", "r3", "r3", "r2", "r2", "r1"), 7, 3, Placement{}, "0,3,1 3,1,5 1,5,4 5,4,2 4,2,0 2,0,3 0,4,2"},
		{"start and shift", brokers("", "", ""), 3, 2, Placement{Start: 2, Shift: 1}, "2,1 0,2 1,0"},
		{"further partitions", brokers("", "", ""), 2, 2, Placement{Start: 0, Shift: 0, FirstPartition: 3}, "0,2 1,0"},
		{"one broker", brokers(""), 2, 1, Placement{}, "0 0"},
		{"more replicas than racks", brokers("a", "a", "b"), 3, 3, Placement{}, "0,2,1 2,1,0 1,2,0"},
	} {
		as, err := AssignReplicas(c.brokers, c.partitions, c.rf, c.pl)
		if got := lists(as); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}
}

func TestImpossiblePlacementsAreRefusedInKafkasWords(t *testing.T) {
	for _, c := range []struct {
		brokers    []*model.Broker
		partitions int32
		rf         int
		kind       *kerr.Error
		message    string
	}{
		{brokers(""), 0, 1, kerr.InvalidPartitions, "Number of partitions must be larger than 0."},
		{brokers(""), 1, 0, kerr.InvalidReplicationFactor, "Replication factor must be larger than 0."},
		{brokers("", "", ""), 1, 4, kerr.InvalidReplicationFactor, "Replication factor: 4 larger than available brokers: 3."},
		{brokers("r", ""), 1, 1, kerr.UnknownServerError, "Not all brokers have rack information for replica rack aware assignment."},
	} {
		_, err := AssignReplicas(c.brokers, c.partitions, c.rf, Placement{})
		if kerr.Of(err) != c.kind || Message(err) != c.message {
			t.Errorf("%v, %q; want %v, %q", kerr.Of(err), Message(err), c.kind, c.message)
		}
	}
	if as, err := AssignReplicas(WithoutRacks(brokers("r", "")), 1, 2, Placement{}); err != nil || len(as[0].Replicas) != 2 {
		t.Errorf("%v, %v", as, err)
	}
}

// Recorded from a cluster of Apache Kafka 2.5.0 with brokers 1, 2, 3 in racks r1, r2, r3.
func TestPartitionsAreAddedAsRecorded(t *testing.T) {
	s := newStore()
	s.brokers = brokers("", "r1", "r2", "r3")[1:]
	s.topics["zkt"] = assignments([]int32{2, 1}, []int32{3, 2}, []int32{1, 3})
	s.topics["bst"] = assignments([]int32{2, 3, 1}, []int32{3, 1, 2})
	a := &Admin{Store: s}
	if as, err := a.AddPartitions(t.Context(), "zkt", 4, nil, false); err != nil || lists(as) != "2,1 3,2 1,3 2,3" {
		t.Errorf("%s, %v", lists(as), err)
	}
	if as, err := a.AddPartitions(t.Context(), "bst", 3, nil, false); err != nil || lists(as) != "2,3,1 3,1,2 1,3,2" {
		t.Errorf("%s, %v", lists(as), err)
	}
}

func TestRackAwarePlacementSpreadsOverRacks(t *testing.T) {
	bs := brokers("a", "b", "c", "a", "b", "c", "a", "b")
	for start := range bs {
		for shift := range bs {
			as, err := AssignReplicas(bs, 16, 3, Placement{Start: start, Shift: shift})
			if err != nil {
				t.Fatal(err)
			}
			for id, a := range as {
				racks := map[string]bool{}
				for _, b := range a.Replicas {
					racks[bs[b].Rack] = true
				}
				if len(racks) != 3 || duplicate(a.Replicas) {
					t.Fatalf("start %d shift %d partition %d: %v", start, shift, id, a.Replicas)
				}
			}
		}
	}
}

func TestTopicNames(t *testing.T) {
	for _, good := range []string{"a", "A-z_0.9", "...", strings.Repeat("x", 249), "__consumer_offsets"} {
		if err := ValidateTopicName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"":                       "Topic name is illegal, it can't be empty",
		".":                      `Topic name cannot be "." or ".."`,
		"..":                     `Topic name cannot be "." or ".."`,
		strings.Repeat("x", 250): "Topic name is illegal, it can't be longer than 249 characters, topic name: " + strings.Repeat("x", 250),
		"bad name!":              `Topic name "bad name!" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'`,
		"ö":                      `Topic name "ö" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'`,
	} {
		if err := ValidateTopicName(bad); kerr.Of(err) != kerr.InvalidTopicException || Message(err) != want {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// fakeStore keeps topics, configs and wishes in memory and notes writes.
type fakeStore struct {
	topics  map[string]zk.Assignments
	configs map[string]map[string]string
	wishes  map[string]bool
	brokers []*model.Broker
	writes  []string
}

func (s *fakeStore) Topics(context.Context) (names []string, err error) {
	for t := range s.topics {
		names = append(names, t)
	}
	slices.Sort(names)
	return names, nil
}
func (s *fakeStore) TopicExists(_ context.Context, t string) (bool, error) {
	return s.topics[t] != nil, nil
}
func (s *fakeStore) Assignment(_ context.Context, t string) (zk.Assignments, bool, error) {
	return s.topics[t], s.topics[t] != nil, nil
}
func (s *fakeStore) CreateTopic(_ context.Context, t string, as zk.Assignments) error {
	s.writes = append(s.writes, "create "+t+" "+lists(as))
	if s.topics[t] != nil {
		return zk.ErrNodeExists
	}
	s.topics[t] = as
	return nil
}
func (s *fakeStore) SetTopic(_ context.Context, t string, as zk.Assignments) error {
	s.writes = append(s.writes, "set "+t+" "+lists(as))
	s.topics[t] = as
	return nil
}
func (s *fakeStore) RequestTopicDeletion(_ context.Context, t string) error {
	if s.wishes[t] {
		return zk.ErrNodeExists
	}
	s.wishes[t] = true
	return nil
}
func (s *fakeStore) IsTopicQueuedForDeletion(_ context.Context, t string) (bool, error) {
	return s.wishes[t], nil
}
func (s *fakeStore) Brokers(context.Context) ([]*model.Broker, error) { return s.brokers, nil }
func (s *fakeStore) Config(_ context.Context, _ zk.EntityType, e string) (map[string]string, error) {
	return s.configs[e], nil
}
func (s *fakeStore) CreateConfig(ctx context.Context, t zk.EntityType, e string, o map[string]string) error {
	return s.SetConfig(ctx, t, e, o)
}

func (s *fakeStore) SetConfig(_ context.Context, t zk.EntityType, e string, o map[string]string) error {
	raw, _ := json.Marshal(o)
	s.writes = append(s.writes, fmt.Sprintf("config %s/%s %s", t, e, raw))
	s.configs[e] = o
	return nil
}
func (s *fakeStore) NotifyConfigChange(_ context.Context, ch zk.ConfigChange) error {
	s.writes = append(s.writes, fmt.Sprintf("notify %s/%s", ch.Type, ch.Entity))
	return nil
}

func newStore() *fakeStore {
	return &fakeStore{topics: map[string]zk.Assignments{}, configs: map[string]map[string]string{}, wishes: map[string]bool{}, brokers: brokers("", "", "", "")[1:]}
}

func assignments(lists ...[]int32) zk.Assignments {
	as := zk.Assignments{}
	for i, l := range lists {
		as[int32(i)] = model.Assignment{Replicas: l}
	}
	return as
}

func TestTopicsAreWrittenConfigFirstWithoutNotification(t *testing.T) {
	s := newStore()
	a := &Admin{Store: s}
	err := a.CreateTopic(t.Context(), &NewTopic{Name: "t", Assignments: assignments([]int32{2, 1}), Overrides: map[string]string{"retention.ms": "1"}})
	if want := []string{`config topics/t {"retention.ms":"1"}`, "create t 2,1"}; err != nil || !slices.Equal(s.writes, want) {
		t.Fatalf("%q, %v; want %q", s.writes, err, want)
	}
	if err := a.DeleteTopic(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	if err := a.DeleteTopic(t.Context(), "t"); err != nil {
		t.Fatalf("a second wish is no error: %v", err)
	}
	s.writes = nil
	if err := a.SetTopicConfig(t.Context(), "t", map[string]string{"retention.ms": "2"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{`config topics/t {"retention.ms":"2"}`, "notify topics/t"}; !slices.Equal(s.writes, want) {
		t.Fatalf("%q; want %q", s.writes, want)
	}
}

func TestNewTopicsAreRefusedInKafkasWords(t *testing.T) {
	s := newStore()
	s.topics["under_score"] = assignments([]int32{1})
	a := &Admin{Store: s}
	one := assignments([]int32{1})
	for _, c := range []struct {
		topic   NewTopic
		kind    *kerr.Error
		message string
	}{
		{NewTopic{"under_score", one, nil}, kerr.TopicAlreadyExists, "Topic 'under_score' already exists."},
		{NewTopic{"under.score", one, nil}, kerr.InvalidTopicException, "Topic 'under.score' collides with existing topics: under_score"},
		{NewTopic{"a", assignments([]int32{1}, []int32{1, 2}), nil}, kerr.InvalidReplicaAssignment, "All partitions should have the same number of replicas"},
		{NewTopic{"a", assignments([]int32{1, 1}), nil}, kerr.InvalidReplicaAssignment, "Duplicate replica assignment found: Map(0 -> ArrayBuffer(1, 1))"},
		{NewTopic{"a", zk.Assignments{1: {Replicas: []int32{1}}}, nil}, kerr.InvalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence"},
		{NewTopic{"a", one, map[string]string{"no.such.config": "1"}}, kerr.InvalidConfig, "Unknown topic config name: no.such.config"},
		{NewTopic{"a", one, map[string]string{"retention.ms": "abc"}}, kerr.InvalidConfig, "Invalid value abc for configuration retention.ms: Not a number of type LONG"},
	} {
		err := a.CreateTopic(t.Context(), &c.topic)
		if kerr.Of(err) != c.kind || Message(err) != c.message {
			t.Errorf("%s: %v, %q; want %v, %q", c.topic.Name, kerr.Of(err), Message(err), c.kind, c.message)
		}
	}
	if len(s.writes) > 0 {
		t.Errorf("wrote %q", s.writes)
	}
}

func TestPartitionsAreAddedBehindTheFirstReplica(t *testing.T) {
	s := newStore()
	s.topics["t"] = assignments([]int32{2, 1}, []int32{3, 2})
	a := &Admin{Store: s}
	// Brokers 1, 2, 3; partition 0 begins at index 1.
	as, err := a.AddPartitions(t.Context(), "t", 4, nil, false)
	if err != nil || lists(as) != "2,1 3,2 1,3 2,3" {
		t.Fatalf("%s, %v", lists(as), err)
	}
	for _, c := range []struct {
		topic   string
		count   int32
		given   [][]int32
		kind    *kerr.Error
		message string
	}{
		{"t", 3, nil, kerr.InvalidPartitions, "Topic currently has 4 partitions, which is higher than the requested 3."},
		{"t", 4, nil, kerr.InvalidPartitions, "Topic already has 4 partitions."},
		{"u", 4, nil, kerr.UnknownTopicOrPartition, "The topic 'u' does not exist."},
		{"t", 5, [][]int32{{9, 1}}, kerr.InvalidReplicaAssignment, "Unknown broker(s) in replica assignment: 9."},
		{"t", 6, [][]int32{{2, 1}}, kerr.InvalidReplicaAssignment, "Increasing the number of partitions by 2 but 1 assignments provided."},
		{"t", 5, [][]int32{{1, 1}}, kerr.InvalidReplicaAssignment, "Duplicate brokers not allowed in replica assignment: 1, 1 for partition id 4."},
		{"t", 5, [][]int32{{1}}, kerr.InvalidReplicaAssignment, "Inconsistent replication factor between partitions, partition 0 has 2 while partitions [4] have replication factors [1], respectively."},
	} {
		_, err := a.AddPartitions(t.Context(), c.topic, c.count, c.given, false)
		if kerr.Of(err) != c.kind || Message(err) != c.message {
			t.Errorf("%+v: %q", c, Message(err))
		}
	}
	if as, err := a.AddPartitions(t.Context(), "t", 5, [][]int32{{3, 1}}, true); err != nil || lists(as) != "2,1 3,2 1,3 2,3 3,1" || len(s.topics["t"]) != 4 {
		t.Errorf("%s, %v", lists(as), err)
	}
	s.topics["t"][0] = model.Assignment{Replicas: []int32{2, 1}, Adding: []int32{2}}
	if _, err := a.AddPartitions(t.Context(), "t", 9, nil, false); !errors.Is(err, kerr.ReassignmentInProgress) {
		t.Errorf("%v", err)
	}
}

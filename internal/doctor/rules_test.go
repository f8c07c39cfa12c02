package doctor

import (
	"strings"
	"testing"
	"time"

	"momus/internal/model"
)

// three is a healthy cluster of three brokers with a topic.
func three() *Snapshot {
	s := &Snapshot{Time: time.Unix(1_600_000_000, 0), Window: 5 * time.Second, Controller: 1, Missing: map[Part]string{}, Asked: Asked{Servers: "a:9092"}, ClusterID: "x"}
	for id := int32(1); id <= 3; id++ {
		s.Brokers = append(s.Brokers, &Broker{ID: id, InMetadata: true, Host: "kafka" + string('0'+id), Port: 9092, Answers: true, Major: 2, Minor: 5, Version: "2.5", Config: Config{},
			Dirs: []Dir{{Path: "/a", Replicas: map[model.TopicPartition]Replica{}, Total: -1, Usable: -1}}})
	}
	t := &Topic{Name: "orders", Config: Config{}}
	for id := range int32(3) {
		replicas := []int32{id + 1, (id+1)%3 + 1, (id+2)%3 + 1}
		t.Partitions = append(t.Partitions, &Partition{ID: id, Leader: id + 1, Replicas: replicas, ISR: replicas, Start: 0, End: 10, Stable: 10, LaterEnd: 10, LaterStable: 10})
	}
	s.Topics = []*Topic{t}
	return s
}

// What cannot be made in a process is shown to the rules as it would be seen.
func TestRulesOnSnapshots(t *testing.T) {
	for _, x := range snapshots() {
		x.test(t)
	}
}

// seen is a change of a healthy snapshot and what is found then; name "" for nothing.
type seen struct {
	name     string
	severity Severity
	evidence string
	change   func(s *Snapshot)
}

func snapshots() []seen {
	orders := model.TopicPartition{Topic: "orders", Partition: 0}
	return []seen{
		{"", 0, "", func(*Snapshot) {}},
		{"logdir.full", Warning, "broker 2: /a is 90% full, 10.0 GiB of 100.0 GiB left; the largest are orders (5.0 MiB)", func(s *Snapshot) {
			d := &s.Brokers[1].Dirs[0]
			d.Total, d.Usable = 100<<30, 10<<30
			d.Replicas[orders] = Replica{Size: 5 << 20}
		}},
		{"logdir.full", Critical, "98% full", func(s *Snapshot) { d := &s.Brokers[1].Dirs[0]; d.Total, d.Usable = 100<<30, 2<<30 }},
		{"", 0, "", func(s *Snapshot) { d := &s.Brokers[1].Dirs[0]; d.Total, d.Usable = 100<<30, 50<<30 }},
		{"logdir.uneven", Advice, "broker 1: /b has 20.0 GiB, 10.5 GiB on average", func(s *Snapshot) {
			b := s.Brokers[0]
			b.Dirs[0].Replicas[orders] = Replica{Size: 1 << 30}
			b.Dirs = append(b.Dirs, Dir{Path: "/b", Replicas: map[model.TopicPartition]Replica{{Topic: "orders", Partition: 1}: {Size: 20 << 30}}, Total: -1, Usable: -1})
			for _, b := range s.Brokers[1:] {
				b.Dirs[0].Replicas[orders] = Replica{Size: 20 << 30}
			}
		}},
		// Kept for ever, as far as Kafka can say it.
		{"", 0, "", func(s *Snapshot) {
			for _, b := range s.Brokers {
				b.Config = Config{"offsets.retention.minutes": {Value: "2147483647"}}
			}
			s.Topics[0].Config = Config{"cleanup.policy": {Value: "delete"}, "retention.ms": {Value: "2000000000000"}, "retention.bytes": {Value: "-1"}}
			s.Groups = []*Group{{Name: "g", State: "Empty", LaterState: "Empty", Offsets: []Offset{{Partition: orders, Committed: 9, LaterCommitted: 9, Unread: s.Time.Add(-time.Hour)}},
				Commits: &Commits{Since: s.Time.Add(-time.Hour)}}}
		}},
		{"skew.bytes", Advice, "broker 3: 50.0 GiB", func(s *Snapshot) { s.Brokers[2].Dirs[0].Replicas[orders] = Replica{Size: 50 << 30} }},
		{"broker.versions-mixed", Warning, "2.4: broker 3", func(s *Snapshot) { s.Brokers[2].Version, s.Brokers[2].Minor = "2.4", 4 }},
		{"", 0, "", func(s *Snapshot) { s.Brokers[2].Momus = true }},
		{"broker.address-loopback", Warning, "broker 1 announces localhost:9092", func(s *Snapshot) {
			s.Brokers = s.Brokers[:1]
			s.Brokers[0].Host = "localhost"
			s.Topics = nil
		}},
		{"", 0, "", func(s *Snapshot) {
			s.Brokers = s.Brokers[:1]
			s.Brokers[0].Host = "localhost"
			s.Topics = nil
			s.Asked.Servers = "127.0.0.1:9092"
		}},
		{"config.differs", Critical, "offsets.topic.num.partitions", func(s *Snapshot) {
			s.Brokers[0].Config["offsets.topic.num.partitions"] = Setting{Value: "50"}
			s.Brokers[1].Config["offsets.topic.num.partitions"] = Setting{Value: "10"}
		}},
		{"config.unclean-election", Warning, "on broker 1", func(s *Snapshot) { s.Brokers[0].Config["unclean.leader.election.enable"] = Setting{Value: "true"} }},
		{"zookeeper.connect-differs", Critical, "broker 2: a,b/kafka", func(s *Snapshot) {
			s.Brokers[0].Config["zookeeper.connect"] = Setting{Value: "b,a"}
			s.Brokers[1].Config["zookeeper.connect"] = Setting{Value: "b,a/kafka"}
		}},
		{"", 0, "", func(s *Snapshot) { // the same servers in another order
			s.Brokers[0].Config["zookeeper.connect"] = Setting{Value: "b,a"}
			s.Brokers[1].Config["zookeeper.connect"] = Setting{Value: "a, b"}
		}},
		{"reassignment.stuck", Warning, "moves to broker 3, which is as far behind", func(s *Snapshot) {
			p := s.Topics[0].Partitions[0]
			p.Replicas, p.ISR, p.Adding = []int32{1, 2, 3}, []int32{1, 2}, []int32{3}
			s.Brokers[2].Dirs[0].Replicas[orders] = Replica{Lag: 100, LaterLag: 100}
		}},
		{"", 0, "", func(s *Snapshot) { // it gets on
			p := s.Topics[0].Partitions[0]
			p.Replicas, p.ISR, p.Adding = []int32{1, 2, 3}, []int32{1, 2}, []int32{3}
			s.Brokers[2].Dirs[0].Replicas[orders] = Replica{Lag: 100, LaterLag: 50}
		}},
		{"group.rebalances", Warning, "PreparingRebalance after 5.0 s", func(s *Snapshot) {
			s.Groups = []*Group{{Name: "g", State: "PreparingRebalance", LaterState: "PreparingRebalance"}}
		}},
		{"", 0, "", func(s *Snapshot) {
			s.Groups = []*Group{{Name: "g", State: "PreparingRebalance", LaterState: "Stable"}}
		}},
		{"compaction.never-ran", Warning, "3 of the first 10 records have no key", func(s *Snapshot) {
			s.Topics[0].Config["cleanup.policy"], s.Topics[0].Config["segment.bytes"] = Setting{Value: "compact"}, Setting{Value: "1000"}
			s.Topics[0].Partitions[0].Head = &Head{Records: 10, Without: 3}
		}},
		{"quota.bites", Warning, "the doctor itself was throttled", func(s *Snapshot) { s.Throttled = time.Second }},
		{"topic.deletion-stuck", Warning, "delete.topic.enable=false", func(s *Snapshot) {
			s.ZooKeeper = &ZooKeeper{Controller: 1, ClusterID: "x", Deletions: map[string]time.Time{"orders": s.Time}, Topics: map[string]map[int32][]int32{"orders": {0: {1}}}}
			for _, b := range s.Brokers {
				b.Registered = &Registration{Created: s.Time}
			}
			s.Brokers[0].Config["delete.topic.enable"] = Setting{Value: "false"}
		}},
	}
}

func (x *seen) test(t *testing.T) {
	t.Run(x.name+" "+x.evidence, func(t *testing.T) {
		s := three()
		x.change(s)
		found := false
		for _, f := range Examine(s).Findings {
			if f.Name == x.name {
				found = true
				if f.Severity != x.severity || !strings.Contains(strings.Join(f.Evidence, "\n"), x.evidence) {
					t.Errorf("%+v", f)
				}
			} else if f.Name != "config.delete-off" || x.name != "topic.deletion-stuck" {
				t.Errorf("%+v", f)
			}
		}
		if !found && x.name != "" {
			t.Errorf("%+v", Examine(s))
		}
	})
}

func TestPartitionsAreCountedAndNotTheirCauses(t *testing.T) {
	s := three()
	s.Topics[0].Config["min.insync.replicas"] = Setting{Value: "3"}
	s.Topics[0].Partitions[0].ISR = []int32{1, 2}
	s.Topics[0].Partitions[1].ISR = []int32{2, 1}
	f := underMinISR(s)
	if len(f) != 1 || f[0].Summary != "2 of 3 partitions have fewer in-sync replicas than min.insync.replicas." || f[0].Evidence[0] != "out of sync in all of them: broker 3" {
		t.Errorf("%+v", f)
	}
}

// What is proposed for many partitions does not make one broker carry them all.
func TestReplicasThatLeaveARackAreSpread(t *testing.T) {
	s := three()
	s.Brokers = append(s.Brokers, &Broker{ID: 4, InMetadata: true, Answers: true})
	for i, b := range s.Brokers {
		b.Rack = []string{"a", "a", "b", "b"}[i]
	}
	s.Topics[0].Partitions = nil
	for id := range int32(5) {
		s.Topics[0].Partitions = append(s.Topics[0].Partitions, &Partition{ID: id, Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1, 2}})
	}
	s.Topics[0].Partitions[4].Replicas = []int32{3, 1} // which has both racks
	f := rackOne(s)
	if len(f) != 1 || len(f[0].Evidence) != 4 {
		t.Fatalf("%+v", f)
	}
	// Broker 3 has one replica already.
	for _, want := range []string{`"partition":0,"replicas":[1,4]`, `"partition":1,"replicas":[1,3]`, `"partition":2,"replicas":[1,4]`, `"partition":3,"replicas":[1,3]`} {
		if !strings.Contains(strings.Join(f[0].Commands, "\n"), want) {
			t.Errorf("%s is not in %q", want, f[0].Commands)
		}
	}
}

// Partitions that are offline wait for a replica that was in sync, and not for any that is dead.
func TestOfflinePartitionsWaitForWhoWasInSync(t *testing.T) {
	s := three()
	s.Brokers = s.Brokers[:1] // 2 and 3 are dead
	for i, p := range s.Topics[0].Partitions {
		p.Leader, p.ISR = -1, [][]int32{{2}, {2, 3}, {2}}[i]
	}
	f := offline(s)
	if len(f) != 1 || f[0].Evidence[0] != "missing in all of them: broker 2" || !strings.Contains(f[0].Cure, "this broker comes back") {
		t.Errorf("%+v", f)
	}
	for _, p := range s.Topics[0].Partitions {
		p.ISR = []int32{2, 3}
	}
	if f := offline(s); f[0].Evidence[0] != "missing in all of them: brokers 2, 3" || !strings.Contains(f[0].Cure, "one of these brokers comes back") {
		t.Errorf("%+v", f)
	}
	s.Topics[0].Partitions[0].ISR = []int32{3}
	s.Topics[0].Partitions[1].ISR = []int32{2}
	if f := offline(s); strings.Contains(f[0].Evidence[0], "missing") || strings.Contains(f[0].Cure, "It is enough") {
		t.Errorf("%+v", f)
	}
}

func TestCommandsAreQuoted(t *testing.T) {
	s := &Snapshot{Asked: Asked{Servers: "a:9092,b:9092", CommandConfig: "my client.properties", ZooKeeper: "z1:2181,z2:2181/kafka"}}
	for want, got := range map[string]string{
		`momus kafka-topics --bootstrap-server a:9092,b:9092 --command-config 'my client.properties' --describe`:                       s.command("kafka-topics", "--describe"),
		`momus kafka-leader-election --bootstrap-server a:9092,b:9092 --admin.config 'my client.properties' --election-type preferred`: s.commandWith("--admin.config", "kafka-leader-election", "--election-type", "preferred"),
		`momus zookeeper-shell z1:2181,z2:2181 delete /kafka/controller`:                                                               s.shell("delete", "/controller"),
		`echo '{"version":1,"partitions":[{"topic":"it'\''s","partition":0,"replicas":[1,2]}]}' >f.json`:                               s.reassign("f.json", []move{{model.TopicPartition{Topic: "it's"}, []int32{1, 2}}})[0],
		`momus kafka-reassign-partitions --zookeeper z1:2181,z2:2181/kafka --reassignment-json-file f.json --execute`:                  s.reassign("f.json", []move{{model.TopicPartition{Topic: "it's"}, []int32{1, 2}}})[1],
	} {
		if got != want {
			t.Errorf("%s\nnot %s", got, want)
		}
	}
}

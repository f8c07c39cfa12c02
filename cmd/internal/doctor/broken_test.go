package doctor_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
	rules "momus/internal/doctor"
	"momus/momustest"
	"momus/storage/vfs"
)

// broken is a cluster that something is wrong with.
type broken struct {
	name     string // the finding that is expected
	severity rules.Severity
	evidence string // words of it
	brokers  int    // equal brokers, with these settings; 0: what each has of its own
	settings map[string]string
	each     []map[string]string
	do       func(l *lab) // breaks it
	cured    bool         // its commands cure it, without anybody's help
	also     []string     // what else is wrong then; nothing but these and what follows from a missing broker may be found
}

var (
	critical = rules.Critical
	warning  = rules.Warning
	advice   = rules.Advice
)

// ahead lets the doctor look as if so much time had gone by.
func ahead(d time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(d) } }

// kill ends a broker and waits until the others know.
func (l *lab) kill(id int) {
	l.t.Helper()
	l.cluster.Kill(id)
	var left []string
	for i, a := range l.cluster.Bootstrap() {
		if i+1 != id {
			left = append(left, a)
		}
	}
	l.bootstrap = strings.Join(left, ",")
	l.eventually("the others do not notice", func() error {
		for _, a := range left {
			m, err := l.seenBy(a)
			if err != nil {
				return err
			}
			if len(m.Brokers) != len(left) {
				return fmt.Errorf("%d brokers", len(m.Brokers))
			}
		}
		return nil
	})
}

// seenBy is the cluster as the broker at an address knows it.
func (l *lab) seenBy(address string) (kadm.Metadata, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return kadm.Metadata{}, err
	}
	defer cl.Close()
	return kadm.NewClient(cl).BrokerMetadata(l.ctx())
}

// assign creates a topic with certain replicas.
func (l *lab) assign(name string, replicas ...[]int32) {
	l.t.Helper()
	resp, err := testkit.AssignedTopic(name, replicas...).RequestWith(l.ctx(), l.client)
	l.must(err)
	l.must(kerr.ErrorForCode(resp.Topics[0].ErrorCode))
	l.known(name)
}

// known waits until a topic has leaders.
func (l *lab) known(name string) {
	l.t.Helper()
	l.eventually(name+" is not there", func() error {
		m, err := l.admin.Metadata(l.ctx(), name)
		if err == nil {
			err = m.Topics.Error()
		}
		return err
	})
}

// usurp puts a broker that is not there into the controller's place, so that nobody controls.
func (l *lab) usurp() {
	l.t.Helper()
	conn := l.znodes()
	l.eventually("taking the controller's place", func() error {
		if err := conn.Delete("/controller", -1); err != nil {
			return err
		}
		_, err := conn.Create("/controller", []byte(`{"version":1,"brokerid":99,"timestamp":"1"}`), 0, openACL)
		return err
	})
	l.eventually("the brokers do not follow", func() error {
		for _, a := range strings.Split(l.bootstrap, ",") {
			if _, err := l.seenBy(a); err != nil {
				return err
			}
		}
		return nil
	})
}

// member joins a group and waits until it has what it gets.
func (l *lab) member(group, topic string) *kgo.Client {
	l.t.Helper()
	joined := make(chan struct{}, 100)
	cl := l.connect(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { joined <- struct{}{} }))
	select {
	case <-joined:
	case <-l.ctx().Done():
		l.t.Fatal("the member does not get into the group")
	}
	return cl
}

// fakeMetrics serves a page of metrics.
func fakeMetrics(t *testing.T, page string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, page) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

var brokenClusters = []broken{
	// Brokers.
	{name: "broker.missing", severity: critical, evidence: "broker 2:", brokers: 3,
		do:   func(l *lab) { l.topic("orders", 2, 3); l.kill(2) },
		also: []string{"broker.missing", "partition.under-replicated"}},
	{name: "controller.none", severity: critical, evidence: "controller", brokers: 1, do: func(l *lab) { l.usurp() }},
	{name: "broker.not-registered", severity: critical, evidence: "/brokers/ids/2", brokers: 2,
		do: func(l *lab) { l.usurp(); l.must(l.znodes().Delete("/brokers/ids/2", -1)) }, also: []string{"controller.none"}},
	{name: "broker.not-in-metadata", severity: critical, evidence: "broker 7", brokers: 1,
		do: func(l *lab) {
			l.usurp()
			l.create("/brokers/ids/7", registrationOf("127.0.0.1", 1, time.Now().UnixMilli()))
			l.options.Now = ahead(time.Hour)
		}, also: []string{"controller.none"}},
	{name: "broker.address-twice", severity: critical, evidence: "brokers 1, 7", brokers: 1,
		do: func(l *lab) {
			_, port, _ := net.SplitHostPort(l.bootstrap)
			n, _ := strconv.Atoi(port)
			l.create("/brokers/ids/7", registrationOf("127.0.0.1", n, time.Now().UnixMilli()))
		}, also: []string{"broker.impostor"}},
	{name: "broker.address-loopback", severity: warning, evidence: "127.0.0.1", brokers: 1,
		do: func(l *lab) {
			l.create("/brokers/ids/7", registrationOf("kafka-7.invalid", 9092, time.Now().UnixMilli()))
		},
		also: []string{"broker.unreachable"}},
	{name: "broker.clock", severity: warning, evidence: "2 hours behind", brokers: 1,
		do: func(l *lab) {
			l.usurp()
			l.create("/brokers/ids/7", registrationOf("127.0.0.1", 1, time.Now().Add(-2*time.Hour-time.Minute).UnixMilli()))
		}, also: []string{"controller.none"}},
	{name: "broker.views-differ", severity: critical, brokers: 3, evidence: "it does not know later-0",
		do: func(l *lab) {
			m, err := l.admin.BrokerMetadata(l.ctx())
			l.must(err)
			for id := 1; id <= 3; id++ {
				if id != int(m.Controller) {
					l.cluster.Partition(int(m.Controller), id)
				}
			}
			c := l.cluster.Addr(int(m.Controller))
			cl, err := kgo.NewClient(kgo.SeedBrokers(c))
			l.must(err)
			defer cl.Close()
			r, err := kadm.NewClient(cl).CreateTopic(l.ctx(), 1, 3, nil, "later")
			l.must(err)
			if r.Err != nil && r.Err != kerr.RequestTimedOut {
				l.t.Fatal(r.Err)
			}
			l.options.Wait = time.Second
		}},
	{name: "broker.unreachable", severity: critical, evidence: "broker 2 announces 127.0.0.1:1: nothing listens there", do: func(*lab) {},
		each: []map[string]string{{}, {"advertised.listeners": "PLAINTEXT://127.0.0.1:1"}}},
	{name: "broker.unreachable", severity: critical, evidence: "no host of that name", do: func(*lab) {},
		each: []map[string]string{{}, {"advertised.listeners": "PLAINTEXT://kafka.invalid:9092"}}, also: []string{"broker.address-loopback"}},
	{name: "broker.impostor", severity: critical, evidence: "where broker 1 answers", do: func(*lab) {}, each: []map[string]string{{}, {"answers": "1"}}},
	// Partitions and replicas.
	{name: "partition.offline", severity: critical, evidence: "orders-0", brokers: 3,
		do: func(l *lab) { l.assign("orders", []int32{2}); l.kill(2) }, also: []string{"broker.missing", "replication.single", "replication.min-isr-full"}},
	{name: "partition.under-min-isr", severity: critical, evidence: "broker 3", brokers: 3,
		do: func(l *lab) {
			l.topic("orders", 2, 3, "min.insync.replicas=3")
			l.kill(3)
		}, also: []string{"partition.under-replicated", "broker.missing", "replication.min-isr-full"}},
	{name: "partition.under-replicated", severity: warning, evidence: "broker 3 is out of sync in 2 of the 2; it is not in the cluster", brokers: 3,
		do: func(l *lab) { l.topic("orders", 2, 3); l.kill(3) }, also: []string{"broker.missing"}},
	{name: "leader.not-preferred", severity: warning, evidence: "preferred is 2", brokers: 3, settings: map[string]string{"auto.leader.rebalance.enable": "false"},
		do: func(l *lab) {
			l.assign("orders", []int32{2, 1, 3})
			l.cluster.Restart(2)
			l.cluster.WaitISR("orders", 0, 1, 2, 3)
		}, cured: true},
	{name: "replication.single", severity: warning, evidence: "orders: 2 of 2", brokers: 3,
		do: func(l *lab) { l.topic("orders", 2, 1, "min.insync.replicas=1") }, cured: true},
	{name: "replication.min-isr-full", severity: warning, evidence: "2 replicas, min.insync.replicas 2", brokers: 3,
		do: func(l *lab) { l.topic("orders", 1, 2) }, cured: true},
	{name: "replication.min-isr-full", severity: critical, evidence: "never succeed", brokers: 3,
		do: func(l *lab) { l.topic("orders", 1, 2, "min.insync.replicas=3") }, cured: true},
	{name: "replication.min-isr-one", severity: advice, evidence: "orders", brokers: 3,
		do: func(l *lab) { l.topic("orders", 1, 3, "min.insync.replicas=1") }, cured: true},
	{name: "internal.replication", severity: warning, evidence: "__consumer_offsets: 5 of 5", brokers: 3, settings: map[string]string{"offsets.topic.replication.factor": "1", "min.insync.replicas": "1"},
		do: func(l *lab) {
			l.topic("orders", 1, 3, "min.insync.replicas=2")
			l.commit("readers", "orders", 0)
		}, cured: true},
	{name: "internal.not-creatable", severity: critical, evidence: "offsets.topic.replication.factor is 3, there is 1 broker", brokers: 1, settings: map[string]string{"offsets.topic.replication.factor": "3"},
		do: func(*lab) {}},
	{name: "skew.leaders", severity: advice, evidence: "broker 1: leads 40", brokers: 3,
		do: func(l *lab) { l.assign("orders", repeat(40, []int32{1, 2, 3})...) }},
	{name: "skew.partitions", severity: advice, evidence: "broker 3: 5 replicas", brokers: 3, settings: map[string]string{"min.insync.replicas": "1"},
		do: func(l *lab) {
			l.assign("orders", append(append(repeat(30, []int32{1}), repeat(5, []int32{2})...), repeat(5, []int32{3})...)...)
		}, also: []string{"skew.leaders", "replication.single"}},
	{name: "rack.partial", severity: warning, evidence: "without: 2", each: []map[string]string{{"broker.rack": "a"}, {}}, do: func(*lab) {}},
	{name: "rack.one", severity: warning, evidence: "all in rack a", each: []map[string]string{{"broker.rack": "a"}, {"broker.rack": "a"}, {"broker.rack": "b"}},
		do: func(l *lab) { l.assign("orders", []int32{1, 2}) }, cured: true},
	// Groups.
	{name: "group.records-lost", severity: critical, evidence: "50 records in 1 partition were deleted", brokers: 1,
		do: func(l *lab) {
			l.topic("orders", 1, 1)
			l.write("orders", values(100)...)
			l.commit("readers", "orders", 0)
			o := kadm.Offsets{}
			o.AddOffset("orders", 0, 50, -1)
			_, err := l.admin.DeleteRecords(l.ctx(), o)
			l.must(err)
		}},
	{name: "group.records-lost", severity: critical, evidence: "behind the end of the log", brokers: 1,
		do: func(l *lab) {
			l.topic("orders", 1, 1)
			l.commit("readers", "orders", 500)
		}},
	{name: "group.about-to-lose", severity: warning, evidence: "retention.ms is 60 minutes", brokers: 1,
		do: func(l *lab) {
			l.topic("orders", 1, 1, "retention.ms=3600000")
			l.write("orders", &kgo.Record{Value: []byte("old"), Timestamp: time.Now().Add(-50 * time.Minute)})
			l.commit("readers", "orders", 0)
		}, cured: true},
	{name: "group.lag-grows", severity: warning, evidence: "it has no members", brokers: 1,
		do: func(l *lab) {
			l.topic("orders", 1, 1)
			l.write("orders", values(2000)...)
			l.commit("readers", "orders", 0)
			stop := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
						l.client.ProduceSync(context.Background(), &kgo.Record{Topic: "orders", Value: []byte("more")})
					}
				}
			})
			l.t.Cleanup(func() { close(stop); wg.Wait() })
			l.options.Wait = time.Second
		}},
	{name: "group.rebalances", severity: warning, evidence: "readers: 5 generations", brokers: 1,
		do: func(l *lab) {
			l.topic("orders", 4, 1)
			l.member("readers", "orders")
			for range 4 {
				l.member("readers", "orders").Close()
			}
		}},
	{name: "group.offsets-expire", severity: warning, evidence: "readers: no members", brokers: 1,
		do: func(l *lab) {
			l.topic("orders", 1, 1)
			l.write("orders", values(1)...)
			l.commit("readers", "orders", 1)
			l.options.Now = ahead(6 * 24 * time.Hour)
		}},
	{name: "group.commits-too-often", severity: advice, evidence: "readers", brokers: 1,
		do: func(l *lab) {
			l.topic("orders", 1, 1)
			l.write("orders", values(100)...)
			for i := range 100 {
				l.commit("readers", "orders", int64(i+1))
			}
		}},
	{name: "group.idle-members", severity: advice, evidence: "1 of 2 members", brokers: 1,
		do: func(l *lab) {
			l.topic("orders", 1, 1)
			l.member("readers", "orders")
			second := l.connect(kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("orders"))
			_ = second
			l.eventually("two members", func() error {
				g, err := l.admin.DescribeGroups(l.ctx(), "readers")
				if err != nil {
					return err
				}
				if len(g["readers"].Members) != 2 || g["readers"].State != "Stable" {
					return fmt.Errorf("%+v", g["readers"])
				}
				return nil
			})
		}},
	// Transactions.
	{name: "transaction.hangs", severity: critical, evidence: "orders-0: open since", brokers: 1,
		do: func(l *lab) { l.openTransaction(time.Now().Add(-time.Hour)) }},
	{name: "transaction.open-too-long", severity: warning, evidence: "payments: open since", brokers: 1,
		do: func(l *lab) {
			l.openTransaction(time.Now().Add(time.Hour))
			l.options.Now = ahead(10 * time.Minute)
		}},
	// Storage.
	{name: "retention.future-timestamps", severity: warning, evidence: "the record at offset 1 is from 2100", brokers: 1,
		do: func(l *lab) {
			l.topic("orders", 1, 1)
			l.write("orders", &kgo.Record{Value: []byte("now")})
			l.write("orders", &kgo.Record{Value: []byte("wrong"), Timestamp: time.UnixMilli(4_102_444_800_000)})
		}},
	{name: "retention.never-deletes", severity: warning, evidence: "retention.ms is 7 days", brokers: 1,
		do: func(l *lab) {
			l.topic("orders", 1, 1)
			l.write("orders", &kgo.Record{Value: []byte("old"), Timestamp: time.Now().Add(-60 * 24 * time.Hour)})
		}},
	{name: "compaction.off", severity: warning, evidence: "compacted: prices", brokers: 1, settings: map[string]string{"log.cleaner.enable": "false"},
		do: func(l *lab) { l.topic("prices", 1, 1, "cleanup.policy=compact") }},
	{name: "compaction.never-ran", severity: warning, evidence: "have keys that come again (such as \"EUR\")", brokers: 1, settings: map[string]string{"log.cleaner.enable": "false"},
		do: func(l *lab) {
			l.topic("prices", 1, 1, "cleanup.policy=compact", "segment.bytes=1000")
			for i := range 40 {
				l.write("prices", &kgo.Record{Key: []byte("EUR"), Value: fmt.Appendf(nil, "%0100d", i), Timestamp: time.Now().Add(-2 * time.Hour)})
			}
		}, also: []string{"compaction.off"}},
	{name: "compaction.uncleanable", severity: warning, evidence: "3 partitions in /data", do: func(*lab) {},
		each: []map[string]string{{"metrics": "# TYPE kafka_log_logcleanermanager_uncleanable_partitions_count gauge\nkafka_log_logcleanermanager_uncleanable_partitions_count{logDirectory=\"/data\"} 3\n"}}},
	{name: "logdir.orphans", severity: warning, evidence: "broker 2: orders-0", brokers: 3, settings: map[string]string{"min.insync.replicas": "1"},
		do: func(l *lab) {
			l.assign("orders", []int32{1, 2})
			l.write("orders", values(10)...)
			l.kill(2)
			l.reassign("orders", 0, 1, 3)
			l.eventually("the reassignment", func() error {
				var one kadm.TopicsSet // none is asked for nothing
				one.Add("orders", 0)
				r, err := l.admin.ListPartitionReassignments(l.ctx(), one)
				if err == nil && len(r) > 0 {
					err = fmt.Errorf("%+v", r)
				}
				return err
			})
			l.cluster.Restart(2)
			l.bootstrap = strings.Join(l.cluster.Bootstrap(), ",")
		}},
	{name: "logdir.offline", severity: critical, evidence: "broker 1: /a", each: []map[string]string{{"log.dirs": "/a,/b"}},
		do: func(l *lab) {
			l.assign("orders", []int32{1})
			l.files[0].Inject(vfs.Rule{Base: "00000000000000000000.log", Times: 1, Err: syscall.EIO})
			ctx, cancel := context.WithTimeout(l.ctx(), time.Second)
			defer cancel()
			l.client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("lost")})
		}, also: []string{"partition.offline"}},
	{name: "logdir.move-stuck", severity: warning, evidence: "orders-0 into", each: []map[string]string{{"log.dirs": "/a,/b"}},
		do: func(l *lab) {
			l.alter(kmsg.ConfigResourceTypeBroker, "1", "replica.alter.log.dirs.io.max.bytes.per.second", "1")
			l.assign("orders", []int32{1})
			for range 3 {
				l.write("orders", &kgo.Record{Value: make([]byte, 800_000)})
			}
			for _, dir := range []string{"/a", "/b"} {
				req := kadm.AlterReplicaLogDirsReq{}
				req.Add(dir, kadm.TopicsSet{"orders": {0: {}}})
				_, err := l.admin.AlterAllReplicaLogDirs(l.ctx(), req)
				l.must(err)
			}
		}},
	// Operations.
	{name: "throttle.forgotten", severity: warning, evidence: "leader.replication.throttled.rate=1000", brokers: 3,
		do: func(l *lab) {
			l.topic("orders", 1, 3)
			l.alter(kmsg.ConfigResourceTypeBroker, "1", "leader.replication.throttled.rate", "1000")
			l.alter(kmsg.ConfigResourceTypeTopic, "orders", "leader.replication.throttled.replicas", "*")
		}, cured: true},
	{name: "reassignment.stuck", severity: warning, evidence: "which is not in the cluster", brokers: 3, settings: map[string]string{"min.insync.replicas": "1"},
		do: func(l *lab) {
			l.assign("orders", []int32{1, 2})
			l.cluster.Partition(1, 3)
			l.cluster.Partition(2, 3)
			l.reassign("orders", 0, 1, 3)
			l.kill(3)
		}, also: []string{"partition.under-replicated", "broker.missing", "replication.min-isr-one"}},
	{name: "topic.deletion-stuck", severity: warning, evidence: "replicas are on broker 3", brokers: 3,
		do: func(l *lab) {
			l.topic("orders", 1, 3)
			l.kill(3)
			l.client = l.connect()
			_, err := kadm.NewClient(l.client).DeleteTopics(l.ctx(), "orders")
			l.must(err)
			l.options.Now = ahead(10 * time.Minute)
		}, also: []string{"broker.missing", "config.default-replication"}},
	{name: "topic.name-collision", severity: advice, evidence: "[a.b a_b]", brokers: 1,
		do: func(l *lab) {
			l.topic("a.b", 1, 1)
			l.create("/brokers/topics/a_b", `{"version":1,"partitions":{"0":[1]}}`)
			l.known("a_b")
		}},
	{name: "quota.bites", severity: warning, evidence: "client slow: producer_byte_rate=100", brokers: 1,
		do: func(l *lab) {
			l.create("/config/clients/slow", `{"version":1,"config":{"producer_byte_rate":"100"}}`)
		}, cured: true},
	{name: "quota.bites", severity: warning, evidence: "throttled for 250 ms", do: func(*lab) {},
		each: []map[string]string{{"metrics": "# TYPE kafka_server_quota_throttle_time gauge\nkafka_server_quota_throttle_time{type=\"Produce\",user=\"\",client_id=\"slow\"} 250\n"}}},
	// Configuration.
	{name: "config.unclean-election", severity: warning, evidence: "for topic orders", brokers: 3,
		do: func(l *lab) { l.topic("orders", 1, 3, "unclean.leader.election.enable=true") }, cured: true},
	{name: "config.unclean-election", severity: warning, evidence: "on brokers 1, 2, 3", brokers: 3, settings: map[string]string{"unclean.leader.election.enable": "true"}, do: func(*lab) {}},
	{name: "config.auto-create", severity: advice, evidence: "3 brokers", brokers: 3, settings: map[string]string{"default.replication.factor": "1", "auto.create.topics.enable": "true"}, do: func(*lab) {}},
	{name: "config.default-replication", severity: warning, evidence: "default.replication.factor=5", brokers: 3, settings: map[string]string{"default.replication.factor": "5"}, do: func(*lab) {}},
	{name: "config.differs", severity: warning, evidence: "log.retention.hours: 168 on broker 1; 24 on broker 2", each: []map[string]string{{}, {"log.retention.hours": "24"}}, do: func(*lab) {}},
	{name: "config.no-effect", severity: advice, evidence: "log.retention.hours: log.retention.ms wins", brokers: 1,
		settings: map[string]string{"log.retention.hours": "24", "log.retention.ms": "1000000"}, do: func(*lab) {}},
	{name: "config.no-effect", severity: advice, evidence: "background.threads: momus has no use for it", brokers: 1, settings: map[string]string{"background.threads": "20"}, do: func(*lab) {}},
	{name: "config.offsets-retention", severity: advice, evidence: "offsets.retention.minutes=1440", brokers: 1, settings: map[string]string{"offsets.retention.minutes": "1440"}, do: func(*lab) {}},
	{name: "config.delete-off", severity: advice, evidence: "on broker 1", brokers: 1, settings: map[string]string{"delete.topic.enable": "false"}, do: func(*lab) {}},
	{name: "version.protocol-behind", severity: advice, evidence: "broker 1 is 2.5 and speaks 2.1", brokers: 1, settings: map[string]string{"inter.broker.protocol.version": "2.1"}, do: func(*lab) {}},
	{name: "version.format-behind", severity: warning, evidence: "log.message.format.version of broker 1: 0.10.2", brokers: 1, settings: map[string]string{"log.message.format.version": "0.10.2"}, do: func(*lab) {}},
	{name: "version.format-behind", severity: warning, evidence: "message.format.version of topic orders", brokers: 1,
		do: func(l *lab) { l.topic("orders", 1, 1, "message.format.version=0.10.2") }, cured: true},
	// Security.
	{name: "security.allow-everyone", severity: advice, evidence: "without any ACL: orders", brokers: 1,
		settings: map[string]string{"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer", "super.users": "User:ANONYMOUS", "allow.everyone.if.no.acl.found": "true"},
		do:       func(l *lab) { l.topic("orders", 1, 1) }, also: []string{"zookeeper.open"}},
	{name: "security.acl-unused", severity: advice, evidence: "literal topic ordres: User:alice allow Read", brokers: 1,
		settings: map[string]string{"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer", "super.users": "User:ANONYMOUS"},
		do: func(l *lab) {
			l.topic("orders", 1, 1)
			_, err := l.admin.CreateACLs(l.ctx(), kadm.NewACLs().Topics("ordres").Allow("User:alice").AllowHosts("*").Operations(kadm.OpRead).ResourcePatternType(kadm.ACLPatternLiteral))
			l.must(err)
		}, also: []string{"zookeeper.open"}, cured: true},
	{name: "zookeeper.open", severity: advice, evidence: "open to the world", brokers: 1,
		settings: map[string]string{"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer", "super.users": "User:ANONYMOUS"}, do: func(*lab) {}},
	{name: "security.certificate-expires", severity: critical, evidence: "ends in 2 days", do: func(*lab) {},
		each: []map[string]string{{"listeners": "PLAINTEXT://127.0.0.1:0,SSL://127.0.0.1:0", "certificate": "50h"}}},
	{name: "security.certificate-expires", severity: warning, evidence: "CN=broker", do: func(*lab) {},
		each: []map[string]string{{"listeners": "PLAINTEXT://127.0.0.1:0,SSL://127.0.0.1:0", "certificate": "360h"}}},
	{name: "security.certificate-name", severity: warning, evidence: "valid for 127.0.0.1, not 127.0.0.2", do: func(*lab) {},
		each: []map[string]string{{"listeners": "PLAINTEXT://127.0.0.1:0,SSL://127.0.0.2:0", "certificate": "9000h"}}},
	// ZooKeeper.
	{name: "zookeeper.other-cluster", severity: critical, evidence: "there is no cluster in /kafka", brokers: 1, do: func(l *lab) { l.options.ZooKeeper = l.zookeeper + "/kafka" }},
	{name: "zookeeper.other-cluster", severity: critical, evidence: "the brokers' cluster is", brokers: 1,
		do: func(l *lab) {
			l.create("/kafka/cluster/id", `{"version":"1","id":"another"}`)
			l.options.ZooKeeper = l.zookeeper + "/kafka"
		}, also: []string{"broker.not-registered", "controller.none"}},
	{name: "zookeeper.connect-differs", severity: advice, evidence: "localhost", each: []map[string]string{{}, {"zookeeper": "localhost"}}, do: func(*lab) {}},
	{name: "zookeeper.strayed", severity: critical, evidence: "is registered in /other", brokers: 3,
		do: func(l *lab) {
			l.topic("orders", 1, 3)
			l.kill(2)
			l.create("/other/brokers/ids/2", registrationOf("127.0.0.1", 1, time.Now().UnixMilli()))
		}, also: []string{"broker.missing", "partition.under-replicated"}},
	{name: "znode.orphans", severity: advice, evidence: "/config/topics/gone", brokers: 1,
		do: func(l *lab) { l.create("/config/topics/gone", `{"version":1,"config":{"retention.ms":"1"}}`) }, cured: true},
	{name: "znode.orphans", severity: advice, evidence: "/brokers/topics/orders/partitions/5", brokers: 1,
		do: func(l *lab) { l.topic("orders", 1, 1); l.create("/brokers/topics/orders/partitions/5/state", `{}`) }, cured: true},
	{name: "znode.old-consumers", severity: advice, evidence: "/consumers/old has no consumers", brokers: 1, do: func(l *lab) { l.create("/consumers/old/offsets/orders/0", "5") }, cured: true},
	{name: "znode.notifications", severity: warning, evidence: "/isr_change_notification has 25 children", brokers: 1,
		do: func(l *lab) {
			l.usurp()
			for i := range 25 {
				l.create(fmt.Sprintf("/isr_change_notification/isr_change_%010d", i), `{"version":1,"partitions":[]}`)
			}
		}, also: []string{"controller.none"}},
	{name: "znode.election-stuck", severity: warning, evidence: "/admin/preferred_replica_election is there for", brokers: 1,
		do: func(l *lab) {
			l.usurp()
			l.create("/admin/preferred_replica_election", `{"version":1,"partitions":[]}`)
			l.options.Now = ahead(10 * time.Minute)
		}, also: []string{"controller.none"}},
}

func repeat(n int, replicas []int32) [][]int32 { return slices.Repeat([][]int32{replicas}, n) }

func registrationOf(host string, port int, timestamp int64) string {
	return fmt.Sprintf(`{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://%[1]s:%[2]d"],"jmx_port":-1,"host":%[1]q,"timestamp":"%[3]d","port":%[2]d,"version":4}`, host, port, timestamp)
}

// openTransaction begins a transaction whose record has a certain time, and leaves it open.
func (l *lab) openTransaction(when time.Time) {
	l.t.Helper()
	l.topic("orders", 1, 1)
	txn := l.connect(kgo.TransactionalID("payments"), kgo.TransactionTimeout(time.Minute))
	l.must(txn.BeginTransaction())
	l.must(txn.ProduceSync(l.ctx(), &kgo.Record{Topic: "orders", Value: []byte("paid"), Timestamp: when}).FirstErr())
	l.write("orders", values(3)...)
}

func (l *lab) reassign(topic string, partition int32, replicas ...int32) {
	l.t.Helper()
	req := kadm.AlterPartitionAssignmentsReq{}
	req.Assign(topic, partition, replicas)
	r, err := kadm.NewClient(l.connect()).AlterPartitionAssignments(l.ctx(), req)
	l.must(err)
	l.must(r.Error())
}

// alter sets a dynamic config.
func (l *lab) alter(kind kmsg.ConfigResourceType, name, key, value string) {
	l.t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kind, name
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = key, &value
	r.Configs = append(r.Configs, c)
	req.Resources = append(req.Resources, r)
	resp, err := l.client.Request(l.ctx(), req)
	l.must(err)
	l.must(kerr.ErrorForCode(resp.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode))
}

// Each of these clusters is broken on purpose; the doctor must name it, and must not name what is in
// order.
func TestBrokenClustersAreDiagnosed(t *testing.T) {
	t.Parallel()
	for _, b := range brokenClusters {
		t.Run(b.name+" "+b.evidence, func(t *testing.T) {
			t.Parallel()
			var l *lab
			if b.brokers > 0 {
				l = start(t, b.brokers, b.settings, momustest.SessionTimeout(2*time.Second)) // some are killed
			} else {
				l = startEach(t, b.each)
			}
			b.do(l)
			var r *report
			var f *rules.Finding
			l.eventually("not found, or not alone", func() error { // news travel
				r = l.examine()
				if f = r.find(b.name); f == nil {
					return fmt.Errorf("there is\n%s", r)
				}
				for _, name := range r.names() {
					if name != b.name && !slices.Contains(b.also, name) && (name != "internal.not-creatable" || !slices.Contains(b.also, "broker.missing")) {
						return fmt.Errorf("%s too:\n%s", name, r)
					}
				}
				return nil
			})
			if f.Severity != b.severity || !strings.Contains(strings.Join(f.Evidence, "\n"), b.evidence) || f.Summary == "" || f.Consequence == "" || f.Cure == "" {
				t.Errorf("%+v", f)
			}
			want := 1
			if slices.ContainsFunc(r.Findings, func(f rules.Finding) bool { return f.Severity == rules.Critical }) {
				want = 2
			}
			if r.code != want {
				t.Errorf("exit code %d", r.code)
			}
			if b.cured {
				l.cure(f)
				l.awaitGone(b.name)
			}
		})
	}
}

//go:build interop

package doctor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
	rules "momus/internal/doctor"
)

// kafka starts brokers of an Apache Kafka, 1, 2, …, and a ZooKeeper for them.
func kafka(t *testing.T, peer string, n int, lines ...string) (*lab, []*testkit.Process) {
	t.Helper()
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	var addresses []string
	var processes []*testkit.Process
	for id := 1; id <= n; id++ {
		port := testkit.FreePort(t)
		file := testkit.ServerProperties(t, t.TempDir(), id, port, zookeeper, lines...)
		p := testkit.Start(t, fmt.Sprintf("%s %d", peer, id), testkit.Spec{Args: testkit.Java(t, peer, "kafka.Kafka", file)})
		address := fmt.Sprintf("127.0.0.1:%d", port)
		testkit.WaitServing(t, p, address)
		addresses, processes = append(addresses, address), append(processes, p)
	}
	return newLab(t, strings.Join(addresses, ","), zookeeper), processes
}

// Apache Kafka of many years: what is in order has no finding, what is not is diagnosed, and what
// brokers of that age do not tell is said to be unknown, not wrong.
func TestApacheKafka(t *testing.T) {
	for _, v := range []struct {
		peer, version string
		lines         []string
		truly         []string // what is so with the defaults of that time
		findings      []string // what is found when it is broken
	}{
		{"kafka", "2.5", nil, nil, []string{"group.records-lost", "quota.bites", "retention.future-timestamps", "transaction.open-too-long", "znode.orphans"}},
		{"kafka-0.10.2.2", "0.10", []string{"offsets.retention.minutes=10080"}, nil, []string{"group.records-lost", "quota.bites", "retention.future-timestamps", "znode.orphans"}},
		{"kafka-1.1.1", "1.1", []string{"offsets.retention.minutes=10080"}, nil, []string{"group.records-lost", "quota.bites", "retention.future-timestamps", "transaction.open-too-long", "znode.orphans"}},
		{"kafka-3.9.0", "3.9", nil, nil, []string{"group.records-lost", "quota.bites", "retention.future-timestamps", "transaction.open-too-long", "znode.orphans"}},
	} {
		t.Run(v.version, func(t *testing.T) {
			l, _ := kafka(t, v.peer, 1, v.lines...)
			transactions := slices.Contains(v.findings, "transaction.open-too-long")
			l.createTopic("orders", 1)
			l.write("orders", values(100)...)
			l.commit("readers", "orders", 100)
			l.options.Wait = time.Second
			r := l.examine()
			if got := r.names(); !slices.Equal(got, v.truly) || r.Brokers[0].Version != v.version || r.Brokers[0].Momus {
				t.Errorf("healthy, and there is\n%s%+v", r, r.Brokers)
			}
			out, _, code := l.run(false)
			t.Logf("exit code %d\n%s", code, out)

			l.commit("late", "orders", 500)
			l.create("/config/clients/slow", `{"version":1,"config":{"producer_byte_rate":"100"}}`)
			l.create("/config/topics/gone", `{"version":1,"config":{"retention.ms":"1"}}`)
			l.write("orders", &kgo.Record{Value: []byte("wrong"), Timestamp: time.UnixMilli(4_102_444_800_000)})
			if transactions {
				txn := l.connect(kgo.TransactionalID("payments"), kgo.TransactionTimeout(time.Minute))
				l.must(txn.BeginTransaction())
				l.must(txn.ProduceSync(l.ctx(), &kgo.Record{Topic: "orders", Value: []byte("paid")}).FirstErr())
				l.options.Now = ahead(10 * time.Minute)
			}
			r = l.examine()
			for _, name := range v.findings {
				if r.find(name) == nil {
					t.Errorf("%s is not found:\n%s", name, r)
				}
			}
			for _, name := range r.names() {
				if !slices.Contains(v.findings, name) && !slices.Contains(v.truly, name) {
					t.Errorf("%s too:\n%s", name, r)
				}
			}
			if f := r.find("quota.bites"); f != nil {
				l.cure(f)
				l.awaitGone("quota.bites")
			}
		})
	}
}

// createTopic creates a topic with the only request that all brokers have.
func (l *lab) createTopic(name string, partitions int32) {
	l.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 10000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, 1
	req.Topics = append(req.Topics, t)
	_, err := req.RequestWith(l.ctx(), l.client)
	l.must(err)
	l.known(name)
}

// Two brokers of Apache Kafka 2.5.0, one of which is killed.
func TestApacheKafkaWithoutABroker(t *testing.T) {
	l, processes := kafka(t, "kafka", 2, "offsets.topic.replication.factor=2", "transaction.state.log.replication.factor=2", "default.replication.factor=2", "min.insync.replicas=1")
	testkit.WaitServing(t, processes[0], strings.Split(l.bootstrap, ",")...)
	l.assign("orders", []int32{1, 2}, []int32{2, 1})
	l.assign("alone", []int32{2})
	r := l.examine()
	if got := r.names(); !slices.Equal(got, []string{"replication.single"}) {
		t.Errorf("healthy, and there is\n%s", r)
	}
	processes[1].Kill()
	testkit.SessionGone(t, l.zookeeper, 2)
	want := []string{"broker.missing", "internal.not-creatable", "partition.offline", "partition.under-replicated", "replication.single"}
	l.eventually("the diagnosis", func() error {
		r = l.examine()
		if got := r.names(); !slices.Equal(got, want) {
			return fmt.Errorf("there is\n%s", r)
		}
		return nil
	})
	if f := r.find("partition.offline"); f.Severity != rules.Critical || !strings.Contains(f.Evidence[0], "broker 2") || r.code != 2 {
		t.Errorf("exit code %d, %+v", r.code, f)
	}
}

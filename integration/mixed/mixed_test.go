//go:build interop

package mixed

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

const (
	topic = "load"
	// limit is how long an in-sync set may take to be whole again.
	limit = 60 * time.Second
)

var settings = []string{
	"zookeeper.session.timeout.ms=9000", "replica.lag.time.max.ms=5000", "offsets.topic.replication.factor=3", "log.cleaner.dedupe.buffer.size=4194304",
	"controlled.shutdown.retry.backoff.ms=1000", "leader.imbalance.check.interval.seconds=10", "auto.create.topics.enable=false",
}

// cluster starts brokers 1, 2, 3 of the given kinds: k is Apache Kafka, m momus.
func cluster(t *testing.T, kinds string, more ...string) []*testkit.Cluster {
	t.Helper()
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	var bs []*testkit.Cluster
	for i, kind := range kinds {
		lines := append(append([]string{}, settings...), more...)
		if kind == 'k' {
			bs = append(bs, testkit.Kafka(t, i+1, zookeeper, lines...))
		} else {
			bs = append(bs, testkit.Broker(t, i+1, zookeeper, lines...))
		}
	}
	testkit.WaitBrokers(t, bs, len(bs))
	return bs
}

func TestKilledBrokersLoseNothing(t *testing.T) {
	for _, c := range []struct {
		kinds       string
		controllers []int
	}{
		{"mmm", []int{1}}, {"kkm", []int{1, 3}}, {"kmm", []int{1, 3}},
	} {
		t.Run(c.kinds, func(t *testing.T) {
			bs := cluster(t, c.kinds)
			load := testkit.LoadOfThree(t, bs, topic)
			for _, id := range c.controllers {
				testkit.MakeController(t, bs, id)
				testkit.KillInTurn(t, bs, load, limit)
			}
			load.WaitMore(t, 300)
			load.Pause()
			verifyReplicas(t, bs)
			load.Resume()
			testkit.Settle(t, bs, load, limit)
		})
	}
}

var lag = regexp.MustCompile(`max lag is (\d+) for partition (\S+) at offset`)

// verifyReplicas lets Apache Kafka's tool compare the replicas of all topics.
func verifyReplicas(t *testing.T, bs []*testkit.Cluster) {
	t.Helper()
	p := testkit.Start(t, "kafka-replica-verification", testkit.Spec{Args: testkit.Java(t, "kafka", "kafka.tools.ReplicaVerificationTool",
		"--broker-list", testkit.Bootstrap(bs), "--report-interval-ms", "1000")})
	testkit.Eventually(t, time.Minute, "the replica verification has reported", func() bool {
		select {
		case <-p.Done():
			t.Fatalf("the tool ended: %s", p.Output())
		default:
		}
		reports := lag.FindAllStringSubmatch(p.Output(), -1)
		return len(reports) >= 3 && reports[len(reports)-1][1] == "0"
	})
	p.Kill()
	for line := range strings.Lines(p.Output()) {
		if strings.Contains(line, "Partition") || strings.Contains(line, "different") || strings.Contains(line, "Exception") || strings.Contains(line, "doesn't match") {
			t.Error(strings.TrimSpace(line))
		}
	}
}

// A whole cluster goes from Apache Kafka to momus and back, one broker after the other on the same
// directories, as docs/rollover.md describes it. Producers and group members go on all the while.
func TestRollOverAndBackUnderLoad(t *testing.T) {
	bs := cluster(t, "kkk")
	load := testkit.LoadOfThree(t, bs, topic)
	roll := func(to string) {
		t.Helper()
		for i, b := range bs {
			t.Logf("%s: broker %d becomes %s", time.Now().Format(time.TimeOnly), b.ID, to)
			b.Process.Stop(t, limit)
			load.WaitMore(t, 300)
			if to == "momus" {
				bs[i] = b.AsMomus(t)
			} else {
				bs[i] = b.AsKafka(t)
			}
			testkit.WaitWholeISR(t, bs, limit)
			load.WaitMore(t, 300)
		}
	}
	roll("momus")
	load.Pause()
	verifyReplicas(t, bs)
	load.Resume()
	roll("Apache Kafka")
	load.Pause()
	verifyReplicas(t, bs)
	load.Resume()
	testkit.Settle(t, bs, load, limit)
}

// The offsets topic has one partition; its coordinator moves between the kinds, and each finds the
// offsets that the other wrote.
func TestGroupIsLoadedByEitherKind(t *testing.T) {
	bs := cluster(t, "km", "offsets.topic.num.partitions=1", "offsets.topic.replication.factor=2")
	load := testkit.StartReplicatedLoad(t, testkit.Bootstrap(bs), topic, 3, testkit.Replication{Factor: 2, MinISR: 1})
	load.WaitCommitted(t, testkit.Bootstrap(bs), 500)
	for round := range 4 {
		b := bs[testkit.Leader(t, testkit.Bootstrap(bs), "__consumer_offsets", 0)-1]
		t.Logf("round %d: coordinator %s stops", round, b.Process.Name)
		b.Process.Stop(t, limit)
		load.WaitCommitted(t, testkit.Bootstrap(bs), 500)
		b.Restart(t)
		testkit.WaitWholeISR(t, bs, limit)
		load.WaitCommitted(t, testkit.Bootstrap(bs), 500)
	}
	testkit.Settle(t, bs, load, limit)
}

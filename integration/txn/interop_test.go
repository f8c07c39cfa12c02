//go:build interop

package txn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
)

// javaProgram compiles a class of integration/java/src against the jars of a peer; the result makes
// command lines.
func javaProgram(t *testing.T, peer, class string) func(args ...string) []string {
	t.Helper()
	dir := t.TempDir()
	jars := filepath.Join(testkit.Peers(t, peer), "*")
	testkit.Run(t, time.Minute, testkit.Spec{Args: []string{"javac", "--release", "8", "-nowarn", "-Xlint:-options", "-cp", jars, "-d", dir,
		filepath.Join(testkit.Root(t), "integration/java/src", class+".java")}})
	command := testkit.Java(t, peer, class)
	for i, arg := range command {
		if arg == "-cp" {
			command[i+1] = dir + ":" + jars
		}
	}
	return func(args ...string) []string { return append(slices.Clone(command), args...) }
}

// javaClient is Transactions with one version of the client.
func javaClient(t *testing.T, version string) func(args ...string) []string {
	t.Helper()
	return javaProgram(t, "clients-"+version, "Transactions")
}

func TestJavaCopierCopiesExactlyOnceThroughKills(t *testing.T) {
	java := javaClient(t, "2.5.0")
	c := testkit.Quickstart(t, 1)
	ctx := deadline(t)
	createTopic(ctx, t, c, "in", 3)
	createTopic(ctx, t, c, "out", 3)
	const records = 6000
	plain := client(t, c, kgo.DefaultProduceTopic("in"))
	for _, v := range values("", records) {
		plain.Produce(ctx, kgo.KeyStringRecord(v, v), nil)
	}
	if err := plain.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	admin := kadm.NewClient(plain)
	args := java("copy", c.Bootstrap, "in", "out", "g", "copier", "7", "15000")
	for range 2 {
		copier := testkit.Start(t, "copier", testkit.Spec{Args: args})
		before := logEnd(ctx, t, admin, "out")
		testkit.Eventually(t, 40*time.Second, "the copier copies", func() bool { return logEnd(ctx, t, admin, "out") > before+200 })
		c.Process.Kill()
		c.Restart(t)
		copier.Kill()
	}
	testkit.Run(t, 2*time.Minute, testkit.Spec{Args: args})
	got := read(ctx, t, c, "out", records, kgo.ReadCommitted())
	for _, v := range values("", records) {
		if got[v] != 1 {
			t.Errorf("%s was copied %d times", v, got[v])
		}
	}
}

// TestKafkaAndMomusTakeOverFromEachOtherInMidTransaction kills one kind of broker with a
// transaction open, records and a group's offsets in it, and one committed, starts the other kind
// on the same directory, and lets the same producer go on.
func TestKafkaAndMomusTakeOverFromEachOtherInMidTransaction(t *testing.T) {
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	c := testkit.Kafka(t, 1, zookeeper)
	ctx := deadline(t)
	createTopic(ctx, t, c, "t", 2)
	p := producer(t, c, "id")
	want := map[string]int{}
	for step := range 4 {
		vs := values(fmt.Sprintf("%d-", step), 6)
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := p.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("aborted")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		commitOffset(ctx, t, p, "id", int64(1000+step))
		if err := p.EndTransaction(ctx, kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		if err := transact(ctx, p, "t", 2, kgo.TryCommit, vs[:2]...); err != nil {
			t.Fatal(err)
		}
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produce := func(vs ...string) {
			for i, v := range vs {
				if err := p.ProduceSync(ctx, &kgo.Record{Topic: "t", Partition: int32(i % 2), Value: []byte(v)}).FirstErr(); err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
			}
		}
		produce(vs[2:4]...)
		commitOffset(ctx, t, p, "id", int64(10*step+1))
		c.Process.Kill()
		testkit.SessionGone(t, zookeeper, 1)
		if step%2 == 0 {
			c = c.AsMomus(t)
		} else {
			c = c.AsKafka(t)
		}
		produce(vs[4:]...)
		if err := p.EndTransaction(ctx, kgo.TryCommit); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		for _, v := range vs {
			want[v] = 1
		}
		admin, last := testkit.Admin(t, c.Bootstrap), ""
		defer func() {
			if t.Failed() {
				t.Logf("step %d: the group's offsets: %s", step, last)
			}
		}()
		testkit.Eventually(t, 20*time.Second, "the offset of the transaction is committed", func() bool {
			offsets, err := admin.FetchOffsets(ctx, "g")
			o, _ := offsets.Lookup("t", 0)
			last = fmt.Sprint(offsets, err)
			return err == nil && o.At == int64(10*step+1)
		})
		if got := read(ctx, t, c, "t", len(want), kgo.ReadCommitted()); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("step %d: committed %v\nwant %v", step, got, want)
		}
	}
}

// The same with five requests under way on a connection: the Java client and librdkafka.
func TestFloodsThroughCutConnections(t *testing.T) {
	for _, c := range []struct {
		name string
		argv func(t *testing.T) []string
	}{
		{"java-2.5.0", func(t *testing.T) []string { return javaClient(t, "2.5.0")() }},
		{"librdkafka", librdkafka},
	} {
		t.Run(c.name, func(t *testing.T) {
			const records, partitions = 200_000, 6
			ctx := deadline(t)
			at, brokers, cut := cutCluster(t, 0.05)
			createReplicated(ctx, t, at, "t", partitions)
			began := time.Now()
			if out := testkit.Run(t, time.Minute, testkit.Spec{Args: append(c.argv(t), "flood", at, "t", strconv.Itoa(records))}); out != "flood: ok\n" {
				t.Fatal(out)
			}
			t.Logf("%d records in %s", records, time.Since(began).Round(time.Millisecond))
			cut.check(t, 30)
			last := make([]int, partitions)
			for p := range last {
				last[p] = -1
			}
			cl := client(t, brokers[0], kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			for total := 0; total < records; {
				fetches := cl.PollFetches(ctx)
				if err := fetches.Err0(); err != nil {
					t.Fatalf("after %d of %d records: %v", total, records, err)
				}
				fetches.EachRecord(func(r *kgo.Record) {
					n, err := strconv.Atoi(string(r.Value))
					if err != nil || n <= last[r.Partition] {
						t.Fatalf("partition %d at %d: %s after %d", r.Partition, r.Offset, r.Value, last[r.Partition])
					}
					last[r.Partition] = n
					total++
				})
			}
			ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, "t")
			if err = errors.Join(err, ends.Error()); err != nil {
				t.Fatal(err)
			}
			sum := int64(0)
			ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
			if sum != records {
				t.Errorf("%d records are there, %d were sent", sum, records)
			}
		})
	}
}

// commitOffset commits an offset of group g, of partition 0 of t, in the open transaction of a
// producer.
func commitOffset(ctx context.Context, t *testing.T, p *kgo.Client, id string, offset int64) {
	t.Helper()
	pid, epoch, err := p.ProducerID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = id, pid, epoch, "g"
	testkit.Eventually(t, 20*time.Second, "the group is added to the transaction", func() bool {
		added, err := add.RequestWith(ctx, p)
		return err == nil && added.ErrorCode == 0
	})
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = id, pid, epoch, "g"
	commit.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: offset, LeaderEpoch: -1}}}}
	testkit.Eventually(t, 20*time.Second, "the offset is in the transaction", func() bool {
		committed, err := commit.RequestWith(ctx, p)
		return err == nil && committed.Topics[0].Partitions[0].ErrorCode == 0
	})
}

// Two brokers of different kinds: the coordinators of transactions and groups, with one partition
// each, move to and fro while producers commit, and a copier of the Java client copies what is
// committed.
func TestCoordinatorsMoveBetweenKafkaAndMomus(t *testing.T) {
	run := javaProgram(t, "streams-2.5.0", "Transactions") // with its warnings
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	lines := append(slices.Clone(settings), "offsets.topic.replication.factor=2", "transaction.state.log.replication.factor=2", "transaction.state.log.min.isr=1",
		"min.insync.replicas=1", "offsets.topic.num.partitions=1", "transaction.state.log.num.partitions=1", "auto.leader.rebalance.enable=false")
	second := testkit.Broker
	if os.Getenv("MOMUS_TEST_APACHE") != "" {
		second = testkit.Kafka
	}
	bs := []*testkit.Cluster{testkit.Kafka(t, 1, zookeeper, lines...), second(t, 2, zookeeper, lines...)}
	testkit.WaitBrokers(t, bs, 2)
	ctx := deadline(t)
	admin := testkit.Admin(t, testkit.Bootstrap(bs))
	for _, topic := range []string{"t", "copies"} {
		if r, err := admin.CreateTopic(ctx, 4, 2, nil, topic); errors.Join(err, r.Err) != nil {
			t.Fatal(errors.Join(err, r.Err))
		}
	}
	l := &ledger{of: map[string]outcome{}}
	stop := startTransactions(ctx, []string{bs[0].Bootstrap, bs[1].Bootstrap}, l, 20*time.Millisecond)
	defer stop()
	copies := map[string]int{}
	copied := startReader(t, bs, "copies", kgo.ReadCommitted(), func(r *kgo.Record) { copies[string(r.Value)]++ })
	copier := startClients(t, 1, func(int) *testkit.Process {
		return testkit.Start(t, "copier", testkit.Spec{Args: run("copy", testkit.Bootstrap(bs), "t", "copies", "copiers", "copier", "50", "600000")})
	})
	defer func() {
		if t.Failed() {
			explain(t, bs, copier, "t", "copies", "__consumer_offsets")
		}
	}()
	copied.more(t, 200)
	kinds := map[bool]int{}
	for round := range 4 {
		l.more(t, 200) // longer than clients need to hear of the broker that came back
		b := bs[testkit.Leader(t, testkit.Bootstrap(bs), "__transaction_state", 0)-1]
		t.Logf("round %d: %s coordinates %d committed transactions, and is taken away", round, b.Process.Name, l.count(committed))
		kinds[b.IsKafka()]++
		if round < 2 {
			b.Process.Stop(t, limit)
		} else {
			b.Process.Kill()
			testkit.SessionGone(t, zookeeper, b.ID)
		}
		l.more(t, 100)
		copied.more(t, 200)
		b.Restart(t)
		inSyncAgain(t, bs)
	}
	if !bs[1].IsKafka() && kinds[true] == 0 || !bs[1].IsKafka() && kinds[false] == 0 {
		t.Errorf("the coordinator was %d times Apache Kafka, %d times momus", kinds[true], kinds[false])
	}
	stop()
	want := checkTransactions(ctx, t, bs[0], l)
	testkit.Eventually(t, limit, fmt.Sprintf("all %d committed records are copied", want), func() bool {
		copier.revive()
		return copied.seen() >= want
	})
	copier.all[0].Kill()
	copied.stop()
	for v, n := range copies {
		if n != 1 {
			t.Errorf("%s was copied %d times", v, n)
		}
	}
	if len(copies) != want {
		t.Errorf("%d different copies of %d records", len(copies), want)
	}
}

// inSyncAgain waits until all replicas are in sync. A follower of Apache Kafka 2.5.0 that truncates
// its log below the start of an open transaction looks up that start before it has forgotten the
// transaction, fails, and gives the partition up until it is started again.
func inSyncAgain(t *testing.T, bs []*testkit.Cluster) {
	t.Helper()
	testkit.Eventually(t, 2*limit, "all replicas are in sync", func() bool {
		for _, b := range bs {
			if out := b.Process.Output(); b.IsKafka() && strings.Contains(out, "Unexpected error occurred during truncation") && strings.Contains(out, "marked as failed") {
				t.Logf("broker %d has given partitions up; it is started again", b.ID)
				b.Process.Stop(t, limit)
				b.Restart(t)
			}
		}
		return testkit.WholeISR(t, bs)
	})
}

// explain logs what holds readers back, and lets the Java clients print their threads.
func explain(t *testing.T, bs []*testkit.Cluster, cs *clients, topics ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	admin := testkit.Admin(t, testkit.Bootstrap(bs))
	stable, err1 := admin.ListCommittedOffsets(ctx, topics...)
	ends, err2 := admin.ListEndOffsets(ctx, topics...)
	t.Logf("offsets: %v", errors.Join(err1, err2))
	ends.Each(func(o kadm.ListedOffset) {
		s, _ := stable.Lookup(o.Topic, o.Partition)
		t.Logf("%s-%d: last stable offset %d (%v), end %d (%v)", o.Topic, o.Partition, s.Offset, s.Err, o.Offset, o.Err)
	})
	for _, p := range cs.all {
		p.Signal(t, syscall.SIGQUIT)
	}
	groups, err := admin.FetchOffsets(ctx, "copiers")
	t.Logf("the group's offsets: %v %v", groups, err)
}

//go:build interop

package txn

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// javaProgram compiles a class of integration/java/src against the jars of a peer; the result makes command lines.
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

// TestKafkaAndMomusTakeOverFromEachOtherInMidTransaction kills one kind of broker with a transaction open and one committed, starts the other kind on the
// same directory, and lets the same producer go on.
func TestKafkaAndMomusTakeOverFromEachOtherInMidTransaction(t *testing.T) {
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	c := testkit.Kafka(t, 1, zookeeper)
	ctx := deadline(t)
	createTopic(ctx, t, c, "t", 2)
	p := producer(t, c, "id")
	want := map[string]int{}
	for step := range 4 {
		vs := values(fmt.Sprintf("%d-", step), 6)
		if err := transact(ctx, p, "t", 2, kgo.TryAbort, "aborted", "aborted"); err != nil {
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

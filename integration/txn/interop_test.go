//go:build interop

package txn

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// javaClient compiles integration/java/src/Transactions.java against one version of the client; the result makes command lines.
func javaClient(t *testing.T, version string) func(args ...string) []string {
	t.Helper()
	dir := t.TempDir()
	jars := filepath.Join(testkit.Peers(t, "clients-"+version), "*")
	testkit.Run(t, time.Minute, testkit.Spec{Args: []string{"javac", "--release", "8", "-nowarn", "-Xlint:-options", "-cp", jars, "-d", dir,
		filepath.Join(testkit.Root(t), "integration/java/src/Transactions.java")}})
	return func(args ...string) []string {
		return append([]string{"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", dir + ":" + jars, "Transactions"}, args...)
	}
}

func TestJavaProducersCommitAbortAndAreFenced(t *testing.T) {
	for _, version := range []string{"2.5.0", "3.9.0"} {
		t.Run(version, func(t *testing.T) {
			java := javaClient(t, version)
			c := testkit.Quickstart(t, 1)
			ctx := deadline(t)
			createTopic(ctx, t, c, "t", 2)
			round := "empty commit: ok\nempty abort: ok\ncommit: ok\nabort: ok\n"
			if out := testkit.Run(t, time.Minute, testkit.Spec{Args: java("states", c.Bootstrap, "t", "states")}); out != strings.Repeat(round, 3) {
				t.Errorf("states: %s", out)
			}
			if out := testkit.Run(t, time.Minute, testkit.Spec{Args: java("fence", c.Bootstrap, "t", "fence")}); out != "first commits: ProducerFencedException\nsecond commits: ok\n" {
				t.Errorf("fence: %s", out)
			}
			got := read(ctx, t, c, "t", 4, kgo.ReadCommitted())
			if fmt.Sprint(got) != "map[committed 0:1 committed 1:1 committed 2:1 of the second:1]" {
				t.Errorf("committed %v", got)
			}
		})
	}
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

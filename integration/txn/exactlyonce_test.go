//go:build interop

package txn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// settings make a cluster of three that notices failures fast.
var settings = []string{
	"zookeeper.session.timeout.ms=3000", "replica.lag.time.max.ms=3000", "offsets.topic.replication.factor=3", "transaction.state.log.replication.factor=3",
	"transaction.state.log.min.isr=2", "min.insync.replicas=2", "log.cleaner.dedupe.buffer.size=4194304", "controlled.shutdown.retry.backoff.ms=500",
	"replica.socket.timeout.ms=3000", "controller.socket.timeout.ms=3000", "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000",
	"group.min.session.timeout.ms=1000",
}

// limit is how long an in-sync set may take to be whole again, and a client to go on.
const limit = 60 * time.Second

func threeBrokers(t *testing.T) []*testkit.Cluster {
	t.Helper()
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	var bs []*testkit.Cluster
	for id := range 3 {
		bs = append(bs, testkit.Broker(t, id+1, zookeeper, settings...))
	}
	testkit.WaitBrokers(t, bs, 3)
	return bs
}

// writer writes numbered records to a topic, idempotently, until it is stopped.
type writer struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	values []string // all that were sent; they are acknowledged once stop has returned
	err    error
}

// startWriter writes a record each pause, as long as wait, if there is one, does not hold the i-th
// record back.
func startWriter(t *testing.T, bs []*testkit.Cluster, topic string, pause time.Duration, value func(i int) string, wait func(i int) bool) *writer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &writer{cancel: cancel}
	cl := clusterClient(t, bs, kgo.DefaultProduceTopic(topic), kgo.RecordDeliveryTimeout(0))
	w.wg.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			for wait != nil && wait(i) && ctx.Err() == nil {
				<-tick.C
			}
			v := value(i)
			w.mu.Lock()
			w.values = append(w.values, v)
			w.mu.Unlock()
			cl.Produce(context.Background(), kgo.KeyStringRecord(strconv.Itoa(i), v), func(_ *kgo.Record, err error) {
				w.mu.Lock()
				w.err = errors.Join(w.err, err)
				w.mu.Unlock()
			})
			<-tick.C
		}
		last, done := context.WithTimeout(context.Background(), limit)
		defer done()
		err := cl.Flush(last)
		w.mu.Lock()
		w.err = errors.Join(w.err, err)
		w.mu.Unlock()
	})
	t.Cleanup(func() { cancel(); w.wg.Wait() })
	return w
}

// stop returns all that was written.
func (w *writer) stop(t *testing.T) []string {
	t.Helper()
	w.cancel()
	w.wg.Wait()
	if w.err != nil {
		t.Fatal(w.err)
	}
	return w.values
}

func clusterClient(t *testing.T, bs []*testkit.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(strings.Split(testkit.Bootstrap(bs), ",")...), kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.FetchMaxWait(200 * time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond })}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// reader reads a topic with some isolation, all the while.
type reader struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	total  int
}

func startReader(t *testing.T, bs []*testkit.Cluster, topic string, level kgo.IsolationLevel, see func(r *kgo.Record)) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	rd := &reader{cancel: cancel}
	cl := clusterClient(t, bs, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(level), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	rd.wg.Go(func() {
		for ctx.Err() == nil {
			cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				rd.mu.Lock()
				defer rd.mu.Unlock()
				see(r)
				rd.total++
			})
		}
	})
	t.Cleanup(rd.stop)
	return rd
}

func (rd *reader) stop() {
	rd.cancel()
	rd.wg.Wait()
}

func (rd *reader) seen() int {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	return rd.total
}

// more waits until n more records are read.
func (rd *reader) more(t *testing.T, n int) {
	t.Helper()
	enough := rd.seen() + n
	testkit.Eventually(t, limit, fmt.Sprintf("%d more records are read", n), func() bool { return rd.seen() >= enough })
}

// clients are programs of the same kind, killed and started again.
type clients struct {
	t     *testing.T
	start func(i int) *testkit.Process
	all   []*testkit.Process
}

func startClients(t *testing.T, n int, start func(i int) *testkit.Process) *clients {
	c := &clients{t: t, start: start}
	for i := range n {
		c.all = append(c.all, start(i))
	}
	return c
}

// kill ends one at once and starts it again.
func (c *clients) kill(i int) {
	c.all[i].Kill()
	c.all[i] = c.start(i)
}

// revive starts again what gave up by itself.
func (c *clients) revive() {
	for i, p := range c.all {
		select {
		case <-p.Done():
			c.t.Logf("%s %d ended by itself", p.Name, i)
			c.all[i] = c.start(i)
		default:
		}
	}
}

// disturb kills, pauses and rolls the brokers, and kills the clients, while out goes on to be read.
// It ends with everything in sync.
func disturb(t *testing.T, bs []*testkit.Cluster, cs *clients, out *reader) {
	t.Helper()
	at := testkit.Bootstrap(bs)
	enough := func(n int) {
		t.Helper()
		want := out.seen() + n
		testkit.Eventually(t, 2*limit, fmt.Sprintf("%d more records are read", n), func() bool {
			cs.revive()
			return out.seen() >= want
		})
	}
	step := func(what string) {
		t.Logf("%s: %s (%d records read)", time.Now().Format(time.TimeOnly), what, out.seen())
	}

	step("client 0 is killed")
	cs.kill(0)
	enough(100)
	victim := bs[testkit.Leader(t, at, "__transaction_state", 0)-1]
	step("the coordinator is killed: " + victim.Process.Name)
	victim.Process.Kill()
	cs.kill(1)
	enough(100)
	victim.Restart(t)
	testkit.WaitWholeISR(t, bs, limit)
	victim = bs[testkit.Controller(t, at)-1]
	step("the controller is paused: " + victim.Process.Name)
	victim.Process.Signal(t, syscall.SIGSTOP)
	testkit.SessionGone(t, victim.ZooKeeper, victim.ID)
	enough(100)
	victim.Process.Signal(t, syscall.SIGCONT)
	testkit.WaitBrokers(t, bs, len(bs))
	testkit.WaitWholeISR(t, bs, limit)
	for _, b := range bs {
		step("rolled: " + b.Process.Name)
		b.Process.Stop(t, limit)
		b.Restart(t)
		testkit.WaitWholeISR(t, bs, limit)
		enough(50)
	}
	step("both clients are killed")
	cs.kill(0)
	cs.kill(1)
	enough(200)
}

// Kafka Streams' word count with exactly_once: every word's committed counts are 1, 2, 3 … to its
// number in the input, each once and in order.
func TestStreamsWordCountIsExactThroughFaults(t *testing.T) {
	run := javaProgram(t, "streams-2.5.0", "WordCount")
	bs := threeBrokers(t)
	ctx := deadline(t)
	for _, topic := range []string{"lines", "counts"} {
		createReplicated(ctx, t, testkit.Bootstrap(bs), topic, 3)
	}
	lines := startWriter(t, bs, "lines", 4*time.Millisecond, func(i int) string { return fmt.Sprintf("w%d w%d w%d", i%7, i%31, i%2) }, nil)
	counts := map[string]int{} // word → last committed count
	var wrong []string
	committed := startReader(t, bs, "counts", kgo.ReadCommitted(), func(r *kgo.Record) {
		word := string(r.Key)
		if counts[word]++; string(r.Value) != strconv.Itoa(counts[word]) {
			wrong = append(wrong, fmt.Sprintf("%s at %d-%d: %s after %d", word, r.Partition, r.Offset, r.Value, counts[word]-1))
		}
	})
	all := startReader(t, bs, "counts", kgo.ReadUncommitted(), func(*kgo.Record) {})
	states := t.TempDir()
	apps := startClients(t, 2, func(i int) *testkit.Process {
		return testkit.Start(t, "word count", testkit.Spec{Args: run(testkit.Bootstrap(bs), "words", "lines", "counts", fmt.Sprint(states, "/", i))})
	})
	committed.more(t, 300)
	disturb(t, bs, apps, committed)

	want, total := map[string]int{}, 0
	for _, line := range lines.stop(t) {
		for word := range strings.FieldsSeq(line) {
			want[word]++
			total++
		}
	}
	testkit.Eventually(t, limit, fmt.Sprintf("all %d words are counted", total), func() bool {
		apps.revive()
		return committed.seen() >= total
	})
	for _, a := range apps.all {
		a.Kill()
	}
	committed.stop()
	all.stop()
	if fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("counted %v\nwant %v", counts, want)
	}
	if len(wrong) > 0 {
		t.Errorf("%d counts are not the next of their word: %v", len(wrong), wrong[:min(len(wrong), 10)])
	}
	t.Logf("%d words counted, %d counts aborted", total, all.seen()-total)
	if all.seen() <= total {
		t.Error("no transaction was aborted: nothing was killed in one")
	}
}

// The transactional copier: every record is copied once, and who reads committed data sees no copy
// of an aborted transaction and no part of one.
func TestCopierIsExactThroughFaults(t *testing.T) {
	run := javaClient(t, "2.5.0")
	bs := threeBrokers(t)
	ctx := deadline(t)
	for _, topic := range []string{"in", "out"} {
		createReplicated(ctx, t, testkit.Bootstrap(bs), topic, 4)
	}
	copies := map[string]int{}
	parts := map[string]map[string]int{} // label of a transaction → its size as each of its copies has it → copies
	aborted := 0
	committed := startReader(t, bs, "out", kgo.ReadCommitted(), func(r *kgo.Record) {
		f := strings.Fields(string(r.Value))
		if f[0] == "aborted" {
			aborted++
			return
		}
		copies[f[0]]++
		i := strings.LastIndexByte(f[1], '/')
		if parts[f[1][:i]] == nil {
			parts[f[1][:i]] = map[string]int{}
		}
		parts[f[1][:i]][f[1][i+1:]]++
	})
	// Not far ahead of the copiers, or what is left for the end depends on how slow brokers and machine
	// are.
	const ahead = 500
	in := startWriter(t, bs, "in", 3*time.Millisecond, func(i int) string { return strconv.Itoa(i) }, func(i int) bool { return i > committed.seen()+ahead })
	begun := 0 // copies that were meant to be committed
	all := startReader(t, bs, "out", kgo.ReadUncommitted(), func(r *kgo.Record) {
		if !strings.HasPrefix(string(r.Value), "aborted ") {
			begun++
		}
	})
	starts := 0
	copiers := startClients(t, 2, func(i int) *testkit.Process {
		starts++
		return testkit.Start(t, "copier", testkit.Spec{Args: run("copy", testkit.Bootstrap(bs), "in", "out", "copiers", fmt.Sprint("copier-", i), "7", "600000",
			fmt.Sprintf("%d.%d", i, starts))})
	})
	defer func() {
		if t.Failed() {
			explain(t, bs, copiers, "in", "out", "__consumer_offsets", "__transaction_state")
		}
	}()
	committed.more(t, 300)
	disturb(t, bs, copiers, committed)

	values := in.stop(t)
	testkit.Eventually(t, limit, fmt.Sprintf("all %d records are copied", len(values)), func() bool {
		copiers.revive()
		return committed.seen() >= len(values)
	})
	for _, c := range copiers.all {
		c.Kill()
	}
	committed.stop()
	all.stop()
	bad := 0
	for _, v := range values {
		if copies[v] != 1 {
			if bad++; bad <= 10 {
				t.Errorf("%s was copied %d times", v, copies[v])
			}
		}
	}
	if len(copies) != len(values) || aborted != 0 {
		t.Errorf("%d different copies of %d records, %d of them of aborted transactions", len(copies), len(values), aborted)
	}
	for label, sizes := range parts {
		for size, n := range sizes {
			if len(sizes) != 1 || size != strconv.Itoa(n) {
				t.Errorf("transaction %s: %d copies, and it had %v", label, n, sizes)
			}
		}
	}
	t.Logf("%d records copied in %d transactions; %d copies aborted, %d of them because something was killed", len(values), len(parts),
		all.seen()-len(values), begun-len(values))
	if all.seen() <= len(values) {
		t.Error("nothing was aborted")
	}
}

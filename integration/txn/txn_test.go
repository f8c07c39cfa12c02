// Package txn runs transactional producers and read_committed consumers against a broker: commits,
// aborts, fencing, timeouts, offsets in transactions, a coordinator that is killed between a
// decision and its markers.
package txn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// deadline bounds each of the tests.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func client(t testing.TB, c *testkit.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.Bootstrap), kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.FetchMaxWait(100 * time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func createTopic(ctx context.Context, t testing.TB, c *testkit.Cluster, name string, partitions int32) {
	t.Helper()
	r, err := kadm.NewClient(client(t, c)).CreateTopic(ctx, partitions, 1, nil, name)
	if err = errors.Join(err, r.Err); err != nil {
		t.Fatal(err)
	}
}

// producer is a transactional producer.
func producer(t *testing.T, c *testkit.Cluster, id string, opts ...kgo.Opt) *kgo.Client {
	return client(t, c, append([]kgo.Opt{kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
}

// transact writes values to a topic, round its partitions, and ends the transaction.
func transact(ctx context.Context, p *kgo.Client, topic string, partitions int32, end kgo.TransactionEndTry, values ...string) error {
	if err := p.BeginTransaction(); err != nil {
		return err
	}
	var records []*kgo.Record
	for i, v := range values {
		records = append(records, &kgo.Record{Topic: topic, Partition: int32(i) % partitions, Value: []byte(v)})
	}
	if err := p.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	return p.EndTransaction(ctx, end)
}

// read returns n values of a topic as a consumer with some isolation gets them.
func read(ctx context.Context, t *testing.T, c *testkit.Cluster, topic string, n int, level kgo.IsolationLevel) map[string]int {
	t.Helper()
	cl := client(t, c, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(level), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	got := map[string]int{}
	for total := 0; total < n; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("after %d of %d records: %v", total, n, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { got[string(r.Value)]++; total++ })
	}
	return got
}

func values(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + strconv.Itoa(i)
	}
	return out
}

func TestCommittedTransactionsAreReadAbortedOnesAreNot(t *testing.T) {
	c := testkit.Quickstart(t, 1)
	ctx := deadline(t)
	createTopic(ctx, t, c, "t", 2)
	p := producer(t, c, "id")
	want := map[string]int{}
	for i := range 20 {
		end := kgo.TryCommit
		if i%3 == 1 {
			end = kgo.TryAbort
		}
		vs := values(fmt.Sprintf("%d-", i), 5)
		if err := transact(ctx, p, "t", 2, end, vs...); err != nil {
			t.Fatalf("transaction %d: %v", i, err)
		}
		if end {
			for _, v := range vs {
				want[v] = 1
			}
		}
	}
	if got := read(ctx, t, c, "t", len(want), kgo.ReadCommitted()); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("committed %v\nwant %v", got, want)
	}
	if got := read(ctx, t, c, "t", 100, kgo.ReadUncommitted()); len(got) != 100 {
		t.Errorf("%d of 100 records are in the log", len(got))
	}

	// An open transaction holds back what is written behind it.
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := p.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("open")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	plain := client(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := plain.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("behind")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	admin := kadm.NewClient(plain)
	stable, end := committedEnd(ctx, t, admin, "t"), logEnd(ctx, t, admin, "t")
	if end-stable != 2 {
		t.Errorf("last stable offset %d, log end %d: 2 records should be held back", stable, end)
	}
	if err := p.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	want["open"], want["behind"] = 1, 1
	if got := read(ctx, t, c, "t", len(want), kgo.ReadCommitted()); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("after the commit %v\nwant %v", got, want)
	}
}

func committedEnd(ctx context.Context, t *testing.T, a *kadm.Client, topic string) int64 {
	t.Helper()
	return offset(t, topic)(a.ListCommittedOffsets(ctx, topic))
}

func logEnd(ctx context.Context, t *testing.T, a *kadm.Client, topic string) int64 {
	t.Helper()
	return offset(t, topic)(a.ListEndOffsets(ctx, topic))
}

// offset takes that of partition 0 out of a list, or fails.
func offset(t *testing.T, topic string) func(kadm.ListedOffsets, error) int64 {
	return func(l kadm.ListedOffsets, err error) int64 {
		t.Helper()
		if err = errors.Join(err, l.Error()); err != nil {
			t.Fatal(err)
		}
		o, _ := l.Lookup(topic, 0)
		return o.Offset
	}
}

func TestSecondProducerFencesTheFirstAndAbortsItsTransaction(t *testing.T) {
	c := testkit.Quickstart(t, 1)
	ctx := deadline(t)
	createTopic(ctx, t, c, "t", 1)
	first := producer(t, c, "id")
	if err := transact(ctx, first, "t", 1, kgo.TryCommit, "a"); err != nil {
		t.Fatal(err)
	}
	if err := first.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := first.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("lost")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	firstID, firstEpoch, err := first.ProducerID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second := producer(t, c, "id")
	id, epoch, err := second.ProducerID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if id != firstID || epoch != firstEpoch+2 {
		t.Errorf("second producer has id %d epoch %d after id %d epoch %d", id, epoch, firstID, firstEpoch)
	}
	if err := first.EndTransaction(ctx, kgo.TryCommit); !errors.Is(err, kerr.InvalidProducerEpoch) && !errors.Is(err, kerr.ProducerFenced) {
		t.Errorf("the fenced producer's commit: %v", err)
	}
	if err := transact(ctx, second, "t", 1, kgo.TryCommit, "b"); err != nil {
		t.Fatal(err)
	}
	if got := read(ctx, t, c, "t", 2, kgo.ReadCommitted()); got["a"] != 1 || got["b"] != 1 {
		t.Errorf("committed %v", got)
	}
}

func TestTransactionThatTakesTooLongIsAborted(t *testing.T) {
	c := testkit.Quickstart(t, 1, "--override", "transaction.abort.timed.out.transaction.cleanup.interval.ms=100")
	ctx := deadline(t)
	createTopic(ctx, t, c, "t", 1)
	p := producer(t, c, "id", kgo.TransactionTimeout(300*time.Millisecond))
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := p.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("late")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	admin := kadm.NewClient(client(t, c))
	testkit.Eventually(t, 10*time.Second, "the transaction is aborted", func() bool {
		return committedEnd(ctx, t, admin, "t") == 2 // the record and the marker
	})
	if err := p.EndTransaction(ctx, kgo.TryCommit); err == nil {
		t.Error("an aborted transaction was committed")
	}
}

func TestOffsetsAreCommittedWithTheTransaction(t *testing.T) {
	c := testkit.Quickstart(t, 1)
	ctx := deadline(t)
	createTopic(ctx, t, c, "in", 2)
	createTopic(ctx, t, c, "out", 2)
	const records = 200
	plain := client(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i, v := range values("", records) {
		plain.Produce(ctx, &kgo.Record{Topic: "in", Partition: int32(i % 2), Value: []byte(v)}, nil)
	}
	if err := plain.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	copied := 0
	for round := 0; copied < records; round++ {
		copied += copyRound(ctx, t, c, round, records-copied)
	}
	got := read(ctx, t, c, "out", records, kgo.ReadCommitted())
	for _, v := range values("", records) {
		if got[v] != 1 {
			t.Errorf("%s was copied %d times", v, got[v])
		}
	}
}

// copyRound copies some records as one member of the group, aborts some more, and goes away; the
// next one begins where the last committed.
func copyRound(ctx context.Context, t *testing.T, c *testkit.Cluster, round, left int) (copied int) {
	t.Helper()
	s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(c.Bootstrap), kgo.TransactionalID("copier"), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("in"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		fetches := s.PollRecords(ctx, 40)
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
		if err := s.Begin(); err != nil {
			t.Fatal(err)
		}
		n := 0
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			s.Produce(ctx, &kgo.Record{Topic: "out", Value: r.Value}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		})
		if err := s.Client().Flush(ctx); err != nil {
			t.Fatal(err)
		}
		committed, err := s.End(ctx, end)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if committed {
			copied += n
		}
		if copied == left {
			break
		}
	}
	return copied
}

func TestDecidedTransactionsAreCompletedAfterAKill(t *testing.T) {
	c := testkit.Quickstart(t, 1)
	ctx := deadline(t)
	createTopic(ctx, t, c, "t", 4)
	const producers = 4
	want := map[string]int{}
	for round := range 3 {
		var ps []*kgo.Client
		for i := range producers {
			p := producer(t, c, fmt.Sprintf("id-%d", i))
			ps = append(ps, p)
			vs := values(fmt.Sprintf("%d-%d-", round, i), 8)
			if err := transact(ctx, p, "t", 4, kgo.TryCommit, vs...); err != nil {
				t.Fatal(err)
			}
			for _, v := range vs {
				want[v]++ // the commit was acknowledged, so it has to be there after the kill
			}
		}
		for _, p := range ps { // and these are open, so they have to be gone
			if err := p.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := p.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("open")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		c.Process.Kill()
		c.Restart(t)
		for _, p := range ps {
			p.Close()
		}
	}
	for i := range producers { // ends what the last round left open
		if _, _, err := producer(t, c, fmt.Sprintf("id-%d", i)).ProducerID(ctx); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for range want {
		n++
	}
	if got := read(ctx, t, c, "t", n, kgo.ReadCommitted()); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("committed %d values: %v\nwant %d", len(got), got, len(want))
	}
}

//go:build faults || interop

package txn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// outcome is what a producer was told of a transaction.
type outcome int8

const (
	unknown outcome = iota // no answer, or an error: it may be committed or not, but not in part
	committed
	aborted
)

// recordsPerTransaction go round the partitions, so that each transaction has several leaders.
const recordsPerTransaction = 6

// ledger is what producers were told, by transaction.
type ledger struct {
	sync.Mutex
	of map[string]outcome
}

func (l *ledger) note(txn string, o outcome) {
	l.Lock()
	defer l.Unlock()
	l.of[txn] = o
}

func (l *ledger) count(o outcome) (n int) {
	l.Lock()
	defer l.Unlock()
	for _, x := range l.of {
		if x == o {
			n++
		}
	}
	return n
}

// startTransactions runs four producers until stop is called; they pause after each transaction.
func startTransactions(ctx context.Context, bootstrap []string, l *ledger, pause time.Duration) (stop func()) {
	producing, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() { produceTransactions(producing, bootstrap, fmt.Sprintf("id-%d", i), l, pause) })
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// more waits until n more transactions are committed.
func (l *ledger) more(t *testing.T, n int) {
	t.Helper()
	enough := l.count(committed) + n
	testkit.Eventually(t, time.Minute, fmt.Sprintf("%d more transactions are committed", n), func() bool { return l.count(committed) >= enough })
}

// produceTransactions commits and aborts until ctx ends; after an error it goes on as a new
// producer with the same id.
func produceTransactions(ctx context.Context, bootstrap []string, id string, l *ledger, pause time.Duration) {
	var p *kgo.Client
	for n := 0; ctx.Err() == nil; n++ {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		if p == nil {
			var err error
			if p, err = kgo.NewClient(kgo.SeedBrokers(bootstrap...), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()),
				kgo.MetadataMinAge(50*time.Millisecond), kgo.ProducerLinger(0)); err != nil {
				panic(err) // wrong options
			}
		}
		txn := id + "/" + strconv.Itoa(n)
		l.note(txn, unknown)
		end := kgo.TransactionEndTry(n%4 != 3)
		if err := transact(ctx, p, "t", 4, end, values(txn+"/", recordsPerTransaction)...); err != nil {
			p.Close()
			p = nil
			continue
		}
		if end {
			l.note(txn, committed)
		} else {
			l.note(txn, aborted)
		}
	}
	if p != nil {
		p.Close()
	}
}

// checkTransactions reads everything that is committed, compares it with what the producers were
// told, and returns the number of records.
func checkTransactions(ctx context.Context, t *testing.T, c *testkit.Cluster, l *ledger) (records int) {
	t.Helper()
	// What the producers left open holds nobody up once they are replaced.
	for i := range 4 {
		if _, _, err := producer(t, c, fmt.Sprintf("id-%d", i)).ProducerID(ctx); err != nil {
			t.Fatal(err)
		}
	}
	admin := kadm.NewClient(client(t, c))
	ends := func(list func(context.Context, ...string) (kadm.ListedOffsets, error)) map[int32]int64 {
		o, err := list(ctx, "t")
		if err = errors.Join(err, o.Error()); err != nil {
			t.Fatal(err)
		}
		out := map[int32]int64{}
		o.Each(func(o kadm.ListedOffset) { out[o.Partition] = o.Offset })
		return out
	}
	testkit.Eventually(t, 20*time.Second, "no transaction is open", func() bool {
		return fmt.Sprint(ends(admin.ListCommittedOffsets)) == fmt.Sprint(ends(admin.ListEndOffsets))
	})
	left := ends(admin.ListEndOffsets)
	reader := client(t, c, kgo.ConsumeTopics("t"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.KeepControlRecords())
	got, seen := map[string]int{}, map[string]bool{}
	for len(left) > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("partitions not read to the end: %v: %v", left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if end, ok := left[r.Partition]; ok && r.Offset+1 >= end { // the last record is a marker
				delete(left, r.Partition)
			}
			if r.Attrs.IsControl() {
				return
			}
			v := string(r.Value)
			if seen[v] {
				t.Errorf("%s is there twice", v)
			}
			seen[v] = true
			got[v[:strings.LastIndexByte(v, '/')]]++
		})
	}
	for txn, told := range l.of {
		n := got[txn]
		switch {
		case told == committed && n != recordsPerTransaction, told == aborted && n != 0, n != 0 && n != recordsPerTransaction:
			t.Errorf("transaction %s: %d of %d records, outcome %d", txn, n, recordsPerTransaction, told)
		}
	}
	t.Logf("%d committed, %d aborted, %d unknown", l.count(committed), l.count(aborted), l.count(unknown))
	return len(seen)
}

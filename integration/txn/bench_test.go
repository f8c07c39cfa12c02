package txn

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// BenchmarkTransactions commits transactions of ten records in two partitions, by one producer and
// by eight at the same time.
func BenchmarkTransactions(b *testing.B) {
	c := testkit.Quickstart(b, 1)
	createTopic(b.Context(), b, c, "bench", 2)
	for _, producers := range []int{1, 8} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			var (
				wg   sync.WaitGroup
				mu   sync.Mutex
				took []time.Duration
			)
			var ps []*kgo.Client
			for i := range producers {
				p, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap), kgo.TransactionalID(fmt.Sprintf("bench-%d-%d", producers, i)),
					kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close()
				if err := benchTransaction(b.Context(), p); err != nil {
					b.Fatal(err)
				}
				ps = append(ps, p)
			}
			b.ResetTimer()
			for _, p := range ps {
				wg.Go(func() {
					var own []time.Duration
					for range b.N {
						began := time.Now()
						if err := benchTransaction(b.Context(), p); err != nil {
							b.Error(err)
							return
						}
						own = append(own, time.Since(began))
					}
					mu.Lock()
					took = append(took, own...)
					mu.Unlock()
				})
			}
			wg.Wait()
			slices.Sort(took)
			if len(took) > 0 {
				b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "txn/s")
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			}
		})
	}
}

func benchTransaction(ctx context.Context, p *kgo.Client) error {
	if err := p.BeginTransaction(); err != nil {
		return err
	}
	var rs []*kgo.Record
	for i := range 10 {
		rs = append(rs, &kgo.Record{Topic: "bench", Partition: int32(i % 2), Value: []byte("0123456789")})
	}
	if err := p.ProduceSync(ctx, rs...).FirstErr(); err != nil {
		return err
	}
	return p.EndTransaction(ctx, kgo.TryCommit)
}

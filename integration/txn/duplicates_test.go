//go:build faults || interop

package txn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
)

// cutter cuts a share of the connections that produce, in each place where a cut makes a producer
// send again.
type cutter struct {
	mu       sync.Mutex
	rng      *rand.Rand
	share    float64
	answered int                     // produce requests that the broker has answered without error
	lost     int                     // of these, answers that did not arrive
	cuts     map[testkit.Verdict]int // of requests
}

func newCutter(share float64) *cutter {
	return &cutter{rng: rand.New(rand.NewPCG(1, 2)), share: share, cuts: map[testkit.Verdict]int{}}
}

func (c *cutter) hooks(int) testkit.Hooks {
	return testkit.Hooks{
		Request: func(r *testkit.Request) testkit.Verdict {
			c.mu.Lock()
			defer c.mu.Unlock()
			if r.Key != int16(kmsg.Produce) || c.rng.Float64() > c.share/4 {
				return testkit.Forward
			}
			v := []testkit.Verdict{testkit.CutInstead, testkit.CutWithin, testkit.CutAfter, testkit.CutAfter}[c.rng.IntN(4)]
			c.cuts[v]++
			return v
		},
		Answer: func(r *testkit.Request, body []byte) testkit.Verdict {
			if r.Key != int16(kmsg.Produce) {
				return testkit.Forward
			}
			resp, err := r.DecodeAnswer(body)
			if err != nil {
				return testkit.CutInstead // counted as nothing: the test fails for want of cuts
			}
			for _, t := range resp.(*kmsg.ProduceResponse).Topics {
				for _, p := range t.Partitions {
					if p.ErrorCode != 0 {
						return testkit.Forward
					}
				}
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.answered++
			if c.rng.Float64() > c.share {
				return testkit.Forward
			}
			c.lost++
			return []testkit.Verdict{testkit.CutInstead, testkit.CutWithin}[c.rng.IntN(2)]
		},
	}
}

// check reports what was cut; enough of it has to be.
func (c *cutter) check(t *testing.T, enough int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Logf("%d produce requests appended, %d of the answers cut; requests cut before, within and after: %d, %d, %d", c.answered, c.lost,
		c.cuts[testkit.CutInstead], c.cuts[testkit.CutWithin], c.cuts[testkit.CutAfter])
	if c.lost < enough {
		t.Errorf("only %d answers were cut", c.lost)
	}
}

// cutCluster is three brokers behind proxies that cut a share of the produce requests.
func cutCluster(t *testing.T, share float64) (bootstrap string, brokers []*testkit.Cluster, c *cutter) {
	t.Helper()
	c = newCutter(share)
	brokers, proxies := testkit.BehindFrameProxies(t, coordination(t), 3, testkit.BrokerAt, c.hooks, "min.insync.replicas=2")
	var list []string
	for _, p := range proxies {
		list = append(list, p.Addr)
	}
	return strings.Join(list, ","), brokers, c
}

// coordination starts the embedded coordination server and returns its address.
func coordination(t *testing.T) string {
	t.Helper()
	port := testkit.FreePort(t)
	testkit.Start(t, "coordination server", testkit.Spec{Args: []string{testkit.Binary(t), "zookeeper", "--dir", t.TempDir(), "--host", "127.0.0.1", "--port", strconv.Itoa(port)}})
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func createReplicated(ctx context.Context, t *testing.T, bootstrap, topic string, partitions int32) {
	t.Helper()
	adm := testkit.Admin(t, bootstrap)
	r, err := adm.CreateTopic(ctx, partitions, 3, nil, topic)
	if err = errors.Join(err, r.Err); err != nil {
		t.Fatal(err)
	}
}

// mistakes are counted, since one cause may make very many, and may be added after the test has
// ended: a producer tells of records that it gives up when it is closed.
type mistakes struct {
	mu    sync.Mutex
	count int
	first string
}

func (m *mistakes) add(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.count++; m.count == 1 {
		m.first = fmt.Sprintf(format, args...)
	}
}

func (m *mistakes) check(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.count > 0 {
		t.Errorf("%s, and %d more", m.first, m.count-1)
	}
}

// whileMoving is a context that ends when step was not called for a minute: how long a million
// records take depends on the machine, and on how the broker was built.
func whileMoving(t *testing.T) (ctx context.Context, step func()) {
	t.Helper()
	const still = time.Minute
	ctx, cancel := context.WithCancelCause(t.Context())
	timer := time.AfterFunc(still, func() { cancel(fmt.Errorf("nothing has moved for %v", still)) })
	t.Cleanup(func() { timer.Stop(); cancel(nil) })
	return ctx, func() { timer.Reset(still) }
}

// A million records of idempotent producers, while a fifth of the answers is cut after the broker
// has appended and before it is heard: none is lost, none is there twice, the order is kept.
func TestMillionRecordsThroughCutConnections(t *testing.T) {
	const records, partitions, producers = 1_000_000, 8, 4
	ctx, step := whileMoving(t)
	at, brokers, cut := cutCluster(t, 0.2)
	createReplicated(ctx, t, at, "t", partitions)
	began := time.Now()
	var wrong mistakes
	var wg sync.WaitGroup
	for n := range producers {
		p, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(at, ",")...), kgo.DefaultProduceTopic("t"), kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerBatchMaxBytes(1000), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordDeliveryTimeout(0),
			kgo.RecordRetries(1<<30), kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }), kgo.MetadataMinAge(20*time.Millisecond),
			kgo.MaxBufferedRecords(20_000), kgo.ProducerLinger(0))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		wg.Go(func() {
			const own = partitions / producers
			for i := range records / producers {
				partition, number := int32(n*own+i%own), i/own
				p.Produce(ctx, &kgo.Record{Partition: partition, Value: strconv.AppendInt(nil, int64(number), 10)}, func(r *kgo.Record, err error) {
					if err != nil || r.Offset != int64(number) {
						wrong.add("record %d of partition %d: offset %d, %v", number, partition, r.Offset, err)
					}
					step()
				})
			}
			if err := p.Flush(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wrong.check(t)
	t.Logf("%d records in %s", records, time.Since(began).Round(time.Millisecond))
	if t.Failed() {
		t.FailNow()
	}
	cut.check(t, 1000)

	cl := client(t, brokers[0], kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, "t")
	if err = errors.Join(err, ends.Error()); err != nil {
		t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset != records/partitions {
			t.Errorf("partition %d ends at %d, %d records were sent", o.Partition, o.Offset, records/partitions)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	next := make([]int64, partitions)
	for total := 0; total < records; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("after %d of %d records: %v", total, records, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset != next[r.Partition] || string(r.Value) != strconv.FormatInt(r.Offset, 10) {
				t.Fatalf("partition %d: record %q at offset %d, expected %d there", r.Partition, r.Value, r.Offset, next[r.Partition])
			}
			next[r.Partition]++
			total++
			step()
		})
	}
}

package testkit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Load is an idempotent producer (acks=all) that numbers its records in each partition, and a group
// member that commits what it read.
type Load struct {
	producer   *kgo.Client
	topic      string
	partitions int32
	cancel     context.CancelFunc
	wg         sync.WaitGroup

	gate sync.RWMutex // held while the load is paused

	mu    sync.Mutex
	acked map[int32][]int64 // partition → offset of record i
	total int
	err   error
}

// Replication is how a topic is replicated.
type Replication struct {
	Factor int16
	MinISR int
	// Pipelined makes the producer keep five small requests in flight to each leader, and stop for
	// good when the log does not continue what it had sent.
	Pipelined bool
	// Rate is how many records a second are sent to each partition; 0 is as many as it takes.
	Rate int
}

// StartLoad creates a topic with one replica and starts both.
func StartLoad(t testing.TB, bootstrap, topic string, partitions int32) *Load {
	t.Helper()
	return StartReplicatedLoad(t, bootstrap, topic, partitions, Replication{Factor: 1, MinISR: 1})
}

// StartReplicatedLoad creates the topic, without unclean elections, and starts both.
func StartReplicatedLoad(t testing.TB, bootstrap, topic string, partitions int32, r Replication) *Load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &Load{topic: topic, partitions: partitions, cancel: cancel, acked: map[int32][]int64{}}
	seeds := kgo.SeedBrokers(strings.Split(bootstrap, ",")...)
	underWay := 50 // records of a partition
	opts := []kgo.Opt{seeds, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// Records never expire: a record that was not acknowledged is still under way, so that the
		// producer's own order is what is checked.
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }), kgo.RecordDeliveryTimeout(0), kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.AlwaysRetryEOF()} // a broker that stops ends connections before their first answer
	if r.Pipelined {
		underWay = 1000
		// Small batches and no linger keep five requests in flight, which is where an order can be
		// lost.
		opts = append(opts, kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(512), kgo.UnknownTopicRetries(-1), kgo.StopProducerOnDataLossDetected())
	}
	producer, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	// Small segments, so that a run rolls some.
	small, minISR, clean := "65536", fmt.Sprint(r.MinISR), "false"
	settings := map[string]*string{"segment.bytes": &small, "min.insync.replicas": &minISR, "unclean.leader.election.enable": &clean}
	if _, err := kadm.NewClient(producer).CreateTopic(ctx, partitions, r.Factor, settings, topic); err != nil {
		t.Fatal(err)
	}
	l.producer = producer
	for p := range partitions {
		l.wg.Go(func() {
			slots := make(chan struct{}, underWay) // the callbacks of one partition come in order
			began := time.Now()
			for i := 0; ctx.Err() == nil; i++ {
				if r.Rate > 0 {
					pace(ctx, began.Add(time.Duration(i)*time.Second/time.Duration(r.Rate)))
				}
				l.passGate()
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
					return
				}
				// Without ctx: what was begun is waited for, since its fate is what the check is
				// about.
				producer.Produce(context.Background(), &kgo.Record{Partition: p, Value: fmt.Appendf(nil, "%d", i)}, func(r *kgo.Record, err error) {
					l.mu.Lock()
					defer l.mu.Unlock()
					if err != nil {
						l.err = errors.Join(l.err, err)
					} else {
						l.acked[p] = append(l.acked[p], r.Offset)
						l.total++
					}
					<-slots
				})
			}
		})
	}
	member, err := kgo.NewClient(seeds, kgo.ConsumeTopics(topic), kgo.ConsumerGroup("group-"+topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitInterval(100*time.Millisecond), kgo.MetadataMinAge(50*time.Millisecond), kgo.AlwaysRetryEOF())
	if err != nil {
		t.Fatal(err)
	}
	l.wg.Go(func() {
		defer member.Close()
		for ctx.Err() == nil {
			member.PollFetches(ctx)
		}
		// A member that came late, or again after it had lost what it had read, still reads
		// something of each partition, and commits it.
		last, done := context.WithTimeout(context.Background(), time.Minute)
		defer done()
		for last.Err() == nil && !committedSome(member, topic, partitions) {
			round, end := context.WithTimeout(last, 100*time.Millisecond)
			member.PollFetches(round)
			end()
			_ = member.CommitUncommittedOffsets(last) // the last one below must succeed
		}
		if err := member.CommitUncommittedOffsets(last); err != nil {
			l.mu.Lock()
			l.err = errors.Join(l.err, fmt.Errorf("the group's last commit: %w", err))
			l.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		cancel()
		l.wg.Wait()
		producer.Close()
	})
	return l
}

// Acked is how many records are acknowledged.
func (l *Load) Acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// WaitMore waits until n more records are acknowledged.
func (l *Load) WaitMore(t testing.TB, n int) {
	t.Helper()
	l.WaitAcked(t, l.Acked()+n)
}

// committedSome tells whether a member has committed something of each partition.
func committedSome(member *kgo.Client, topic string, partitions int32) bool {
	of := member.CommittedOffsets()[topic]
	for p := range partitions {
		if of[p].Offset <= 0 {
			return false
		}
	}
	return true
}

// WaitAcked waits until n records in all are acknowledged.
func (l *Load) WaitAcked(t testing.TB, n int) {
	t.Helper()
	Eventually(t, 60*time.Second, fmt.Sprintf("%d records acknowledged", n), func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.err != nil {
			t.Fatalf("a record was refused: %v", l.err)
		}
		return l.total >= n
	})
}

// Pause stops producing and waits for the answers to what is under way; end it with Resume.
func (l *Load) Pause() {
	// A writer waits for all readers at the gate and keeps new ones out.
	l.gate.Lock()
	l.flush()
}

// Resume goes on after Pause.
func (l *Load) Resume() { l.gate.Unlock() }

// WaitCommitted waits until the group has committed n more records in all than it has now.
func (l *Load) WaitCommitted(t testing.TB, bootstrap string, n int64) {
	t.Helper()
	adm, first, last := Admin(t, bootstrap), int64(-1), ""
	defer func() {
		if t.Failed() {
			t.Logf("the last answer about the group's offsets was %s", last)
		}
	}()
	Eventually(t, 60*time.Second, fmt.Sprintf("%d more records committed by the group", n), func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		offsets, err := adm.FetchOffsets(ctx, "group-"+l.topic)
		last = fmt.Sprint(offsets, err)
		if err != nil {
			return false
		}
		sum := int64(0)
		for _, o := range offsets[l.topic] {
			sum += max(o.At, 0)
		}
		if first < 0 {
			first = sum
		}
		return sum >= first+n
	})
}

// Stop ends the load and waits for the answers to what is under way.
func (l *Load) Stop() {
	l.cancel()
	l.wg.Wait()
	l.flush()
}

// flush waits until each record is acknowledged or has failed.
func (l *Load) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := l.producer.Flush(ctx); err != nil {
		l.mu.Lock()
		l.err = errors.Join(l.err, fmt.Errorf("records without an answer: %w", err))
		l.mu.Unlock()
	}
}

// Check reads everything back: record i of a partition is "i" at the acknowledged offset, each
// once, in order, without gaps; the group's committed offsets lie within the log and are not lost.
func (l *Load) Check(t testing.TB, bootstrap string) {
	t.Helper()
	ctx, cl, end := readFromStart(t, bootstrap, l.topic)
	defer end()
	adm := kadm.NewClient(cl)
	ends := endOffsets(ctx, t, cl, l.topic, l.partitions)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		t.Fatalf("a record was refused: %v", l.err)
	}
	next := readNumbered(ctx, t, cl, ends, l.topic, l.partitions)
	for p, offsets := range l.acked {
		for i, o := range offsets {
			// Idempotence, one partition, no other producer: the i-th record has offset i.
			if o != int64(i) {
				t.Fatalf("partition %d: record %d was acknowledged at offset %d", p, i, o)
			}
		}
		// More may be there than was acknowledged: answers get lost in a crash.
		if int64(len(offsets)) > next[p] {
			t.Fatalf("partition %d: %d records acknowledged, %d there", p, len(offsets), next[p])
		}
	}
	var committed kadm.OffsetResponses
	Eventually(t, 30*time.Second, "the group's coordinator answers", func() bool {
		var err error
		committed, err = adm.FetchOffsets(ctx, "group-"+l.topic)
		return err == nil
	})
	for p := range l.partitions {
		o, ok := committed.Lookup(l.topic, p)
		if !ok || o.At <= 0 || o.At > next[p] {
			t.Fatalf("partition %d: committed offset %+v, the log ends at %d", p, o, next[p])
		}
	}
	t.Logf("%d records acknowledged, all there", l.total)
}

// pace waits for the time of the next record.
func pace(ctx context.Context, due time.Time) {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// passGate waits while the load is paused.
func (l *Load) passGate() {
	l.gate.RLock()
	defer l.gate.RUnlock()
}

// CheckNumbered reads a topic back whose producer numbered the records of each partition: record i
// is "i" at offset i, each once, in order, without gaps. It returns how many there are by
// partition.
func CheckNumbered(t testing.TB, bootstrap, topic string, partitions int32) []int64 {
	t.Helper()
	ctx, cl, end := readFromStart(t, bootstrap, topic)
	defer end()
	return readNumbered(ctx, t, cl, endOffsets(ctx, t, cl, topic, partitions), topic, partitions)
}

// readFromStart is a client that reads all of a topic, and the time that it has for it.
func readFromStart(t testing.TB, bootstrap, topic string) (ctx context.Context, cl *kgo.Client, end func()) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	return ctx, cl, func() {
		cancel()
		cl.Close()
	}
}

// endOffsets waits until every partition has a leader: a broker that has just started has none yet.
func endOffsets(ctx context.Context, t testing.TB, cl *kgo.Client, topic string, partitions int32) (ends kadm.ListedOffsets) {
	t.Helper()
	adm := kadm.NewClient(cl)
	Eventually(t, 30*time.Second, "every partition of "+topic+" has a leader", func() bool {
		var err error
		ends, err = adm.ListEndOffsets(ctx, topic)
		return err == nil && ends.Error() == nil && len(ends[topic]) == int(partitions)
	})
	return ends
}

// readNumbered consumes up to ends and returns the offsets after the last record of each partition.
func readNumbered(ctx context.Context, t testing.TB, cl *kgo.Client, ends kadm.ListedOffsets, topic string, partitions int32) []int64 {
	t.Helper()
	next := make([]int64, partitions)
	behind := func() bool {
		for p := range partitions {
			if end, _ := ends.Lookup(topic, p); next[p] < end.Offset {
				return true
			}
		}
		return false
	}
	for behind() {
		fs := cl.PollFetches(ctx)
		if err := fs.Err0(); err != nil {
			t.Fatal(err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			if r.Offset != next[r.Partition] || string(r.Value) != fmt.Sprint(r.Offset) {
				t.Fatalf("partition %d: record %q at offset %d, expected %d there", r.Partition, r.Value, r.Offset, next[r.Partition])
			}
			next[r.Partition]++
		})
	}
	return next
}

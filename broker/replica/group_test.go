package replica

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/log"
	"momus/storage/record"
	"momus/storage/vfs"
)

// idempotentBatch is the n-th batch of one record of a producer.
func idempotentBatch(producer int64, n int32) []byte {
	o := record.DefaultOptions()
	o.ProducerID, o.ProducerEpoch, o.BaseSequence = producer, 0, n
	b := record.NewBuilder(o)
	b.Append(1_800_000_000_000, nil, fmt.Appendf(nil, "%d-%d", producer, n))
	return b.Bytes()
}

// meet is a Meet that waits now and then for others to come.
func meet(enough <-chan struct{}) {
	for range rand.IntN(20) {
		select {
		case <-enough:
			return
		default:
			runtime.Gosched()
		}
	}
}

// TestAppendsMeet has many requests append to some of the same partitions at once, while leaderships
// end and begin again and writes fail: what was acknowledged is in the log once, at the offset that
// was answered and in the order of its producer, and nothing else is.
func TestAppendsMeet(t *testing.T) {
	const producers, requests, partitions = 16, 150, 4
	c := newCluster(t, 1)
	defer c.stop()
	b := c.brokers[1]
	b.m.opts.Meet = meet
	tps := make([]model.TopicPartition, partitions)
	for i := range tps {
		tps[i] = model.TopicPartition{Topic: "t", Partition: int32(i)}
		c.lead(tps[i], 1, 0, isr(1), 1)
	}
	writes := b.fs.Inject(vfs.Rule{Op: vfs.OpWrite, Base: "*.log"})
	type place struct {
		partition int
		offset    int64
	}
	var mu sync.Mutex
	acked := map[place]string{} // guarded by mu
	appends := 0                // guarded by mu
	var wg sync.WaitGroup
	for id := range int64(producers) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(id), 3))
			var next [partitions]int32
			for range requests {
				var entries []AppendEntry
				for _, p := range rnd.Perm(partitions)[:1+rnd.IntN(partitions)] {
					entries = append(entries, AppendEntry{TP: tps[p], Records: idempotentBatch(id, next[p])})
				}
				results := b.m.Append(entries, int16(rnd.IntN(3)-1), record.OriginClient).Wait(context.Background(), time.Minute)
				for _, r := range results {
					p := int(r.TP.Partition)
					if r.Err == nil {
						mu.Lock()
						acked[place{p, r.BaseOffset}] = fmt.Sprintf("%d-%d", id, next[p])
						appends++
						mu.Unlock()
						next[p]++
					} else if kerr.Of(r.Err) != kerr.NotLeaderForPartition {
						t.Errorf("producer %d, partition %d: %v", id, p, r.Err)
					}
				}
			}
		})
	}
	done := make(chan struct{})
	var changing sync.WaitGroup
	changing.Go(func() {
		for epoch := int32(1); ; epoch++ {
			select {
			case <-done:
				return
			default:
			}
			tp := tps[int(epoch)%partitions]
			c.lead(tp, 1, epoch, isr(1), 1) // the same leader under a new epoch
			runtime.Gosched()
		}
	})
	wg.Wait()
	close(done)
	changing.Wait()
	if n := writes(); n >= appends*4/5 {
		t.Errorf("%d writes for %d appends", n, appends)
	}
	found := 0
	for i, tp := range tps {
		last := map[string]string{}
		for raw := content(t, b.log(tp)); len(raw) > 0; {
			entry, rest, err := record.Next(raw)
			if err != nil || entry == nil {
				t.Fatal(err)
			}
			raw = rest
			if err := entry.Verify(); err != nil {
				t.Fatal(err)
			}
			var value string
			if err := entry.ForEach(nil, func(r *record.Record) error { value = string(r.Value); return nil }); err != nil {
				t.Fatal(err)
			}
			if want := acked[place{i, entry.BaseOffset()}]; value != want {
				t.Fatalf("partition %d has %q at %d, acknowledged was %q", i, value, entry.BaseOffset(), want)
			}
			id, n, _ := strings.Cut(value, "-")
			if before, ok := last[id]; ok && fmt.Sprint(1+number(t, before)) != n || !ok && n != "0" {
				t.Fatalf("partition %d has %s of %s after %q", i, n, id, before)
			}
			last[id] = n
			found++
		}
	}
	if found != len(acked) || found != appends {
		t.Errorf("%d records, %d places and %d appends were acknowledged", found, len(acked), appends)
	}
}

func number(t *testing.T, s string) (n int) {
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestNobodyLeadsForEver gives the lead on after some groups.
func TestNobodyLeadsForEver(t *testing.T) {
	var q appendQueue
	item := func() *appending {
		c := &appendCall{wake: make(chan struct{}, 1)}
		c.items = make([]appending, 1)
		c.items[0].call = c
		c.left.Add(1)
		q.push(&c.items[0])
		return &c.items[0]
	}
	leader := item()
	if !q.lead(leader) {
		t.Fatal("the first does not lead")
	}
	for n := 1; n < groupsLed; n++ {
		other := item()
		if q.lead(other) {
			t.Fatal("two lead")
		}
		if !q.next(leader.call, n) || !leader.done || !slices.Contains(q.group, other) {
			t.Fatalf("group %d does not have the one that came", n)
		}
	}
	heir, third := item(), item()
	if q.next(leader.call, groupsLed) {
		t.Fatal("it goes on leading")
	}
	select {
	case <-heir.call.wake:
	default:
		t.Fatal("the heir was not woken")
	}
	if q.lead(third) || !q.lead(heir) || len(q.group) != 2 {
		t.Fatalf("the heir leads a group of %d", len(q.group))
	}
	if q.next(heir.call, 1) || !heir.done || !third.done || q.led || third.call.left.Load() != 0 {
		t.Fatal("the group has not ended")
	}
	if q.lead(third) {
		t.Fatal("one that is done leads")
	}
}

// TestPanicEndsItsGroup: every request of a group that meets a panic ends by it, and the next group
// is appended.
func TestPanicEndsItsGroup(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stop()
	b := c.brokers[1]
	c.lead(tp0, 1, 0, isr(1), 1)
	p := b.m.Partition(tp0)
	good := p.role.Load()
	broken := *good
	broken.log = &log.Log{} // without a configuration
	p.role.Store(&broken)
	var calls []*appendCall
	for range 3 {
		call := b.m.meeting.call(1)
		call.items[0] = appending{p: p, call: call, acks: -1}
		call.left.Store(1)
		p.queue.push(&call.items[0])
		calls = append(calls, call)
	}
	p.settle(&calls[1].items[0])
	for i, call := range calls {
		if a := &call.items[0]; call.left.Load() != 0 || a.panicked == nil {
			t.Errorf("call %d: %d left, panic %v", i, call.left.Load(), a.panicked)
		}
	}
	p.role.Store(good)
	if r := b.append(-1, "x").Results()[0]; r.Err != nil || r.BaseOffset != 0 {
		t.Errorf("%+v", r)
	}
}

// A panic while a request waits for others to come leaves nothing of it in a queue: its caller uses
// the memory for other things when it has unwound.
func TestPanicLeavesNothingQueued(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stop()
	b := c.brokers[1]
	tps := []model.TopicPartition{{Topic: "t"}, {Topic: "t", Partition: 1}}
	for _, tp := range tps {
		c.lead(tp, 1, 0, isr(1), 1)
	}
	entries := func(n int32) (entries []AppendEntry) {
		for _, tp := range tps {
			entries = append(entries, AppendEntry{TP: tp, Records: idempotentBatch(1, n)})
		}
		return entries
	}
	b.m.opts.Meet = func(<-chan struct{}) { panic("injected") }
	first := entries(0)
	func() {
		defer func() {
			if r := recover(); r != "injected" {
				t.Errorf("recovered %v", r)
			}
		}()
		b.m.Append(first, -1, record.OriginClient)
	}()
	for _, e := range first {
		clear(e.Records)
	}
	b.m.opts.Meet = nil
	for _, r := range b.m.Append(entries(1), -1, record.OriginClient).Results() {
		if r.Err != nil || r.BaseOffset != 1 {
			t.Errorf("%s: offset %d, %v", r.TP, r.BaseOffset, r.Err)
		}
	}
	for _, tp := range tps {
		p, err := b.m.partition(tp, true)
		if err != nil || len(p.queue.waiting) > 0 || p.queue.led {
			t.Errorf("%s: %d are queued, led %v, %v", tp, len(p.queue.waiting), p.queue.led, err)
		}
	}
	if n := b.m.meeting.bytes.Load(); n != 0 {
		t.Errorf("%d bytes wait", n)
	}
}

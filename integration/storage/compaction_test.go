//go:build interop

package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
	"momus/internal/model"
	"momus/storage/checkpoint"
	"momus/storage/vfs"
)

const (
	compactedRecords = 5_000_000
	compactedKeys    = 100_000
	compactedTopic   = "compacted"
)

// latest is the model of a compacted topic: for each key the number of its last record, negative
// for a tombstone, 0 for none.
type latest struct {
	mu     sync.Mutex
	number []int64 // guarded by mu
}

func (l *latest) set(key int, number int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number[key] = number
}

func (l *latest) all() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]int64(nil), l.number...)
}

// compactedLoad produces to the compacted topic without a pause, whatever happens to the broker.
type compactedLoad struct {
	model latest
	acked atomic.Int64
	last  atomic.Bool // enough has happened: stop after compactedRecords
	fault atomic.Pointer[error]
	done  chan struct{}
}

// startCompactedLoad sends records with random keys, one in twenty a tombstone. A record's value is
// its number.
func startCompactedLoad(t *testing.T, bootstrap string) *compactedLoad {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.DefaultProduceTopic(compactedTopic), kgo.MetadataMinAge(20*time.Millisecond),
		kgo.ProducerBatchMaxBytes(200_000), kgo.ProducerLinger(2*time.Millisecond), kgo.MaxBufferedRecords(20_000), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }))
	if err != nil {
		t.Fatal(err)
	}
	l := &compactedLoad{model: latest{number: make([]int64, compactedKeys)}, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		<-l.done
		cl.Close()
	})
	go func() {
		defer close(l.done)
		rnd := rand.New(rand.NewPCG(5, 5))
		for n := int64(1); (n <= compactedRecords || !l.last.Load()) && ctx.Err() == nil; n++ {
			key := rnd.IntN(compactedKeys)
			r := &kgo.Record{Key: fmt.Appendf(nil, "key-%06d", key), Value: binary.AppendVarint(nil, n)}
			number := n
			if rnd.IntN(20) == 0 {
				r.Value, number = nil, -n
			}
			l.model.set(key, number)
			cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
				if err != nil {
					l.fault.CompareAndSwap(nil, &err)
					return
				}
				l.acked.Add(1)
			})
		}
		if err := cl.Flush(ctx); err != nil {
			l.fault.CompareAndSwap(nil, &err)
		}
	}()
	return l
}

// wait waits until n records are acknowledged.
func (l *compactedLoad) wait(t *testing.T, n int64) {
	t.Helper()
	testkit.Eventually(t, 3*time.Minute, fmt.Sprintf("%d records are acknowledged", n), func() bool {
		if err := l.fault.Load(); err != nil {
			t.Fatalf("a record was refused: %v", *err)
		}
		return l.acked.Load() >= n
	})
}

// contents is what a consumer makes of the topic: for each key the number of its last record.
type contents struct {
	number  []int64
	records int
	twice   int   // records below the first dirty offset whose key is there again below it
	last    int64 // offset of the last record
}

// consume reads the topic from its start to its end; what lies below clean must have every key
// once.
func consume(t *testing.T, bootstrap string, clean int64) contents {
	t.Helper()
	// A broker that has just started serves before it leads: it says so, and gives no offset then.
	adm := testkit.Admin(t, bootstrap)
	var end kadm.ListedOffset
	testkit.Eventually(t, time.Minute, "the partition has a leader", func() bool {
		ends, err := adm.ListEndOffsets(context.Background(), compactedTopic)
		if err != nil {
			t.Fatal(err)
		}
		var found bool
		end, found = ends.Lookup(compactedTopic, 0)
		return found && end.Err == nil
	})
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{compactedTopic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := contents{number: make([]int64, compactedKeys), last: -1}
	seen := make([]bool, compactedKeys)
	for c.last < end.Offset-1 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read to offset %d of %d: %v", c.last, end.Offset, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			var key int
			if _, err := fmt.Sscanf(string(r.Key), "key-%d", &key); err != nil || key >= compactedKeys {
				t.Fatalf("key %q at %d", r.Key, r.Offset)
			}
			number, size := binary.Varint(r.Value)
			if r.Value == nil {
				number = -1
			} else if size != len(r.Value) || number <= c.number[key] {
				t.Fatalf("%q has value %x at %d, after %d", r.Key, r.Value, r.Offset, c.number[key])
			}
			c.number[key] = number
			if r.Offset <= c.last {
				t.Fatalf("offset %d after %d", r.Offset, c.last)
			}
			c.last = r.Offset
			c.records++
			if r.Offset < clean {
				if seen[key] {
					c.twice++
				}
				seen[key] = true
			}
		})
	}
	return c
}

// firstDirty is the offset up to which the cleaner has cleaned, and the base of the active segment.
func firstDirty(t *testing.T, dir string) (clean, active int64) {
	t.Helper()
	offsets, err := checkpoint.ReadOffsets(vfs.OS{}, filepath.Join(filepath.Dir(dir), checkpoint.CleanerFile))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if base, found := strings.CutSuffix(e.Name(), ".log"); found {
			fmt.Sscanf(base, "%d", &active) // in order: the last one stays
		}
	}
	return offsets[model.TopicPartition{Topic: compactedTopic}], active
}

// killWhile kills the broker as soon as a file with that ending is in dir, and tells whether one is
// left.
func killWhile(t *testing.T, c *testkit.Cluster, dir, suffix string) bool {
	t.Helper()
	there := func() bool {
		d, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		names, err := d.Readdirnames(-1)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, suffix) {
				return true
			}
		}
		return false
	}
	for deadline := time.Now().Add(time.Minute); !there(); { // without a pause: it does not last
		if time.Now().After(deadline) {
			t.Fatalf("no %s file within a minute", suffix)
		}
	}
	c.Process.Kill()
	return there()
}

// Five million records or some more with a hundred thousand keys are compacted while they come, and
// the broker is killed in the middle of cleanings, when their output is being written and when it
// is being swapped in: in the end the topic has exactly the latest value of each key.
func TestCompactedTopicHasTheLatestValues(t *testing.T) {
	c := testkit.Quickstart(t, 1, "--override", "log.cleaner.backoff.ms=20", "--override", "log.cleaner.threads=1")
	settings := map[string]string{"cleanup.policy": "compact", "segment.bytes": "4000000", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "1",
		"file.delete.delay.ms": "100"}
	configs := map[string]*string{}
	for k, v := range settings {
		configs[k] = kadm.StringPtr(v)
	}
	if _, err := testkit.Admin(t, c.Bootstrap).CreateTopic(context.Background(), 1, 1, configs, compactedTopic); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(c.Dir, "*", compactedTopic+"-0"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v (%v)", found, err)
	}
	dir := found[0]

	begun := time.Now()
	load := startCompactedLoad(t, c.Bootstrap)
	load.wait(t, compactedRecords/10)
	kills := map[string]int{}
	left := map[string]int{} // kills that found the broker in the act
	for i := 0; i < 24 && (left[".cleaned"] < 3 || left[".swap"] < 3); i++ {
		suffix := []string{".cleaned", ".swap"}[i%2]
		if left[suffix] >= 3 {
			continue
		}
		if killWhile(t, c, dir, suffix) {
			left[suffix]++
		}
		kills[suffix]++
		c.Restart(t)
		load.wait(t, load.acked.Load()+compactedRecords/10)
	}
	t.Logf("killed %v, left behind %v, %d records in %s", kills, left, load.acked.Load(), time.Since(begun).Round(time.Millisecond))
	if left[".cleaned"] == 0 || left[".swap"] == 0 {
		t.Errorf("the kills %v left only %v behind", kills, left)
	}
	load.last.Store(true)
	load.wait(t, compactedRecords)
	select {
	case <-load.done:
	case <-time.After(time.Minute):
		t.Fatal("the last records are not acknowledged")
	}
	t.Logf("produced in %s", time.Since(begun).Round(time.Millisecond))

	var clean, active int64
	testkit.Eventually(t, time.Minute, "everything but the active segment is clean", func() bool {
		clean, active = firstDirty(t, dir)
		return clean == active
	})
	want := load.model.all()
	check := func(when string) {
		got := consume(t, c.Bootstrap, clean)
		t.Logf("%s: %d records, log end %d, clean to %d", when, got.records, got.last+1, clean)
		if got.twice > 0 {
			t.Errorf("%s: %d records are left below %d although a later one has their key", when, got.twice, clean)
		}
		wrong := 0
		for key, number := range want {
			if same := got.number[key] == number || number < 0 && got.number[key] <= 0; !same {
				if wrong++; wrong < 10 {
					t.Errorf("%s: key %d has record %d, not %d", when, key, got.number[key], number)
				}
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d keys are wrong", when, wrong, compactedKeys)
		}
	}
	check("cleaned")
	c.Process.Stop(t, 30*time.Second)
	c.Restart(t)
	check("after a clean stop")
	c.Process.Kill()
	c.Restart(t)
	check("after another kill")
}

//go:build interop

package storage

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// kindOfTopic is a topic of the hand-over test.
type kindOfTopic struct {
	name    string
	codec   kgo.CompressionCodec
	legacy  bool // message format before 2: no idempotence, no headers
	compact bool
	txn     bool
	configs map[string]string
}

func kindsOfTopic() (list []kindOfTopic) {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for _, codec := range slices.Sorted(maps.Keys(codecs)) {
		list = append(list, kindOfTopic{name: "v2-" + codec, codec: codecs[codec]})
		if codec != "zstd" { // needs format 2
			list = append(list, kindOfTopic{name: "v1-" + codec, codec: codecs[codec], legacy: true, configs: map[string]string{"message.format.version": "0.10.2"}},
				kindOfTopic{name: "v0-" + codec, codec: codecs[codec], legacy: true, configs: map[string]string{"message.format.version": "0.9.0"}})
		}
	}
	return append(list,
		kindOfTopic{name: "recompressed", codec: kgo.GzipCompression(), configs: map[string]string{"compression.type": "lz4"}},
		kindOfTopic{name: "append-time", codec: kgo.NoCompression(), configs: map[string]string{"message.timestamp.type": "LogAppendTime"}},
		// Not so small that it fills up: Apache Kafka cannot recover a segment with a full index
		// that was reopened meanwhile, be it its own.
		kindOfTopic{name: "dense-index", codec: kgo.NoCompression(), configs: map[string]string{"segment.index.bytes": "4096", "index.interval.bytes": "100"}},
		kindOfTopic{name: "preallocated", codec: kgo.NoCompression(), configs: map[string]string{"preallocate": "true"}},
		kindOfTopic{name: "removed", codec: kgo.NoCompression()},
		kindOfTopic{name: "transactional", codec: kgo.NoCompression(), txn: true},
		kindOfTopic{name: "compacted", codec: kgo.NoCompression(), compact: true, configs: map[string]string{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.bytes": "4096"}},
		kindOfTopic{name: "compacted-v1", codec: kgo.SnappyCompression(), compact: true, legacy: true,
			configs: map[string]string{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.bytes": "1024", "message.format.version": "0.10.2"}},
	)
}

// handover is the state of the test: what every partition must hold.
type handover struct {
	topics []kindOfTopic
	view   map[string]partitionView
	latest map[string]map[string]string // of compacted topics: key → value
	round  int
}

// partitionView is all that a consumer sees of a partition.
type partitionView struct {
	start, end, stable     int64
	uncommitted, committed []goldenRecord
}

// Log directories go to and fro between momus and Apache Kafka, three times each way, after clean
// stops and after kill -9, with every record format and codec, transactions, compaction,
// DeleteRecords, groups, and two log directories. Whoever takes over serves the same, goes on with
// the next offset, and has nothing to complain about.
func TestLogDirectoriesGoToAndFro(t *testing.T) {
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	momus := testkit.Broker(t, 1, zookeeper, "log.dirs="+strings.Join(dirs, ","), "auto.create.topics.enable=false", "log.segment.bytes=16384",
		"log.cleaner.dedupe.buffer.size=2097152", "log.cleaner.backoff.ms=200", "log.index.size.max.bytes=65536", "controlled.shutdown.retry.backoff.ms=100",
		"log.flush.offset.checkpoint.interval.ms=1000", "log.retention.ms=-1")
	h := &handover{topics: kindsOfTopic(), view: map[string]partitionView{}, latest: map[string]map[string]string{}}
	h.create(t, momus.Bootstrap)

	check := func(c *testkit.Cluster) {
		h.check(t, c.Bootstrap)
		h.produce(t, c.Bootstrap)
		h.look(t, c.Bootstrap)
	}
	asKafka := func() *testkit.Cluster {
		apache := momus.AsKafka(t)
		check(apache)
		return apache
	}
	end := func(c *testkit.Cluster, kill bool) {
		if kill {
			c.Process.Kill()
			testkit.SessionGone(t, zookeeper, 1)
		} else {
			h.remove(t, c.Bootstrap)
			c.Process.Stop(t, time.Minute)
			for _, d := range dirs {
				testkit.DumpLogs(t, d, "compacted*", "__*", "recompressed-*")
			}
		}
		h.complaints(t, c.Process.Output())
	}
	check(momus)
	for _, kill := range []bool{false, true, false} {
		end(momus, kill)
		apache := asKafka()
		end(apache, kill)
		momus.Restart(t)
		check(momus)
	}
	end(momus, false)
}

func (h *handover) create(t *testing.T, bootstrap string) {
	t.Helper()
	adm := testkit.Admin(t, bootstrap)
	for _, k := range h.topics {
		configs := map[string]*string{}
		for name, v := range k.configs {
			configs[name] = &v
		}
		if _, err := adm.CreateTopic(context.Background(), 2, 1, configs, k.name); err != nil {
			t.Fatalf("create %s: %v", k.name, err)
		}
	}
}

// client is a client for one topic.
func client(t *testing.T, bootstrap string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap), kgo.MetadataMinAge(20 * time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// produce writes another round into every topic, and commits offsets of a group.
func (h *handover) produce(t *testing.T, bootstrap string) {
	t.Helper()
	h.round++
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, k := range h.topics {
		opts := []kgo.Opt{kgo.DefaultProduceTopic(k.name), kgo.ProducerBatchCompression(k.codec), kgo.ProducerBatchMaxBytes(1000)}
		if k.legacy {
			opts = append(opts, kgo.DisableIdempotentWrite())
		}
		if k.txn {
			opts = append(opts, kgo.TransactionalID("txn-"+k.name))
		}
		cl := client(t, bootstrap, opts...)
		for part := range 10 {
			if k.txn {
				if err := cl.BeginTransaction(); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 20 {
				r := &kgo.Record{Partition: int32(i % 2), Key: fmt.Appendf(nil, "key-%d", i), Value: fmt.Appendf(nil, "round %d part %d %s", h.round, part, strings.Repeat("x", 60))}
				if !k.legacy && i%5 == 0 {
					r.Headers = []kgo.RecordHeader{{Key: "h", Value: []byte{byte(i)}}}
				}
				cl.Produce(ctx, r, func(r *kgo.Record, err error) {
					if err != nil {
						t.Errorf("%s: %v", k.name, err)
					}
				})
				if k.compact {
					if h.latest[k.name] == nil {
						h.latest[k.name] = map[string]string{}
					}
					h.latest[k.name][string(r.Key)] = string(r.Value)
				}
			}
			if err := cl.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			if k.txn {
				if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(part%2 == 0)); err != nil {
					t.Fatalf("%s: %v", k.name, err)
				}
			}
		}
		cl.Close()
	}
	var offsets kadm.Offsets
	offsets.AddOffset("v2-none", 0, int64(h.round*10), -1)
	if err := testkit.Admin(t, bootstrap).CommitAllOffsets(ctx, "group", offsets); err != nil {
		t.Fatalf("commit offsets: %v", err)
	}
	for name, latest := range h.latest {
		testkit.Eventually(t, time.Minute, name+" is compacted", func() bool {
			n := 0
			for p := range int32(2) {
				cl := client(t, bootstrap)
				r := newReader(t, cl, name, p)
				n += len(r.read(t, kgo.ReadUncommitted(), r.end))
				cl.Close()
			}
			return n <= 6*len(latest)
		})
	}
}

// read reads every partition.
func (h *handover) read(t *testing.T, bootstrap string) map[string]partitionView {
	t.Helper()
	view := map[string]partitionView{}
	cl := client(t, bootstrap)
	defer cl.Close()
	for _, k := range h.topics {
		for p := range int32(2) {
			r := newReader(t, cl, k.name, p)
			view[fmt.Sprintf("%s-%d", k.name, p)] = partitionView{start: r.start, end: r.end, stable: r.stable,
				uncommitted: r.read(t, kgo.ReadUncommitted(), r.end), committed: r.read(t, kgo.ReadCommitted(), r.stable)}
		}
	}
	return view
}

// look remembers what there is.
func (h *handover) look(t *testing.T, bootstrap string) {
	t.Helper()
	h.view = h.read(t, bootstrap)
	for name, v := range h.view {
		if strings.HasPrefix(name, "transactional") && len(v.committed) >= len(v.uncommitted) {
			t.Errorf("%s: nothing was aborted: %d of %d records are committed", name, len(v.committed), len(v.uncommitted))
		}
	}
}

// check compares what there is with what was remembered.
func (h *handover) check(t *testing.T, bootstrap string) {
	t.Helper()
	if h.round == 0 {
		return
	}
	got := h.read(t, bootstrap)
	for name, want := range h.view {
		g := got[name]
		if strings.HasPrefix(name, "compacted") {
			continue // the cleaner goes on
		}
		if g.start != want.start || g.end != want.end || g.stable != want.stable {
			t.Errorf("%s: log start %d, high watermark %d, last stable offset %d; they were %d, %d, %d", name, g.start, g.end, g.stable, want.start, want.end, want.stable)
		}
		compareRecords(t, name, g.uncommitted, want.uncommitted, false)
		compareRecords(t, name+" read_committed", g.committed, want.committed, false)
	}
	for name, want := range h.latest {
		latest := map[string]string{}
		for p := range 2 {
			for _, r := range got[fmt.Sprintf("%s-%d", name, p)].uncommitted {
				latest[untext(r.Key)] = untext(r.Value)
			}
		}
		if !maps.Equal(latest, want) {
			t.Errorf("%s: latest values are %v, not %v", name, latest, want)
		}
	}
	testkit.Eventually(t, 30*time.Second, "the group has its offsets", func() bool {
		offsets, err := testkit.Admin(t, bootstrap).FetchOffsets(context.Background(), "group")
		o, ok := offsets.Lookup("v2-none", 0)
		return err == nil && ok && o.At == int64(h.round*10)
	})
}

// remove raises the log start of a topic. An unclean stop may forget that, so that it comes before
// clean ones only.
func (h *handover) remove(t *testing.T, bootstrap string) {
	t.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset("removed", 0, int64(h.round*70), -1)
	offsets.AddOffset("removed", 1, h.view["removed-1"].end, -1)
	resp, err := testkit.Admin(t, bootstrap).DeleteRecords(context.Background(), offsets)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		t.Fatalf("delete records: %v", err)
	}
	h.look(t, bootstrap)
}

// complaints finds warnings and errors about logs in the output of Apache Kafka.
func (h *handover) complaints(t *testing.T, output string) {
	t.Helper()
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "[") && (strings.Contains(line, "] WARN ") || strings.Contains(line, "] ERROR ")) && !strings.Contains(line, "(kafka.utils.CoreUtils") {
			t.Logf("Apache Kafka: %s", strings.TrimSpace(line))
			if strings.Contains(line, "(kafka.log.") || strings.Contains(line, "ERROR") {
				t.Errorf("Apache Kafka complains: %s", line)
			}
		}
	}
}

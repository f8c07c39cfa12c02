package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
	"momus/storage/logdir"
	"momus/storage/vfs"
)

// pair is a broker with two log directories, the second of which can be made to fail.
type pair struct {
	a, b      string
	zookeeper string
	fault     *vfs.Fault
	n         *node
}

func startPair(t *testing.T) *pair {
	t.Helper()
	root := t.TempDir()
	p := &pair{a: filepath.Join(root, "a"), b: filepath.Join(root, "b"), zookeeper: startZooKeeper(t, nil), fault: vfs.NewFault(vfs.OS{})}
	p.start(t)
	return p
}

func (p *pair) properties() map[string]string {
	return map[string]string{"log.dirs": p.a + "," + p.b, "zookeeper.connect": p.zookeeper, "controlled.shutdown.retry.backoff.ms": "100", "offsets.topic.num.partitions": "2"}
}

func (p *pair) start(t *testing.T) {
	t.Helper()
	p.n = start(t, p.properties(), &disk{dir: p.b, on: p.fault}, nil)
}

// where lists the partitions of a topic by log directory; directories that are offline are missing.
func (p *pair) where(t *testing.T, topic string) map[string][]int32 {
	t.Helper()
	dirs, err := testkit.Admin(t, p.n.addr()).DescribeAllLogDirs(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]int32{}
	for _, d := range dirs[1] {
		if d.Err != nil {
			continue
		}
		found[d.Dir] = []int32{}
		for partition, l := range d.Topics[topic] {
			if !l.IsFuture {
				found[d.Dir] = append(found[d.Dir], partition)
			}
		}
		slices.Sort(found[d.Dir])
	}
	return found
}

// records counts what was acknowledged: partition → number of records, which are "0", "1", "2" … .
type records map[int32]int

// add appends n records to each of the partitions, and fails if one is refused.
func (r records) add(t *testing.T, addr, topic string, n int, partitions ...int32) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, p := range partitions {
		for range n {
			if err := cl.ProduceSync(ctx, &kgo.Record{Partition: p, Value: fmt.Append(nil, r[p])}).FirstErr(); err != nil {
				t.Fatalf("%s-%d: %v", topic, p, err)
			}
			r[p]++
		}
	}
}

// check reads everything back.
func (r records) check(t *testing.T, addr, topic string, partitions ...int32) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, p := range partitions {
		reader := newReader(t, cl, topic, p)
		got := reader.read(t, kgo.ReadUncommitted(), reader.end)
		if len(got) < r[p] {
			t.Errorf("%s-%d: %d records were acknowledged, %d are there", topic, p, r[p], len(got))
		}
		for i, rec := range got {
			if rec.Offset != int64(i) || untext(rec.Value) != fmt.Sprint(i) {
				t.Fatalf("%s-%d: record %d is %s", topic, p, i, rec)
			}
		}
	}
}

func create(t *testing.T, addr, topic string, partitions int32, config map[string]string) {
	t.Helper()
	configs := map[string]*string{}
	for k, v := range config {
		configs[k] = &v
	}
	if _, err := testkit.Admin(t, addr).CreateTopic(context.Background(), partitions, 1, configs, topic); err != nil {
		t.Fatal(err)
	}
}

// One of two directories fails, in several ways: its partitions go offline, the others go on, and
// after a repair and a restart everything that was acknowledged is there. Then the other fails as
// well, and the broker stops.
func TestFailedDirectoryGoesOfflineAndTheOtherGoesOn(t *testing.T) {
	for name, rule := range map[string]vfs.Rule{
		"disk full":         {Op: vfs.OpWrite, Base: "*.log", Err: syscall.ENOSPC, Short: 11},
		"writes fail":       {Op: vfs.OpWrite, Err: syscall.EIO},
		"mounted read-only": {Err: syscall.EROFS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPair(t)
			acked := records{}
			create(t, p.n.addr(), "t", 6, nil)
			good, bad := p.where(t, "t")[p.a], p.where(t, "t")[p.b]
			if len(good) != 3 || len(bad) != 3 {
				t.Fatalf("partitions are spread unevenly: %v, %v", good, bad)
			}
			all := append(slices.Clone(good), bad...)
			acked.add(t, p.n.addr(), "t", 20, all...)

			p.fault.Inject(rule)
			p.refuses(t, "t", bad[0])
			testkit.Eventually(t, 20*time.Second, "the directory is offline", func() bool { return p.where(t, "t")[p.b] == nil })
			testkit.Eventually(t, 20*time.Second, "its partitions have no leader", func() bool {
				m, err := testkit.Admin(t, p.n.addr()).Metadata(context.Background(), "t")
				if err != nil {
					return false
				}
				for _, partition := range bad {
					if m.Topics["t"].Partitions[partition].Leader >= 0 {
						return false
					}
				}
				return true
			})
			acked.add(t, p.n.addr(), "t", 20, good...)
			acked.check(t, p.n.addr(), "t", good...)
			if out := p.n.out.String(); !strings.Contains(out, "log directory has failed and is offline") || !strings.Contains(out, p.b) {
				t.Errorf("the log does not tell that %s failed:\n%s", p.b, out)
			}

			p.n.stop(t)
			p.fault.Clear()
			p.start(t)
			acked.check(t, p.n.addr(), "t", all...)
			acked.add(t, p.n.addr(), "t", 5, all...)
			acked.check(t, p.n.addr(), "t", all...)
		})
	}
}

// refuses produces until the partition refuses a record.
func (p *pair) refuses(t *testing.T, topic string, partition int32) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(p.n.addr()), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.DisableIdempotentWrite(), kgo.RecordRetries(0), kgo.RecordDeliveryTimeout(2*time.Second), kgo.RequiredAcks(kgo.LeaderAck()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(context.Background(), &kgo.Record{Partition: partition, Value: []byte("refused")}).FirstErr(); err == nil {
		t.Fatal("a record was acknowledged that could not be written")
	}
}

// The last directory fails: the broker stops by itself, and says why and what to do.
func TestBrokerStopsWhenTheLastDirectoryFails(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "only")
	fault := vfs.NewFault(vfs.OS{})
	zookeeper := startZooKeeper(t, nil)
	p := &pair{zookeeper: zookeeper}
	properties := map[string]string{"log.dirs": dir, "zookeeper.connect": zookeeper, "controlled.shutdown.retry.backoff.ms": "100"}
	p.n = start(t, properties, &disk{dir: dir, on: fault}, nil)
	create(t, p.n.addr(), "t", 1, nil)
	acked := records{}
	acked.add(t, p.n.addr(), "t", 20, 0)
	fault.Inject(vfs.Rule{Op: vfs.OpWrite, Base: "*.log", Err: syscall.ENOSPC})
	p.refuses(t, "t", 0)
	err := p.n.wait(t, 30*time.Second)
	if !errors.Is(err, logdir.ErrNoLiveDir) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "the disk is full: free space") {
		t.Errorf("the broker stopped with: %v", err)
	}
	// What happened is told when it happens, what to do at the end: each once.
	log := p.n.out.String()
	if strings.Count(log, syscall.ENOSPC.Error()) != 1 || strings.Contains(log, "the disk is full") {
		t.Errorf("the log tells of the full disk: %s", log)
	}
	fault.Clear()
	n := start(t, properties, nil, nil)
	acked.check(t, n.addr(), "t", 0)
}

// What is wrong with a log directory is said with the name of the file and what to do.
func TestBadDirectories(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		single []string // what the error says if the directory is the only one
		fatal  bool     // the broker does not start with another directory either, as Kafka
	}{
		"bad recovery point checkpoint": {damage: damage("recovery-point-offset-checkpoint"), single: []string{"recovery-point-offset-checkpoint", "delete"}},
		"bad log start checkpoint":      {damage: damage("log-start-offset-checkpoint"), single: []string{"log-start-offset-checkpoint", "delete"}},
		"bad high watermark checkpoint": {damage: damage("replication-offset-checkpoint"), single: []string{"replication-offset-checkpoint", "delete"}},
		"bad leader epochs":             {damage: damage("t-0/leader-epoch-checkpoint", "t-1/leader-epoch-checkpoint"), single: []string{"leader-epoch-checkpoint", "delete"}, fatal: true},
		"bad meta.properties":           {damage: damage("meta.properties"), single: []string{"meta.properties"}, fatal: true},
		"unknown directory": {damage: func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, single: []string{"lost+found", "move it out"}, fatal: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPair(t)
			create(t, p.n.addr(), "t", 2, nil)
			acked := records{}
			acked.add(t, p.n.addr(), "t", 5, 0, 1)
			good := p.where(t, "t")[p.a]
			p.n.stop(t)
			c.damage(t, p.b)
			if c.fatal {
				n := launch(t, p.properties(), nil, nil)
				says(t, n.wait(t, 30*time.Second), c.single)
				return
			}
			p.start(t)
			acked.check(t, p.n.addr(), "t", good...)
			if p.where(t, "t")[p.b] != nil {
				t.Error("the directory is not offline")
			}
			says(t, errors.New(p.n.out.String()), c.single)
			p.n.stop(t)
			alone := p.properties()
			alone["log.dirs"] = p.b
			n := launch(t, alone, nil, nil)
			says(t, n.wait(t, 30*time.Second), c.single)
		})
	}
}

// damage makes files unreadable for the broker, those of them that are there.
func damage(names ...string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		done := 0
		for _, name := range names {
			path := filepath.Join(dir, name)
			if _, err := os.Stat(path); err != nil {
				continue
			}
			if err := os.WriteFile(path, []byte("0\nmany\nsense=none\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			done++
		}
		if done == 0 {
			t.Fatalf("none of %v is in %s", names, dir)
		}
	}
}

func says(t *testing.T, err error, words []string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
}

// A partition moves between the directories while it is written and read, there and back.
func TestMoveWhileServing(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	load := testkit.StartLoad(t, p.n.addr(), "moving", 2)
	load.WaitAcked(t, 1000)
	for i := range 4 {
		from, to := p.a, p.b
		if len(p.where(t, "moving")[from]) == 0 || i%2 == 1 && len(p.where(t, "moving")[to]) > 0 {
			from, to = to, from
		}
		partition := p.where(t, "moving")[from][0]
		var req kadm.AlterReplicaLogDirsReq
		req.Add(to, kadm.TopicsSet{"moving": {partition: {}}})
		resp, err := testkit.Admin(t, p.n.addr()).AlterAllReplicaLogDirs(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Each(func(r kadm.AlterReplicaLogDirsResponse) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		})
		testkit.Eventually(t, 20*time.Second, fmt.Sprintf("partition %d is in %s", partition, to), func() bool { return slices.Contains(p.where(t, "moving")[to], partition) })
		load.WaitAcked(t, 1000+(i+1)*4000)
	}
	load.Stop()
	load.Check(t, p.n.addr())
	p.n.stop(t)
	p.start(t)
	load.Check(t, p.n.addr())
}

// Old segments go by time and by size, and what DeleteRecords names goes; the rest stays, with its
// offsets.
func TestRetentionAndDeleteRecords(t *testing.T) {
	t.Parallel()
	dir, zookeeper := t.TempDir(), startZooKeeper(t, nil)
	properties := map[string]string{"log.dirs": dir, "zookeeper.connect": zookeeper, "log.retention.check.interval.ms": "50", "controlled.shutdown.retry.backoff.ms": "100"}
	n := start(t, properties, nil, nil)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	const each = 180 // bytes that a record takes, with its own batch
	produce := func(topic string, timestamp time.Time, count int) {
		cl, err := kgo.NewClient(kgo.SeedBrokers(n.addr()), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MetadataMinAge(20*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		for range count {
			if err := cl.ProduceSync(ctx, &kgo.Record{Timestamp: timestamp, Value: make([]byte, 100)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.addr()), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	// starts waits until the log start of a topic is as wanted, and checks that all that follows is
	// there.
	starts := func(topic string, ok func(start, end int64) bool) (start int64) {
		var r *reader
		testkit.Eventually(t, 20*time.Second, "old records of "+topic+" are gone", func() bool {
			r = newReader(t, cl, topic, 0)
			return ok(r.start, r.end)
		})
		got := r.read(t, kgo.ReadUncommitted(), r.end)
		if int64(len(got)) != r.end-r.start || len(got) > 0 && got[0].Offset != r.start {
			t.Errorf("%s: %d records from %d to %d", topic, len(got), r.start, r.end)
		}
		return r.start
	}

	create(t, n.addr(), "by-time", 1, map[string]string{"retention.ms": "3600000", "segment.bytes": "4000"})
	produce("by-time", time.Now().Add(-2*time.Hour), 100)
	produce("by-time", time.Now(), 50)
	// Nothing more goes when the first segment reaches into what is young.
	if at := starts("by-time", func(start, end int64) bool {
		left := segments(t, dir, "by-time-0")
		return end == 150 && start == left[0].base && (len(left) == 1 || left[1].base > 100)
	}); at > 100 {
		t.Errorf("records that are not old are gone: the log starts at %d", at)
	}

	create(t, n.addr(), "by-size", 1, map[string]string{"retention.bytes": "10000", "segment.bytes": "4000"})
	produce("by-size", time.Now(), 300)
	// Nothing more goes when the log without its first segment is smaller than it may be.
	if at := starts("by-size", func(start, end int64) bool {
		left, size := segments(t, dir, "by-size-0"), int64(0)
		for _, s := range left[1:] {
			size += s.size
		}
		return end == 300 && start == left[0].base && size < 10000
	}); (300-at)*each < 10000 {
		t.Errorf("only %d records are left, less than retention.bytes", 300-at)
	}

	create(t, n.addr(), "deleted", 1, map[string]string{"segment.bytes": "4000"})
	produce("deleted", time.Now(), 100)
	var offsets kadm.Offsets
	offsets.AddOffset("deleted", 0, 42, -1)
	resp, err := testkit.Admin(t, n.addr()).DeleteRecords(ctx, offsets)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	starts("deleted", func(start, end int64) bool { return start == 42 && end == 100 })
	n.stop(t)
	n = start(t, properties, nil, nil)
	if cl, err = kgo.NewClient(kgo.SeedBrokers(n.addr()), kgo.MetadataMinAge(20*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	starts("deleted", func(start, end int64) bool { return start == 42 && end == 100 })
}

// segmentFile is a segment of a log directory.
type segmentFile struct{ base, size int64 }

// segments lists the segments of a partition's directory, but those that are about to be deleted.
func segments(t *testing.T, dir, partition string) (list []segmentFile) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, partition, "*.log"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no segments of %s: %v", partition, err)
	}
	for _, name := range names { // in the order of their bases
		base, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(name), ".log"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // it has just gone
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, segmentFile{base, info.Size()})
	}
	return list
}

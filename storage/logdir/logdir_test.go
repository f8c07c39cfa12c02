package logdir

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"momus/configs"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/silent"
	"momus/internal/testbase"
	"momus/storage/checkpoint"
	"momus/storage/log"
	"momus/storage/record"
	"momus/storage/vfs"
)

func testOptions(t *testing.T, fs vfs.FS, dirs ...string) Options {
	t.Helper()
	c, err := configs.New(map[string]string{"zookeeper.connect": "localhost:2181", "broker.id": "1"})
	if err != nil {
		t.Fatal(err)
	}
	return Options{FS: fs, Dirs: dirs, Settings: func() Settings { return SettingsOf(c.Broker()) }, TopicConfig: func(string) *configs.Topic { return c.Topic(nil) }, Logger: silent.Logger()}
}

func open(t *testing.T, fs vfs.FS, dirs ...string) *Manager {
	t.Helper()
	m, err := Open(t.Context(), testOptions(t, fs, dirs...))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// run runs a manager until it is shut.
func run(t *testing.T, m *Manager) (shut func()) {
	t.Helper()
	stop := testbase.Run(t, m.Run)
	return func() {
		stop()
		m.Close()
	}
}

func tp(topic string, partition int32) model.TopicPartition {
	return model.TopicPartition{Topic: topic, Partition: partition}
}

func create(t *testing.T, m *Manager, p model.TopicPartition) *log.Log {
	t.Helper()
	l, err := m.GetOrCreate(p, m.opts.TopicConfig(p.Topic), true)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func appendRecord(t *testing.T, l *log.Log) {
	t.Helper()
	b := record.NewBuilder(record.DefaultOptions())
	b.Append(time.Now().UnixMilli(), nil, []byte("value"))
	if _, err := l.AppendAsLeader(b.Bytes(), 0, record.OriginClient); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, fs vfs.FS, path string) string {
	t.Helper()
	b, err := vfs.ReadFile(fs, path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestParseName(t *testing.T) {
	uuid := strings.Repeat("0f", 16)
	for _, tc := range []struct {
		name string
		tp   model.TopicPartition
		kind kind
		bad  bool
	}{
		{name: "orders-0", tp: tp("orders", 0)},
		{name: "a-b-12", tp: tp("a-b", 12)},
		{name: "with.dots-3", tp: tp("with.dots", 3)},
		{name: "orders-0." + uuid + "-delete", tp: tp("orders", 0), kind: deleting},
		{name: "with.dots-3." + uuid + "-future", tp: tp("with.dots", 3), kind: future},
		{name: "lost+found", bad: true},
		{name: "-0", bad: true},
		{name: "orders-", bad: true},
		{name: "orders-x", bad: true},
		{name: "orders-99999999999", bad: true},
		{name: "orders-0.-delete", bad: true},
		{name: "orders-0-delete", bad: true},
		{name: "orders 1-0." + uuid + "-delete", bad: true},
	} {
		got, kind, err := parseName(tc.name)
		if (err != nil) != tc.bad || !tc.bad && (got != tc.tp || kind != tc.kind) {
			t.Errorf("%q: %v, %v, %v", tc.name, got, kind, err)
		}
	}
	long := tp(strings.Repeat("x", 249), 12)
	if n := deleteName(long); len(n) != 255 {
		t.Errorf("%d characters: %s", len(n), n)
	} else if got, k, err := parseName(n); err != nil || k != deleting || got.Partition != 12 {
		t.Error(got, k, err)
	}
	if _, err := futureName(long); kerr.Of(err) != kerr.InvalidTopicException {
		t.Error(err)
	}
	if n, err := futureName(tp("t", 0)); err != nil || !strings.HasPrefix(n, "t-0.") {
		t.Error(n, err)
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"orders-0", "a-1.0f0f-delete", "a-1.x-future", "-delete", ".-delete", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, k, err := parseName(name)
		if err == nil && k == current && got.String() != name && got.Topic == "" {
			t.Errorf("%q: %v", name, got)
		}
	})
}

func TestIdentity(t *testing.T) {
	write := func(fs vfs.FS, dir string, id int32, cluster string) {
		fs.MkdirAll(dir)
		if err := checkpoint.WriteMeta(fs, dir, checkpoint.Meta{BrokerID: id, ClusterID: cluster}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	fs := vfs.NewMem()
	id, err := ReadIdentity(fs, []string{"/a", "/b"})
	if err != nil || id.BrokerID != -1 || id.ClusterID != "" {
		t.Fatal(id, err)
	}
	if got, err := id.CheckBroker(-1); got != -1 || err != nil {
		t.Error(got, err)
	}
	write(fs, "/a", 3, "cluster-one")
	id, err = ReadIdentity(fs, []string{"/a", "/b"})
	if err != nil || id.BrokerID != 3 {
		t.Fatal(id, err)
	}
	if err := id.CheckCluster("cluster-one"); err != nil {
		t.Error(err)
	}
	err = id.CheckCluster("cluster-two")
	for _, part := range []string{"cluster-one", "cluster-two", "/a/meta.properties", "zookeeper.connect", "log.dirs"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not mention %s", err, part)
		}
	}
	for _, tc := range []struct {
		configured, want int32
		bad              bool
	}{{3, 3, false}, {-1, 3, false}, {4, 0, true}} {
		if got, err := id.CheckBroker(tc.configured); got != tc.want || (err != nil) != tc.bad {
			t.Errorf("broker.id %d: %d, %v", tc.configured, got, err)
		}
	}
	write(fs, "/b", 4, "cluster-one")
	if _, err = ReadIdentity(fs, []string{"/a", "/b"}); err == nil || !strings.Contains(err.Error(), "/b/meta.properties") {
		t.Error(err)
	}
	f, _ := vfs.Create(fs, "/b/meta.properties")
	f.WriteAt([]byte("version=7\nbroker.id=3\n"), 0)
	f.Close()
	if id, err = ReadIdentity(fs, []string{"/a", "/b"}); err != nil || id.Offline["/b"] == nil || id.BrokerID != 3 {
		t.Error(id, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(t *testing.T, fs *vfs.Mem) (dirs []string)
		want    string
	}{
		{"a directory that is no partition", func(t *testing.T, fs *vfs.Mem) []string {
			fs.MkdirAll("/a/lost+found")
			return []string{"/a"}
		}, "lost+found"},
		{"the same directory twice", func(t *testing.T, fs *vfs.Mem) []string { return []string{"/a", "/a/"} }, "twice"},
		{"a directory in use", func(t *testing.T, fs *vfs.Mem) []string {
			fs.MkdirAll("/a")
			lock, err := fs.Lock("/a/.lock")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { lock.Close() })
			return []string{"/a"}
		}, "in use by another broker"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fs := vfs.NewMem()
			_, err := Open(t.Context(), testOptions(t, fs, tc.prepare(t, fs)...))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("%v does not mention %q", err, tc.want)
			}
		})
	}
}

func TestOpenWithoutAnyUsableDirectorySaysWhy(t *testing.T) {
	fault := vfs.NewFault(vfs.NewMem())
	fault.Inject(vfs.Rule{Op: vfs.OpLock, Err: &os.PathError{Op: "open", Path: "/a/.lock", Err: syscall.EACCES}})
	_, err := Open(t.Context(), testOptions(t, fault, "/a"))
	if !errors.Is(err, ErrNoLiveDir) || !strings.Contains(err.Error(), "/a") || !strings.Contains(err.Error(), "chown") {
		t.Fatal(err)
	}
}

func TestOneBadDirectoryGoesOffline(t *testing.T) {
	for _, bad := range []string{checkpoint.RecoveryPointFile, checkpoint.LogStartFile} {
		fs := vfs.NewMem()
		m := open(t, fs, "/a", "/b")
		for i := range int32(4) {
			appendRecord(t, create(t, m, tp("t", i)))
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		f, _ := vfs.Create(fs, "/a/"+bad)
		f.WriteAt([]byte("nonsense\n"), 0)
		f.Close()
		m = open(t, fs, "/a", "/b")
		if len(m.All()) != 2 || m.Offline("/a") == nil || m.Offline("/b") != nil {
			t.Errorf("%s: %d logs, %v, %v", bad, len(m.All()), m.Offline("/a"), m.Offline("/b"))
		}
		if _, err := m.GetOrCreate(tp("old", 0), m.opts.TopicConfig("old"), false); kerr.Of(err) != kerr.KafkaStorageError {
			t.Error("created a log that may be on the lost disk:", err)
		}
		if l := create(t, m, tp("new", 0)); DirOf(l) != "/b" {
			t.Error(l.Dir())
		}
		m.Close()
		if vfs.Exists(fs, "/a/"+checkpoint.CleanShutdownFile) || !vfs.Exists(fs, "/b/"+checkpoint.CleanShutdownFile) {
			t.Error("marker of a clean stop in the wrong directory")
		}
	}
}

func TestLogsAreSpreadOverTheDirectories(t *testing.T) {
	m := open(t, vfs.NewMem(), "/a", "/b", "/c")
	m.SetPreferred(tp("wanted", 0), "/b")
	if l := create(t, m, tp("wanted", 0)); DirOf(l) != "/b" {
		t.Error(l.Dir())
	}
	count := map[string]int{}
	for i := range int32(8) {
		count[DirOf(create(t, m, tp("t", i)))]++
	}
	if count["/a"] != 3 || count["/b"] != 2 || count["/c"] != 3 {
		t.Error(count)
	}
	// A log whose creation has just ended counts once.
	first := tp("t", 0)
	if l := m.Get(first); DirOf(l) != "/a" {
		t.Fatal(l.Dir())
	}
	m.mu.creating[first] = &creation{path: "/a"}
	if l := create(t, m, tp("t", 8)); DirOf(l) != "/a" {
		t.Error(l.Dir())
	}
	delete(m.mu.creating, first)
}

func TestCreateTriesTheNextDirectory(t *testing.T) {
	fault := vfs.NewFault(vfs.NewMem())
	m := open(t, fault, "/a", "/b")
	fault.Inject(vfs.Rule{Op: vfs.OpMkdir, Times: 1, Err: syscall.EIO})
	l := create(t, m, tp("t", 0))
	if DirOf(l) != "/b" || m.Offline("/a") == nil {
		t.Error(l.Dir(), m.Dirs())
	}
}

// A broker without logs that was killed was not stopped cleanly either, and before the first start of
// all there was no stop.
func TestLastStopOfADirectoryWithoutLogs(t *testing.T) {
	fs := vfs.NewMem()
	expect := func(m *Manager, was, clean bool) {
		t.Helper()
		if w, c := m.LastStop(); w != was || c != clean {
			t.Errorf("stopped before: %v, cleanly: %v; want %v, %v", w, c, was, clean)
		}
	}
	m := open(t, fs, "/a")
	expect(m, false, true)
	m.WriteMeta(1, "cluster")
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = open(t, fs, "/a")
	expect(m, true, true)
	m.unlock() // and no more: killed
	m = open(t, fs, "/a")
	expect(m, true, false)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCleanStopAndRestart(t *testing.T) {
	fs := vfs.NewMem()
	m := open(t, fs, "/a")
	l := create(t, m, tp("t", 0))
	for range 3 {
		appendRecord(t, l)
	}
	create(t, m, tp("empty", 1))
	l.UpdateHighWatermark(3)
	if err := l.MaybeIncrementLogStartOffset(2); err != nil {
		t.Fatal(err)
	}
	l.UpdateHighWatermark(2)
	m.WriteHighWatermarks([]*log.Log{l})
	m.WriteMeta(1, "cluster")
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		checkpoint.RecoveryPointFile: "0\n2\nempty 1 0\nt 0 3\n",
		checkpoint.LogStartFile:      "0\n1\nt 0 2\n",
		checkpoint.HighWatermarkFile: "0\n1\nt 0 2\n",
		checkpoint.CleanShutdownFile: "",
	} {
		if got := content(t, fs, "/a/"+file); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	if !strings.Contains(content(t, fs, "/a/meta.properties"), "cluster.id=cluster") {
		t.Error("no meta.properties")
	}
	if !vfs.Exists(fs, "/a/t-0/00000000000000000003.snapshot") {
		t.Error("no producer snapshot at the log end")
	}
	m = open(t, fs, "/a")
	if vfs.Exists(fs, "/a/"+checkpoint.CleanShutdownFile) {
		t.Error("the marker is still there")
	}
	l = m.Get(tp("t", 0))
	if l.LogEndOffset() != 3 || l.LogStartOffset() != 2 || m.HighWatermark(l) != 2 {
		t.Errorf("end %d, start %d, high watermark %d", l.LogEndOffset(), l.LogStartOffset(), m.HighWatermark(l))
	}
	if len(m.All()) != 2 {
		t.Error(m.All())
	}
	m.Close()
}

func TestRecoveryAfterKill(t *testing.T) {
	fs := vfs.NewMem()
	m := open(t, fs, "/a")
	for i := range int32(3) {
		l := create(t, m, tp("t", i))
		for range 5 {
			appendRecord(t, l)
		}
	}
	killed := fs.KillClone()
	m.Close()
	m = open(t, killed, "/a")
	for i := range int32(3) {
		if l := m.Get(tp("t", i)); l == nil || l.LogEndOffset() != 5 {
			t.Errorf("partition %d: %v", i, l)
		}
	}
	m.Close()
}

// A process that is killed right after it has deleted a log leaves its offsets in the checkpoints.
// They are not those of a log that the next process creates under that name.
func TestCheckpointOfADeletedLogIsNotItsSuccessors(t *testing.T) {
	fs := vfs.NewMem()
	m := open(t, fs, "/a")
	l := create(t, m, tp("t", 0))
	for range 5 {
		appendRecord(t, l)
	}
	l.UpdateHighWatermark(5)
	if err := errors.Join(l.Flush(5), l.MaybeIncrementLogStartOffset(3)); err != nil {
		t.Fatal(err)
	}
	m.checkpointAll(m.writeRecoveryPoints)
	m.checkpointAll(m.writeLogStarts)
	m.WriteHighWatermarks(m.All())
	if err := m.Delete(tp("t", 0)); err != nil {
		t.Fatal(err)
	}
	m.unlock() // killed before CheckpointDue
	m = open(t, fs, "/a")
	l = create(t, m, tp("t", 0))
	for range 4 {
		appendRecord(t, l)
	}
	if hw := m.HighWatermark(l); hw != 0 {
		t.Errorf("high watermark %d", hw)
	}
	m.unlock()
	m = open(t, fs, "/a")
	if l = m.Get(tp("t", 0)); l.LogStartOffset() != 0 || l.LogEndOffset() != 4 {
		t.Errorf("the new log has [%d, %d)", l.LogStartOffset(), l.LogEndOffset())
	}
	m.Close()
}

func TestDeleteNowRemoveLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		m := open(t, fs, "/a")
		shut := run(t, m)
		create(t, m, tp("t", 0))
		create(t, m, tp("u", 0))
		dirs := func() (names []string) {
			entries, _ := fs.ReadDir("/a")
			for _, e := range entries {
				if e.IsDir() {
					names = append(names, e.Name())
				}
			}
			return names
		}
		time.Sleep(time.Minute) // checkpoints were written
		if err := m.Delete(tp("t", 0)); err != nil {
			t.Fatal(err)
		}
		if err := m.Delete(tp("never", 0)); err != nil {
			t.Fatal(err)
		}
		m.CheckpointDue()
		if m.Get(tp("t", 0)) != nil || !strings.HasSuffix(dirs()[0], "-delete") {
			t.Error(dirs())
		}
		if got := content(t, fs, "/a/"+checkpoint.RecoveryPointFile); got != "0\n1\nu 0 0\n" {
			t.Errorf("%q", got)
		}
		time.Sleep(59 * time.Second)
		if len(dirs()) != 2 {
			t.Error("removed too early:", dirs())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !slices.Equal(dirs(), []string{"u-0"}) {
			t.Error(dirs())
		}
		// A broker that stops before leaves the directory; the next start removes it.
		m.Delete(tp("u", 0))
		shut()
		if len(dirs()) != 1 {
			t.Error(dirs())
		}
		m = open(t, fs, "/a")
		shut = run(t, m)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if len(dirs()) != 0 {
			t.Error(dirs())
		}
		shut()
	})
}

func TestRetentionAndCheckpointsHaveKafkasPeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		o := testOptions(t, fs, "/a")
		c, _ := configs.New(map[string]string{"zookeeper.connect": "localhost:2181", "broker.id": "1", "log.retention.ms": "1000"})
		o.TopicConfig = func(string) *configs.Topic { return c.Topic(nil) }
		m, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		shut := run(t, m)
		l := create(t, m, tp("t", 0))
		appendRecord(t, l)
		l.UpdateHighWatermark(1)
		time.Sleep(29 * time.Second)
		if l.LogStartOffset() != 0 || vfs.Exists(fs, "/a/"+checkpoint.RecoveryPointFile) {
			t.Error("too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if l.LogStartOffset() != 1 {
			t.Error("retention did not run after 30 s: log starts at", l.LogStartOffset())
		}
		if !vfs.Exists(fs, "/a/"+checkpoint.RecoveryPointFile) || !vfs.Exists(fs, "/a/"+checkpoint.LogStartFile) {
			t.Error("no checkpoints after 30 s")
		}
		appendRecord(t, l)
		l.UpdateHighWatermark(2)
		time.Sleep(290 * time.Second)
		if l.LogStartOffset() != 1 {
			t.Error("retention ran before 5 minutes")
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if l.LogStartOffset() != 2 {
			t.Error("retention did not run after 5 minutes")
		}
		shut()
	})
}

func TestFailedDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem()
		fault := vfs.NewFault(mem)
		m := open(t, fault, "/a", "/b")
		var told []string
		m.OnFailure(func(path string, logs []*log.Log) { told = append(told, fmt.Sprint(path, " ", len(logs))) })
		done := make(chan error)
		go func() { done <- m.Run(t.Context()) }()
		a, b := create(t, m, tp("t", 0)), create(t, m, tp("t", 1))
		fault.Inject(vfs.Rule{Op: vfs.OpWrite, Base: "*.log", Err: syscall.EIO})
		batch := record.NewBuilder(record.DefaultOptions())
		batch.Append(0, nil, []byte("x"))
		if _, err := a.AppendAsLeader(batch.Bytes(), 0, record.OriginClient); kerr.Of(err) != kerr.KafkaStorageError {
			t.Fatal(err)
		}
		fault.Clear()
		synctest.Wait()
		if !slices.Equal(told, []string{DirOf(a) + " 1"}) || m.Get(tp("t", 0)) != nil || m.Get(tp("t", 1)) != b {
			t.Error(told)
		}
		appendRecord(t, b)
		time.Sleep(2 * time.Minute)
		if vfs.Exists(mem, filepath.Join(DirOf(a), checkpoint.RecoveryPointFile)) {
			t.Error("something was written to the failed directory")
		}
		// The last one: Run ends.
		fault.Inject(vfs.Rule{Op: vfs.OpWrite, Base: "*.log", Err: syscall.ENOSPC})
		batch = record.NewBuilder(record.DefaultOptions())
		batch.Append(0, nil, []byte("x"))
		b.AppendAsLeader(batch.Bytes(), 0, record.OriginClient)
		err := <-done
		if !errors.Is(err, ErrNoLiveDir) || !strings.Contains(err.Error(), "disk is full") {
			t.Error(err)
		}
		fault.Clear()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestFutureLog(t *testing.T) {
	fs := vfs.NewMem()
	m := open(t, fs, "/a", "/b")
	l := create(t, m, tp("t", 0))
	appendRecord(t, l)
	other := map[string]string{"/a": "/b", "/b": "/a"}[DirOf(l)]
	if _, err := m.CreateFuture(tp("t", 0), DirOf(l), l.Config()); err == nil {
		t.Error("a copy in the same directory")
	}
	f, err := m.CreateFuture(tp("t", 0), other, l.Config())
	if err != nil {
		t.Fatal(err)
	}
	read, err := l.Read(0, 1<<20, log.UpToLogEnd, true)
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, read.Records.Len())
	read.Records.ReadAt(raw, 0)
	read.Records.Release()
	if _, err := f.AppendAsFollower(raw); err != nil {
		t.Fatal(err)
	}
	// It is found again after a restart.
	m.Close()
	m = open(t, fs, "/a", "/b")
	if f = m.Future(tp("t", 0)); f == nil || f.LogEndOffset() != 1 || m.Get(tp("t", 0)).LogEndOffset() != 1 {
		t.Fatal("the copy was not found")
	}
	if err := m.SwapFuture(tp("t", 0)); err != nil {
		t.Fatal(err)
	}
	if l := m.Get(tp("t", 0)); l != f || l.Dir() != other+"/t-0" || m.Future(tp("t", 0)) != nil {
		t.Error(l.Dir())
	}
	m.Close()
	m = open(t, fs, "/a", "/b")
	if l := m.Get(tp("t", 0)); l.Dir() != other+"/t-0" || l.LogEndOffset() != 1 {
		t.Error(l.Dir())
	}
	m.Close()
}

func TestSchedulerRunsInOrderAndDropsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(1)
		var ran []int
		add := func(d time.Duration, n int) { s.after(d, func() { ran = append(ran, n) }) }
		add(3*time.Second, 3)
		add(0, 0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.run(ctx); close(done) }()
		add(time.Second, 1)
		add(time.Second, 2)
		add(time.Hour, 9)
		time.Sleep(5 * time.Second)
		cancel()
		<-done
		add(0, 10)
		if !slices.Equal(ran, []int{0, 1, 2, 3}) {
			t.Error(ran)
		}
	})
}

// DeleteRecords may put the log start inside of a batch, and the copy of such a log to another
// directory begins with the whole batch. A power failure right after the move does not bring the
// deleted records back.
func TestLogStartIsMovedDurably(t *testing.T) {
	fs := vfs.NewMem()
	m := open(t, fs, "/a", "/b")
	l := create(t, m, tp("t", 0))
	b := record.NewBuilder(record.DefaultOptions())
	for range 5 {
		b.Append(time.Now().UnixMilli(), nil, []byte("value"))
	}
	if _, err := l.AppendAsLeader(b.Bytes(), 0, record.OriginClient); err != nil {
		t.Fatal(err)
	}
	l.UpdateHighWatermark(5)
	if err := l.MaybeIncrementLogStartOffset(3); err != nil {
		t.Fatal(err)
	}
	m.checkpointAll(m.writeLogStarts)
	f, err := m.CreateFuture(tp("t", 0), map[string]string{"/a": "/b", "/b": "/a"}[DirOf(l)], l.Config())
	if err != nil {
		t.Fatal(err)
	}
	r := crashRun{t: t, m: m}
	if err := r.swap(tp("t", 0)); err != nil {
		t.Fatal(err)
	}
	m = open(t, fs.CrashClone(nil), "/a", "/b")
	if moved := m.Get(tp("t", 0)); moved == nil || moved.Dir() != f.Dir() || moved.LogStartOffset() != 3 || moved.LogEndOffset() != 5 {
		t.Errorf("after the power failure: %+v", moved)
	}
	m.Close()
}

// A directory whose checkpoint cannot be read is offline, and nothing in it is changed: the checkpoint
// may be read again next time, and be true.
func TestUnreadableCheckpointChangesNothing(t *testing.T) {
	mem := vfs.NewMem()
	m := open(t, mem, "/a", "/b")
	for i := range int32(4) {
		l := create(t, m, tp("t", i))
		appendRecord(t, l)
		if err := l.Flush(1); err != nil {
			t.Fatal(err)
		}
	}
	m.checkpointAll(m.writeRecoveryPoints)
	m.checkpointAll(m.writeLogStarts)
	m.unlock() // killed
	files := func() map[string]string {
		found := map[string]string{}
		for i := range int32(4) {
			dir := "/a/" + tp("t", i).String()
			entries, _ := mem.ReadDir(dir)
			for _, e := range entries {
				found[dir+"/"+e.Name()] = content(t, mem, dir+"/"+e.Name())
			}
		}
		return found
	}
	before := files()
	for _, file := range []string{checkpoint.RecoveryPointFile, checkpoint.LogStartFile} {
		fault := vfs.NewFault(mem)
		fault.Inject(vfs.Rule{Op: vfs.OpOpen, Base: file, Under: "/a", Err: syscall.EIO})
		m = open(t, fault, "/a", "/b")
		if m.Offline("/a") == nil || m.Offline("/b") != nil || len(m.All()) == 4 {
			t.Errorf("%s: %v", file, m.Dirs())
		}
		m.unlock()
		if after := files(); len(before) == 0 || !maps.Equal(before, after) {
			t.Errorf("%s: files were %v, are %v", file, before, after)
		}
	}
}

package log

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/testbase"
	"momus/storage/record"
	"momus/storage/vfs"
)

const testDir = "/logs/t-0"

// env is a log with a clock and delayed tasks under the test's control.
type env struct {
	t      *testing.T
	fs     vfs.FS
	config *configs.Topic
	clock  int64 // ms
	tasks  []func()
	ioErrs []error
	logged testbase.Buffer
	*Log
}

func newEnv(t *testing.T, f vfs.FS, change func(c *configs.Topic)) *env {
	c := testConfig()
	if change != nil {
		change(c)
	}
	return &env{t: t, fs: f, config: c, clock: 1_800_000_000_000}
}

func (e *env) open(clean bool, recoveryPoint int64) *env {
	e.t.Helper()
	if err := e.tryOpen(clean, 0, recoveryPoint); err != nil {
		e.t.Fatal(err)
	}
	return e
}

func (e *env) tryOpen(clean bool, logStart, recoveryPoint int64) (err error) {
	e.Log, err = Open(Options{
		FS: e.fs, Dir: testDir, TopicPartition: model.TopicPartition{Topic: "t"}, Config: e.config, Clean: clean,
		LogStartOffset: logStart, RecoveryPoint: recoveryPoint,
		Now:       func() time.Time { return time.UnixMilli(e.clock) },
		After:     func(_ time.Duration, fn func()) { e.tasks = append(e.tasks, fn) },
		OnIOError: func(err error) { e.ioErrs = append(e.ioErrs, err) },
		Logger:    e.logger(),
	})
	return err
}

func (e *env) logger() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(&e.logged)
	return logrus.NewEntry(l)
}

// runTasks runs what was delayed, as if the time had come.
func (e *env) runTasks() {
	tasks := e.tasks
	e.tasks = nil
	for _, fn := range tasks {
		fn()
	}
}

// values builds an uncompressed batch with these values.
func values(ts int64, values ...string) []byte {
	b := record.NewBuilder(record.DefaultOptions())
	for _, v := range values {
		b.Append(ts, nil, []byte(v))
	}
	return b.Bytes()
}

func (e *env) append(ts int64, v ...string) AppendInfo {
	e.t.Helper()
	info, err := e.AppendAsLeader(values(ts, v...), 0, record.OriginClient)
	if err != nil {
		e.t.Fatal(err)
	}
	e.UpdateHighWatermark(e.LogEndOffset())
	return info
}

// content reads the log from its start to its end: "offset:value" of each record.
func content(t testing.TB, l *Log) []string {
	t.Helper()
	var all []string
	for offset := l.LogStartOffset(); ; {
		r, err := l.Read(offset, 500, UpToLogEnd, true)
		if err != nil {
			t.Fatal(err)
		}
		if r.Records.Len() == 0 {
			if offset != l.LogEndOffset() && len(all) > 0 {
				// A truncation may leave a gap at the end.
				return all
			}
			return all
		}
		data := make([]byte, r.Records.Len())
		if _, err := r.Records.ReadAt(data, 0); err != nil {
			t.Fatal(err)
		}
		r.Records.Release()
		for b := range batches(t, data) {
			if err := b.Verify(); err != nil {
				t.Fatal(err)
			}
			b.ForEach(nil, func(r *record.Record) error {
				if r.Offset >= offset {
					all = append(all, fmt.Sprintf("%d:%s", r.Offset, r.Value))
				}
				return nil
			})
			offset = b.NextOffset()
		}
	}
}

func (e *env) expect(want ...string) {
	e.t.Helper()
	if got := content(e.t, e.Log); !slices.Equal(got, want) {
		e.t.Fatalf("log has %v, want %v", got, want)
	}
}

func (e *env) files() string {
	entries, err := e.fs.ReadDir(testDir)
	if err != nil {
		e.t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, strings.TrimLeft(entry.Name(), "0"))
	}
	return strings.Join(names, " ")
}

func smallSegments(c *configs.Topic) { c.SegmentBytes, c.IndexIntervalBytes = 300, 50 }

func TestLogIsReadBackAfterReopening(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), smallSegments).open(false, 0)
	var want []string
	for i := range 30 {
		info := e.append(e.clock, fmt.Sprint("a", i), fmt.Sprint("b", i))
		if info.FirstOffset != int64(2*i) || info.LastOffset != int64(2*i+1) {
			t.Fatalf("appended at %+v", info)
		}
		want = append(want, fmt.Sprintf("%d:a%d", 2*i, i), fmt.Sprintf("%d:b%d", 2*i+1, i))
	}
	e.expect(want...)
	segments := len(e.Segments())
	if segments < 5 {
		t.Fatalf("only %d segments", segments)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for _, clean := range []bool{true, false} {
		e.open(clean, 0)
		if clean != (e.RecoveryPoint() == 60) { // what was recovered is made durable later
			t.Fatalf("clean %v: recovery point %d", clean, e.RecoveryPoint())
		}
		e.runTasks()
		if e.LogEndOffset() != 60 || e.RecoveryPoint() != 60 || len(e.Segments()) != segments {
			t.Fatalf("clean %v: log end %d, recovery point %d, %d segments", clean, e.LogEndOffset(), e.RecoveryPoint(), len(e.Segments()))
		}
		e.expect(want...)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.AppendAsLeader(values(e.clock, "x"), 0, record.OriginClient); !errors.Is(err, kerr.KafkaStorageError) {
		t.Errorf("append to a closed log: %v", err)
	}
	if _, err := e.Read(0, 100, UpToLogEnd, true); !errors.Is(err, kerr.KafkaStorageError) {
		t.Errorf("read of a closed log: %v", err)
	}
}

func TestReadBounds(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), nil).open(false, 0)
	first := e.append(e.clock, "a", "b", "c") // 0-2
	e.append(e.clock, "d")                    // 3
	e.append(e.clock, "e")                    // 4
	one := first.ValidBytes
	e.UpdateHighWatermark(0) // below: set it anew
	e.Log.highWatermark.Store(3)
	for _, test := range []struct {
		offset   int64
		max      int
		upTo     Isolation
		atLeast1 bool
		want     int // bytes; -1 out of range
	}{
		{-1, 1000, UpToLogEnd, true, -1},
		{6, 1000, UpToLogEnd, true, -1},
		{5, 1000, UpToLogEnd, true, 0},
		{0, 1000, UpToLogEnd, true, int(e.Size())},
		{2, 1000, UpToLogEnd, true, int(e.Size())}, // the whole batch that has 2
		{3, 1000, UpToLogEnd, true, int(e.Size()) - one},
		{0, 10, UpToLogEnd, true, one},
		{0, 10, UpToLogEnd, false, 10},
		{0, 0, UpToLogEnd, false, 0},
		{0, one + 7, UpToLogEnd, true, one + 7}, // ends inside a batch
		{0, 1000, UpToHighWatermark, true, one},
		{3, 1000, UpToHighWatermark, true, 0},
		{4, 1000, UpToHighWatermark, true, 0}, // above the bound, but there
		{0, 1000, UpToLastStable, true, one},
	} {
		r, err := e.Read(test.offset, test.max, test.upTo, test.atLeast1)
		n := r.Records.Len()
		if err != nil {
			n = -1
			if !errors.Is(err, kerr.OffsetOutOfRange) {
				t.Errorf("%+v: %v", test, err)
			}
		}
		if n != test.want {
			t.Errorf("%+v: %d bytes", test, n)
		}
		if err == nil && (r.Aborted != nil) != (test.upTo == UpToLastStable) {
			t.Errorf("%+v: aborted transactions %v", test, r.Aborted)
		}
		r.Records.Release()
	}
}

// TestDamage damages each kind of file after a stop and opens the log again.
func TestDamage(t *testing.T) {
	last := "00000000000000000016" // the active segment
	for name, test := range map[string]struct {
		file   string
		damage func(b []byte) []byte // nil: the file is removed
		clean  bool
		lost   int    // records at the end
		named  string // in the one warning of a clean start that passes over the file
	}{
		"torn batch":                           {last + ".log", func(b []byte) []byte { return b[:len(b)-3] }, false, 1, ""},
		"torn header":                          {last + ".log", func(b []byte) []byte { return b[:len(b)-60] }, false, 1, ""},
		"flipped bit in the last":              {last + ".log", func(b []byte) []byte { b[len(b)-1] ^= 4; return b }, false, 1, ""},
		"flipped bit in the first":             {last + ".log", func(b []byte) []byte { b[65] ^= 4; return b }, false, 4, ""},
		"zeros at the end":                     {last + ".log", func(b []byte) []byte { return append(b, make([]byte, 700)...) }, false, 0, ""},
		"earlier segment":                      {"00000000000000000004.log", func(b []byte) []byte { b[65] ^= 4; return b }, false, 16, ""},
		"bad index":                            {last + ".index", func(b []byte) []byte { b[7] ^= 4; return b }, false, 0, ""},
		"bad index after clean stop: position": {last + ".index", func(b []byte) []byte { b[len(b)-3] ^= 4; return b }, true, 0, `reason="offset index is bad" segment=16`},
		"no index":                             {last + ".index", nil, true, 0, `reason="offset index is missing" segment=16`},
		"no time index":                        {last + ".timeindex", nil, true, 0, ""},
		"bad time index":                       {last + ".timeindex", func(b []byte) []byte { b[3] ^= 4; return b }, false, 0, ""},
		"bad snapshot":                         {"00000000000000000020.snapshot", func(b []byte) []byte { b[3] ^= 4; return b }, true, 0, "00000000000000000020.snapshot"},
		"torn snapshot":                        {"00000000000000000020.snapshot", func(b []byte) []byte { return b[:5] }, true, 0, "00000000000000000020.snapshot"},
		"no snapshot":                          {"00000000000000000020.snapshot", nil, false, 0, ""},
		"bad transaction index":                {last + ".txnindex", func([]byte) []byte { return bytes.Repeat([]byte{9}, 34) }, true, 0, `reason="transaction index is bad" segment=16`},
		"empty epochs":                         {"leader-epoch-checkpoint", func([]byte) []byte { return nil }, false, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewMem()
			e := newEnv(t, mem, smallSegments).open(false, 0)
			var want []string
			for i := range 20 {
				e.append(e.clock, fmt.Sprint("v", i))
				want = append(want, fmt.Sprintf("%d:v%d", i, i))
			}
			if base := e.ActiveBaseOffset(); base != 16 {
				t.Fatalf("active segment at %d", base)
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			path := testDir + "/" + test.file
			if test.damage == nil {
				if err := mem.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				b, _ := vfs.ReadFile(mem, path)
				vfs.WriteFileAtomic(mem, path, test.damage(b), true)
			}
			e.logged.Reset()
			e.open(test.clean, 0)
			if log := e.logged.String(); test.named != "" && (strings.Count(log, "level=warning") != 1 || !strings.Contains(log, test.named)) {
				t.Errorf("no single warning names %s:\n%s", test.named, log)
			}
			want = want[:len(want)-test.lost]
			e.expect(want...)
			info := e.append(e.clock, "new")
			want = append(want, fmt.Sprintf("%d:new", info.FirstOffset))
			e.expect(want...)
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			e.open(true, 0).expect(want...)
		})
	}
}

func TestRolls(t *testing.T) {
	const now = 1_800_000_000_000
	type step struct {
		ts   int64
		size int
	}
	for name, test := range map[string]struct {
		config func(c *configs.Topic)
		steps  []step
		want   []int64 // base offsets
	}{
		"by size, exactly full stays":       {func(c *configs.Topic) { c.SegmentBytes = 200 }, []step{{now, 100}, {now, 100}, {now, 100}}, []int64{0, 2}},
		"by size, one byte more":            {func(c *configs.Topic) { c.SegmentBytes = 199 }, []step{{now, 100}, {now, 100}}, []int64{0, 1}},
		"by record time":                    {func(c *configs.Topic) { c.SegmentMs = 1000 }, []step{{now, 100}, {now + 1000, 100}, {now + 1001, 100}, {now, 100}}, []int64{0, 2}},
		"late records do not roll":          {func(c *configs.Topic) { c.SegmentMs = 1000 }, []step{{now, 100}, {now - 100000, 100}}, []int64{0}},
		"compaction lag":                    {func(c *configs.Topic) { c.Compact, c.MaxCompactionLagMs = true, 10 }, []step{{now, 100}, {now + 11, 100}}, []int64{0, 1}},
		"compaction lag without compaction": {func(c *configs.Topic) { c.MaxCompactionLagMs = 10 }, []step{{now, 100}, {now + 11, 100}}, []int64{0}},
		"full index": {func(c *configs.Topic) { c.SegmentIndexBytes, c.IndexIntervalBytes = 40, 1 },
			[]step{{now, 100}, {now, 100}, {now, 100}, {now, 100}, {now, 100}, {now, 100}, {now, 100}}, []int64{0, 6}},
		"full time index": {func(c *configs.Topic) { c.SegmentIndexBytes, c.IndexIntervalBytes = 40, 1 },
			[]step{{now, 100}, {now + 1, 100}, {now + 2, 100}, {now + 3, 100}}, []int64{0, 3}},
	} {
		e := newEnv(t, vfs.NewMem(), test.config)
		e.clock = now
		e.open(false, 0)
		overhead := len(values(now, ""))
		for _, s := range test.steps {
			records := values(s.ts, strings.Repeat("x", s.size-overhead))
			if s.size < 100 || len(records) > s.size+1 {
				t.Fatalf("%s: cannot make %d bytes", name, s.size)
			}
			if c := record.NewBuilder(record.DefaultOptions()); test.config != nil && c != nil && e.config.Compact {
				c.Append(s.ts, []byte("k"), []byte(strings.Repeat("x", 20)))
				records = c.Bytes()
			}
			if _, err := e.AppendAsLeader(records, 0, record.OriginClient); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		var got []int64
		for _, s := range e.Segments() {
			got = append(got, s.BaseOffset())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: segments at %v, want %v", name, got, test.want)
		}
	}
}

func TestRollByOffsetRange(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), nil).open(false, 0)
	for _, offset := range []int64{0, 1<<31 - 1, 1 << 31, 1 << 40} {
		b := record.Batch(values(e.clock, "x"))
		b.SetBaseOffset(offset)
		b.SetLeaderEpoch(3)
		if _, err := e.AppendAsFollower(b); err != nil {
			t.Fatal(err)
		}
	}
	var got []int64
	for _, s := range e.Segments() {
		got = append(got, s.BaseOffset())
	}
	if want := []int64{0, 1 << 31, 1 << 40}; !slices.Equal(got, want) {
		t.Fatalf("segments at %v, want %v", got, want)
	}
	e.expect("0:x", "2147483647:x", "2147483648:x", "1099511627776:x")
	if epoch, _ := e.LatestEpoch(); epoch != 3 {
		t.Errorf("leader epoch %d", epoch)
	}
	e.CloseHandlers()
	e.open(false, 0).expect("0:x", "2147483647:x", "2147483648:x", "1099511627776:x")
}

// TestSplitOfOverflowedSegment recovers a segment that an old Kafka filled beyond the range of its
// index.
func TestSplitOfOverflowedSegment(t *testing.T) {
	mem := vfs.NewMem()
	mem.MkdirAll(testDir)
	var content []byte
	for _, offset := range []int64{0, 1, 1 << 32, 1<<32 + 1} {
		b := record.Batch(values(1000, "x"))
		b.SetBaseOffset(offset)
		content = append(content, b...)
	}
	vfs.WriteFileAtomic(mem, testDir+"/00000000000000000000.log", content, true)
	e := newEnv(t, mem, nil).open(false, 0)
	e.expect("0:x", "1:x", "4294967296:x", "4294967297:x")
	if n := len(e.Segments()); n != 2 {
		t.Errorf("%d segments", n)
	}
}

func TestFollowerAppends(t *testing.T) {
	at := func(offset int64, v ...string) []byte {
		b := record.Batch(values(1000, v...))
		b.SetBaseOffset(offset)
		b.SetLeaderEpoch(0)
		return b
	}
	e := newEnv(t, vfs.NewMem(), nil).open(false, 0)
	if err := e.TruncateFullyAndStartAt(5); err != nil {
		t.Fatal(err)
	}
	if _, err := e.AppendAsFollower(at(2, "a", "b")); err == nil {
		t.Fatal("offsets 2-3 were accepted by an empty log at 5")
	}
	// The leader's log start lies inside the first batch.
	if _, err := e.AppendAsFollower(at(3, "a", "b", "c")); err != nil {
		t.Fatal(err)
	}
	e.expect("3:a", "4:b", "5:c")
	if _, err := e.AppendAsFollower(at(5, "x")); err == nil {
		t.Fatal("an offset below the log end was accepted")
	}
	if _, err := e.AppendAsFollower(append(at(9, "d"), at(8, "e")...)); err == nil {
		t.Fatal("offsets that do not ascend were accepted")
	}
	if _, err := e.AppendAsFollower(append(at(8, "d"), at(10, "e")...)); err != nil {
		t.Fatal(err)
	}
	e.expect("3:a", "4:b", "5:c", "8:d", "10:e")
	if info, err := e.AppendAsFollower(at(11, "f")[:30]); err != nil || info.LastOffset != -1 {
		t.Fatalf("half a batch: %+v, %v", info, err)
	}
}

func TestTruncation(t *testing.T) {
	for to := int64(0); to <= 21; to++ {
		e := newEnv(t, vfs.NewMem(), smallSegments).open(false, 0)
		var want []string
		for i := range 10 {
			e.append(e.clock, "a", "b") // offsets 2i and 2i+1
			if int64(2*i+1) < to {      // a batch that spans the offset goes entirely
				want = append(want, fmt.Sprintf("%d:a", 2*i), fmt.Sprintf("%d:b", 2*i+1))
			}
		}
		e.Flush(20)
		if err := e.TruncateTo(to); err != nil {
			t.Fatal(err)
		}
		end := min(to, 20)
		check := func() {
			t.Helper()
			e.expect(want...)
			if e.LogEndOffset() != end || e.HighWatermark() > end || e.RecoveryPoint() > end {
				t.Fatalf("to %d: log end %d, high watermark %d, recovery point %d", to, e.LogEndOffset(), e.HighWatermark(), e.RecoveryPoint())
			}
		}
		check()
		e.append(e.clock, "new")
		want = append(want, fmt.Sprintf("%d:new", end))
		end++
		check()
		e.CloseHandlers()
		e.open(false, 0)
		check()
		e.runTasks()
		if strings.Contains(e.files(), deletedSuffix) {
			t.Fatalf("left behind: %s", e.files())
		}
	}
}

func TestTruncationBelowTheFirstSegment(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), nil).open(false, 0)
	e.AssignEpochStart(4)
	e.append(e.clock, "a")
	if err := e.TruncateFullyAndStartAt(100); err != nil {
		t.Fatal(err)
	}
	e.append(e.clock, "b")
	e.expect("100:b")
	if err := e.TruncateTo(50); err != nil {
		t.Fatal(err)
	}
	if e.LogStartOffset() != 50 || e.LogEndOffset() != 50 {
		t.Fatalf("[%d, %d)", e.LogStartOffset(), e.LogEndOffset())
	}
	if _, known := e.LatestEpoch(); known {
		t.Error("epochs are left")
	}
}

func TestDeletedSegmentStaysReadable(t *testing.T) {
	e := newEnv(t, vfs.OS{}, smallSegments)
	dir := t.TempDir()
	var err error
	if e.Log, err = Open(Options{Dir: dir, Config: e.config, After: func(_ time.Duration, fn func()) { e.tasks = append(e.tasks, fn) }}); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		e.append(time.Now().UnixMilli(), "value")
	}
	r, err := e.Read(0, 1<<20, UpToLogEnd, true)
	if err != nil {
		t.Fatal(err)
	}
	before := make([]byte, r.Records.Len())
	r.Records.ReadAt(before, 0)
	if err := e.MaybeIncrementLogStartOffset(e.LogEndOffset()); err != nil {
		t.Fatal(err)
	}
	if n, err := e.DeleteOldSegments(); n == 0 || err != nil {
		t.Fatalf("%d segments deleted, %v", n, err)
	}
	e.runTasks()
	after := make([]byte, len(before))
	if _, err := r.Records.ReadAt(after, 0); err != nil || !bytes.Equal(before, after) {
		t.Fatalf("after the deletion: %v", err)
	}
	if f, pos := r.Records.OSFile(); f == nil || pos != 0 {
		t.Errorf("file %v at %d", f, pos)
	}
	data := r.Records.data
	r.Records.Release()
	r.Records.Release()
	if data.refs.Load() != 0 {
		t.Errorf("%d users after the last release", data.refs.Load())
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDeleteRecordsAndRestart(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), smallSegments).open(false, 0)
	for i := range 20 {
		e.append(e.clock, fmt.Sprint(i))
	}
	if err := e.MaybeIncrementLogStartOffset(21); !errors.Is(err, kerr.OffsetOutOfRange) {
		t.Fatalf("above the log end: %v", err)
	}
	if err := e.MaybeIncrementLogStartOffset(18); err != nil {
		t.Fatal(err)
	}
	e.expect("18:18", "19:19")
	if _, err := e.Read(17, 100, UpToLogEnd, true); !errors.Is(err, kerr.OffsetOutOfRange) {
		t.Fatalf("read before the log start: %v", err)
	}
	e.Close()
	if err := e.tryOpen(true, 18, 20); err != nil {
		t.Fatal(err)
	}
	e.expect("18:18", "19:19")
	if n, err := e.DeleteOldSegments(); err != nil || n != 4 {
		t.Fatalf("%d segments deleted, %v", n, err)
	}
	// A log start above everything there is: start again.
	e.Close()
	if err := e.tryOpen(true, 1000, 20); err != nil {
		t.Fatal(err)
	}
	if e.LogStartOffset() != 1000 || e.LogEndOffset() != 1000 {
		t.Fatalf("[%d, %d)", e.LogStartOffset(), e.LogEndOffset())
	}
}

func TestOffsetForTimestamp(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), smallSegments)
	e.open(false, 0)
	if _, found, err := e.OffsetForTimestamp(5); found || err != nil {
		t.Fatalf("in an empty log: %v, %v", found, err)
	}
	for i := range 40 { // out of order: 1010, 1000, 1030, 1020 …
		e.append(1000+10*int64(i^1), "v")
	}
	for restart := range 2 {
		for ts, want := range map[int64]int64{0: 0, 1000: 0, 1001: 0, 1011: 2, 1020: 2, 1031: 4, 1381: 38, 1390: 38, 1391: -1} {
			got, found, err := e.OffsetForTimestamp(ts)
			if !found {
				got.Offset = -1
			}
			if err != nil || got.Offset != want || found && got.LeaderEpoch != 0 {
				t.Errorf("restart %d, timestamp %d: %+v, %v, %v, want %d", restart, ts, got, found, err, want)
			}
		}
		if got, found, _ := e.OffsetForTimestamp(EarliestTimestamp); !found || got.Offset != 0 || got.Timestamp != -1 || got.LeaderEpoch != 0 {
			t.Errorf("earliest: %+v", got)
		}
		if got, found, _ := e.OffsetForTimestamp(LatestTimestamp); !found || got.Offset != 40 {
			t.Errorf("latest: %+v", got)
		}
		e.Close()
		e.open(true, 0)
	}
	e.MaybeIncrementLogStartOffset(39)
	if got, found, err := e.OffsetForTimestamp(0); err != nil || !found || got.Offset != 39 {
		t.Errorf("after the log start moved: %+v, %v, %v", got, found, err)
	}
	e.config.RecordVersion = 0
	if _, _, err := e.OffsetForTimestamp(0); !errors.Is(err, kerr.UnsupportedForMessageFormat) {
		t.Errorf("magic 0: %v", err)
	}
}

func TestLegacyOffsetsBefore(t *testing.T) {
	mem := vfs.NewMem()
	e := newEnv(t, mem, smallSegments)
	mem.Now = func() time.Time { return time.UnixMilli(e.clock) }
	e.open(false, 0)
	for range 9 { // segments at 0, 4, 8
		e.append(e.clock, "v")
		e.clock += 1000
	}
	first := int64(1_800_000_000_000)
	for _, test := range []struct {
		ts   int64
		max  int
		want []int64
	}{
		{LatestTimestamp, 1, []int64{9}},
		{LatestTimestamp, 10, []int64{9, 8, 4, 0}},
		{EarliestTimestamp, 10, []int64{0}},
		{first, 10, nil},
		{first + 3000, 10, []int64{0}},
		{first + 7000, 10, []int64{4, 0}},
		{first + 7000, 1, []int64{4}},
	} {
		if got := e.LegacyOffsetsBefore(test.ts, test.max); !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// TestFailedWrite makes writes fail in the middle: the log stays as it was and goes on when the
// disk does.
func TestFailedWrite(t *testing.T) {
	for _, short := range []int{0, 1, 40, 1000} {
		mem := vfs.NewMem()
		fault := vfs.NewFault(mem)
		e := newEnv(t, fault, nil).open(false, 0)
		e.append(e.clock, "a")
		fault.Inject(vfs.Rule{Op: vfs.OpWrite, Base: "*.log", Times: 1, Err: syscall.ENOSPC, Short: short})
		_, err := e.AppendAsLeader(values(e.clock, "lost"), 0, record.OriginClient)
		if !errors.Is(err, kerr.KafkaStorageError) || !errors.Is(err, syscall.ENOSPC) || len(e.ioErrs) != 1 {
			t.Fatalf("short %d: %v, reported %v", short, err, e.ioErrs)
		}
		e.expect("0:a")
		e.append(e.clock, "b")
		e.expect("0:a", "1:b")
		e.Close()
		e.open(true, 0).expect("0:a", "1:b")
	}
}

// TestUnusableAfterFailedUndo lets the removal of a half-written batch fail too: the log takes
// nothing more, and recovery removes it.
func TestUnusableAfterFailedUndo(t *testing.T) {
	fault := vfs.NewFault(vfs.NewMem())
	e := newEnv(t, fault, nil).open(false, 0)
	e.append(e.clock, "a")
	fault.Inject(vfs.Rule{Op: vfs.OpWrite, Base: "*.log", Times: 1, Err: syscall.EIO, Short: 40})
	fault.Inject(vfs.Rule{Op: vfs.OpTruncate, Times: 1, Err: syscall.EIO})
	for range 2 {
		if _, err := e.AppendAsLeader(values(e.clock, "lost"), 0, record.OriginClient); !errors.Is(err, kerr.KafkaStorageError) {
			t.Fatal(err)
		}
	}
	e.expect("0:a")
	if err := e.Close(); err == nil {
		t.Fatal("a broken log was closed as if it were clean")
	}
	e.open(false, 0).expect("0:a")
}

// After a failed sync the system may take what it could not write for written, so that the next
// sync succeeds: nothing counts as flushed any more, nothing is acknowledged, and the stop is not a
// clean one.
func TestNoFlushAfterAFailedOne(t *testing.T) {
	fault := vfs.NewFault(vfs.NewMem())
	e := newEnv(t, fault, func(c *configs.Topic) { c.FlushMessages = 2 }).open(false, 0)
	e.append(e.clock, "a")
	if e.RecoveryPoint() != 0 {
		t.Fatal("flushed too early")
	}
	fault.Inject(vfs.Rule{Op: vfs.OpSync, Base: "*.log", Times: 1, Err: syscall.EIO})
	for _, v := range []string{"b", "c"} {
		if _, err := e.AppendAsLeader(values(e.clock, v), 0, record.OriginClient); !errors.Is(err, kerr.KafkaStorageError) {
			t.Errorf("append of %s: %v", v, err)
		}
	}
	if err := e.Flush(e.LogEndOffset()); !errors.Is(err, kerr.KafkaStorageError) {
		t.Errorf("flush: %v", err)
	}
	if e.RecoveryPoint() != 0 {
		t.Errorf("recovery point %d", e.RecoveryPoint())
	}
	if err := e.Close(); err == nil {
		t.Error("closed as if all were durable")
	}
}

func TestErrorsOfRequestsAreNotIOErrors(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), func(c *configs.Topic) { c.MaxMessageBytes, c.SegmentBytes = 1000, 500 }).open(false, 0)
	if _, err := e.AppendAsLeader(values(e.clock, strings.Repeat("x", 2000)), 0, record.OriginClient); !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := e.AppendAsLeader(values(e.clock, strings.Repeat("x", 600)), 0, record.OriginClient); !errors.Is(err, kerr.RecordListTooLarge) {
		t.Errorf("larger than a segment: %v", err)
	}
	bad := values(e.clock, "x")
	bad[len(bad)-1] ^= 1
	if _, err := e.AppendAsLeader(bad, 0, record.OriginClient); !errors.Is(err, kerr.CorruptMessage) {
		t.Errorf("bad checksum: %v", err)
	}
	if info, err := e.AppendAsLeader(nil, 0, record.OriginClient); err != nil || info.LastOffset != -1 {
		t.Errorf("nothing: %+v, %v", info, err)
	}
	if len(e.ioErrs) != 0 || e.LogEndOffset() != 0 {
		t.Errorf("i/o errors %v, log end %d", e.ioErrs, e.LogEndOffset())
	}
}

func TestDuplicateIsAnsweredWithTheFirstOffsets(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), nil).open(false, 0)
	idempotent := func(seq int32) []byte {
		o := record.DefaultOptions()
		o.ProducerID, o.ProducerEpoch, o.BaseSequence = 7, 0, seq
		b := record.NewBuilder(o)
		b.Append(e.clock+int64(seq), nil, []byte("x"))
		b.Append(e.clock+int64(seq), nil, []byte("y"))
		return b.Bytes()
	}
	for i := range int32(3) {
		if _, err := e.AppendAsLeader(idempotent(2*i), 0, record.OriginClient); err != nil {
			t.Fatal(err)
		}
	}
	info, err := e.AppendAsLeader(idempotent(2), 0, record.OriginClient)
	if err != nil || !info.Duplicate || info.FirstOffset != 2 || info.LastOffset != 3 || info.LogAppendTime != e.clock+2 || e.LogEndOffset() != 6 {
		t.Fatalf("%+v, %v, log end %d", info, err, e.LogEndOffset())
	}
	if _, err := e.AppendAsLeader(idempotent(9), 0, record.OriginClient); !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
		t.Fatal(err)
	}
	e.CloseHandlers() // as after kill -9: the state is rebuilt from the batches
	e.open(false, 0)
	if info, err := e.AppendAsLeader(idempotent(4), 0, record.OriginClient); err != nil || !info.Duplicate || info.FirstOffset != 4 {
		t.Fatalf("after a recovery: %+v, %v", info, err)
	}
	e.RemoveExpiredProducers(time.UnixMilli(e.clock).AddDate(0, 0, 8))
	if n := len(e.ActiveProducers()); n != 0 {
		t.Fatalf("%d producers after 8 days", n)
	}
}

// TestReadersWhileAppending reads concurrently with appends, rolls and deletions; run it with
// -race.
func TestReadersWhileAppending(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), func(c *configs.Topic) { c.SegmentBytes, c.IndexIntervalBytes = 2000, 100 }).open(false, 0)
	const n = 2000
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			offset := int64(0)
			for {
				r, err := e.Read(offset, 1000, UpToHighWatermark, true)
				if errors.Is(err, kerr.OffsetOutOfRange) {
					offset = e.LogStartOffset()
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if r.LogStartOffset > r.LastStableOffset || r.LastStableOffset > r.HighWatermark || r.HighWatermark > r.LogEndOffset {
					t.Errorf("inconsistent: %+v", r)
				}
				if r.Records.Len() == 0 {
					if offset == n {
						return
					}
					continue
				}
				data := make([]byte, r.Records.Len())
				if _, err := r.Records.ReadAt(data, 0); err != nil {
					t.Error(err)
					return
				}
				r.Records.Release()
				for {
					b, rest, err := record.Next(data)
					if b == nil || err != nil {
						break
					}
					data = rest
					if b.LastOffset() >= r.HighWatermark {
						t.Errorf("offset %d was read with a high watermark of %d", b.LastOffset(), r.HighWatermark)
					}
					offset = b.NextOffset()
				}
			}
		})
	}
	for i := range n {
		e.append(e.clock, fmt.Sprint(i))
		if i%500 == 499 {
			e.MaybeIncrementLogStartOffset(int64(i - 250))
			if _, err := e.DeleteOldSegments(); err != nil {
				t.Fatal(err)
			}
			e.runTasks()
			e.CloseIdle(time.UnixMilli(e.clock + 1))
		}
	}
	wg.Wait()
}

package log

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"momus/configs"
	"momus/storage/record"
	"momus/storage/vfs"
)

// clean writes what the cleaner would: the even records of the given segments, in one segment.
func clean(l *Log, old []*Segment) (*Segment, error) {
	s, err := l.NewCleanedSegment(old[0].BaseOffset())
	if err != nil {
		return nil, err
	}
	for _, from := range old {
		err := from.ForEachBatch(true, func(b record.Batch, _ int) error {
			if b.BaseOffset()%2 == 1 {
				return nil
			}
			return s.Append(b, b.LastOffset(), b.MaxTimestamp(), b.LastOffset())
		})
		if err != nil {
			return nil, err
		}
	}
	mtime, err := old[len(old)-1].ModTime()
	if err != nil {
		return nil, err
	}
	return s, s.FinishCleaned(mtime)
}

// TestReplaceIsAtomic cuts a cleaning at every file system call: the log has all records
// afterwards, or the kept ones.
func TestReplaceIsAtomic(t *testing.T) {
	var all, kept []string
	for i := range 20 {
		all = append(all, fmt.Sprintf("%d:v%d", i, i))
		if i%2 == 0 || i >= 16 {
			kept = append(kept, all[i])
		}
	}
	for n := 0; ; n++ {
		mem := vfs.NewMem()
		e := newEnv(t, mem, func(c *configs.Topic) { smallSegments(c); c.Compact, c.Delete = false, true }).open(false, 0)
		for i := range 20 {
			e.append(e.clock, fmt.Sprint("v", i))
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		fault := vfs.NewFault(mem)
		e.fs = fault
		e.open(true, 20)
		fault.Inject(vfs.Rule{Skip: n, Err: errCrash})
		old := e.Segments()
		old = old[:len(old)-1]
		s, err := clean(e.Log, old)
		if err == nil {
			err = e.ReplaceSegments([]*Segment{s}, old)
		}
		if err == nil {
			fault.Clear()
			e.runTasks()
			e.expect(kept...)
			if len(e.Segments()) != 2 || e.Segments()[0] != s {
				t.Fatalf("segments %v", e.Segments())
			}
			if strings.Contains(e.files(), deletedSuffix) || strings.Contains(e.files(), swapSuffix) {
				t.Fatalf("left behind: %s", e.files())
			}
		} else if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		for name, f := range map[string]vfs.FS{"killed": mem.KillClone(), "power lost": mem.CrashClone(nil)} {
			after := newEnv(t, f, smallSegments).open(false, 20)
			got := content(t, after.Log)
			if !slices.Equal(got, all) && !slices.Equal(got, kept) {
				t.Fatalf("call %d (%v), %s: %v", n, err, name, got)
			}
			if strings.Contains(after.files(), cleanedSuffix) || strings.Contains(after.files(), swapSuffix) {
				t.Fatalf("call %d, %s: left behind: %s", n, name, after.files())
			}
			if err := after.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err == nil {
			break
		}
	}
}

// syncDirFS calls a function once, in the middle of the first sync of a directory after it was set.
type syncDirFS struct {
	vfs.FS
	hook func()
}

func (f *syncDirFS) SyncDir(name string) error {
	if hook := f.hook; hook != nil {
		f.hook = nil
		hook()
	}
	return f.FS.SyncDir(name)
}

// A directory's sync takes as long as the disk likes: appends do not wait for that of a swap.
func TestAppendsGoOnWhileASwapIsSynced(t *testing.T) {
	fs := &syncDirFS{FS: vfs.NewMem()}
	e := newEnv(t, fs, smallSegments).open(false, 0)
	for i := range 20 {
		e.append(e.clock, fmt.Sprint("v", i))
	}
	old := e.Segments()
	old = old[:len(old)-1]
	s, err := clean(e.Log, old)
	if err != nil {
		t.Fatal(err)
	}
	met := false
	fs.hook = func() {
		met = true
		appended := make(chan struct{})
		go func() {
			defer close(appended)
			if _, err := e.AppendAsLeader(values(e.clock, "meanwhile"), 0, record.OriginClient); err != nil {
				t.Error(err)
			}
		}()
		select {
		case <-appended:
		case <-time.After(time.Minute):
			t.Error("an append waits for the sync")
		}
	}
	if err := e.ReplaceSegments([]*Segment{s}, old); err != nil {
		t.Fatal(err)
	}
	if !met {
		t.Fatal("no directory was synced")
	}
	got := content(t, e.Log)
	if !slices.Contains(got, "20:meanwhile") || slices.Contains(got, "1:v1") {
		t.Errorf("%v", got)
	}
}

func TestAbandonedCleaningLeavesNothing(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), nil).open(false, 0)
	e.append(e.clock, "a")
	before := e.files()
	s, err := e.NewCleanedSegment(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(values(1, "x"), 0, 1, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.AbandonCleaned(); err != nil {
		t.Fatal(err)
	}
	if after := e.files(); after != before {
		t.Fatalf("%s, before %s", after, before)
	}
}

// TestTransactions follows the last stable offset and the aborted transactions through a restart of
// each kind.
func TestTransactions(t *testing.T) {
	mem := vfs.NewMem()
	e := newEnv(t, mem, func(c *configs.Topic) { c.SegmentBytes, c.IndexIntervalBytes = 400, 50 }).open(false, 0)
	data := func(pid int64, seq int32) {
		t.Helper()
		o := record.DefaultOptions()
		o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Transactional = pid, 0, seq, true
		b := record.NewBuilder(o)
		b.Append(e.clock, nil, []byte("x"))
		if _, err := e.AppendAsLeader(b.Bytes(), 0, record.OriginClient); err != nil {
			t.Fatal(err)
		}
	}
	marker := func(pid int64, commit bool) {
		t.Helper()
		if _, err := e.AppendAsLeader(record.ControlBatch(pid, 0, 0, commit, e.clock), 0, record.OriginCoordinator); err != nil {
			t.Fatal(err)
		}
	}
	check := func(stable int64, aborted ...AbortedTxn) {
		t.Helper()
		if got := e.LastStableOffset(); got != stable {
			t.Errorf("last stable offset %d, want %d", got, stable)
		}
		var got []AbortedTxn
		for offset := e.LogStartOffset(); offset < stable; {
			r, err := e.Read(offset, 1<<20, UpToLastStable, true)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range r.Aborted {
				if a.FirstOffset < stable && !slices.Contains(got, a) { // the bound of a read is rounded up to an index entry
					got = append(got, a)
				}
			}
			b := make([]byte, r.Records.Len())
			r.Records.ReadAt(b, 0)
			r.Records.Release()
			if len(b) == 0 {
				t.Fatalf("nothing to read at %d", offset)
			}
			for batch, rest, _ := record.Next(b); batch != nil; batch, rest, _ = record.Next(rest) {
				offset = batch.NextOffset()
			}
		}
		if !slices.Equal(got, aborted) {
			t.Errorf("aborted %v, want %v", got, aborted)
		}
	}
	restart := func() {
		t.Helper()
		hw := e.HighWatermark()
		for _, clean := range []bool{true, false} {
			if clean {
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
			} else {
				e.CloseHandlers()
			}
			e.open(clean, 0)
			e.UpdateHighWatermark(hw)
		}
	}
	data(1, 0) // 0
	data(2, 0) // 1
	check(0)   // the high watermark is 0
	e.UpdateHighWatermark(2)
	check(0)
	marker(1, false) // 2
	check(0)         // its marker is above the high watermark
	e.UpdateHighWatermark(3)
	check(1, AbortedTxn{1, 0})
	restart()
	check(1, AbortedTxn{1, 0})
	for i := range int32(10) { // more segments
		data(3, i) // 3 to 12
	}
	marker(2, true)  // 13
	marker(3, false) // 14
	e.UpdateHighWatermark(14)
	check(3, AbortedTxn{1, 0})
	e.UpdateHighWatermark(15)
	check(15, AbortedTxn{1, 0}, AbortedTxn{3, 3})
	restart()
	check(15, AbortedTxn{1, 0}, AbortedTxn{3, 3})
	if err := e.TruncateTo(14); err != nil {
		t.Fatal(err)
	}
	check(3, AbortedTxn{1, 0})
	e.UpdateHighWatermark(14)
	restart()
	check(3, AbortedTxn{1, 0})
}

// TestIdleLogIsCheap counts what an open log of many segments holds open.
func TestIdleLogIsCheap(t *testing.T) {
	c := testConfig()
	smallSegments(c)
	dir := t.TempDir()
	options := Options{Dir: dir + "/t-0", Config: c}
	l, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	for range 60 {
		if _, err := l.AppendAsLeader(values(time.Now().UnixMilli(), "value"), 0, record.OriginClient); err != nil {
			t.Fatal(err)
		}
	}
	content(t, l)
	l.CloseIdle(time.Now().Add(time.Hour))
	check := func() {
		t.Helper()
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Log("cannot count file handles here")
			return
		}
		n := 0
		for _, e := range entries {
			if target, _ := os.Readlink("/proc/self/fd/" + e.Name()); strings.HasPrefix(target, dir) {
				n++
			}
		}
		if n > 2 {
			t.Errorf("%d file handles", n)
		}
	}
	check()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	options.Clean = true
	if l, err = Open(options); err != nil {
		t.Fatal(err)
	}
	check()
	content(t, l)
	if err := l.Rename(dir + "/t-0.00000000000000000000000000000000-delete"); err != nil {
		t.Fatal(err)
	}
	l.CloseIdle(time.Now().Add(time.Hour))
	content(t, l) // under the new name
	if err := l.Delete(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// FuzzOpen recovers a log from any bytes in its files, or refuses with an error; what it recovers
// it can append to and open again.
func FuzzOpen(f *testing.F) {
	good := values(1000, "a", "b")
	f.Add(good, []byte{}, []byte{}, []byte{}, []byte{}, true)
	f.Add(append(slices.Clone(good), make([]byte, 100)...), make([]byte, 64), make([]byte, 24), make([]byte, 34), []byte("0\n1\n0 0\n"), false)
	f.Fuzz(func(t *testing.T, log, index, times, txns, epochs []byte, clean bool) {
		mem := vfs.NewMem()
		mem.MkdirAll(testDir)
		for kind, content := range map[string][]byte{logSuffix: log, indexSuffix: index, timeSuffix: times, txnSuffix: txns} {
			vfs.WriteFileAtomic(mem, testDir+"/"+fileName(0, kind), content, true)
		}
		vfs.WriteFileAtomic(mem, testDir+"/leader-epoch-checkpoint", epochs, true)
		e := newEnv(t, mem, nil)
		if e.tryOpen(clean, 0, 0) != nil {
			return
		}
		end := e.LogEndOffset()
		e.Read(0, 1000, UpToLogEnd, true)
		e.OffsetForTimestamp(500)
		if clean {
			return // nothing was checked
		}
		if end == 1<<63-1 {
			return
		}
		if _, err := e.AppendAsLeader(values(1000, "c"), 1<<30, record.OriginClient); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		e.open(true, 0)
		if e.LogEndOffset() != end+1 {
			t.Fatalf("log end %d, then %d", end, e.LogEndOffset())
		}
	})
}

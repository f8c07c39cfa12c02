package cleaner

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"momus/configs"
	"momus/storage/record"
	"momus/storage/vfs"
)

func smallConfig() *configs.Topic {
	c := topicConfig()
	c.SegmentBytes, c.IndexIntervalBytes, c.DeleteRetentionMs = 6000, 200, 0
	return c
}

// TestCleaningKeepsTheLatestValues cleans again and again while all kinds of records are added,
// with buffers and maps so small that rounds end in the middle of a segment.
func TestCleaningKeepsTheLatestValues(t *testing.T) {
	for _, tc := range []struct {
		name   string
		magics []int8
		limits func(l *limits)
		config func(c *configs.Topic)
	}{
		{name: "magic 0", magics: []int8{0}},
		{name: "magic 1", magics: []int8{1}},
		{name: "magic 2", magics: []int8{2}},
		{name: "upgraded", magics: []int8{0, 1, 2}},
		{name: "small buffers", magics: []int8{1, 2}, limits: func(l *limits) { l.bufferBytes = 100 }},
		{name: "small map", magics: []int8{0, 2}, limits: func(l *limits) { l.mapBytes = 15 * slotBytes }},
		{name: "tombstones stay", magics: []int8{2}, config: func(c *configs.Topic) { c.DeleteRetentionMs = 1 << 40 }},
		{name: "one segment a group", magics: []int8{2}, config: func(c *configs.Topic) { c.SegmentIndexBytes = 24 }},
		{name: "large segments", magics: []int8{2}, config: func(c *configs.Topic) { c.SegmentBytes = 40000 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(4) {
				mem := vfs.NewMem()
				c, lim := smallConfig(), testLimits()
				if tc.config != nil {
					tc.config(c)
				}
				if tc.limits != nil {
					tc.limits(&lim)
				}
				l := openLog(t, mem, testDir, c, false)
				w := newWorkload(t, l, seed, 400, tc.magics...)
				dirty := int64(0)
				for round := range 10 {
					w.run(40)
					if round == 9 {
						w.finish()
						if err := l.Roll(); err != nil {
							t.Fatal(err)
						}
					}
					for again := 0; ; again++ {
						before := producerStates(l)
						r, err := cleanOnce(l, dirty, lim)
						if err != nil {
							t.Fatal(err)
						}
						if after := producerStates(l); after != before {
							t.Fatalf("producers were\n%sand are\n%s", before, after)
						}
						progress := r.end > dirty
						dirty = r.end
						w.check(fmt.Sprintf("seed %d, round %d.%d", seed, round, again), l, dirty)
						if !progress || lim.mapBytes == testLimits().mapBytes {
							break
						}
					}
					if names := leftovers(t, mem, testDir); names != nil {
						t.Fatalf("left over: %v", names)
					}
				}
				if dirty != l.LogEndOffset() {
					t.Errorf("cleaned up to %d of %d", dirty, l.LogEndOffset())
				}
				// Everything is rebuilt from the cleaned data.
				before, size := producerStates(l), l.Size()
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				l = openLog(t, mem, testDir, c, false)
				w.check(fmt.Sprintf("seed %d, recovered", seed), l, dirty)
				if after := producerStates(l); after != before {
					t.Errorf("recovered producers were\n%sand are\n%s", before, after)
				}
				if l.Size() != size {
					t.Errorf("%d bytes, not %d, after recovery", l.Size(), size)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// TestCleaningSurvivesCrashes cuts a cleaning at every file system call that changes something, and
// at a sample of the reads.
func TestCleaningSurvivesCrashes(t *testing.T) {
	errCrash := errors.New("crash")
	for seed := range uint64(3) {
		for n := 0; ; n++ {
			mem := vfs.NewMem()
			fault := vfs.NewFault(mem)
			c := smallConfig()
			l := openLog(t, fault, testDir, c, false)
			w := newWorkload(t, l, seed, 120, 1, 2)
			lim := testLimits()
			lim.bufferBytes = 2000
			w.run(60)
			if err := l.Flush(l.LogEndOffset()); err != nil {
				t.Fatal(err)
			}
			first, err := cleanOnce(l, 0, lim)
			if err != nil {
				t.Fatal(err)
			}
			w.run(60)
			w.finish()
			if err := l.Flush(l.LogEndOffset()); err != nil {
				t.Fatal(err)
			}
			producers := producerStates(l)
			torn := rand.New(rand.NewPCG(seed, uint64(n)))
			fault.Inject(vfs.Rule{Skip: n, Err: errCrash, Short: torn.IntN(500)})
			done, err := cleanOnce(l, first.end, lim)
			if err != nil && !errors.Is(err, errCrash) {
				t.Fatalf("seed %d, call %d: %v", seed, n, err)
			}
			name := fmt.Sprintf("seed %d, call %d (%v)", seed, n, err)
			for what, f := range map[string]*vfs.Mem{"killed": mem.KillClone(), "power lost, nothing unsynced": mem.CrashClone(nil), "power lost": mem.CrashClone(torn)} {
				crashed := openLog(t, f, testDir, c, false)
				again := *w
				again.log = crashed
				again.checkCrashed(name+", "+what, first.end, done.end)
				if names := leftovers(t, f, testDir); names != nil {
					t.Errorf("%s, %s: left over: %v", name, what, names)
				}
				if got := producerStates(crashed); got != producers {
					t.Errorf("%s, %s: producers were\n%sand are\n%s", name, what, producers, got)
				}
				// The next cleaning begins where the checkpoint says, and completes.
				r, err := cleanOnce(crashed, first.end, lim)
				if err != nil {
					t.Fatalf("%s, %s: %v", name, what, err)
				}
				again.check(name+", "+what+", cleaned again", crashed, r.end)
				if err := crashed.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if t.Failed() || err == nil {
				break
			}
		}
	}
}

// checkCrashed is check for a log whose cleaning from one offset to another may be done in part.
func (w *workload) checkCrashed(what string, from, to int64) {
	w.t.Helper()
	latest := map[string]int64{}
	var last int64
	for o, e := range w.appended {
		last = max(last, o)
		if e.committed {
			latest[e.key] = max(latest[e.key], o)
		}
	}
	got := map[int64]bool{}
	for _, e := range readLog(w.t, w.log) {
		was := w.appended[e.offset]
		if e != was {
			w.t.Errorf("%s: found %+v, not %+v", what, e, was)
		}
		got[e.offset] = true
	}
	for o, e := range w.appended {
		if e.committed && !e.tombstone && latest[e.key] == o && !got[o] {
			w.t.Errorf("%s: lost %+v (log end %d)", what, e, w.log.LogEndOffset())
		}
	}
	if w.log.LogEndOffset() <= last {
		w.t.Errorf("%s: log ends at %d, before %d", what, w.log.LogEndOffset(), last)
	}
}

func TestAbortedCleaningLeavesNoFiles(t *testing.T) {
	for n := 0; ; n++ {
		mem := vfs.NewMem()
		l := openLog(t, mem, testDir, smallConfig(), false)
		w := newWorkload(t, l, 5, 100, 2)
		w.run(100)
		w.finish()
		p, err := planFor(l, 0, true, testTime)
		if err != nil {
			t.Fatal(err)
		}
		lim := testLimits()
		lim.bufferBytes = 1500
		ctx, cancel := context.WithCancel(context.Background())
		calls := 0
		c := &cleaning{log: l, limits: lim, throttle: unlimited(), progress: func(_, _ int64) {
			if calls++; calls > n {
				cancel()
			}
		}}
		r, err := c.run(ctx, p)
		cancel()
		if names := leftovers(t, mem, testDir); names != nil {
			t.Fatalf("aborted after %d chunks: left over: %v", n, names)
		}
		w.checkCrashed(fmt.Sprintf("aborted after %d chunks", n), 0, r.end)
		if err == nil {
			if r.end != p.end {
				t.Errorf("cleaned up to %d, not %d", r.end, p.end)
			}
			break
		}
		if !errors.Is(err, errAborted) || r.end != 0 {
			t.Fatalf("aborted after %d chunks: %v, end %d", n, err, r.end)
		}
	}
}

// TestDamagedBatchIsNotCleaned: what does not have its checksum is not written anew with a right
// one.
func TestDamagedBatchIsNotCleaned(t *testing.T) {
	for _, size := range []int{0, 1} {
		mem := vfs.NewMem()
		l := openLog(t, mem, testDir, smallConfig(), false)
		w := newWorkload(t, l, 6, 100, 2)
		w.run(100)
		w.finish()
		name := filepath.Join(testDir, fmt.Sprintf("%020d.log", l.Segments()[1].BaseOffset()))
		f, err := mem.OpenFile(name, 2)
		if err != nil {
			t.Fatal(err)
		}
		what := []byte{0x55}
		if _, err := f.WriteAt(what, int64(70+size)); err != nil {
			t.Fatal(err)
		}
		before, _ := vfs.ReadFile(mem, name)
		_, err = cleanOnce(l, 0, testLimits())
		var corrupt *record.CorruptError
		if !errors.As(err, &corrupt) {
			t.Errorf("cleaning a damaged log: %v", err)
		}
		if after, _ := vfs.ReadFile(mem, name); string(after) != string(before) {
			t.Error("the damaged segment was changed")
		}
		if names := leftovers(t, mem, testDir); names != nil {
			t.Errorf("left over: %v", names)
		}
	}
}

// TestRecordsWithoutKeyAreDropped: they come from a time when the topic was not compacted.
func TestRecordsWithoutKeyAreDropped(t *testing.T) {
	mem := vfs.NewMem()
	c := smallConfig()
	c.Compact = false
	l := openLog(t, mem, testDir, c, false)
	b := record.NewBuilder(record.DefaultOptions())
	b.Append(testTime, nil, []byte("no key"))
	b.Append(testTime, []byte{}, []byte("empty key"))
	b.Append(testTime, []byte("k"), []byte{})
	if _, err := l.AppendAsLeader(b.Bytes(), 3, record.OriginClient); err != nil {
		t.Fatal(err)
	}
	l.UpdateHighWatermark(l.LogEndOffset())
	if err := l.Roll(); err != nil {
		t.Fatal(err)
	}
	if err := l.UpdateConfig(smallConfig()); err != nil {
		t.Fatal(err)
	}
	r, err := cleanOnce(l, 0, testLimits())
	if err != nil {
		t.Fatal(err)
	}
	if r.invalidRecords != 1 || r.keptRecords != 2 || r.end != 3 {
		t.Errorf("%+v", r)
	}
	var got []string
	for _, e := range readLog(t, l) {
		got = append(got, fmt.Sprintf("%d %q %q", e.offset, e.key, e.value))
	}
	if want := `1 "" "empty key"|2 "k" ""`; strings.Join(got, "|") != want {
		t.Errorf("%v, not %s", got, want)
	}
	if e, ok := l.EpochForOffset(2); !ok || e != 3 {
		t.Errorf("leader epoch %d", e)
	}
}

// TestOverflowingSegmentIsSplit: old versions of Kafka merged segments beyond the range of an
// index. Such a segment is split, and cleaned in the next round.
func TestOverflowingSegmentIsSplit(t *testing.T) {
	const far = 1<<31 + 5
	mem := segmentFiles(t, map[int64][]byte{
		0:       slices.Concat(oneRecord(0, "first"), oneRecord(10, "second"), oneRecord(far, "third"), oneRecord(far+1, "fourth")),
		far + 7: oneRecord(far+8, "active"),
	})
	l := openLog(t, mem, testDir, smallConfig(), true)
	r, err := cleanOnce(l, 0, testLimits())
	if !errors.Is(err, errAborted) || r.end != 0 {
		t.Fatalf("cleaned up to %d: %v", r.end, err)
	}
	if got := len(l.Segments()); got != 3 {
		t.Fatalf("%d segments", got)
	}
	if r, err = cleanOnce(l, 0, testLimits()); err != nil || r.end != l.ActiveBaseOffset() {
		t.Fatalf("cleaned up to %d: %v", r.end, err)
	}
	var got []string
	for _, e := range readLog(t, l) {
		got = append(got, fmt.Sprint(e.offset, " ", e.value))
	}
	if want := fmt.Sprintf("%d fourth|%d active", far+1, far+8); strings.Join(got, "|") != want {
		t.Errorf("%v, not %s", got, want)
	}
	if names := leftovers(t, mem, testDir); names != nil {
		t.Errorf("left over: %v", names)
	}
}

// segmentFiles makes a log of segments with this content.
func segmentFiles(t *testing.T, segments map[int64][]byte) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	err := mem.MkdirAll(testDir)
	for base, content := range segments {
		for kind, content := range map[string][]byte{"log": content, "index": nil, "timeindex": nil} {
			var f vfs.File
			if err == nil {
				f, err = vfs.Create(mem, fmt.Sprintf("%s/%020d.%s", testDir, base, kind))
			}
			if err == nil {
				_, err = f.WriteAt(content, 0)
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return mem
}

// oneRecord is a batch with one record, of always the same key.
func oneRecord(offset int64, value string) []byte {
	o := record.DefaultOptions()
	o.BaseOffset, o.LeaderEpoch = offset, 0
	b := record.NewBuilder(o)
	b.Append(testTime, []byte("key"), []byte(value))
	return b.Bytes()
}

// TestOffsetsMissingAtTheEnd: what is clean ends where the last segment does, even if its last
// records are gone.
func TestOffsetsMissingAtTheEnd(t *testing.T) {
	mem := segmentFiles(t, map[int64][]byte{0: oneRecord(2, "a"), 10: nil, 20: oneRecord(20, "active")})
	l := openLog(t, mem, testDir, smallConfig(), true)
	r, err := cleanOnce(l, 0, testLimits())
	if err != nil || r.end != 20 || r.keptRecords != 1 {
		t.Errorf("%+v: %v", r, err)
	}
}

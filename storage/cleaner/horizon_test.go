package cleaner

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"momus/storage/log"
	"momus/storage/record"
	"momus/storage/vfs"
)

// transcript describes the batches of a log, one a line.
func transcript(t *testing.T, l *log.Log) string {
	t.Helper()
	var b strings.Builder
	for _, s := range l.Segments() {
		err := s.ForEachBatch(true, func(e record.Batch, _ int) error {
			fmt.Fprintf(&b, "%d-%d", e.BaseOffset(), e.LastOffset())
			if e.HasProducerID() {
				fmt.Fprintf(&b, " producer %d", e.ProducerID())
			}
			if e.IsControl() && e.Count() > 0 {
				kind, _, err := e.ControlType()
				if err != nil {
					return err
				}
				fmt.Fprintf(&b, " %s", map[record.ControlType]string{record.ControlAbort: "ABORT", record.ControlCommit: "COMMIT"}[kind])
			} else {
				err := e.ForEach(nil, func(r *record.Record) error {
					value := "null"
					if r.Value != nil {
						value = string(r.Value)
					}
					fmt.Fprintf(&b, " %s=%s", r.Key, value)
					return nil
				})
				if err != nil {
					return err
				}
			}
			b.WriteByte('\n')
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		aborted, err := s.Aborted()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range aborted {
			fmt.Fprintf(&b, "aborted %d: %d-%d\n", a.ProducerID, a.FirstOffset, a.LastOffset)
		}
	}
	return b.String()
}

// TestDeleteHorizon follows tombstones and markers through several cleanings. Every segment stays
// one of its own.
func TestDeleteHorizon(t *testing.T) {
	mem := vfs.NewMem()
	c := topicConfig()
	c.DeleteRetentionMs = 1000
	small := *c
	small.SegmentBytes = 400 // when cleaning: no two segments fit into one
	l := openLog(t, mem, testDir, c, false)
	next := int64(0)
	add := func(producer int64, sequence int32, records ...string) {
		t.Helper()
		o := record.DefaultOptions()
		o.LeaderEpoch, o.BaseOffset = 0, next
		if producer >= 0 {
			o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Transactional = producer, 0, sequence, true
		}
		b := record.NewBuilder(o)
		for _, r := range records {
			key, value, set := strings.Cut(r, "=")
			if set {
				b.Append(testTime, []byte(key), []byte(value))
			} else {
				b.Append(testTime, []byte(key), nil)
			}
		}
		info, err := l.AppendAsFollower(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		next = info.LastOffset + 1
	}
	end := func(producer int64, commit bool) {
		t.Helper()
		b := record.Batch(record.ControlBatch(producer, 0, 0, commit, testTime))
		b.SetBaseOffset(next)
		b.SetLeaderEpoch(0)
		if _, err := l.AppendAsFollower(b); err != nil {
			t.Fatal(err)
		}
		next++
	}
	// roll ends a segment and sets its modification time.
	roll := func(ms int64) {
		t.Helper()
		base := l.ActiveBaseOffset()
		if err := l.Roll(); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"log", "index", "timeindex"} {
			if err := mem.Chtimes(fmt.Sprintf("%s/%020d.%s", testDir, base, kind), time.UnixMilli(ms)); err != nil {
				t.Fatal(err)
			}
		}
		l.UpdateHighWatermark(l.LogEndOffset())
	}
	dirty := int64(0)
	clean := func(want string) {
		t.Helper()
		if err := l.UpdateConfig(&small); err != nil {
			t.Fatal(err)
		}
		r, err := cleanOnce(l, dirty, testLimits())
		if err != nil {
			t.Fatal(err)
		}
		dirty = r.end
		if err := l.UpdateConfig(c); err != nil {
			t.Fatal(err)
		}
		if got := transcript(t, l); got != strings.TrimLeft(want, "\n") {
			t.Errorf("found\n%s, not\n%s", got, want)
		}
	}

	add(-1, 0, "a=1", "b=1")                      // 0, 1
	add(7, 0, "c=1")                              // 2
	end(7, true)                                  // 3
	add(8, 0, "d=1")                              // 4
	end(8, false)                                 // 5
	add(-1, 0, "a", "filler=1")                   // 6, 7
	roll(10_000)                                  // about 400 bytes
	add(-1, 0, "b", "c=2")                        // 8, 9
	add(-1, 0, "large="+strings.Repeat("x", 250)) // 10
	roll(20_000)
	// The first cleaning drops no tombstone, and only the data of the aborted transaction;
	// producers 7 and 8 are remembered in batches without records.
	large := "large=" + strings.Repeat("x", 250)
	clean(`
2-2 producer 7
3-3 producer 7 COMMIT
4-4 producer 8
5-5 producer 8 ABORT
6-7 a=null filler=1
aborted 8: 4-5
8-9 b=null c=2
10-10 ` + large + "\n")
	if dirty != 11 {
		t.Fatalf("cleaned up to %d", dirty)
	}
	// The horizon is 19,000: it takes the tombstone of the first segment. The markers stay while
	// the batches are there.
	add(-1, 0, "e=1", "filler=2", "padding="+strings.Repeat("p", 200))
	end(9, true) // without data; kept for its age
	roll(30_000)
	clean(`
2-2 producer 7
3-3 producer 7 COMMIT
4-4 producer 8
5-5 producer 8 ABORT
aborted 8: 4-5
8-9 b=null c=2
10-10 ` + large + `
11-13 e=1 filler=2 padding=` + strings.Repeat("p", 200) + "\n14-14 producer 9 COMMIT\n")
	// Without active producers their batches go, then the markers; the second segment is older than
	// the horizon 29,000 now.
	l.RemoveExpiredProducers(time.UnixMilli(testTime).Add(1000 * time.Hour))
	add(-1, 0, "f=1", "padding="+strings.Repeat("q", 200))
	roll(40_000)
	clean(`
3-3 producer 7 COMMIT
5-5 producer 8 ABORT
aborted 8: 4-5
8-9 c=2
10-10 ` + large + `
11-13 e=1 filler=2
14-14 producer 9 COMMIT
15-16 f=1 padding=` + strings.Repeat("q", 200) + "\n")
	add(-1, 0, "g=1", "padding="+strings.Repeat("r", 200))
	roll(50_000)
	clean(`
8-9 c=2
10-10 ` + large + `
11-13 e=1 filler=2
15-16 f=1
17-18 g=1 padding=` + strings.Repeat("r", 200) + "\n")
}

package log

import (
	"slices"
	"testing"

	"momus/configs"
	"momus/internal/journal"
	"momus/storage/vfs"
)

func TestRetention(t *testing.T) {
	segments := []SegmentState{
		{BaseOffset: 0, EndOffset: 10, Size: 100, LargestTimestamp: 1000},
		{BaseOffset: 10, EndOffset: 20, Size: 100, LargestTimestamp: 2000},
		{BaseOffset: 20, EndOffset: 30, Size: 50, LargestTimestamp: 1500, Last: true},
	}
	type plan = []Expiry
	for name, test := range map[string]struct {
		config        configs.Topic
		highWatermark int64
		logStart      int64
		now           int64
		want          plan
	}{
		"nothing":                    {configs.Topic{Delete: true, RetentionMs: -1, RetentionBytes: -1}, 30, 0, 1 << 50, nil},
		"one by time":                {configs.Topic{Delete: true, RetentionMs: 1000, RetentionBytes: -1}, 30, 0, 2001, plan{{1, ReasonTime}}},
		"exactly as old as allowed":  {configs.Topic{Delete: true, RetentionMs: 1000, RetentionBytes: -1}, 30, 0, 2000, nil},
		"all by time":                {configs.Topic{Delete: true, RetentionMs: 1000, RetentionBytes: -1}, 30, 0, 9000, plan{{3, ReasonTime}}},
		"only below high watermark":  {configs.Topic{Delete: true, RetentionMs: 1000, RetentionBytes: -1}, 19, 0, 9000, plan{{1, ReasonTime}}},
		"by size":                    {configs.Topic{Delete: true, RetentionMs: -1, RetentionBytes: 150}, 30, 0, 0, plan{{1, ReasonSize}}},
		"by size, not enough excess": {configs.Topic{Delete: true, RetentionMs: -1, RetentionBytes: 151}, 30, 0, 0, nil},
		"by size 0":                  {configs.Topic{Delete: true, RetentionMs: -1, RetentionBytes: 0}, 30, 0, 0, plan{{3, ReasonSize}}},
		"by time and size":           {configs.Topic{Delete: true, RetentionMs: 1000, RetentionBytes: 50}, 30, 0, 2001, plan{{1, ReasonTime}, {1, ReasonSize}}},
		"by log start":               {configs.Topic{Delete: true, RetentionMs: -1, RetentionBytes: -1}, 30, 25, 0, plan{{2, ReasonLogStart}}},
		"compacted: log start only":  {configs.Topic{Compact: true, RetentionMs: 0, RetentionBytes: 0}, 30, 10, 1 << 50, plan{{1, ReasonLogStart}}},
	} {
		if got := PlanRetention(segments, &test.config, test.highWatermark, test.logStart, test.now); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	empty := []SegmentState{{BaseOffset: 5, EndOffset: 5, Last: true}}
	if got := PlanRetention(empty, &configs.Topic{Delete: true}, 5, 5, 1<<50); got != nil {
		t.Errorf("an empty active segment: %v", got)
	}
}

func TestRetentionTakesAllAndRolls(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), func(c *configs.Topic) { smallSegments(c); c.RetentionMs = 1000 }).open(false, 0)
	for range 10 {
		e.append(e.clock, "v")
	}
	e.clock += 2000
	e.opts.Journal = journal.New(nil)
	if n, err := e.DeleteOldSegments(); err != nil || n == 0 {
		t.Fatalf("%d, %v", n, err)
	}
	told, _ := e.opts.Journal.Since(0)
	if i := slices.IndexFunc(told, func(e journal.Entry) bool { return e.Kind == journal.SegmentsDeleted }); i < 0 || told[i].Offset != 10 {
		t.Errorf("the journal says %+v, want that the log starts at 10", told)
	}
	if e.LogStartOffset() != 10 || e.LogEndOffset() != 10 || len(e.Segments()) != 1 {
		t.Fatalf("[%d, %d) in %d segments", e.LogStartOffset(), e.LogEndOffset(), len(e.Segments()))
	}
	if n, err := e.DeleteOldSegments(); n != 0 || err != nil {
		t.Fatalf("again: %d, %v", n, err)
	}
	e.append(e.clock, "new")
	e.expect("10:new")
	e.runTasks()
	e.Close()
	e.open(true, 0).expect("10:new")
}

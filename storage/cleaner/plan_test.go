package cleaner

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"momus/configs"
)

// segs describes segments by base and size, in pairs.
func segs(numbers ...int64) (l []segmentState) {
	for i := 0; i < len(numbers); i += 2 {
		l = append(l, segmentState{base: numbers[i], size: numbers[i+1]})
	}
	return l
}

func TestPlan(t *testing.T) {
	const now = 1_000_000
	timed := func(l []segmentState, first, largest []int64) []segmentState {
		for i := range first {
			l[i].firstTimestamp, l[i].largestTimestamp = first[i], largest[i]
		}
		return l
	}
	four := func() []segmentState { return segs(0, 100, 10, 200, 20, 300, 30, 400) }
	for _, tc := range []struct {
		name       string
		start      int64
		end        int64 // log end; 35 if 0
		stable     int64 // last stable offset; the log end if 0
		segments   []segmentState
		checkpoint int64 // -1: none
		config     func(c *configs.Topic)

		first, to, clean, cleanable int64
		must, due, reset            bool
	}{
		{name: "never cleaned", segments: four(), checkpoint: -1, first: 0, to: 30, cleanable: 600, due: true},
		{name: "only the active segment", segments: segs(0, 100), checkpoint: -1, first: 0, to: 0},
		{name: "only the active segment, log start in it", start: 5, segments: segs(0, 100), checkpoint: -1, first: 5, to: 0, clean: 100},
		{name: "empty log", end: 7, segments: segs(7, 0), start: 7, checkpoint: -1, first: 7, to: 7},
		{name: "clean half", segments: four(), checkpoint: 20, first: 20, to: 30, clean: 300, cleanable: 300},
		{name: "more than half dirty", segments: four(), checkpoint: 10, first: 10, to: 30, clean: 100, cleanable: 500, due: true},
		{name: "all clean", segments: four(), checkpoint: 30, first: 30, to: 30, clean: 600},
		{name: "checkpoint in a segment", segments: four(), checkpoint: 15, first: 15, to: 30, clean: 300, cleanable: 500, due: true},
		{name: "checkpoint in the active segment", segments: four(), checkpoint: 33, first: 33, to: 30, clean: 1000},
		{name: "checkpoint below the log start", start: 12, segments: four(), checkpoint: 10, first: 12, to: 30, clean: 300, cleanable: 500, due: true, reset: true},
		{name: "checkpoint above the log end", segments: four(), checkpoint: 36, first: 0, to: 30, cleanable: 600, due: true, reset: true},
		{name: "checkpoint at the log end", segments: four(), checkpoint: 35, first: 35, to: 30, clean: 1000},
		{name: "no checkpoint, records deleted", start: 20, segments: segs(20, 300, 30, 400), checkpoint: -1, first: 20, to: 30, cleanable: 300, due: true},
		{name: "log start below the first segment", start: 5, segments: segs(10, 200, 20, 300, 30, 400), checkpoint: -1, first: 5, to: 30, cleanable: 500, due: true},

		{name: "open transaction", stable: 25, segments: four(), checkpoint: -1, first: 0, to: 20, cleanable: 300, due: true},
		{name: "open transaction at the base", stable: 20, segments: four(), checkpoint: -1, first: 0, to: 20, cleanable: 300, due: true},
		{name: "open transaction in the first segment", stable: 3, segments: four(), checkpoint: -1, first: 0, to: 0},
		{name: "open transaction in the active segment", stable: 32, segments: four(), checkpoint: -1, first: 0, to: 30, cleanable: 600, due: true},
		{name: "not replicated beyond what is clean", stable: 8, segments: four(), checkpoint: 20, first: 20, to: 20, clean: 300},

		{name: "min lag spares the young", segments: timed(four(), []int64{1, 1, 1}, []int64{100, 999_500, 200}), checkpoint: -1,
			config: func(c *configs.Topic) { c.MinCompactionLagMs = 1000 }, first: 0, to: 10, cleanable: 100, due: true},
		{name: "min lag at the edge", segments: timed(four(), []int64{1, 1, 1}, []int64{100, 999_000, 200}), checkpoint: -1,
			config: func(c *configs.Topic) { c.MinCompactionLagMs = 1000 }, first: 0, to: 30, cleanable: 600, due: true},
		{name: "min lag does not look at the clean part", segments: timed(four(), []int64{1, 1, 1}, []int64{999_999, 100, 200}), checkpoint: 10,
			config: func(c *configs.Topic) { c.MinCompactionLagMs = 1000 }, first: 10, to: 30, clean: 100, cleanable: 500, due: true},

		{name: "max lag passed", segments: timed(four(), []int64{1, 1, 998_999}, nil3), checkpoint: 20,
			config: func(c *configs.Topic) { c.MaxCompactionLagMs = 1000 }, first: 20, to: 30, clean: 300, cleanable: 300, must: true, due: true},
		{name: "max lag at the edge", segments: timed(four(), []int64{1, 1, 999_000}, nil3), checkpoint: 20,
			config: func(c *configs.Topic) { c.MaxCompactionLagMs = 1000 }, first: 20, to: 30, clean: 300, cleanable: 300},
		{name: "max lag passed but nothing may be cleaned", stable: 1, segments: timed(four(), []int64{1, 1, 1}, nil3), checkpoint: -1,
			config: func(c *configs.Topic) { c.MaxCompactionLagMs = 1000 }, first: 0, to: 0, must: true},
		{name: "max lag without timestamps", segments: timed(four(), []int64{-1, -1, 0}, nil3), checkpoint: 20,
			config: func(c *configs.Topic) { c.MaxCompactionLagMs = 1000 }, first: 20, to: 30, clean: 300, cleanable: 300},
		{name: "ratio 0", segments: segs(0, 1000, 10, 1, 20, 5), checkpoint: 10,
			config: func(c *configs.Topic) { c.MinCleanableDirtyRatio = 0 }, first: 10, to: 20, clean: 1000, cleanable: 1, due: true},
		{name: "ratio 1", segments: four(), checkpoint: -1,
			config: func(c *configs.Topic) { c.MinCleanableDirtyRatio = 1 }, first: 0, to: 30, cleanable: 600},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := topicConfig()
			if tc.config != nil {
				tc.config(c)
			}
			s := logState{logStart: tc.start, logEnd: tc.end, lastStable: tc.stable, segments: tc.segments}
			if s.logEnd == 0 {
				s.logEnd = 35
			}
			if s.lastStable == 0 {
				s.lastStable = s.logEnd
			}
			p := makePlan(&s, tc.checkpoint, tc.checkpoint >= 0, c, now)
			got := fmt.Sprint(p.firstDirty, p.end, p.cleanBytes, p.cleanableBytes, p.mustClean, p.due(c), p.reset)
			if want := fmt.Sprint(tc.first, tc.to, tc.clean, tc.cleanable, tc.must, tc.due, tc.reset); got != want {
				t.Errorf("first, to, clean, cleanable, must, due, reset are\n%s, not\n%s", got, want)
			}
		})
	}
}

var nil3 = []int64{0, 0, 0}

func TestGroups(t *testing.T) {
	indexed := func(l []segmentState, index, times int64) []segmentState {
		for i := range l {
			l[i].indexSize, l[i].timeIndexSize = index, times
		}
		return l
	}
	for _, tc := range []struct {
		name     string
		segments []segmentState
		end      int64
		want     []group
	}{
		{"nothing", nil, 0, nil},
		{"one", segs(0, 5000), 10, []group{{0, 1}}},
		{"all fit", segs(0, 300, 10, 300, 20, 400), 30, []group{{0, 3}}},
		{"by size", segs(0, 300, 10, 300, 20, 401, 30, 100), 40, []group{{0, 2}, {2, 4}}},
		{"too large alone", segs(0, 2000, 10, 0, 20, 0), 30, []group{{0, 1}, {1, 3}}},
		{"by index", indexed(segs(0, 1, 10, 1, 20, 1), 40, 0), 30, []group{{0, 2}, {2, 3}}},
		{"by time index", indexed(segs(0, 1, 10, 1, 20, 1), 0, 50), 30, []group{{0, 2}, {2, 3}}},
		{"by offsets", segs(0, 1, 10, 1, math.MaxInt32, 1, math.MaxInt32+5, 1), math.MaxInt32 + 9, []group{{0, 2}, {2, 4}}},
		{"last offset fits", segs(7, 1, 10, 1), 7 + math.MaxInt32 + 1, []group{{0, 2}}},
		{"last offset does not fit", segs(7, 1, 10, 1), 7 + math.MaxInt32 + 2, []group{{0, 1}, {1, 2}}},
	} {
		c := topicConfig()
		c.SegmentBytes, c.SegmentIndexBytes = 1000, 100
		if got := groupSegments(tc.segments, c, tc.end); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, not %v", tc.name, got, tc.want)
		}
	}
}

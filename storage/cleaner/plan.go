package cleaner

import (
	"math"
	"sort"

	"momus/configs"
)

// segmentState is what planning looks at.
type segmentState struct {
	base             int64
	size             int64 // bytes
	indexSize        int64 // bytes; for grouping only
	timeIndexSize    int64 // bytes; for grouping only
	largestTimestamp int64 // ms; only looked at with min.compaction.lag.ms
	firstTimestamp   int64 // ms, of the first batch; only looked at with max.compaction.lag.ms
}

// logState is a log as planning sees it. The last segment is the active one.
type logState struct {
	logStart   int64
	logEnd     int64
	lastStable int64 // last stable offset, at most the high watermark
	segments   []segmentState
}

// plan says what a cleaning of a log would do.
type plan struct {
	firstDirty     int64 // from here on keys were not looked at yet
	end            int64 // base of the first segment that is not cleaned
	cleanBytes     int64
	cleanableBytes int64
	mustClean      bool  // by max.compaction.lag.ms
	delayMs        int64 // how long that has been due
	reset          bool  // the checkpoint was below the log start or above the log end
}

// ratio is the dirty part of what would be cleaned, 0 to 1.
func (p plan) ratio() float64 {
	if total := p.cleanBytes + p.cleanableBytes; total > 0 {
		return float64(p.cleanableBytes) / float64(total)
	}
	return 0
}

// due tells whether the log is to be cleaned.
func (p plan) due(c *configs.Topic) bool {
	return p.cleanableBytes > 0 && (p.mustClean || p.ratio() > c.MinCleanableDirtyRatio)
}

// firstDirtyOffset is where cleaning goes on: at the checkpoint, or at the log start if that is
// unknown or outside of the log.
func firstDirtyOffset(s *logState, checkpoint int64, known bool) (first int64, reset bool) {
	if !known {
		return s.logStart, false
	}
	if checkpoint < s.logStart || checkpoint > s.logEnd {
		return s.logStart, true
	}
	return checkpoint, false
}

// makePlan decides what of a log is cleaned (LogCleanerManager.cleanableOffsets, LogToClean). now
// is in ms.
//
// Kafka 2.5 cleans up to the first unstable offset, even above the high watermark: a record could
// give way to one that is truncated afterwards. Later versions stop at the last stable offset, and
// so do we.
func makePlan(s *logState, checkpoint int64, known bool, c *configs.Topic, now int64) plan {
	var p plan
	p.firstDirty, p.reset = firstDirtyOffset(s, checkpoint, known)
	// There is always an active segment, so that this is not negative.
	closed := s.segments[:len(s.segments)-1]
	active := s.segments[len(closed)]
	dirty := closed[floorOf(closed, p.firstDirty):]
	if p.firstDirty > active.base {
		dirty = nil
	}

	bound := min(s.lastStable, active.base)
	if c.MinCompactionLagMs > 0 {
		for i := range dirty {
			if dirty[i].largestTimestamp > now-c.MinCompactionLagMs {
				bound = min(bound, dirty[i].base)
				break
			}
		}
	}
	// The last stable offset may lie below what is cleaned already.
	bound = max(bound, p.firstDirty)
	// A bound inside of a segment leaves that whole segment for later.
	p.end = active.base
	if bound < active.base {
		if i := floorOf(closed, bound); i < len(closed) {
			p.end = closed[i].base
		}
	}

	for i := range s.segments {
		if s.segments[i].base < p.firstDirty {
			p.cleanBytes += s.segments[i].size
		}
	}
	for i := range dirty {
		if dirty[i].base < p.end && p.firstDirty < p.end {
			p.cleanableBytes += dirty[i].size
		}
	}

	earliest := int64(math.MaxInt64)
	if c.MaxCompactionLagMs < math.MaxInt64 {
		for i := range dirty {
			// 0 and -1 are "none": records without a time do not force a cleaning.
			if t := dirty[i].firstTimestamp; t > 0 {
				earliest = min(earliest, t)
			}
		}
	}
	// earliest is the largest number without any timestamp, so that nothing is due then.
	if until := now - max(c.MaxCompactionLagMs, 0); earliest < until {
		p.mustClean, p.delayMs = true, until-earliest
	}
	return p
}

// floorOf is the position of the last segment with a base at or below offset, 0 if there is none,
// len(l) if l is empty.
func floorOf(l []segmentState, offset int64) int {
	return min(max(sort.Search(len(l), func(i int) bool { return l[i].base > offset })-1, 0), len(l))
}

// group is a range of segments, [from, to), that become one.
type group struct{ from, to int }

// groupSegments joins neighbours, greedily, while they fit into one segment by size of the log, of
// the indexes, and by offsets (Cleaner.groupSegmentsBySize). end is where the offsets of the last
// segment end.
func groupSegments(l []segmentState, c *configs.Topic, end int64) []group {
	var groups []group
	for i := 0; i < len(l); {
		size, indexSize, timeSize := l[i].size, l[i].indexSize, l[i].timeIndexSize
		j := i + 1
		for ; j < len(l); j++ {
			next := end
			if j+1 < len(l) {
				next = l[j+1].base
			}
			size += l[j].size
			indexSize += l[j].indexSize
			timeSize += l[j].timeIndexSize
			if size > int64(c.SegmentBytes) || indexSize > int64(c.SegmentIndexBytes) || timeSize > int64(c.SegmentIndexBytes) ||
				next-1-l[i].base > math.MaxInt32 {
				break
			}
		}
		groups = append(groups, group{i, j})
		i = j
	}
	return groups
}

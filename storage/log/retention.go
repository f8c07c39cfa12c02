package log

import (
	"fmt"

	"momus/configs"
	"momus/internal/journal"
)

// reasons are the journal's words.
var reasons = map[Reason]journal.Reason{ReasonTime: journal.RetentionTime, ReasonSize: journal.RetentionSize, ReasonLogStart: journal.BelowLogStart}

// Reason says why retention takes a segment.
type Reason string

// The reasons, in the order in which retention looks at them.
const (
	ReasonTime     Reason = "retention.ms"
	ReasonSize     Reason = "retention.bytes"
	ReasonLogStart Reason = "log start offset"
)

// SegmentState is what retention looks at.
type SegmentState struct {
	BaseOffset       int64
	EndOffset        int64 // base of the next segment, or the log end
	Size             int64
	LargestTimestamp int64 // ms
	Last             bool  // the active segment
}

// Expiry is a decision of PlanRetention: the first Count segments go (of those that earlier
// decisions left).
type Expiry struct {
	Count  int
	Reason Reason
}

// PlanRetention decides which of the oldest segments go, by time, then by size, then by log start
// offset. Only what is wholly below the high watermark goes, and never an empty active segment.
// Without "delete" in cleanup.policy only the log start offset counts. If all segments go the
// caller rolls to a new one first. now is in ms.
func PlanRetention(segments []SegmentState, c *configs.Topic, highWatermark, logStartOffset, now int64) []Expiry {
	var plan []Expiry
	take := func(reason Reason, expired func(s, next *SegmentState) bool) {
		n := 0
		for n < len(segments) {
			s := &segments[n]
			var next *SegmentState
			if n+1 < len(segments) {
				next = &segments[n+1]
			}
			// A follower may still need what is above the high watermark, and so may a new leader.
			if highWatermark < s.EndOffset || s.Last && s.Size == 0 || !expired(s, next) {
				break
			}
			n++
		}
		if n > 0 {
			plan = append(plan, Expiry{n, reason})
			segments = segments[n:]
		}
	}
	if c.Delete {
		if c.RetentionMs >= 0 {
			take(ReasonTime, func(s, _ *SegmentState) bool { return now-s.LargestTimestamp > c.RetentionMs })
		}
		var size int64
		for i := range segments {
			size += segments[i].Size
		}
		// What was taken by time does not count any more. As in Kafka a log that is as large as the
		// limit may lose a segment of size 0.
		if excess := size - c.RetentionBytes; c.RetentionBytes >= 0 && excess >= 0 {
			take(ReasonSize, func(s, _ *SegmentState) bool {
				if excess < s.Size {
					return false
				}
				excess -= s.Size
				return true
			})
		}
	}
	take(ReasonLogStart, func(_, next *SegmentState) bool { return next != nil && next.BaseOffset <= logStartOffset })
	return plan
}

// DeleteOldSegments applies retention and returns how many segments went. For a log with "compact"
// in cleanup.policy the cleaner calls it.
func (l *Log) DeleteOldSegments() (n int, err error) {
	err = l.change("delete old segments", func() error {
		n, err = l.deleteOldSegmentsLocked()
		return err
	})
	return n, err
}

// deleteOldSegmentsLocked deletes what PlanRetention says, and counts the segments. The plan is
// pure; here are the facts for it.
func (l *Log) deleteOldSegmentsLocked() (int, error) {
	c, now := l.config.Load(), l.nowMs()
	list := l.list()
	states := make([]SegmentState, 0, len(list))
	byTime := c.Delete && c.RetentionMs >= 0
	for i, s := range list {
		state := SegmentState{BaseOffset: s.base, EndOffset: l.logEndOffset.Load(), Size: s.size.Load(), Last: i == len(list)-1}
		if !state.Last {
			state.EndOffset = list[i+1].base
		}
		if byTime { // once one is young enough, the timestamps of later ones need not be read
			largest, err := s.LargestTimestamp()
			if err != nil {
				return 0, err
			}
			state.LargestTimestamp = largest
			byTime = now-largest > c.RetentionMs
		}
		states = append(states, state)
	}
	total := 0
	plan := PlanRetention(states, c, l.highWatermark.Load(), l.logStartOffset.Load(), now)
	for _, e := range plan {
		l.logger.WithField("segments", e.Count).WithField("reason", e.Reason).Info("deleted old segments")
		total += e.Count
	}
	if total == 0 {
		return 0, nil
	}
	// Offsets go on: without a new segment at the log end nobody would know where.
	if total == len(list) {
		if err := l.rollLocked(l.logEndOffset.Load(), c, now); err != nil {
			return 0, fmt.Errorf("roll before all segments go: %w", err)
		}
	}
	list = l.list()
	if err := l.deleteSegmentsLocked(list[:total:total], list[total:]); err != nil {
		return 0, err
	}
	// Last: a crash before this finds the log start at the first segment that is there.
	if err := l.raiseLogStartLocked(list[total].base); err != nil {
		return total, err
	}
	for _, e := range plan {
		l.opts.Journal.Record(journal.Entry{Kind: journal.SegmentsDeleted, Name: l.tp.Topic, Partition: l.tp.Partition, About: -1, Count: int64(e.Count),
			Offset: l.logStartOffset.Load(), Reason: reasons[e.Reason]})
	}
	return total, nil
}

// Roll completes the active segment and begins a new one at the log end, unless the active one is
// empty.
func (l *Log) Roll() error {
	return l.change("roll", func() error {
		if l.list().active().size.Load() == 0 {
			return nil
		}
		return l.rollLocked(l.logEndOffset.Load(), l.config.Load(), l.nowMs())
	})
}

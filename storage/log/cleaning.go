package log

import (
	"errors"
	"fmt"
)

// What the cleaner needs beyond the segments themselves; see also replace.go.

// IsGone tells whether err says that a segment was deleted, or its log closed, after it had been
// found.
func IsGone(err error) bool { return errors.Is(err, errGone) || errors.Is(err, errClosed) }

// Report gives an error of a segment its context and, if it is one of the disk, its Kafka code;
// such an error is told to the owner of the log directory, as the log's own methods do.
func (l *Log) Report(what string, err error) error {
	if err != nil && IsGone(err) {
		return fmt.Errorf("%s: %s: %w", l.tp, what, err)
	}
	return l.report(what, err)
}

// SplitSegment cuts a segment whose offsets exceed the range of its index (2^31-1 above the base)
// into several.
func (l *Log) SplitSegment(s *Segment) error {
	return l.rewrite("split segment", func() error { return l.splitLocked(s) })
}

// PositionBefore is a position in bytes at which a batch begins, and before which all offsets are
// below offset.
func (s *Segment) PositionBefore(offset int64) (int64, error) {
	near, err := s.index.Lookup(offset)
	return near.Position, err
}

package log

import (
	"fmt"
	"slices"
	"time"

	"momus/storage/index"
	"momus/storage/record"
)

// NewCleanedSegment creates BASE.log.cleaned and its indexes for the output of a cleaning or a
// split, removing older ones of that name. Fill it with Append and AppendAborted, complete it with
// FinishCleaned, and hand it to ReplaceSegments; or AbandonCleaned.
func (l *Log) NewCleanedSegment(base int64) (*Segment, error) {
	s, err := l.newCleanedSegment(base)
	return s, l.report("create cleaned segment", err)
}

// newCleanedSegment is a segment for the cleaner; what an earlier attempt left under its name is
// removed.
func (l *Log) newCleanedSegment(base int64) (*Segment, error) {
	stale := newSegment(l.fs, l.Dir(), base, cleanedSuffix, l.config.Load(), l.nowMs(), false)
	if err := stale.removeFiles(l.Dir()); err != nil {
		return nil, err
	}
	s, err := createSegment(l.fs, l.Dir(), base, cleanedSuffix, l.config.Load(), l.nowMs())
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Append writes whole batches to a segment made by NewCleanedSegment. The largest offset among
// them, the largest timestamp and the last offset of the batch that has it are given; one call
// makes at most one index entry. The offsets must be within 2^31-1 of the base.
func (s *Segment) Append(records []byte, largestOffset, largestTimestamp, offsetOfLargestTimestamp int64) error {
	if len(records) == 0 {
		return nil
	}
	size, err := s.append(records, &record.Info{LastOffset: largestOffset, MaxTimestamp: largestTimestamp, OffsetOfMaxTimestamp: offsetOfLargestTimestamp})
	if err == nil {
		s.size.Store(size)
	}
	return err
}

// AppendAborted adds an entry to the transaction index of a segment made by NewCleanedSegment.
func (s *Segment) AppendAborted(t index.AbortedTxn) error { return s.txns.Add(t) }

// FinishCleaned completes a segment made by NewCleanedSegment: final time index entry, everything
// synced, modification times of .log, .index and .timeindex set.
func (s *Segment) FinishCleaned(mtime time.Time) error {
	if err := s.becomeInactive(); err != nil {
		return err
	}
	if err := s.flush(false); err != nil {
		return err
	}
	for _, kind := range segmentSuffixes[:3] {
		if err := s.fs.Chtimes(s.path(kind), mtime); err != nil {
			return fmt.Errorf("set modification time: %w", err)
		}
	}
	return nil
}

// AbandonCleaned closes and removes the files of a cleaned segment that will not be used.
func (s *Segment) AbandonCleaned() error {
	s.retire()
	s.mu.Lock()
	dir := s.dir
	s.mu.Unlock()
	return s.removeFiles(dir)
}

// ReplaceSegments swaps finished cleaned segments in for old ones that are adjacent; both ascend.
// Whenever the process dies, the next Open finds either the old or the new content. Old segments
// that were deleted meanwhile are passed over. Nobody else may truncate, rename or close the log
// before it returns; appends and reads go on, and wait for no sync.
func (l *Log) ReplaceSegments(cleaned, old []*Segment) error {
	const what = "replace segments"
	if err := l.rewrite(what, func() error { return beginSwap(cleaned) }); err != nil {
		return err
	}
	synced := l.syncSwap()
	return l.rewrite(what, func() error {
		if synced != nil {
			return synced
		}
		return l.replaceLocked(cleaned, old)
	})
}

// beginSwap gives finished segments the suffix with which the next Open completes their swap.
func beginSwap(added []*Segment) error {
	// The highest base first, as in Kafka: if a crash comes in between, the start sees by the
	// .cleaned with a lower base that the swap had not begun.
	for _, s := range slices.Backward(added) {
		if err := s.changeSuffix(swapSuffix); err != nil {
			return err
		}
	}
	return nil
}

// syncSwap makes a swap that has begun durable: once old segments go, a crash has to end with the
// new content.
func (l *Log) syncSwap() error { return l.fs.SyncDir(l.Dir()) }

// replaceLocked ends a swap, whose new segments have the .swap suffix.
func (l *Log) replaceLocked(added, old []*Segment) error {
	list := l.list()
	old = slices.DeleteFunc(slices.Clone(old), func(s *Segment) bool { return !slices.Contains(list, s) })
	list = list.without(old...)
	for _, s := range added {
		list = list.with(s)
	}
	// From here on readers find the new segments, whose files are still called .swap.
	if err := l.deleteSegmentsLocked(old, list); err != nil {
		return err
	}
	l.setSegments(list)
	for _, s := range added {
		if err := s.changeSuffix(""); err != nil {
			return err
		}
	}
	l.bound.Store(nil)
	return nil
}

// splitLocked cuts a segment whose offsets exceed the range of its index into several (old versions
// of Kafka wrote such).
func (l *Log) splitLocked(s *Segment) error {
	d, err := s.acquire()
	if err != nil {
		return err
	}
	defer d.release()
	mtime, err := s.ModTime()
	if err != nil {
		return err
	}
	var parts []*Segment
	var part *Segment
	for scan := s.scan(d, 0, s.size.Load(), fullScan); ; {
		b, _, _, err := scan.next(true)
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if part == nil || !fits(part.base, b.LastOffset()) {
			if part, err = l.newCleanedSegment(b.BaseOffset()); err != nil {
				return err
			}
			parts = append(parts, part)
		}
		if err := part.Append(b, b.LastOffset(), b.MaxTimestamp(), b.LastOffset()); err != nil {
			return err
		}
	}
	for _, p := range parts {
		if err := p.FinishCleaned(mtime); err != nil {
			return err
		}
	}
	l.logger.WithField("segment", s.base).WithField("parts", len(parts)).Info("split segment whose offsets exceed its index")
	if err := beginSwap(parts); err != nil {
		return err
	}
	if err := l.syncSwap(); err != nil {
		return err
	}
	return l.replaceLocked(parts, []*Segment{s})
}

package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"momus/configs"
	"momus/internal/journal"
)

// What is here changes the segments of a log; the holder of Log.mu calls it.

// rollLocked completes the active segment and begins one at base.
func (l *Log) rollLocked(base int64, c *configs.Topic, now int64) error {
	list := l.list()
	active := list.active()
	if base == active.base && active.size.Load() == 0 {
		// Its index counts as full without an entry (a tiny segment.index.bytes): start it again.
		if err := l.deleteSegmentsLocked([]*Segment{active}, list.without(active)); err != nil {
			return err
		}
		list = list.without(active)
	} else if base <= active.base {
		return fmt.Errorf("cannot roll to a segment at offset %d, the active one begins at %d", base, active.base)
	}
	// Left by a crash, or by a deletion whose rename was lost; their content is none of the new
	// segment's.
	for _, kind := range segmentSuffixes {
		if err := l.fs.Remove(filepath.Join(l.Dir(), fileName(base, kind))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove stale segment file: %w", err)
		}
	}
	if len(list) > 0 && list.active() == active {
		if err := active.becomeInactive(); err != nil {
			return err
		}
		// While it was active only its .log was synced. A recovery that begins at the new segment
		// would not rebuild its indexes.
		if l.recoveryPoint.Load() >= base {
			if err := active.flush(false); err != nil {
				return err
			}
		}
	}
	l.producers.SetEndOffset(base)
	// Before the new segment is there: a recovery from it on finds the producers as they were at
	// its base.
	if err := l.producers.TakeSnapshot(); err != nil {
		return err
	}
	s, err := createSegment(l.fs, l.Dir(), base, "", c, now)
	if err != nil {
		return err
	}
	l.dirUnsynced = true
	l.setSegments(list.with(s))
	l.logger.WithField("offset", base).Debug("rolled to a new segment")
	if len(list) > 0 && list.active() == active { // else it is the first of an empty log
		l.opts.Journal.Record(journal.Entry{Kind: journal.SegmentRolled, Name: l.tp.Topic, Partition: l.tp.Partition, About: -1, Offset: base, Count: active.size.Load()})
	}
	l.after(0, func() { l.Flush(base) }) // an error is reported by it
	return nil
}

// setSegments publishes a list, which is never changed afterwards.
func (l *Log) setSegments(list segmentList) { l.segments.Store(&list) }

// after runs fn later, if the owner of the log directory does such things.
func (l *Log) after(d time.Duration, fn func()) {
	if l.opts.After != nil {
		l.opts.After(d, fn)
	}
}

// deleteSegmentsLocked publishes the list without gone, renames their files to *.deleted and has
// them removed after file.delete.delay.ms. Readers that have begun go on reading. A crash may come
// between any two of them, in their order.
func (l *Log) deleteSegmentsLocked(gone []*Segment, left segmentList) error {
	if len(gone) == 0 {
		return nil
	}
	// A list is never published empty: who replaces all segments publishes the new one himself.
	if len(left) > 0 {
		l.setSegments(left)
	}
	l.dirUnsynced = true
	for _, s := range gone {
		if err := s.changeSuffix(deletedSuffix); err != nil {
			return err
		}
		s.retire()
	}
	delay := time.Duration(l.config.Load().FileDeleteDelayMs) * time.Millisecond
	l.after(delay, func() {
		for _, s := range gone {
			if err := s.removeFiles(l.Dir()); err != nil {
				l.report("remove deleted segment", err)
				return
			}
		}
	})
	return nil
}

// TruncateTo removes everything from offset o on. A batch that begins before o and ends after it
// goes entirely, which leaves a gap in the offsets. The log end is o afterwards. The caller has the
// recovery points of the log directory written then.
func (l *Log) TruncateTo(o int64) error {
	return l.rewrite("truncate", func() error { return l.truncateToLocked(o) })
}

// truncateToLocked removes what is at o and above. What readers may see goes down before any file
// changes, so that none of them reads what is about to go.
func (l *Log) truncateToLocked(o int64) error {
	if o < 0 {
		return fmt.Errorf("cannot truncate to the negative offset %d", o)
	}
	epochs := l.epochs.Load()
	if end := l.logEndOffset.Load(); o >= end {
		if epochs != nil {
			return epochs.TruncateFromEnd(end)
		}
		return nil
	}
	list := l.list()
	// Nothing of the log is below o: it begins there anew.
	if list[0].base > o {
		return l.startAtLocked(o)
	}
	l.logger.WithField("offset", o).Info("truncated log")
	// A flush that is under way sees by this number that what it has synced is not what is there
	// now.
	l.truncations++
	// What readers may see goes down first.
	l.logStartOffset.Store(min(l.logStartOffset.Load(), o))
	l.highWatermark.Store(min(l.highWatermark.Load(), o))
	l.recoveryPoint.Store(min(l.recoveryPoint.Load(), o))
	l.synced = min(l.synced, o)
	l.logEndOffset.Store(o)
	// The remembered position is in what is about to go.
	l.bound.Store(nil)
	keep := list.floor(o) + 1
	left := list[:keep:keep]
	if err := l.deleteSegmentsLocked(lastFirst(list[keep:]), left); err != nil {
		return err
	}
	if keep < len(list) { // deleted segments must not come back
		if err := l.fs.SyncDir(l.Dir()); err != nil {
			return fmt.Errorf("sync log directory: %w", err)
		}
	}
	if err := left.active().truncateTo(o, l.nowMs()); err != nil {
		return err
	}
	if epochs != nil {
		if err := epochs.TruncateFromEnd(o); err != nil {
			return err
		}
	}
	// The state knows batches that are gone; it is loaded from a snapshot below o, and from what
	// follows it. Snapshots above o must not come back.
	l.dirUnsynced = true
	err := l.rebuildProducers(l.producers, left, o, false)
	l.producers.OnHighWatermark(l.highWatermark.Load())
	l.updateFirstUnstableLocked()
	return err
}

// TruncateFullyAndStartAt removes everything and starts again at o: log start, high watermark,
// recovery point and log end are o. The caller has the recovery points of the log directory written
// then.
func (l *Log) TruncateFullyAndStartAt(o int64) error {
	return l.rewrite("truncate fully", func() error { return l.startAtLocked(o) })
}

// startAtLocked empties the log, to go on at o; the old segments are removed, and the new one is
// made durable at once.
func (l *Log) startAtLocked(o int64) error {
	l.logger.WithField("offset", o).Info("truncated log fully")
	l.truncations++
	l.bound.Store(nil)
	// Readers may see an empty range at o, or at the old place, but never offsets that are not
	// there.
	l.highWatermark.Store(min(l.highWatermark.Load(), o))
	l.logEndOffset.Store(o)
	l.highWatermark.Store(o)
	l.logStartOffset.Store(o)
	l.recoveryPoint.Store(o)
	l.synced = o
	if err := l.deleteSegmentsLocked(lastFirst(l.list()), nil); err != nil {
		return err
	}
	s, err := createSegment(l.fs, l.Dir(), o, "", l.config.Load(), l.nowMs())
	if err != nil {
		return err
	}
	l.setSegments(segmentList{s})
	if err := l.fs.SyncDir(l.Dir()); err != nil {
		return fmt.Errorf("sync log directory: %w", err)
	}
	if epochs := l.epochs.Load(); epochs != nil {
		if err := epochs.Clear(); err != nil {
			return err
		}
	}
	err = l.producers.TruncateFully(o)
	l.updateFirstUnstableLocked()
	return err
}

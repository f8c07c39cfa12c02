package log

import (
	"errors"
	"fmt"
	"io/fs"

	"momus/internal/kerr"
	"momus/storage/index"
	"momus/storage/record"
)

// boundary remembers where in which segment an offset was found to begin.
// It is remembered because every consumer that keeps up reads to the same high watermark, which
// without it would be looked up in the index for each.
type boundary struct {
	offset  int64
	segment *Segment
	pos     int64
}

// Read returns a range of one segment file that begins with the batch containing offset, has at
// most maxBytes (but at least its first batch if minOneMessage is set, even if that is larger) and
// ends before upTo. The end may cut a batch. The range is empty at the log end and above upTo. An
// offset outside [log start, log end] is OFFSET_OUT_OF_RANGE. The caller releases Records.
//
// No lock of appends is taken. A writer stores the log end before the size that includes it;
// reading size first and log end after it, bytes below that size are below that log end.
func (l *Log) Read(offset int64, maxBytes int, upTo Isolation, minOneMessage bool) (ReadResult, error) {
	if e := l.offline.Load(); e != nil {
		return ReadResult{}, l.report("read", *e)
	}
	for {
		// The list before the read: if it is another one afterwards, a missing file is no fault of
		// the disk.
		before := l.segments.Load()
		r, err := l.tryRead(offset, maxBytes, upTo, minOneMessage)
		if !l.vanished(err, before) {
			if err != nil {
				r.Records.Release()
				return ReadResult{}, l.report("read", err)
			}
			return r, nil
		}
		if err := l.waitForChange(); err != nil {
			return ReadResult{}, err
		}
	}
}

// vanished tells whether a read failed only because a segment was deleted since the list before was
// current: its files may be renamed or gone before it is marked so.
func (l *Log) vanished(err error, before *segmentList) bool {
	if !errors.Is(err, fs.ErrNotExist) {
		return errors.Is(err, errGone)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments.Load() != before
}

// waitForChange returns when a change of the segments that has been met half-way is complete; an
// error if the log was closed.
func (l *Log) waitForChange() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("%s: %w: %w", l.tp, errClosed, kerr.KafkaStorageError)
	}
	return nil
}

// tryRead reads once, without a lock, from what it saw of the segments; what changed under it is an
// error that Read knows and tries again.
func (l *Log) tryRead(offset int64, maxBytes int, upTo Isolation, minOneMessage bool) (ReadResult, error) {
	list := l.list()
	// Before view, see Read.
	activeSize := list.active().size.Load()
	r := l.view()
	if upTo == UpToLastStable {
		r.Aborted = []AbortedTxn{}
	}
	at := list.floor(offset)
	if at < 0 || offset > r.LogEndOffset || offset < r.LogStartOffset {
		return ReadResult{}, fmt.Errorf("offset %d is outside of the log [%d, %d]: %w", offset, r.LogStartOffset, r.LogEndOffset, kerr.OffsetOutOfRange)
	}
	r.StartedInOlderSegment = at < len(list)-1
	bound := r.LogEndOffset
	switch upTo {
	case UpToHighWatermark:
		bound = r.HighWatermark
	case UpToLastStable:
		bound = r.LastStableOffset
	}
	// The Aborted of a read_committed reader is empty and not nil, also here.
	if offset >= bound {
		return r, nil
	}
	for ; at < len(list); at++ {
		s := list[at]
		size := activeSize
		if at < len(list)-1 {
			size = s.size.Load()
		}
		d, err := s.acquire()
		if err != nil {
			return r, err
		}
		pos, first, err := s.find(d, offset, size)
		if err == nil && first == 0 {
			d.release()
			continue // what is left of this segment is before offset
		}
		var limit int64
		if err == nil {
			limit, err = l.limit(list, at, d, size, bound, r.LogEndOffset)
		}
		if err != nil {
			d.release()
			return r, err
		}
		s.lastRead.Store(l.nowMs())
		n := int64(maxBytes)
		if minOneMessage {
			// KIP-74: a batch larger than the limit would else never get through.
			n = max(n, int64(first))
		}
		n = min(n, limit-pos)
		// The batch reaches beyond the bound, as when a follower has part of it.
		if n <= 0 {
			d.release()
			return r, nil
		}
		r.Records = FileRange{data: d, pos: pos, n: int(n)}
		r.FirstBatchIncomplete = n < int64(first)
		if upTo == UpToLastStable {
			err = l.addAborted(&r, list, at, offset)
		}
		return r, err
	}
	return r, nil
}

// limit is the position in segment at where a read up to offset bound ends.
func (l *Log) limit(list segmentList, at int, d *dataFile, size, bound, logEnd int64) (int64, error) {
	s := list[at]
	if bound >= logEnd || at < len(list)-1 && bound >= list[at+1].base {
		return size, nil
	}
	if b := l.bound.Load(); b != nil && b.offset == bound && b.segment == s {
		return min(b.pos, size), nil
	}
	pos, first, err := s.find(d, bound, size)
	if err != nil {
		return 0, err
	}
	if first == 0 {
		return size, nil // a gap up to the next segment
	}
	l.bound.Store(&boundary{bound, s, pos})
	return pos, nil
}

// addAborted adds the aborted transactions that overlap the range read from segment at.
func (l *Log) addAborted(r *ReadResult, list segmentList, at int, offset int64) error {
	upper := r.LogEndOffset
	if at < len(list)-1 {
		upper = list[at+1].base
	}
	near, found, err := list[at].index.FirstAtPosition(r.Records.pos + int64(r.Records.n))
	if err != nil {
		return err
	}
	if found {
		// By position: the first entry at or after the end of the range. The answer may have
		// transactions that begin behind the range, as in Kafka; consumers pass them over.
		upper = near.Offset
	}
	var all []index.AbortedTxn
	for _, s := range list[at:] {
		var done bool
		if all, done, err = s.txns.Collect(all, offset, upper); err != nil {
			return err
		}
		if done {
			break
		}
	}
	for _, t := range all {
		r.Aborted = append(r.Aborted, AbortedTxn{t.ProducerID, t.FirstOffset})
	}
	return nil
}

// OffsetForTimestamp finds the first record with a timestamp of at least ts (ms), or answers
// EarliestTimestamp and LatestTimestamp; the latter is the log end, which the caller lowers for
// clients. found is false if there is no such record. With message formats before 0.10.0 times
// other than those two are UNSUPPORTED_FOR_MESSAGE_FORMAT.
func (l *Log) OffsetForTimestamp(ts int64) (at TimestampOffset, found bool, err error) {
	for {
		before := l.segments.Load()
		at, found, err = l.offsetForTimestamp(ts)
		if !l.vanished(err, before) {
			return at, found, l.report("look up timestamp", err)
		}
		if err := l.waitForChange(); err != nil {
			return TimestampOffset{}, false, err
		}
	}
}

// offsetForTimestamp finds the first record at or after a time, or the two ends of the log by their
// special times; ok is false when there is none.
func (l *Log) offsetForTimestamp(ts int64) (TimestampOffset, bool, error) {
	none := TimestampOffset{Timestamp: record.NoTimestamp, Offset: -1, LeaderEpoch: record.NoLeaderEpoch}
	logStart := l.logStartOffset.Load()
	switch {
	case ts == EarliestTimestamp:
		at := none
		at.Offset = logStart
		if c := l.epochs.Load(); c != nil {
			if first, ok := c.Earliest(); ok && first.StartOffset <= logStart {
				at.LeaderEpoch = first.Epoch
			}
		}
		return at, true, nil
	case ts == LatestTimestamp:
		at := none
		at.Offset = l.logEndOffset.Load()
		if e, ok := l.LatestEpoch(); ok {
			at.LeaderEpoch = e
		}
		return at, true, nil
	case l.config.Load().RecordVersion < record.Magic1:
		return none, false, fmt.Errorf("cannot search by timestamp with message.format.version %s: %w",
			l.config.Load().MessageFormatVersion, kerr.UnsupportedForMessageFormat)
	}
	list := l.list()
	// Kafka begins with the first segment there is; while one below the log start is not yet
	// deleted, it then finds nothing.
	for _, s := range list[max(list.floor(logStart), 0):] {
		largest, err := s.LargestTimestamp()
		if err != nil {
			return none, false, err
		}
		if largest >= ts {
			return s.offsetForTimestamp(ts, logStart)
		}
	}
	return none, false, nil
}

// offsetForTimestamp finds the first record at or after offset from with at least that timestamp.
func (s *Segment) offsetForTimestamp(ts, from int64) (at TimestampOffset, found bool, err error) {
	size := s.size.Load()
	d, err := s.acquire()
	if err != nil {
		return at, false, err
	}
	defer d.release()
	before, err := s.times.Lookup(ts)
	if err != nil {
		return at, false, err
	}
	near, err := s.index.Lookup(max(before.Offset, from))
	if err != nil {
		return at, false, err
	}
	for scan := s.scan(d, near.Position, size, headerScan); !found; {
		b, pos, _, err := scan.next(false)
		if err != nil || b == nil {
			return at, false, err
		}
		if b.MaxTimestamp() < ts {
			continue
		}
		scan.pos = pos
		if b, _, _, err = scan.next(true); err != nil || b == nil {
			return at, false, err
		}
		err = b.ForEach(nil, func(r *record.Record) error {
			if r.Timestamp >= ts && r.Offset >= from {
				at, found = TimestampOffset{r.Timestamp, r.Offset, b.LeaderEpoch()}, true
				return errFound
			}
			return nil
		})
		if err != nil && err != errFound {
			return at, false, err
		}
	}
	return at, found, nil
}

// errFound ends a walk over records. It reaches nobody.
var errFound = errors.New("found")

// LegacyOffsetsBefore answers ListOffsets v0: base offsets of segments (not below the log start),
// and the log end, that are older than ts by the modification times of the files, latest first, at
// most maxOffsets. ts may be LatestTimestamp or EarliestTimestamp. A segment that is just being
// deleted is passed over.
func (l *Log) LegacyOffsetsBefore(ts int64, maxOffsets int) []int64 {
	list, logStart := l.list(), l.logStartOffset.Load()
	type entry struct{ offset, ms int64 }
	entries := make([]entry, 0, len(list)+1)
	for _, s := range list {
		mtime, err := s.ModTime()
		if err != nil {
			continue
		}
		entries = append(entries, entry{max(s.base, logStart), mtime.UnixMilli()})
	}
	if list.active().size.Load() > 0 {
		entries = append(entries, entry{l.logEndOffset.Load(), l.nowMs()})
	}
	last := len(entries) - 1
	switch ts {
	case LatestTimestamp:
	case EarliestTimestamp:
		last = min(last, 0)
	default:
		for last >= 0 && entries[last].ms > ts {
			last--
		}
	}
	offsets := make([]int64, 0, max(0, min(maxOffsets, last+1)))
	for ; last >= 0 && len(offsets) < maxOffsets; last-- {
		offsets = append(offsets, entries[last].offset)
	}
	return offsets
}

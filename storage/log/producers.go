package log

import (
	"momus/storage/producer"
	"momus/storage/record"
)

// rebuildProducers brings the producer state m to that of the log up to offset end: from snapshots,
// and from the batches after the newest one. clean tells that this is the load after a clean stop:
// without any snapshot nothing is scanned then, as there were no producers (or Kafka forgets them).
func (l *Log) rebuildProducers(m *producer.Manager, list segmentList, end int64, clean bool) error {
	// At the bases of the last two segments, as Kafka does: those are the ones that a recovery
	// begins at.
	snapshotAt := [2]int64{-1, -1}
	if n := len(list); n > 0 {
		snapshotAt[1] = list[n-1].base
		if n > 1 {
			snapshotAt[0] = list[n-2].base
		}
	}
	if _, found := m.LatestSnapshot(); l.config.Load().RecordVersion < record.Magic2 || !found && clean {
		for _, o := range [...]int64{snapshotAt[0], snapshotAt[1], end} {
			if o < 0 {
				continue
			}
			m.SetEndOffset(o)
			if err := m.TakeSnapshot(); err != nil {
				return err
			}
		}
		return nil
	}
	logStart := l.logStartOffset.Load()
	// A state that knows nobody, and reaches far enough, knows nobody at a lower offset either:
	// nothing need be read.
	wasEmpty := m.Empty() && m.EndOffset() >= end
	if err := m.Reload(logStart, end, l.nowMs()); err != nil {
		return err
	}
	if end > m.EndOffset() && !wasEmpty {
		last := list.floor(end)
		for _, s := range list.from(m.EndOffset(), end) {
			start := max(s.base, m.EndOffset(), logStart)
			m.SetEndOffset(start)
			if s.base == snapshotAt[0] || s.base == snapshotAt[1] {
				if err := m.TakeSnapshot(); err != nil {
					return err
				}
			}
			limit := end
			if last < 0 || list[last] != s {
				// Only in the segment with end can there be batches behind it.
				limit = -1
			}
			if err := replay(m, s, start, limit); err != nil {
				return err
			}
		}
	}
	m.SetEndOffset(end)
	return m.TakeSnapshot()
}

// replay applies the batches of a segment from the one that contains start on, and before the one
// that contains limit if that is not negative.
func replay(m *producer.Manager, s *Segment, start, limit int64) error {
	size := s.size.Load()
	if size == 0 {
		return nil
	}
	d, err := s.acquire()
	if err != nil {
		return err
	}
	defer d.release()
	// start may lie inside of a batch, which is then applied once more; replication rules allow
	// that.
	pos, found, err := s.find(d, start, size)
	if err != nil || found == 0 {
		return err
	}
	for scan := s.scan(d, pos, size, fullScan); ; {
		b, at, _, err := scan.next(false)
		if err != nil || b == nil {
			return err
		}
		if limit >= 0 && b.LastOffset() >= limit {
			return nil
		}
		if !b.HasProducerID() {
			continue
		}
		if b.IsControl() { // the marker itself is needed
			scan.pos = at
			if b, _, _, err = scan.next(true); err != nil || b == nil {
				return err
			}
		}
		if _, _, err := m.Prepare(b, record.OriginReplication); err != nil {
			m.Rollback()
			return err
		}
		for _, end := range m.Commit() {
			m.Complete(end)
		}
	}
}

package log

import (
	"errors"
	"io/fs"

	"github.com/sirupsen/logrus"

	"momus/storage/index"
	"momus/storage/producer"
	"momus/storage/record"
)

// recover scans the segments from the recovery point on, unless the last stop was clean. What
// follows a bad batch goes.
func (ld *loader) recover() error {
	list := ld.list()
	if len(list) == 0 {
		return nil
	}
	if ld.opts.Clean {
		return ld.checkLast(list.active())
	}
	// The whole segment with the recovery point, not only what follows: its indexes have entries
	// for all of it.
	dirty := list[max(list.floor(ld.recoveryPoint.Load()), 0):]
	ld.unsynced = ld.opts.After != nil
	ld.scannedFrom = dirty[0].base
	ld.dirUnsynced = true // whoever made the files may not have synced their names
	for i, s := range dirty {
		cut, err := ld.recoverSegment(s, true)
		if errors.Is(err, index.ErrNotAscending) {
			ld.logger.WithField("segment", s.base).WithError(err).Warn("emptied segment with offsets that do not ascend")
			size := s.size.Load()
			if err := s.truncateTo(s.base, ld.nowMs()); err != nil {
				return err
			}
			cut, err = size-s.size.Load(), nil
		}
		if err != nil {
			return err
		}
		if ld.opts.OnRecovery != nil {
			ld.opts.OnRecovery(i+1, len(dirty), ld.scanned)
		}
		if cut > 0 {
			// What was cut must not come back behind what is written next.
			if err := ld.syncRecovered(dirty[:i+1]); err != nil {
				return err
			}
			ld.logger.WithFields(logrus.Fields{"segment": s.base, "bytes": cut, "segments": len(dirty) - i - 1}).Warn("cut invalid end of log")
			// What follows a gap cannot be kept: its offsets would be there without those before
			// them.
			return ld.deleteSegmentsLocked(lastFirst(dirty[i+1:]), ld.list().without(dirty[i+1:]...))
		}
	}
	return nil
}

// syncRecovered makes recovered segments durable before the log is used.
func (ld *loader) syncRecovered(list segmentList) error {
	ld.unsynced = false
	for _, s := range list {
		if err := s.flush(false); err != nil {
			return err
		}
	}
	return nil
}

// checkLast recovers the last segment after a clean stop if its index points outside of it, which
// would hide data. Kafka does not look.
func (ld *loader) checkLast(s *Segment) error {
	sane, err := s.index.Sane(s.size.Load())
	if err != nil || sane {
		return err
	}
	ld.logger.WithField("segment", s.base).WithField("reason", "offset index is bad").Warn("recovered segment")
	return ld.recoverAlone(s)
}

// recoverAlone recovers a segment to which no other start would come back if this one were cut
// short: until everything else is durable its offset index is missing, which is a reason to recover
// it.
func (ld *loader) recoverAlone(s *Segment) error {
	path := s.index.Path()
	if err := ld.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := ld.fs.SyncDir(ld.Dir()); err != nil {
		return err
	}
	s.index.SetPath(path + deletedSuffix) // what is called so is removed by the next start
	if _, err := ld.recoverSegment(s, false); err != nil {
		return err
	}
	if err := ld.fs.Rename(path+deletedSuffix, path); err != nil {
		return err
	}
	s.index.SetPath(path)
	ld.dirUnsynced = true
	return nil
}

// recoverSegment rebuilds the indexes from the batches, cuts the .log after the last valid one and
// makes the result durable, unless that is left for later. It returns the bytes cut. withEpochs
// notes leader epochs that the epoch list lacks.
func (ld *loader) recoverSegment(s *Segment, withEpochs bool) (cut int64, err error) {
	// A state of its own, which ends with this segment: that of the log is loaded when all segments
	// are known.
	state := producer.NewManager(ld.fs, ld.Dir(), ld.opts.ProducerExpirationMs, ld.snapshots)
	if err := ld.rebuildProducers(state, ld.list(), s.base, false); err != nil {
		return 0, err
	}
	defer func() { ld.snapshots = state.Snapshots() }()
	if err := s.index.Reset(); err != nil {
		return 0, err
	}
	if err := s.times.Reset(); err != nil {
		return 0, err
	}
	if err := s.txns.Reset(); err != nil {
		return 0, err
	}
	s.maxTimestamp.Store(-1)
	s.maxTimestampOffset.Store(-1)
	d, err := s.acquire()
	if err != nil {
		return 0, err
	}
	defer d.release()
	size := s.size.Load()
	valid, err := ld.scanSegment(s, d, size, state, withEpochs)
	if err != nil {
		return 0, err
	}
	ld.scanned += size
	if valid < size {
		if err := d.file.Truncate(valid); err != nil {
			return 0, err
		}
		s.size.Store(valid)
	}
	if err := s.becomeInactive(); err != nil {
		return 0, err
	}
	if err := state.TakeSnapshot(); err != nil {
		return 0, err
	}
	s.unsynced.Store(true) // whoever wrote it may not have synced it, and it will count as flushed
	if ld.unsynced {
		return size - valid, nil
	}
	return size - valid, s.flush(false)
}

// scanSegment enters all valid batches into the indexes and the producer state and returns where
// they end.
func (ld *loader) scanSegment(s *Segment, d *dataFile, size int64, state *producer.Manager, withEpochs bool) (valid int64, err error) {
	var indexed int64
	next := s.base
	epochs := ld.epochs.Load()
	for scan := s.scan(d, 0, size, fullScan); ; {
		b, pos, n, err := scan.verified()
		var corrupt *CorruptError
		if b == nil && err == nil || errors.As(err, &corrupt) {
			return valid, nil
		}
		var invalid *record.CorruptError
		if errors.As(err, &invalid) {
			ld.logger.WithField("segment", s.base).WithField("position", pos).WithError(err).Warn("met invalid batch")
			return valid, nil
		}
		if err != nil {
			return 0, err
		}
		last := b.LastOffset()
		if first := min(b.BaseOffset(), last); first < next {
			// The CRC does not cover the base offset: a torn write can leave zeros there. Kafka
			// would drop the whole segment.
			ld.logger.WithFields(logrus.Fields{"segment": s.base, "position": pos, "offset": first, "expected": next}).Warn("met batch whose offset does not ascend")
			return valid, nil
		}
		next = last + 1
		if !fits(s.base, last) {
			return 0, &overflowError{s}
		}
		if t := b.MaxTimestamp(); t > s.maxTimestamp.Load() {
			s.maxTimestamp.Store(t)
			s.maxTimestampOffset.Store(last)
		}
		// By batches here, by appends when it was written: the rebuilt index may have other
		// entries, and finds the same.
		if pos-indexed > int64(s.indexInterval) {
			if err := s.addToIndexes(last, pos); err != nil {
				return 0, err
			}
			indexed = pos
		}
		valid = pos + int64(n)
		if b.Magic() < record.Magic2 {
			if withEpochs && epochs != nil { // as when it was appended
				if err := epochs.Clear(); err != nil {
					return 0, err
				}
			}
			continue
		}
		if withEpochs && epochs != nil {
			latest, known := epochs.Latest()
			// Kafka never looks for epoch 0: its file has it before the first batch.
			if e := b.LeaderEpoch(); e >= 0 && (!known || e > latest) {
				if err := epochs.Assign(e, b.BaseOffset()); err != nil {
					return 0, err
				}
			}
		}
		if err := ld.applyRecovered(s, state, b); err != nil {
			return 0, err
		}
	}
}

// applyRecovered enters a batch into the producer state, and an abort into the transaction index.
func (ld *loader) applyRecovered(s *Segment, state *producer.Manager, b record.Batch) error {
	if b.HasProducerID() {
		// As replication: what the leader has accepted is not judged again.
		if _, _, err := state.Prepare(b, record.OriginReplication); err != nil {
			state.Rollback()
			return err
		}
		for _, end := range state.Commit() {
			stable := state.Complete(end)
			if !end.Aborted {
				continue
			}
			if err := s.txns.Add(index.AbortedTxn{ProducerID: end.ProducerID, FirstOffset: end.FirstOffset, LastOffset: end.LastOffset, LastStableOffset: stable}); err != nil {
				return err
			}
		}
	}
	state.SetEndOffset(b.NextOffset())
	return nil
}

package log

import (
	"errors"
	"fmt"
	"math"

	"momus/configs"
	"momus/internal/kerr"
	"momus/storage/index"
	"momus/storage/record"
)

// AppendAsLeader validates records, gives them offsets from the log end on and the leader epoch,
// and appends them in one write. records is patched in place and belongs to the caller again
// afterwards. Without a whole batch in records nothing happens. Errors are those of record.Analyze
// and record.Assign, those of the producer checks, RECORD_LIST_TOO_LARGE and KAFKA_STORAGE_ERROR.
func (l *Log) AppendAsLeader(records []byte, leaderEpoch int32, origin record.Origin) (AppendInfo, error) {
	c := l.config.Load()
	// Outside of the lock: checksums are the expensive part, and need nothing of the log.
	info, err := record.Analyze(records, origin, int(c.MaxMessageBytes))
	if err != nil || info.Batches == 0 {
		return l.nothingAppended(), err
	}
	return l.appended(l.appendAsLeader(records[:info.ValidBytes], info, leaderEpoch, origin))
}

// AppendAsFollower appends what the leader sent, offsets and leader epochs included. Offsets must
// ascend and begin at or after the log end; only an empty log, whose leader's log start lies inside
// the first batch, starts again with that batch.
func (l *Log) AppendAsFollower(records []byte) (AppendInfo, error) {
	info, err := record.Analyze(records, record.OriginReplication, 0)
	if err != nil || info.Batches == 0 {
		return l.nothingAppended(), err
	}
	return l.appended(l.appendAsFollower(records[:info.ValidBytes], info))
}

func (l *Log) nothingAppended() AppendInfo {
	return AppendInfo{FirstOffset: -1, LastOffset: -1, MaxTimestamp: -1, LogAppendTime: -1, LogStartOffset: l.LogStartOffset()}
}

// appended does what follows an append outside of the lock.
func (l *Log) appended(done AppendInfo, err error) (AppendInfo, error) {
	if err != nil {
		return l.nothingAppended(), l.report("append", err)
	}
	// After the lock, so that others append while this one waits for the disk; what they append is
	// flushed with it.
	if every := l.config.Load().FlushMessages; every < math.MaxInt64 && l.LogEndOffset()-l.RecoveryPoint() >= every {
		if err := l.flushAppended(done.LastOffset + 1); err != nil {
			return done, err
		}
	}
	return done, nil
}

func (l *Log) appendAsLeader(records []byte, info record.Info, leaderEpoch int32, origin record.Origin) (done AppendInfo, err error) {
	l.mu.Lock()
	defer l.unlock(&err)
	if err := l.usableLocked(); err != nil {
		return AppendInfo{}, err
	}
	c, now := l.config.Load(), l.nowMs()
	// The policy is a field, not a new value each time: an append allocates nothing.
	l.policy.Rules, l.policy.Origin, l.policy.Now, l.policy.LeaderEpoch = rules(c), origin, now, leaderEpoch
	if records, info, err = l.assignLocked(records, info, l.logEndOffset.Load(), c); err != nil {
		return AppendInfo{}, err
	}
	return l.appendLocked(records, info, origin, c, now)
}

// assignLocked gives records their offsets from next on, by policy.
func (l *Log) assignLocked(records []byte, info record.Info, next int64, c *configs.Topic) ([]byte, record.Info, error) {
	records, info, err := record.Assign(records, info, next, &l.policy)
	if err == nil && info.Converted {
		err = checkSizes(records, int(c.MaxMessageBytes))
	}
	return records, info, err
}

func checkSizes(records []byte, maxMessageBytes int) error {
	w := record.NewWalk(records)
	for w.Next() {
		if n := w.Batch.Size(); n > maxMessageBytes {
			return fmt.Errorf("batch of %d bytes after conversion is larger than max.message.bytes %d: %w", n, maxMessageBytes, kerr.MessageTooLarge)
		}
	}
	return w.Err()
}

func (l *Log) appendAsFollower(records []byte, info record.Info) (done AppendInfo, err error) {
	l.mu.Lock()
	defer l.unlock(&err)
	if err := l.usableLocked(); err != nil {
		return AppendInfo{}, err
	}
	if !info.Monotonic {
		return AppendInfo{}, fmt.Errorf("offsets from the leader do not ascend, from %d to %d", info.FirstOffset, info.LastOffset)
	}
	first, end := info.FirstOffset, l.logEndOffset.Load()
	if first < 0 {
		// Legacy entries do not tell where they begin; Kafka then takes the last offset of the
		// first one.
		first = info.LastOffsetOfFirstBatch
	}
	if first < end {
		// The one case in which a leader may send what begins below our end: its log start lies
		// inside of a batch, and we have nothing of it.
		if l.logStartOffset.Load() != end || info.LastOffset < end {
			return AppendInfo{}, fmt.Errorf("unexpected append offset %d (to %d), log end is %d", first, info.LastOffset, end)
		}
		if err := l.startAtLocked(first); err != nil {
			return AppendInfo{}, err
		}
	}
	return l.appendLocked(records, info, record.OriginReplication, l.config.Load(), l.nowMs())
}

// appendLocked appends records whose offsets are final.
func (l *Log) appendLocked(records []byte, info record.Info, origin record.Origin, c *configs.Topic, now int64) (AppendInfo, error) {
	// As in Kafka the epochs are entered, and the segment is rolled, before the producers are
	// checked: a batch that is refused then has still rolled it.
	if err := l.noteEpochsLocked(records); err != nil {
		return AppendInfo{}, err
	}
	if int64(len(records)) > int64(c.SegmentBytes) {
		return AppendInfo{}, fmt.Errorf("records of %d bytes are larger than segment.bytes %d: %w", len(records), c.SegmentBytes, kerr.RecordListTooLarge)
	}
	if err := l.maybeRollLocked(len(records), info, c, now); err != nil {
		return AppendInfo{}, err
	}
	done := l.infoOf(records, info)
	if info.HasProducerID {
		known, err := l.checkProducersLocked(records, origin)
		if err != nil {
			return AppendInfo{}, err
		}
		if known != nil {
			known.putInto(&done)
			return done, nil
		}
	}
	active := l.list().active()
	// From here to the end the order matters: the bytes, then the producers' change, then the log
	// end, and the size last. Readers load them the other way round.
	size, err := active.append(records, &info)
	if err == nil && info.HasProducerID {
		err = l.commitProducersLocked(active)
	}
	if err != nil {
		// The write has been undone: the producer may send the batch again under the same sequence.
		l.producers.Rollback()
		// Undoing has failed too: what is on disk is not known, and only a recovery finds out.
		if errors.Is(err, errBroken) {
			l.failed = err
		}
		return AppendInfo{}, err
	}
	next := info.LastOffset + 1
	l.producers.SetEndOffset(next)
	l.logEndOffset.Store(next)
	active.size.Store(size) // after the log end: see Log.Read
	return done, nil
}

// infoOf is what is answered when records are written.
func (l *Log) infoOf(records []byte, info record.Info) AppendInfo {
	done := AppendInfo{
		FirstOffset: info.FirstOffset, LastOffset: info.LastOffset,
		MaxTimestamp: info.MaxTimestamp, LogAppendTime: info.LogAppendTime,
		LogStartOffset: l.logStartOffset.Load(), ValidBytes: len(records), Records: info.Records,
	}
	if done.FirstOffset < 0 {
		done.FirstOffset = info.LastOffsetOfFirstBatch
	}
	return done
}

// noteEpochsLocked enters the leader epochs of the batches; the first batch of an older format ends
// the list.
func (l *Log) noteEpochsLocked(records []byte) error {
	epochs := l.epochs.Load()
	if epochs == nil {
		return nil
	}
	w := record.NewWalk(records)
	for w.Next() {
		var err error
		if b := w.Batch; b.Magic() >= record.Magic2 {
			err = epochs.Assign(b.LeaderEpoch(), b.BaseOffset())
		} else {
			err = epochs.Clear()
		}
		if err != nil {
			return err
		}
	}
	return w.Err()
}

// timestamp is the cached batch's largest; 2.5.0 answers it as log append time, also for CreateTime
// topics.
type knownBatch struct{ first, last, timestamp int64 }

// putInto makes done the answer to a repetition of the batch.
func (k *knownBatch) putInto(done *AppendInfo) {
	done.FirstOffset, done.LastOffset, done.LogAppendTime = k.first, k.last, k.timestamp
	done.MaxTimestamp, done.Duplicate, done.ValidBytes = k.timestamp, true, 0
}

// checkProducersLocked prepares the change of the producer state, to be committed after the write.
// The result is not nil for a repeated batch.
func (l *Log) checkProducersLocked(records []byte, origin record.Origin) (*knownBatch, error) {
	w := record.NewWalk(records)
	for w.Next() {
		known, repeated, err := l.producers.Prepare(w.Batch, origin)
		if err != nil || repeated {
			l.producers.Rollback()
			if err != nil {
				return nil, err
			}
			return &knownBatch{known.FirstOffset(), known.LastOffset, known.Timestamp}, nil
		}
	}
	if w.Err() != nil {
		l.producers.Rollback()
	}
	return nil, w.Err()
}

// commitProducersLocked makes the prepared change count. A failure leaves a marker in the .log
// without its entry in the transaction index, so that the log is broken then.
func (l *Log) commitProducersLocked(active *Segment) error {
	for _, end := range l.producers.Commit() {
		stable := l.producers.Complete(end)
		if !end.Aborted {
			continue
		}
		err := active.txns.Add(index.AbortedTxn{ProducerID: end.ProducerID, FirstOffset: end.FirstOffset, LastOffset: end.LastOffset, LastStableOffset: stable})
		if err != nil {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
	}
	l.updateFirstUnstableLocked()
	return nil
}

// maybeRollLocked begins a new segment when the active one is full, old enough, or cannot hold the
// offsets of the records.
func (l *Log) maybeRollLocked(n int, info record.Info, c *configs.Topic, now int64) error {
	roll, err := l.list().active().shouldRoll(c, n, info.MaxTimestamp, info.LastOffset, now)
	if err != nil || !roll {
		return err
	}
	expected := info.FirstOffset
	if expected < 0 {
		// Of a legacy set only the last offset is known: the new base is as low as its index can
		// address.
		expected = info.LastOffset - math.MaxInt32
	}
	return l.rollLocked(max(l.logEndOffset.Load(), expected), c, now)
}

// rules are the topic's configs that the record format obeys.
func rules(c *configs.Topic) record.Rules {
	return record.Rules{RecordVersion: c.RecordVersion, CompressionType: c.CompressionType, Compact: c.Compact, LogAppendTime: c.LogAppendTime,
		MaxTimestampDifferenceMs: c.MessageTimestampDifferenceMaxMs}
}

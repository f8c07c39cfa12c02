package log

import (
	"errors"
	"os"
	"time"

	"momus/configs"
	"momus/storage/index"
	"momus/storage/model"
	"momus/storage/producer"
	"momus/storage/record"
)

var errStub = errors.New("not implemented yet")

// Log is the log of one partition.
type Log struct{}

// Open loads the log in o.Dir, recovering it if the last stop was not clean.
func Open(o Options) (*Log, error) { return nil, errStub }

// AppendAsLeader validates records and appends them with offsets from the log end on. records is patched in place and belongs to the
// caller again afterwards.
func (l *Log) AppendAsLeader(records []byte, leaderEpoch int32, origin record.Origin) (AppendInfo, error) {
	return AppendInfo{}, errStub
}

// AppendAsFollower appends what a leader sent, offsets and all.
func (l *Log) AppendAsFollower(records []byte) (AppendInfo, error) { return AppendInfo{}, errStub }

// Read returns a range of a segment file beginning with the batch that contains offset.
func (l *Log) Read(offset int64, maxBytes int, upTo Isolation, minOneMessage bool) (ReadResult, error) {
	return ReadResult{}, errStub
}

func (l *Log) TopicPartition() model.TopicPartition { return model.TopicPartition{} }
func (l *Log) LogEndOffset() int64                  { return 0 }
func (l *Log) HighWatermark() int64                 { return 0 }
func (l *Log) LastStableOffset() int64              { return 0 }
func (l *Log) LogStartOffset() int64                { return 0 }
func (l *Log) RecoveryPoint() int64                 { return 0 }

// FirstUnstableOffset is the first offset of the earliest transaction that is open, or ended above the high watermark.
func (l *Log) FirstUnstableOffset() (int64, bool) { return 0, false }

// ActiveBaseOffset is the base offset of the active segment.
func (l *Log) ActiveBaseOffset() int64 { return 0 }

// UpdateHighWatermark sets the high watermark, clamped to [log start, log end], and returns it.
func (l *Log) UpdateHighWatermark(o int64) int64 { return 0 }

// MaybeIncrementHighWatermark raises the high watermark to o if o is above it (and not above the log end).
func (l *Log) MaybeIncrementHighWatermark(o int64) bool { return false }

// MaybeIncrementLogStartOffset raises the log start offset.
func (l *Log) MaybeIncrementLogStartOffset(o int64) error { return errStub }

// TruncateTo removes everything from offset o on.
func (l *Log) TruncateTo(o int64) error { return errStub }

// TruncateFullyAndStartAt removes everything and starts again at o.
func (l *Log) TruncateFullyAndStartAt(o int64) error { return errStub }

// LatestEpoch is the latest leader epoch known; false if none.
func (l *Log) LatestEpoch() (int32, bool) { return 0, false }

// EndOffsetForEpoch answers OffsetForLeaderEpoch: (-1, -1) undefined.
func (l *Log) EndOffsetForEpoch(e int32) (epoch int32, end int64) { return -1, -1 }

// AssignEpochStart notes that leader epoch e begins at the log end (on becoming leader).
func (l *Log) AssignEpochStart(e int32) error { return errStub }

// EpochForOffset is the leader epoch of the record at o, if known.
func (l *Log) EpochForOffset(o int64) (int32, bool) { return 0, false }

// OffsetForTimestamp finds the first record with at least that timestamp, or LatestTimestamp, EarliestTimestamp.
func (l *Log) OffsetForTimestamp(ts int64) (TimestampOffset, bool, error) {
	return TimestampOffset{}, false, errStub
}

// LegacyOffsetsBefore answers ListOffsets v0.
func (l *Log) LegacyOffsetsBefore(ts int64, maxOffsets int) []int64 { return nil }

// Flush makes everything below upTo durable.
func (l *Log) Flush(upTo int64) error { return errStub }

// LastFlush is the time of the last flush.
func (l *Log) LastFlush() time.Time { return time.Time{} }

// Size is the sum of the sizes of the segments in bytes.
func (l *Log) Size() int64 { return 0 }

// Close flushes, writes the producer snapshot at the log end, trims and closes the files.
func (l *Log) Close() error { return errStub }

// CloseHandlers closes the files without writing anything (the log directory has failed).
func (l *Log) CloseHandlers() {}

// Delete removes the directory. The log is unusable afterwards.
func (l *Log) Delete() error { return errStub }

// Rename moves the directory: newDir is the whole new path.
func (l *Log) Rename(newDir string) error { return errStub }

func (l *Log) Dir() string                         { return "" }
func (l *Log) Config() *configs.Topic              { return nil }
func (l *Log) UpdateConfig(c *configs.Topic) error { return errStub }

// DeleteOldSegments applies retention and returns how many segments went.
func (l *Log) DeleteOldSegments() (int, error) { return 0, errStub }

// DeleteSnapshotsAfterCheckpoint drops producer snapshots that a written recovery-point checkpoint made unnecessary.
func (l *Log) DeleteSnapshotsAfterCheckpoint() error { return errStub }

// Segments are the present segments in order, the last one being active.
func (l *Log) Segments() []*Segment { return nil }

// NewCleanedSegment creates the files BASE.log.cleaned and so on for the output of a cleaning, removing older ones.
func (l *Log) NewCleanedSegment(base int64) (*Segment, error) { return nil, errStub }

// ReplaceSegments swaps cleaned segments in for old ones (ascending, adjacent).
func (l *Log) ReplaceSegments(cleaned, old []*Segment) error { return errStub }

// CollectAborted returns the aborted transactions that overlap [from, to), from the transaction indexes.
func (l *Log) CollectAborted(from, to int64) ([]index.AbortedTxn, error) { return nil, errStub }

// ActiveProducers are the producers remembered now.
func (l *Log) ActiveProducers() []producer.Entry { return nil }

// RemoveExpiredProducers forgets producers that were idle too long.
func (l *Log) RemoveExpiredProducers(now time.Time) {}

// CloseIdle closes files of older segments that were not read since t.
func (l *Log) CloseIdle(t time.Time) {}

// Segment is a segment of a log: a .log file with its indexes. The cleaner reads and makes them.
type Segment struct{}

func (s *Segment) BaseOffset() int64 { return 0 }

// Size is the length of the .log in bytes.
func (s *Segment) Size() int64 { return 0 }

// IndexSize and TimeIndexSize are the lengths of the indexes in bytes.
func (s *Segment) IndexSize() int64     { return 0 }
func (s *Segment) TimeIndexSize() int64 { return 0 }

// LargestTimestamp is the largest record timestamp, or else the modification time of the .log, in ms.
func (s *Segment) LargestTimestamp() int64 { return 0 }

// FirstBatchTimestamp is the max timestamp of the first batch in ms, -1 if there is none.
func (s *Segment) FirstBatchTimestamp() (int64, error) { return 0, errStub }

// ModTime is the modification time of the .log.
func (s *Segment) ModTime() (time.Time, error) { return time.Time{}, errStub }

// Range returns the whole content as a counted range; release it.
func (s *Segment) Range() (FileRange, error) { return FileRange{}, errStub }

// Append writes to a segment made by NewCleanedSegment: whole batches whose largest offset and timestamp are given.
func (s *Segment) Append(records []byte, largestOffset, largestTimestamp, offsetOfLargestTimestamp int64) error {
	return errStub
}

// AppendAborted adds an entry to the transaction index of a segment made by NewCleanedSegment.
func (s *Segment) AppendAborted(t index.AbortedTxn) error { return errStub }

// FinishCleaned completes a cleaned segment: final time index entry, everything synced, modification times set.
func (s *Segment) FinishCleaned(mtime time.Time) error { return errStub }

// AbandonCleaned closes and removes the files of a cleaned segment that will not be used.
func (s *Segment) AbandonCleaned() error { return errStub }

// FileRange is a range of a segment file.
type FileRange struct{}

func (r FileRange) Len() int                                { return 0 }
func (r FileRange) ReadAt(p []byte, off int64) (int, error) { return 0, errStub }
func (r FileRange) OSFile() (f *os.File, pos int64)         { return nil, 0 }
func (r *FileRange) Release()                               {}

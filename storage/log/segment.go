package log

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"momus/configs"
	"momus/internal/rank"
	"momus/storage/index"
	"momus/storage/record"
	"momus/storage/vfs"
)

// Suffixes of the files of a segment, and what they get while they come or go.
const (
	logSuffix     = ".log"
	indexSuffix   = ".index"
	timeSuffix    = ".timeindex"
	txnSuffix     = ".txnindex"
	deletedSuffix = ".deleted"
	cleanedSuffix = ".cleaned"
	swapSuffix    = ".swap"
)

// segmentSuffixes in the order in which files are renamed and removed.
var segmentSuffixes = [...]string{logSuffix, indexSuffix, timeSuffix, txnSuffix}

func fileName(base int64, suffix string) string { return fmt.Sprintf("%020d%s", base, suffix) }

// unknownTimestamp marks a timestamp that was not read from the files yet.
const unknownTimestamp = math.MinInt64

// errGone says that a segment was deleted or closed after it had been found.
var errGone = errors.New("segment is gone")

// Segment is a part of a log: a .log file with batches from its base offset on, and its indexes.
// Only the active (last) one is written, by the holder of Log.mu. The cleaner reads segments and
// makes new ones, see Log.NewCleanedSegment.
type Segment struct {
	fs   vfs.FS
	base int64

	// As configured when the segment was opened (Kafka keeps them too).
	indexInterval int
	indexSlots    int
	timeSlots     int
	jitterMs      int64
	createdMs     int64

	size     atomic.Int64 // bytes of batches in the .log; stored after the log end offset that covers them
	unsynced atomic.Bool  // the .log was written since it was synced
	lastRead atomic.Int64 // ms

	tail  tail
	index *index.Offset
	times *index.Time
	txns  *index.Txn

	maxTimestamp       atomic.Int64 // largest so far; unknownTimestamp: to be read from the time index
	maxTimestampOffset atomic.Int64
	rollTimestamp      atomic.Int64 // max timestamp of the first batch; unknownTimestamp: to be read from the .log

	sinceIndex   int  // guarded by Log.mu; bytes since the last index entry
	preallocated bool // guarded by Log.mu; the file is longer than size

	mu     rank.Mutex[rank.Segment]
	dir    string    // guarded by mu
	suffix string    // guarded by mu; .cleaned, .swap, .deleted or empty
	data   *dataFile // guarded by mu; nil: not open
	gone   bool      // guarded by mu
}

// newSegment describes the segment with files in dir; hasTxns says whether there is a .txnindex.
func newSegment(f vfs.FS, dir string, base int64, suffix string, c *configs.Topic, now int64, hasTxns bool) *Segment {
	s := &Segment{
		fs: f, base: base, dir: dir, suffix: suffix,
		indexInterval: int(c.IndexIntervalBytes),
		indexSlots:    int(c.SegmentIndexBytes) / index.OffsetEntrySize,
		timeSlots:     int(c.SegmentIndexBytes) / index.TimeEntrySize,
		createdMs:     now,
	}
	if jitter := min(c.SegmentJitterMs, c.SegmentMs); jitter > 0 {
		s.jitterMs = rand.Int64N(jitter)
	}
	s.maxTimestamp.Store(unknownTimestamp)
	s.rollTimestamp.Store(unknownTimestamp)
	s.lastRead.Store(now)
	s.index = index.NewOffset(f, s.pathLocked(indexSuffix), base)
	s.times = index.NewTime(f, s.pathLocked(timeSuffix), base)
	s.txns = index.NewTxn(f, s.pathLocked(txnSuffix), base, hasTxns)
	return s
}

// createSegment makes the files of a new, empty segment and opens it.
func createSegment(f vfs.FS, dir string, base int64, suffix string, c *configs.Topic, now int64) (*Segment, error) {
	s := newSegment(f, dir, base, suffix, c, now, false)
	s.maxTimestamp.Store(-1)
	s.maxTimestampOffset.Store(-1)
	// The indexes first: a .log without them would be recovered even after a clean stop.
	if err := s.index.Create(); err != nil {
		return nil, err
	}
	if err := s.times.Create(); err != nil {
		return nil, err
	}
	file, err := f.OpenFile(s.pathLocked(logSuffix), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	s.data = newDataFile(file)
	if c.Preallocate && suffix == "" {
		if err := file.Truncate(int64(c.SegmentBytes)); err != nil {
			s.retire()
			return nil, fmt.Errorf("preallocate segment: %w", err)
		}
		s.preallocated = true
	}
	return s, nil
}

// loadSegment opens a segment that is there. Only the size of the .log is read.
func loadSegment(f vfs.FS, dir string, base int64, suffix string, c *configs.Topic, now int64, hasTxns bool) (*Segment, error) {
	s := newSegment(f, dir, base, suffix, c, now, hasTxns)
	info, err := f.Stat(s.pathLocked(logSuffix))
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	if info.Size() > math.MaxInt32 {
		return nil, fmt.Errorf("segment %s has %d bytes, more than the %d that its index can address", s.pathLocked(logSuffix), info.Size(), math.MaxInt32)
	}
	s.size.Store(info.Size())
	return s, nil
}

func (s *Segment) pathLocked(suffix string) string {
	return filepath.Join(s.dir, fileName(s.base, suffix)+s.suffix)
}

func (s *Segment) path(suffix string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pathLocked(suffix)
}

// acquire opens the .log if needed and adds a user to it. errGone: the segment was deleted.
func (s *Segment) acquire() (*dataFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil, errGone
	}
	if s.data == nil {
		f, err := s.fs.OpenFile(s.pathLocked(logSuffix), os.O_RDWR)
		if err != nil {
			return nil, fmt.Errorf("open segment: %w", err)
		}
		s.data = newDataFile(f)
	}
	s.data.acquire() // cannot fail: the segment itself is a user
	return s.data, nil
}

// closeIdle closes the .log and gives back memory if nobody has read since t (ms).
func (s *Segment) closeIdle(t int64) {
	if s.lastRead.Load() >= t {
		return
	}
	s.closeData()
	s.tail.forget()
	s.index.Release()
	s.times.Release()
	s.txns.Release()
}

func (s *Segment) closeData() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data != nil {
		s.data.release()
		s.data = nil
	}
}

// retire makes the segment unusable for new readers. Nothing is written.
func (s *Segment) retire() {
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
	s.closeData()
	s.index.Discard()
	s.times.Discard()
	s.txns.Release()
}

// scan walks batches from position from to position to.
func (s *Segment) scan(d *dataFile, from, to int64, bufferSize int) *scanner {
	return &scanner{file: d.file, name: d.file.Name(), pos: from, end: to, buf: make([]byte, min(int64(bufferSize), max(to-from, headerUpToMagic)))}
}

// find looks for the first batch whose last offset is at or above offset. A size of 0 means there
// is none.
func (s *Segment) find(d *dataFile, offset, end int64) (pos int64, size int, err error) {
	if pos, size = s.tail.find(offset); size > 0 && pos+int64(size) <= end {
		return pos, size, nil
	}
	near, err := s.index.Lookup(offset)
	if err != nil {
		return 0, 0, err
	}
	buf := headerBuffers.Get().(*[]byte)
	defer headerBuffers.Put(buf)
	scan := scanner{file: d.file, name: d.file.Name(), pos: near.Position, end: end, buf: *buf}
	for {
		b, pos, size, err := scan.next(false)
		if err != nil || b == nil {
			return 0, 0, err
		}
		if b.LastOffset() >= offset {
			return pos, size, nil
		}
	}
}

// shouldRoll tells whether records of n bytes with that largest timestamp and last offset go to a
// new segment.
func (s *Segment) shouldRoll(c *configs.Topic, n int, timestamp, lastOffset, now int64) (bool, error) {
	size := s.size.Load()
	if size > int64(c.SegmentBytes)-int64(n) || lastOffset-s.base > math.MaxInt32 || lastOffset < s.base {
		return true, nil
	}
	if size > 0 {
		maxMs := c.SegmentMs
		if c.Compact && c.MaxCompactionLagMs > 0 {
			maxMs = min(maxMs, c.MaxCompactionLagMs)
		}
		first, err := s.FirstBatchTimestamp()
		if err != nil {
			return false, err
		}
		waited := now - s.createdMs
		if first >= 0 {
			waited = timestamp - first
		}
		if waited > maxMs-s.jitterMs {
			return true, nil
		}
	}
	entries, err := s.index.Len()
	if err != nil || entries >= s.indexSlots {
		return true, err
	}
	entries, err = s.times.Len()
	return entries >= s.timeSlots-1, err
}

// append writes whole batches at the end and enters them into the indexes. After an error the
// segment is as before, or it returns errBroken in the chain. The new size is not published: the
// caller stores it after its offsets.
func (s *Segment) append(records []byte, lastOffset, timestamp, timestampOffset int64) (newSize int64, err error) {
	toIndex := s.sinceIndex > s.indexInterval
	if toIndex {
		if err := s.index.Prepare(); err != nil {
			return 0, err
		}
		if err := s.times.Prepare(); err != nil {
			return 0, err
		}
	}
	pos := s.size.Load()
	s.unsynced.Store(true)
	if _, err := s.data.file.WriteAt(records, pos); err != nil {
		err = fmt.Errorf("append to segment: %w", err)
		if undoErr := s.cut(pos); undoErr != nil {
			return 0, fmt.Errorf("%w: %w: %w", err, errBroken, undoErr)
		}
		return 0, err
	}
	if largest, _, err := s.largest(); err != nil {
		return 0, fmt.Errorf("%w: %w", errBroken, err)
	} else if timestamp > largest {
		s.maxTimestampOffset.Store(timestampOffset)
		s.maxTimestamp.Store(timestamp)
	}
	if pos == 0 {
		s.rollTimestamp.Store(timestamp)
	}
	if toIndex {
		if err := s.addToIndexes(lastOffset, pos); err != nil {
			return 0, fmt.Errorf("%w: %w", errBroken, err)
		}
		s.sinceIndex = 0
	}
	s.sinceIndex += len(records)
	s.tail.note(records, pos)
	return pos + int64(len(records)), nil
}

// errBroken says that files and memory may differ after a failed write: the log must not be
// appended to any more.
var errBroken = errors.New("segment is in an unknown state")

// cut makes the .log as long as size, or leaves it preallocated.
func (s *Segment) cut(size int64) error {
	if s.preallocated {
		return nil // what was written is beyond the end
	}
	return s.data.file.Truncate(size)
}

func (s *Segment) addToIndexes(lastOffset, pos int64) error {
	if err := s.index.Add(lastOffset, pos); err != nil {
		return err
	}
	largest, at, err := s.largest()
	if err != nil || largest < 0 {
		return err
	}
	return s.times.Offer(largest, at)
}

// finishTimes offers the final entry of the time index, if the largest timestamp is known in
// memory.
func (s *Segment) finishTimes() error {
	if largest := s.maxTimestamp.Load(); largest >= 0 {
		return s.times.Offer(largest, s.maxTimestampOffset.Load())
	}
	return nil
}

// becomeInactive completes the files when no more will be appended.
func (s *Segment) becomeInactive() error {
	s.tail.forget()
	if err := s.finishTimes(); err != nil {
		return err
	}
	if err := s.index.Trim(); err != nil {
		return err
	}
	if err := s.times.Trim(); err != nil {
		return err
	}
	return s.trimData()
}

// trimData cuts a preallocated .log to its size.
func (s *Segment) trimData() error {
	if !s.preallocated {
		return nil
	}
	d, err := s.acquire()
	if err != nil {
		return err
	}
	defer d.release()
	if err := d.file.Truncate(s.size.Load()); err != nil {
		return fmt.Errorf("cut segment: %w", err)
	}
	s.preallocated = false
	s.unsynced.Store(true)
	return nil
}

// flush makes the .log durable, and the indexes too unless the segment is still active (they would
// be rebuilt).
func (s *Segment) flush(active bool) error {
	if s.unsynced.Load() {
		d, err := s.acquire()
		if err != nil {
			return err
		}
		defer d.release()
		s.unsynced.Store(false) // first: what is written during the sync is not covered
		if err := d.file.Sync(); err != nil {
			s.unsynced.Store(true)
			return fmt.Errorf("sync segment: %w", err)
		}
	}
	if err := s.txns.Sync(); err != nil {
		return err
	}
	if active {
		return nil
	}
	if err := s.index.Sync(); err != nil {
		return err
	}
	return s.times.Sync()
}

// largest is the largest timestamp seen and its offset, -1 if none, reading the time index if it is
// not in memory.
func (s *Segment) largest() (timestamp, offset int64, err error) {
	if t := s.maxTimestamp.Load(); t != unknownTimestamp {
		return t, s.maxTimestampOffset.Load(), nil
	}
	last, err := s.times.Last()
	if err != nil {
		return 0, 0, err
	}
	s.maxTimestampOffset.Store(last.Offset)
	s.maxTimestamp.CompareAndSwap(unknownTimestamp, last.Timestamp)
	return last.Timestamp, last.Offset, nil
}

// reloadLargest reads the largest timestamp from the time index and the batches after its last
// entry.
func (s *Segment) reloadLargest(d *dataFile) error {
	last, err := s.times.Last()
	if err != nil {
		return err
	}
	near, err := s.index.Lookup(last.Offset)
	if err != nil {
		return err
	}
	timestamp, offset := last.Timestamp, last.Offset
	for scan := s.scan(d, near.Position, s.size.Load(), fullScan); ; {
		b, _, _, err := scan.next(false)
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if b.MaxTimestamp() > timestamp {
			timestamp, offset = b.MaxTimestamp(), b.LastOffset()
		}
	}
	s.maxTimestampOffset.Store(offset)
	s.maxTimestamp.Store(timestamp)
	return nil
}

// nextOffset is the offset after the last whole batch, the base offset if there is none.
func (s *Segment) nextOffset() (int64, error) {
	next := s.base
	size := s.size.Load()
	if size == 0 {
		return next, nil
	}
	last, err := s.index.Last()
	if err != nil {
		return 0, err
	}
	d, err := s.acquire()
	if err != nil {
		return 0, err
	}
	defer d.release()
	for scan := s.scan(d, last.Position, size, headerScan); ; {
		b, _, _, err := scan.next(false)
		if err != nil {
			return 0, err
		}
		if b == nil {
			return next, nil
		}
		next = b.NextOffset()
	}
}

// truncateTo drops the batch that contains offset and everything after it.
func (s *Segment) truncateTo(offset, now int64) error {
	d, err := s.acquire()
	if err != nil {
		return err
	}
	defer d.release()
	pos, size, err := s.find(d, offset, s.size.Load())
	if err != nil {
		return err
	}
	s.tail.forget()
	if err := s.index.TruncateTo(offset); err != nil {
		return err
	}
	if err := s.times.TruncateTo(offset); err != nil {
		return err
	}
	if err := s.txns.TruncateTo(offset); err != nil {
		return err
	}
	if size > 0 {
		if err := d.file.Truncate(pos); err != nil {
			return fmt.Errorf("truncate segment: %w", err)
		}
		s.preallocated = false
		s.size.Store(pos)
		s.unsynced.Store(true)
		// What was cut must not come back behind what is written next.
		if err := s.flush(true); err != nil {
			return err
		}
	}
	if s.size.Load() == 0 {
		s.createdMs = now
		s.rollTimestamp.Store(unknownTimestamp)
	}
	s.sinceIndex = 0
	return s.reloadLargest(d)
}

// setDir follows a rename of the directory.
func (s *Segment) setDir(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dir = dir
	s.setIndexPathsLocked()
}

func (s *Segment) setIndexPathsLocked() {
	s.index.SetPath(s.pathLocked(indexSuffix))
	s.times.SetPath(s.pathLocked(timeSuffix))
	s.txns.SetPath(s.pathLocked(txnSuffix))
}

// changeSuffix renames the files, .log first.
func (s *Segment) changeSuffix(suffix string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range segmentSuffixes {
		from := s.pathLocked(kind)
		to := strings.TrimSuffix(from, s.suffix) + suffix
		if kind == txnSuffix && !s.txns.Exists() {
			continue
		}
		if err := s.fs.Rename(from, to); err != nil && (kind == logSuffix || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("rename segment file: %w", err)
		}
	}
	s.suffix = suffix
	s.setIndexPathsLocked()
	return nil
}

// removeFiles removes the files from dir, where they may be no more.
func (s *Segment) removeFiles(dir string) error {
	s.mu.Lock()
	s.dir = dir
	s.mu.Unlock()
	for _, kind := range segmentSuffixes {
		if err := s.fs.Remove(s.path(kind)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove segment file: %w", err)
		}
	}
	return nil
}

// BaseOffset is the offset the segment begins at; records at that offset may be gone.
func (s *Segment) BaseOffset() int64 { return s.base }

// Size is the length of the .log in bytes.
func (s *Segment) Size() int64 { return s.size.Load() }

// IndexSize is the length of the offset index in bytes.
func (s *Segment) IndexSize() (int64, error) { return s.index.Size() }

// TimeIndexSize is the length of the time index in bytes.
func (s *Segment) TimeIndexSize() (int64, error) { return s.times.Size() }

// NextOffset is the offset after the last batch.
func (s *Segment) NextOffset() (int64, error) { return s.nextOffset() }

// LargestTimestamp is the largest record timestamp in ms, or the modification time of the .log if
// there is none.
func (s *Segment) LargestTimestamp() (int64, error) {
	t, _, err := s.largest()
	if err != nil || t >= 0 {
		return t, err
	}
	mtime, err := s.ModTime()
	return mtime.UnixMilli(), err
}

// FirstBatchTimestamp is the max timestamp of the first batch in ms, -1 if there is none. For what
// this process wrote it is that of the first append.
func (s *Segment) FirstBatchTimestamp() (int64, error) {
	if t := s.rollTimestamp.Load(); t != unknownTimestamp {
		return t, nil
	}
	size := s.size.Load()
	if size == 0 {
		return -1, nil
	}
	d, err := s.acquire()
	if err != nil {
		return 0, err
	}
	defer d.release()
	b, _, _, err := s.scan(d, 0, size, headerBytes).next(false)
	if err != nil || b == nil {
		return -1, err
	}
	t := b.MaxTimestamp()
	s.rollTimestamp.CompareAndSwap(unknownTimestamp, t)
	return t, nil
}

// ModTime is the modification time of the .log.
func (s *Segment) ModTime() (time.Time, error) {
	info, err := s.fs.Stat(s.path(logSuffix))
	if err != nil {
		return time.Time{}, fmt.Errorf("modification time of segment: %w", err)
	}
	return info.ModTime(), nil
}

// Aborted returns the aborted transactions whose marker is in the segment; the slice must not be
// changed.
func (s *Segment) Aborted() ([]index.AbortedTxn, error) { return s.txns.Entries() }

// Range returns the whole content; release it.
func (s *Segment) Range() (FileRange, error) {
	d, err := s.acquire()
	if err != nil {
		return FileRange{}, err
	}
	return FileRange{data: d, n: int(s.size.Load())}, nil
}

// ForEachBatch hands out the batches in order, whole if whole is set, else their headers (the
// fields before the records) with their size. A batch is valid until the function returns; its
// error stops the walk and is returned.
func (s *Segment) ForEachBatch(whole bool, fn func(b record.Batch, size int) error) error {
	d, err := s.acquire()
	if err != nil {
		return err
	}
	defer d.release()
	for scan := s.scan(d, 0, s.size.Load(), fullScan); ; {
		b, _, size, err := scan.next(whole)
		if err != nil || b == nil {
			return err
		}
		if err := fn(b, size); err != nil {
			return err
		}
	}
}

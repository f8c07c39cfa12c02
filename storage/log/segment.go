package log

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"

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

// fileName is Kafka's: the base offset in 20 digits, so that names sort like numbers.
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
	// indexSlots and timeSlots are how many entries fit into segment.index.bytes.
	indexSlots int
	timeSlots  int
	// jitterMs is drawn once, so that segments of many partitions do not roll at the same time.
	jitterMs  int64
	createdMs int64

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
	// The size in memory stays 0: what is beyond it is zeros, which a recovery after a crash cuts
	// off.
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
	// Kafka dies of such a file, too; it cannot be addressed by the index.
	if info.Size() > math.MaxInt32 {
		return nil, fmt.Errorf("segment %s has %d bytes, more than the %d that its index can address", s.pathLocked(logSuffix), info.Size(), math.MaxInt32)
	}
	s.size.Store(info.Size())
	return s, nil
}

// pathLocked is the path of one of the segment's files, with the suffix that they have now.
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

// closeData lets go of the .log; who reads it keeps it open until he is done.
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
	// end may be older than what the tail remembers: then it is not for this reader.
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
		// Without a time in the records, that of the segment's creation counts, which a restart
		// forgets.
		waited := now - s.createdMs
		if first >= 0 {
			// Record time against record time, as in Kafka: one record with a time far ahead rolls
			// a segment, late ones never do.
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
	// One slot is kept for the entry at the end, see finishTimes.
	return entries >= s.timeSlots-1, err
}

// mayRoll tells whether records that come behind a group may belong to a new segment: shouldRoll
// says it for sure once the group is written.
func (s *Segment) mayRoll(c *configs.Topic, n int, info record.Info, now int64, g *group) (bool, error) {
	roll, err := s.shouldRoll(c, n+int(g.bytes), info.MaxTimestamp, info.LastOffset, now)
	if err != nil || roll {
		return true, err
	}
	entries, err := s.index.Len()
	if err != nil || entries+len(g.buffers) >= s.indexSlots {
		return true, err
	}
	entries, err = s.times.Len()
	return entries+len(g.buffers) >= s.timeSlots-1, err
}

// append writes whole batches at the end and enters them into the indexes. After an error the
// segment is as before, or it returns errBroken in the chain. The new size is not published: the
// caller stores it after its offsets.
func (s *Segment) append(records []byte, info *record.Info) (newSize int64, err error) {
	if s.sinceIndex > s.indexInterval {
		if err := s.prepareIndexes(); err != nil {
			return 0, err
		}
	}
	pos := s.size.Load()
	// Before the write: a flush that comes in between syncs once too often, not once too few.
	s.unsynced.Store(true)
	if _, err := s.data.file.WriteAt(records, pos); err != nil {
		return 0, s.undo(pos, err)
	}
	if err := s.written(records, info, pos); err != nil {
		return 0, err
	}
	return pos + int64(len(records)), nil
}

// appendGroup is append for several records sets, each of which is entered as if it were appended
// alone.
func (s *Segment) appendGroup(g *group) (newSize int64, err error) {
	if err := s.prepareIndexes(); err != nil {
		return 0, err
	}
	pos := s.size.Load()
	s.unsynced.Store(true)
	if _, err := s.data.file.WriteBuffersAt(g.buffers, pos); err != nil {
		return 0, s.undo(pos, err)
	}
	for i := range g.members {
		m := &g.members[i]
		if !m.write {
			continue
		}
		if err := s.written(m.records, &m.info, pos); err != nil {
			return 0, err
		}
		pos += int64(len(m.records))
	}
	return pos, nil
}

// prepareIndexes makes room for the entries of an append, or of a group of them.
func (s *Segment) prepareIndexes() error {
	if err := s.index.Prepare(); err != nil {
		return err
	}
	return s.times.Prepare()
}

// undo cuts off what a write at pos that failed has left.
func (s *Segment) undo(pos int64, err error) error {
	err = fmt.Errorf("append to segment: %w", err)
	if undoErr := s.cut(pos); undoErr != nil {
		return fmt.Errorf("%w: %w: %w", err, errBroken, undoErr)
	}
	return err
}

// written enters what was written at pos into the indexes and what is remembered of the segment. An
// error has errBroken in its chain.
func (s *Segment) written(records []byte, info *record.Info, pos int64) error {
	if largest, _, err := s.largest(); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	} else if info.MaxTimestamp > largest {
		s.maxTimestampOffset.Store(info.OffsetOfMaxTimestamp)
		s.maxTimestamp.Store(info.MaxTimestamp)
	}
	// Of the first append, not of the first batch: Kafka forgets the difference with a restart.
	if pos == 0 {
		s.rollTimestamp.Store(info.MaxTimestamp)
	}
	if s.sinceIndex > s.indexInterval {
		if err := s.addToIndexes(info.LastOffset, pos); err != nil {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
		s.sinceIndex = 0
	}
	s.sinceIndex += len(records)
	s.tail.note(records, pos)
	return nil
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

// addToIndexes adds an entry to each index; the time index gets one only when the largest time has
// grown.
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
	// The batch that is dropped may begin below offset, and its largest time be entered there. Kafka
	// keeps such an entry, and refuses the next append if the log begins again below it.
	first := offset
	if size > 0 {
		b, _, _, err := s.scan(d, pos, pos+int64(size), headerBytes).next(false)
		if err != nil {
			return err
		}
		if b != nil {
			first = min(first, b.BaseOffset())
		}
	}
	if err := s.times.TruncateTo(first); err != nil {
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

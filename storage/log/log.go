package log

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/rank"
	"momus/storage/checkpoint"
	"momus/storage/epoch"
	"momus/storage/index"
	"momus/storage/producer"
	"momus/storage/record"
	"momus/storage/vfs"
)

// Log is the log of one partition. Its methods are safe for concurrent use.
//
// logStartOffset <= lastStableOffset <= highWatermark <= logEndOffset, and recoveryPoint <=
// logEndOffset, hold whenever mu is free.
type Log struct {
	fs  vfs.FS
	tp  model.TopicPartition
	now func() time.Time
	// Set once by newLog; config and dir are what of it can change.
	opts     Options
	logger   *logrus.Entry
	config   atomic.Pointer[configs.Topic]
	dir      atomic.Pointer[string]
	epochs   atomic.Pointer[epoch.Cache] // nil with message formats before 0.11
	flushMu  rank.Mutex[rank.LogFlush]   // one flush at a time
	configMu rank.Mutex[rank.LogConfig]  // one change of config at a time

	// Stored by the holder of mu, loaded by anybody. Readers load in the order given at view.
	segments       atomic.Pointer[segmentList]
	logStartOffset atomic.Int64
	highWatermark  atomic.Int64
	firstUnstable  atomic.Int64 // -1: none
	logEndOffset   atomic.Int64
	recoveryPoint  atomic.Int64
	lastFlush      atomic.Int64 // ms
	bound          atomic.Pointer[boundary]

	mu          rank.Mutex[rank.Log]
	producers   *producer.Manager // guarded by mu, as is all that follows
	policy      record.Policy
	truncations int   // how often data was taken away at the end
	loadedEnd   int64 // log end when it was opened
	synced      int64 // segments below are durable; unlike the recovery point it does not rise with the log start
	dirUnsynced bool  // names in the directory have changed since it was synced
	failed      error // why the log cannot be written any more
	closed      bool

	offline atomic.Pointer[error] // why the log cannot be read either: see unlock; nil while it can
}

// errClosed is what a closed log answers.
var errClosed = errors.New("log is closed")

// TopicPartition is who the log belongs to.
func (l *Log) TopicPartition() model.TopicPartition { return l.tp }

// Dir is the directory.
func (l *Log) Dir() string { return *l.dir.Load() }

// Config is the topic's configuration in force.
func (l *Log) Config() *configs.Topic { return l.config.Load() }

// LogStartOffset is the first offset that may be read.
func (l *Log) LogStartOffset() int64 { return l.logStartOffset.Load() }

// HighWatermark is the offset after the last record that all in-sync replicas have.
func (l *Log) HighWatermark() int64 { return l.highWatermark.Load() }

// LogEndOffset is the offset that the next record gets.
func (l *Log) LogEndOffset() int64 { return l.logEndOffset.Load() }

// RecoveryPoint is the offset below which everything is durable.
func (l *Log) RecoveryPoint() int64 { return l.recoveryPoint.Load() }

// CheckpointPoint is where a recovery after this moment has to begin: what belongs into the recovery
// point checkpoint. It is below the recovery point if the log start has been raised above what is
// durable. Kafka then writes the log start; if power fails before the log start is durable, too, a
// recovery from there would pass over segments that are torn and are read again.
func (l *Log) CheckpointPoint() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checkpointPointLocked()
}

func (l *Log) checkpointPointLocked() int64 { return min(l.synced, l.recoveryPoint.Load()) }

// LastFlush is when the log was flushed last, or opened.
func (l *Log) LastFlush() time.Time { return time.UnixMilli(l.lastFlush.Load()) }

// LastStableOffset is the offset up to which transactions are decided, at most the high watermark
// (KIP-98).
func (l *Log) LastStableOffset() int64 { return l.view().LastStableOffset }

// FirstUnstableOffset is the first offset of the earliest transaction that is open, or whose marker
// is not below the high watermark; false if there is none.
func (l *Log) FirstUnstableOffset() (int64, bool) {
	o := l.firstUnstable.Load()
	return o, o >= 0
}

// ActiveBaseOffset is the base offset of the active segment.
func (l *Log) ActiveBaseOffset() int64 { return l.list().active().base }

// FirstBaseOffset is the base offset of the first segment.
func (l *Log) FirstBaseOffset() int64 { return l.list()[0].base }

// Size is the sum of the sizes of the segments in bytes.
func (l *Log) Size() int64 { return l.list().size() }

// Segments are the present segments in order, the last one being active. The slice must not be
// changed.
func (l *Log) Segments() []*Segment { return l.list() }

// list is the present segments; it has one at least, from the end of Open on.
func (l *Log) list() segmentList { return *l.segments.Load() }

// view loads the offsets so that they are consistent: a transaction that begins below the high
// watermark loaded first is either in firstUnstable, or decided with its end already in the
// transaction index.
func (l *Log) view() ReadResult {
	r := ReadResult{LogStartOffset: l.logStartOffset.Load()}
	r.HighWatermark = max(l.highWatermark.Load(), r.LogStartOffset)
	unstable := l.firstUnstable.Load()
	r.LogEndOffset = max(l.logEndOffset.Load(), r.HighWatermark)
	r.LastStableOffset = r.HighWatermark
	if unstable >= 0 && unstable < r.HighWatermark {
		r.LastStableOffset = max(unstable, r.LogStartOffset)
	}
	return r
}

// UpdateHighWatermark sets the high watermark to o, or to the nearest of [log start, log end], and
// returns it.
func (l *Log) UpdateHighWatermark(o int64) int64 {
	l.mu.Lock()
	defer l.unlock(nil)
	return l.setHighWatermarkLocked(o)
}

// MaybeIncrementHighWatermark raises the high watermark to o, at most to the log end; false if it
// is there already.
func (l *Log) MaybeIncrementHighWatermark(o int64) bool {
	if o <= l.highWatermark.Load() {
		return false
	}
	l.mu.Lock()
	defer l.unlock(nil)
	before := l.highWatermark.Load()
	return o > before && l.setHighWatermarkLocked(o) > before
}

func (l *Log) setHighWatermarkLocked(o int64) int64 {
	o = min(max(o, l.logStartOffset.Load()), l.logEndOffset.Load())
	l.highWatermark.Store(o)
	// Nearly always false, so that raising the high watermark, which every fetch of a follower
	// does, costs next to nothing.
	if l.producers.HasUnreplicated() {
		l.producers.OnHighWatermark(o)
		l.updateFirstUnstableLocked()
	}
	return o
}

// updateFirstUnstableLocked publishes where the earliest undecided transaction begins, which bounds
// read_committed consumers. One that begins below the log start counts from there.
func (l *Log) updateFirstUnstableLocked() {
	first, found := l.producers.FirstUnstableOffset()
	if found {
		first = max(first, l.logStartOffset.Load())
	} else {
		first = -1
	}
	l.firstUnstable.Store(first)
}

// MaybeIncrementLogStartOffset raises the log start offset to o (DeleteRecords, or the leader's):
// high watermark and recovery point are raised with it, what lies before it in epochs and producer
// snapshots goes. No segment is touched. An o above the log end is OFFSET_OUT_OF_RANGE.
func (l *Log) MaybeIncrementLogStartOffset(o int64) error {
	if o <= l.logStartOffset.Load() {
		return nil
	}
	return l.change("raise the log start offset", func() error { return l.raiseLogStartLocked(o) })
}

// raiseLogStartLocked moves the log start up, for DeleteRecords, retention or a leader that did;
// lower values change nothing.
func (l *Log) raiseLogStartLocked(o int64) error {
	if o <= l.logStartOffset.Load() {
		return nil
	}
	if end := l.logEndOffset.Load(); o > end {
		return fmt.Errorf("log start offset %d is above the log end %d: %w", o, end, kerr.OffsetOutOfRange)
	}
	// The high watermark first: readers load the log start before it, and must never find it above.
	if l.highWatermark.Load() < o {
		l.highWatermark.Store(o)
	}
	l.logStartOffset.Store(o)
	if l.recoveryPoint.Load() < o {
		l.recoveryPoint.Store(o)
	}
	if c := l.epochs.Load(); c != nil {
		c.TruncateFromStart(o)
	}
	err := l.producers.TruncateHead(o)
	l.updateFirstUnstableLocked()
	return err
}

// LatestEpoch is the latest leader epoch known; false if none, or if the message format has no
// epochs.
func (l *Log) LatestEpoch() (int32, bool) {
	if c := l.epochs.Load(); c != nil {
		return c.Latest()
	}
	return epoch.Undefined, false
}

// EndOffsetForEpoch answers OffsetForLeaderEpoch (KIP-101, KIP-279): the largest known epoch not
// above e and where it ends; (-1, -1) if that is not known.
func (l *Log) EndOffsetForEpoch(e int32) (epochBefore int32, end int64) {
	if c := l.epochs.Load(); c != nil {
		return c.EndOffset(e, l.logEndOffset.Load())
	}
	return epoch.Undefined, epoch.Undefined
}

// EpochForOffset is the leader epoch of the record at o; false if it is not known.
func (l *Log) EpochForOffset(o int64) (int32, bool) {
	if c := l.epochs.Load(); c != nil {
		return c.ForOffset(o)
	}
	return epoch.Undefined, false
}

// AssignEpochStart notes that leader epoch e begins at the log end, on becoming leader. With
// message formats without epochs it does nothing.
func (l *Log) AssignEpochStart(e int32) error {
	return l.change("assign leader epoch", func() error {
		if c := l.epochs.Load(); c != nil {
			return c.Assign(e, l.logEndOffset.Load())
		}
		return nil
	})
}

// EpochStarts are the leader epochs with their start offsets, in order; the slice must not be
// changed.
func (l *Log) EpochStarts() []checkpoint.Epoch {
	if c := l.epochs.Load(); c != nil {
		return c.Entries()
	}
	return nil
}

// ActiveProducers are copies of what is known of each producer, ordered by id.
func (l *Log) ActiveProducers() []producer.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.producers.Entries()
}

// RemoveExpiredProducers forgets producers that have been idle, by record time, for the expiration
// time.
func (l *Log) RemoveExpiredProducers(now time.Time) {
	l.mu.Lock()
	defer l.unlock(nil)
	l.producers.RemoveExpired(now.UnixMilli())
}

// CollectAborted returns the aborted transactions that overlap [from, to), in the order of their
// markers.
func (l *Log) CollectAborted(from, to int64) ([]index.AbortedTxn, error) {
	all, err := l.list().collectAborted(nil, from, to)
	return all, l.report("read transaction index", err)
}

// collectAborted lists the aborted transactions that touch [from, to), from the indexes of the
// segments.
func (l segmentList) collectAborted(dst []index.AbortedTxn, from, to int64) ([]index.AbortedTxn, error) {
	for _, s := range l[max(l.floor(from), 0):] {
		var done bool
		var err error
		if dst, done, err = s.txns.Collect(dst, from, to); err != nil || done {
			return dst, err
		}
	}
	return dst, nil
}

// UpdateConfig puts another configuration in force. A change of the message format to or from one
// without leader epochs creates or removes the epoch file; any other does not wait for what the log
// is doing, as for a disk that is slow to sync.
func (l *Log) UpdateConfig(c *configs.Topic) error {
	l.configMu.Lock()
	defer l.configMu.Unlock()
	if hasEpochs := l.epochs.Load() != nil; hasEpochs == (c.RecordVersion >= record.Magic2) {
		l.config.Store(c)
		return nil
	}
	return l.change("change configuration", func() error {
		if err := l.openEpochs(c); err != nil {
			return err
		}
		l.config.Store(c)
		return nil
	})
}

// openEpochs makes epochs fit the message format of c.
func (l *Log) openEpochs(c *configs.Topic) error {
	path := filepath.Join(l.Dir(), checkpoint.LeaderEpochFile)
	// Formats before 0.11 have no epochs in their batches: a file would be taken for true by a
	// broker that reads it later.
	if c.RecordVersion < record.Magic2 {
		l.epochs.Store(nil)
		return epoch.Remove(l.fs, path)
	}
	if l.epochs.Load() != nil {
		return nil
	}
	cache, err := epoch.Open(l.fs, path)
	if err == nil {
		l.epochs.Store(cache)
	}
	return err
}

// Rename moves the directory; newDir is the whole new path, next to the old one. The log goes on.
func (l *Log) Rename(newDir string) error {
	return l.report("rename log directory", l.locked(func() error { return l.renameLocked(newDir) }))
}

// renameLocked moves the log's directory; files that are open stay so, and those that are opened
// later are found by the new name.
func (l *Log) renameLocked(newDir string) error {
	if l.closed {
		return errClosed
	}
	old := l.Dir()
	if err := l.fs.Rename(old, newDir); err != nil {
		return err
	}
	l.dir.Store(&newDir)
	l.dirUnsynced = true
	for _, s := range l.list() {
		s.setDir(newDir)
	}
	// Snapshots are found by name each time they are needed.
	l.producers.SetDir(newDir)
	if c := l.epochs.Load(); c != nil {
		c.SetPath(filepath.Join(newDir, checkpoint.LeaderEpochFile))
	}
	l.setSegments(l.list()) // a reader that has met the old name tries again
	return l.fs.SyncDir(filepath.Dir(newDir))
}

// Flush makes everything below upTo durable. Kafka syncs neither directories nor new names; we do,
// so that what counts as flushed survives a power failure.
func (l *Log) Flush(upTo int64) error { return l.flushTogether(upTo, upTo) }

// flushAppended makes everything below end durable, and with it whatever was appended while an
// earlier flush was going on: those who wait for each other share one sync (group commit).
func (l *Log) flushAppended(end int64) error { return l.flushTogether(end, math.MaxInt64) }

// flushTogether flushes up to upTo unless another flush has covered need meanwhile.
func (l *Log) flushTogether(need, upTo int64) error {
	if need <= l.recoveryPoint.Load() {
		return nil
	}
	return l.report("flush", l.flushAlone(need, upTo))
}

// flushAlone lets one flush run at a time; who waited may find that it was done for him.
func (l *Log) flushAlone(need, upTo int64) error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	for need > l.recoveryPoint.Load() {
		dir := l.Dir()
		// A rename between two syncs leaves paths that are gone; the flush is made again with the
		// new ones.
		err := l.flush(upTo)
		if errors.Is(err, fs.ErrNotExist) && l.isClosed() { // deleted meanwhile
			return nil
		}
		if !l.movedFrom(dir, err) {
			return err
		}
	}
	return nil
}

func (l *Log) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// movedFrom tells whether something was not found only because the log was renamed meanwhile.
func (l *Log) movedFrom(dir string, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	l.mu.Lock() // a rename may be half done
	defer l.mu.Unlock()
	return l.Dir() != dir
}

// flush syncs the segments from the recovery point to upTo, without the log's lock, so that appends
// go on. A truncation meanwhile makes its result worthless, which it notices.
func (l *Log) flush(upTo int64) error {
	l.mu.Lock()
	truncations, syncDir := l.truncations, l.dirUnsynced
	upTo = min(upTo, l.logEndOffset.Load())
	// A segment below the log start may still be met by a recovery, which would drop what follows
	// if it were torn.
	list, from := l.list(), l.synced
	closed, failed := l.closed, l.failed
	// Taken before the sync: a name that changes during it sets it again.
	l.dirUnsynced = false
	l.mu.Unlock()
	if closed {
		return nil
	}
	if failed != nil {
		return failed
	}
	active := list.active()
	syncDir, err := l.syncFiles(list.from(from, upTo), active, syncDir)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.dirUnsynced = l.dirUnsynced || syncDir
		// What could not be written the system may count as written from now on: another sync would
		// succeed and say nothing.
		if l.failed == nil && !errors.Is(err, fs.ErrNotExist) {
			l.failed = fmt.Errorf("%w: %w", errBroken, err)
		}
		return err
	}
	if l.truncations == truncations {
		// Rolled meanwhile: the indexes of what was active are still to be synced, so a recovery has
		// to begin there.
		if now := l.list(); now.active().base > active.base {
			upTo = min(upTo, now[now.floor(active.base)+1].base-1)
		}
		l.synced = max(l.synced, upTo)
		l.recoveryPoint.Store(max(l.recoveryPoint.Load(), upTo))
	}
	l.lastFlush.Store(l.nowMs())
	return nil
}

// syncFiles makes segments and the leader epochs durable, then the names in the directory if there is
// need; dirty tells whether there is one, and would be again after an error.
func (l *Log) syncFiles(list segmentList, active *Segment, syncDir bool) (dirty bool, err error) {
	for _, s := range list {
		if err := s.flush(s == active); err != nil && !l.lost(s, err) {
			return syncDir, err
		}
	}
	// A recovery looks for epochs only from the recovery point on.
	if c := l.epochs.Load(); c != nil {
		written, err := c.Save()
		if err != nil {
			return syncDir, err
		}
		syncDir = syncDir || written
	}
	if syncDir {
		if err := l.fs.SyncDir(l.Dir()); err != nil {
			return true, fmt.Errorf("sync log directory: %w", err)
		}
	}
	return false, nil
}

// lost tells whether a segment could not be synced only because it was deleted or replaced
// meanwhile: a sync may take longer than file.delete.delay.ms.
func (l *Log) lost(s *Segment, err error) bool {
	if errors.Is(err, errGone) {
		return true
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	l.mu.Lock() // it may be half renamed
	defer l.mu.Unlock()
	return !slices.Contains(l.list(), s)
}

// Close flushes, writes the producer snapshot at the log end, completes, syncs and closes all
// files. After an error the log directory must not get its marker of a clean stop.
func (l *Log) Close() error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	return l.report("close", l.locked(l.closeLocked))
}

// closeLocked closes the files; a log that has failed gets no snapshot of its producers, so that it
// is recovered.
func (l *Log) closeLocked() error {
	if l.closed {
		return nil
	}
	// Set first, so that a log whose closing fails is not written any more either.
	l.closed = true
	err := l.failed
	if err == nil {
		err = l.finishLocked()
	}
	for _, s := range l.list() {
		s.retire()
	}
	return err
}

// finishLocked brings the files into the state of a clean stop: what is missing is written, then
// all that is not durable is synced.
func (l *Log) finishLocked() error {
	list, end := l.list(), l.logEndOffset.Load()
	if err := l.producers.TakeSnapshot(); err != nil {
		return err
	}
	// An empty state is what is assumed after a clean stop when the snapshot is missing or torn.
	if !l.producers.Empty() {
		synced, err := l.producers.SyncSnapshot()
		if err != nil {
			return err
		}
		l.dirUnsynced = l.dirUnsynced || synced
	}
	if err := list.active().becomeInactive(); err != nil {
		return err
	}
	for _, s := range list.from(l.synced, end+1) { // those before were completed and synced when the next began
		if err := s.flush(false); err != nil {
			return err
		}
	}
	if c := l.epochs.Load(); c != nil {
		written, err := c.Save()
		if err != nil {
			return err
		}
		l.dirUnsynced = l.dirUnsynced || written
	}
	if l.dirUnsynced {
		if err := l.fs.SyncDir(l.Dir()); err != nil {
			return fmt.Errorf("sync log directory: %w", err)
		}
		l.dirUnsynced = false
	}
	l.synced = end
	l.recoveryPoint.Store(end)
	return nil
}

// Untouched tells that nothing was appended or taken away at the end since the log was opened.
func (l *Log) Untouched() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.truncations == 0 && l.logEndOffset.Load() == l.loadedEnd && l.failed == nil
}

// CloseAsItIs makes everything durable and closes the files, without completing them as Close does.
func (l *Log) CloseAsItIs() error {
	err := l.flushAlone(math.MaxInt64, l.LogEndOffset())
	// A flush leaves the indexes of the active segment to the next recovery, of which there will be
	// none.
	if active := l.list().active(); err == nil {
		if err = active.index.SyncWritten(); err == nil {
			err = active.times.SyncWritten()
		}
	}
	l.CloseHandlers()
	return l.report("close", err)
}

// CloseHandlers closes the files without writing anything: the log directory has failed.
func (l *Log) CloseHandlers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, s := range l.list() {
		s.retire()
	}
}

// Delete closes the files and removes the directory.
func (l *Log) Delete() error { return l.report("delete log directory", l.remove()) }

// remove waits for a flush that is going on: it ends with a file of its own, with which the directory
// would not be empty again.
func (l *Log) remove() error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.CloseHandlers()
	return l.fs.RemoveAll(l.Dir())
}

// CloseIdle closes the files of segments that are not active and were not read since t, and gives
// back memory that look-ups took.
func (l *Log) CloseIdle(t time.Time) {
	list := l.list()
	for _, s := range list[:len(list)-1] {
		s.closeIdle(t.UnixMilli())
	}
	// The active segment's file stays open for appends; only memory is given back.
	if active := list.active(); active.lastRead.Load() < t.UnixMilli() {
		active.index.Release()
		active.times.Release()
		active.txns.Release()
	}
}

// DeleteSnapshotsAfterCheckpoint drops producer snapshots that are not needed once the present
// recovery point is in the log directory's checkpoint: all but those of the last two segments and
// from the one before the recovery point on.
func (l *Log) DeleteSnapshotsAfterCheckpoint() (err error) {
	l.mu.Lock()
	defer l.unlock(&err)
	// Snapshots of a log that could not be closed are what its recovery begins with.
	if l.closed && l.failed != nil {
		return nil
	}
	list, point := l.list(), l.checkpointPointLocked()
	keep := list.active().base
	if len(list) > 1 {
		keep = list[len(list)-2].base
	}
	beforePoint := point
	if i := list.floor(point - 1); i >= 0 {
		beforePoint = list[i].base
	}
	keep = min(keep, beforePoint)
	return l.producers.DeleteSnapshots(func(o int64) bool { return o < keep })
}

func (l *Log) nowMs() int64 { return l.now().UnixMilli() }

// usableLocked is why the log cannot be written: it is closed, or has failed before.
func (l *Log) usableLocked() error {
	switch {
	case l.closed:
		return fmt.Errorf("%w: %w", errClosed, kerr.KafkaStorageError)
	case l.failed != nil:
		return l.failed
	}
	return nil
}

// report gives an I/O error its Kafka code and context, and tells the owner of the log directory.
// mu must not be held.
func (l *Log) report(what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %s: %w", l.tp, what, err)
	if !isIO(err) {
		return err
	}
	if !errors.Is(err, kerr.KafkaStorageError) {
		err = fmt.Errorf("%w: %w", kerr.KafkaStorageError, err)
	}
	if l.opts.OnIOError != nil {
		l.opts.OnIOError(err)
	}
	return err
}

// isIO tells errors of the disk from those of a request.
func isIO(err error) bool {
	var path *fs.PathError
	var link *os.LinkError
	var errno syscall.Errno
	return errors.As(err, &path) || errors.As(err, &link) || errors.As(err, &errno) || errors.Is(err, errBroken) ||
		errors.Is(err, io.ErrShortWrite) || errors.Is(err, io.ErrUnexpectedEOF)
}

// isDeleteDir tells whether dir is that of a partition waiting for its removal.
func isDeleteDir(dir string) bool { return strings.HasSuffix(dir, "-delete") }

package log

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"momus/internal/silent"
	"momus/storage/checkpoint"
	"momus/storage/epoch"
	"momus/storage/producer"
	"momus/storage/record"
	"momus/storage/vfs"
)

// defaultProducerExpiration is the default of transactional.id.expiration.ms.
const defaultProducerExpiration = 7 * 24 * time.Hour

// Open loads the log in o.Dir, creating the directory if it is missing and recovering the log if
// the last stop was not clean. A malformed leader-epoch file is a *checkpoint.FormatError.
func Open(o Options) (*Log, error) {
	l := newLog(o)
	if err := l.load(); err != nil {
		if list := l.segments.Load(); list != nil {
			// Nothing is written: the next attempt finds what this one found.
			for _, s := range *list {
				s.retire()
			}
		}
		return nil, l.report("open", err)
	}
	return l, nil
}

// newLog is a log with its settings and nothing loaded.
func newLog(o Options) *Log {
	l := &Log{fs: o.FS, tp: o.TopicPartition, now: o.Now, logger: o.Logger}
	if l.fs == nil {
		l.fs = vfs.OS{}
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.logger == nil {
		l.logger = silent.Logger()
	}
	l.logger = l.logger.WithFields(logrus.Fields{"topic": o.TopicPartition.Topic, "partition": o.TopicPartition.Partition})
	if o.ProducerExpirationMs == 0 {
		o.ProducerExpirationMs = defaultProducerExpiration.Milliseconds()
	}
	l.opts = o
	l.dir.Store(&o.Dir)
	l.config.Store(o.Config)
	l.policy = record.Policy{TopicPartition: o.TopicPartition, ZstdAllowed: !o.RefuseZstd}
	l.firstUnstable.Store(-1)
	l.logStartOffset.Store(o.LogStartOffset)
	l.highWatermark.Store(o.LogStartOffset)
	l.recoveryPoint.Store(o.RecoveryPoint)
	l.lastFlush.Store(l.nowMs())
	l.setSegments(nil)
	return l
}

// errOverflow says that a batch lies beyond what the index of its segment can address.
var errOverflow = errors.New("offset exceeds the range of its segment")

// overflowError names the segment to be split.
type overflowError struct{ segment *Segment }

func (e *overflowError) Error() string { return errOverflow.Error() }
func (e *overflowError) Unwrap() error { return errOverflow }

// fits reports whether an index entry, 32 bits relative to the base, can hold the offset.
func fits(base, offset int64) bool { return offset >= base && offset-base <= math.MaxInt32 }

// loader does what Open needs only once.
type loader struct {
	*Log
	snapshots []int64    // offsets of the snapshot files
	swaps     []swapFile // finished outputs of a cleaning or split
	scanned   int64      // bytes
	// unsynced tells that what was recovered is whole, and is made durable when the log is in use
	// already. Until then the recovery point is scannedFrom, the base of the first segment that was
	// scanned: the checkpoint may be above what another process has appended since.
	unsynced    bool
	scannedFrom int64
}

// recoveredSyncDelay is how long what was recovered stays as durable as it was before the crash.
// All logs of a broker are synced then; at once it would be while clients come back.
const recoveredSyncDelay = 10 * time.Second

type swapFile struct {
	base    int64
	hasTxns bool
}

// load reads the directory: what a crash left half done (temporary files, splits, swaps) is
// completed or dropped before segments are recovered.
func (l *Log) load() error {
	if err := l.fs.MkdirAll(l.Dir()); err != nil {
		return err
	}
	ld := &loader{Log: l}
	if err := ld.openEpochs(); err != nil {
		return err
	}
	// Before any segment is opened: an index beside a .swap may belong to the old content.
	if err := ld.cleanTemporaryFiles(); err != nil {
		return err
	}
	if err := ld.splitting(ld.loadSegments); err != nil {
		return err
	}
	if err := ld.splitting(ld.completeSwaps); err != nil {
		return err
	}
	var end int64
	// It is only opened to be removed. Recovering it would cost time for nothing.
	if isDeleteDir(l.Dir()) {
		if len(l.list()) == 0 {
			if err := ld.create(0); err != nil {
				return err
			}
		}
	} else {
		if err := ld.splitting(ld.recover); err != nil {
			return err
		}
		var err error
		if end, err = ld.settle(); err != nil {
			return err
		}
	}
	if err := ld.finish(end); err != nil || !ld.unsynced {
		return err
	}
	l.after(recoveredSyncDelay, func() { l.Flush(end) }) // an error is reported by it
	return nil
}

// openEpochs opens the list of leader epochs. Until its first sync the file may be torn by a power
// failure; the epochs are then looked for in all batches. After a clean stop a malformed file is an
// error, as it always is in Kafka.
func (ld *loader) openEpochs() error {
	err := ld.Log.openEpochs(ld.opts.Config)
	if c := ld.epochs.Load(); c != nil && !ld.opts.Clean {
		c.Doubt()
	}
	var format *checkpoint.FormatError
	if !errors.As(err, &format) || ld.opts.Clean && !isDeleteDir(ld.Dir()) { // nobody needs the epochs of what is to be deleted
		return err
	}
	ld.logger.WithError(err).Warn("leader epochs cannot be read; recovering the whole log to find them")
	ld.epochs.Store(epoch.Anew(ld.fs, format.Path))
	// Epochs are in the batches, so that the file can be made anew from all of them.
	ld.recoveryPoint.Store(0)
	return nil
}

// splitting runs a step, splitting segments whose offsets overflow and starting again with loading
// them.
func (ld *loader) splitting(step func() error) error {
	for {
		err := step()
		var overflow *overflowError
		if !errors.As(err, &overflow) {
			return err
		}
		ld.unsynced = false
		if err := ld.splitLocked(overflow.segment); err != nil {
			return err
		}
		for _, s := range ld.list() {
			s.retire()
		}
		if err := ld.loadSegments(); err != nil {
			return err
		}
	}
}

// parseSegmentFile splits the name of a segment file: base offset, kind (.log, .index …), suffix
// (.swap …). ok is false for other names.
func parseSegmentFile(name string) (base int64, kind, suffix string, ok bool) {
	digits, rest, found := strings.Cut(name, ".")
	if !found {
		return 0, "", "", false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || base < 0 {
		return 0, "", "", false
	}
	rest = "." + rest
	for _, kind := range segmentSuffixes {
		if suffix, ok := strings.CutPrefix(rest, kind); ok {
			switch suffix {
			case "", deletedSuffix, cleanedSuffix, swapSuffix:
				return base, kind, suffix, true
			}
		}
	}
	return 0, "", "", false
}

// remove removes a file of the log's directory, which may have gone already.
func (ld *loader) remove(name string) error {
	err := ld.fs.Remove(filepath.Join(ld.Dir(), name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	ld.dirUnsynced = true
	return err
}

// removeAll removes files of the log's directory.
func (ld *loader) removeAll(names []string) error {
	for _, name := range names {
		if err := ld.remove(name); err != nil {
			return err
		}
	}
	return nil
}

// removeIndexes removes the three indexes of a segment, but not its .log: they can be rebuilt.
func (ld *loader) removeIndexes(base int64, suffix string) error {
	var names []string
	for _, kind := range segmentSuffixes[1:] {
		names = append(names, fileName(base, kind)+suffix)
	}
	return ld.removeAll(names)
}

// cleanTemporaryFiles removes what unfinished deletions, cleanings and splits left, and notes
// finished outputs (.swap).
func (ld *loader) cleanTemporaryFiles() error {
	entries, err := ld.fs.ReadDir(ld.Dir())
	if err != nil {
		return err
	}
	var cleaned, swapIndexes []string
	firstCleaned := int64(math.MaxInt64)
	swapTxns := map[int64]bool{}
	for _, e := range entries {
		name := e.Name()
		base, kind, suffix, ok := parseSegmentFile(name)
		switch {
		case e.IsDir():
			continue
		// Its delayed removal was dropped by a stop. Other names with this suffix go too, as in
		// Kafka.
		case strings.HasSuffix(name, deletedSuffix):
			err = ld.remove(name)
		case !ok:
			continue
		case suffix == cleanedSuffix:
			cleaned = append(cleaned, name)
			firstCleaned = min(firstCleaned, base)
		case suffix == swapSuffix:
			if kind == logSuffix {
				ld.swaps = append(ld.swaps, swapFile{base: base})
			}
			if kind != logSuffix {
				swapIndexes = append(swapIndexes, name)
			}
			if kind == txnSuffix {
				swapTxns[base] = true
			}
			// The .swap is about to take the place of the segment under this base, whose indexes
			// describe other bytes.
			err = ld.removeIndexes(base, "")
		}
		if err != nil {
			return err
		}
	}
	valid := ld.swaps[:0]
	for _, s := range ld.swaps {
		if s.base < firstCleaned {
			s.hasTxns = swapTxns[s.base]
			valid = append(valid, s)
			continue
		}
		// An interrupted split: the old segment is still there.
		if err := ld.removeIndexes(s.base, swapSuffix); err != nil {
			return err
		}
		if err := ld.remove(fileName(s.base, logSuffix) + swapSuffix); err != nil {
			return err
		}
	}
	ld.swaps = valid
	for _, name := range swapIndexes {
		base, _, _, _ := parseSegmentFile(name)
		// Without its .log, which has been renamed already, it is of no use. Kafka leaves it, and
		// rebuilds the index at every load.
		if !slices.ContainsFunc(valid, func(s swapFile) bool { return s.base == base }) {
			cleaned = append(cleaned, name)
		}
	}
	return ld.removeAll(cleaned)
}

// loadSegments opens the segments that are there. A segment without offset index, or with a bad
// transaction index, is recovered.
func (ld *loader) loadSegments() error {
	entries, err := ld.fs.ReadDir(ld.Dir())
	if err != nil {
		return err
	}
	ld.setSegments(nil)
	// Reading again after a split must not find what the first reading has collected.
	ld.snapshots = nil
	files := map[string]bool{}
	var bases []int64
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if o, ok := producer.SnapshotOffset(e.Name()); ok {
			ld.snapshots = append(ld.snapshots, o)
			continue
		}
		base, kind, suffix, ok := parseSegmentFile(e.Name())
		if !ok || suffix != "" {
			continue
		}
		files[e.Name()] = true
		if kind == logSuffix {
			bases = append(bases, base)
		}
	}
	for name := range files {
		base, kind, _, _ := parseSegmentFile(name)
		if kind != logSuffix && !files[fileName(base, logSuffix)] {
			ld.logger.WithField("file", name).Warn("removed index file without segment")
			if err := ld.remove(name); err != nil {
				return err
			}
		}
	}
	slices.Sort(bases)
	// Those that recover is about to recover wait for it: the segments before them may be torn, and
	// cannot be read yet for what they tell of producers.
	recoveredLater := func(int64) bool { return isDeleteDir(ld.Dir()) } // and those are never
	if !ld.opts.Clean && !isDeleteDir(ld.Dir()) && len(bases) > 0 {
		first := bases[0]
		for _, base := range bases {
			if base <= ld.recoveryPoint.Load() {
				first = base
			}
		}
		recoveredLater = func(base int64) bool { return base >= first }
	}
	for _, base := range bases {
		s, err := loadSegment(ld.fs, ld.Dir(), base, "", ld.opts.Config, ld.nowMs(), files[fileName(base, txnSuffix)])
		if err != nil {
			return err
		}
		// As in Kafka an empty one, without a recovery: searches by time then use the modification
		// time.
		if !files[fileName(base, timeSuffix)] {
			if err := s.times.Create(); err != nil {
				return err
			}
		}
		reason := ""
		if !files[fileName(base, indexSuffix)] {
			reason = "offset index is missing"
		} else if s.txns.Exists() && !s.txns.Sane() {
			reason = "transaction index is bad"
		}
		if reason != "" && !recoveredLater(base) {
			ld.logger.WithField("segment", base).WithField("reason", reason).Warn("recovered segment")
			if err := ld.recoverAlone(s); err != nil {
				return err
			}
		}
		ld.setSegments(ld.list().with(s))
	}
	return nil
}

// completeSwaps puts finished outputs into the place of the segments they were made from.
func (ld *loader) completeSwaps() error {
	// Each is taken off the list only when it is done, so that a split in between, which starts
	// again, goes on with the rest.
	for len(ld.swaps) > 0 {
		swap := ld.swaps[0]
		s, err := loadSegment(ld.fs, ld.Dir(), swap.base, swapSuffix, ld.opts.Config, ld.nowMs(), swap.hasTxns)
		if err != nil {
			return err
		}
		ld.logger.WithField("segment", swap.base).Info("completed interrupted swap of segment")
		// As in Kafka: whoever made it may not have synced its indexes.
		if _, err := ld.recoverSegment(s, false); err != nil {
			return err
		}
		end, err := s.nextOffset()
		if err != nil {
			return err
		}
		var old []*Segment
		for _, candidate := range ld.list().from(s.base, end) {
			next, err := candidate.nextOffset()
			if err != nil {
				return err
			}
			if next > s.base {
				old = append(old, candidate)
			}
		}
		if err := ld.replaceLocked([]*Segment{s}, old); err != nil {
			return err
		}
		ld.swaps = ld.swaps[1:]
	}
	return nil
}

// create makes the first segment of a log that has none.
func (ld *loader) create(base int64) error {
	s, err := createSegment(ld.fs, ld.Dir(), base, "", ld.opts.Config, ld.nowMs())
	if err != nil {
		return err
	}
	ld.dirUnsynced = true
	ld.setSegments(ld.list().with(s))
	return nil
}

// settle finds the log end, and starts again at the log start offset if the log ends before it.
func (ld *loader) settle() (end int64, err error) {
	if list := ld.list(); len(list) > 0 {
		if end, err = list.active().nextOffset(); err != nil {
			return 0, err
		}
		// As when DeleteRecords has moved the start beyond what survived a crash: what is left must
		// not be read again.
		if end < ld.logStartOffset.Load() {
			ld.unsynced = false
			ld.logger.WithFields(logrus.Fields{"end": end, "log_start": ld.logStartOffset.Load()}).Warn("deleted all segments: they end before the log start offset")
			if err := ld.deleteSegmentsLocked(list, nil); err != nil {
				return 0, err
			}
			ld.setSegments(nil)
		}
	}
	if len(ld.list()) == 0 {
		ld.unsynced = false
		end = ld.logStartOffset.Load()
		if err := ld.create(end); err != nil {
			return 0, err
		}
	}
	ld.synced = end
	if ld.unsynced {
		ld.synced = min(end, ld.scannedFrom)
	}
	ld.recoveryPoint.Store(ld.synced)
	return end, nil
}

// finish sets the offsets, cuts the epoch list to them, and loads the producer state.
func (ld *loader) finish(end int64) error {
	list := ld.list()
	if d, err := list.active().acquire(); err != nil { // appends need it open
		return err
	} else {
		d.release()
	}
	ld.logEndOffset.Store(end)
	ld.loadedEnd = end
	start := max(ld.logStartOffset.Load(), list[0].base)
	ld.logStartOffset.Store(start)
	// The owner sets it from its checkpoint when the partition is hosted; until then nothing is
	// served.
	ld.highWatermark.Store(start)
	ld.recoveryPoint.Store(max(ld.recoveryPoint.Load(), start))
	if epochs := ld.epochs.Load(); epochs != nil {
		epochs.Loaded(end)
		epochs.TruncateFromStart(start)
		if !ld.opts.Clean && !ld.unsynced { // the recovery point is the log end now
			written, err := epochs.Save()
			if err != nil {
				return err
			}
			ld.dirUnsynced = ld.dirUnsynced || written
		}
	}
	ld.producers = producer.NewManager(ld.fs, ld.Dir(), ld.opts.ProducerExpirationMs, ld.snapshots)
	if !ld.opts.Clean {
		ld.producers.Doubt()
	}
	ld.producers.Admit, ld.producers.History = ld.opts.AdmitTransaction, ld.batchesBefore
	ld.producers.Damaged = func(file string, err error) {
		ld.logger.WithField("file", file).WithError(err).Warn("passed over a damaged producer snapshot; the log tells what it held")
	}
	if err := ld.rebuildProducers(ld.producers, list, end, ld.opts.Clean); err != nil {
		return err
	}
	ld.updateFirstUnstableLocked()
	for _, s := range list { // what was mapped for loading is not needed at once again
		s.index.Release()
	}
	if !ld.dirUnsynced || ld.opts.Clean || ld.unsynced {
		return nil
	}
	ld.dirUnsynced = false
	if err := ld.fs.SyncDir(ld.Dir()); err != nil {
		return fmt.Errorf("sync log directory: %w", err)
	}
	return nil
}

package logdir

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"momus/internal/bell"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/checkpoint"
	"momus/storage/log"
	"momus/storage/vfs"
)

// Open creates, locks and loads the log directories, all in parallel, and recovers the logs of
// those that were not stopped cleanly. A directory that cannot be used is offline afterwards;
// ErrNoLiveDir if that is true of all. Other errors are such that the broker must not start: a
// directory in use by another broker, a directory that is no partition, a partition that is there
// twice.
func Open(ctx context.Context, o Options) (*Manager, error) {
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Manager{opts: o, fs: o.FS, now: o.Now, logger: o.Logger}
	m.mu.current = map[model.TopicPartition]*log.Log{}
	m.mu.future = map[model.TopicPartition]*log.Log{}
	m.mu.creating = map[model.TopicPartition]*creation{}
	m.mu.deleting = map[*log.Log]struct{}{}
	m.mu.preferred = map[model.TopicPartition]string{}
	m.tasks = newScheduler(int(o.Settings().BackgroundThreads))
	m.failures = make(chan *dir, len(o.Dirs))
	m.panicked.ready = bell.New()
	seen := map[string]string{}
	for _, path := range o.Dirs {
		d := &dir{path: clean(path)}
		d.files.written = map[string]map[model.TopicPartition]int64{}
		// Two paths to one directory would fight for its lock, or worse, see the same logs twice.
		canonical := d.path
		if p, err := filepath.EvalSymlinks(d.path); err == nil && o.FS == (vfs.OS{}) {
			canonical = p
		}
		if other, ok := seen[canonical]; ok {
			return nil, fmt.Errorf("log.dirs names the same directory twice: %s and %s", other, path)
		}
		seen[canonical] = path
		m.dirs = append(m.dirs, d)
	}
	if err := m.prepare(); err != nil {
		// Locks that were taken before the one that failed are given back: the caller may try
		// again.
		m.unlock()
		return nil, err
	}
	if err := m.load(ctx); err != nil {
		for _, l := range m.everything() {
			l.CloseHandlers()
		}
		m.unlock()
		return nil, err
	}
	return m, m.anyLive()
}

// anyLive is ErrNoLiveDir with all reasons when no directory is usable.
func (m *Manager) anyLive() error {
	if m.anyOnline() {
		return nil
	}
	m.unlock()
	return m.noLiveDir("")
}

func (m *Manager) anyOnline() bool { return slices.ContainsFunc(m.dirs, (*dir).online) }

// prepare creates and locks the directories.
func (m *Manager) prepare() error {
	for _, d := range m.dirs {
		if err := m.opts.Offline[d.path]; err != nil {
			m.fail(d, err)
			continue
		}
		if err := m.fs.MkdirAll(d.path); err != nil {
			m.fail(d, err)
			continue
		}
		if info, err := m.fs.Stat(d.path); err != nil || !info.IsDir() {
			if err == nil {
				err = fmt.Errorf("%s is a file, not a directory", d.path)
			}
			m.fail(d, err)
			continue
		}
		lock, err := m.fs.Lock(filepath.Join(d.path, checkpoint.LockFile))
		switch {
		// This is an error of the operator, not of the disk: to go on without the directory would
		// lead to a broker that has lost its logs, as far as the controller can see.
		case errors.Is(err, vfs.ErrLocked):
			return fmt.Errorf("log.dirs: %s is in use by another broker (it holds the lock on %s): stop that broker, or give this one its own directory",
				d.path, filepath.Join(d.path, checkpoint.LockFile))
		case err != nil:
			m.fail(d, err)
		default:
			d.lock = lock
			m.fs.Scatter(d.path)
		}
	}
	return nil
}

// explain adds to an error of the disk what a person can do about it.
func explain(err error) error {
	var format *checkpoint.FormatError
	switch {
	case errors.As(err, &format):
		return fmt.Errorf("%w (%s)", err, remedy(filepath.Base(format.Path)))
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w (the broker runs as user %d and must be able to write there: chown the directory, or mount the volume for that user)", err, os.Getuid())
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w (the disk is full: free space on it, or lower log.retention.bytes or log.retention.ms, and restart the broker)", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w (the file system is mounted read-only)", err)
	}
	return err
}

// remedy says what to do about a small file that cannot be read: all but meta.properties can be
// done without.
func remedy(file string) string {
	const remove = "move the file away or delete it, and restart the broker: "
	switch file {
	case checkpoint.RecoveryPointFile:
		return remove + "unless the last stop was clean, the logs of the directory are then recovered from their starts"
	case checkpoint.LogStartFile:
		return remove + "records that DeleteRecords had removed may be seen again"
	case checkpoint.HighWatermarkFile:
		return remove + "the high watermarks are then learned from the leaders"
	case checkpoint.LeaderEpochFile:
		return remove + "the leader epochs of that partition then begin anew"
	case checkpoint.CleanerFile:
		return remove + "compaction then begins at the starts of the logs"
	case checkpoint.MetaFile:
		return "write version=0, broker.id and cluster.id into it by hand, as other brokers of the cluster have them, or delete it if they are configured"
	}
	return remove + "it is made anew"
}

func (m *Manager) unlock() {
	for _, d := range m.dirs {
		if d.lock != nil {
			d.lock.Close()
			d.lock = nil
		}
	}
}

// isIOError tells whether an error is one of the disk, which takes the directory offline, or one
// that stops the broker.
func isIOError(err error) bool {
	var format *checkpoint.FormatError
	if errors.As(err, &format) {
		// A leader-epoch-checkpoint that cannot be read stops the start, any other checkpoint costs
		// its directory; see FormatError.
		return !format.Fatal
	}
	return kerr.Of(err) == kerr.KafkaStorageError
}

// load loads all directories at the same time.
func (m *Manager) load(ctx context.Context) error {
	start := m.now()
	g, ctx := errgroup.WithContext(ctx)
	for _, d := range m.dirs {
		if d.online() {
			g.Go(func() error { return m.loadDir(ctx, d) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, d := range m.dirs {
		if !d.online() {
			for _, l := range m.forget(d) { // nobody else knows of them
				l.CloseHandlers()
			}
		}
		if !d.online() {
			continue
		}
		stale := m.dropStale(d)
		// The checkpoint must not be above what is durable when the logs are written: a roll at its
		// offset would hide what was recovered from the next recovery.
		if stale || d.lowered.Load() {
			m.writeRecoveryPoints(d)
		}
		if stale {
			m.writeLogStarts(d)
		}
	}
	m.logger.WithFields(logrus.Fields{"logs": len(m.All()), "took": m.now().Sub(start).String()}).Info("loaded logs")
	return nil
}

// dropStale drops what a directory's checkpoints have of logs that are not there, as a crash right
// after a deletion leaves it: it must not be taken for that of logs that are created under the same
// names. It tells whether the files of recovery points and log starts have such entries.
func (m *Manager) dropStale(d *dir) (stale bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	gone := func(tp model.TopicPartition) bool {
		here := func(l *log.Log) bool { return l != nil && DirOf(l) == d.path }
		return !here(m.mu.current[tp]) && !here(m.mu.future[tp])
	}
	maps.DeleteFunc(d.files.highWatermarks, func(tp model.TopicPartition, _ int64) bool { return gone(tp) })
	stale = slices.ContainsFunc(d.loaded, gone)
	d.loaded = nil
	return stale
}

// loader loads one directory.
type loader struct {
	m              *Manager
	d              *dir
	recoveryPoints map[model.TopicPartition]int64
	logStarts      map[model.TopicPartition]int64
	// total and done are of partition directories, for report only.
	total    int
	done     atomic.Int64
	progress struct {
		sync.Mutex
		last time.Time
	}
}

// loadDir loads the logs of a directory with num.recovery.threads.per.data.dir goroutines.
// loadDir runs before Manager is known to anybody else, so that the directory's fields need no
// lock.
func (m *Manager) loadDir(ctx context.Context, d *dir) error {
	ld := &loader{m: m, d: d}
	var err error
	// An error is one of the disk: the directory is offline, and the others go on.
	if d.clean, err = checkpoint.HasCleanShutdown(m.fs, d.path); err != nil {
		m.fail(d, err)
		return nil
	}
	read := func(file string) map[model.TopicPartition]int64 {
		offsets, err := checkpoint.ReadOffsets(m.fs, filepath.Join(d.path, file))
		if err != nil {
			m.logger.WithField("dir", d.path).WithError(err).Warn("checkpoint is not readable; the directory is offline")
			m.fail(d, err)
		}
		return offsets
	}
	ld.recoveryPoints = read(checkpoint.RecoveryPointFile)
	ld.logStarts = read(checkpoint.LogStartFile)
	d.files.highWatermarks = read(checkpoint.HighWatermarkFile)
	// Kafka loads the logs all the same. Recovered from their starts they would have indexes that are
	// not made durable, and that the checkpoint, if it can be read again, says are.
	if !d.online() {
		checkpoint.RemoveCleanShutdown(m.fs, d.path) // an offline directory has none
		return nil
	}
	d.loaded = slices.AppendSeq(slices.Collect(maps.Keys(ld.recoveryPoints)), maps.Keys(ld.logStarts))
	entries, err := m.fs.ReadDir(d.path)
	if err != nil {
		m.fail(d, err)
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
		d.used = d.used || e.IsDir() || e.Name() == checkpoint.MetaFile
	}
	ld.total = len(names)
	if !d.clean && len(names) > 0 {
		m.logger.WithFields(logrus.Fields{"dir": d.path, "logs": len(names)}).Info("directory was not stopped cleanly; recovering its logs")
		// A recovery changes indexes in place, from the recovery points on that were read. They must
		// not be others if power fails meanwhile: whoever wrote them may have died before the file had
		// its name for good.
		if err := m.fs.SyncDir(d.path); err != nil {
			m.fail(d, err)
			return nil
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, int(m.opts.Settings().RecoveryThreadsPerDir)))
	for _, name := range names {
		tp, k, err := parseName(name)
		if err != nil {
			g.Wait()
			return fmt.Errorf("log.dirs: %s is no partition directory; move it out of the log directory (or use a subdirectory of the volume as log directory): %w",
				filepath.Join(d.path, name), err)
		}
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return ld.loadLog(name, tp, k)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	// Only now, as in Kafka: until all logs are open a crash leaves the marker, and it is still
	// true.
	if err := checkpoint.RemoveCleanShutdown(m.fs, d.path); err != nil {
		m.fail(d, err)
	}
	return nil
}

// loadLog loads one partition directory.
func (ld *loader) loadLog(name string, tp model.TopicPartition, k kind) error {
	m, d := ld.m, ld.d
	path := filepath.Join(d.path, name)
	o := m.logOptions(d, tp, path, m.opts.TopicConfig(tp.Topic))
	o.LogStartOffset, o.RecoveryPoint, o.Clean = ld.logStarts[tp], ld.recoveryPoints[tp], d.clean
	o.OnRecovery = func(done, total int, bytes int64) { ld.report(name, done, total, bytes) }
	l, err := log.Open(o)
	if err != nil {
		err = fmt.Errorf("load %s: %w", path, err)
		if isIOError(err) {
			m.fail(d, err)
			return nil
		}
		return explain(err)
	}
	ld.done.Add(1)
	if l.CheckpointPoint() < o.RecoveryPoint {
		d.lowered.Store(true)
	}
	// The copy goes on from the end of what is left; its original is complete.
	if k == future && !d.clean {
		if err := dropUnflushed(l, o.RecoveryPoint); err != nil {
			l.CloseHandlers()
			if isIOError(err) {
				m.fail(d, err)
				return nil
			}
			return err
		}
	}
	m.mu.Lock()
	var other *log.Log
	switch k {
	case current:
		if other = m.mu.current[tp]; other == nil {
			m.mu.current[tp] = l
		}
	case future:
		if other = m.mu.future[tp]; other == nil {
			m.mu.future[tp] = l
		}
	// It was loaded like a log only to be deleted: its delay begins anew, as in Kafka.
	case deleting:
		m.mu.deleting[l] = struct{}{}
	}
	m.mu.Unlock()
	if other != nil {
		return ld.twice(k, other, l)
	}
	if k == deleting {
		m.deleteLater(d, l)
	}
	return nil
}

// dropUnflushed cuts a copy back to what is certain. After a power failure a segment may end early
// although the next one is there; the original has it all.
func dropUnflushed(l *log.Log, recoveryPoint int64) error {
	if err := l.TruncateTo(max(recoveryPoint, l.LogStartOffset())); err != nil || l.Size() > 0 {
		return err
	}
	return l.TruncateFullyAndStartAt(l.LogEndOffset()) // may lie inside a batch: only the start of a log can
}

// twice handles a second log of a partition. Apache Kafka never starts then.
func (ld *loader) twice(k kind, other, l *log.Log) error {
	m, tp := ld.m, l.TopicPartition()
	m.create.Lock()
	defer m.create.Unlock()
	keep, drop, same, err := keepOne(other, l)
	if err != nil {
		l.CloseHandlers()
		return err
	}
	// Two copies of a move are never finished ones, and two logs that differ may each have records
	// that are nowhere else: a person must decide.
	if k != current || !same {
		l.CloseHandlers()
		return fmt.Errorf("%s is in two log directories, and they differ: %s and %s; remove the one that is not current", tp, other.Dir(), l.Dir())
	}
	m.logger.WithFields(logrus.Fields{"topic": tp.Topic, "partition": tp.Partition, "dir": keep.Dir(), "removed": drop.Dir()}).
		Warn("partition was in two log directories with the same records, as a crash at the end of a move leaves it")
	m.mu.Lock()
	m.mu.current[tp] = keep
	m.mu.deleting[drop] = struct{}{}
	m.mu.Unlock()
	return m.retire(m.dir(DirOf(drop)), drop, false)
}

// progressInterval is how often a long recovery says how far it is.
const progressInterval = 5 * time.Second

// report logs how far recovery is, once in a while: it may take minutes after a crash.
func (ld *loader) report(name string, done, total int, bytes int64) {
	ld.progress.Lock()
	defer ld.progress.Unlock()
	now := ld.m.now()
	if ld.progress.last.IsZero() {
		ld.progress.last = now
	}
	if now.Sub(ld.progress.last) < progressInterval {
		return
	}
	ld.progress.last = now
	ld.m.logger.WithFields(logrus.Fields{"dir": ld.d.path, "log": name, "segments": done, "of_segments": total, "bytes": bytes,
		"logs_done": ld.done.Load(), "of_logs": ld.total}).Info("recovering logs")
}

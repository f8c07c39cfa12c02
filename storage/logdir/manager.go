// Package logdir runs the log directories of a broker (Kafka's LogManager): it locks them, loads
// the logs in them, creates, moves and deletes logs, writes their checkpoints, applies retention,
// and takes a directory offline when its disk fails.
//
// Life: ReadIdentity and Identity.Check, Open, WriteMeta once the broker is registered, Run until
// the broker stops, Close. Lock order: Manager.create, dir.files, Manager.mu. Manager.mu is never
// held during I/O.
package logdir

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/rank"
	"momus/internal/release"
	"momus/storage/log"
	"momus/storage/vfs"
)

// ErrNoLiveDir means that no log directory is usable (any more): the broker has to stop with status
// 1.
var ErrNoLiveDir = errors.New("no usable log directory is left")

// noLiveDir is ErrNoLiveDir with what has become of each directory.
type noLiveDir struct {
	note    string // why one failed directory is too many; may be ""
	dirs    []string
	reasons []error
}

func (e *noLiveDir) Error() string {
	var b strings.Builder
	b.WriteString(ErrNoLiveDir.Error() + e.note + ":")
	for i, dir := range e.dirs {
		fmt.Fprintf(&b, "\n  %s: %v", dir, explain(e.reasons[i]))
	}
	return b.String()
}

// Unwrap gives the reasons too, so that a full disk is known as one.
func (e *noLiveDir) Unwrap() []error { return append([]error{ErrNoLiveDir}, e.reasons...) }

// Cleaner is what compaction wants to know about logs. Nil methods do not exist: a Manager without
// cleaner calls none.
type Cleaner interface {
	// AbortAndPause ends a cleaning of tp that is running and starts none until Resume. It blocks
	// until the cleaning has ended.
	AbortAndPause(tp model.TopicPartition)
	Resume(tp model.TopicPartition)
	// Truncated tells that the log was cut to offset; Deleted that it is gone; Moved that its
	// directory is another one.
	Truncated(dir string, tp model.TopicPartition, offset int64)
	Deleted(dir string, tp model.TopicPartition)
	Moved(tp model.TopicPartition, from, to string)
}

// Options configure a Manager.
type Options struct {
	FS   vfs.FS   // nil: the operating system's
	Dirs []string // log.dirs, in order
	// Settings are the broker's as they are now, TopicConfig is the configuration of a topic (the
	// broker's defaults for one it does not know).
	Settings    func() Settings
	TopicConfig func(topic string) *configs.Topic
	// Offline are directories that are known to be unusable, from Identity.
	Offline map[string]error
	Logger  *logrus.Entry
	Journal *journal.Journal // for the logs; may be nil
	Now     func() time.Time // nil: time.Now
}

// Manager owns the log directories and the logs in them. All methods are safe for concurrent use.
type Manager struct {
	opts   Options
	fs     vfs.FS
	now    func() time.Time
	logger *logrus.Entry
	dirs   []*dir // in configured order; never changes

	// admit is nil until AdmitTransactions is called, when everything is admitted: logs are open
	// before the coordinator exists.
	admit    atomic.Pointer[func(tp model.TopicPartition, producerID int64, epoch int16) error]
	tasks    *scheduler
	failures chan *dir // capacity: one for each directory, as each fails once
	panicked panicked

	// create serialises the deletion and renaming of logs.
	create rank.Mutex[rank.LogDirCreate]

	// mu guards which logs there are.
	mu struct {
		rank.RWMutex[rank.LogDirMaps]
		// current are the logs that are served, future the copies of them that are being made in
		// other directories.
		current   map[model.TopicPartition]*log.Log
		future    map[model.TopicPartition]*log.Log
		creating  map[model.TopicPartition]*creation
		deleting  map[*log.Log]struct{}           // renamed to -delete, files still there
		preferred map[model.TopicPartition]string // wishes of AlterReplicaLogDirs for logs that do not exist yet
		onFailure func(path string, logs []*log.Log)
		cleaner   Cleaner
	}
}

// dir is one log directory.
type dir struct {
	path  string
	lock  interface{ Close() error }
	clean bool // had the marker of a clean stop when it was opened
	// used tells that a broker had it before: it has a meta.properties or logs; written only while it is opened.
	used    bool
	loaded  []model.TopicPartition // in its checkpoints; only while it is opened
	lowered atomic.Bool            // a recovery point of it is below that of the checkpoint since it was opened

	failed atomic.Pointer[error] // nil while usable

	// files guards the checkpoint files of the directory and what was last written to them.
	files struct {
		rank.Mutex[rank.LogDirFiles]
		// written is by file name; see writeOffsets.
		written map[string]map[model.TopicPartition]int64
		// highWatermarks are those read at the start, for logs that are not hosted yet.
		highWatermarks map[model.TopicPartition]int64
	}
	// Truncations and deletions want the checkpoints written when all of the moment are done.
	recoveryDue, startsDue atomic.Bool
}

// err is why the directory is offline, nil while it is not. It never goes back to nil.
func (d *dir) err() error {
	if e := d.failed.Load(); e != nil {
		return *e
	}
	return nil
}

func (d *dir) online() bool { return d.failed.Load() == nil }

// DirStatus describes a log directory. Err is why it is offline, nil if it is not.
type DirStatus struct {
	Path string
	Err  error
}

// Dirs lists the configured directories in order.
func (m *Manager) Dirs() []DirStatus {
	out := make([]DirStatus, len(m.dirs))
	for i, d := range m.dirs {
		out[i] = DirStatus{Path: d.path, Err: d.err()}
	}
	return out
}

// LastStop reports whether a broker had a directory before this start, and whether all that it had
// were stopped cleanly: the logs of the others were checked.
func (m *Manager) LastStop() (was, clean bool) {
	clean = true
	for _, d := range m.dirs {
		was, clean = was || d.used, clean && (d.clean || !d.used)
	}
	return was, clean
}

// Offline returns why a directory is offline; nil if it is usable. An unknown directory is
// LOG_DIR_NOT_FOUND.
func (m *Manager) Offline(path string) error {
	d := m.dir(path)
	if d == nil {
		return fmt.Errorf("%s is none of log.dirs: %w", path, kerr.LogDirNotFound)
	}
	if err := d.err(); err != nil {
		return fmt.Errorf("%s is offline: %w", path, kerr.KafkaStorageError)
	}
	return nil
}

// dir finds a directory by any spelling of its path; nil if it is none of log.dirs. There are few.
func (m *Manager) dir(path string) *dir {
	path = clean(path)
	for _, d := range m.dirs {
		if d.path == path {
			return d
		}
	}
	return nil
}

// DirOf is the log directory that a log lies in.
func DirOf(l *log.Log) string { return filepath.Dir(l.Dir()) }

// clean makes a configured path absolute, as Kafka does.
func clean(path string) string {
	// Symbolic links stay as they are: the paths that clients are told are those of log.dirs.
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// Get finds the current log of a partition; nil if there is none.
func (m *Manager) Get(tp model.TopicPartition) *log.Log {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.mu.current[tp]
}

// Future finds the copy of a log that is on its way to another directory; nil if there is none.
func (m *Manager) Future(tp model.TopicPartition) *log.Log {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.mu.future[tp]
}

// All lists the current logs, ordered by topic and partition.
func (m *Manager) All() []*log.Log { return m.sorted(m.mu.current) }

// Futures lists the copies on their way, ordered by topic and partition.
func (m *Manager) Futures() []*log.Log { return m.sorted(m.mu.future) }

// sorted lists the logs of one of the maps, which mu guards; which maps they are does not change.
func (m *Manager) sorted(of map[model.TopicPartition]*log.Log) []*log.Log {
	m.mu.RLock()
	logs := slices.Collect(maps.Values(of))
	m.mu.RUnlock()
	sortLogs(logs)
	return logs
}

// logsIn lists current and future logs of a directory.
func (m *Manager) logsIn(d *dir) (current, future []*log.Log) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, l := range m.mu.current {
		if DirOf(l) == d.path {
			current = append(current, l)
		}
	}
	for _, l := range m.mu.future {
		if DirOf(l) == d.path {
			future = append(future, l)
		}
	}
	return current, future
}

// SetPreferred remembers that the log of a partition shall be created in a directory
// (AlterReplicaLogDirs before LeaderAndIsr).
func (m *Manager) SetPreferred(tp model.TopicPartition, path string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.preferred[tp] = clean(path)
}

// OnFailure sets who is told, by Run, that a directory has failed, with the logs that went with it;
// before their files are closed. It is also told of a single log that a panic took offline, whose
// directory goes on.
func (m *Manager) OnFailure(fn func(path string, logs []*log.Log)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.onFailure = fn
}

// SetCleaner sets the cleaner that is paused while logs are changed.
func (m *Manager) SetCleaner(c Cleaner) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.cleaner = c
}

// cleaner is nil without log.cleaner.enable, and until SetCleaner.
func (m *Manager) cleaner() Cleaner {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.mu.cleaner
}

// GetOrCreate returns the log of a partition, creating it if need be: in the directory that was
// asked for, else in the live one with the fewest logs; if creating fails there, in the next. While
// a directory is offline only partitions that the controller calls new are created, as the log may
// be on the lost disk.
func (m *Manager) GetOrCreate(tp model.TopicPartition, config *configs.Topic, isNew bool) (*log.Log, error) {
	if l := m.Get(tp); l != nil {
		return l, nil
	}
	done, l := m.beginCreate(tp)
	if l != nil {
		return l, nil
	}
	defer done()
	// The log is counted for the chosen directory while it is being created, so that many that are
	// created at once spread.
	live, err := m.place(tp, isNew)
	if err != nil {
		return nil, fmt.Errorf("create the log of %s: %w", tp, err)
	}
	var errs []error
	for _, d := range live {
		l, err := m.createIn(d, tp, tp.String(), config)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m.mu.Lock()
		m.mu.current[tp] = l
		// The wish is fulfilled, or was not possible; it is not for a later log of that name.
		delete(m.mu.preferred, tp)
		m.mu.Unlock()
		m.logger.WithFields(logrus.Fields{"topic": tp.Topic, "partition": tp.Partition, "dir": d.path}).Info("created log")
		return l, nil
	}
	return nil, fmt.Errorf("create the log of %s: %w", tp, errors.Join(errs...))
}

// place lists the directories to try for a new log, best first, and counts the log for the best
// one.
func (m *Manager) place(tp model.TopicPartition, isNew bool) ([]*dir, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	live := m.liveDirsLocked()
	// The log may be on the disk that is gone. An empty one in its place would be taken for a
	// replica that has lost everything.
	if !isNew && len(live) < len(m.dirs) {
		return nil, fmt.Errorf("a log directory is offline and may have it: %w", kerr.KafkaStorageError)
	}
	if len(live) == 0 {
		return nil, fmt.Errorf("%w: %w", ErrNoLiveDir, kerr.KafkaStorageError)
	}
	preferred := m.mu.preferred[tp]
	// Position 0 is where it goes anyway; -1 is no wish, or one for a directory that is offline.
	if i := slices.IndexFunc(live, func(d *dir) bool { return d.path == preferred }); i > 0 {
		d := live[i]
		live = slices.Insert(slices.Delete(live, i, i+1), 0, d)
	}
	m.mu.creating[tp].path = live[0].path
	return live, nil
}

// creation is a log that is being created: path is where (for counting), done is closed when it is
// there or has failed.
type creation struct {
	path string
	done chan struct{}
}

// beginCreate makes the caller the one who creates the log of tp, until it calls done; or returns
// the log that somebody else has created meanwhile. Logs of different partitions are created at the
// same time: that is mostly waiting for the disk.
func (m *Manager) beginCreate(tp model.TopicPartition) (done func(), l *log.Log) {
	for {
		m.mu.Lock()
		l, other := m.mu.current[tp], m.mu.creating[tp]
		if l == nil && other == nil {
			c := &creation{done: make(chan struct{})}
			m.mu.creating[tp] = c
			m.mu.Unlock()
			return func() {
				m.mu.Lock()
				delete(m.mu.creating, tp)
				m.mu.Unlock()
				close(c.done)
			}, nil
		}
		m.mu.Unlock()
		if l != nil {
			return nil, l
		}
		// The other one is in createIn, which does I/O and waits for nobody else.
		<-other.done
	}
}

// liveDirsLocked lists the usable directories, the one with the fewest logs first.
func (m *Manager) liveDirsLocked() []*dir {
	var live []*dir
	for _, d := range m.dirs {
		if d.online() {
			live = append(live, d)
		}
	}
	if len(live) < 2 {
		return live
	}
	count := map[string]int{}
	for _, l := range m.mu.current {
		count[DirOf(l)]++
	}
	for _, l := range m.mu.future {
		count[DirOf(l)]++
	}
	for tp, c := range m.mu.creating {
		if m.mu.current[tp] == nil { // else it is there, and was counted
			count[c.path]++
		}
	}
	sort.SliceStable(live, func(i, j int) bool { return count[live[i].path] < count[live[j].path] })
	return live
}

// createIn creates a log; an error of the disk fails the whole directory.
func (m *Manager) createIn(d *dir, tp model.TopicPartition, name string, config *configs.Topic) (*log.Log, error) {
	path := filepath.Join(d.path, name)
	if err := m.fs.MkdirAll(path); err != nil {
		m.fail(d, err)
		return nil, fmt.Errorf("%w: %w", err, kerr.KafkaStorageError)
	}
	o := m.logOptions(d, tp, path, config)
	o.Clean = true // there is nothing to recover
	l, err := log.Open(o)
	if err != nil {
		if isIOError(err) {
			m.fail(d, err)
		}
		return nil, err
	}
	return l, nil
}

// logOptions are the options of a log in d but for what the checkpoints say.
func (m *Manager) logOptions(d *dir, tp model.TopicPartition, path string, config *configs.Topic) log.Options {
	return log.Options{
		FS: m.fs, Dir: path, TopicPartition: tp, Config: config, Now: m.now,
		ProducerExpirationMs: int64(m.opts.Settings().ProducerExpirationMs),
		After:                m.tasks.after,
		RefuseZstd:           m.opts.Settings().InterBroker < release.V2_1_IV0,
		// Both are called under the log's lock: fail only sends to a channel with room, add only
		// notes.
		OnIOError: func(err error) { m.fail(d, err) },
		OnPanic:   m.panicked.add,
		AdmitTransaction: func(producerID int64, epoch int16) error {
			if admit := m.admit.Load(); admit != nil {
				return (*admit)(tp, producerID, epoch)
			}
			return nil
		},
		Journal: m.opts.Journal, Logger: m.logger,
	}
}

// AdmitTransactions sets what is asked before a batch that is not replicated opens a transaction in
// a log; an error refuses the batch. It is called under the log's lock and must not wait.
func (m *Manager) AdmitTransactions(admit func(tp model.TopicPartition, producerID int64, epoch int16) error) {
	m.admit.Store(&admit)
}

// UpdateTopicConfig gives the logs of a topic a new configuration.
func (m *Manager) UpdateTopicConfig(topic string, config *configs.Topic) error {
	var errs []error
	for _, l := range m.everything() {
		if l.TopicPartition().Topic == topic {
			if err := l.UpdateConfig(config); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", l.TopicPartition(), err))
			}
		}
	}
	return errors.Join(errs...)
}

// UpdateDefaults gives every log its configuration anew, after the broker's defaults have changed.
func (m *Manager) UpdateDefaults() error {
	var errs []error
	for _, l := range m.everything() {
		if err := l.UpdateConfig(m.opts.TopicConfig(l.TopicPartition().Topic)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", l.TopicPartition(), err))
		}
	}
	return errors.Join(errs...)
}

// everything lists current and future logs.
func (m *Manager) everything() []*log.Log {
	m.mu.RLock()
	defer m.mu.RUnlock()
	logs := make([]*log.Log, 0, len(m.mu.current)+len(m.mu.future))
	for _, l := range m.mu.current {
		logs = append(logs, l)
	}
	for _, l := range m.mu.future {
		logs = append(logs, l)
	}
	return logs
}

// TruncateTo cuts a log at offset. CheckpointDue must follow when all truncations of the moment are
// done.
func (m *Manager) TruncateTo(l *log.Log, offset int64) error {
	return m.truncate(l, offset, func() error { return l.TruncateTo(offset) })
}

// TruncateFullyAndStartAt empties a log and lets it begin at offset. CheckpointDue must follow.
func (m *Manager) TruncateFullyAndStartAt(l *log.Log, offset int64) error {
	return m.truncate(l, offset, func() error { return l.TruncateFullyAndStartAt(offset) })
}

// truncate keeps the cleaner away while fn truncates, and tells it afterwards where cleaning may go
// on.
func (m *Manager) truncate(l *log.Log, offset int64, fn func() error) error {
	if c := m.cleaner(); c != nil && m.Get(l.TopicPartition()) == l {
		c.AbortAndPause(l.TopicPartition())
		defer c.Resume(l.TopicPartition())
		// Deferred last, so that it runs before Resume: cleaning must not go on before the
		// checkpoint is lowered, or it would skip what is written next below it.
		defer func() { c.Truncated(DirOf(l), l.TopicPartition(), min(offset, l.ActiveBaseOffset())) }()
	}
	if err := fn(); err != nil {
		return err
	}
	// A recovery point beyond the log's end would, after a crash, make the start skip the recovery
	// of what was written since.
	if d := m.dir(DirOf(l)); d != nil {
		d.recoveryDue.Store(true)
	}
	return nil
}

// CheckpointDue writes the checkpoints of the directories in which logs were truncated, deleted or
// moved since the last call: once for all of them, as each write is an fsync.
func (m *Manager) CheckpointDue() {
	for _, d := range m.dirs {
		if d.recoveryDue.Swap(false) {
			m.writeRecoveryPoints(d)
		}
		if d.startsDue.Swap(false) {
			m.writeLogStarts(d)
		}
	}
}

// fail takes a directory offline, once; Run does the rest. It may be called under a log's lock.
func (m *Manager) fail(d *dir, err error) {
	if d.failed.CompareAndSwap(nil, &err) {
		m.failures <- d // never blocks: see failures
	}
}

// Run does the work of the background: checkpoints, retention, flushing, delayed deletions, failed
// directories. It returns when ctx ends and all of it has stopped, or with ErrNoLiveDir when the
// last directory has failed.
func (m *Manager) Run(ctx context.Context) error { return m.run(ctx) }

// noLiveDir gathers why directories are offline.
func (m *Manager) noLiveDir(note string) error {
	e := &noLiveDir{note: note}
	for _, d := range m.dirs {
		if err := d.err(); err != nil {
			e.dirs, e.reasons = append(e.dirs, d.path), append(e.reasons, err)
		}
	}
	return e
}

package cleaner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/rank"
	"momus/storage/log"
	"momus/storage/logdir"
	"momus/storage/record"
)

// Options configure a Cleaner.
type Options struct {
	Logs     *logdir.Manager
	Settings func() Settings // asked at each round: they may change
	Logger   *logrus.Entry
	// Journal is told of each log that was cleaned; may be nil.
	Journal *journal.Journal
	Now     func() time.Time // nil: time.Now
}

// Settings are the keys of a broker that the cleaner reads.
type Settings struct {
	Threads         int32   // log.cleaner.threads
	BackoffMs       int64   // log.cleaner.backoff.ms
	BytesPerSecond  float64 // log.cleaner.io.max.bytes.per.second, read and written
	DedupeBytes     int64   // log.cleaner.dedupe.buffer.size, of all threads
	LoadFactor      float64 // log.cleaner.io.buffer.load.factor
	BufferBytes     int32   // log.cleaner.io.buffer.size, of all threads
	MessageMaxBytes int32   // message.max.bytes
}

// SettingsOf reads them from a configuration.
func SettingsOf(b *configs.Broker) Settings {
	return Settings{
		Threads: b.LogCleanerThreads, BackoffMs: b.LogCleanerBackoffMs, BytesPerSecond: b.LogCleanerIOMaxBytesPerSecond,
		DedupeBytes: b.LogCleanerDedupeBufferSize, LoadFactor: b.LogCleanerIOBufferLoadFactor, BufferBytes: b.LogCleanerIOBufferSize,
		MessageMaxBytes: b.MessageMaxBytes,
	}
}

// Cleaner compacts the logs of a broker. All methods are safe for concurrent use.
type Cleaner struct {
	opts     Options
	now      func() time.Time
	logger   *logrus.Entry
	throttle *throttle
	decoder  *record.Decoder

	// choosing is held while a log is chosen, so that two workers do not look at once.
	choosing rank.Mutex[rank.CleanerChoice]
	// checkpoints is held while the first dirty offsets of a directory are changed.
	checkpoints rank.Mutex[rank.CleanerCheckpoints]

	mu struct {
		rank.Mutex[rank.Cleaner]
		tasks       map[model.TopicPartition]*task // what is being cleaned, or cut by retention
		paused      map[model.TopicPartition]int   // how often AbortAndPause was called without Resume
		uncleanable map[model.TopicPartition]*fault
		workers     int
		stats       Stats
		last        map[int]CleaningStats // of each worker
	}
}

var _ logdir.Cleaner = (*Cleaner)(nil)

// task is one log in the hands of a worker.
type task struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the log is free again
}

// fault is why a partition is not cleaned.
type fault struct {
	dir   string
	bytes int64 // dirty, when it was looked at last
	tries int
	retry time.Time
}

// How long a partition that could not be cleaned is left alone: doubled with each failure. (Kafka
// leaves it alone until the broker starts again.)
const (
	firstRetry = 10 * time.Minute
	lastRetry  = 4 * time.Hour
)

// progressInterval is how often a long cleaning is reported.
const progressInterval = 30 * time.Second

// New makes a Cleaner that does nothing until Run, but answers the methods of logdir.Cleaner.
func New(o Options) *Cleaner {
	c := &Cleaner{opts: o, now: o.Now, logger: o.Logger, decoder: record.NewDecoder(0)}
	if c.now == nil {
		c.now = time.Now
	}
	c.throttle = &throttle{rate: func() float64 { return o.Settings().BytesPerSecond }}
	c.mu.tasks = map[model.TopicPartition]*task{}
	c.mu.paused = map[model.TopicPartition]int{}
	c.mu.uncleanable = map[model.TopicPartition]*fault{}
	c.mu.last = map[int]CleaningStats{}
	return c
}

// Run cleans until ctx ends and returns when all workers have ended. A cleaning that is under way
// is given up.
func (c *Cleaner) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	c.mu.Lock()
	c.mu.workers = 1
	c.mu.stats.LastRun = c.now()
	c.mu.Unlock()
	c.work(ctx, 0, &wg)
	wg.Wait()
	return ctx.Err()
}

// work is a worker. Worker 0 starts the others; each ends when log.cleaner.threads no longer
// includes it.
func (c *Cleaner) work(ctx context.Context, id int, wg *sync.WaitGroup) {
	for ctx.Err() == nil {
		want := max(int(c.opts.Settings().Threads), 1)
		if id == 0 {
			c.grow(ctx, want, wg)
		} else if c.leave(id, want) {
			return
		}
		// As in Kafka retention follows each round, so that logs with "compact,delete" shrink
		// although nothing was dirty.
		cleaned := c.cleanNext(ctx, id)
		c.applyRetention(ctx)
		if !cleaned {
			sleep(ctx, milliseconds(c.opts.Settings().BackoffMs))
		}
	}
}

// grow starts workers until there are as many as wanted.
func (c *Cleaner) grow(ctx context.Context, want int, wg *sync.WaitGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.mu.workers < want {
		next := c.mu.workers
		c.mu.workers++
		wg.Go(func() { c.work(ctx, next, wg) })
	}
}

// leave reports whether worker id is one too many and is to end: the last one goes first, so that
// numbers have no gaps.
func (c *Cleaner) leave(id, want int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id < want || id != c.mu.workers-1 {
		return false
	}
	c.mu.workers--
	delete(c.mu.last, id)
	return true
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(max(d, time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func milliseconds(n int64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

// cleanNext cleans the log that needs it most. It is false if none needs it, or if the cleaning
// failed.
func (c *Cleaner) cleanNext(ctx context.Context, worker int) bool {
	l, p, ctx, t := c.choose(ctx)
	if l == nil {
		return false
	}
	tp := l.TopicPartition()
	defer c.release(tp, t)
	fields := logrus.Fields{"topic": tp.Topic, "partition": tp.Partition}
	logger := c.logger.WithFields(fields)
	if p.reset && !l.Config().Delete {
		logger.WithField("log_start_offset", p.firstDirty).Warn("the cleaner's checkpoint was outside of the log; it is cleaned from its start")
	}
	started := time.Now()
	done, err := c.cleanLog(ctx, l, p, logger)
	switch {
	case err == nil:
		// After the swap. A crash in between costs only a second cleaning of the same part.
		if err := c.setCheckpoint(logdir.DirOf(l), tp, done.end); err != nil {
			logger.WithError(err).Error("the cleaner's checkpoint was not written")
			return false
		}
		c.forgive(tp)
		c.record(worker, p, done, time.Since(started), logger)
		c.opts.Journal.Record(journal.Entry{Kind: journal.LogCleaned, Name: tp.Topic, Partition: tp.Partition, About: -1, Count: done.readBytes, Number: done.keptBytes, Took: time.Since(started)})
		return true
	// Nobody is to blame, and the checkpoint is unchanged.
	case errors.Is(err, errAborted) || ctx.Err() != nil:
		logger.WithError(err).Debug("cleaning was aborted")
		return !log.IsGone(err) // a log that goes is not tried again at once
	case errors.Is(err, kerr.KafkaStorageError):
		logger.WithError(err).Error("the log was not cleaned, its directory has failed")
	default:
		c.blame(l, p, err)
	}
	return false
}

// cleanLog runs one cleaning. A panic, which only a fault of ours can cause, costs this partition
// its cleaning and not the broker its life.
func (c *Cleaner) cleanLog(ctx context.Context, l *log.Log, p plan, logger *logrus.Entry) (done result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while cleaning: %v", r)
		}
	}()
	started := time.Now()
	reported := started
	job := &cleaning{
		log: l, limits: c.limits(), throttle: c.throttle, decoder: c.decoder,
		progress: func(done, total int64) {
			if now := time.Now(); now.Sub(reported) >= progressInterval {
				reported = now
				logger.WithFields(logrus.Fields{"done_bytes": done, "total_bytes": total,
					"rate_mb_s": megabytes(done, now.Sub(started))}).Info("cleaning log")
			}
		},
	}
	return job.run(ctx, p)
}

// limits are a worker's share: the memory of log.cleaner.dedupe.buffer.size and of the buffers is
// for all of them together, as in Kafka.
func (c *Cleaner) limits() limits {
	s := c.opts.Settings()
	threads := max(int64(s.Threads), 1)
	return limits{
		mapBytes: s.DedupeBytes / threads, loadFactor: s.LoadFactor,
		// Halved, since Kafka has one to read and one to write; ours has the same number of bytes
		// for a chunk.
		bufferBytes: max(int(int64(s.BufferBytes)/threads/2), 1), messageMaxBytes: int(s.MessageMaxBytes),
	}
}

// choose picks the dirtiest of the logs that are due and claims it; a nil log if there is none. The
// context ends when somebody aborts the cleaning.
func (c *Cleaner) choose(ctx context.Context) (*log.Log, plan, context.Context, *task) {
	c.choosing.Lock()
	defer c.choosing.Unlock()
	var best *log.Log
	var bestPlan plan
	now := c.now().UnixMilli()
	checkpoints := map[string]map[model.TopicPartition]int64{}
	var stats Stats
	for _, l := range c.opts.Logs.All() {
		// One segment is the active one, which is never cleaned.
		if !l.Config().Compact || len(l.Segments()) < 2 || !c.isFree(l.TopicPartition(), true) || c.moving(l.TopicPartition()) {
			continue
		}
		p, err := c.plan(l, checkpoints, now)
		if err != nil {
			// A log that goes, or a disk that has failed, is somebody else's business.
			if !log.IsGone(err) && !errors.Is(err, kerr.KafkaStorageError) {
				c.blame(l, p, err)
			}
			continue
		}
		stats.MaxDirtyRatio = max(stats.MaxDirtyRatio, p.ratio())
		stats.MaxCompactionDelay = max(stats.MaxCompactionDelay, milliseconds(p.delayMs))
		if p.due(l.Config()) && (best == nil || p.ratio() > bestPlan.ratio()) {
			best, bestPlan = l, p
		}
	}
	c.mu.Lock()
	c.mu.stats.LastRun = c.now()
	c.mu.stats.MaxDirtyRatio, c.mu.stats.MaxCompactionDelay = stats.MaxDirtyRatio, stats.MaxCompactionDelay
	c.mu.Unlock()
	if best == nil || ctx.Err() != nil {
		return nil, plan{}, nil, nil
	}
	ctx, t := c.claim(ctx, best.TopicPartition())
	if t == nil {
		return nil, plan{}, nil, nil // somebody was faster; the next round looks again
	}
	// What the plan was made for may have been cut before the claim.
	bestPlan, err := c.plan(best, map[string]map[model.TopicPartition]int64{}, now)
	if err != nil || !bestPlan.due(best.Config()) || c.opts.Logs.Get(best.TopicPartition()) != best || c.moving(best.TopicPartition()) {
		c.release(best.TopicPartition(), t)
		return nil, plan{}, nil, nil
	}
	return best, bestPlan, ctx, t
}

// plan looks at a log. checkpoints holds what was read of the directories in this round.
func (c *Cleaner) plan(l *log.Log, checkpoints map[string]map[model.TopicPartition]int64, now int64) (plan, error) {
	dir := logdir.DirOf(l)
	offsets, ok := checkpoints[dir]
	if !ok {
		var err error
		if offsets, err = c.opts.Logs.CleanerOffsets(dir); err != nil {
			return plan{}, fmt.Errorf("read the cleaner's checkpoint: %w: %w", kerr.KafkaStorageError, err)
		}
		checkpoints[dir] = offsets
	}
	checkpoint, known := offsets[l.TopicPartition()]
	return planFor(l, checkpoint, known, now)
}

// planFor makes the plan for a log; timestamps are read only where the configuration asks for them.
func planFor(l *log.Log, checkpoint int64, known bool, now int64) (plan, error) {
	conf := l.Config()
	lastStable := l.LastStableOffset()
	segments := l.Segments()
	s := logState{logStart: l.LogStartOffset(), logEnd: l.LogEndOffset(), lastStable: lastStable}
	var err error
	if s.segments, err = statesOf(segments, false); err != nil {
		return plan{}, l.Report("plan cleaning", err)
	}
	first, _ := firstDirtyOffset(&s, checkpoint, known)
	for i, segment := range segments[:len(segments)-1] {
		if segments[i+1].BaseOffset() <= first {
			continue
		}
		// Timestamps cost a read of the time index or of the segment, which most topics do without.
		if conf.MinCompactionLagMs > 0 {
			if s.segments[i].largestTimestamp, err = segment.LargestTimestamp(); err != nil {
				return plan{}, l.Report("plan cleaning", err)
			}
		}
		if conf.MaxCompactionLagMs < math.MaxInt64 {
			if s.segments[i].firstTimestamp, err = segment.FirstBatchTimestamp(); err != nil {
				return plan{}, l.Report("plan cleaning", err)
			}
		}
	}
	return makePlan(&s, checkpoint, known, conf, now), nil
}

// moving tells whether a log is being copied to another directory, during which it is not cleaned,
// as in Kafka: a copy that has got a record and not what superseded it, because a cleaning has taken
// both meanwhile, would keep the record for ever.
func (c *Cleaner) moving(tp model.TopicPartition) bool { return c.opts.Logs.Future(tp) != nil }

// isFree tells whether nobody works on a partition or has paused it, and, for cleaning, whether it
// may be tried.
func (c *Cleaner) isFree(tp model.TopicPartition, forCleaning bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if forCleaning {
		if f := c.mu.uncleanable[tp]; f != nil && c.now().Before(f.retry) {
			return false
		}
	}
	return c.mu.tasks[tp] == nil && c.mu.paused[tp] == 0
}

// claim takes a partition for a worker; a nil task if it is not free.
func (c *Cleaner) claim(ctx context.Context, tp model.TopicPartition) (context.Context, *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.tasks[tp] != nil || c.mu.paused[tp] > 0 {
		return ctx, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &task{cancel: cancel, done: make(chan struct{})}
	c.mu.tasks[tp] = t
	return ctx, t
}

// release gives a partition back and lets those go on who wait for it in AbortAndPause. done is
// closed last, after the task is out of the map.
func (c *Cleaner) release(tp model.TopicPartition, t *task) {
	t.cancel()
	c.mu.Lock()
	delete(c.mu.tasks, tp)
	c.mu.Unlock()
	close(t.done)
}

// applyRetention removes old segments of the compacted logs: by time and size with
// "compact,delete", else only below the log start.
func (c *Cleaner) applyRetention(ctx context.Context) {
	for _, l := range c.opts.Logs.All() {
		if ctx.Err() != nil {
			return
		}
		if !l.Config().Compact || c.opts.Logs.Offline(logdir.DirOf(l)) != nil {
			continue
		}
		tp := l.TopicPartition()
		_, t := c.claim(ctx, tp)
		if t == nil {
			continue
		}
		// The list may be old: a log that was deleted, or that another has taken the place of, is
		// left alone.
		if c.opts.Logs.Get(tp) == l {
			if _, err := l.DeleteOldSegments(); err != nil { // success is logged by the log
				c.logger.WithFields(logrus.Fields{"topic": tp.Topic, "partition": tp.Partition}).WithError(err).Warn("retention was not applied")
			}
		}
		c.release(tp, t)
	}
}

// AbortAndPause ends a cleaning of tp that is running and starts none until Resume, which must be
// called as often. It blocks until the cleaning has ended.
func (c *Cleaner) AbortAndPause(tp model.TopicPartition) {
	c.mu.Lock()
	c.mu.paused[tp]++
	t := c.mu.tasks[tp]
	c.mu.Unlock()
	if t != nil {
		t.cancel()
		<-t.done
	}
}

// Resume takes back one AbortAndPause.
func (c *Cleaner) Resume(tp model.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// One Resume too many is harmless: there is no count below zero.
	if c.mu.paused[tp] > 1 {
		c.mu.paused[tp]--
	} else {
		delete(c.mu.paused, tp)
	}
}

// Truncated lowers the first dirty offset of a log that was cut to offset. A log that could not be
// cleaned is tried again: the reason may have been cut off.
func (c *Cleaner) Truncated(dir string, tp model.TopicPartition, offset int64) {
	c.forgive(tp)
	c.change(dir, tp, func(offsets map[model.TopicPartition]int64) {
		if at, ok := offsets[tp]; ok && at > offset {
			offsets[tp] = offset
		}
	})
}

// Deleted drops what is known of a log that is gone.
func (c *Cleaner) Deleted(dir string, tp model.TopicPartition) {
	c.forgive(tp)
	c.change(dir, tp, func(offsets map[model.TopicPartition]int64) { delete(offsets, tp) })
}

// Moved takes the first dirty offset of a log along to its new directory.
func (c *Cleaner) Moved(tp model.TopicPartition, from, to string) {
	c.forgive(tp)
	var at int64
	var known bool
	c.change(from, tp, func(offsets map[model.TopicPartition]int64) {
		at, known = offsets[tp]
		delete(offsets, tp)
	})
	if known {
		if err := c.setCheckpoint(to, tp, at); err != nil {
			c.logger.WithError(err).WithField("dir", to).Warn("the cleaner's checkpoint was not written")
		}
	}
}

// change edits the first dirty offsets of a directory if they have one for tp.
func (c *Cleaner) change(dir string, tp model.TopicPartition, fn func(offsets map[model.TopicPartition]int64)) {
	c.checkpoints.Lock()
	defer c.checkpoints.Unlock()
	offsets, err := c.opts.Logs.CleanerOffsets(dir)
	if err == nil {
		before, ok := offsets[tp]
		if !ok {
			return
		}
		err = c.opts.Logs.UpdateCleanerOffsets(dir, func(offsets map[model.TopicPartition]int64) {
			offsets[tp] = before // an entry of a log that has left the directory is dropped only afterwards
			fn(offsets)
		})
	}
	if err != nil {
		c.logger.WithError(err).WithField("dir", dir).Warn("the cleaner's checkpoint was not changed")
	}
}

// setCheckpoint writes where the next cleaning of a partition begins. The lock is held across the
// file's fsync: checkpoints of a directory are read, changed and written as a whole.
func (c *Cleaner) setCheckpoint(dir string, tp model.TopicPartition, offset int64) error {
	c.checkpoints.Lock()
	defer c.checkpoints.Unlock()
	return c.opts.Logs.UpdateCleanerOffsets(filepath.Clean(dir), func(offsets map[model.TopicPartition]int64) { offsets[tp] = offset })
}

// blame marks a partition as uncleanable for a while.
func (c *Cleaner) blame(l *log.Log, p plan, err error) {
	tp := l.TopicPartition()
	wait := c.postpone(l, p)
	c.logger.WithFields(logrus.Fields{"topic": tp.Topic, "partition": tp.Partition, "retry_in": wait.String()}).WithError(err).
		Error("the log cannot be cleaned and grows; if its data is damaged, have it restored from a replica or recreated")
}

// postpone notes when the log may be tried again, and how long that is; each failure doubles it.
func (c *Cleaner) postpone(l *log.Log, p plan) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.mu.uncleanable[l.TopicPartition()]
	if f == nil {
		f = &fault{}
		c.mu.uncleanable[l.TopicPartition()] = f
	}
	f.dir, f.bytes = logdir.DirOf(l), p.cleanableBytes
	wait := min(firstRetry<<min(f.tries, 10), lastRetry)
	f.tries++
	f.retry = c.now().Add(wait)
	return wait
}

// forgive takes the mark of blame away.
func (c *Cleaner) forgive(tp model.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mu.uncleanable, tp)
}

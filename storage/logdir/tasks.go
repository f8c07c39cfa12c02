package logdir

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"momus/internal/model"
	"momus/storage/log"
)

const (
	// initialDelay is Kafka's fixed delay before the first run of the periodic tasks.
	initialDelay = 30 * time.Second
	// producerExpiryInterval is how often idle producer ids are looked for.
	producerExpiryInterval = 10 * time.Minute
	// idleFileAfter is for how long files of older segments stay open without being read.
	idleFileAfter = 5 * time.Minute
)

// run does what is due by the clock, each in a goroutine of its own; periods are read anew each
// time, since they may change.
func (m *Manager) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.watchFailures(ctx) })
	g.Go(func() error { m.tasks.run(ctx); return nil })
	ms := func(get func(*Settings) int64) func() time.Duration {
		return func() time.Duration { s := m.opts.Settings(); return milliseconds(get(&s)) }
	}
	periodic := []struct {
		first  time.Duration
		period func() time.Duration
		fn     func(ctx context.Context)
	}{
		{initialDelay, ms(func(s *Settings) int64 { return s.RetentionCheckMs }), m.applyRetention},
		{initialDelay, ms(func(s *Settings) int64 { return s.FlushCheckMs }), m.flushDue},
		{initialDelay, ms(func(s *Settings) int64 { return int64(s.RecoveryPointMs) }),
			func(context.Context) { m.checkpointAll(m.writeRecoveryPoints) }},
		{initialDelay, ms(func(s *Settings) int64 { return int64(s.StartOffsetMs) }),
			func(context.Context) { m.checkpointAll(m.writeLogStarts) }},
		{producerExpiryInterval, func() time.Duration { return producerExpiryInterval }, m.expireProducers},
		{idleFileAfter, func() time.Duration { return idleFileAfter }, m.closeIdle},
	}
	for _, p := range periodic {
		g.Go(func() error { every(ctx, p.first, p.period, p.fn); return nil })
	}
	return g.Wait()
}

// milliseconds is n ms, at most what a Duration holds.
func milliseconds(n int64) time.Duration {
	if n > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(n) * time.Millisecond
}

// every calls fn after first and then again and again until ctx ends. The period counts from the
// end of a run and is asked for each time, as it may be a dynamic config.
func every(ctx context.Context, first time.Duration, period func() time.Duration, fn func(ctx context.Context)) {
	// A period shorter than the first delay is for tests and for the impatient; Kafka waits 30 s
	// all the same.
	timer := time.NewTimer(min(first, max(period(), time.Millisecond)))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		fn(ctx)
		timer.Reset(max(period(), time.Millisecond))
	}
}

// applyRetention removes old segments of logs that are not compacted; the cleaner does that for the
// others.
func (m *Manager) applyRetention(ctx context.Context) {
	for _, l := range m.everything() {
		if ctx.Err() != nil {
			return
		}
		// Without a cleaner nobody else would apply retention to compacted logs.
		if l.Config().Compact && m.cleaner() != nil || !m.usable(l) {
			continue
		}
		n, err := l.DeleteOldSegments()
		tp := l.TopicPartition()
		fields := logrus.Fields{"topic": tp.Topic, "partition": tp.Partition, "segments": n}
		if err != nil {
			m.logger.WithFields(fields).WithError(err).Warn("retention was not applied")
		} else if n > 0 {
			m.logger.WithFields(fields).Info("deleted old segments")
		}
	}
}

// usable reports whether a log's directory is online; between this and the use it may fail, which
// the use then finds.
func (m *Manager) usable(l *log.Log) bool {
	d := m.dir(DirOf(l))
	return d != nil && d.online()
}

// flushDue flushes the logs whose flush.ms has passed.
func (m *Manager) flushDue(ctx context.Context) {
	for _, l := range m.everything() {
		if ctx.Err() != nil {
			return
		}
		if !m.usable(l) || m.now().Sub(l.LastFlush()) < milliseconds(l.Config().FlushMs) {
			continue
		}
		if err := l.Flush(l.LogEndOffset()); err != nil {
			m.logger.WithError(err).WithField("dir", l.Dir()).Warn("log was not flushed")
		}
	}
}

// expireProducers forgets producers that have not written for transactional.id.expiration.ms, by
// the time of their records.
func (m *Manager) expireProducers(ctx context.Context) {
	for _, l := range m.everything() {
		if ctx.Err() != nil {
			return
		}
		l.RemoveExpiredProducers(m.now())
	}
}

// closeIdle closes the files of older segments that nobody has read for a while; they are opened
// again when they are read. A broker with many partitions would else run out of descriptors.
func (m *Manager) closeIdle(ctx context.Context) {
	since := m.now().Add(-idleFileAfter)
	for _, l := range m.everything() {
		if ctx.Err() != nil {
			return
		}
		l.CloseIdle(since)
	}
}

// Delete takes the log of a partition, and its future copy, out of service: the directory is
// renamed to -delete at once and removed after log.segment.delete.delay.ms. Deleting what is not
// there does nothing. CheckpointDue must follow before a log of that name is created again, as its
// old log start offset would be taken for the new one's.
func (m *Manager) Delete(tp model.TopicPartition) error {
	m.create.Lock()
	defer m.create.Unlock()
	// The copy first: its mover must not go on from an original that is gone.
	for _, isFuture := range []bool{true, false} {
		if err := m.deleteOne(tp, isFuture); err != nil {
			return err
		}
	}
	return nil
}

// DeleteFuture gives up the copy of a partition to another directory. CheckpointDue must follow.
func (m *Manager) DeleteFuture(tp model.TopicPartition) error {
	m.create.Lock()
	defer m.create.Unlock()
	return m.deleteOne(tp, true)
}

// deleteOne takes a log out of the maps first, so that nobody finds it any more, and then renames
// it for deletion.
func (m *Manager) deleteOne(tp model.TopicPartition, isFuture bool) error {
	l := m.Get(tp)
	if isFuture {
		l = m.Future(tp)
	}
	if l == nil {
		return nil
	}
	d := m.dir(DirOf(l))
	if c := m.cleaner(); c != nil && !isFuture {
		c.AbortAndPause(tp)
		defer c.Resume(tp)
	}
	m.mu.Lock()
	if isFuture {
		delete(m.mu.future, tp)
	} else {
		delete(m.mu.current, tp)
	}
	m.mu.deleting[l] = struct{}{}
	m.mu.Unlock()
	return m.retire(d, l, !isFuture)
}

// retire renames the directory of a log that is no longer in the maps and queues it for removal.
func (m *Manager) retire(d *dir, l *log.Log, wasCurrent bool) error {
	tp := l.TopicPartition()
	if err := l.Rename(filepath.Join(d.path, deleteName(tp))); err != nil {
		if isIOError(err) {
			m.fail(d, err)
		}
		return err
	}
	d.files.Lock()
	// The high watermark of the start is not for a log that is created under this name later.
	delete(d.files.highWatermarks, tp)
	d.files.Unlock()
	if c := m.cleaner(); c != nil && wasCurrent {
		c.Deleted(d.path, tp)
	}
	d.recoveryDue.Store(true)
	d.startsDue.Store(true)
	m.deleteLater(d, l)
	m.logger.WithFields(logrus.Fields{"topic": tp.Topic, "partition": tp.Partition, "dir": l.Dir()}).Info("log is to be deleted")
	return nil
}

// deleteLater removes the files after file.delete.delay.ms, unless the broker stops before: the
// next start does it then.
func (m *Manager) deleteLater(d *dir, l *log.Log) {
	m.tasks.after(milliseconds(m.opts.Settings().DeleteDelayMs), func() {
		m.mu.Lock()
		// Gone if the directory has failed or the broker stops meanwhile: whoever took it closes
		// the files.
		_, ok := m.mu.deleting[l]
		delete(m.mu.deleting, l)
		m.mu.Unlock()
		if !ok || !d.online() {
			return
		}
		if err := l.Delete(); err != nil {
			m.logger.WithError(err).WithField("dir", l.Dir()).Warn("log was not removed")
			if isIOError(err) {
				m.fail(d, err)
			}
		}
	})
}

// sortLogs orders logs by topic and partition.
func sortLogs(logs []*log.Log) {
	slices.SortFunc(logs, func(a, b *log.Log) int { return a.TopicPartition().Compare(b.TopicPartition()) })
}

package logdir

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"momus/storage/checkpoint"
	"momus/storage/log"
)

// Close stops cleanly, after Run has returned and nobody appends any more: every log is flushed and
// closed, then the checkpoints and the marker of a clean stop are written, directory by directory
// in parallel. A directory in which that does not work gets no marker.
func (m *Manager) Close() error {
	// Delayed deletions are dropped; the next start finds the files by their names.
	m.tasks.stop()
	errs := make([]error, len(m.dirs))
	var g errgroup.Group
	for i, d := range m.dirs {
		g.Go(func() error {
			if d.online() {
				errs[i] = m.closeDir(d)
			}
			return nil
		})
	}
	g.Wait()
	for _, l := range m.takeDeleting() {
		l.CloseHandlers()
	}
	m.unlock()
	return errors.Join(errs...)
}

// takeDeleting empties the list of the logs whose files are still to be removed.
func (m *Manager) takeDeleting() []*log.Log {
	m.mu.Lock()
	defer m.mu.Unlock()
	logs := slices.Collect(maps.Keys(m.mu.deleting))
	clear(m.mu.deleting)
	return logs
}

// closers is how many logs of a directory are closed at the same time, at least: that is mostly
// waiting for syncs, which the file system does together.
const closers = 32

// closeDir closes the logs of a directory, several at a time, and marks it clean last: the marker
// says that nothing has to be recovered.
func (m *Manager) closeDir(d *dir) error {
	logs, futures := m.logsIn(d)
	all := append(logs, futures...)
	sortLogs(all)
	var g errgroup.Group
	g.SetLimit(max(closers, int(m.opts.Settings().RecoveryThreadsPerDir)))
	for _, l := range all {
		g.Go(func() error { return m.closeLog(l) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("close %s: %w", d.path, err)
	}
	// At the stop the files are written whatever was written before: the marker of a clean stop
	// says that they are right.
	d.forgetWritten()
	m.writeRecoveryPoints(d)
	m.writeLogStarts(d)
	// writeRecoveryPoints and writeLogStarts tell of errors by failing the directory. Without them
	// the marker must not be written: logs would be opened with recovery points that are too low,
	// and without recovery.
	if err := d.err(); err != nil {
		return fmt.Errorf("close %s: %w", d.path, err)
	}
	if err := checkpoint.WriteCleanShutdown(m.fs, d.path); err != nil {
		return fmt.Errorf("close %s: %w", d.path, err)
	}
	return nil
}

// closeLog makes a log durable and closes it. One that is being copied to another directory, and
// that nobody has written to, keeps its files as they are: Kafka does not close those.
func (m *Manager) closeLog(l *log.Log) error {
	// Nobody has written to it since it was opened, so that the marker is true of it too.
	if future := m.Future(l.TopicPartition()); future != nil && future != l && l.Untouched() {
		return l.CloseAsItIs()
	}
	return l.Close()
}

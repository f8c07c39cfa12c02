package logdir

import (
	"fmt"
	"path/filepath"

	"momus/configs"
	"momus/storage/kerr"
	"momus/storage/log"
	"momus/storage/model"
)

// CheckMove tells whether AlterReplicaLogDirs may name this directory for a partition: it must be one of log.dirs, usable, and the name of
// the copy must fit.
func (m *Manager) CheckMove(tp model.TopicPartition, path string) error {
	if _, err := futureName(tp); err != nil {
		return err
	}
	return m.Offline(path)
}

// CreateFuture begins a copy of a partition in another directory: an empty log that the caller fills and then swaps in.
// Cleaning is paused until SwapFuture or DeleteFuture.
func (m *Manager) CreateFuture(tp model.TopicPartition, path string, config *configs.Topic) (*log.Log, error) {
	m.create.Lock()
	defer m.create.Unlock()
	if l := m.Future(tp); l != nil {
		return l, nil
	}
	d := m.dir(path)
	if d == nil || !d.online() {
		return nil, m.Offline(path)
	}
	if old := m.Get(tp); old == nil || DirOf(old) == d.path {
		return nil, fmt.Errorf("copy %s to %s: it has no log in another directory: %w", tp, path, kerr.ReplicaNotAvailable)
	}
	name, err := futureName(tp)
	if err != nil {
		return nil, err
	}
	l, err := m.createIn(d, tp, name, config)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.mu.future[tp] = l
	m.mu.Unlock()
	return l, nil
}

// SwapFuture puts the copy in the place of the current log, which is deleted. The caller has stopped all use of both and has made sure that
// they are equal. CheckpointDue must follow.
func (m *Manager) SwapFuture(tp model.TopicPartition) error {
	m.create.Lock()
	defer m.create.Unlock()
	old, copied := m.Get(tp), m.Future(tp)
	if old == nil || copied == nil {
		return fmt.Errorf("swap %s: there is no copy: %w", tp, kerr.ReplicaNotAvailable)
	}
	from, to := m.dir(DirOf(old)), m.dir(DirOf(copied))
	if c := m.cleaner(); c != nil {
		c.AbortAndPause(tp)
		defer c.Resume(tp)
	}
	if err := copied.Rename(filepath.Join(to.path, tp.String())); err != nil {
		if isIOError(err) {
			m.fail(to, err)
		}
		return err
	}
	copied.UpdateHighWatermark(old.HighWatermark())
	m.mu.Lock()
	m.mu.current[tp] = copied
	delete(m.mu.future, tp)
	m.mu.deleting[old] = struct{}{}
	m.mu.Unlock()
	if c := m.cleaner(); c != nil {
		c.Moved(tp, from.path, to.path)
	}
	to.recoveryDue.Store(true)
	to.startsDue.Store(true)
	return m.retire(from, old, false)
}

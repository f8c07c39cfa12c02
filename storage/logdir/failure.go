package logdir

import (
	"context"
	"fmt"

	"github.com/sirupsen/logrus"

	"momus/internal/model"
	"momus/internal/release"
	"momus/storage/log"
)

// watchFailures handles directories that have failed, each once.
func (m *Manager) watchFailures(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case d := <-m.failures:
			if err := m.handleFailure(d); err != nil {
				return err
			}
		}
	}
}

// handleFailure takes leave of a directory: whoever serves its logs is told, their files are closed without writing, the lock is released.
func (m *Manager) handleFailure(d *dir) error {
	logs := m.forget(d)
	m.logger.WithFields(logrus.Fields{"dir": d.path, "logs": len(logs)}).WithError(explain(d.err())).
		Error("log directory has failed and is offline until the broker is restarted")
	m.mu.RLock()
	notify := m.mu.onFailure
	m.mu.RUnlock()
	if notify != nil {
		notify(d.path, logs)
	}
	for _, l := range logs {
		l.CloseHandlers()
	}
	m.create.Lock()
	if d.lock != nil {
		d.lock.Close()
		d.lock = nil
	}
	m.create.Unlock()
	if m.opts.Config().InterBrokerVersion() < release.V1_0_IV0 {
		return fmt.Errorf("%w: a controller before 1.0 cannot move partitions off one failed directory (inter.broker.protocol.version):%s", ErrNoLiveDir, m.describe())
	}
	for _, other := range m.dirs {
		if other.online() {
			return nil
		}
	}
	return fmt.Errorf("%w:%s", ErrNoLiveDir, m.describe())
}

// forget takes the logs of a directory out of the maps.
func (m *Manager) forget(d *dir) []*log.Log {
	m.mu.Lock()
	defer m.mu.Unlock()
	var logs []*log.Log
	take := func(logsOf map[model.TopicPartition]*log.Log) {
		for tp, l := range logsOf {
			if DirOf(l) == d.path {
				logs = append(logs, l)
				delete(logsOf, tp)
			}
		}
	}
	take(m.mu.current)
	take(m.mu.future)
	for l := range m.mu.deleting {
		if DirOf(l) == d.path {
			logs = append(logs, l)
			delete(m.mu.deleting, l)
		}
	}
	sortLogs(logs)
	return logs
}

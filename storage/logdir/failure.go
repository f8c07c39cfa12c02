package logdir

import (
	"context"
	"sync"

	"github.com/sirupsen/logrus"

	"momus/internal/bell"
	"momus/internal/model"
	"momus/internal/release"
	"momus/storage/log"
)

// panicked collects logs that a panic took offline until watchFailures tells of them: they are
// added under the log's lock, where nobody may wait.
type panicked struct {
	ready bell.Bell // logs has grown
	mu    sync.Mutex
	logs  []*log.Log // guarded by mu
}

func (p *panicked) add(l *log.Log) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logs = append(p.logs, l)
	p.ready.Ring()
}

func (p *panicked) take() []*log.Log {
	p.mu.Lock()
	defer p.mu.Unlock()
	logs := p.logs
	p.logs = nil
	return logs
}

// watchFailures handles directories that have failed, and logs that a panic took offline, each
// once.
func (m *Manager) watchFailures(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case d := <-m.failures:
			if err := m.handleFailure(d); err != nil {
				return err
			}
		case <-m.panicked.ready:
			for _, l := range m.panicked.take() {
				m.notifyFailure(DirOf(l), []*log.Log{l})
			}
		}
	}
}

// handleFailure takes leave of a directory: whoever serves its logs is told, their files are closed
// without writing, the lock is released.
func (m *Manager) handleFailure(d *dir) error {
	// From here on nobody finds its logs any more. The order matters: users are told, and have let
	// go, before the files are closed under them.
	logs := m.forget(d)
	reason := d.err()
	if m.anyOnline() { // else what to do is said by the error that the broker ends with
		reason = explain(reason)
	}
	m.logger.WithFields(logrus.Fields{"dir": d.path, "logs": len(logs)}).WithError(reason).
		Error("log directory has failed and is offline until the broker is restarted")
	m.notifyFailure(d.path, logs)
	for _, l := range logs {
		l.CloseHandlers()
	}
	// Nobody is creating or renaming in the directory when its lock goes, and another broker may
	// take it.
	m.create.Lock()
	if d.lock != nil {
		d.lock.Close()
		d.lock = nil
	}
	m.create.Unlock()
	// KIP-112: controllers before 1.0 know nothing of single directories.
	if m.opts.Settings().InterBroker < release.V1_0_IV0 {
		return m.noLiveDir(": a controller before 1.0 cannot move partitions off one failed directory (inter.broker.protocol.version)")
	}
	if m.anyOnline() {
		return nil
	}
	return m.noLiveDir("")
}

// notifyFailure tells who serves the logs, without a lock, since he stops fetchers and takes
// partitions offline.
func (m *Manager) notifyFailure(path string, logs []*log.Log) {
	m.mu.RLock()
	notify := m.mu.onFailure
	m.mu.RUnlock()
	if notify != nil {
		notify(path, logs)
	}
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

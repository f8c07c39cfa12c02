package logdir

import (
	"bytes"
	"fmt"
	"path/filepath"

	"momus/configs"
	"momus/storage/kerr"
	"momus/storage/log"
	"momus/storage/model"
	"momus/storage/record"
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
	// What the old log had made durable, the new one must have too.
	if err := copied.Flush(old.RecoveryPoint()); err != nil {
		return err
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

// keepOne decides between two logs of a partition that were found in two directories at the start. A crash in the last step of a move, between
// the renaming of the copy and of the original, leaves both: one is the beginning of the other then, or equal to it, and the shorter
// one goes. false: they differ, and a person has to decide.
func (m *Manager) keepOne(a, b *log.Log) (keep, drop *log.Log, same bool, err error) {
	if a.LogEndOffset() < b.LogEndOffset() {
		a, b = b, a
	}
	same, err = beginsWith(a, b)
	return a, b, same, err
}

// beginsWith tells whether the last batch of the shorter log is in the longer one, byte for byte.
func beginsWith(longer, shorter *log.Log) (bool, error) {
	segments := shorter.Segments()
	for i := len(segments) - 1; i >= 0; i-- {
		var last []byte
		err := segments[i].ForEachBatch(false, func(b record.Batch, _ int) error {
			last = append(last[:0], b...)
			return nil
		})
		if err != nil {
			return false, err
		}
		if last != nil {
			return hasBatch(longer, last)
		}
	}
	return true, nil
}

// hasBatch tells whether a log has a batch with that header, which includes the checksum.
func hasBatch(l *log.Log, header record.Batch) (bool, error) {
	offset := header.LastOffset()
	if offset < l.LogStartOffset() || offset >= l.LogEndOffset() {
		return false, nil
	}
	r, err := l.Read(offset, len(header), log.UpToLogEnd, false)
	if err != nil {
		return false, err
	}
	defer r.Records.Release()
	found := make([]byte, r.Records.Len())
	if _, err := r.Records.ReadAt(found, 0); err != nil {
		return false, err
	}
	return bytes.Equal(found, header), nil
}

package logdir

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"path/filepath"

	"momus/configs"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/log"
	"momus/storage/record"
)

// CheckMove tells whether AlterReplicaLogDirs may name this directory for a partition: it must be
// one of log.dirs, usable, and the name of the copy must fit.
func (m *Manager) CheckMove(tp model.TopicPartition, path string) error {
	if _, err := futureName(tp); err != nil {
		return err
	}
	return m.Offline(path)
}

// CreateFuture begins a copy of a partition in another directory: an empty log that the caller
// fills and then swaps in. A cleaning that is under way is ended, and none is begun while the copy
// is there (the cleaner asks Future); what is copied must not change half-way.
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
	if c := m.cleaner(); c != nil {
		c.AbortAndPause(tp)
		defer c.Resume(tp)
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

// SwapFuture puts the copy in the place of the current log, which is deleted. The caller has
// stopped all use of both and has made sure that they are equal. CheckpointDue must follow.
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
	// What the old log had made durable, the new one must have too; and if a crash leaves both,
	// this one shall be whole.
	if err := copied.Flush(copied.LogEndOffset()); err != nil {
		return err
	}
	// The file names of the copy may tell a lower log start, as it begins with a batch. What is written
	// here is durable with the new name.
	m.writeLogStarts(to)
	if err := copied.Rename(filepath.Join(to.path, tp.String())); err != nil {
		if isIOError(err) {
			m.fail(to, err)
		}
		return err
	}
	// After the rename, which a crash may separate from the next: at the start both are found then,
	// see keepOne.
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
	// The original goes last. A crash before this leaves two logs of the partition; Kafka does not
	// start then.
	return m.retire(from, old, false)
}

// keepOne decides between two logs of a partition that were found in two directories at the start.
// A crash in the last step of a move, between the renaming of the copy and of the original, leaves
// both: the copy has all that the original has. false: neither has what the other has, and a person
// must decide.
func keepOne(a, b *log.Log) (keep, drop *log.Log, ok bool, err error) {
	// The longer one is more likely to have all of the other.
	if a.LogEndOffset() < b.LogEndOffset() {
		a, b = b, a
	}
	if ok, err = covers(a, b); ok || err != nil {
		return a, b, ok, err
	}
	ok, err = covers(b, a)
	return b, a, ok, err
}

// covers tells whether a log has every batch of another one, but for those before its own start.
func covers(l, other *log.Log) (bool, error) {
	if l.LogEndOffset() < other.LogEndOffset() {
		return false, nil
	}
	next, stop := iter.Pull2(headers(l))
	defer stop()
	var own record.Batch
	for header, err := range headers(other) {
		if err != nil {
			return false, err
		}
		if header.LastOffset() < l.LogStartOffset() {
			continue
		}
		// The log may have batches that the other has lost by a retention of its own; what the
		// other has must be there.
		for own == nil || own.LastOffset() < header.LastOffset() {
			var more bool
			if own, err, more = next(); !more || err != nil {
				return false, err
			}
		}
		// The header has the checksum, so that equal headers are equal batches.
		if !bytes.Equal(own, header) {
			return false, nil
		}
	}
	return true, nil
}

// headers are the fields before the records of all batches, which include the checksum. Each is
// valid until the next.
func headers(l *log.Log) iter.Seq2[record.Batch, error] {
	return func(yield func(record.Batch, error) bool) {
		stop := errors.New("stop")
		for _, s := range l.Segments() {
			err := s.ForEachBatch(false, func(b record.Batch, _ int) error {
				if !yield(b, nil) {
					return stop
				}
				return nil
			})
			if err != nil {
				if err != stop {
					yield(nil, err)
				}
				return
			}
		}
	}
}

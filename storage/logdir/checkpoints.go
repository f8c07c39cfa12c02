package logdir

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"

	"momus/internal/model"
	"momus/storage/checkpoint"
	"momus/storage/log"
)

// writeRecoveryPoints writes the recovery points of all logs of a directory, current and future,
// and drops the producer snapshots that have become unnecessary. A current log whose copy to
// another directory is unfinished is left out, as Kafka does: after an unclean stop it is recovered
// from its start.
func (m *Manager) writeRecoveryPoints(d *dir) {
	current, futures := m.logsIn(d)
	logs := append(m.withoutMoving(current), futures...)
	offsets := make(map[model.TopicPartition]int64, len(logs))
	for _, l := range logs {
		offsets[l.TopicPartition()] = l.CheckpointPoint()
	}
	// Unchanged recovery points delete no snapshots: which may go depends on them.
	if !m.writeOffsets(d, checkpoint.RecoveryPointFile, offsets) {
		return
	}
	for _, l := range logs {
		if err := l.DeleteSnapshotsAfterCheckpoint(); err != nil {
			m.logger.WithError(err).WithField("dir", l.Dir()).Warn("producer snapshots were not removed")
		}
	}
}

// withoutMoving are the current logs that are not being copied to another directory.
func (m *Manager) withoutMoving(logs []*log.Log) []*log.Log {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.DeleteFunc(logs, func(l *log.Log) bool { return m.mu.future[l.TopicPartition()] != nil })
}

// writeLogStarts writes the log start offsets that file names do not tell.
func (m *Manager) writeLogStarts(d *dir) {
	current, futures := m.logsIn(d)
	offsets := map[model.TopicPartition]int64{}
	// The current log comes last and wins: both have the same partition, and a file has one line
	// for each.
	for _, l := range append(futures, current...) {
		segments := l.Segments()
		if start := l.LogStartOffset(); len(segments) > 0 && start > segments[0].BaseOffset() {
			offsets[l.TopicPartition()] = start
		}
	}
	m.writeOffsets(d, checkpoint.LogStartFile, offsets)
}

// writeOffsets writes a checkpoint of a usable directory, unless it has this content already. It
// tells whether it was written.
func (m *Manager) writeOffsets(d *dir, file string, offsets map[model.TopicPartition]int64) bool {
	d.files.Lock()
	defer d.files.Unlock()
	if !d.online() {
		return false
	}
	// Kafka writes each time; an idle broker with thousands of partitions would sync files all day
	// for nothing. What is in the file is the same.
	if last, ok := d.files.written[file]; ok && maps.Equal(last, offsets) {
		return false
	}
	if err := checkpoint.WriteOffsets(m.fs, filepath.Join(d.path, file), offsets); err != nil {
		m.fail(d, err)
		return false
	}
	// The map is kept: callers hand over a new one each time and do not change it afterwards.
	d.files.written[file] = offsets
	return true
}

// forgetWritten makes the next write of the directory's checkpoints happen, whatever they contain.
func (d *dir) forgetWritten() {
	d.files.Lock()
	defer d.files.Unlock()
	clear(d.files.written)
}

// checkpointAll runs write for every usable directory that has logs.
func (m *Manager) checkpointAll(write func(d *dir)) {
	// As in Kafka a directory without logs keeps the file that it has.
	hosts := map[string]bool{}
	for _, l := range m.everything() {
		hosts[DirOf(l)] = true
	}
	for _, d := range m.dirs {
		if d.online() && hosts[d.path] {
			write(d)
		}
	}
}

// HighWatermark is the high watermark that the checkpoint of the log's directory had for it at the
// start; 0 if none.
func (m *Manager) HighWatermark(l *log.Log) int64 {
	d := m.dir(DirOf(l))
	if d == nil {
		return 0
	}
	d.files.Lock()
	defer d.files.Unlock()
	return d.files.highWatermarks[l.TopicPartition()]
}

// WriteHighWatermarks writes the high watermarks of the given logs into the checkpoints of their
// directories. Logs of those directories that are not among them (not hosted yet) keep the value of
// the start.
func (m *Manager) WriteHighWatermarks(logs []*log.Log) {
	byDir := map[string]map[model.TopicPartition]int64{}
	for _, l := range logs {
		path := DirOf(l)
		if byDir[path] == nil {
			byDir[path] = map[model.TopicPartition]int64{}
		}
		byDir[path][l.TopicPartition()] = l.HighWatermark()
	}
	for path, offsets := range byDir {
		d := m.dir(path)
		if d == nil || !d.online() {
			continue
		}
		d.files.Lock()
		for tp, hw := range d.files.highWatermarks {
			if _, ok := offsets[tp]; ok {
				delete(d.files.highWatermarks, tp) // hosted: from now on the log knows better
				// A log that was loaded, and that no LeaderAndIsr has named yet: without this its high
				// watermark would be lost by the first write after a start.
			} else if l := m.Get(tp); l != nil && DirOf(l) == path {
				offsets[tp] = hw
			}
		}
		d.files.Unlock()
		m.writeOffsets(d, checkpoint.HighWatermarkFile, offsets)
	}
}

// CleanerOffsets reads the first dirty offsets of a directory's compacted logs.
func (m *Manager) CleanerOffsets(path string) (map[model.TopicPartition]int64, error) {
	d := m.dir(path)
	if d == nil || !d.online() {
		return nil, m.Offline(path)
	}
	d.files.Lock()
	defer d.files.Unlock()
	offsets, err := checkpoint.ReadOffsets(m.fs, filepath.Join(d.path, checkpoint.CleanerFile))
	if err != nil {
		// As in Kafka a checkpoint that cannot be read takes the directory offline: to go on as if
		// there were none would clean what was cleaned.
		m.fail(d, err)
	}
	return offsets, err
}

// UpdateCleanerOffsets changes the first dirty offsets of a directory: change gets them and may
// edit the map. Entries of logs that are no longer in the directory are dropped.
func (m *Manager) UpdateCleanerOffsets(path string, change func(map[model.TopicPartition]int64)) error {
	offsets, err := m.CleanerOffsets(path)
	if err != nil {
		return err
	}
	// Between reading and writing nobody else may come: the cleaner holds its lock for checkpoints
	// around this.
	change(offsets)
	for tp := range offsets {
		if l := m.Get(tp); l == nil || DirOf(l) != clean(path) {
			delete(offsets, tp)
		}
	}
	d := m.dir(path)
	if d == nil {
		return errors.New("no such log directory")
	}
	m.writeOffsets(d, checkpoint.CleanerFile, offsets)
	return d.err()
}

package producer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"momus/storage/vfs"
)

// SnapshotSuffix ends the names of snapshot files.
const SnapshotSuffix = ".snapshot"

// Sizes of a snapshot file: int16 version 1, uint32 CRC-32C of all that follows, int32 number of
// entries; then per entry int64 producer id, int16 epoch, int32 last sequence, int64 last data
// offset, int32 offset delta, int64 timestamp, int32 coordinator epoch, int64 first offset of the
// open transaction.
const (
	snapshotHeader  = 10
	snapshotEntry   = 46
	snapshotVersion = 1
)

// SnapshotName is the name of the file with the state just before offset.
func SnapshotName(offset int64) string { return fmt.Sprintf("%020d%s", offset, SnapshotSuffix) }

// SnapshotOffset is the offset in the name of a snapshot file; false if it is not the name of one.
func SnapshotOffset(name string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, SnapshotSuffix)
	if !ok {
		return 0, false
	}
	offset, err := strconv.ParseInt(digits, 10, 64)
	return offset, err == nil && offset >= 0
}

// ErrCorruptSnapshot says that a snapshot file is too short, of another version, or has a bad
// checksum.
var ErrCorruptSnapshot = errors.New("corrupt producer snapshot")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// EncodeSnapshot is the content of a snapshot file.
func EncodeSnapshot(entries []Entry) []byte {
	b := make([]byte, snapshotHeader, snapshotHeader+snapshotEntry*len(entries))
	binary.BigEndian.PutUint16(b, snapshotVersion)
	binary.BigEndian.PutUint32(b[6:], uint32(len(entries)))
	for i := range entries {
		e := &entries[i]
		last, _ := e.LastBatch()
		b = binary.BigEndian.AppendUint64(b, uint64(e.ProducerID))
		b = binary.BigEndian.AppendUint16(b, uint16(e.Epoch))
		b = binary.BigEndian.AppendUint32(b, uint32(e.LastSequence()))
		b = binary.BigEndian.AppendUint64(b, uint64(e.LastDataOffset()))
		b = binary.BigEndian.AppendUint32(b, uint32(last.OffsetDelta))
		b = binary.BigEndian.AppendUint64(b, uint64(e.LastTimestamp))
		b = binary.BigEndian.AppendUint32(b, uint32(e.CoordinatorEpoch))
		b = binary.BigEndian.AppendUint64(b, uint64(e.TxnFirstOffset))
	}
	binary.BigEndian.PutUint32(b[2:], crc32.Checksum(b[6:], castagnoli))
	return b
}

// DecodeSnapshot reads the content of a snapshot file. Errors wrap ErrCorruptSnapshot.
func DecodeSnapshot(b []byte) ([]Entry, error) {
	if len(b) < snapshotHeader {
		return nil, fmt.Errorf("%w: %d bytes", ErrCorruptSnapshot, len(b))
	}
	if v := binary.BigEndian.Uint16(b); v != snapshotVersion {
		return nil, fmt.Errorf("%w: version %d", ErrCorruptSnapshot, v)
	}
	if crc := crc32.Checksum(b[6:], castagnoli); crc != binary.BigEndian.Uint32(b[2:]) {
		return nil, fmt.Errorf("%w: checksum %08x, computed %08x", ErrCorruptSnapshot, binary.BigEndian.Uint32(b[2:]), crc)
	}
	count := int64(int32(binary.BigEndian.Uint32(b[6:])))
	b = b[snapshotHeader:]
	if count < 0 || count*snapshotEntry > int64(len(b)) {
		return nil, fmt.Errorf("%w: %d entries in %d bytes", ErrCorruptSnapshot, count, len(b))
	}
	entries := make([]Entry, 0, count)
	for ; count > 0; count-- {
		e := Entry{
			ProducerID:       int64(binary.BigEndian.Uint64(b)),
			Epoch:            int16(binary.BigEndian.Uint16(b[8:])),
			LastTimestamp:    int64(binary.BigEndian.Uint64(b[26:])),
			CoordinatorEpoch: int32(binary.BigEndian.Uint32(b[34:])),
			TxnFirstOffset:   int64(binary.BigEndian.Uint64(b[38:])),
		}
		if e.TxnFirstOffset < 0 {
			e.TxnFirstOffset = -1
		}
		if lastOffset := int64(binary.BigEndian.Uint64(b[14:])); lastOffset >= 0 {
			e.add(Batch{
				LastSequence: int32(binary.BigEndian.Uint32(b[10:])),
				LastOffset:   lastOffset,
				OffsetDelta:  int32(binary.BigEndian.Uint32(b[22:])),
				Timestamp:    e.LastTimestamp,
			})
			e.partial = true
		}
		entries = append(entries, e)
		b = b[snapshotEntry:]
	}
	return entries, nil
}

func (m *Manager) path(offset int64) string { return filepath.Join(m.dir, SnapshotName(offset)) }

// Snapshots are the offsets of the snapshot files, ascending; the slice must not be changed.
func (m *Manager) Snapshots() []int64 { return m.snapshots }

// TakeSnapshot writes the state to a file named after the end offset, unless the last snapshot
// taken or loaded has that offset. As in Kafka it is not synced: a torn one is detected by its
// checksum and an older one is used.
func (m *Manager) TakeSnapshot() error {
	if m.endOffset <= m.lastSnapshot {
		return nil
	}
	f, err := vfs.Create(m.fs, m.path(m.endOffset))
	if err != nil {
		return fmt.Errorf("write producer snapshot: %w", err)
	}
	_, err = f.WriteAt(EncodeSnapshot(m.Entries()), 0)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write producer snapshot: %w", err)
	}
	m.lastSnapshot, m.snapshotUnsynced = m.endOffset, true
	if i, found := slices.BinarySearch(m.snapshots, m.endOffset); !found {
		m.snapshots = slices.Insert(m.snapshots, i, m.endOffset)
	}
	return nil
}

// Doubt notes that whoever wrote the snapshots may have died before they were durable.
func (m *Manager) Doubt() { m.snapshotUnsynced = true }

// SyncSnapshot makes the file of the last snapshot durable, for a clean stop. The caller syncs its
// directory if synced is set.
func (m *Manager) SyncSnapshot() (synced bool, err error) {
	if _, found := slices.BinarySearch(m.snapshots, m.lastSnapshot); !found || !m.snapshotUnsynced {
		return false, nil
	}
	if err := vfs.SyncFile(m.fs, m.path(m.lastSnapshot)); err != nil {
		return false, fmt.Errorf("sync producer snapshot: %w", err)
	}
	m.snapshotUnsynced = false
	return true, nil
}

// DeleteSnapshots removes the snapshot files whose offset the function picks.
func (m *Manager) DeleteSnapshots(pick func(offset int64) bool) error {
	var first error
	m.snapshots = slices.DeleteFunc(m.snapshots, func(offset int64) bool {
		if !pick(offset) {
			return false
		}
		if err := m.fs.Remove(m.path(offset)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			if first == nil {
				first = fmt.Errorf("remove producer snapshot: %w", err)
			}
			return false
		}
		return true
	})
	return first
}

// LatestSnapshot is the offset of the newest snapshot file; false if there is none.
func (m *Manager) LatestSnapshot() (int64, bool) {
	if n := len(m.snapshots); n > 0 {
		return m.snapshots[n-1], true
	}
	return 0, false
}

// Reload prepares the state for being that of a log [logStart, end): snapshots outside (logStart,
// end] are removed, and unless the state ends at end already it is taken from the newest readable
// snapshot (unreadable ones are removed, expired producers skipped). Afterwards EndOffset says from
// where on the log is to be scanned. now is in ms.
func (m *Manager) Reload(logStart, end, now int64) error {
	if err := m.DeleteSnapshots(func(o int64) bool { return o > end || o <= logStart }); err != nil {
		return err
	}
	if end == m.endOffset {
		return m.TruncateHead(logStart)
	}
	m.clear()
	for {
		offset, found := m.LatestSnapshot()
		if !found {
			m.lastSnapshot, m.endOffset = logStart, logStart
			return nil
		}
		content, err := vfs.ReadFile(m.fs, m.path(offset))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read producer snapshot: %w", err)
		}
		entries, err := DecodeSnapshot(content)
		if err != nil {
			if m.Damaged != nil {
				m.Damaged(m.path(offset), err)
			}
			if err := m.DeleteSnapshots(func(o int64) bool { return o == offset }); err != nil {
				return err
			}
			continue
		}
		m.load(entries, now)
		m.lastSnapshot, m.endOffset = offset, offset
		return nil
	}
}

func (m *Manager) load(entries []Entry, now int64) {
	for i := range entries {
		e := entries[i]
		if m.expired(&e, now) {
			continue
		}
		if m.entries == nil {
			m.entries = map[int64]*Entry{}
		}
		m.entries[e.ProducerID] = &e
		if e.TxnFirstOffset >= 0 {
			m.ongoing = insert(m.ongoing, txn{e.ProducerID, e.TxnFirstOffset, -1})
		}
	}
}

// TruncateHead follows a raised log start: ended transactions before it are forgotten, snapshots
// before it removed.
func (m *Manager) TruncateHead(logStart int64) error {
	m.OnHighWatermark(logStart)
	m.endOffset = max(m.endOffset, logStart)
	if err := m.DeleteSnapshots(func(o int64) bool { return o < logStart }); err != nil {
		return err
	}
	m.lastSnapshot = logStart
	if latest, found := m.LatestSnapshot(); found {
		m.lastSnapshot = latest
	}
	return nil
}

// TruncateFully forgets everything, snapshots too; the state ends at end.
func (m *Manager) TruncateFully(end int64) error {
	m.clear()
	m.lastSnapshot, m.endOffset = 0, end
	return m.DeleteSnapshots(func(int64) bool { return true })
}

package producer

import (
	"fmt"
	"slices"

	"momus/storage/record"
	"momus/storage/vfs"
)

// Completed is a transaction that a marker ended.
type Completed struct {
	ProducerID  int64
	FirstOffset int64
	LastOffset  int64 // of the marker
	Aborted     bool
}

// txn is a transaction that is open, or ended but not yet below the high watermark.
type txn struct {
	producerID  int64
	firstOffset int64
	lastOffset  int64 // of the marker, -1 while open
}

// change is an entry as it will be after an append.
type change struct {
	entry Entry
	known bool // the log knew the producer before
}

// Manager is the producer state of one log up to an end offset.
type Manager struct {
	// Admit, if set, is asked before a batch opens a transaction, but not for one that is
	// replicated or recovered; its error refuses the batch. It is called under the log's lock and
	// must not wait.
	Admit func(producerID int64, epoch int16) error
	// History, if set, is where Prepare looks for what a snapshot does not tell; see recall. It is
	// called under the log's lock.
	History History
	// Damaged, if set, is told of a snapshot file that cannot be read and is passed over: an older
	// one, or the log, has to say it all.
	Damaged func(file string, err error)

	fs           vfs.FS
	dir          string
	expirationMs int64

	entries      map[int64]*Entry // nil until the first
	ongoing      []txn            // ascending first offsets
	unreplicated []txn            // ascending first offsets
	endOffset    int64
	lastSnapshot int64
	// snapshotUnsynced tells that the last snapshot may not be durable.
	snapshotUnsynced bool
	snapshots        []int64 // offsets of the snapshot files, ascending

	changes   []change // of the append being prepared
	started   []txn
	completed []Completed
	staged    []change // of appends that are to be written together with it, the latest of a producer last
	begun     []txn    // by them
}

// NewManager returns an empty state for the log in dir, whose snapshot files (see SnapshotOffset)
// are given in any order. expirationMs is how long an idle producer is remembered.
func NewManager(f vfs.FS, dir string, expirationMs int64, snapshots []int64) *Manager {
	snapshots = slices.Clone(snapshots)
	slices.Sort(snapshots)
	return &Manager{fs: f, dir: dir, expirationMs: expirationMs, snapshots: snapshots}
}

// SetDir says where the log is after its directory was renamed.
func (m *Manager) SetDir(dir string) { m.dir = dir }

// Prepare checks a batch of the append being prepared and notes its effect; batches without
// producer id have none. For OriginClient, repeated is true and what was remembered is returned if
// the producer sent the batch before. The errors are INVALID_PRODUCER_EPOCH,
// OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE, TRANSACTION_COORDINATOR_FENCED and those of
// Admit; with OriginReplication there are none. After the last batch call Commit, or Rollback.
func (m *Manager) Prepare(b record.Batch, origin record.Origin) (known Batch, repeated bool, err error) {
	if !b.HasProducerID() {
		return Batch{}, false, nil
	}
	id := b.ProducerID()
	current := m.current(id)
	if origin == record.OriginClient && current != nil {
		if err := m.recall(current, b); err != nil {
			return Batch{}, false, err
		}
		if known, repeated := current.duplicate(b); repeated {
			return known, true, nil
		}
	}
	control := b.IsControl()
	var kind record.ControlType
	var coordinatorEpoch int32
	if control {
		if b.Count() == 0 {
			return Batch{}, false, nil // the cleaner removed the whole transaction
		}
		kind, coordinatorEpoch, err = b.ControlType()
		if err == nil && kind != record.ControlAbort && kind != record.ControlCommit {
			return Batch{}, false, nil
		}
		if err != nil {
			if origin == record.OriginReplication {
				return Batch{}, false, nil // of a later version; not for us to judge
			}
			return Batch{}, false, err
		}
	}
	c := m.change(id, current)
	if control {
		end, began, err := c.entry.appendMarker(b, kind, coordinatorEpoch, origin)
		if err != nil {
			return Batch{}, false, err
		}
		if began {
			m.started = append(m.started, txn{id, end.FirstOffset, -1})
		}
		m.completed = append(m.completed, end)
		return Batch{}, false, nil
	}
	began, err := c.entry.appendData(b, origin, c.known)
	if began && err == nil && origin != record.OriginReplication && m.Admit != nil {
		if err := m.Admit(id, b.ProducerEpoch()); err != nil {
			return Batch{}, false, fmt.Errorf("producer %d with epoch %d at offset %d: %w", id, b.ProducerEpoch(), b.BaseOffset(), err)
		}
	}
	if began {
		m.started = append(m.started, txn{id, b.BaseOffset(), -1})
	}
	return Batch{}, false, err
}

func (m *Manager) change(id int64, current *Entry) *change {
	for i := range m.changes {
		if m.changes[i].entry.ProducerID == id {
			return &m.changes[i]
		}
	}
	c := change{entry: emptyEntry(id)}
	if current != nil {
		c = change{entry: *current, known: current.Epoch != -1}
	}
	m.changes = append(m.changes, c)
	return &m.changes[len(m.changes)-1]
}

// current is what is known of a producer, staged appends included; nil if nothing is.
func (m *Manager) current(id int64) *Entry {
	for i := len(m.staged) - 1; i >= 0; i-- {
		if e := &m.staged[i].entry; e.ProducerID == id {
			return e
		}
	}
	return m.entries[id]
}

// Rollback forgets the append being prepared.
func (m *Manager) Rollback() {
	m.changes, m.started, m.completed = m.changes[:0], m.started[:0], m.completed[:0]
}

// Stage ends the preparation of an append that is to be written together with the next ones: those
// are checked as if it were in the log already. It must not hold markers. Commit makes all staged
// appends count, Unstage forgets them.
func (m *Manager) Stage() {
	m.staged = append(m.staged, m.changes...)
	m.begun = append(m.begun, m.started...)
	m.Rollback()
}

// Unstage forgets the staged appends.
func (m *Manager) Unstage() { m.staged, m.begun = m.staged[:0], m.begun[:0] }

// Commit makes the effects of the prepared append, and of staged ones before it, count and returns
// the transactions that it ended, in order, for Complete. The slice is valid until the next
// Prepare.
func (m *Manager) Commit() []Completed {
	m.keep(m.staged, m.begun)
	m.keep(m.changes, m.started)
	m.Unstage()
	completed := m.completed
	m.Rollback()
	return completed
}

func (m *Manager) keep(changes []change, started []txn) {
	for i := range changes {
		changed := &changes[i].entry
		if e := m.entries[changed.ProducerID]; e != nil {
			*e = *changed
			continue
		}
		if m.entries == nil {
			m.entries = map[int64]*Entry{}
		}
		e := *changed
		m.entries[e.ProducerID] = &e
	}
	for _, t := range started {
		m.ongoing = insert(m.ongoing, t)
	}
}

func insert(txns []txn, t txn) []txn {
	i, found := slices.BinarySearchFunc(txns, t.firstOffset, func(t txn, first int64) int { return compare(t.firstOffset, first) })
	if found {
		txns[i] = t
		return txns
	}
	return slices.Insert(txns, i, t)
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Complete moves an ended transaction from the open to the unreplicated ones and returns the last
// stable offset right after it: the first offset of the earliest transaction of another producer
// that is open, or the offset after the marker.
func (m *Manager) Complete(c Completed) (lastStableOffset int64) {
	lastStableOffset = c.LastOffset + 1
	for _, t := range m.ongoing {
		if t.producerID != c.ProducerID {
			lastStableOffset = t.firstOffset
			break
		}
	}
	for i, t := range m.ongoing {
		if t.firstOffset == c.FirstOffset {
			m.ongoing = slices.Delete(m.ongoing, i, i+1)
			break
		}
	}
	m.unreplicated = insert(m.unreplicated, txn{c.ProducerID, c.FirstOffset, c.LastOffset})
	return lastStableOffset
}

// FirstUnstableOffset is the first offset of the earliest transaction that is open or unreplicated;
// false if there is none.
func (m *Manager) FirstUnstableOffset() (int64, bool) {
	first, found := int64(0), false
	if len(m.ongoing) > 0 {
		first, found = m.ongoing[0].firstOffset, true
	}
	if len(m.unreplicated) > 0 && (!found || m.unreplicated[0].firstOffset < first) {
		first, found = m.unreplicated[0].firstOffset, true
	}
	return first, found
}

// OnHighWatermark forgets the ended transactions whose marker is below the high watermark.
func (m *Manager) OnHighWatermark(highWatermark int64) {
	m.unreplicated = slices.DeleteFunc(m.unreplicated, func(t txn) bool { return t.lastOffset < highWatermark })
}

// HasUnreplicated tells whether OnHighWatermark may change anything.
func (m *Manager) HasUnreplicated() bool { return len(m.unreplicated) > 0 }

// EndOffset is the offset up to which the state is that of the log.
func (m *Manager) EndOffset() int64 { return m.endOffset }

// SetEndOffset notes that everything below o is in the state.
func (m *Manager) SetEndOffset(o int64) { m.endOffset = o }

// Empty tells whether no producer is remembered.
func (m *Manager) Empty() bool { return len(m.entries) == 0 }

// Entries returns copies of all entries, ordered by producer id.
func (m *Manager) Entries() []Entry {
	all := make([]Entry, 0, len(m.entries))
	for _, e := range m.entries {
		all = append(all, *e)
	}
	slices.SortFunc(all, func(a, b Entry) int { return compare(a.ProducerID, b.ProducerID) })
	return all
}

// expired tells whether an entry is to be forgotten at now (ms): idle for long, by record time, and
// without open transaction.
func (m *Manager) expired(e *Entry, now int64) bool {
	return e.TxnFirstOffset < 0 && now-e.LastTimestamp >= m.expirationMs
}

// RemoveExpired forgets idle producers; now is in ms.
func (m *Manager) RemoveExpired(now int64) {
	for id, e := range m.entries {
		if m.expired(e, now) {
			delete(m.entries, id)
		}
	}
}

func (m *Manager) clear() {
	m.entries, m.ongoing, m.unreplicated = nil, nil, nil
	m.Rollback()
	m.Unstage()
}

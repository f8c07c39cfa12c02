package producer

import (
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"momus/internal/kerr"
	"momus/storage/record"
	"momus/storage/vfs"
)

const day = 24 * 3600 * 1000

func newManager() *Manager { return NewManager(vfs.NewMem(), "/", 7*day, nil) }

// batch describes a batch of a producer; marker: 0 data, 'c' commit, 'a' abort.
type batch struct {
	pid              int64
	epoch            int16
	seq              int32
	count            int
	offset           int64
	txn              bool
	marker           byte
	coordinatorEpoch int32
	ts               int64
}

func (d batch) build() record.Batch {
	if d.marker != 0 {
		b := record.Batch(record.ControlBatch(d.pid, d.epoch, d.coordinatorEpoch, d.marker == 'c', d.ts))
		b.SetBaseOffset(d.offset)
		return b
	}
	o := record.DefaultOptions()
	o.BaseOffset, o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Transactional = d.offset, d.pid, d.epoch, d.seq, d.txn
	w := record.NewBuilder(o)
	for range max(d.count, 1) {
		w.Append(d.ts, nil, []byte("v"))
	}
	return record.Batch(w.Bytes())
}

func (m *Manager) apply(d batch, origin record.Origin) (known Batch, repeated bool, err error) {
	known, repeated, err = m.Prepare(d.build(), origin)
	if err != nil || repeated {
		m.Rollback()
		return known, repeated, err
	}
	for _, end := range m.Commit() {
		m.Complete(end)
	}
	m.SetEndOffset(d.build().NextOffset())
	return known, repeated, err
}

// TestSequences appends batches one after the other; the last one is judged.
func TestSequences(t *testing.T) {
	const client, coordinator, replication = record.OriginClient, record.OriginCoordinator, record.OriginReplication
	for name, test := range map[string]struct {
		batches []batch
		origin  record.Origin
		want    error
	}{
		"new producer at 0":                 {[]batch{{pid: 1}}, client, nil},
		"new producer anywhere":             {[]batch{{pid: 1, seq: 17}}, client, nil},
		"next":                              {[]batch{{pid: 1, count: 3}, {pid: 1, seq: 3}}, client, nil},
		"gap":                               {[]batch{{pid: 1, count: 3}, {pid: 1, seq: 4}}, client, kerr.OutOfOrderSequenceNumber},
		"overlap":                           {[]batch{{pid: 1, count: 3}, {pid: 1, seq: 2, count: 3}}, client, kerr.OutOfOrderSequenceNumber},
		"gap from the leader":               {[]batch{{pid: 1, count: 3}, {pid: 1, seq: 9}}, replication, nil},
		"gap from a coordinator":            {[]batch{{pid: 1, count: 3}, {pid: 1, seq: 9}}, coordinator, nil},
		"other producer":                    {[]batch{{pid: 1, count: 3}, {pid: 2, seq: 0}}, client, nil},
		"wrap":                              {[]batch{{pid: 1, seq: math.MaxInt32}, {pid: 1, seq: 0}}, client, nil},
		"wrap inside":                       {[]batch{{pid: 1, seq: math.MaxInt32, count: 3}, {pid: 1, seq: 2}}, client, nil},
		"new epoch at 0":                    {[]batch{{pid: 1, count: 3}, {pid: 1, epoch: 1}}, client, nil},
		"new epoch not at 0":                {[]batch{{pid: 1, count: 3}, {pid: 1, epoch: 1, seq: 3}}, client, kerr.OutOfOrderSequenceNumber},
		"old epoch":                         {[]batch{{pid: 1, epoch: 5}, {pid: 1, epoch: 4}}, client, kerr.InvalidProducerEpoch},
		"old epoch of a coordinator":        {[]batch{{pid: 1, epoch: 5}, {pid: 1, epoch: 4}}, coordinator, kerr.InvalidProducerEpoch},
		"old epoch from the leader":         {[]batch{{pid: 1, epoch: 5}, {pid: 1, epoch: 4}}, replication, nil},
		"data outside an open transaction":  {[]batch{{pid: 1, txn: true}, {pid: 1, seq: 1}}, client, kerr.InvalidTxnState},
		"after a marker of the same epoch":  {[]batch{{pid: 1, txn: true}, {pid: 1, marker: 'c', offset: 1}, {pid: 1, seq: 1, txn: true, offset: 2}}, client, nil},
		"marker bumped the epoch, at 0":     {[]batch{{pid: 1, txn: true}, {pid: 1, epoch: 1, marker: 'a', offset: 1}, {pid: 1, epoch: 1, txn: true, offset: 2}}, client, nil},
		"marker bumped the epoch, not at 0": {[]batch{{pid: 1, txn: true}, {pid: 1, epoch: 1, marker: 'a', offset: 1}, {pid: 1, epoch: 1, seq: 1, txn: true, offset: 2}}, client, kerr.OutOfOrderSequenceNumber},
		"marker of an old epoch":            {[]batch{{pid: 1, epoch: 3, txn: true}, {pid: 1, epoch: 2, marker: 'c', offset: 1}}, coordinator, kerr.InvalidProducerEpoch},
		"marker of an old coordinator":      {[]batch{{pid: 1, marker: 'c', coordinatorEpoch: 4}, {pid: 1, marker: 'c', coordinatorEpoch: 3, offset: 1}}, coordinator, kerr.TransactionCoordinatorFenced},
		"the same, from the leader":         {[]batch{{pid: 1, marker: 'c', coordinatorEpoch: 4}, {pid: 1, marker: 'c', coordinatorEpoch: 3, offset: 1}}, replication, nil},
	} {
		m := newManager()
		for i, d := range test.batches {
			if i < len(test.batches)-1 {
				if _, _, err := m.apply(d, record.OriginReplication); err != nil {
					t.Fatalf("%s: batch %d: %v", name, i, err)
				}
				continue
			}
			if _, repeated, err := m.apply(d, test.origin); !errors.Is(err, test.want) || repeated {
				t.Errorf("%s: %v (repeated %v), want %v", name, err, repeated, test.want)
			}
		}
	}
}

// TestDuplicates repeats each of seven batches: the last five are known.
func TestDuplicates(t *testing.T) {
	m := newManager()
	var sent []batch
	for i := range 7 {
		d := batch{pid: 1, seq: int32(2 * i), count: 2, offset: int64(100 + 2*i), ts: int64(1000 + i)}
		sent = append(sent, d)
		if _, _, err := m.apply(d, record.OriginClient); err != nil {
			t.Fatal(err)
		}
	}
	for i, d := range sent {
		d.offset = 0
		known, repeated, err := m.apply(d, record.OriginClient)
		switch {
		case i < 2:
			if repeated || !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
				t.Errorf("batch %d: repeated %v, %v", i, repeated, err)
			}
		case !repeated || err != nil || known.FirstOffset() != sent[i].offset || known.Timestamp != sent[i].ts:
			t.Errorf("batch %d: repeated %v, %v, %v", i, repeated, known, err)
		}
	}
	half := sent[6]
	half.count = 1
	if _, repeated, err := m.apply(half, record.OriginClient); repeated || err == nil {
		t.Errorf("half of a batch: repeated %v, %v", repeated, err)
	}
	if _, repeated, _ := m.apply(sent[6], record.OriginReplication); repeated {
		t.Error("what the leader sends is never a repetition")
	}
}

// TestFailedAppendLeavesNoTrace rolls back after the second batch of an append.
func TestFailedAppendLeavesNoTrace(t *testing.T) {
	m := newManager()
	if _, _, err := m.Prepare(batch{pid: 1, txn: true}.build(), record.OriginClient); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Prepare(batch{pid: 1, seq: 7, txn: true, offset: 1}.build(), record.OriginReplication); err != nil {
		t.Fatal(err)
	}
	m.Rollback()
	if _, open := m.FirstUnstableOffset(); !m.Empty() || open {
		t.Fatalf("left behind: %v", m.Entries())
	}
}

func TestUnstableOffset(t *testing.T) {
	m := newManager()
	check := func(want int64) {
		t.Helper()
		got, found := m.FirstUnstableOffset()
		if !found {
			got = -1
		}
		if got != want {
			t.Fatalf("first unstable offset %d, want %d", got, want)
		}
	}
	step := func(d batch) (stable []int64) {
		t.Helper()
		if _, _, err := m.Prepare(d.build(), record.OriginCoordinator); err != nil {
			t.Fatal(err)
		}
		for _, end := range m.Commit() {
			stable = append(stable, m.Complete(end))
		}
		return stable
	}
	check(-1)
	step(batch{pid: 1, txn: true, offset: 10})
	check(10)
	step(batch{pid: 2, txn: true, offset: 20})
	check(10)
	if stable := step(batch{pid: 1, marker: 'a', offset: 30}); !slices.Equal(stable, []int64{20}) {
		t.Fatalf("stable offset after the first abort %v", stable)
	}
	check(10) // ended, but not below the high watermark
	m.OnHighWatermark(30)
	check(10)
	m.OnHighWatermark(31)
	check(20)
	if stable := step(batch{pid: 2, marker: 'c', offset: 40}); !slices.Equal(stable, []int64{41}) {
		t.Fatalf("stable offset after the commit %v", stable)
	}
	m.OnHighWatermark(41)
	check(-1)
	// A marker without transaction counts as one that begins and ends there.
	if stable := step(batch{pid: 3, marker: 'a', offset: 50}); !slices.Equal(stable, []int64{51}) {
		t.Fatalf("stable offset after a lone marker %v", stable)
	}
	check(50)
}

// TestKafkaSnapshot reads a file that Kafka wrote and writes the same bytes.
func TestKafkaSnapshot(t *testing.T) {
	text := `0001 93c1fc63 00000003
		0000000000000002 0000 0000002c 0000000000000057 00000002 000001a20455554a ffffffff ffffffffffffffff
		0000000000000001 0000 00000014 000000000000002a 00000004 000001a2045554f6 ffffffff 0000000000000016
		0000000000000000 0000 00000014 0000000000000014 00000002 000001a204555507 00000000 ffffffffffffffff`
	content, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := DecodeSnapshot(content)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 || entries[1].TxnFirstOffset != 22 || entries[0].LastSequence() != 44 || entries[2].CoordinatorEpoch != 0 {
		t.Errorf("read %+v", entries)
	}
	if again := EncodeSnapshot(entries); !slices.Equal(again, content) {
		t.Errorf("wrote %x", again)
	}
	if empty := hex.EncodeToString(EncodeSnapshot(nil)); empty != "000148674bc700000000" {
		t.Errorf("empty snapshot: %s", empty)
	}
}

func TestSnapshotDamage(t *testing.T) {
	entries := []Entry{emptyEntry(5)}
	good := EncodeSnapshot(entries)
	for i := range good {
		for bit := range 8 {
			bad := slices.Clone(good)
			bad[i] ^= 1 << bit
			if _, err := DecodeSnapshot(bad); !errors.Is(err, ErrCorruptSnapshot) {
				t.Errorf("byte %d bit %d: %v", i, bit, err)
			}
		}
		if _, err := DecodeSnapshot(good[:i]); !errors.Is(err, ErrCorruptSnapshot) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
}

func TestReload(t *testing.T) {
	fs := vfs.NewMem()
	m := NewManager(fs, "/", 7*day, nil)
	for i := range int64(4) { // snapshots at 10, 20, 30, 40
		m.apply(batch{pid: i, txn: i == 1, offset: 10*i + 9, ts: day * i}, record.OriginReplication)
		if err := m.TakeSnapshot(); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(m.Snapshots(), []int64{10, 20, 30, 40}) {
		t.Fatalf("snapshots %v", m.Snapshots())
	}
	reload := func(logStart, end, now int64) *Manager {
		t.Helper()
		m := NewManager(fs, "/", 7*day, []int64{40, 10, 30, 20})
		if err := m.Reload(logStart, end, now); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := reload(0, 45, day); m.EndOffset() != 40 || len(m.Entries()) != 4 {
		t.Errorf("at 45: end %d, %v", m.EndOffset(), m.Entries())
	}
	if m := reload(0, 45, 8*day); m.EndOffset() != 40 || len(m.Entries()) != 3 {
		t.Errorf("8 days later (producer 0 expired; 1 has an open transaction): %v", m.Entries())
	}
	if first, open := reload(0, 45, 1000*day).FirstUnstableOffset(); !open || first != 19 {
		t.Errorf("open transaction: %d, %v", first, open)
	}
	// A damaged one is removed and the one before it used; those outside of the log go.
	content, _ := vfs.ReadFile(fs, "/"+SnapshotName(30))
	content[20] ^= 1
	vfs.WriteFileAtomic(fs, "/"+SnapshotName(30), content, false)
	if m := reload(10, 35, day); m.EndOffset() != 20 || !slices.Equal(m.Snapshots(), []int64{20}) {
		t.Errorf("at 35: end %d, snapshots %v", m.EndOffset(), m.Snapshots())
	}
	for offset, want := range map[int64]bool{10: false, 20: true, 30: false, 40: false} {
		if vfs.Exists(fs, "/"+SnapshotName(offset)) != want {
			t.Errorf("snapshot file %d is there: %v", offset, !want)
		}
	}
}

func FuzzSnapshot(f *testing.F) {
	f.Add(EncodeSnapshot(nil))
	f.Add(EncodeSnapshot([]Entry{emptyEntry(1), emptyEntry(2)}))
	f.Fuzz(func(t *testing.T, content []byte) {
		entries, err := DecodeSnapshot(content)
		if err != nil && !errors.Is(err, ErrCorruptSnapshot) {
			t.Fatal(err)
		}
		if err == nil {
			if _, err := DecodeSnapshot(EncodeSnapshot(entries)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestAdmit asks before a transaction is opened, and only then.
func TestAdmit(t *testing.T) {
	m := newManager()
	asked, refuse := 0, error(nil)
	m.Admit = func(producerID int64, epoch int16) error {
		if asked++; producerID != 1 || epoch != 0 {
			t.Errorf("asked for producer %d, epoch %d", producerID, epoch)
		}
		return refuse
	}
	step := func(what string, b batch, origin record.Origin, wantAsked int, want error) {
		t.Helper()
		_, _, err := m.apply(b, origin)
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		if asked != wantAsked {
			t.Errorf("%s: asked %d times, want %d", what, asked, wantAsked)
		}
	}
	data := func(offset int64, seq int32, txn bool) batch {
		return batch{pid: 1, seq: seq, count: 1, offset: offset, txn: txn}
	}
	step("not transactional", data(0, 0, false), record.OriginClient, 0, nil)
	refuse = kerr.NotEnoughReplicas
	step("refused", data(1, 1, true), record.OriginClient, 1, kerr.NotEnoughReplicas)
	if _, open := m.FirstUnstableOffset(); open {
		t.Error("a refused batch opened a transaction")
	}
	refuse = nil
	step("admitted", data(1, 1, true), record.OriginClient, 2, nil)
	refuse = kerr.NotEnoughReplicas
	step("open already", data(2, 2, true), record.OriginClient, 2, nil)
	m2 := newManager()
	m2.Admit = m.Admit
	m = m2
	step("replicated", data(0, 0, true), record.OriginReplication, 2, nil)
}

// TestRecall completes entries that came from a snapshot, also where sequences wrap, and asks the
// log only when that can help.
func TestRecall(t *testing.T) {
	const top = math.MaxInt32
	var log []batch
	for i, seq := range []int32{top - 4, top - 2, top, 1, 3} { // two records each; the third wraps inside
		log = append(log, batch{pid: 1, seq: seq, count: 2, offset: int64(10 + 2*i), ts: int64(i)})
	}
	asked := 0
	restarted := func() *Manager {
		before := newManager()
		for _, d := range log {
			if _, _, err := before.apply(d, record.OriginReplication); err != nil {
				t.Fatal(err)
			}
		}
		entries, err := DecodeSnapshot(EncodeSnapshot(before.Entries()))
		if err != nil {
			t.Fatal(err)
		}
		m := newManager()
		m.load(entries, 0)
		asked = 0
		m.History = func(before int64, visit func(record.Batch), more func() bool) error {
			asked++
			for i := len(log) - 1; i >= 0; i -= 2 { // two batches a stretch
				for _, d := range log[max(i-1, 0) : i+1] {
					if d.offset < before {
						visit(d.build())
						visit(batch{pid: 2, seq: d.seq, count: 2, offset: d.offset}.build())
						visit(batch{pid: 1, epoch: 3, seq: d.seq, count: 2, offset: d.offset}.build())
					}
				}
				if !more() {
					return nil
				}
			}
			return nil
		}
		return m
	}
	for i, d := range log {
		m := restarted()
		known, repeated, err := m.apply(batch{pid: 1, seq: d.seq, count: 2}, record.OriginClient)
		if err != nil || !repeated || known.FirstOffset() != d.offset {
			t.Errorf("batch %d: %v %v %v", i, known, repeated, err)
		}
		if want := min(1, len(log)-1-i); asked != want {
			t.Errorf("batch %d: asked %d times, want %d", i, asked, want)
		}
	}
	m := restarted()
	for seq, want := range map[int32]int{5: 0, 4: 0, 7: 0, 1 << 29: 0} { // the next, inside the last, after a gap, far ahead
		if _, repeated, _ := m.Prepare(batch{pid: 1, seq: seq, count: 2}.build(), record.OriginClient); repeated || asked != want {
			t.Errorf("sequence %d: repeated %v, asked %d times", seq, repeated, asked)
		}
		m.Rollback()
	}
	failed := errors.New("disk")
	m.History = func(int64, func(record.Batch), func() bool) error { return failed }
	if _, _, err := m.Prepare(batch{pid: 1, seq: 1, count: 2}.build(), record.OriginClient); !errors.Is(err, failed) {
		t.Error(err)
	}
}

package logdir

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/log"
	"momus/storage/producer"
	"momus/storage/record"
	"momus/storage/vfs"
)

// rowRun is a life with several crashes.
type rowRun struct {
	*crashRun
	mem   *vfs.Mem
	disk  string   // the directory that is to fail while the other lives, or ""
	over  bool     // it cannot go on
	trail []string // what happened, for a person
	// What log start offsets may not fall below again: after a kill, and after a power failure.
	killMark, powerMark map[model.TopicPartition]int64
	sequences           map[model.TopicPartition]map[int64]int32 // what producers send next
}

// TestCrashesInARow takes two log directories through several crashes, each of which a broker
// survives that goes on with whatever the last one has left: processes are killed, in a machine that
// lives on and remembers what is not synced, or power fails; in the middle of an append, a roll, a
// truncation, a deletion of records, a cleaning, a flush, a move or a start. After each of them no
// record is lost that was flushed, or acknowledged with flush.messages=1; none is there twice, none
// is invented, none that was deleted comes back; the last five batches of each producer are known,
// transactions end where they ended, log start offsets do not fall below what was written down, and
// indexes lead to the records. MOMUS_CRASH_SEEDS is how many lives are tried, 300 if it is not set,
// from MOMUS_CRASH_FROM on.
func TestCrashesInARow(t *testing.T) {
	number := func(name string, n uint64) uint64 {
		if s := os.Getenv(name); s != "" {
			var err error
			if n, err = strconv.ParseUint(s, 10, 32); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	from, seeds := number("MOMUS_CRASH_FROM", 1), number("MOMUS_CRASH_SEEDS", 300)
	var mu sync.Mutex
	met := map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		const together = 100 // lives in a subtest: each costs memory until all are done
		for first := from; first < from+seeds; first += together {
			t.Run(fmt.Sprint(first), func(t *testing.T) {
				t.Parallel()
				for seed := first; seed < min(first+together, from+seeds) && !t.Failed(); seed++ {
					done := crashesInARow(t, seed)
					mu.Lock()
					for op, n := range done {
						met[op] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Log(met)
	for _, op := range []string{"append", "together", "marker", "roll", "flush", "tasks", "checkpoint", "truncate", "raise", "retention", "clean", "delete", "restart", "move", "copy", "cancel", "swap", "kill", "power", "crash in a start", "disk failure"} {
		if met[op] == 0 && !t.Failed() {
			t.Errorf("no life had a %s", op)
		}
	}
}

func crashesInARow(t *testing.T, seed uint64) map[string]int {
	mem := vfs.NewMem()
	r := &rowRun{crashRun: newCrashRun(t, seed, nil), mem: mem, killMark: map[model.TopicPartition]int64{}, powerMark: map[model.TopicPartition]int64{},
		sequences: map[model.TopicPartition]map[int64]int32{}}
	r.ghosts = map[value]bool{}
	if seed%4 == 0 { // what is acknowledged is durable
		r.opts.TopicConfig("t").FlushMessages = 1
	}
	r.rnd = rand.New(rand.NewPCG(seed, 23))
	for crash := range 2 + r.rnd.IntN(4) {
		// The next crash is in one of the next calls, or after the last step. Some begin with a single
		// call that fails, as on a full disk.
		fault := vfs.NewFault(r.mem)
		rule := vfs.Rule{Skip: r.rnd.IntN(150), Err: errCrash, Short: r.rnd.IntN(120)}
		r.disk = ""
		switch r.rnd.IntN(6) {
		case 0, 1:
			rule.Times = 1 + r.rnd.IntN(2)
			rule.Op = []vfs.Op{"", vfs.OpWrite, vfs.OpCreate, vfs.OpSync, vfs.OpTruncate, vfs.OpRead, vfs.OpOpen, vfs.OpStat}[r.rnd.IntN(8)]
		case 2:
			r.disk = r.opts.Dirs[r.rnd.IntN(2)]
			rule.Under, rule.Skip = r.disk, r.rnd.IntN(60)
		}
		fault.Inject(rule)
		r.opts.FS = fault
		err := r.live(3 + r.rnd.IntN(30))
		if err != nil && !strings.Contains(err.Error(), errCrash.Error()) {
			t.Fatalf("seed %d, crash %d: %v after %v", seed, crash, err, r.trail)
		}
		if r.m == nil {
			r.done["crash in a start"]++
		} else {
			r.m.unlock() // the process is no more
		}
		power := r.rnd.IntN(2) == 0
		how := "kill"
		if power {
			how = "power"
			if r.rnd.IntN(3) == 0 {
				r.mem = r.mem.CrashClone(nil)
			} else {
				r.mem = r.mem.CrashClone(r.rnd)
			}
		}
		r.done[how]++
		r.trail = append(r.trail, how)
		r.opts.FS = r.mem
		if r.rnd.IntN(4) == 0 { // the start crashes, too
			fault := vfs.NewFault(r.mem)
			rule := vfs.Rule{Skip: r.rnd.IntN(40), Err: errCrash, Short: r.rnd.IntN(120)}
			if r.rnd.IntN(2) == 0 { // or something cannot be read, which takes nothing away
				rule.Op = []vfs.Op{vfs.OpRead, vfs.OpOpen, vfs.OpStat, vfs.OpReadDir}[r.rnd.IntN(4)]
				rule.Times = r.rnd.IntN(3)
			}
			fault.Inject(rule)
			again := r.opts
			again.FS = fault
			if m, err := Open(t.Context(), again); err == nil || m != nil {
				m.unlock()
			}
			r.done["crash in a start"]++
			r.trail = append(r.trail, "start crashed")
			if r.rnd.IntN(2) == 0 {
				power = true
				r.mem = r.mem.CrashClone(r.rnd)
				r.opts.FS = r.mem
				r.trail = append(r.trail, "power")
			}
		}
		r.survive(fmt.Sprintf("seed %d, crash %d (%v)", seed, crash, err), power)
		if r.over {
			break
		}
		if t.Failed() {
			t.Logf("seed %d: %v", seed, strings.Join(r.trail, ", "))
			break
		}
		r.m.unlock()
		r.m = nil
	}
	return r.done
}

// live opens the directories and carries out some steps.
func (r *rowRun) live(steps int) (err error) {
	m, err := Open(r.t.Context(), r.opts)
	if err != nil {
		if m != nil {
			m.unlock()
		}
		r.m = nil
		return err
	}
	r.m = m
	if err := r.failed(); err != nil {
		return err
	}
	r.epoch++ // it leads in a new epoch
	for _, l := range m.All() {
		l.UpdateHighWatermark(l.LogEndOffset())
	}
	var lost map[model.TopicPartition]logModel // what was in progress in logs whose disk has failed
	defer func() {
		for p, s := range lost {
			r.next[p] = s
		}
	}()
	for range steps {
		p := tp("t", r.rnd.Int32N(2))
		if _, ok := lost[p]; ok {
			continue
		}
		restarts := r.done["restart"]
		err := r.anyStep(p)
		if err == nil && lost == nil {
			err = r.failed()
		}
		if err == nil {
			r.complete()
			continue
		}
		if lost != nil {
			return errors.Join(errCrash, err)
		}
		if r.disk == "" || r.done["restart"] != restarts || r.failed() == nil {
			return err
		}
		// The other directory lives on.
		r.done["disk failure"]++
		r.trail = append(r.trail, "disk failure")
		lost = maps.Clone(r.next)
		clear(r.next)
		for _, l := range r.m.All() {
			if _, ok := lost[l.TopicPartition()]; !ok && DirOf(l) == r.disk {
				lost[l.TopicPartition()] = r.now[l.TopicPartition()]
			}
		}
		if err := r.m.handleFailure(r.m.dir(r.disk)); err != nil {
			return err
		}
	}
	return nil
}

// failed is why a directory is offline.
func (r *rowRun) failed() error {
	for _, d := range r.m.dirs {
		if err := d.err(); err != nil {
			return err
		}
	}
	return nil
}

func (r *rowRun) anyStep(p model.TopicPartition) error {
	l := r.m.Get(p)
	if l == nil || r.rnd.IntN(3) == 0 {
		before := maps.Clone(r.done)
		err := r.step(p)
		for op, n := range r.done {
			if n != before[op] {
				r.trail = append(r.trail, fmt.Sprintf("%s %d", op, p.Partition))
				if err == nil {
					r.mark(op)
				}
			}
		}
		return err
	}
	moving := r.m.Future(p) != nil
	switch n := r.rnd.IntN(20); {
	case n < 13:
		return r.appendAny(p, l)
	case n < 15:
		r.note("roll", p)
		return l.Roll()
	case n < 16:
		r.note("flush", p)
		return l.Flush(r.rnd.Int64N(l.LogEndOffset() + 1))
	case n < 18 && !moving:
		return r.retention(p, l)
	default:
		r.note("checkpoint", p)
		r.m.checkpointAll(r.m.writeRecoveryPoints)
		r.m.checkpointAll(r.m.writeLogStarts)
		r.mark("checkpoint")
	}
	return nil
}

func (r *rowRun) note(op string, p model.TopicPartition) {
	r.done[op]++
	r.trail = append(r.trail, fmt.Sprintf("%s %d", op, p.Partition))
}

// mark notes the log starts that are written down.
func (r *rowRun) mark(op string) {
	switch op {
	case "delete": // it begins anew
		for _, marks := range []map[model.TopicPartition]int64{r.killMark, r.powerMark} {
			maps.DeleteFunc(marks, func(p model.TopicPartition, _ int64) bool { return r.m.Get(p) == nil })
		}
	case "restart", "checkpoint":
		if r.failed() != nil {
			return
		}
		for _, l := range r.m.All() {
			r.killMark[l.TopicPartition()] = l.LogStartOffset()
			if op == "restart" {
				r.powerMark[l.TopicPartition()] = l.LogStartOffset()
			}
		}
	}
}

// retention takes all segments but the last ones.
func (r *rowRun) retention(p model.TopicPartition, l *log.Log) error {
	r.note("retention", p)
	state := r.now[p].clone()
	limit := r.rnd.Int64N(2000)
	raise := func(to int64) {
		state.start = max(state.start, to)
		for o, v := range state.records {
			if o < state.start {
				state.below[o] = v
				delete(state.records, o)
			}
		}
	}
	raise(l.LogEndOffset())
	r.next[p] = state
	c := *l.Config()
	c.RetentionBytes = limit
	if err := l.UpdateConfig(&c); err != nil {
		return err
	}
	if _, err := l.DeleteOldSegments(); err != nil {
		return err
	}
	state = r.now[p].clone()
	raise(l.LogStartOffset())
	r.next[p] = state
	return l.UpdateConfig(r.opts.TopicConfig(p.Topic))
}

// appendAny appends one to four batches: of idempotent producers 1 and 2, of producers 3 and 4 with
// transactions, or of nobody.
func (r *rowRun) appendAny(p model.TopicPartition, l *log.Log) error {
	state := r.now[p].clone()
	known := map[int64]producer.Entry{}
	for _, e := range l.ActiveProducers() {
		known[e.ProducerID] = e
	}
	next := map[int64]int32{}
	for id := range int64(5) {
		// A producer that the log has forgotten goes on all the same.
		next[id] = r.sequences[p][id]
		if e, ok := known[id]; ok {
			next[id] = e.LastSequence() + 1
		}
	}
	if id := 3 + r.rnd.Int64N(2); known[id].TxnFirstOffset >= 0 && known[id].ProducerID == id && r.rnd.IntN(2) == 0 {
		r.note("marker", p)
		r.count++
		state.records[state.end] = value{fmt.Sprint("marker ", r.count), r.epoch}
		state.end++
		r.next[p] = state
		_, err := l.AppendAsLeader(record.ControlBatch(id, 0, int32(r.count), r.rnd.IntN(2) == 0, r.time()), r.epoch, record.OriginCoordinator)
		l.UpdateHighWatermark(l.LogEndOffset())
		return err
	}
	var list []*log.Append
	for range max(1, r.rnd.IntN(6)-1) {
		o := record.DefaultOptions()
		if id := r.rnd.Int64N(5); id > 0 {
			o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Transactional = id, 0, next[id], id > 2
		}
		w := record.NewBuilder(o)
		n := 1 + r.rnd.IntN(3)
		for range n {
			r.count++
			v := value{fmt.Sprint("record ", r.count), r.epoch}
			w.Append(r.time(), nil, []byte(v.text))
			state.records[state.end] = v
			state.end++
		}
		next[o.ProducerID] += int32(n)
		list = append(list, &log.Append{Records: w.Bytes(), Origin: record.OriginClient})
	}
	r.sequences[p] = next
	op := "append"
	if len(list) > 1 {
		op = "together"
	}
	r.note(op, p)
	r.next[p] = state
	if r.unsure == nil {
		r.unsure = map[value]bool{}
	}
	for o, v := range state.records { // if one fails, those behind it get its offsets
		if o >= r.now[p].end {
			r.unsure[v] = true
		}
	}
	l.AppendTogether(r.epoch, list)
	l.UpdateHighWatermark(l.LogEndOffset())
	var errs []error
	for _, a := range list {
		errs = append(errs, a.Err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, v := range state.records {
		delete(r.unsure, v)
	}
	if l.Config().FlushMessages == 1 {
		state.flushed = state.end
		r.next[p] = state
	}
	return nil
}

// time is one of a record: it grows, but not always.
func (r *rowRun) time() int64 { return 1_800_000_000_000 + int64(r.count) - r.rnd.Int64N(4) }

// survive opens what a crash left, compares it with the model, and takes it for the model of what
// follows.
func (r *rowRun) survive(name string, power bool) {
	r.t.Helper()
	m, err := Open(r.t.Context(), r.opts)
	// A disk that fails at the end of a move, and a power failure that takes from the original what the
	// copy has, and the copy what came after it: a person decides, as Apache Kafka wants it always.
	if err != nil && r.done["disk failure"] > 0 && strings.Contains(err.Error(), "they differ") {
		r.over = true
		return
	}
	if err != nil {
		r.t.Errorf("%s: open: %v", name, err)
		return
	}
	r.m = m
	for _, p := range []model.TopicPartition{tp("t", 0), tp("t", 1)} {
		now, next := r.now[p], r.now[p]
		if s, ok := r.next[p]; ok {
			next = s
		}
		records := r.checkLog(name, p, now, next, power)
		l := m.Get(p)
		if l == nil {
			r.now[p] = logModel{}
			delete(r.killMark, p)
			delete(r.powerMark, p)
			continue
		}
		mark := r.killMark[p]
		if power {
			mark = r.powerMark[p]
		}
		if now.exists && next.exists && l.LogStartOffset() < mark {
			r.t.Errorf("%s: %s begins at %d, it was written down that it begins at %d", name, p, l.LogStartOffset(), mark)
		}
		if power {
			r.killMark[p] = min(r.killMark[p], l.LogStartOffset())
		}
		below := maps.Clone(now.below)
		if below == nil {
			below = map[int64]value{}
		}
		for o, v := range now.records {
			if o < l.LogStartOffset() {
				below[o] = v
			}
		}
		flushed := min(now.flushed, l.LogEndOffset())
		if r.next[p].exists {
			flushed = min(flushed, next.flushed)
		}
		r.now[p] = logModel{exists: true, records: records, below: below, start: l.LogStartOffset(), end: l.LogEndOffset(), flushed: flushed,
			top: max(now.top, now.start, next.start, l.LogStartOffset())}
		// What a truncation that was cut short has taken away may come back with a power failure.
		for o, v := range now.records {
			if _, ok := r.next[p]; ok && !power && records[o] != v {
				r.ghosts[v] = true
			}
		}
		l.UpdateHighWatermark(l.LogEndOffset())
		if f := m.Future(p); f != nil && f.LogEndOffset() > l.LogEndOffset() { // the broker compares leader epochs
			if err := m.TruncateTo(f, l.LogEndOffset()); err != nil {
				r.t.Errorf("%s: %v", name, err)
			}
		}
		checkIndexes(r.t, fmt.Sprintf("%s: %s", name, p), l)
		// What was before a log start is forgotten, even if a power failure brings it back.
		checkTransactions(r.t, fmt.Sprintf("%s: %s", name, p), l, r.now[p].top)
		checkProducers(r.t, fmt.Sprintf("%s: %s", name, p), l, r.now[p].top, r.epoch)
	}
	m.CheckpointDue()
	clear(r.next)
	clear(r.unsure)
}

// checkIndexes looks every record up by its offset and by its time.
func checkIndexes(t *testing.T, name string, l *log.Log) {
	t.Helper()
	type timed struct{ offset, timestamp int64 }
	var bySegment [][]timed
	var largest []int64
	for _, s := range l.Segments() {
		var records []timed
		last := int64(-1)
		err := s.ForEachBatch(true, func(b record.Batch, _ int) error {
			last = max(last, b.MaxTimestamp())
			if b.LastOffset() >= l.LogStartOffset() {
				o := max(b.BaseOffset(), l.LogStartOffset())
				read, err := l.Read(o, 1, log.UpToLogEnd, true)
				if err != nil {
					return err
				}
				raw := make([]byte, read.Records.Len())
				_, err = read.Records.ReadAt(raw, 0)
				read.Records.Release()
				found, _, parseErr := record.Next(raw)
				if err != nil || parseErr != nil || found == nil || found.BaseOffset() != b.BaseOffset() || found.LastOffset() != b.LastOffset() {
					t.Errorf("%s: offset %d leads to %v, %v, %v, not to [%d, %d]", name, o, found, err, parseErr, b.BaseOffset(), b.LastOffset())
				}
			}
			return b.ForEach(nil, func(rec *record.Record) error {
				records = append(records, timed{rec.Offset, rec.Timestamp})
				return nil
			})
		})
		if err != nil {
			t.Errorf("%s: segment at %d: %v", name, s.BaseOffset(), err)
			return
		}
		if next, err := s.NextOffset(); err != nil || len(records) > 0 && next <= records[len(records)-1].offset {
			t.Errorf("%s: the segment at %d ends at %d, %v", name, s.BaseOffset(), next, err)
		}
		bySegment, largest = append(bySegment, records), append(largest, last)
		if is, err := s.LargestTimestamp(); last >= 0 && (err != nil || is != last) {
			t.Errorf("%s: the largest time of the segment at %d is %d, not %d: %v", name, s.BaseOffset(), is, last, err)
		}
	}
	first := 0
	for i, s := range l.Segments() {
		if s.BaseOffset() <= l.LogStartOffset() {
			first = i
		}
	}
	for _, records := range bySegment {
		for _, at := range records {
			want, found := timed{}, false
			if i := slices.IndexFunc(largest[first:], func(n int64) bool { return n >= at.timestamp }); i >= 0 {
				for _, rec := range bySegment[first+i] {
					if !found && rec.timestamp >= at.timestamp && rec.offset >= l.LogStartOffset() {
						want, found = rec, true
					}
				}
			}
			is, ok, err := l.OffsetForTimestamp(at.timestamp)
			if err != nil || ok != found || found && (is.Offset != want.offset || is.Timestamp != want.timestamp) {
				t.Errorf("%s: time %d leads to %d (%v, %v), not %d (%v)", name, at.timestamp, is.Offset, ok, err, want.offset, found)
				return
			}
		}
	}
}

// checkTransactions compares what the log knows of transactions with its batches from start on.
func checkTransactions(t *testing.T, name string, l *log.Log, start int64) {
	t.Helper()
	// A transaction that may have begun before the log start begins wherever the log still knows.
	open, vague := map[int64]int64{}, map[int64]bool{}
	for id := range int64(5) {
		vague[id] = l.FirstBaseOffset() > 0
	}
	want, pass := map[[3]int64]bool{}, map[int64]bool{}
	for _, b := range batches(t, l) {
		id := b.ProducerID()
		if first, ok := open[id]; b.IsControl() {
			kind, _, err := b.ControlType()
			if err != nil {
				t.Fatal(err)
			}
			if !ok || first < start || vague[id] {
				pass[b.BaseOffset()] = true
			} else if kind == record.ControlAbort {
				want[[3]int64{id, first, b.BaseOffset()}] = true
			}
			delete(open, id)
			vague[id] = false
		} else if !ok && b.IsTransactional() {
			open[id] = b.BaseOffset()
		}
	}
	aborted, err := l.CollectAborted(start, l.LogEndOffset())
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	have := map[[3]int64]bool{}
	for _, a := range aborted {
		if !pass[a.LastOffset] && a.LastOffset >= start {
			have[[3]int64{a.ProducerID, a.FirstOffset, a.LastOffset}] = true
		}
	}
	if !maps.Equal(want, have) {
		t.Errorf("%s: aborted are %v, not %v", name, have, want)
	}
	first, certain := int64(-1), true
	for id, o := range open {
		certain = certain && o >= start && !vague[id]
		if first < 0 || o < first {
			first = o
		}
	}
	for id := range vague { // its transaction may have nothing left in the log
		certain = certain && (!vague[id] || id < 3)
	}
	if is, ok := l.FirstUnstableOffset(); certain && (ok != (first >= 0) || ok && is != first) {
		t.Errorf("%s: the first unstable offset is %d (%v), not %d", name, is, ok, first)
	}
}

// checkProducers sends the last five batches of each producer from start on again, and one that
// leaves a gap.
func checkProducers(t *testing.T, name string, l *log.Log, start int64, epoch int32) {
	t.Helper()
	sent := map[int64][]record.Batch{}
	for _, b := range batches(t, l) {
		if b.HasProducerID() && !b.IsControl() && b.BaseOffset() >= start {
			sent[b.ProducerID()] = append(sent[b.ProducerID()], b)
		}
	}
	end := l.LogEndOffset()
	for id, list := range sent {
		last := list[len(list)-1]
		// One of whom only the end of a transaction was left has begun again with 0.
		if i := slices.IndexFunc(list, func(b record.Batch) bool {
			return b.LastSequence() > last.BaseSequence() && b.BaseOffset() < last.BaseOffset()
		}); i >= 0 {
			continue
		}
		for i, b := range list[max(0, len(list)-5):] {
			// Those that a cleaning took count, too.
			if last.LastSequence()-b.LastSequence() != recordsAfter(list, b) {
				continue
			}
			again := slices.Clone(b)
			again.SetLastOffset(int64(b.Count()) - 1)
			info, err := l.AppendAsLeader(again, epoch, record.OriginClient)
			if err != nil || !info.Duplicate || info.FirstOffset != b.BaseOffset() || info.LastOffset != b.LastOffset() {
				t.Errorf("%s: batch %d of the last of producer %d, at %d, sent again is at %d: duplicate %v, %v", name, i, id, b.BaseOffset(), info.FirstOffset, info.Duplicate, err)
			}
		}
		// Its last batch may be known and not there: one that a cleaning took, before a truncation took
		// those that had come after it.
		sequence := last.LastSequence()
		for _, e := range l.ActiveProducers() {
			if e.ProducerID == id && e.LastDataOffset() > last.LastOffset() && e.LastDataOffset() < end {
				sequence = e.LastSequence()
			}
		}
		o := record.DefaultOptions()
		o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Transactional = id, 0, sequence+2, id > 2
		w := record.NewBuilder(o)
		w.Append(1_800_000_000_000, nil, []byte("gap"))
		if _, err := l.AppendAsLeader(w.Bytes(), epoch, record.OriginClient); !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
			t.Errorf("%s: a gap in what producer %d sent: %v", name, id, err)
		}
	}
	if l.LogEndOffset() != end {
		t.Errorf("%s: the log end went from %d to %d", name, end, l.LogEndOffset())
	}
}

// recordsAfter counts the records of a producer's batches behind one of them.
func recordsAfter(list []record.Batch, b record.Batch) (n int32) {
	for _, other := range list {
		if other.BaseOffset() > b.BaseOffset() {
			n += int32(other.Count())
		}
	}
	return n
}

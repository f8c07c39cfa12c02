package log

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"momus/configs"
	"momus/internal/model"
	"momus/storage/record"
	"momus/storage/vfs"
)

var errCrash = errors.New("crash")

// crashRun drives a log with a random but repeatable workload until a file system call fails, and
// knows what must be there then.
type crashRun struct {
	rnd   *rand.Rand
	fs    vfs.FS
	log   *Log
	tasks []func()

	records   map[int64]string // what the log has
	before    map[int64]string // what it had before the operation in progress, if that takes something away
	unsure    map[int64]string // appended, but the call failed
	end       int64            // log end
	kept      int64            // records below were there when the process could have been killed
	flushed   int64            // records below are durable
	started   int64            // log start offset
	point     int64            // recovery point in the checkpoint
	startMark int64            // log start offset in the checkpoint
	clean     bool             // closed, with the marker of a clean stop
}

func crashConfig() *configs.Topic {
	c := testConfig()
	c.SegmentBytes, c.IndexIntervalBytes, c.SegmentIndexBytes = 700, 100, 96
	return c
}

func (r *crashRun) open(f vfs.FS, clean bool) (*Log, error) {
	return Open(Options{
		FS: f, Dir: testDir, TopicPartition: model.TopicPartition{Topic: "t"}, Config: crashConfig(), Clean: clean,
		RecoveryPoint: r.point, LogStartOffset: r.startMark, Now: func() time.Time { return time.UnixMilli(1_800_000_000_000) },
		After: func(_ time.Duration, fn func()) { r.tasks = append(r.tasks, fn) },
	})
}

// run carries out steps operations; an error is that of the file system.
func (r *crashRun) run(steps int) (err error) {
	if r.log, err = r.open(r.fs, false); err != nil {
		return err
	}
	for i := range steps {
		r.before, r.unsure = nil, nil
		if err := r.step(i); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		r.kept = r.end
		r.flushed = max(r.flushed, min(r.log.RecoveryPoint(), r.end))
	}
	return nil
}

func (r *crashRun) step(i int) error {
	r.clean = false
	switch n := r.rnd.IntN(20); {
	case n < 11:
		return r.append(i)
	case n < 13:
		return r.log.Flush(r.end)
	case n < 14:
		tasks := r.tasks
		r.tasks = nil
		for _, fn := range tasks {
			fn()
		}
	case n < 15:
		r.point, r.startMark = r.log.RecoveryPoint(), r.log.LogStartOffset()
		return r.log.DeleteSnapshotsAfterCheckpoint()
	case n < 16 && r.end > r.started:
		return r.truncate(r.end - r.rnd.Int64N(min(r.end-r.started, 12)))
	case n < 17:
		return r.log.AssignEpochStart(int32(i))
	case n < 18 && r.end > r.started:
		return r.raise(r.started + r.rnd.Int64N(r.end-r.started))
	case n < 19:
		return r.log.Roll()
	default:
		if err := r.log.Close(); err != nil {
			return err
		}
		r.clean, r.flushed, r.kept, r.point, r.startMark = true, r.end, r.end, r.end, r.log.LogStartOffset()
		var err error
		if r.log, err = r.open(r.fs, true); err == nil {
			r.end = r.log.LogEndOffset() // lower if a truncation had left a gap at the end
			r.flushed, r.kept, r.point = r.end, r.end, r.end
		}
		return err
	}
	return nil
}

// append appends a batch, or up to three together.
func (r *crashRun) append(i int) error {
	added := map[int64]string{}
	var list []*Append
	for k := range max(1, r.rnd.IntN(5)-1) {
		o := record.DefaultOptions()
		if r.rnd.IntN(2) == 0 {
			o.ProducerID, o.ProducerEpoch, o.BaseSequence = int64(r.rnd.IntN(3)), int16(4*i+k), 0
		}
		b := record.NewBuilder(o)
		for j := range 1 + r.rnd.IntN(3) {
			v := fmt.Sprint("step ", 10*i+k, " record ", j)
			added[r.end+int64(len(added))] = v
			b.Append(1_800_000_000_000+int64(i), nil, []byte(v))
		}
		list = append(list, &Append{Records: b.Bytes(), Origin: record.OriginClient})
	}
	r.unsure = added
	r.log.AppendTogether(int32(i), list)
	for _, a := range list {
		if a.Err != nil {
			return a.Err
		}
	}
	maps.Copy(r.records, added)
	r.end += int64(len(added))
	r.log.UpdateHighWatermark(r.end)
	return nil
}

func (r *crashRun) truncate(to int64) error {
	r.before = maps.Clone(r.records)
	// The batch that contains the new end goes as well.
	for o := range r.records {
		if o >= to {
			delete(r.records, o)
		}
	}
	start := to
	for r.before[to] != "" && start > r.started && r.records[start-1] != "" && sameBatch(r.records[start-1], r.before[to]) {
		start--
		delete(r.records, start)
	}
	r.end = to
	r.kept, r.flushed = min(r.kept, start), min(r.flushed, start)
	// The owner of the log directory writes the checkpoint after a truncation.
	r.point = min(r.point, to)
	return r.log.TruncateTo(to)
}

func sameBatch(a, b string) bool {
	var s, t, i, j int
	fmt.Sscanf(a, "step %d record %d", &s, &i)
	fmt.Sscanf(b, "step %d record %d", &t, &j)
	return s == t
}

func (r *crashRun) raise(to int64) error {
	r.started = to
	if err := r.log.MaybeIncrementLogStartOffset(to); err != nil {
		return err
	}
	_, err := r.log.DeleteOldSegments()
	return err
}

// check opens what a crash left and compares it with what was appended. durable: power was lost.
func (r *crashRun) check(t *testing.T, name string, f vfs.FS, clean, power bool) {
	t.Helper()
	l, err := r.open(f, clean)
	if err != nil {
		t.Errorf("%s: open: %v", name, err)
		return
	}
	got := map[int64]string{}
	last := int64(-1)
	for _, text := range content(t, l) {
		var o int64
		fmt.Sscanf(text, "%d:", &o)
		value := text[len(fmt.Sprint(o))+1:]
		if o <= last {
			t.Errorf("%s: offset %d after %d", name, o, last)
		}
		last = o
		got[o] = value
		if value != r.records[o] && value != r.before[o] && value != r.unsure[o] {
			t.Errorf("%s: %d is %q, appended was %q", name, o, value, r.records[o])
		}
	}
	must := r.kept
	if power {
		must = r.flushed
	}
	for o, value := range r.records {
		if o >= max(r.started, l.LogStartOffset()) && o < must && got[o] != value {
			t.Errorf("%s: %d (%q) is lost, there is %q; [%d, %d) was there, flushed to %d, recovery point %d, found [%d, %d)", name, o, value, got[o], r.started, r.end, r.flushed, r.point, l.LogStartOffset(), l.LogEndOffset())
			break
		}
	}
	if l.LogStartOffset() > r.started {
		t.Errorf("%s: log start %d is above %d", name, l.LogStartOffset(), r.started)
	}
	// It must go on from here, and survive a clean stop.
	l.UpdateHighWatermark(l.LogEndOffset())
	info, err := l.AppendAsLeader(values(1_800_000_000_000, "after"), 1000, record.OriginClient)
	if err != nil {
		t.Errorf("%s: append after recovery: %v", name, err)
		return
	}
	all := content(t, l)
	if err := l.Close(); err != nil {
		t.Errorf("%s: close after recovery: %v", name, err)
	}
	if l, err = r.open(f, true); err != nil {
		t.Errorf("%s: open after a clean stop: %v", name, err)
		return
	}
	if again := content(t, l); fmt.Sprint(again) != fmt.Sprint(all) || l.LogEndOffset() != info.LastOffset+1 {
		t.Errorf("%s: after a clean stop %v, not %v", name, again, all)
	}
	l.Close()
}

// TestCrashes cuts a workload at every file system call that changes something, and looks at what a
// killed process and a machine without power leave: no flushed record is lost, none is invented,
// the order is kept.
func TestCrashes(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		for n := 0; ; n++ {
			mem := vfs.NewMem()
			fault := vfs.NewFault(mem)
			r := &crashRun{rnd: rand.New(rand.NewPCG(seed, 7)), fs: fault, records: map[int64]string{}}
			torn := rand.New(rand.NewPCG(seed, uint64(n)))
			fault.Inject(vfs.Rule{Skip: n, Err: errCrash, Short: torn.IntN(120)})
			err := r.run(40)
			if err != nil && !errors.Is(err, errCrash) {
				t.Fatalf("seed %d, call %d: %v", seed, n, err)
			}
			name := fmt.Sprintf("seed %d, call %d (%v)", seed, n, err)
			r.check(t, name+", killed", mem.KillClone(), false, false)
			r.check(t, name+", power lost, nothing unsynced", mem.CrashClone(nil), false, true)
			for range 3 {
				r.check(t, name+", power lost", mem.CrashClone(torn), false, true)
			}
			if t.Failed() || err == nil {
				break
			}
		}
	}
}

// TestCrashAfterRecovery kills a process, or lets the power fail, and does it again when its
// successor has recovered the log and appended to it.
func TestCrashAfterRecovery(t *testing.T) {
	// Two that found something: an index that was not synced, an entry of the time index that stayed.
	seeds := []uint64{2533, 4400}
	for seed := range uint64(400) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		mem := vfs.NewMem()
		rnd := rand.New(rand.NewPCG(seed, 11))
		r := &crashRun{rnd: rnd, fs: mem, records: map[int64]string{}}
		if err := r.run(5 + rnd.IntN(30)); err != nil {
			t.Fatal(err)
		}
		step := 100
		for range 1 + rnd.IntN(3) {
			if rnd.IntN(2) == 0 { // else the machine lives, and remembers what is not synced
				mem = mem.CrashClone(rnd)
			}
			r.fs, r.tasks = mem, nil
			var err error
			if r.log, err = r.open(mem, false); err != nil {
				t.Fatal(err)
			}
			r.end = r.log.LogEndOffset() // lower if a truncation had left a gap at the end
			r.flushed, r.kept = min(r.flushed, r.end), r.end
			r.point = min(r.point, r.end) // the checkpoint after the load
			found := map[int64]bool{}
			for _, text := range content(t, r.log) {
				var o int64
				fmt.Sscanf(text, "%d:", &o)
				found[o] = true
			}
			for o := range r.records { // what was not flushed may be lost
				if o >= r.flushed && !found[o] {
					delete(r.records, o)
				}
			}
			for range 1 + rnd.IntN(5) {
				step++
				if err := r.append(step); err != nil {
					t.Fatal(err)
				}
				if rnd.IntN(4) == 0 {
					for _, fn := range r.tasks {
						fn()
					}
					r.tasks = nil
				}
				r.flushed, r.kept = max(r.flushed, r.log.RecoveryPoint()), r.end
			}
			r.before, r.unsure = nil, nil
			r.check(t, fmt.Sprintf("seed %d, power lost after a recovery", seed), mem.CrashClone(rnd), false, true)
			r.check(t, fmt.Sprintf("seed %d, killed after a recovery", seed), mem.KillClone(), false, false)
			if t.Failed() {
				return
			}
		}
	}
}

// TestPowerLossAfterCleanStop loses everything unsynced after a clean stop whose marker survived.
func TestPowerLossAfterCleanStop(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		mem := vfs.NewMem()
		r := &crashRun{rnd: rand.New(rand.NewPCG(seed, 9)), fs: mem, records: map[int64]string{}}
		if err := r.run(30); err != nil {
			t.Fatal(err)
		}
		if err := r.log.Close(); err != nil {
			t.Fatal(err)
		}
		r.kept, r.flushed, r.point, r.startMark = r.end, r.end, r.end, r.log.LogStartOffset()
		r.check(t, fmt.Sprint("seed ", seed), mem.CrashClone(nil), true, true)
		snapshots := 0
		entries, _ := mem.CrashClone(nil).ReadDir(testDir)
		for _, e := range entries {
			if e.Name() == fmt.Sprintf("%020d.snapshot", r.end) {
				snapshots++
			}
		}
		if r.end > r.started && snapshots != 1 {
			t.Errorf("seed %d: no producer snapshot at %d", seed, r.end)
		}
	}
}

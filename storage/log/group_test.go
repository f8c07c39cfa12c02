package log

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"

	"momus/configs"
	"momus/storage/record"
	"momus/storage/vfs"
)

// fullFS has files that cannot grow beyond a limit: what fits of a write is written.
type fullFS struct {
	vfs.FS
	limit  int64 // of each .log; 0: none
	writes int   // to them
}

func (f *fullFS) OpenFile(name string, flag int) (vfs.File, error) {
	file, err := f.FS.OpenFile(name, flag)
	if err != nil || filepath.Ext(name) != logSuffix {
		return file, err
	}
	return fullFile{file, f}, nil
}

type fullFile struct {
	vfs.File
	fs *fullFS
}

func (f fullFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.WriteBuffersAt([][]byte{p}, off)
	return int(n), err
}

func (f fullFile) WriteBuffersAt(buffers [][]byte, off int64) (int64, error) {
	f.fs.writes++
	whole := bytes.Join(buffers, nil)
	if f.fs.limit == 0 || off+int64(len(whole)) <= f.fs.limit {
		return f.File.WriteBuffersAt(buffers, off)
	}
	n, _ := f.File.WriteAt(whole[:max(0, f.fs.limit-off)], off)
	return int64(n), &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
}

// groupRun makes random appends to two logs: to one together, to the other alone.
type groupRun struct {
	t               *testing.T
	rnd             *rand.Rand
	together, alone *env
	epoch           int32
	sequence        map[int64]int32 // the next one of a producer
	producerEpoch   map[int64]int16
	open            map[int64]bool // it has a transaction
	sent            [][]byte       // by idempotent producers
}

func (r *groupRun) next() Append {
	clock, n := r.together.clock, r.rnd.IntN(100)
	o := record.DefaultOptions()
	a := Append{Origin: record.OriginClient}
	id := int64(r.rnd.IntN(4))
	switch {
	case n < 4 && len(r.sent) > 0: // again, and not always the last one
		a.Records = bytes.Clone(r.sent[max(0, len(r.sent)-1-r.rnd.IntN(8))])
		return a
	case n < 8: // the end of a transaction, which need not be open
		a.Origin, r.open[id] = record.OriginCoordinator, false
		a.Records = record.ControlBatch(id, r.producerEpoch[id], int32(r.rnd.IntN(2)), r.rnd.IntN(2) == 0, clock)
		return a
	case n < 10:
		return a // nothing
	case n < 50:
		o.ProducerID, o.ProducerEpoch, o.BaseSequence = id, r.producerEpoch[id], r.sequence[id]
		o.Transactional = r.open[id] || r.rnd.IntN(3) == 0
		switch r.rnd.IntN(30) {
		case 0:
			o.BaseSequence += 3
		case 1:
			r.producerEpoch[id]++
			o.ProducerEpoch, o.BaseSequence = r.producerEpoch[id], 0
		case 2:
			o.ProducerEpoch--
		}
	}
	if r.rnd.IntN(6) == 0 {
		o.Codec = record.Gzip
	}
	if r.rnd.IntN(25) == 0 && o.ProducerID < 0 {
		o.Magic = int8(r.rnd.IntN(2))
	}
	b := record.NewBuilder(o)
	records := 1 + r.rnd.IntN(3)
	for i := range records {
		ts := clock + int64(r.rnd.IntN(2000)) - 1000
		if o.Magic == 0 {
			ts = record.NoTimestamp
		}
		b.Append(ts, nil, fmt.Appendf(nil, "%d of %d, %d", i, records, r.rnd.IntN(1000)))
	}
	a.Records = b.Bytes()
	if o.ProducerID >= 0 {
		r.open[id] = o.Transactional
		r.sequence[id] = o.BaseSequence + int32(records)
		r.sent = append(r.sent, bytes.Clone(a.Records))
	}
	switch r.rnd.IntN(40) {
	case 0:
		a.Records[len(a.Records)-1]++ // a wrong checksum
	case 1:
		a.Records = append(a.Records, a.Records[:7]...) // half a batch behind it
	case 2:
		a.Records = append(a.Records, bytes.Clone(a.Records)...) // two
	}
	return a
}

// step appends a group, or changes both logs in another way.
func (r *groupRun) step() {
	r.each(func(e *env) { e.clock += 50 })
	switch n := r.rnd.IntN(40); {
	case n < 1:
		r.epoch++
	case n < 2:
		c := *r.together.config
		c.LogAppendTime = !c.LogAppendTime
		r.both(func(e *env) error { return e.UpdateConfig(&c) })
		r.each(func(e *env) { e.config = &c })
	case n < 3:
		c := *r.together.config
		c.CompressionType = []string{"producer", "gzip", "uncompressed"}[r.rnd.IntN(3)]
		r.both(func(e *env) error { return e.UpdateConfig(&c) })
		r.each(func(e *env) { e.config = &c })
	case n < 4:
		r.both(func(e *env) error { return e.Roll() })
	case n < 5:
		to := r.alone.LogEndOffset() - r.rnd.Int64N(6)
		r.both(func(e *env) error { return e.TruncateTo(max(to, e.LogStartOffset())) })
	case n < 6:
		full := int64(0)
		if r.rnd.IntN(2) == 0 {
			full = int64(r.rnd.IntN(int(r.alone.config.SegmentBytes)))
		}
		r.each(func(e *env) { e.fs.(*fullFS).limit = full })
	case n < 7:
		r.each(func(e *env) { e.clock += 20_000 })
	case n < 8:
		r.restart()
	}
	r.group(1 + r.rnd.IntN(12))
}

func (r *groupRun) each(fn func(e *env)) {
	fn(r.together)
	fn(r.alone)
}

func (r *groupRun) both(fn func(e *env) error) {
	a, b := fn(r.together), fn(r.alone)
	if fmt.Sprint(a) != fmt.Sprint(b) {
		r.t.Fatalf("together: %v\nalone: %v", a, b)
	}
}

func (r *groupRun) group(n int) {
	var list []*Append
	var alone []Append
	for range n {
		a := r.next()
		alone = append(alone, Append{Origin: a.Origin, Records: bytes.Clone(a.Records)})
		list = append(list, &a)
		if r.rnd.IntN(2) == 0 {
			r.together.Check(&a)
		}
	}
	r.together.AppendTogether(r.epoch, list)
	for i, a := range list {
		info, err := r.alone.AppendAsLeader(alone[i].Records, r.epoch, alone[i].Origin)
		if i == n-1 || !reflect.DeepEqual(a.Info.LogStartOffset, info.LogStartOffset) {
			info.LogStartOffset, a.Info.LogStartOffset = 0, 0
		}
		if a.Info != info || fmt.Sprint(a.Err) != fmt.Sprint(err) {
			r.t.Fatalf("append %d of %d\ntogether: %+v, %v\nalone:    %+v, %v", i, n, a.Info, a.Err, info, err)
		}
	}
	if hw := r.alone.LogEndOffset() - r.rnd.Int64N(4); r.rnd.IntN(3) > 0 {
		r.each(func(e *env) { e.UpdateHighWatermark(hw) })
	}
	r.compare(false)
}

// compare demands the same state; of closed logs also the same files.
func (r *groupRun) compare(files bool) {
	r.t.Helper()
	state := func(e *env) string {
		first, unstable := e.FirstUnstableOffset()
		aborted, err := e.CollectAborted(0, e.LogEndOffset())
		return fmt.Sprintln(e.LogStartOffset(), e.LastStableOffset(), e.HighWatermark(), e.LogEndOffset(), e.Size(), len(e.Segments()), first, unstable,
			e.EpochStarts(), aborted, err, e.ActiveProducers(), len(e.ioErrs))
	}
	if a, b := state(r.together), state(r.alone); a != b {
		r.t.Fatalf("together: %s\nalone:    %s", a, b)
	}
	list, err := r.alone.fs.ReadDir(testDir)
	if err != nil {
		r.t.Fatal(err)
	}
	if a, b := r.together.files(), r.alone.files(); a != b {
		r.t.Fatalf("together: %s\nalone:    %s", a, b)
	}
	for _, entry := range list {
		if name := filepath.Join(testDir, entry.Name()); files || filepath.Ext(name) == logSuffix {
			a, errA := vfs.ReadFile(r.together.fs, name)
			b, errB := vfs.ReadFile(r.alone.fs, name)
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				r.t.Fatalf("%s differs: %d and %d bytes, %v, %v", name, len(a), len(b), errA, errB)
			}
		}
	}
}

// restart closes both logs, or loses their processes, and opens them again.
func (r *groupRun) restart() {
	clean := r.rnd.IntN(2) == 0
	if clean {
		r.each(func(e *env) { e.fs.(*fullFS).limit = 0 })
		r.both(func(e *env) error { return e.Close() })
		r.compareFiles()
	}
	r.each(func(e *env) {
		if full := e.fs.(*fullFS); !clean {
			full.FS = full.FS.(*vfs.Mem).KillClone()
		}
		e.tasks = nil
		e.open(clean, map[bool]int64{true: e.RecoveryPoint()}[clean])
	})
	r.compare(false)
}

func (r *groupRun) compareFiles() {
	r.t.Helper()
	r.each(func(e *env) { e.runTasks() })
	r.compare(true)
}

// TestAppendsTogetherAreAppends makes random appends together and alone: answers, errors, offsets,
// producers, transactions and all files are the same, also where a disk is full in the middle of a
// group, a segment ends there, or the log is opened again.
func TestAppendsTogetherAreAppends(t *testing.T) {
	saved := 0
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 17))
			change := func(c *configs.Topic) {
				c.SegmentBytes, c.IndexIntervalBytes, c.SegmentIndexBytes = 700+int32(seed)*300, 50+int32(seed)*20, 12*int32(10+seed)
				c.SegmentMs, c.MaxMessageBytes = 60_000, 400
				if seed%8 == 7 {
					c.RecordVersion = 1
				}
			}
			r := &groupRun{t: t, rnd: rnd, sequence: map[int64]int32{}, producerEpoch: map[int64]int16{}, open: map[int64]bool{}}
			r.together = newEnv(t, &fullFS{FS: vfs.NewMem()}, change).open(false, 0)
			r.alone = newEnv(t, &fullFS{FS: vfs.NewMem()}, change).open(false, 0)
			for range 150 {
				r.step()
			}
			r.each(func(e *env) { e.fs.(*fullFS).limit = 0 })
			r.both(func(e *env) error { return e.Close() })
			r.compareFiles()
			saved += r.alone.fs.(*fullFS).writes - r.together.fs.(*fullFS).writes
		})
	}
	if saved < 5000 {
		t.Errorf("only %d writes were saved", saved)
	}
}

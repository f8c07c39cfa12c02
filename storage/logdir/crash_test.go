package logdir

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"momus/configs"
	"momus/internal/model"
	"momus/internal/silent"
	"momus/storage/log"
	"momus/storage/record"
	"momus/storage/vfs"
)

var errCrash = errors.New("crash")

// value is a record of the model, and the leader epoch it was written in.
type value struct {
	text  string
	epoch int32
}

// logModel is what a log must have.
type logModel struct {
	exists     bool
	records    map[int64]value
	below      map[int64]value // before the log start; they may still be there
	start, end int64
	flushed    int64 // records below are durable
	top        int64 // the highest log start ever: of what is below, leader epochs may be forgotten
}

func (m logModel) clone() logModel {
	m.records, m.below = maps.Clone(m.records), maps.Clone(m.below)
	return m
}

// crashRun takes a broker's log directories through a random but repeatable life until a file
// system call fails.
type crashRun struct {
	t     *testing.T
	rnd   *rand.Rand
	opts  Options
	m     *Manager
	now   map[model.TopicPartition]logModel // after the last operation that was completed
	next  map[model.TopicPartition]logModel // after the one in progress
	epoch int32
	count int
	done  map[string]int // operations, to see that all were met
	// unsure are what appends that failed were to append, at whatever offset.
	unsure map[value]bool
	ghosts map[value]bool // what is gone, but perhaps not for good
}

func newCrashRun(t *testing.T, seed uint64, f vfs.FS) *crashRun {
	c, err := configs.New(map[string]string{"zookeeper.connect": "localhost:2181", "broker.id": "1", "log.segment.delete.delay.ms": "1"})
	if err != nil {
		t.Fatal(err)
	}
	topic := *c.Topic(nil)
	topic.SegmentBytes, topic.IndexIntervalBytes, topic.SegmentIndexBytes, topic.FileDeleteDelayMs = 700, 100, 96, 1
	topic.RetentionMs, topic.MessageTimestampDifferenceMaxMs = -1, 1<<62
	r := &crashRun{t: t, rnd: rand.New(rand.NewPCG(seed, 5)), now: map[model.TopicPartition]logModel{}, next: map[model.TopicPartition]logModel{}, done: map[string]int{}}
	r.opts = Options{FS: f, Dirs: []string{"/a", "/b"}, Settings: func() Settings { return SettingsOf(c.Broker()) }, TopicConfig: func(string) *configs.Topic { return &topic }, Logger: silent.Logger(),
		Now: func() time.Time { return time.UnixMilli(1_800_000_000_000) }}
	return r
}

func (r *crashRun) run(steps int) (err error) {
	if r.m, err = Open(r.t.Context(), r.opts); err != nil {
		return err
	}
	for i := range steps {
		p := tp("t", r.rnd.Int32N(2))
		if err := r.step(p); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		r.complete()
		for _, d := range r.m.dirs {
			if err := d.err(); err != nil {
				return fmt.Errorf("step %d: %w", i, err)
			}
		}
	}
	return nil
}

// complete makes what is in progress count.
func (r *crashRun) complete() {
	for p, m := range r.next {
		m.top = max(m.top, m.start)
		if l := r.m.Get(p); l != nil {
			m.flushed = max(m.flushed, min(l.CheckpointPoint(), m.end))
		}
		r.now[p] = m
	}
	clear(r.next)
}

func (r *crashRun) step(p model.TopicPartition) error {
	l, state := r.m.Get(p), r.now[p].clone()
	if l == nil {
		r.done["create"]++
		r.next[p] = logModel{exists: true, records: map[int64]value{}, below: map[int64]value{}}
		l, err := r.m.GetOrCreate(p, r.opts.TopicConfig(p.Topic), true)
		if err != nil {
			return err
		}
		return l.AssignEpochStart(r.epoch)
	}
	change := func(name string, fn func(s *logModel)) {
		r.done[name]++
		fn(&state)
		r.next[p] = state
	}
	moving := r.m.Future(p) != nil
	switch n := r.rnd.IntN(32); {
	case n < 2:
		change("flush", func(*logModel) {})
		return l.Flush(l.LogEndOffset())
	case n < 4:
		r.runTasks()
	case n < 6:
		r.done["checkpoint"]++
		r.m.checkpointAll(r.m.writeRecoveryPoints)
		r.m.checkpointAll(r.m.writeLogStarts)
		r.m.WriteHighWatermarks(r.m.All())
	case n < 7:
		r.epoch += 1 + r.rnd.Int32N(2)
		return l.AssignEpochStart(r.epoch)
	case n < 8:
		return r.restart()
	case moving && n < 12:
		r.done["copy"]++
		return r.copy(p, 300)
	case moving && n < 13:
		r.done["cancel"]++
		if err := r.m.DeleteFuture(p); err != nil {
			return err
		}
		r.m.CheckpointDue()
	case moving && n < 16:
		if err := r.append(p, l, state); err != nil { // the copy cannot reach a log end behind what a cleaning dropped
			return err
		}
		r.complete()
		r.done["swap"]++
		return r.swap(p)
	case !moving && n < 10:
		r.done["move"]++
		to := map[string]string{"/a": "/b", "/b": "/a"}[DirOf(l)]
		_, err := r.m.CreateFuture(p, to, l.Config())
		return err
	case !moving && n < 11 && state.end > state.start:
		return r.truncate(p, l, state)
	case !moving && n < 12 && state.end > state.start:
		to := state.start + r.rnd.Int64N(state.end-state.start)
		change("raise", func(s *logModel) {
			s.start = to
			for o, v := range s.records {
				if o < to {
					s.below[o] = v
					delete(s.records, o)
				}
			}
		})
		if err := l.MaybeIncrementLogStartOffset(to); err != nil {
			return err
		}
		_, err := l.DeleteOldSegments()
		return err
	case !moving && n < 16:
		return r.clean(p, l, state)
	case !moving && n < 17:
		r.done["delete"]++
		r.next[p] = logModel{}
		if err := r.m.Delete(p); err != nil {
			return err
		}
		r.m.CheckpointDue()
	default:
		return r.append(p, l, state)
	}
	return nil
}

// restart stops cleanly and starts again.
func (r *crashRun) restart() error {
	r.done["restart"]++
	for p, s := range r.now {
		r.next[p] = s.clone()
	}
	if err := r.m.Close(); err != nil {
		return err
	}
	m, err := Open(r.t.Context(), r.opts)
	if err != nil {
		return err
	}
	r.m = m
	for p, s := range r.next {
		if l := m.Get(p); l != nil {
			s.end, s.flushed = l.LogEndOffset(), l.LogEndOffset() // lower if a truncation had left a gap
			r.next[p] = s
		}
	}
	return nil
}

func (r *crashRun) append(p model.TopicPartition, l *log.Log, state logModel) error {
	r.done["append"]++
	w := record.NewBuilder(record.DefaultOptions())
	for range 1 + r.rnd.IntN(3) {
		r.count++
		v := value{fmt.Sprint("record ", r.count), r.epoch}
		w.Append(1_800_000_000_000, nil, []byte(v.text))
		state.records[state.end] = v
		state.end++
	}
	r.next[p] = state
	_, err := l.AppendAsLeader(w.Bytes(), r.epoch, record.OriginClient)
	l.UpdateHighWatermark(l.LogEndOffset())
	return err
}

// truncate cuts a log at the beginning of one of its last batches.
func (r *crashRun) truncate(p model.TopicPartition, l *log.Log, state logModel) error {
	r.done["truncate"]++
	var bases []int64
	for _, b := range batches(r.t, l) {
		if b.BaseOffset() >= state.start {
			bases = append(bases, b.BaseOffset())
		}
	}
	if len(bases) == 0 {
		return nil
	}
	to := bases[len(bases)-1-r.rnd.IntN(min(len(bases), 4))]
	state.end, state.flushed = to, min(state.flushed, to)
	for o := range state.records {
		if o >= to {
			delete(state.records, o)
		}
	}
	r.next[p] = state
	if err := r.m.TruncateTo(l, to); err != nil {
		return err
	}
	r.m.CheckpointDue()
	return nil
}

// clean drops some batches of the segments that are complete and flushed, as the cleaner does.
func (r *crashRun) clean(p model.TopicPartition, l *log.Log, state logModel) error {
	segments := l.Segments()
	old := segments[:len(segments)-1]
	if len(old) == 0 {
		return nil
	}
	if err := l.Flush(l.ActiveBaseOffset()); err != nil {
		return err
	}
	r.done["clean"]++
	cleaned, err := l.NewCleanedSegment(old[0].BaseOffset())
	if err != nil {
		return err
	}
	last, lastOf := int64(-1), map[int64]int64{}
	for _, b := range batches(r.t, l) {
		if b.BaseOffset() < l.ActiveBaseOffset() {
			last = b.BaseOffset()
		}
		if !b.IsControl() {
			lastOf[b.ProducerID()] = b.BaseOffset()
		}
	}
	for _, s := range old {
		aborted, err := s.Aborted()
		if err != nil {
			return err
		}
		for _, a := range aborted {
			if err := cleaned.AppendAborted(a); err != nil {
				return err
			}
		}
		err = s.ForEachBatch(true, func(b record.Batch, _ int) error {
			if keep := b.IsTransactional() || b.HasProducerID() && b.BaseOffset() == lastOf[b.ProducerID()]; b.BaseOffset() != last && !keep && r.rnd.IntN(3) == 0 {
				for o := b.BaseOffset(); o <= b.LastOffset(); o++ {
					delete(state.records, o)
					delete(state.below, o)
				}
				return nil
			}
			return cleaned.Append(b, b.LastOffset(), b.MaxTimestamp(), b.LastOffset())
		})
		if err != nil {
			return err
		}
	}
	mtime, err := old[len(old)-1].ModTime()
	if err == nil {
		err = cleaned.FinishCleaned(mtime)
	}
	if err != nil {
		return err
	}
	// What is cut or lost above the last batch that is left stays as it is: the log end does not
	// move.
	r.next[p] = state
	if err := l.ReplaceSegments([]*log.Segment{cleaned}, old); err != nil {
		return err
	}
	return r.m.UpdateCleanerOffsets(DirOf(l), func(offsets map[model.TopicPartition]int64) { offsets[p] = l.ActiveBaseOffset() })
}

// copy appends a piece of the current log to its copy.
func (r *crashRun) copy(p model.TopicPartition, size int) error {
	l, f := r.m.Get(p), r.m.Future(p)
	if f.LogEndOffset() < l.LogStartOffset() {
		if err := r.m.TruncateFullyAndStartAt(f, l.LogStartOffset()); err != nil {
			return err
		}
		r.m.CheckpointDue()
	}
	read, err := l.Read(f.LogEndOffset(), size, log.UpToLogEnd, true)
	if err != nil {
		return err
	}
	raw := make([]byte, read.Records.Len())
	if len(raw) > 0 {
		_, err = read.Records.ReadAt(raw, 0)
	}
	read.Records.Release()
	if err != nil {
		return err
	}
	if _, err := f.AppendAsFollower(raw); err != nil {
		return err
	}
	return f.MaybeIncrementLogStartOffset(l.LogStartOffset())
}

func (r *crashRun) swap(p model.TopicPartition) error {
	for r.m.Future(p).LogEndOffset() < r.m.Get(p).LogEndOffset() {
		if err := r.copy(p, 300); err != nil {
			return err
		}
	}
	if err := r.m.SwapFuture(p); err != nil {
		return err
	}
	r.m.CheckpointDue()
	return nil
}

// runTasks does what the scheduler would have done by now.
func (r *crashRun) runTasks() {
	r.done["tasks"]++
	for {
		r.m.tasks.mu.Lock()
		tasks := r.m.tasks.mu.tasks
		r.m.tasks.mu.tasks = nil
		r.m.tasks.mu.Unlock()
		if len(tasks) == 0 {
			return
		}
		for _, t := range tasks {
			t.fn()
		}
	}
}

func batches(t *testing.T, l *log.Log) (all []record.Batch) {
	t.Helper()
	for _, s := range l.Segments() {
		err := s.ForEachBatch(true, func(b record.Batch, _ int) error {
			all = append(all, slices.Clone(b))
			return nil
		})
		if err != nil && !log.IsGone(err) {
			if errors.Is(err, errCrash) {
				return nil
			}
			t.Fatal(err)
		}
	}
	return all
}

// found is what a log has from its start on.
func found(t *testing.T, l *log.Log) (offsets []int64, records map[int64]value) {
	t.Helper()
	records = map[int64]value{}
	for _, b := range batches(t, l) {
		marker := ""
		if b.IsControl() {
			_, epoch, err := b.ControlType()
			if err != nil {
				t.Fatal(err)
			}
			marker = fmt.Sprint("marker ", epoch)
		}
		err := b.ForEach(nil, func(rec *record.Record) error {
			if rec.Offset >= l.LogStartOffset() {
				offsets = append(offsets, rec.Offset)
				records[rec.Offset] = value{cmp.Or(marker, string(rec.Value)), b.LeaderEpoch()}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return offsets, records
}

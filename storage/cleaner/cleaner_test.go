package cleaner

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"momus/configs"
	"momus/internal/model"
	"momus/internal/silent"
	"momus/storage/checkpoint"
	"momus/storage/log"
	"momus/storage/logdir"
	"momus/storage/record"
	"momus/storage/vfs"
)

// rig is a Cleaner with log directories in memory. Use it in a synctest bubble.
type rig struct {
	t       *testing.T
	mem     *vfs.Mem
	fault   *vfs.Fault
	logs    *logdir.Manager
	cleaner *Cleaner
	config  atomic.Pointer[configs.Broker]

	mu     sync.Mutex
	topics map[string]*configs.Topic
}

func newRig(t *testing.T, change func(b *configs.Broker)) *rig {
	t.Helper()
	c, err := configs.New(map[string]string{"zookeeper.connect": "localhost:2181", "broker.id": "1"})
	if err != nil {
		t.Fatal(err)
	}
	b := *c.Broker()
	b.LogCleanerBackoffMs = 1000
	if change != nil {
		change(&b)
	}
	r := &rig{t: t, mem: vfs.NewMem(), topics: map[string]*configs.Topic{}}
	r.fault = vfs.NewFault(r.mem)
	r.config.Store(&b)
	r.logs, err = logdir.Open(t.Context(), logdir.Options{
		FS: r.fault, Dirs: []string{"/a", "/b"}, Settings: func() logdir.Settings { return logdir.SettingsOf(r.config.Load()) }, TopicConfig: r.topic, Logger: silent.Logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.cleaner = New(Options{Logs: r.logs, Settings: func() Settings { return SettingsOf(r.config.Load()) }, Logger: silent.Logger()})
	r.logs.SetCleaner(r.cleaner)
	return r
}

func (r *rig) topic(name string) *configs.Topic {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.topics[name]; c != nil {
		return c
	}
	return topicConfig()
}

// run starts the Cleaner and returns how to stop it.
func (r *rig) run() (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.cleaner.Run(ctx)
	}()
	return func() {
		r.t.Helper()
		cancel()
		<-done
	}
}

// create makes a log and fills some segments: ten keys, again and again.
func (r *rig) create(topic, dir string, change func(c *configs.Topic)) *log.Log {
	r.t.Helper()
	c := topicConfig()
	c.SegmentBytes = 2000
	if change != nil {
		change(c)
	}
	r.mu.Lock()
	r.topics[topic] = c
	r.mu.Unlock()
	tp := model.TopicPartition{Topic: topic}
	r.logs.SetPreferred(tp, dir)
	l, err := r.logs.GetOrCreate(tp, c, true)
	if err != nil {
		r.t.Fatal(err)
	}
	r.fill(l, 100)
	return l
}

func (r *rig) fill(l *log.Log, n int) {
	r.t.Helper()
	for i := range n {
		b := record.NewBuilder(record.DefaultOptions())
		b.Append(time.Now().UnixMilli(), fmt.Append(nil, "key ", i%10), fmt.Append(nil, "value ", l.LogEndOffset()))
		if _, err := l.AppendAsLeader(b.Bytes(), 0, record.OriginClient); err != nil {
			r.t.Fatal(err)
		}
	}
	l.UpdateHighWatermark(l.LogEndOffset())
}

func (r *rig) checkpoints(dir string) map[string]int64 {
	r.t.Helper()
	offsets, err := checkpoint.ReadOffsets(r.mem, filepath.Join(dir, checkpoint.CleanerFile))
	if err != nil {
		r.t.Fatal(err)
	}
	m := map[string]int64{}
	for tp, o := range offsets {
		m[tp.Topic] = o
	}
	return m
}

// isClean tells whether every key is there once below the active segment.
func isClean(t *testing.T, l *log.Log) bool {
	t.Helper()
	seen := map[string]bool{}
	for _, e := range readLog(t, l) {
		if e.offset < l.ActiveBaseOffset() {
			if seen[e.key] {
				return false
			}
			seen[e.key] = true
		}
	}
	return len(seen) == 10
}

func TestCleanerCleansWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		one := r.create("one", "/a", nil)
		two := r.create("two", "/b", nil)
		other := r.create("other", "/b", func(c *configs.Topic) { c.Compact, c.Delete = false, true })
		size := other.Size()
		stop := r.run()
		synctest.Wait()
		if !isClean(t, one) || !isClean(t, two) {
			t.Error("not cleaned")
		}
		if other.Size() != size {
			t.Error("a log that is not compacted was cleaned")
		}
		if a, b := r.checkpoints("/a"), r.checkpoints("/b"); !maps.Equal(a, map[string]int64{"one": one.ActiveBaseOffset()}) ||
			!maps.Equal(b, map[string]int64{"two": two.ActiveBaseOffset()}) {
			t.Errorf("checkpoints %v and %v", a, b)
		}
		s := r.cleaner.Stats()
		if s.Cleanings != 2 || len(s.Last) != 1 || s.RecopyRatio() <= 0 || s.RecopyRatio() >= 1 || s.MaxDirtyRatio != 0 {
			t.Errorf("stats %+v", s)
		}
		// A little more is not due, enough is.
		r.fill(one, 10)
		time.Sleep(5 * time.Second)
		if got := r.cleaner.Stats().Cleanings; got != 2 {
			t.Errorf("%d cleanings", got)
		}
		r.fill(one, 100)
		time.Sleep(5 * time.Second)
		if got := r.cleaner.Stats().Cleanings; got != 3 || !isClean(t, one) {
			t.Errorf("%d cleanings", got)
		}
		stop()
		if err := r.logs.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCleanerAppliesRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		l := r.create("both", "/a", func(c *configs.Topic) {
			c.Delete, c.RetentionMs, c.MinCleanableDirtyRatio = true, 60_000, 1
		})
		defer r.run()()
		time.Sleep(30 * time.Second)
		if l.LogStartOffset() != 0 {
			t.Errorf("log start %d", l.LogStartOffset())
		}
		time.Sleep(40 * time.Second)
		if l.LogStartOffset() != 100 || l.Size() != 0 {
			t.Errorf("log start %d, %d bytes", l.LogStartOffset(), l.Size())
		}
	})
}

func TestPausedLogsAreNotCleaned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		l := r.create("t", "/a", nil)
		tp := l.TopicPartition()
		r.cleaner.AbortAndPause(tp)
		r.cleaner.AbortAndPause(tp)
		defer r.run()()
		time.Sleep(time.Minute)
		r.cleaner.Resume(tp)
		time.Sleep(time.Minute)
		if r.cleaner.Stats().Cleanings != 0 {
			t.Error("cleaned while paused")
		}
		r.cleaner.Resume(tp)
		time.Sleep(time.Minute)
		if r.cleaner.Stats().Cleanings != 1 || !isClean(t, l) {
			t.Error("not cleaned after the pause")
		}
	})
}

// While a log is copied to another directory it is not cleaned, and one that is being cleaned is left
// first: a tombstone and what it deletes must not vanish between two reads of the copier.
func TestMovedLogsAreNotCleaned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *configs.Broker) { b.LogCleanerIOMaxBytesPerSecond = 1 })
		l := r.create("t", "/a", nil)
		defer r.run()()
		time.Sleep(time.Minute) // a cleaning is under way, and will be for hours
		if _, err := r.logs.CreateFuture(l.TopicPartition(), "/b", l.Config()); err != nil {
			t.Fatal(err)
		}
		if !r.cleaner.isFree(l.TopicPartition(), true) {
			t.Error("still cleaned while it is copied")
		}
		fast := *r.config.Load()
		fast.LogCleanerIOMaxBytesPerSecond = math.MaxFloat64
		r.config.Store(&fast)
		time.Sleep(time.Minute)
		if r.cleaner.Stats().Cleanings != 0 {
			t.Error("cleaned while it is copied")
		}
		if err := r.logs.DeleteFuture(l.TopicPartition()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if r.cleaner.Stats().Cleanings != 1 || !isClean(t, l) {
			t.Error("not cleaned after the copy was given up")
		}
	})
}

// TestAbortEndsARunningCleaning aborts one that the rate limit makes last for hours.
func TestAbortEndsARunningCleaning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *configs.Broker) { b.LogCleanerIOMaxBytesPerSecond, b.LogCleanerIOBufferSize = 1, 2000 })
		l := r.create("t", "/a", nil)
		stop := r.run()
		time.Sleep(time.Hour)
		started := time.Now()
		if err := r.logs.TruncateTo(l, 30); err != nil {
			t.Fatal(err)
		}
		if time.Since(started) > 0 {
			t.Errorf("the truncation waited for %v", time.Since(started))
		}
		if names := leftovers(t, r.mem, l.Dir()); names != nil {
			t.Errorf("left over: %v", names)
		}
		if l.LogEndOffset() != 30 || len(readLog(t, l)) != 30 {
			t.Errorf("log end %d", l.LogEndOffset())
		}
		// Without the limit it gets done; the other way the stop does not wait either.
		b := *r.config.Load()
		b.LogCleanerIOMaxBytesPerSecond = unthrottled
		r.config.Store(&b)
		r.fill(l, 100)
		time.Sleep(time.Minute)
		if !isClean(t, l) {
			t.Error("not cleaned")
		}
		slow := b
		slow.LogCleanerIOMaxBytesPerSecond = 1
		r.config.Store(&slow)
		r.fill(l, 200)
		time.Sleep(time.Hour)
		started = time.Now()
		stop()
		if time.Since(started) > 0 {
			t.Errorf("the stop waited for %v", time.Since(started))
		}
		if names := leftovers(t, r.mem, l.Dir()); names != nil {
			t.Errorf("left over: %v", names)
		}
		readLog(t, l)
	})
}

func TestCheckpointFollowsTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		cut := r.create("cut", "/a", nil)
		kept := r.create("kept", "/a", nil)
		moved := r.create("moved", "/a", nil)
		gone := r.create("gone", "/a", nil)
		stop := r.run()
		synctest.Wait()
		stop()
		base := kept.ActiveBaseOffset()
		want := map[string]int64{"cut": base, "kept": base, "moved": base, "gone": base}
		expect := func(what string, a, b map[string]int64) {
			t.Helper()
			if gotA, gotB := r.checkpoints("/a"), r.checkpoints("/b"); !maps.Equal(gotA, a) || !maps.Equal(gotB, b) {
				t.Errorf("%s: checkpoints %v and %v, not %v and %v", what, gotA, gotB, a, b)
			}
		}
		expect("cleaned", want, map[string]int64{})

		if err := r.logs.TruncateTo(kept, kept.LogEndOffset()-1); err != nil {
			t.Fatal(err)
		}
		expect("truncated in the active segment", want, map[string]int64{})
		if err := r.logs.TruncateTo(cut, 20); err != nil {
			t.Fatal(err)
		}
		if got := r.checkpoints("/a")["cut"]; got > 20 {
			t.Errorf("checkpoint %d after truncation to 20", got)
		}
		want["cut"] = cut.ActiveBaseOffset()
		expect("truncated below", want, map[string]int64{})

		if err := r.logs.Delete(gone.TopicPartition()); err != nil {
			t.Fatal(err)
		}
		delete(want, "gone")
		expect("deleted", want, map[string]int64{})

		tp := moved.TopicPartition()
		future, err := r.logs.CreateFuture(tp, "/b", r.topic("moved"))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range moved.Segments() {
			err := s.ForEachBatch(true, func(b record.Batch, _ int) error {
				_, err := future.AppendAsFollower(slices.Clone(b))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.logs.SwapFuture(tp); err != nil {
			t.Fatal(err)
		}
		delete(want, "moved")
		expect("moved", want, map[string]int64{"moved": base})

		// The moved log goes on from there.
		r.fill(future, 100)
		r.fill(cut, 100)
		stop = r.run()
		synctest.Wait()
		stop()
		if !isClean(t, cut) || !isClean(t, future) {
			t.Error("not cleaned")
		}
	})
}

func TestUncleanableLogIsTriedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		bad := r.create("bad", "/a", nil)
		good := r.create("good", "/a", nil)
		name := fmt.Sprintf("%s/%020d.log", bad.Dir(), 0)
		healthy, err := vfs.ReadFile(r.mem, name)
		if err != nil {
			t.Fatal(err)
		}
		write := func(content []byte) {
			f, err := r.mem.OpenFile(name, 2)
			if err == nil {
				_, err = f.WriteAt(content, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		damaged := slices.Clone(healthy)
		damaged[75] ^= 1
		write(damaged)
		defer r.run()()
		time.Sleep(time.Minute)
		if s := r.cleaner.Stats(); s.Cleanings != 1 || s.Uncleanable["/a"] != 1 || s.UncleanableBytes["/a"] == 0 || !isClean(t, good) {
			t.Errorf("stats %+v", s)
		}
		if r.logs.Offline("/a") != nil {
			t.Error("damaged data took the directory offline")
		}
		write(healthy)
		time.Sleep(firstRetry)
		if s := r.cleaner.Stats(); s.Cleanings != 2 || s.Uncleanable["/a"] != 0 || !isClean(t, bad) {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestFailedDiskTakesTheDirectoryOffline(t *testing.T) {
	for _, op := range []vfs.Op{vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpRename, vfs.OpRead, vfs.OpStat} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			r.create("bad", "/a", nil)
			good := r.create("good", "/b", nil)
			bad := good
			for _, l := range r.logs.All() {
				if l != good {
					bad = l
				}
			}
			// Only files of the last segment that is cleaned, which the good log does not have.
			r.fill(bad, 105)
			if err := bad.Roll(); err != nil {
				t.Fatal(err)
			}
			segments := bad.Segments()
			pattern := fmt.Sprintf("%020d.log*", segments[len(segments)-2].BaseOffset())
			r.fault.Inject(vfs.Rule{Op: op, Base: pattern, Err: syscall.EIO})
			defer r.run()()
			time.Sleep(time.Minute)
			if r.logs.Offline("/a") == nil {
				t.Errorf("%s: the directory is still online", op)
			}
			if r.logs.Offline("/b") != nil || !isClean(t, good) {
				t.Errorf("%s: the other directory is %v", op, r.logs.Offline("/b"))
			}
			if s := r.cleaner.Stats(); len(s.Uncleanable) != 0 {
				t.Errorf("%s: a log of a failed disk is called uncleanable", op)
			}
		})
	}
}

func TestThreadsFollowTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		workers := func(want int) {
			t.Helper()
			time.Sleep(10 * time.Second)
			r.cleaner.mu.Lock()
			defer r.cleaner.mu.Unlock()
			if r.cleaner.mu.workers != want {
				t.Errorf("%d workers, not %d", r.cleaner.mu.workers, want)
			}
		}
		stop := r.run()
		workers(1)
		for _, n := range []int32{4, 2, 3, 1} {
			b := *r.config.Load()
			b.LogCleanerThreads = n
			r.config.Store(&b)
			workers(int(n))
		}
		b := *r.config.Load()
		b.LogCleanerThreads = 3
		r.config.Store(&b)
		var logs []*log.Log
		for i := range 6 {
			logs = append(logs, r.create(fmt.Sprint("t", i), []string{"/a", "/b"}[i%2], nil))
		}
		workers(3)
		stop()
		for _, l := range logs {
			if !isClean(t, l) {
				t.Errorf("%s is not cleaned", l.TopicPartition())
			}
		}
		var names []string
		for name := range r.checkpoints("/a") {
			names = append(names, name)
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != "t0 t2 t4" {
			t.Errorf("checkpoints of %s", got)
		}
	})
}

// TestCleaningWhileProducing produces, reads and cleans at once. Every record that a reader finds
// is one that was appended, in order; in the end there is the latest of each key.
func TestCleaningWhileProducing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *configs.Broker) { b.LogCleanerThreads, b.LogCleanerBackoffMs = 2, 50 })
		l := r.create("t", "/a", func(c *configs.Topic) { c.SegmentBytes, c.DeleteRetentionMs, c.MinCleanableDirtyRatio = 10_000, 0, 0.1 })
		var mu sync.Mutex
		appended := map[int64]string{}
		latest := map[string]int64{}
		for _, e := range readLog(t, l) {
			appended[e.offset], latest[e.key] = e.key+e.value, e.offset
		}
		producing := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer close(producing)
			for i := range 1500 {
				b := record.NewBuilder(record.DefaultOptions())
				mu.Lock()
				for j := range 20 {
					offset := l.LogEndOffset() + int64(j)
					key, value := fmt.Sprint("key ", (i*31+j*j*17)%200), fmt.Sprint(" value ", offset)
					if (i+j)%9 == 0 {
						b.Append(time.Now().UnixMilli(), []byte(key), nil)
						value = ""
					} else {
						b.Append(time.Now().UnixMilli(), []byte(key), []byte(value))
					}
					appended[offset], latest[key] = key+value, offset
				}
				mu.Unlock()
				if _, err := l.AppendAsLeader(b.Bytes(), 0, record.OriginClient); err != nil {
					t.Error(err)
					return
				}
				l.UpdateHighWatermark(l.LogEndOffset())
				time.Sleep(10 * time.Millisecond)
			}
		})
		read := func() {
			for offset := l.LogStartOffset(); ; {
				got, err := l.Read(offset, 4000, log.UpToHighWatermark, true)
				if err != nil {
					t.Error(err)
					return
				}
				data := make([]byte, got.Records.Len())
				got.Records.ReadAt(data, 0)
				got.Records.Release()
				if len(data) == 0 {
					if offset < l.ActiveBaseOffset() {
						t.Errorf("nothing to read at %d, before the active segment at %d", offset, l.ActiveBaseOffset())
					}
					return
				}
				for {
					b, rest, err := record.Next(data)
					if err != nil || b == nil {
						break
					}
					data = rest
					mu.Lock()
					err = b.ForEach(nil, func(e *record.Record) error {
						if appended[e.Offset] != string(e.Key)+string(e.Value) || b.LastOffset() < offset {
							t.Errorf("at %d: %q=%q", e.Offset, e.Key, e.Value)
						}
						return nil
					})
					mu.Unlock()
					if err != nil {
						t.Error(err)
					}
					offset = b.NextOffset()
				}
			}
		}
		wg.Go(func() {
			for {
				read()
				select {
				case <-producing:
					return
				case <-time.After(33 * time.Millisecond):
				}
			}
		})
		stop := r.run()
		wg.Wait()
		if err := l.Roll(); err != nil {
			t.Fatal(err)
		}
		c := *l.Config()
		c.MaxCompactionLagMs = 1
		if err := l.UpdateConfig(&c); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		stop()
		read()
		if got := r.cleaner.Stats().Cleanings; got < 10 {
			t.Errorf("only %d cleanings", got)
		}
		found := map[string]int64{}
		for _, e := range readLog(t, l) {
			if _, twice := found[e.key]; twice {
				t.Errorf("%q is there twice", e.key)
			}
			found[e.key] = e.offset
			if latest[e.key] != e.offset {
				t.Errorf("%q is found at %d, its latest is at %d", e.key, e.offset, latest[e.key])
			}
		}
		for key, offset := range latest {
			if _, ok := found[key]; !ok && appended[offset] != key {
				t.Errorf("%q is lost, its latest is at %d", key, offset)
			}
		}
		if err := r.logs.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestChangedSettingsAreFollowed changes each setting of a cleaner that runs and looks at what it
// then does.
func TestChangedSettingsAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		l := r.create("t", "/a", nil)
		defer r.run()()
		change := func(f func(b *configs.Broker)) {
			b := *r.config.Load()
			f(&b)
			r.config.Store(&b)
		}
		// looks counts how often a log to be cleaned is looked for in twenty minutes.
		looks := func() int {
			seen := map[time.Time]bool{}
			for range 1200 {
				time.Sleep(time.Second)
				seen[r.cleaner.Stats().LastRun] = true
			}
			return len(seen)
		}
		if n := looks(); n < 600 {
			t.Errorf("log.cleaner.backoff.ms=1000: %d looks", n)
		}
		change(func(b *configs.Broker) { b.LogCleanerBackoffMs = 600_000 })
		if n := looks(); n > 4 {
			t.Errorf("log.cleaner.backoff.ms=600000: %d looks", n)
		}
		change(func(b *configs.Broker) { b.LogCleanerBackoffMs = 1000 })
		time.Sleep(20 * time.Minute)

		// work has a hundred records of ten keys cleaned, and counts the rounds and the reads.
		reads := r.fault.Inject(vfs.Rule{Op: vfs.OpRead, Base: "*.log"})
		work := func() (rounds int64, read int) {
			rounds, read = r.cleaner.Stats().Cleanings, reads()
			r.fill(l, 100)
			time.Sleep(10 * time.Minute)
			return r.cleaner.Stats().Cleanings - rounds, reads() - read
		}
		few, plain := work()
		restored := *r.config.Load()
		for name, f := range map[string]func(b *configs.Broker){
			"log.cleaner.dedupe.buffer.size": func(b *configs.Broker) { b.LogCleanerDedupeBufferSize = 3 * slotBytes },
			"log.cleaner.io.buffer.load.factor": func(b *configs.Broker) {
				b.LogCleanerDedupeBufferSize, b.LogCleanerIOBufferLoadFactor = 20*slotBytes, 0.1
			},
		} {
			change(f)
			if rounds, _ := work(); rounds < few+5 {
				t.Errorf("%s: %d rounds with few keys to one, %d else", name, rounds, few)
			}
			r.config.Store(&restored)
			if rounds, _ := work(); rounds > few+1 {
				t.Errorf("%s: %d rounds afterwards, %d before", name, rounds, few)
			}
		}
		change(func(b *configs.Broker) { b.LogCleanerIOBufferSize = 200 })
		if _, n := work(); n < 2*plain {
			t.Errorf("log.cleaner.io.buffer.size: %d reads with a small buffer, %d else", n, plain)
		}
	})
}

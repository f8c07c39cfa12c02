package logdir

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"momus/internal/model"
	"momus/storage/checkpoint"
	"momus/storage/log"
	"momus/storage/record"
	"momus/storage/vfs"
)

// check opens what a crash left, compares it with the model, and goes on with it.
func (r *crashRun) check(name string, f vfs.FS, power bool) {
	r.t.Helper()
	after := *r
	after.opts.FS = f
	var err error
	if after.m, err = Open(r.t.Context(), after.opts); err != nil {
		r.t.Errorf("%s: open: %v", name, err)
		return
	}
	left, starts := map[model.TopicPartition]map[int64]value{}, map[model.TopicPartition]int64{}
	for _, p := range []model.TopicPartition{tp("t", 0), tp("t", 1)} {
		now, next := r.now[p], r.now[p]
		if s, ok := r.next[p]; ok {
			next = s
		}
		left[p] = after.checkLog(name, p, now, next, power)
		starts[p] = max(now.start, next.start)
	}
	// It goes on: moves are completed, records appended, what is to be deleted goes.
	for p, records := range left {
		l := after.m.Get(p)
		if l == nil {
			continue
		}
		if f := after.m.Future(p); f != nil && f.LogEndOffset() > l.LogEndOffset() { // the broker compares leader epochs
			if err := after.m.TruncateTo(f, l.LogEndOffset()); err != nil {
				r.t.Errorf("%s: %v", name, err)
			}
		}
		w := record.NewBuilder(record.DefaultOptions())
		v := value{"after the crash", 1000}
		w.Append(1_800_000_000_000, nil, []byte(v.text))
		info, err := l.AppendAsLeader(w.Bytes(), v.epoch, record.OriginClient)
		if err != nil {
			r.t.Errorf("%s: append to %s: %v", name, p, err)
			return
		}
		records[info.LastOffset] = v
		if after.m.Future(p) != nil {
			if err := after.swap(p); err != nil {
				f := after.m.Future(p)
				r.t.Errorf("%s: move of %s is not completed: %v; the copy has [%d, %d), the original [%d, %d)", name, p, err, f.LogStartOffset(), f.LogEndOffset(), l.LogStartOffset(), l.LogEndOffset())
				return
			}
		}
	}
	after.runTasks()
	if err := after.m.Close(); err != nil {
		r.t.Errorf("%s: close: %v", name, err)
	}
	if clean, _ := checkpoint.HasCleanShutdown(f, "/a"); !clean {
		r.t.Errorf("%s: no marker of the clean stop", name)
	}
	if after.m, err = Open(r.t.Context(), after.opts); err != nil {
		r.t.Errorf("%s: open after a clean stop: %v", name, err)
		return
	}
	for p, records := range left {
		l := after.m.Get(p)
		if l == nil {
			if len(records) > 0 {
				r.t.Errorf("%s: %s is lost by a clean stop", name, p)
			}
			continue
		}
		_, got := found(r.t, l)
		for _, all := range []map[int64]value{got, records} { // a move leaves behind what is before the log start
			maps.DeleteFunc(all, func(o int64, _ value) bool { return o < starts[p] })
		}
		maps.DeleteFunc(got, func(o int64, v value) bool { // or it brings back what only the original had lost
			_, had := records[o]
			return !had && r.now[p].records[o] == v
		})
		if !maps.Equal(got, records) {
			r.t.Errorf("%s: %s has %v after a clean stop, not %v", name, p, got, records)
		}
	}
	after.m.Close()
	for _, dir := range after.opts.Dirs {
		for _, orphan := range orphans(f, dir) {
			r.t.Errorf("%s: left over: %s", name, orphan)
		}
	}
}

// checkLog compares a log with what it had before the operation in progress and would have had
// after it, and returns what it has.
func (r *crashRun) checkLog(name string, p model.TopicPartition, now, next logModel, power bool) map[int64]value {
	r.t.Helper()
	must := map[int64]value{}
	for o, v := range now.records {
		if now.exists && next.exists && next.records[o] == v && o >= next.start && (!power || o < min(now.flushed, next.flushed)) {
			must[o] = v
		}
	}
	l := r.m.Get(p)
	if l == nil {
		if len(must) > 0 || now.exists && next.exists && !power {
			r.t.Errorf("%s: %s is gone; it had %v", name, p, must)
		}
		return nil
	}
	offsets, got := found(r.t, l)
	for i, o := range offsets {
		if i > 0 && o <= offsets[i-1] {
			r.t.Errorf("%s: %s has offset %d after %d", name, p, o, offsets[i-1])
		}
		v := got[o]
		if v != now.records[o] && v != next.records[o] && v != now.below[o] && !r.unsure[v] && !r.ghosts[v] {
			r.t.Errorf("%s: %s has %v at %d, that is invented or was deleted", name, p, v, o)
		}
		if e, known := l.EpochForOffset(o); (!known || e != v.epoch) && o >= max(now.start, next.start, now.top) {
			r.t.Errorf("%s: %s has epoch %d (%v) for offset %d, which was written in %d: %v", name, p, e, known, o, v.epoch, l.EpochStarts())
		}
	}
	for o, v := range must {
		if got[o] != v {
			r.t.Errorf("%s: %s lost %v at %d; it has [%d, %d)", name, p, v, o, l.LogStartOffset(), l.LogEndOffset())
		}
	}
	if highest := max(now.start, next.start); l.LogStartOffset() > highest && now.exists {
		r.t.Errorf("%s: %s begins at %d, above %d", name, p, l.LogStartOffset(), highest)
	}
	return got
}

// orphans are files and directories that nobody will use any more.
func orphans(f vfs.FS, dir string) (names []string) {
	entries, _ := f.ReadDir(dir)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if _, k, err := parseName(e.Name()); err != nil || k != current {
			names = append(names, filepath.Join(dir, e.Name()))
		}
		files, _ := f.ReadDir(filepath.Join(dir, e.Name()))
		for _, file := range files {
			switch filepath.Ext(file.Name()) {
			case ".log", ".index", ".timeindex", ".snapshot", ".tmp": // the last are written anew before they count
			default:
				if file.Name() != checkpoint.LeaderEpochFile {
					names = append(names, filepath.Join(dir, e.Name(), file.Name()))
				}
			}
		}
	}
	return names
}

// TestCrashes cuts the life of two log directories, with appends, rolls, flushes, cleanings,
// deletions, truncations, moves between the directories, checkpoints and restarts, at every file
// system call that changes something, and looks at what a killed process and a machine without
// power leave: nothing that was promised is lost, nothing is invented or there twice, every record
// has its leader epoch, no file is left over, and the broker goes on. MOMUS_CRASH_SEEDS is how many
// lives are tried, 4 if it is not set.
func TestCrashes(t *testing.T) {
	seeds := uint64(4)
	if s := os.Getenv("MOMUS_CRASH_SEEDS"); s != "" {
		var err error
		if seeds, err = strconv.ParseUint(s, 10, 32); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	met := map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		for seed := uint64(1); seed <= seeds; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				done := crashEverywhere(t, seed)
				mu.Lock()
				defer mu.Unlock()
				for op, n := range done {
					met[op] += n
				}
			})
		}
	})
	t.Log(met)
	for _, op := range []string{"append", "flush", "tasks", "checkpoint", "truncate", "raise", "clean", "delete", "restart", "move", "copy", "cancel", "swap"} {
		if met[op] == 0 && !t.Failed() {
			t.Errorf("no run had a %s", op)
		}
	}
}

// crashEverywhere repeats a life with the crash one call later each time, until it is not met, and
// returns what happened in all of it.
func crashEverywhere(t *testing.T, seed uint64) (done map[string]int) {
	for n := 0; ; n++ {
		mem := vfs.NewMem()
		fault := vfs.NewFault(mem)
		r := newCrashRun(t, seed, fault)
		torn := rand.New(rand.NewPCG(seed, uint64(n)))
		fault.Inject(vfs.Rule{Skip: n, Err: errCrash, Short: torn.IntN(120)})
		err := r.run(60)
		if err != nil && !strings.Contains(err.Error(), errCrash.Error()) {
			t.Fatalf("call %d: %v", n, err)
		}
		name := fmt.Sprintf("call %d (%v)", n, err)
		r.check(name+", killed", mem.KillClone(), false)
		r.check(name+", power lost, nothing unsynced", mem.CrashClone(nil), true)
		r.check(name+", power lost", mem.CrashClone(torn), true)
		if t.Failed() || err == nil {
			return r.done
		}
	}
}

// A crash between the two renames of a move leaves the partition in both directories: it is kept
// once. Two that differ are for a person.
func TestPartitionInTwoDirectories(t *testing.T) {
	write := func(f vfs.FS, dir string, texts ...string) {
		m := open(t, f, dir)
		l := create(t, m, tp("t", 0))
		for _, text := range texts {
			w := record.NewBuilder(record.DefaultOptions())
			w.Append(1_800_000_000_000, nil, []byte(text))
			if _, err := l.AppendAsLeader(w.Bytes(), 0, record.OriginClient); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		a, b []string
		dir  string // that is kept, "" either; "no": none
	}{
		"equal":                 {[]string{"x", "y"}, []string{"x", "y"}, ""},
		"the first is shorter":  {[]string{"x"}, []string{"x", "y"}, "/b"},
		"the second is shorter": {[]string{"x", "y"}, []string{"x"}, "/a"},
		"one is empty":          {nil, []string{"x"}, "/b"},
		"different":             {[]string{"x", "y"}, []string{"z"}, "no"},
		"different at the end":  {[]string{"x", "y"}, []string{"x", "z"}, "no"},
	} {
		f := vfs.NewMem()
		write(f, "/a", tc.a...)
		write(f, "/b", tc.b...)
		m, err := Open(t.Context(), testOptions(t, f, "/a", "/b"))
		if tc.dir == "no" {
			if err == nil || !strings.Contains(err.Error(), "two log directories") || !strings.Contains(err.Error(), "/a/t-0") || !strings.Contains(err.Error(), "/b/t-0") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		l := m.Get(tp("t", 0))
		if tc.dir != "" && DirOf(l) != tc.dir || int(l.LogEndOffset()) != max(len(tc.a), len(tc.b)) {
			t.Errorf("%s: %s with log end %d", name, l.Dir(), l.LogEndOffset())
		}
		if err := m.Close(); err != nil {
			t.Error(name, err)
		}
		m = open(t, f, "/a", "/b")
		if again := m.Get(tp("t", 0)); again.Dir() != l.Dir() {
			t.Errorf("%s: %s after a restart, before %s", name, again.Dir(), l.Dir())
		}
		m.Close()
	}
}

// musts ends a test with an error.
func musts(t *testing.T) func(error) {
	return func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A move takes the log out of the recovery point checkpoint; the process is killed, and the next one
// recovers the log from its start, when power fails: the checkpoint that is found then must not be the
// one before, which says that the indexes are durable.
func TestPowerLossDuringARecoveryFromALowerPoint(t *testing.T) {
	for seed := range uint64(20) {
		mem := vfs.NewMem()
		r := newCrashRun(t, seed, mem)
		must := musts(t)
		var err error
		r.m, err = Open(t.Context(), r.opts)
		must(err)
		p := tp("t", 0)
		l, err := r.m.GetOrCreate(p, r.opts.TopicConfig("t"), true)
		must(err)
		for next := int64(0); next < 180; { // an entry for each append; a recovery makes other ones
			var raw []byte
			for range 3 {
				w := record.NewBuilder(record.DefaultOptions())
				w.Append(1_800_000_000_000+next, nil, []byte("value"))
				b := record.Batch(w.Bytes())
				b.SetLastOffset(next)
				b.SetLeaderEpoch(0)
				raw = append(raw, b...)
				next++
			}
			_, err := l.AppendAsFollower(raw)
			must(err)
		}
		must(l.Flush(l.LogEndOffset()))
		r.m.checkpointAll(r.m.writeRecoveryPoints)
		must(mem.SyncDir("/a"))
		_, err = r.m.CreateFuture(p, map[string]string{"/a": "/b", "/b": "/a"}[DirOf(l)], l.Config())
		must(err)
		must(r.copy(p, 300))
		must(r.m.Future(p).Flush(r.m.Future(p).LogEndOffset()))
		must(mem.SyncDir("/a"))
		r.m.checkpointAll(r.m.writeRecoveryPoints)
		r.m.unlock()               // killed
		fault := vfs.NewFault(mem) // power fails when the logs are recovered
		fault.Inject(vfs.Rule{Op: vfs.OpRemove, Base: checkpoint.CleanShutdownFile, Err: errCrash})
		r.opts.FS = fault
		if _, err := Open(t.Context(), r.opts); !errors.Is(err, ErrNoLiveDir) {
			t.Fatal(err)
		}
		r.opts.FS = mem.CrashClone(r.rnd)
		r.m, err = Open(t.Context(), r.opts)
		must(err)
		if l = r.m.Get(p); l == nil || l.LogEndOffset() != 180 {
			t.Fatalf("seed %d: %v", seed, l)
		}
		checkIndexes(t, fmt.Sprint("seed ", seed), l)
	}
}

// A process was killed right after a checkpoint at the log end; the next one has recovered the log
// and rolls it before what was recovered is durable, then power fails: the recovery after that must
// not begin behind the indexes that were made anew and lost.
func TestPowerLossAfterARecoveryAndARoll(t *testing.T) {
	mem := vfs.NewMem()
	r := newCrashRun(t, 0, mem)
	must := musts(t)
	var err error
	r.m, err = Open(t.Context(), r.opts)
	must(err)
	l, err := r.m.GetOrCreate(tp("t", 0), r.opts.TopicConfig("t"), true)
	must(err)
	add := func(records int) {
		w := record.NewBuilder(record.DefaultOptions())
		for range records {
			w.Append(1_800_000_000_000, nil, []byte("value"))
		}
		_, err := l.AppendAsLeader(w.Bytes(), 0, record.OriginClient)
		must(err)
	}
	for range 6 { // the index of these is durable
		add(1)
	}
	must(l.Roll())
	must(l.Flush(l.LogEndOffset()))
	must(r.m.TruncateTo(l, 1))
	r.m.CheckpointDue()
	for range 4 { // and that of these, at other places, is not
		add(4)
	}
	must(l.Flush(l.LogEndOffset()))
	r.m.checkpointAll(r.m.writeRecoveryPoints)
	r.m.unlock() // killed
	r.m, err = Open(t.Context(), r.opts)
	must(err)
	l = r.m.Get(tp("t", 0))
	must(l.Roll())
	must(mem.SyncDir("/a")) // whoever syncs a directory commits the names of all
	r.opts.FS = mem.CrashClone(nil)
	r.m, err = Open(t.Context(), r.opts)
	must(err)
	l = r.m.Get(tp("t", 0))
	if l.LogEndOffset() != 17 {
		t.Errorf("log end %d", l.LogEndOffset())
	}
	for o := range l.LogEndOffset() {
		read, err := l.Read(o, 1, log.UpToLogEnd, true)
		if err != nil {
			t.Fatal(err)
		}
		raw := make([]byte, read.Records.Len())
		_, err = read.Records.ReadAt(raw, 0)
		read.Records.Release()
		b, _, parseErr := record.Next(raw)
		if err != nil || parseErr != nil || b == nil || b.BaseOffset() > o || b.LastOffset() < o {
			t.Fatalf("read at %d: %v, %v, %v", o, b, err, parseErr)
		}
	}
}

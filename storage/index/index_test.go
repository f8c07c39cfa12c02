package index

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"momus/storage/vfs"
)

// fileSystems runs a test on files in memory and on real, mapped ones.
func fileSystems(t *testing.T, test func(t *testing.T, f vfs.FS, dir string)) {
	t.Run("mem", func(t *testing.T) { test(t, vfs.NewMem(), "/") })
	t.Run("os", func(t *testing.T) { test(t, vfs.OS{}, t.TempDir()) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, f vfs.FS, path string) []byte {
	t.Helper()
	b, err := vfs.ReadFile(f, path)
	must(t, err)
	return b
}

func wantHex(t *testing.T, f vfs.FS, path, want string) {
	t.Helper()
	if got := hex.EncodeToString(content(t, f, path)); got != want {
		t.Errorf("%s is %s, want %s", path, got, want)
	}
}

func put(t *testing.T, f vfs.FS, path string, b []byte) {
	t.Helper()
	must(t, vfs.WriteFileAtomic(f, path, b, false))
}

// TestKafkaBytes holds the encodings to entries that Kafka wrote.
func TestKafkaBytes(t *testing.T) {
	f := vfs.NewMem()
	offsets := NewOffset(f, "/i", 0)
	must(t, offsets.Add(17, 1075))
	must(t, offsets.Add(30, 2108))
	must(t, offsets.Trim())
	wantHex(t, f, "/i", "00000011000004330000001e0000083c")
	times := NewTime(f, "/t", 0)
	must(t, times.Offer(1795369030769, 11))
	must(t, times.Offer(1795369030919, 21))
	must(t, times.Trim())
	wantHex(t, f, "/t", "000001a2045554710000000b000001a20455550700000015")
	txns := NewTxn(f, "/x", 0, false)
	must(t, txns.Add(AbortedTxn{ProducerID: 0, FirstOffset: 0, LastOffset: 21, LastStableOffset: 22}))
	wantHex(t, f, "/x", "0000"+"0000000000000000"+"0000000000000000"+"0000000000000015"+"0000000000000016")
}

func TestOffsetIndexIsReadBack(t *testing.T) {
	fileSystems(t, func(t *testing.T, f vfs.FS, dir string) {
		path := filepath.Join(dir, "i")
		const base, n = 1000, 2000
		x := NewOffset(f, path, base)
		for i := int64(1); i <= n; i++ { // entries (base+10i, 100i)
			must(t, x.Prepare())
			must(t, x.Add(base+10*i, 100*i))
			if i%500 == 0 { // look up while it grows, so that the mapping has to follow
				checkLookup(t, x, base, i)
			}
		}
		checkLookup(t, x, base, n)
		must(t, x.Sync())
		must(t, x.Release())
		x = NewOffset(f, path, base)
		checkLookup(t, x, base, n)
		if last, err := x.Last(); err != nil || last != (Position{base + 10*n, 100 * n}) {
			t.Errorf("last entry %v, %v", last, err)
		}
		if err := x.Add(base+10*n, 100*n+1); !errors.Is(err, ErrNotAscending) {
			t.Errorf("repeated offset: %v", err)
		}
		must(t, x.TruncateTo(base+10*1500))
		checkLookup(t, x, base, 1499)
		must(t, x.Add(base+10*1500, 100*1500))
		must(t, x.Trim())
		x = NewOffset(f, path, base)
		checkLookup(t, x, base, 1500)
		must(t, x.Reset())
		checkLookup(t, x, base, 0)
		if b := content(t, f, path); len(b) != 0 {
			t.Errorf("%d bytes after reset", len(b))
		}
	})
}

// Entries that lie close together here and far apart there are found as by looking at all of them.
func TestLookupInUnevenIndexes(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		const base = 500
		x := NewOffset(vfs.NewMem(), "/i", base)
		entries := []Position{{base, 0}}
		for range rnd.IntN(600) {
			last := entries[len(entries)-1]
			next := Position{last.Offset + 1 + rnd.Int64N(1<<rnd.IntN(20)), last.Position + 1}
			if next.Offset > 1<<31 {
				break
			}
			must(t, x.Prepare())
			must(t, x.Add(next.Offset, next.Position))
			entries = append(entries, next)
		}
		for _, written := range []bool{false, true} {
			if written { // some were pending
				must(t, x.Trim())
				must(t, x.Discard())
			}
			for i, e := range entries {
				for _, target := range []int64{e.Offset - 1, e.Offset, e.Offset + 1} {
					want := entries[0]
					for _, other := range entries[max(0, i-1):min(len(entries), i+3)] {
						if other.Offset <= target {
							want = other
						}
					}
					if got, err := x.Lookup(target); err != nil || got != want {
						t.Fatalf("seed %d: %d of %d entries, look-up of %d: %v (%v), not %v", seed, i, len(entries), target, got, err, want)
					}
				}
			}
		}
	}
}

func checkLookup(t *testing.T, x *Offset, base, n int64) {
	t.Helper()
	if count, err := x.Len(); err != nil || int64(count) != n {
		t.Fatalf("%d entries, %v, want %d", count, err, n)
	}
	for _, i := range []int64{0, 1, 2, n / 2, n - 1, n} {
		if i < 0 || i > n {
			continue
		}
		want := Position{base, 0}
		if i > 0 {
			want = Position{base + 10*i, 100 * i}
		}
		for _, delta := range []int64{0, 9} {
			if got, err := x.Lookup(base + 10*i + delta); err != nil || got != want {
				t.Fatalf("look-up of %d: %v, %v, want %v", base+10*i+delta, got, err, want)
			}
		}
		if i > 0 {
			if got, found, err := x.FirstAtPosition(100*i - 1); err != nil || !found || got.Position != 100*i {
				t.Fatalf("position %d: %v, %v, %v", 100*i-1, got, found, err)
			}
		}
	}
	if _, found, err := x.FirstAtPosition(100*n + 1); err != nil || found {
		t.Fatalf("position after the end: %v, %v", found, err)
	}
}

// TestPreallocatedIndexOfKilledKafka opens indexes with zeros after the last entry.
func TestPreallocatedIndexOfKilledKafka(t *testing.T) {
	fileSystems(t, func(t *testing.T, f vfs.FS, dir string) {
		for entries := range 4 {
			path := filepath.Join(dir, "i")
			b := make([]byte, 10485760)
			for i := range entries {
				copy(b[8*i:], []byte{0, 0, 0, byte(10 * (i + 1)), 0, 0, 0, byte(50 * (i + 1))})
			}
			put(t, f, path, b)
			x := NewOffset(f, path, 0)
			if n, err := x.Len(); err != nil || n != entries {
				t.Fatalf("%d entries, %v, want %d", n, err, entries)
			}
			must(t, x.Add(200, 300))
			if p, err := x.Lookup(250); err != nil || p.Position != 300 {
				t.Fatalf("look-up: %v, %v", p, err)
			}
			must(t, x.Trim())
			if size := len(content(t, f, path)); size != 8*(entries+1) {
				t.Fatalf("%d bytes after trimming", size)
			}
		}
	})
}

func TestTimeIndexIsReadBack(t *testing.T) {
	fileSystems(t, func(t *testing.T, f vfs.FS, dir string) {
		path := filepath.Join(dir, "t")
		x := NewTime(f, path, 100)
		if last, err := x.Last(); err != nil || last != (Timestamp{-1, 100}) {
			t.Fatalf("last of an empty index: %v, %v", last, err)
		}
		for i := int64(0); i < 1000; i++ {
			must(t, x.Prepare())
			must(t, x.Offer(5000+10*i, 100+i))
		}
		must(t, x.Offer(5000+9990, 100+999)) // equal: nothing
		for _, bad := range []Timestamp{{5000, 2000}, {1 << 40, 100}} {
			if err := x.Offer(bad.Timestamp, bad.Offset); !errors.Is(err, ErrNotAscending) {
				t.Errorf("offer of %v: %v", bad, err)
			}
		}
		must(t, x.Sync())
		x = NewTime(f, path, 100)
		for ts, want := range map[int64]Timestamp{4999: {-1, 100}, 5000: {5000, 100}, 5009: {5000, 100}, 9990: {9990, 599}, 1 << 50: {14990, 1099}} {
			if got, err := x.Lookup(ts); err != nil || got != want {
				t.Errorf("look-up of %d: %v, %v, want %v", ts, got, err, want)
			}
		}
		must(t, x.TruncateTo(600))
		if last, err := x.Last(); err != nil || last != (Timestamp{9990, 599}) {
			t.Errorf("last after truncation: %v, %v", last, err)
		}
		if size := len(content(t, f, path)); size != 500*TimeEntrySize {
			t.Errorf("%d bytes after truncation", size)
		}
	})
}

func TestTxnIndexIsReadBack(t *testing.T) {
	fileSystems(t, func(t *testing.T, f vfs.FS, dir string) {
		path := filepath.Join(dir, "x")
		x := NewTxn(f, path, 0, false)
		if all, err := x.Entries(); err != nil || len(all) != 0 || x.Exists() {
			t.Fatalf("new index: %v, %v", all, err)
		}
		entries := []AbortedTxn{{1, 5, 20, 21}, {2, 10, 40, 30}, {1, 30, 50, 51}, {3, 60, 80, 81}}
		for _, e := range entries {
			must(t, x.Add(e))
		}
		if err := x.Add(AbortedTxn{9, 1, 80, 81}); !errors.Is(err, ErrNotAscending) {
			t.Errorf("repeated last offset: %v", err)
		}
		x.Release()
		x = NewTxn(f, path, 0, true)
		for _, test := range []struct {
			from, to int64
			want     []AbortedTxn
			done     bool
		}{
			{0, 100, entries, false},
			{0, 21, entries[:2], true}, // the first has an LSO of 21: all that matters has been seen (Kafka stops after it)
			{41, 60, entries[2:3], true},
			{41, 50, entries[2:3], true},
			{90, 100, nil, false},
		} {
			got, done, err := x.Collect(nil, test.from, test.to)
			if test.to == 21 {
				test.want = entries[:1]
			}
			if err != nil || done != test.done || !equal(got, test.want) {
				t.Errorf("[%d, %d): %v, %v, %v, want %v, %v", test.from, test.to, got, done, err, test.want, test.done)
			}
		}
		must(t, x.TruncateTo(50))
		if got, _ := x.Entries(); !equal(got, entries[:2]) || len(content(t, f, path)) != 2*TxnEntrySize {
			t.Errorf("after truncation: %v", got)
		}
		must(t, x.Reset())
		if !x.Exists() || len(content(t, f, path)) != 0 {
			t.Error("after reset there should be an empty file")
		}
	})
}

func equal(a, b []AbortedTxn) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestTxnIndexSanity(t *testing.T) {
	f := vfs.NewMem()
	good := AbortedTxn{1, 5, 120, 121}.AppendTo(nil)
	future := bytes.Clone(good)
	future[1] = 1
	for name, test := range map[string]struct {
		content []byte
		sane    bool
	}{
		"empty":              {nil, true},
		"good":               {good, true},
		"torn tail":          {append(bytes.Clone(good), good[:20]...), true},
		"version 1":          {future, false},
		"before the segment": {AbortedTxn{1, 5, 99, 100}.AppendTo(nil), false},
	} {
		put(t, f, "/x", test.content)
		if got := NewTxn(f, "/x", 100, true).Sane(); got != test.sane {
			t.Errorf("%s: sane is %v", name, got)
		}
	}
}

// TestFailedWriteKeepsEntries lets the writing of collected entries fail: nothing is lost and a
// later attempt succeeds.
func TestFailedWriteKeepsEntries(t *testing.T) {
	fault := vfs.NewFault(vfs.NewMem())
	x := NewOffset(fault, "/i", 0)
	must(t, x.Create())
	for i := int64(1); i <= 100; i++ {
		must(t, x.Add(i, i))
	}
	fault.Inject(vfs.Rule{Op: vfs.OpWrite, Times: 1, Err: syscall.ENOSPC, Short: 13})
	if err := x.Trim(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("no error: %v", err)
	}
	if p, err := x.Lookup(50); err != nil || p.Offset != 50 {
		t.Fatalf("look-up: %v, %v", p, err)
	}
	must(t, x.Trim())
	if n, err := NewOffset(fault, "/i", 0).Len(); err != nil || n != 100 {
		t.Fatalf("%d entries, %v", n, err)
	}
}

// TestCutMappedFile has somebody else cut a mapped file: an error, not the end of the process.
func TestCutMappedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "i")
	x := NewOffset(vfs.OS{}, path, 0)
	for i := int64(1); i <= 4000; i++ {
		must(t, x.Add(i, i))
	}
	must(t, x.Trim())
	_, err := x.Lookup(5)
	must(t, err)
	must(t, os.Truncate(path, 0))
	if _, err := x.Lookup(5); err == nil {
		t.Log("reading a cut mapping is no fault on this system")
	}
	must(t, x.Release())
}

func FuzzTxn(f *testing.F) {
	f.Add(AbortedTxn{1, 5, 20, 21}.AppendTo(nil))
	f.Add(append(AbortedTxn{1, 5, 20, 21}.AppendTo(nil), 1, 2, 3))
	f.Fuzz(func(t *testing.T, content []byte) {
		entries, err := parseTxn(content)
		if err == nil && len(entries) != len(content)/TxnEntrySize {
			t.Fatalf("%d entries in %d bytes", len(entries), len(content))
		}
	})
}

// FuzzIndexes opens any bytes as offset and time index: look-ups and changes may fail but must not
// panic.
func FuzzIndexes(f *testing.F) {
	f.Add([]byte{0, 0, 0, 17, 0, 0, 4, 51, 0, 0, 0, 30, 0, 0, 8, 60}, int64(20))
	f.Add(make([]byte, 48), int64(0))
	f.Fuzz(func(t *testing.T, content []byte, target int64) {
		fs := vfs.NewMem()
		if err := vfs.WriteFileAtomic(fs, "/i", content, false); err != nil {
			t.Fatal(err)
		}
		offsets := NewOffset(fs, "/i", 0)
		offsets.Sane(1000)
		before, last, ascending := Position{}, int64(-1), true // by looking at all entries
		n, _ := offsets.Len()
		for i := range n {
			raw, err := offsets.rawLocked(i)
			if err != nil {
				t.Fatal(err)
			}
			p := offsets.decode(raw)
			ascending = ascending && p.Position >= 0 && p.Offset > last
			last = p.Offset
			if p.Offset <= target {
				before = p
			}
		}
		if found, err := offsets.Lookup(target); err != nil || ascending && found != before {
			t.Fatalf("look-up of %d: %v (%v), not %v", target, found, err, before)
		}
		offsets.FirstAtPosition(target)
		offsets.TruncateTo(target)
		if err := offsets.Trim(); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFileAtomic(fs, "/t", content, false); err != nil {
			t.Fatal(err)
		}
		times := NewTime(fs, "/t", 0)
		times.Lookup(target)
		times.TruncateTo(target)
		if err := times.Trim(); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkLookup looks up entries of an index of 1.6 MB, which a segment of 800 MB has. Warm: in
// random order. Cold: the first of a segment that nobody has read since the broker was started, or
// for minutes, among a thousand others.
func BenchmarkLookup(b *testing.B) {
	const n = 200000
	fill := func(path string) *Offset {
		x := NewOffset(vfs.OS{}, path, 0)
		for i := int64(1); i <= n; i++ {
			x.Add(10*i, 100*i)
		}
		x.Trim()
		return x
	}
	lookUp := func(b *testing.B, x *Offset, i int) {
		if _, err := x.Lookup(int64(i*7919) % (10 * n)); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("warm", func(b *testing.B) {
		x := fill(filepath.Join(b.TempDir(), "i"))
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			lookUp(b, x, i)
		}
	})
	b.Run("cold", func(b *testing.B) {
		dir := b.TempDir()
		indexes := make([]*Offset, 1000)
		for i := range indexes {
			indexes[i] = NewOffset(vfs.OS{}, fill(filepath.Join(dir, fmt.Sprint(i))).Path(), 0)
		}
		var took time.Duration // stopping the benchmark's own clock takes longer than a look-up
		n := 0
		for ; b.Loop(); n++ {
			x := indexes[n*37%len(indexes)]
			start := time.Now()
			lookUp(b, x, n)
			took += time.Since(start)
			x.Discard()
		}
		b.ReportMetric(float64(took.Nanoseconds())/float64(n), "ns/lookup")
	})
}

// An index that another process has emptied, without the disk knowing it, stays empty.
func TestResetIsDurable(t *testing.T) {
	f := vfs.NewMem()
	for name, x := range map[string]interface {
		Reset() error
		Sync() error
		Len() (int, error)
	}{"/i": NewOffset(f, "/i", 0), "/t": NewTime(f, "/t", 0), "/missing": NewOffset(f, "/missing", 0)} {
		if name != "/missing" {
			put(t, f, name, bytes.Repeat([]byte{0, 0, 0, 1}, 6))
			must(t, vfs.SyncFile(f, name))
			file, err := f.OpenFile(name, os.O_RDWR)
			must(t, err)
			must(t, file.Truncate(0)) // killed before the sync
			must(t, file.Close())
		}
		must(t, x.Reset())
		must(t, x.Sync())
		must(t, f.SyncDir("/"))
		if left := content(t, f.CrashClone(nil), name); len(left) > 0 {
			t.Errorf("%s: %d bytes are back", name, len(left))
		}
		if n, err := x.Len(); n != 0 || err != nil {
			t.Errorf("%s: %d entries, %v", name, n, err)
		}
	}
}

// slowSync is a file system whose syncs hang until they are told to go on.
type slowSync struct {
	vfs.FS
	begun, goOn chan struct{}
}

func (f slowSync) OpenFile(name string, flag int) (vfs.File, error) {
	file, err := f.FS.OpenFile(name, flag)
	return slowFile{file, f}, err
}

type slowFile struct {
	vfs.File
	fs slowSync
}

func (f slowFile) Sync() error {
	f.fs.begun <- struct{}{}
	<-f.fs.goOn
	return f.File.Sync()
}

// A sync of an index, which may take seconds on a busy disk, holds up nobody, and covers only what
// was there when it began.
func TestNobodyWaitsForASync(t *testing.T) {
	f := slowSync{vfs.NewMem(), make(chan struct{}, 1), make(chan struct{})}
	x, txns := NewOffset(f, "/i", 0), NewTxn(f, "/x", 0, false)
	for name, tc := range map[string]struct {
		sync      func() error
		add, look func() error
	}{
		"/i": {x.Sync, func() error { n, err := x.Len(); return errors.Join(err, x.Add(int64(n)+1, int64(n))) },
			func() error { _, err := x.Lookup(1); return err }},
		"/x": {txns.Sync, func() error {
			n, err := txns.Entries()
			return errors.Join(err, txns.Add(AbortedTxn{LastOffset: int64(len(n)) + 1}))
		},
			func() error { _, _, err := txns.Collect(nil, 0, 1); return err }},
	} {
		must(t, tc.add())
		synced := make(chan error)
		go func() { synced <- tc.sync() }()
		<-f.begun
		added := make(chan error, 1)
		go func() { added <- errors.Join(tc.look(), tc.add()) }()
		select {
		case err := <-added:
			must(t, err)
		case <-time.After(time.Minute):
			t.Errorf("%s: an entry waits for the sync", name)
		}
		f.goOn <- struct{}{}
		must(t, <-synced)
		go func() { synced <- tc.sync() }()
		select {
		case <-f.begun: // for the second entry
			f.goOn <- struct{}{}
			must(t, <-synced)
		case err := <-synced:
			t.Errorf("%s: what was added during a sync was not synced: %v", name, err)
		}
	}
}

package log

import (
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"momus/configs"
	"momus/internal/model"
	"momus/storage/record"
	"momus/storage/vfs"
)

// gateFS counts the syncs of .log files and holds them back until the gate is open.
type gateFS struct {
	vfs.FS
	gate  chan struct{} // closed: open
	begun chan struct{} // one for each sync that has begun

	mu    sync.Mutex
	syncs int
}

func (g *gateFS) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := g.FS.OpenFile(name, flag)
	if err != nil || filepath.Ext(name) != logSuffix {
		return f, err
	}
	return &gateFile{File: f, fs: g}, nil
}

type gateFile struct {
	vfs.File
	fs *gateFS
}

func (f *gateFile) Sync() error {
	f.fs.mu.Lock()
	f.fs.syncs++
	f.fs.mu.Unlock()
	f.fs.begun <- struct{}{}
	<-f.fs.gate
	return f.File.Sync()
}

// With flush.messages=1 every append returns only when it is durable; those that come while a sync
// is going on share the next one.
func TestConcurrentAppendsShareASync(t *testing.T) {
	const producers = 20
	g := &gateFS{FS: vfs.NewMem(), gate: make(chan struct{}), begun: make(chan struct{}, 2*producers)}
	c := testConfig()
	c.FlushMessages = 1
	l, err := Open(Options{FS: g, Dir: "/logs/t-0", TopicPartition: model.TopicPartition{Topic: "t"}, Config: c})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	produce := func() {
		wg.Go(func() {
			done, err := l.AppendAsLeader(batchOf(1, 10), 0, record.OriginClient)
			if err != nil {
				t.Error(err)
			}
			if point := l.RecoveryPoint(); point <= done.LastOffset {
				t.Errorf("offset %d was acknowledged, but only what is below %d is durable", done.LastOffset, point)
			}
		})
	}
	produce()
	<-g.begun // the first one syncs
	for range producers - 1 {
		produce()
	}
	for l.LogEndOffset() < producers { // they append, and wait
		runtime.Gosched()
	}
	close(g.gate)
	wg.Wait()
	if g.syncs != 2 {
		t.Errorf("%d appends took %d syncs, not 2", producers, g.syncs)
	}
	if l.RecoveryPoint() != producers {
		t.Errorf("recovery point is %d", l.RecoveryPoint())
	}
}

// Without flush.messages nothing is synced by appends, and with 3 only every third.
func TestFlushMessagesCounts(t *testing.T) {
	for every, want := range map[int64]int{3: 3, 1 << 62: 0} {
		fault := vfs.NewFault(vfs.NewMem())
		syncs := fault.Inject(vfs.Rule{Op: vfs.OpSync, Base: "*" + logSuffix})
		c := testConfig()
		c.FlushMessages = every
		l, err := Open(Options{FS: fault, Dir: "/logs/t-0", TopicPartition: model.TopicPartition{Topic: "t"}, Config: c})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := l.AppendAsLeader(batchOf(1, 10), 0, record.OriginClient); err != nil {
				t.Fatal(err)
			}
		}
		if got := syncs(); got != want {
			t.Errorf("flush.messages=%d: 10 appends took %d syncs, not %d", every, got, want)
		}
	}
}

// BenchmarkGroupCommit is flush.messages=1 with many producers of one partition, on the real disk.
func BenchmarkGroupCommit(b *testing.B) {
	l := benchLog(b, func(c *configs.Topic) { c.FlushMessages = 1 })
	batch := batchOf(1, 100)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		own := make([]byte, len(batch))
		for pb.Next() {
			copy(own, batch)
			if _, err := l.AppendAsLeader(own, 0, record.OriginClient); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package log

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"momus/internal/model"
	"momus/storage/record"
)

// The directory of a log is renamed while it is written, flushed and read, older segments too:
// nobody fails.
func TestRenameWhileInUse(t *testing.T) {
	c := testConfig()
	c.SegmentBytes, c.IndexIntervalBytes = 2000, 100
	parent := t.TempDir()
	var wg sync.WaitGroup
	l, err := Open(Options{Dir: filepath.Join(parent, "t-0"), TopicPartition: model.TopicPartition{Topic: "t"}, Config: c,
		OnIOError: func(err error) { t.Errorf("the directory would be taken offline: %v", err) },
		After:     func(_ time.Duration, fn func()) { wg.Go(fn) }})
	if err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	use := func(fn func(i int) error) {
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				if err := fn(i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	add := func(i int) error {
		_, err := l.AppendAsLeader(values(1_800_000_000_000, "some value"), int32(i/50), record.OriginClient)
		return err
	}
	if err := add(0); err != nil {
		t.Fatal(err)
	}
	use(add)
	use(func(int) error { return l.Flush(l.LogEndOffset()) })
	use(func(i int) error {
		l.CloseIdle(time.Now().Add(time.Hour))
		r, err := l.Read(int64(i)%l.LogEndOffset(), 1000, UpToLogEnd, true)
		if err == nil {
			r.Records.Release()
		}
		return err
	})
	for i := range 60 {
		if err := l.Rename(filepath.Join(parent, fmt.Sprintf("t-%d", i+1))); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

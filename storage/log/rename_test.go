package log

import (
	"fmt"
	"os"
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

// A log is deleted while it is written, flushed and cut: the directory goes, and nobody takes it for
// a disk that has failed.
func TestDeleteWhileInUse(t *testing.T) {
	parent := t.TempDir()
	for n := range 30 {
		deleteInUse(t, filepath.Join(parent, fmt.Sprint("t-", n)))
	}
}

func deleteInUse(t *testing.T, dir string) {
	c := testConfig()
	c.SegmentBytes, c.IndexIntervalBytes = 1000, 100
	var wg sync.WaitGroup
	l, err := Open(Options{Dir: dir, TopicPartition: model.TopicPartition{Topic: "t"}, Config: c,
		OnIOError: func(err error) { t.Errorf("the log directory would be taken offline: %v", err) },
		After:     func(_ time.Duration, fn func()) { wg.Go(fn) }})
	if err != nil {
		t.Fatal(err)
	}
	flushed := make(chan struct{}, 1)
	use := func(fn func(i int) error) {
		wg.Go(func() {
			for i := 0; ; i++ {
				// A log that is closed says so, and has nothing to flush.
				if err := fn(i); err != nil && !IsGone(err) {
					t.Error(err)
					return
				}
				if l.isClosed() {
					return
				}
			}
		})
	}
	use(func(i int) error {
		_, err := l.AppendAsLeader(values(1_800_000_000_000, "some value"), int32(i), record.OriginClient)
		return err
	})
	use(func(int) error {
		select {
		case flushed <- struct{}{}:
		default:
		}
		return l.Flush(l.LogEndOffset())
	})
	use(func(i int) error {
		if i%10 != 0 {
			return nil
		}
		return l.TruncateTo(max(l.LogEndOffset()-3, 0))
	})
	for range 3 {
		<-flushed
	}
	if err := l.Delete(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
	wg.Wait()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory has come back: %v", err)
	}
}

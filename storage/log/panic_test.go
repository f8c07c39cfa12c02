package log

import (
	"errors"
	"fmt"
	"testing"

	"momus/internal/kerr"
	"momus/storage/record"
	"momus/storage/vfs"
)

// panicFS panics in the n-th call from when it was armed.
type panicFS struct {
	vfs.FS
	armed bool
	left  int
}

func (f *panicFS) call(what string) {
	if !f.armed {
		return
	}
	if f.left--; f.left == 0 {
		f.armed = false
		panic("injected into " + what)
	}
}

func (f *panicFS) OpenFile(name string, flag int) (vfs.File, error) {
	f.call("open")
	file, err := f.FS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return panicFile{file, f}, nil
}

func (f *panicFS) Rename(from, to string) error { f.call("rename"); return f.FS.Rename(from, to) }
func (f *panicFS) Remove(name string) error     { f.call("remove"); return f.FS.Remove(name) }
func (f *panicFS) SyncDir(name string) error    { f.call("sync directory"); return f.FS.SyncDir(name) }

type panicFile struct {
	vfs.File
	fs *panicFS
}

func (f panicFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.call("write")
	return f.File.WriteAt(p, off)
}
func (f panicFile) WriteBuffersAt(buffers [][]byte, off int64) (int64, error) {
	f.fs.call("write")
	return f.File.WriteBuffersAt(buffers, off)
}
func (f panicFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.call("read")
	return f.File.ReadAt(p, off)
}
func (f panicFile) Truncate(n int64) error { f.fs.call("truncate"); return f.File.Truncate(n) }
func (f panicFile) Sync() error            { f.fs.call("sync"); return f.File.Sync() }

// TestPanicTakesTheLogOffline lets every call of every change of a log panic, one after the other:
// the change fails with KAFKA_STORAGE_ERROR, so does everything after it, nothing stays locked, and
// the log ends at its last good record at the next start.
func TestPanicTakesTheLogOffline(t *testing.T) {
	for name, change := range map[string]func(e *env) error{
		"append": func(e *env) error {
			_, err := e.AppendAsLeader(values(e.clock, "new"), 0, record.OriginClient)
			return err
		},
		"appends together": func(e *env) error {
			a, b := Append{Records: values(e.clock, "new")}, Append{Records: values(e.clock, "newer")}
			e.AppendTogether(0, []*Append{&a, &b})
			if a.Err != nil && b.Err == nil {
				e.t.Errorf("%v, but %v", a.Err, b.Err)
			}
			return b.Err
		},
		"append of a follower": func(e *env) error {
			b := record.Batch(values(e.clock, "new"))
			b.SetBaseOffset(e.LogEndOffset())
			b.SetLeaderEpoch(0)
			_, err := e.AppendAsFollower(b)
			return err
		},
		"roll":           func(e *env) error { return e.Roll() },
		"truncate":       func(e *env) error { return e.TruncateTo(3) },
		"truncate fully": func(e *env) error { return e.TruncateFullyAndStartAt(50) },
		"retention": func(e *env) error {
			e.config.RetentionBytes = 1
			_, err := e.DeleteOldSegments()
			return err
		},
		"log start":         func(e *env) error { return e.MaybeIncrementLogStartOffset(13) },
		"rename":            func(e *env) error { return e.Rename("/logs/t-0.x-delete") },
		"message format":    func(e *env) error { c := *e.config; c.RecordVersion = 1; return e.UpdateConfig(&c) },
		"drop of snapshots": func(e *env) error { return e.DeleteSnapshotsAfterCheckpoint() },
		"stop":              func(e *env) error { return e.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			panics := 0
			for n := 1; ; n++ {
				mem := vfs.NewMem()
				fs := &panicFS{FS: mem}
				e := newEnv(t, fs, smallSegments).open(false, 0)
				for i := range 20 {
					e.append(e.clock, fmt.Sprint("v", i))
				}
				e.UpdateHighWatermark(20)
				e.must(e.Flush(16))
				told := 0
				e.opts.OnPanic = func(l *Log) { told++ }
				fs.armed, fs.left = true, n
				err := change(e)
				if fs.armed { // it makes fewer calls
					if err != nil {
						t.Fatalf("without panic: %v", err)
					}
					break
				}
				panics++
				var fault *PanicError
				if !errors.As(err, &fault) || kerr.Of(err) != kerr.KafkaStorageError || told != 1 {
					t.Fatalf("call %d: %v, told %d times", n, err, told)
				}
				_, err = e.AppendAsLeader(values(e.clock, "more"), 0, record.OriginClient)
				_, readErr := e.Read(0, 1000, UpToLogEnd, true)
				for what, err := range map[string]error{"append": err, "read": readErr, "truncation": e.TruncateTo(1)} {
					if kerr.Of(err) != kerr.KafkaStorageError {
						t.Fatalf("call %d: %s afterwards: %v", n, what, err)
					}
				}
				e.UpdateHighWatermark(3) // does not wait for ever
				if err := e.Close(); err == nil && name != "stop" {
					t.Fatalf("call %d: closed as if nothing had been", n)
				}
				if len(e.ioErrs) > 0 {
					t.Fatalf("call %d: the directory was blamed: %v", n, e.ioErrs)
				}
				switch name {
				case "append", "appends together", "append of a follower", "roll", "log start", "drop of snapshots":
					again := &env{t: t, fs: mem.KillClone(), config: e.config, clock: e.clock}
					again.open(false, 16)
					if end := again.LogEndOffset(); end != 20 && end != 21 && (end != 22 || name != "appends together") {
						t.Fatalf("call %d: the log ends at %d after a restart", n, end)
					}
				}
			}
			if panics == 0 {
				t.Error("nothing panicked")
			}
		})
	}
}

// TestPanicOfAHook is one in a call to foreign code under the lock.
func TestPanicOfAHook(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), nil).open(false, 0)
	e.append(e.clock, "good")
	e.producers.Admit = func(int64, int16) error { panic("injected into a hook") }
	o := record.DefaultOptions()
	o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Transactional = 7, 0, 0, true
	w := record.NewBuilder(o)
	w.Append(e.clock, nil, []byte("v"))
	var fault *PanicError
	if _, err := e.AppendAsLeader(w.Bytes(), 0, record.OriginClient); !errors.As(err, &fault) || fault.Value != "injected into a hook" {
		t.Fatal(err)
	}
	if err := e.Close(); !errors.As(err, &fault) {
		t.Fatal(err)
	}
}

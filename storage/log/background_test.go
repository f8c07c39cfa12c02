package log

import (
	"path/filepath"
	"testing"

	"momus/configs"
	"momus/storage/vfs"
)

// hookFS calls a function once, in the middle of the first sync of a file with a name that matches.
type hookFS struct {
	vfs.FS
	pattern string
	hook    func() // nil: done, or not set yet
}

func (h *hookFS) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := h.FS.OpenFile(name, flag)
	if matched, _ := filepath.Match(h.pattern, filepath.Base(name)); err != nil || !matched {
		return f, err
	}
	return hookFile{f, h}, nil
}

type hookFile struct {
	vfs.File
	fs *hookFS
}

func (f hookFile) Sync() error {
	if hook := f.fs.hook; hook != nil {
		f.fs.hook = nil
		hook()
	}
	return f.File.Sync()
}

// While what was recovered is made durable, the log is in use: segments go by retention, by a
// truncation and by the cleaner, and their files are removed before the sync is through; the
// partition is deleted. None of that is an error of the disk, which would take the whole directory
// offline, and what is left becomes durable.
func TestWhatGoesDuringTheFlushAfterARecovery(t *testing.T) {
	const records, segments = 60, 4
	deleted := make(chan error, 1)
	for name, tc := range map[string]struct {
		change func(e *env) error
		point  int64 // the recovery point afterwards
	}{
		"retention": {func(e *env) error {
			if err := e.MaybeIncrementLogStartOffset(e.ActiveBaseOffset()); err != nil {
				return err
			}
			_, err := e.DeleteOldSegments()
			return err
		}, records},
		"truncation":      {func(e *env) error { return e.TruncateTo(1) }, 1},
		"full truncation": {func(e *env) error { return e.TruncateFullyAndStartAt(100) }, 100},
		"cleaner": {func(e *env) error {
			list := e.Segments()
			old := list[:len(list)-1]
			cleaned, err := clean(e.Log, old)
			if err != nil {
				return err
			}
			return e.ReplaceSegments([]*Segment{cleaned}, old)
		}, records},
		"rename": {func(e *env) error { return e.Rename("/logs/t-1") }, records},
		"deletion": {func(e *env) error { // it waits for the flush
			go func() { deleted <- e.Delete() }()
			return nil
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := &hookFS{FS: vfs.NewMem(), pattern: "*.log"}
			e := newEnv(t, h, func(c *configs.Topic) { smallSegments(c); c.SegmentBytes = 1500 }).open(false, 0)
			for i := range records {
				e.append(1_800_000_000_000+int64(i), "some value")
			}
			if len(e.Segments()) < segments {
				t.Fatalf("%d segments", len(e.Segments()))
			}
			e.tasks = nil // killed
			e.open(false, 0)
			flush := e.tasks
			e.tasks = nil
			met := false
			h.hook = func() {
				met = true
				if err := tc.change(e); err != nil {
					t.Error(err)
				}
				e.runTasks() // as file.delete.delay.ms=0 does
			}
			for _, fn := range flush {
				fn()
			}
			if !met {
				t.Fatal("nothing was synced")
			}
			if name == "deletion" {
				if err := <-deleted; err != nil {
					t.Error(err)
				}
			}
			if len(e.ioErrs) > 0 {
				t.Fatalf("the directory is taken offline: %v", e.ioErrs)
			}
			if name == "deletion" {
				return
			}
			if err := e.Flush(e.LogEndOffset()); err != nil {
				t.Fatal(err)
			}
			if e.RecoveryPoint() != tc.point || len(e.ioErrs) > 0 {
				t.Errorf("recovery point %d, not %d, %v", e.RecoveryPoint(), tc.point, e.ioErrs)
			}
		})
	}
}

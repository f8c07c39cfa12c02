package log

import (
	"slices"
	"strings"
	"testing"

	"momus/storage/record"
	"momus/storage/vfs"
)

func TestMalformedEpochFileStopsLoading(t *testing.T) {
	mem := vfs.NewMem()
	e := newEnv(t, mem, nil).open(false, 0)
	e.append(e.clock, "a")
	e.Close()
	vfs.WriteFileAtomic(mem, testDir+"/leader-epoch-checkpoint", []byte("0\n1\nx\n"), true)
	if err := e.tryOpen(true, 0, 0); err == nil || !strings.Contains(err.Error(), "leader-epoch-checkpoint") {
		t.Fatalf("opened: %v", err)
	}
}

// After an unclean stop the file may be torn, if it had never been synced: the batches tell the
// epochs.
func TestTornEpochFileIsRebuilt(t *testing.T) {
	for _, torn := range []string{"", "0\n", "0\n2\n0 0\n", "\x00\x00\x00\x00"} {
		mem := vfs.NewMem()
		e := newEnv(t, mem, nil).open(false, 0)
		for epoch := range int32(3) {
			for _, v := range []string{"a", "b"} {
				if _, err := e.AppendAsLeader(values(e.clock, v), 2*epoch, record.OriginClient); err != nil {
					t.Fatal(err)
				}
			}
		}
		e.Close()
		want := e.EpochStarts()
		vfs.WriteFileAtomic(mem, testDir+"/leader-epoch-checkpoint", []byte(torn), true)
		for range 2 {
			e.open(false, 0)
			if got := e.EpochStarts(); len(want) != 3 || !slices.Equal(got, want) {
				t.Errorf("%q: %v, not %v", torn, got, want)
			}
			e.CloseHandlers()
		}
	}
}

// A change of numbers does not wait for what the log does under its lock.
func TestConfigChangesWhileTheLogIsBusy(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), smallSegments).open(false, 0)
	e.mu.Lock()
	defer e.mu.Unlock()
	c := *e.config
	c.SegmentBytes = 12345
	changed := make(chan error)
	go func() { changed <- e.UpdateConfig(&c) }()
	if err := <-changed; err != nil || e.Config().SegmentBytes != 12345 {
		t.Errorf("segment.bytes %d, %v", e.Config().SegmentBytes, err)
	}
}

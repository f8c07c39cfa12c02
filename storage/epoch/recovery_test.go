package epoch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"momus/storage/checkpoint"
	"momus/storage/vfs"
)

// batch is a record in the model of a log: its offset and its leader epoch.
type batch struct {
	offset int64
	epoch  int32
}

// history is a log and its cache under random changes.
type history struct {
	t      *testing.T
	rnd    *rand.Rand
	mem    *vfs.Mem
	cache  *Cache
	log    []batch
	start  int64
	end    int64
	point  int64 // recovery point
	latest int32 // of any leader
}

func (h *history) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *history) step() {
	switch h.rnd.IntN(8) {
	case 0:
		h.latest += 1 + h.rnd.Int32N(2)
		h.must(h.cache.Assign(h.latest, h.end))
	case 1, 2, 3:
		// Not below the epoch of the last record, perhaps below what this broker has had as a
		// leader.
		lowest := int32(0)
		if n := len(h.log); n > 0 {
			lowest = h.log[n-1].epoch
		}
		e := lowest + h.rnd.Int32N(h.latest-lowest+1)
		if latest, _ := h.cache.Latest(); e < latest { // as a follower, which has made sure that its log is the leader's
			h.must(h.cache.TruncateFromEnd(h.end))
		}
		for range 1 + h.rnd.IntN(3) {
			h.must(h.cache.Assign(e, h.end))
			h.log = append(h.log, batch{h.end, e})
			h.end++
		}
	case 4:
		if _, err := h.cache.Save(); err != nil {
			h.t.Fatal(err)
		}
		h.must(h.mem.SyncDir("/"))
		h.point = h.end
	case 5:
		h.end = h.start + h.rnd.Int64N(h.end-h.start+1)
		h.point = min(h.point, h.end)
		h.log = slices.DeleteFunc(h.log, func(b batch) bool { return b.offset >= h.end })
		h.must(h.cache.TruncateFromEnd(h.end))
	case 6:
		if h.rnd.IntN(3) == 0 {
			h.start += h.rnd.Int64N(h.end - h.start + 1)
			h.point = max(h.point, h.start)
			h.log = slices.DeleteFunc(h.log, func(b batch) bool { return b.offset < h.start })
			h.cache.TruncateFromStart(h.start)
		}
	case 7:
		h.check("killed", h.mem.KillClone(), 1)
		if h.rnd.IntN(4) == 0 {
			h.restart()
		}
	}
}

// recovered is the list that a recovery makes of the file and the batches from the recovery point
// on; Kafka looks only for epochs from 1 on.
func (h *history) recovered(name string, f vfs.FS, lowest int32) []checkpoint.Epoch {
	h.t.Helper()
	c, err := Open(f, "/leader-epoch-checkpoint")
	if err != nil {
		h.t.Fatal(name, err)
	}
	for _, b := range h.log {
		if latest, known := c.Latest(); b.offset >= h.point && b.epoch >= lowest && (!known || b.epoch > latest) {
			h.must(c.Assign(b.epoch, b.offset))
		}
	}
	c.Loaded(h.end)
	c.TruncateFromStart(h.start)
	return c.Entries()
}

func (h *history) check(name string, f vfs.FS, lowest int32) {
	h.t.Helper()
	withRecords := func(all []checkpoint.Epoch) []checkpoint.Epoch {
		return slices.DeleteFunc(slices.Clone(all), func(e checkpoint.Epoch) bool { return e.StartOffset >= h.end })
	}
	want := withRecords(h.cache.Entries())
	if got := withRecords(h.recovered(name, f, lowest)); !slices.Equal(got, want) {
		h.t.Fatalf("%s: recovered %v, not %v; log %v, recovery point %d", name, got, want, h.log, h.point)
	}
}

// restart is a clean stop and start.
func (h *history) restart() {
	if _, err := h.cache.Save(); err != nil {
		h.t.Fatal(err)
	}
	h.must(h.mem.SyncDir("/"))
	h.cache = open(h.t, h.mem)
	h.cache.Loaded(h.end)
	h.cache.TruncateFromStart(h.start)
	h.point = h.end
}

// Whatever happens to a log, the file and the batches after the recovery point tell the epochs, to
// Apache Kafka after the process was killed, and to us after a power failure too.
func TestEpochsAreRecovered(t *testing.T) {
	for seed := range uint64(1000) {
		h := &history{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), mem: vfs.NewMem()}
		h.cache = open(t, h.mem)
		h.must(h.mem.SyncDir("/"))
		for i := range 40 {
			h.step()
			h.check(fmt.Sprint("seed ", seed, " step ", i, " killed"), h.mem.KillClone(), 1)
			h.check(fmt.Sprint("seed ", seed, " step ", i, " power lost"), h.mem.CrashClone(nil), 0)
		}
	}
}

// A partition's first epochs cost no sync, nor do new leaders of thousands of partitions.
func TestNewLeadersDoNotSync(t *testing.T) {
	fault := vfs.NewFault(vfs.NewMem())
	synced := fault.Inject(vfs.Rule{Op: vfs.OpSync})
	c := open(t, fault)
	for e := range int32(5) { // a new partition, its first records, then other leaders
		c.mustAssign(t, checkpoint.Epoch{Epoch: e, StartOffset: int64(e)}, checkpoint.Epoch{Epoch: e, StartOffset: int64(e)})
	}
	if synced() != 0 {
		t.Errorf("%d syncs", synced())
	}
	for range 2 {
		if _, err := c.Save(); err != nil {
			t.Fatal(err)
		}
	}
	if synced() != 1 {
		t.Errorf("saving twice took %d syncs", synced())
	}
}

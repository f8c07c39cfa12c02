package replica

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"momus/storage/vfs"
)

var errDisk = syscall.EIO

// faultIn makes every write to segment files below dir fail.
func faultIn(dir string) vfs.Rule {
	return vfs.Rule{Op: vfs.OpWrite, Base: "*.log", Err: fmt.Errorf("disk of %s: %w", dir, errDisk)}
}

// TestLogsAreEqualAfterLeaderChanges appends while leaders change, brokers lag, die and come back;
// every record that was acknowledged with acks=all must be in all logs in the end, and the logs
// must be equal byte by byte.
func TestLogsAreEqualAfterLeaderChanges(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomChanges(t, seed) })
		})
	}
}

// killAndStart starts a broker again after a kill: what it had written is there.
func (b *testBroker) killAndStart() {
	b.cancel()
	b.done.Wait()
	b.mem = b.mem.KillClone()
	b.start()
}

func randomChanges(t *testing.T, seed uint64) {
	c := newCluster(t, 3)
	defer c.stop()
	r := rand.New(rand.NewPCG(seed, 1))
	leader, epoch := int32(1), int32(0)
	c.lead(tp0, leader, epoch, isr(1, 2, 3), 1, 2, 3)
	var acked []string
	up := func() (ids []int32) {
		for id, b := range c.brokers {
			if !b.down.Load() {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return ids
	}
	elect := func() {
		// A clean election: the new leader is a live member of the ISR.
		state := c.zk.state(tp0)
		live := slices.DeleteFunc(slices.Clone(state.ISR), func(id int32) bool { return c.brokers[id].down.Load() })
		if len(live) == 0 {
			return
		}
		leader = live[r.IntN(len(live))]
		epoch++
		c.lead(tp0, leader, epoch, live, 1, 2, 3)
	}
	for step := range 60 {
		switch n := r.IntN(10); {
		case n < 5 && !c.brokers[leader].down.Load():
			value := fmt.Sprintf("%d-%s", step, strings.Repeat("x", r.IntN(200)))
			acks := int16(1)
			if r.IntN(2) == 0 {
				acks = -1
			}
			a := c.brokers[leader].append(acks, value)
			if r.IntN(3) > 0 {
				if res := a.Wait(t.Context(), 5*time.Second)[0]; res.Err == nil && acks == -1 {
					acked = append(acked, value)
				}
			}
		case n < 7:
			elect()
		case n == 7 && len(up()) == 3:
			id := up()[r.IntN(3)]
			if r.IntN(2) == 0 {
				c.brokers[id].down.Store(true) // cannot be reached for a while
			} else {
				c.brokers[id].stop(r.IntN(2) == 0)
			}
			if id == leader {
				elect()
			}
		case n == 8:
			for _, id := range []int32{1, 2, 3} {
				if b := c.brokers[id]; b.down.Load() && b.m != nil {
					b.killAndStart()
					epoch++
					c.lead(tp0, leader, epoch, c.zk.state(tp0).ISR, 1, 2, 3)
				}
			}
		default:
			time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
		}
	}
	for _, id := range []int32{1, 2, 3} {
		if b := c.brokers[id]; b.down.Load() {
			b.killAndStart()
		}
	}
	epoch++
	c.lead(tp0, leader, epoch, c.zk.state(tp0).ISR, 1, 2, 3)
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	want := content(t, c.brokers[leader].log(tp0))
	for id, b := range c.brokers {
		l := b.log(tp0)
		if got := content(t, l); !bytes.Equal(got, want) {
			t.Errorf("seed %d: broker %d has %d bytes up to %d, leader %d has %d up to %d", seed, id, len(got), l.LogEndOffset(), leader, len(want), c.brokers[leader].log(tp0).LogEndOffset())
		}
		if l.HighWatermark() != l.LogEndOffset() {
			t.Errorf("seed %d: broker %d has high watermark %d, log end %d", seed, id, l.HighWatermark(), l.LogEndOffset())
		}
	}
	res := c.brokers[leader].consume(FetchParams{MaxBytes: 1 << 30}, at(0))
	got := values(t, &res[0], 0)
	for _, v := range acked {
		if !slices.Contains(got, v) {
			t.Errorf("seed %d: acknowledged record %.20s is lost", seed, v)
		}
	}
	if s := c.brokers[leader].m.Partition(tp0).State(); len(s.ISR) != 3 {
		t.Errorf("seed %d: ISR %v", seed, s.ISR)
	}
}

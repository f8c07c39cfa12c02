package command

import (
	"context"
	"math"
	"runtime"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// A broker with little to do spends most of its CPU time on threads that wake each other: a request
// that wakes another (a produce and the fetch that waits for it) makes the scheduler start a second
// thread, which finds nothing left. So a quiet process runs Go code on one thread at a time, which
// halves the cost of a request and shortens it, and goes back to all of them within processorTick
// of having more to do.
const (
	processorTick = 200 * time.Millisecond
	// Shares of one core: at or above busyShare all threads are used at once; below quietShare for
	// quietTicks one will do.
	busyShare  = 0.35
	quietShare = 0.25
	quietTicks = 5
	// Up to fewProcessors, a busy process runs Go code on more threads than there are processors. A
	// thread in a long call of the kernel (a write of several megabytes, sendfile) holds its turn
	// until the scheduler's monitor takes it away; with as many threads as processors, whoever has a
	// small request waits for milliseconds meanwhile. With more threads the kernel shares the
	// processors out. Twice as many serve best where much is moved. Small requests, as commits of
	// offsets, then pay a third more for threads that wake each other, and have as short a 99th
	// percentile with half as many more.
	fewProcessors = 4
	// Bytes read and written a second: at or above manyBytes much is moved; below fewBytes for
	// quietTicks no longer.
	manyBytes = 64 << 20
	fewBytes  = 32 << 20
)

// load is what a process has to do.
type load uint8

const (
	atRest load = iota // hardly anything
	small              // many small requests
	large              // much to move
)

// threads is how many threads serve the load best on n processors.
func (l load) threads(n int) int {
	switch {
	case l == atRest:
		return 1
	case n > fewProcessors:
		return n
	case l == small:
		return n + (n+1)/2
	}
	return 2 * n
}

// run lets as many threads run Go code as serve the load best. The number of processors is asked for
// again: the limits of a container can change.
func (l load) run() {
	runtime.SetDefaultGOMAXPROCS()
	runtime.GOMAXPROCS(l.threads(runtime.GOMAXPROCS(0)))
}

// processors decides how many threads run Go code. It is pure: the caller measures and obeys.
type processors struct {
	quiet, large bool
	below        int // ticks in a row below quietShare
	little       int // ticks in a row below fewBytes
}

// tick takes the CPU time, the bytes moved and the wall time since the last tick, and tells what the
// process has to do.
func (p *processors) tick(cpu time.Duration, moved int64, wall time.Duration) load {
	wall = max(wall, 1)
	switch share := float64(cpu) / float64(wall); {
	case share >= quietShare:
		p.below = 0
		p.quiet = p.quiet && share < busyShare
	case p.below < quietTicks:
		p.below++
	default:
		p.quiet = true
	}
	switch rate := float64(moved) / wall.Seconds(); {
	case rate >= fewBytes:
		p.little = 0
		p.large = p.large || rate >= manyBytes
	case p.little < quietTicks:
		p.little++
	default:
		p.large = false
	}
	switch {
	case p.quiet:
		return atRest
	case p.large:
		return large
	}
	return small
}

// fitProcessors keeps GOMAXPROCS at what serves the load, one while the process is quiet, until ctx
// ends; stop waits for that. It does nothing when GOMAXPROCS is set in the environment, with one
// processor, and where CPU time is not known. Where the bytes moved are not, it is as if they were many.
func fitProcessors(ctx context.Context, environ []string, log *logrus.Logger) (stop func()) {
	for _, v := range environ {
		if s, ok := strings.CutPrefix(v, "GOMAXPROCS="); ok && s != "" {
			return func() {}
		}
	}
	lastCPU, ok := cpuTime()
	if !ok || runtime.GOMAXPROCS(0) == 1 {
		return func() {}
	}
	lastMoved, known := movedBytes()
	now := large
	now.run()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // ended by stop
		defer close(done)
		tick := time.NewTicker(processorTick)
		defer tick.Stop()
		p := processors{large: true}
		for at := time.Now(); ; {
			select {
			case <-ctx.Done():
				runtime.SetDefaultGOMAXPROCS()
				return
			case <-tick.C:
			}
			was, since := now, at
			at = time.Now()
			cpu, _ := cpuTime()
			moved := int64(math.MaxInt64)
			switch {
			case known && was == atRest:
				// Nobody wants to know, and asking five times a second is half of what an idle
				// broker does.
				moved = 0
			case known:
				total, _ := movedBytes()
				moved, lastMoved = total-lastMoved, total
			}
			now = p.tick(cpu-lastCPU, moved, at.Sub(since))
			lastCPU = cpu
			if was == atRest && now != atRest {
				lastMoved, _ = movedBytes()
			}
			if now != was {
				now.run()
				log.WithField("threads", runtime.GOMAXPROCS(0)).Debug("fitted the number of threads to the load")
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

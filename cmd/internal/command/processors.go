package command

import (
	"context"
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
	// Up to fewProcessors, a busy process runs Go code on twice as many threads as there are
	// processors. A thread in a long call of the kernel (a write of several megabytes, sendfile)
	// holds its turn until the scheduler's monitor takes it away; with two of them, whoever has a
	// small request waits for milliseconds. With more threads the kernel shares the processors out.
	fewProcessors = 4
)

// useAllProcessors lets as many threads run Go code as serve a busy process best. The number of
// processors is asked for again: the limits of a container can change.
func useAllProcessors() {
	runtime.SetDefaultGOMAXPROCS()
	if n := runtime.GOMAXPROCS(0); n <= fewProcessors {
		runtime.GOMAXPROCS(2 * n)
	}
}

// processors decides how many threads run Go code. It is pure: the caller measures and obeys.
type processors struct {
	quiet bool
	below int // ticks in a row below quietShare
}

// tick takes the CPU time and the wall time since the last tick and tells whether the process is
// quiet.
func (p *processors) tick(cpu, wall time.Duration) (quiet bool) {
	share := float64(cpu) / float64(max(wall, 1))
	switch {
	case share >= quietShare:
		p.below = 0
		p.quiet = p.quiet && share < busyShare
	case p.below < quietTicks:
		p.below++
	default:
		p.quiet = true
	}
	return p.quiet
}

// fitProcessors keeps GOMAXPROCS at one while the process is quiet, until ctx ends; stop waits for
// that. It does nothing when GOMAXPROCS is set in the environment, with one processor, and where
// CPU time is not known.
func fitProcessors(ctx context.Context, environ []string, log *logrus.Logger) (stop func()) {
	for _, v := range environ {
		if s, ok := strings.CutPrefix(v, "GOMAXPROCS="); ok && s != "" {
			return func() {}
		}
	}
	last, ok := cpuTime()
	if !ok || runtime.GOMAXPROCS(0) == 1 {
		return func() {}
	}
	useAllProcessors()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // ended by stop
		defer close(done)
		tick := time.NewTicker(processorTick)
		defer tick.Stop()
		var p processors
		for at, quiet := time.Now(), false; ; {
			select {
			case <-ctx.Done():
				runtime.SetDefaultGOMAXPROCS()
				return
			case <-tick.C:
			}
			now := time.Now()
			cpu, _ := cpuTime()
			was := quiet
			quiet = p.tick(cpu-last, now.Sub(at))
			last, at = cpu, now
			if quiet == was {
				continue
			}
			if quiet {
				runtime.GOMAXPROCS(1)
			} else {
				useAllProcessors()
			}
			log.WithField("threads", runtime.GOMAXPROCS(0)).Debug("fitted the number of threads to the load")
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

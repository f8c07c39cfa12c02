package command

import (
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

func TestProcessors(t *testing.T) {
	var p processors
	ticks := func(n int, share float64) bool {
		quiet := false
		for range n {
			quiet = p.tick(time.Duration(share*float64(processorTick)), processorTick)
		}
		return quiet
	}
	for _, step := range []struct {
		what  string
		n     int
		share float64
		quiet bool
	}{
		{"not quiet at once", quietTicks, 0.01, false},
		{"quiet after a while", 1, 0.01, true},
		{"somewhat more to do", 100, 0.3, true},
		{"busy at once", 1, 0.4, false},
		{"a pause", quietTicks, 0.1, false},
		{"not much to do, but not quiet", 1, 0.26, false},
		{"another pause", quietTicks, 0.1, false},
		{"quiet again", 1, 0.1, true},
	} {
		if quiet := ticks(step.n, step.share); quiet != step.quiet {
			t.Fatalf("%s: quiet %v", step.what, quiet)
		}
	}
	if (&processors{}).tick(0, 0) {
		t.Error("quiet after no time at all")
	}
}

func TestProcessorsAreGivenBack(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	log := logrus.New()
	log.SetOutput(io.Discard)
	stop := fitProcessors(t.Context(), nil, log)
	if n := runtime.GOMAXPROCS(0); before > 1 && before <= fewProcessors && n != 2*before {
		t.Errorf("%d threads for %d processors", n, before)
	}
	stop()
	fitProcessors(t.Context(), []string{"GOMAXPROCS=3"}, log)()
	if n := runtime.GOMAXPROCS(0); n != before {
		t.Errorf("%d threads, there were %d", n, before)
	}
}

package command

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

func TestProcessors(t *testing.T) {
	var p processors
	ticks := func(n int, share float64, megabytes int64) load {
		var l load
		for range n {
			l = p.tick(time.Duration(share*float64(processorTick)), megabytes<<20*int64(processorTick)/int64(time.Second), processorTick)
		}
		return l
	}
	for _, step := range []struct {
		what      string
		n         int
		share     float64
		megabytes int64 // a second
		want      load
	}{
		{"not quiet at once", quietTicks, 0.01, 0, small},
		{"quiet after a while", 1, 0.01, 0, atRest},
		{"somewhat more to do", 100, 0.3, 1, atRest},
		{"busy at once", 1, 0.4, 1, small},
		{"a pause", quietTicks, 0.1, 0, small},
		{"not much to do, but not quiet", 1, 0.26, 0, small},
		{"another pause", quietTicks, 0.1, 0, small},
		{"quiet again", 1, 0.1, 0, atRest},
		{"many small requests", 100, 2, 40, small},
		{"much to move at once", 1, 1, 100, large},
		{"less", 100, 1, 40, large},
		{"a pause", quietTicks, 1, 10, large},
		{"less", 1, 1, 40, large},
		{"another pause", quietTicks, 1, 10, large},
		{"small requests again", 1, 1, 10, small},
		{"much to move with little to compute", quietTicks, 0.1, 100, large},
		{"is quiet", 1, 0.1, 100, atRest},
		{"and large when busy", 1, 1, 100, large},
	} {
		if got := ticks(step.n, step.share, step.megabytes); got != step.want {
			t.Fatalf("%s: load %d, not %d", step.what, got, step.want)
		}
	}
	if (&processors{}).tick(0, 0, 0) == atRest {
		t.Error("quiet after no time at all")
	}
}

func TestThreads(t *testing.T) {
	for _, c := range []struct{ n, quiet, small, large int }{{2, 1, 3, 4}, {3, 1, 5, 6}, {4, 1, 6, 8}, {5, 1, 5, 5}, {64, 1, 64, 64}} {
		if q, s, l := atRest.threads(c.n), small.threads(c.n), large.threads(c.n); q != c.quiet || s != c.small || l != c.large {
			t.Errorf("%d processors: %d, %d and %d threads, not %d, %d and %d", c.n, q, s, l, c.quiet, c.small, c.large)
		}
	}
}

// TestMovedBytes reads and writes files: sockets that are read count too.
func TestMovedBytes(t *testing.T) {
	before, known := movedBytes()
	if !known {
		if runtime.GOOS == "linux" {
			t.Fatal("not known on Linux")
		}
		return
	}
	const n = 1 << 20
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, make([]byte, n), 0o600); err != nil {
		t.Fatal(err)
	}
	if after, _ := movedBytes(); after-before < n {
		t.Errorf("%d bytes moved when %d were written", after-before, n)
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

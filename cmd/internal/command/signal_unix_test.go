//go:build unix

package command

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFirstSignalStopsSecondForces(t *testing.T) {
	w := newWorld()
	forced := make(chan int, 1)
	w.Exit = func(code int) { forced <- code }
	ctx, stop := withSignals(context.Background(), &w.Env)
	defer stop()
	signal := func() {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	signal()
	<-ctx.Done()
	signal() // timeout(1) sends its signal to the process and to the group
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case code := <-forced:
			if code != 130 || !strings.Contains(w.stderr.String(), "at once") || time.Since(began) < signalGap {
				t.Errorf("exit %d after %v, %s", code, time.Since(began), w.stderr.String())
			}
			return
		case <-again.C:
			signal()
		}
	}
}

//go:build unix

package command

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestFirstSignalStopsSecondForces(t *testing.T) {
	w := newWorld()
	forced := make(chan int, 1)
	w.Exit = func(code int) { forced <- code }
	ctx, stop := withSignals(context.Background(), &w.Env)
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if code := <-forced; code != 130 || !strings.Contains(w.stderr.String(), "at once") {
		t.Errorf("exit %d, %s", code, w.stderr.String())
	}
}

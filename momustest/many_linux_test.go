package momustest_test

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"momus/internal/testbase"
	"momus/momustest"
)

// Two hundred clusters run side by side in one process; what they take is in the log of the test.
func TestManyClustersSideBySide(t *testing.T) {
	const clusters = 200
	debug.FreeOSMemory()
	before := testbase.Resident(t, os.Getpid())
	began := time.Now()
	var wait sync.WaitGroup
	// All of them live at once, but a machine that is slow or busy does not begin with all of them: a
	// session of ZooKeeper would end before its client had a turn.
	turns := make(chan struct{}, 4*runtime.GOMAXPROCS(0))
	for range clusters {
		wait.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			c := momustest.Start(t)
			cl := client(t, c)
			create(t, cl, "t", 1, nil)
			produce(t, cl, "t", 0, 10)
			consume(t, c, "t", 10)
		})
	}
	wait.Wait()
	debug.FreeOSMemory()
	mib := (testbase.Resident(t, os.Getpid()) - before) >> 20
	t.Logf("%d clusters after %v in %d MiB", clusters, time.Since(began), mib)
	if mib > 500 {
		t.Errorf("they take %d MiB", mib)
	}
}

package network

import (
	"runtime"
	"sync"
	"testing"
)

// TestRound waits for rounds from many goroutines at once, beside some that are always busy: each
// comes to its end.
func TestRound(t *testing.T) {
	r, err := NewRound()
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var busy, waiting sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					runtime.Gosched()
				}
			}
		})
	}
	for range 8 {
		waiting.Go(func() {
			for range 50 {
				r.Wait(nil)
			}
		})
	}
	waiting.Wait()
	close(stop)
	busy.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r.Wait(nil) // nothing to wait for
}

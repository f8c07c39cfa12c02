package cleaner

import (
	"testing"
	"time"
)

// A panic while a worker notes that a log cannot be cleaned leaves the cleaner's lock free: whoever
// truncates or deletes a log takes it, too.
func TestPanicLeavesNoLock(t *testing.T) {
	c := New(Options{})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		c.postpone(nil, plan{})
	}()
	free := make(chan struct{})
	go func() { // ends when the lock is free
		c.mu.Lock()
		defer c.mu.Unlock()
		close(free)
	}()
	select {
	case <-free:
	case <-time.After(time.Minute):
		t.Fatal("the lock is held for ever")
	}
}

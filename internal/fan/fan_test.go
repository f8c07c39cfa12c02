package fan

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestEachCallsForAllOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 100} {
		calls := make([]atomic.Int32, n)
		Each(n, 7, func(i int) { calls[i].Add(1) })
		for i := range calls {
			if got := calls[i].Load(); got != 1 {
				t.Errorf("%d of %d was called for %d times", i, n, got)
			}
		}
	}
}

// As many calls as may be at the same time wait for each other; one more would be told of.
func TestEachKeepsItsLimit(t *testing.T) {
	const limit = 4
	var running atomic.Int32
	var together sync.WaitGroup
	together.Add(limit)
	Each(limit, limit, func(int) {
		together.Done()
		together.Wait()
	})
	Each(100, limit, func(int) {
		if n := running.Add(1); n > limit {
			t.Errorf("%d calls at the same time, where %d are allowed", n, limit)
		}
		running.Add(-1)
	})
}

func TestAPanicGoesOnInTheCaller(t *testing.T) {
	ended := false
	begun := make(chan struct{})
	p := panicOf(t, func() {
		Each(2, 2, func(i int) {
			if i == 0 {
				<-begun
				explode()
			}
			defer func() { ended = true }()
			close(begun)
		})
	})
	if p.Value != "boom" || !strings.Contains(p.String(), "boom") || !strings.Contains(p.String(), "explode") {
		t.Errorf("panicked with %v", p)
	}
	if !ended {
		t.Error("a part that had begun has not ended")
	}
}

func TestNoPartBeginsAfterAPanic(t *testing.T) {
	calls := 0
	panicOf(t, func() {
		Each(3, 1, func(int) {
			calls++
			explode()
		})
	})
	if calls != 1 {
		t.Errorf("%d parts have begun, want 1", calls)
	}
}

// panicOf is what fn panics with.
func panicOf(t *testing.T, fn func()) (p *Panic) {
	t.Helper()
	defer func() {
		t.Helper()
		var ok bool
		if p, ok = recover().(*Panic); !ok {
			t.Fatal("a panic of a part was not the caller's")
		}
	}()
	fn()
	return nil
}

func explode() { panic("boom") }

func TestGuardTellsOfAPanic(t *testing.T) {
	if p := Guard(func() {}); p != nil {
		t.Errorf("without a panic: %v", p)
	}
	if p := Guard(func() { panic("injected") }); p == nil || p.Value != "injected" || !strings.Contains(string(p.Stack), "TestGuardTellsOfAPanic") {
		t.Errorf("caught %v", p)
	}
}

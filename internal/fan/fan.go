// Package fan does the parts of one call in several goroutines, all of which have ended when the
// call returns. Unlike those of an errgroup, a part that panics does not end the process: the panic
// goes on in the caller, where whoever bounds what a panic costs expects it.
package fan

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Panic is what Each panics with when a part of it has.
type Panic struct {
	Value any    // what the part panicked with
	Stack []byte // of the part, which the caller's stack does not show
}

func (p *Panic) String() string { return fmt.Sprintf("%v\n%s", p.Value, p.Stack) }

// Each calls fn for 0 to n-1, at most limit at a time, and returns when all calls have. A single
// call is made by the caller's own goroutine. After a panic no further call begins, and Each panics
// when those that have begun have ended.
func Each(n, limit int, fn func(i int)) {
	if n == 1 {
		fn(0)
		return
	}
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex // guards what follows
		next     int
		panicked *Panic
	)
	take := func() (i int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if panicked != nil || next == n {
			return 0, false
		}
		next++
		return next - 1, true
	}
	work := func() {
		defer func() {
			if r := recover(); r != nil {
				mu.Lock()
				defer mu.Unlock()
				if panicked == nil {
					panicked = &Panic{Value: r, Stack: debug.Stack()}
				}
			}
		}()
		for i, ok := take(); ok; i, ok = take() {
			fn(i)
		}
	}
	for range min(n, limit) {
		wg.Go(work)
	}
	wg.Wait()
	if panicked != nil {
		panic(panicked)
	}
}

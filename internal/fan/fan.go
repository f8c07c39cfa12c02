// Package fan does the parts of one call in several goroutines, all of which have ended when the
// call returns. Unlike those of an errgroup, a part that panics does not end the process: the panic
// goes on in the caller, where whoever bounds what a panic costs expects it. For goroutines that
// nobody waits for there is Guard.
package fan

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Panic is what Each panics with when a part of it has, and what Guard caught.
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
		p := Guard(func() {
			for i, ok := take(); ok; i, ok = take() {
				fn(i)
			}
		})
		mu.Lock()
		defer mu.Unlock()
		if panicked == nil {
			panicked = p
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

// Guard calls fn, and gives the panic that ended it, nil for none: for the owner of a goroutine who
// knows what to do without what it did. It must have left nothing locked or half changed.
func Guard(fn func()) (panicked *Panic) {
	defer func() {
		if r := recover(); r != nil {
			panicked = &Panic{Value: r, Stack: debug.Stack()}
		}
	}()
	fn()
	return nil
}

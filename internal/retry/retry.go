// Package retry says how long to wait before what failed is tried again. It waits for nothing
// itself: whoever tries has other things to wait for, too.
package retry

import "time"

// Pause is the pause between tries: First after a failure, twice as long after each one more, up to
// Longest. It belongs to one goroutine.
type Pause struct {
	First, Longest time.Duration
	last           time.Duration // 0: nothing has failed since the last success
}

// Failed notes a failure, and gives how long to wait.
func (p *Pause) Failed() time.Duration {
	if p.last == 0 {
		p.last = p.First
	} else {
		p.last = min(2*p.last, p.Longest)
	}
	return p.last
}

// Succeeded notes a success, and reports whether there was a failure before it.
func (p *Pause) Succeeded() (again bool) {
	again = p.last != 0
	p.last = 0
	return again
}

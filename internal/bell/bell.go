// Package bell wakes a goroutine that waits for something to do, which lies elsewhere, under a lock.
// A bell holds one ring: it may be rung any number of times before somebody listens, who then looks
// at all there is to do.
package bell

// A Bell is received from by the one who waits. The zero value is never heard; see New.
type Bell chan struct{}

// New makes a bell.
func New() Bell { return make(Bell, 1) }

// Ring wakes who waits, or who waits next. It never blocks.
func (b Bell) Ring() {
	select {
	case b <- struct{}{}:
	default: // it has been rung already
	}
}

package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// parts are the running parts of a broker, in the order in which they were started.
type parts struct {
	failed chan error // capacity 1: the first failure is the one that counts
	stops  []func()
}

func newParts() *parts { return &parts{failed: make(chan error, 1)} }

// run starts a part: its Run in a goroutine that stop ends. A failure of a part is the broker's.
func (p *parts) run(name string, run func(ctx context.Context) error) {
	// Not the context of start: that one ends first, and the parts must then stop in order, not all
	// at once.
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			select {
			// Later failures are most likely consequences of the first.
			case p.failed <- fmt.Errorf("%s: %w", name, err):
			default:
			}
		}
	})
	p.onStop(func() {
		cancel()
		wg.Wait()
	})
}

// onStop adds something to do at the stop, before what was added earlier. It happens once, even if
// stop is called by hand.
func (p *parts) onStop(stop func()) (now func()) {
	once := sync.OnceFunc(stop)
	p.stops = append(p.stops, once)
	return once
}

// stop ends all parts, the last started first.
func (p *parts) stop() {
	for i := len(p.stops) - 1; i >= 0; i-- {
		p.stops[i]()
	}
	p.stops = nil
}

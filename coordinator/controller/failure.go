package controller

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sirupsen/logrus"

	"momus/coordinator/zk"
	"momus/internal/kerr"
)

// A panic while an event is processed is a bug of ours, and after it nobody knows what the
// controller believes. So it resigns: requests are refused, the state is thrown away, and
// /controller is deleted so that all brokers compete for it. This one stands aside for a while, for
// the same state may lead it to the same panic; the process, with all partitions that it leads,
// goes on.

// Pauses before a controller that failed is a candidate again: doubled while it fails again within
// settled.
const (
	firstPause = time.Second
	lastPause  = time.Minute
	settled    = 10 * time.Minute
)

// errFailed answers the request that a panic ended.
var errFailed = fmt.Errorf("the controller has failed and resigned: %w", kerr.NotController)

// giveUp: /controller is still to be deleted after a failure.
type giveUp struct{ epoch zk.ControllerEpoch }

func (giveUp) event() {}

// failures are what the loop remembers of panics.
type failures struct {
	inARow int
	last   time.Time
	until  time.Time // no candidate before
}

// guard is deferred around the processing of an event.
func (c *Controller) guard(ctx context.Context, ev Event) {
	if p := recover(); p != nil {
		stack := debug.Stack()
		if s, ok := p.(*stepPanic); ok {
			stack = s.stack
		}
		c.fail(ctx, ev, p, stack)
	}
}

func (c *Controller) fail(ctx context.Context, ev Event, reason any, stack []byte) {
	now := c.opts.Now()
	if now.Sub(c.failures.last) > settled {
		c.failures.inARow = 0
	}
	pause := min(firstPause<<min(c.failures.inARow, 10), lastPause)
	c.failures.inARow++
	c.failures.last, c.failures.until = now, now.Add(pause)
	fields := logrus.Fields{"panic": fmt.Sprint(reason), "event": fmt.Sprintf("%T", ev), "controller_epoch": c.epoch.Load(), "active": c.core.active,
		"brokers": len(c.core.brokers), "topics": len(c.core.topics), "reassigning": len(c.core.reassigning), "pause": pause, "stack": string(stack)}
	c.log.WithFields(fields).Error("the controller failed and resigns; please report this")
	epoch, active := c.core.epoch, c.core.active
	c.abandon()
	drop(ev, errFailed)
	if active {
		c.giveUp(ctx, giveUp{epoch})
	}
	time.AfterFunc(pause, func() { c.queue.put(reelect{}) })
}

// abandon resigns; a core that cannot even do that is replaced.
func (c *Controller) abandon() {
	defer func() {
		if p := recover(); p != nil {
			c.log.WithField("panic", fmt.Sprint(p)).Error("the controller could not resign in an orderly way")
			c.core.Context, c.core.active, c.core.epoch = newContext(), false, zk.ControllerEpoch{}
			c.core.batch.reset()
		}
	}()
	c.resign()
}

// giveUp deletes /controller, and tries again as long as ZooKeeper is not there to do it. With the
// session the node would be gone.
func (c *Controller) giveUp(ctx context.Context, ev giveUp) {
	err := c.opts.ZK.DeleteController(ctx, ev.epoch)
	if err == nil || ctx.Err() != nil || errors.Is(err, zk.ErrSessionExpired) || errors.Is(err, zk.ErrClosed) {
		return
	}
	c.log.WithError(err).Error("could not give up /controller, trying again")
	time.AfterFunc(firstPause, func() { c.queue.put(ev) })
}

// standsAside reports whether this broker is no candidate yet after a failure.
func (c *Controller) standsAside() bool { return c.opts.Now().Before(c.failures.until) }

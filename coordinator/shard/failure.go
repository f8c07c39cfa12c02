package shard

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sirupsen/logrus"

	"momus/internal/kerr"
	"momus/storage/record"
)

// A machine that panics is a bug of ours, and after it nobody knows what the machine holds. So the
// partition is given up as if this broker had lost it: whoever waits is told NOT_COORDINATOR, and
// so is everybody who comes, until the partition has been loaded again from its log by a new
// machine. Neither the connection whose request it was nor the process ends. The event is not tried
// again. A batch of the log over which the machine panics is left out of the next load.

// Describer is a Machine that can say, for the log, what it holds for an event: names, states and
// numbers, never contents.
type Describer interface {
	Describe(ev any) map[string]any
}

// Pauses before a partition that failed is loaded again: doubled while it fails again within
// settled.
const (
	firstReload = 100 * time.Millisecond
	lastReload  = time.Minute
	settled     = time.Minute
)

// guard is deferred around the calls of the machine: it turns a panic into the failure of the
// partition. own is held.
func (l *loop) guard() {
	if p := recover(); p != nil {
		l.fail(p, debug.Stack())
	}
}

// fail gives the machine up. own is held.
func (l *loop) fail(reason any, stack []byte) {
	now := l.r.o.Now()
	if now.Sub(l.failedAt) > settled {
		l.failures = 0
	}
	l.failures++
	l.failedAt = now
	l.failed.Store(true)
	l.logger.WithFields(l.describe()).WithFields(logrus.Fields{
		"panic": fmt.Sprint(reason), "event": fmt.Sprintf("%T", l.current.ev), "leader_epoch": l.epoch.Load(), "stack": string(stack),
	}).Error("a coordinator partition failed and is loaded again; please report this")
	l.abandon(now)
	l.wake.Ring()
}

// describe is what the machine says of the event over which it panicked; it may be in no state to
// say anything.
func (l *loop) describe() (fields logrus.Fields) {
	defer func() {
		if recover() != nil {
			fields = nil
		}
	}()
	if d, ok := l.machine.(Describer); ok {
		return d.Describe(l.current.ev)
	}
	return nil
}

// leave unloads the machine; one that panics over it has nothing more to say.
func (l *loop) leave(now time.Time) {
	defer func() {
		if p := recover(); p != nil {
			l.logger.WithField("panic", fmt.Sprint(p)).Error("a coordinator partition panicked while it was unloaded")
			l.refuseOpen()
		}
	}()
	l.carryOut(l.machine.Unload(now))
}

// refuseOpen answers the calls that the machine has left without an answer.
func (l *loop) refuseOpen() {
	for call := range l.open {
		Reply{Call: call, Err: kerr.NotCoordinator}.answer()
	}
	clear(l.open)
}

// abandon lets the machine take leave, if it can, and answers whoever it has left without an
// answer.
func (l *loop) abandon(now time.Time) {
	if l.current.call != nil {
		l.open[l.current.call] = struct{}{}
	}
	l.leave(now)
	l.refuseOpen()
	l.done, l.current = l.done[:0], message{}
	l.generation++
	l.mu.Lock()
	defer l.mu.Unlock()
	l.box = refuse(l.box)
}

// refuse answers the calls among messages; what nobody waits for stays.
func refuse(messages []message) (rest []message) {
	for _, m := range messages {
		if m.call == nil {
			rest = append(rest, m)
		} else {
			Reply{Call: m.call, Err: kerr.NotCoordinator}.answer()
		}
	}
	return rest
}

// putBack returns messages that were taken but not stepped, because the machine failed before.
func (l *loop) putBack(messages []message) {
	rest := refuse(messages)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.box = append(rest, l.box...)
}

// reload waits and loads a partition that failed; false if it was resigned meanwhile.
func (l *loop) reload() bool {
	t := time.NewTimer(min(firstReload<<min(l.failures-1, 20), lastReload))
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.ctx.Done():
		return false
	}
	l.loading.Store(true)
	l.failed.Store(false)
	return l.load()
}

// replayBatch gives one batch to the machine that is being loaded. A panic ends the load, which
// begins again without the batch.
func (l *loop) replayBatch(batch record.Batch) (err error) {
	offset := batch.BaseOffset()
	if l.poison[offset] {
		l.logger.WithField("offset", offset).Error("a batch over which the coordinator panicked is left out of the load")
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			l.poison[offset] = true
			err = fmt.Errorf("batch at %d: panic: %v\n%s", offset, p, debug.Stack())
		}
	}()
	if err := l.machine.Replay(batch); err != nil {
		l.logger.WithError(err).WithField("offset", offset).Error("coordinator records left out of the load")
	}
	return nil
}

// loaded ends the replay; false if the machine failed over it.
func (l *loop) loaded(now time.Time) bool {
	l.own.Lock()
	defer l.own.Unlock()
	defer l.guard()
	l.current = message{ev: "loaded"}
	l.carryOut(l.machine.Loaded(now))
	l.current = message{}
	l.loading.Store(false)
	return true
}

package zk

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"time"

	"momus/internal/bell"
	"momus/internal/retry"
)

// What could not be read is read again after a pause that gets longer each time.
const (
	firstRetry   = 250 * time.Millisecond
	longestRetry = 30 * time.Second
)

// changeExpiry is how old a change notification must be before any broker may delete it.
const changeExpiry = 15 * time.Minute

// ChangeReader follows a node whose sequential children are notifications (config, ACL and token
// changes; Kafka's ZkNodeChangeNotificationListener). Notifications never say what has changed,
// only where: readers re-read the whole.
type ChangeReader struct {
	client *Client
	parent string
	prefix string
	handle func(ctx context.Context, data []byte) error
	now    func() time.Time
	// wake is rung by events, any number of which are one look. last is the highest number handled,
	// -1 at first, so that what was there before the start is handled, too, as in Kafka.
	wake    bell.Bell
	last    int64
	cleanup []func()
}

// NewChangeReader makes a reader of the children of parent whose names start with prefix. handle
// gets each notification's data once, in order; its errors, and panics, are logged.
func (c *Client) NewChangeReader(parent, prefix string, now func() time.Time, handle func(ctx context.Context, data []byte) error) *ChangeReader {
	if now == nil {
		now = time.Now
	}
	return &ChangeReader{client: c, parent: parent, prefix: prefix, handle: handle, now: now, wake: bell.New(), last: -1}
}

// NewConfigChangeReader makes the reader of /config/changes.
func (c *Client) NewConfigChangeReader(now func() time.Time, handle func(ctx context.Context, ch ConfigChange) error) *ChangeReader {
	return c.NewChangeReader(ConfigChangesPath, "config_change_", now, func(ctx context.Context, data []byte) error {
		ch, err := DecodeConfigChange(data)
		if err != nil {
			return err
		}
		return handle(ctx, ch)
	})
}

// Start sets the watch and handles what is there. It must be called once, before Run.
func (r *ChangeReader) Start(ctx context.Context) error {
	r.cleanup = append(r.cleanup, r.client.OnChildren(r.parent, r.wake.Ring))
	// The watch has died with the session; the next look sets it again.
	r.cleanup = append(r.cleanup, r.client.OnSession(SessionHandler{Renewed: func(context.Context) { r.wake.Ring() }}))
	if err := r.client.makeSure(ctx, r.parent); err != nil {
		return err
	}
	return r.pass(ctx)
}

// Run handles notifications until ctx ends.
func (r *ChangeReader) Run(ctx context.Context) error {
	defer func() {
		for _, fn := range r.cleanup {
			fn()
		}
	}()
	var again <-chan time.Time
	pause := retry.Pause{First: firstRetry, Longest: longestRetry}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-again:
		}
		again = nil
		err := r.pass(ctx)
		if err == nil {
			pause.Succeeded()
			continue
		}
		if ctx.Err() != nil || errors.Is(err, ErrClosed) {
			continue
		}
		r.client.log.WithError(err).WithField("path", r.parent).Warn("could not read change notifications")
		// A new session wakes us; after other errors nobody would until the next change.
		if !errors.Is(err, ErrSessionExpired) {
			again = time.After(pause.Failed())
		}
	}
}

// pass handles the notifications newer than the last one and deletes those that are too old.
func (r *ChangeReader) pass(ctx context.Context) error {
	names, err := r.client.sortedChildren(ctx, r.parent)
	if err != nil {
		return err
	}
	type notification struct {
		path   string
		number int64
	}
	var all []notification
	for _, name := range names {
		number, err := strconv.ParseInt(strings.TrimPrefix(name, r.prefix), 10, 64)
		if strings.HasPrefix(name, r.prefix) && err == nil {
			all = append(all, notification{r.parent + "/" + name, number})
		}
	}
	// By number, not by name.
	sort.Slice(all, func(i, j int) bool { return all[i].number < all[j].number })
	for _, n := range all {
		if n.number <= r.last {
			continue
		}
		data, _, err := r.client.get(ctx, n.path)
		if err != nil && !errors.Is(err, ErrNoNode) {
			return err
		}
		if err == nil {
			if err := r.handleOne(ctx, data); err != nil {
				r.client.log.WithError(err).WithField("path", n.path).Error("skipped a change notification")
			}
		}
		// Also after an error: a notification that cannot be handled must not hold up those behind
		// it.
		r.last = n.number
	}
	return r.client.each(ctx, len(all), func(ctx context.Context, i int) error {
		// Every broker deletes what is old, whoever is first; that the node is gone is no error.
		found, stat, err := r.client.exists(ctx, all[i].path)
		if err != nil || !found || r.now().Sub(time.UnixMilli(stat.Ctime)) <= changeExpiry {
			return err
		}
		if err := r.client.remove(ctx, all[i].path, -1); !errors.Is(err, ErrNoNode) {
			return err
		}
		return nil
	})
}

// handleOne handles a notification. One over which a broker panicked is skipped like any that cannot
// be handled: it would meet the same notification again after every restart, and all other brokers
// meet it too.
func (r *ChangeReader) handleOne(ctx context.Context, data []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return r.handle(ctx, data)
}

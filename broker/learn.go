package broker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"momus/coordinator/zk"
	"momus/internal/retry"
)

const (
	// learnWait bounds how long a request of the controller waits for the configs of new topics.
	learnWait = 2 * time.Second
	// How long readAgain waits after a failure: longer each time.
	readAgainFirst = 500 * time.Millisecond
	readAgainMost  = 30 * time.Second
)

// Learn reads the configs of the given topics as far as they are not known: there is no
// notification for the configs with which a topic was created. Those that cannot be read in a
// bounded time go by the broker's defaults until readAgain has them, so that nobody asks for them
// again meanwhile.
func (d *dynamic) Learn(ctx context.Context, topics []string) {
	d.mu.RLock()
	unknown := slices.DeleteFunc(slices.Clone(topics), func(t string) bool { return d.effective[t] != nil })
	d.mu.RUnlock()
	// The usual case, which must not touch ZooKeeper: every LeaderAndIsr comes here.
	if len(unknown) == 0 {
		return
	}
	all, err := d.readTopics(ctx, unknown)
	if err != nil {
		d.logger.WithError(err).WithField("topics", len(unknown)).WithField("topic", unknown[0]).
			Warn("could not read the configs of new topics; the broker's defaults hold until they can be read")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range unknown {
		if d.effective[t] != nil {
			continue // somebody else was faster
		}
		// After an error all is nil, and the topic gets an entry with no overrides: that is what
		// keeps Learn from asking again.
		d.setTopicLocked(t, all[t])
		if err != nil {
			d.unread[t] = true
		}
	}
	if err != nil {
		d.retry.Ring()
	}
}

func (d *dynamic) readTopics(ctx context.Context, topics []string) (map[string]map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, learnWait)
	defer cancel()
	return d.zk.Configs(ctx, zk.EntityTopics, topics)
}

// readAgain reads what Learn could not, until it can. It runs until ctx ends.
func (d *dynamic) readAgain(ctx context.Context) error {
	for {
		select {
		case <-d.retry:
		case <-ctx.Done():
			return nil
		}
		for pause := (retry.Pause{First: readAgainFirst, Longest: readAgainMost}); ; {
			done, err := d.readUnread(ctx)
			if err != nil {
				d.logger.WithError(err).Debug("could not read the configs of new topics again")
			}
			if done {
				break
			}
			select {
			case <-time.After(pause.Failed()):
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// readUnread reports whether nothing is left to be read.
func (d *dynamic) readUnread(ctx context.Context) (done bool, err error) {
	d.mu.RLock()
	var topics []string
	for t := range d.unread {
		topics = append(topics, t)
	}
	d.mu.RUnlock()
	if len(topics) == 0 {
		return true, nil
	}
	all, err := d.readTopics(ctx, topics)
	if err != nil {
		return false, err
	}
	for _, t := range topics {
		d.mu.RLock()
		still := d.unread[t] // not deleted, nor changed meanwhile
		d.mu.RUnlock()
		if !still {
			continue
		}
		if err := d.changeTopic(t, all[t]); err != nil {
			return false, fmt.Errorf("apply the configs of topic %s: %w", t, err)
		}
		d.mu.Lock()
		delete(d.unread, t) // also when the change has wrong values, which changeTopic leaves out
		d.mu.Unlock()
	}
	return true, nil
}

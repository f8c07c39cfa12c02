package main

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	failoverTopics = 50 // of manyPartitions each
	failoverPoll   = 10 * time.Millisecond
)

// measureFailover kills the controller of a cluster with 5,000 partitions and takes the time from
// the moment when the others know the new one until they know a live leader for every partition.
// Each round has clusters of its own.
func measureFailover(l *lab, t *table, rounds int) error {
	return l.inNewClusters(rounds, func(c *cluster) error { return c.failover(t) })
}

// inNewClusters does something with a new cluster of each kind in every round.
func (l *lab) inNewClusters(rounds int, do func(c *cluster) error) error {
	for r := range rounds {
		for _, k := range l.kinds {
			fmt.Printf("round %d of %d: %s\n", r+1, rounds, k.name)
			c, err := l.start(k, clusterSize, sessionTimeout)
			if err == nil {
				err = do(c)
			}
			c.stop()
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
		}
	}
	return nil
}

// failover kills the controller of a cluster with many partitions, and takes the time from the
// election of its successor until every broker knows a living leader of each partition, and until
// each can be written to.
func (c *cluster) failover(t *table) error {
	names := manyNames(failoverTopics)
	began := time.Now()
	if err := c.createReplicated(manyPartitions, names...); err != nil {
		return err
	}
	t.note(c.name, "5,000 partitions of 3 replicas: all have leaders", "s", time.Since(began).Seconds())
	if err := c.everywhere(names); err != nil {
		return err
	}
	dead, err := c.controller()
	if err != nil {
		return err
	}
	var others []*conn
	for i, addr := range c.addrs {
		if i == dead {
			continue
		}
		o, err := dial(addr)
		if err != nil {
			return err
		}
		defer o.Close()
		others = append(others, o)
	}
	// Without the dead broker's share, which ends here.
	cpu := c.cpu() - c.brokers[dead].cpu()
	if err := c.brokers[dead].cmd.Process.Kill(); err != nil {
		return err
	}
	var elected time.Time
	for deadline := time.Now().Add(partitionsLimit); ; time.Sleep(failoverPoll) {
		whole := 0
		for _, o := range others {
			fresh, led, err := o.afterFailover(int32(dead + 1))
			if err != nil {
				return err
			}
			if fresh && elected.IsZero() {
				// The clock starts at the election and not at the kill: the session's time-out
				// before it is the same for both.
				elected = time.Now()
			}
			if fresh && led == failoverTopics*manyPartitions {
				whole++
			}
		}
		// Each of the others has to know every leader, not only the new controller.
		if whole == len(others) {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not all partitions have leaders %v after the controller was killed", partitionsLimit)
		}
	}
	t.note(c.name, "controller killed: from its successor's election until all leaders are announced", "s", time.Since(elected).Seconds())
	t.note(c.name, "CPU of the 2 brokers since the kill", "s", c.cpu()-c.brokers[dead].cpu()-cpu)
	if err := c.everywhere(names); err != nil {
		return err
	}
	t.note(c.name, "until all are produced to", "s", time.Since(elected).Seconds())
	return nil
}

// afterFailover asks a broker about everything: does it know another controller than the dead
// broker, and how many partitions have a live leader?
func (o *conn) afterFailover(dead int32) (fresh bool, led int, err error) {
	req, resp := kmsg.NewPtrMetadataRequest(), kmsg.NewPtrMetadataResponse()
	req.SetVersion(5)
	if err := o.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return false, 0, err
	}
	if err := o.call(req, resp); err != nil {
		return false, 0, err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.Leader > 0 && p.Leader != dead {
				led++
			}
		}
	}
	return resp.ControllerID > 0 && resp.ControllerID != dead, led, nil
}

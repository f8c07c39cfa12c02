package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"momus/internal/model"
)

const (
	storedGroups      = 10_000
	storedPartitions  = 100 // offsets of each group; together a million
	offsetsPartitions = 50  // partitions of __consumer_offsets
	storedOffset      = 4711
)

// measureLoadOffsets stores a million committed offsets on two brokers and moves the leadership of
// all partitions of __consumer_offsets from one to the other: until the new coordinator answers for
// all of them.
func measureLoadOffsets(l *lab, t *table, rounds int) error {
	const topic = "stored"
	leader := map[string]int{} // index of the broker that leads the offsets
	move := func(c *cluster) (time.Duration, error) {
		to := 1 - leader[c.name]
		leader[c.name] = to
		return c.moveOffsets(to, topic)
	}
	warm := func(c *cluster) error {
		if err := c.createTopic(topic, storedPartitions); err != nil {
			return err
		}
		if err := c.storeOffsets(topic); err != nil {
			return err
		}
		// Each broker has loaded them once before it counts.
		for range 2 {
			if _, err := move(c); err != nil {
				return err
			}
		}
		return nil
	}
	return inTurn(l, rounds, 2, nil, warm, func(c *cluster, _ int) error {
		cpu := c.cpu()
		took, err := move(c)
		if err != nil {
			return err
		}
		t.note(c.name, "1,000,000 offsets loaded after failover", "s", took.Seconds())
		t.note(c.name, "CPU of both brokers for it", "s", c.cpu()-cpu)
		return nil
	})
}

// storedGroup is the name of a group.
func storedGroup(i int) string { return fmt.Sprintf("stored-%d", i) }

// storeOffsets commits the offsets of all groups.
func (c *cluster) storeOffsets(topic string) error {
	const clients = 4
	// The first look for a coordinator creates the topic.
	first, err := c.coordinator(storedGroup(0)) // creates __consumer_offsets
	if err != nil {
		return err
	}
	first.Close()
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			byAddr := map[string]*conn{}
			defer func() {
				for _, cn := range byAddr {
					cn.Close()
				}
			}()
			for g := i; g < storedGroups && errs[i] == nil; g += clients {
				errs[i] = c.storeGroup(byAddr, storedGroup(g), topic)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// storeGroup commits the offsets of one group, by whichever broker coordinates it.
func (c *cluster) storeGroup(byAddr map[string]*conn, group, topic string) error {
	var errs error
	for _, addr := range c.addrs {
		cn := byAddr[addr]
		if cn == nil {
			var err error
			if cn, err = dial(addr); err != nil {
				return err
			}
			byAddr[addr] = cn
		}
		err := commitOffsets(cn, group, topic, storedPartitions, storedOffset)
		if err == nil {
			return nil
		}
		errs = errors.Join(errs, err)
	}
	return errs
}

// moveOffsets makes broker number to the leader of all partitions of __consumer_offsets, and
// returns how long it took from the election until it answered for a group of each.
func (c *cluster) moveOffsets(to int, topic string) (time.Duration, error) {
	// Ids are one more than the index.
	first, second := int32(to+1), int32(2-to)
	var began time.Time
	err := c.admin(func(ctx context.Context, adm *kadm.Client) error {
		var req kadm.AlterPartitionAssignmentsReq
		set := kadm.TopicsSet{}
		for p := range int32(offsetsPartitions) {
			req.Assign(model.OffsetsTopic, p, []int32{first, second})
			set.Add(model.OffsetsTopic, p)
		}
		altered, err := adm.AlterPartitionAssignments(ctx, req)
		if err = errors.Join(err, altered.Error()); err != nil {
			return fmt.Errorf("reassign: %w", err)
		}
		if err := preferred(ctx, adm, first); err != nil {
			return err
		}
		// Only the election is timed: the reassignment before it copies nothing and is not what a
		// failover does.
		began = time.Now()
		_, err = adm.ElectLeaders(ctx, kadm.ElectPreferredReplica, set)
		return err
	})
	if err != nil {
		return 0, err
	}
	cn, err := dial(c.addrs[to])
	if err != nil {
		return 0, err
	}
	defer cn.Close()
	// One group for each partition: all have to be loaded before the last is answered for.
	for group := range oneEach() {
		for {
			offset, err := fetchOffset(cn, group, topic)
			if err == nil && offset != storedOffset {
				return 0, fmt.Errorf("%s has offset %d", group, offset)
			}
			if err == nil {
				break
			}
			if time.Since(began) > time.Minute {
				return 0, fmt.Errorf("offsets of %s: %w", group, err)
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return time.Since(began), nil
}

// oneEach yields a stored group of each partition of __consumer_offsets.
func oneEach() func(yield func(group string) bool) {
	return func(yield func(group string) bool) {
		seen := map[int32]bool{}
		for i := 0; len(seen) < offsetsPartitions && i < storedGroups; i++ {
			group := storedGroup(i)
			// Java's hash of the group's name decides its partition, for both sides.
			if p := model.PartitionForKey(group, offsetsPartitions); !seen[p] {
				seen[p] = true
				if !yield(group) {
					return
				}
			}
		}
	}
}

// preferred waits until a broker is the first replica of all partitions of __consumer_offsets, and
// both replicas are in sync.
func preferred(ctx context.Context, adm *kadm.Client, broker int32) error {
	for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		m, err := adm.Metadata(ctx, model.OffsetsTopic)
		if err != nil {
			continue
		}
		ready := 0
		for _, p := range m.Topics[model.OffsetsTopic].Partitions {
			if len(p.Replicas) == 2 && p.Replicas[0] == broker && len(p.ISR) == 2 {
				ready++
			}
		}
		if ready == offsetsPartitions {
			return nil
		}
	}
	return fmt.Errorf("the replicas of %s were not reassigned: %w", model.OffsetsTopic, ctx.Err())
}

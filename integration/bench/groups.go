package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	groupMembers    = 100
	groupPartitions = 100
	joinLimit       = 2 * time.Minute
	loopSeconds     = 5 // of one measurement of commits or transactions
	warmLoops       = 3 // such measurements before the first that counts
)

// inTurn starts a cluster of each kind and measures them in turn: A B A B. What warm does beforehand
// does not count.
func inTurn(l *lab, rounds, brokers int, lines []string, warm func(c *cluster) error, measure func(c *cluster, round int) error) error {
	return sideBySide(l, brokers, lines, warm, func(clusters []*cluster) error {
		for r := range rounds {
			for _, c := range clusters {
				fmt.Printf("round %d of %d: %s\n", r+1, rounds, c.name)
				if err := errors.Join(measure(c, r), c.ended()); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
			}
		}
		return nil
	})
}

// sideBySide starts a cluster of each kind, warms each up and measures them.
func sideBySide(l *lab, brokers int, lines []string, warm func(c *cluster) error, measure func(clusters []*cluster) error) error {
	var clusters []*cluster
	defer func() {
		for _, c := range clusters {
			c.stop()
		}
	}()
	for _, k := range l.kinds {
		c, err := l.start(k, brokers, lines...)
		clusters = append(clusters, c)
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		fmt.Printf("%s: warming up\n", c.name)
		if err := errors.Join(warm(c), c.ended()); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return measure(clusters)
}

// measureGroups lets members join one group at once, and clients commit offsets, each in a group of
// its own.
func measureGroups(l *lab, t *table, rounds int) error {
	const topic = "groups"
	warm := func(c *cluster) error {
		if err := c.createTopic(topic, groupPartitions); err != nil {
			return err
		}
		// The first join also creates __consumer_offsets.
		if _, err := c.join("warm", topic); err != nil {
			return err
		}
		for range warmLoops {
			if _, err := c.commits(topic, 8); err != nil {
				return err
			}
		}
		return nil
	}
	return inTurn(l, rounds, 1, nil, warm, func(c *cluster, round int) error {
		// From here on: the warm-up is not in it.
		cpu := c.cpu()
		took, err := c.join(fmt.Sprintf("members-%d", round), topic)
		if err != nil {
			return err
		}
		t.note(c.name, fmt.Sprintf("%d members join and are stable", groupMembers), "s", took.Seconds())
		t.note(c.name, "broker CPU for it", "s", c.cpu()-cpu)
		r, err := c.commits(topic, 8)
		if err != nil {
			return err
		}
		t.note(c.name, "offset commits, 8 clients", "/s", r.rate)
		t.note(c.name, "broker CPU per 1,000 commits", "s", r.cpu)
		t.note(c.name, "commit p99", "ms", r.p99)
		return nil
	})
}

// measureTransactions commits transactions of ten records to two partitions, one after the other in
// each producer.
func measureTransactions(l *lab, t *table, rounds int) error {
	const topic = "transactions"
	warm := func(c *cluster) error {
		if err := c.createTopic(topic, partitions); err != nil {
			return err
		}
		for range warmLoops {
			if _, err := c.transactions(topic, "warm", 8); err != nil {
				return err
			}
		}
		return nil
	}
	return inTurn(l, rounds, 1, nil, warm, func(c *cluster, round int) error {
		// One producer shows how long a transaction takes, eight how many there may be.
		for _, n := range []int{1, 8} {
			r, err := c.transactions(topic, fmt.Sprintf("round-%d", round), n)
			if err != nil {
				return err
			}
			of := fmt.Sprintf("%d producers", n)
			if n == 1 {
				of = "1 producer"
			}
			t.note(c.name, "transactions, "+of, "/s", r.rate)
			t.note(c.name, "broker CPU per 1,000 transactions, "+of, "s", r.cpu)
			t.note(c.name, "transaction p50, "+of, "ms", r.p50)
			t.note(c.name, "transaction p99, "+of, "ms", r.p99)
		}
		return nil
	})
}

// join lets groupMembers consumers join a group at once and returns when one stable generation with
// all of them has all partitions.
func (c *cluster) join(group, topic string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), joinLimit)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	// The callbacks of a hundred clients come at once.
	var mu sync.Mutex
	assigned := map[*kgo.Client]int{}
	began := time.Now()
	for range groupMembers {
		cl, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.Balancers(kgo.RangeBalancer()),
			kgo.HeartbeatInterval(500*time.Millisecond), kgo.DisableAutoCommit(),
			kgo.OnPartitionsAssigned(func(_ context.Context, cl *kgo.Client, m map[string][]int32) {
				mu.Lock()
				defer mu.Unlock()
				// An assignment counts when the client has it, and the sum says whether it is of
				// one generation.
				assigned[cl] = len(m[topic])
			}),
			kgo.OnPartitionsRevoked(func(_ context.Context, cl *kgo.Client, _ map[string][]int32) {
				mu.Lock()
				defer mu.Unlock()
				delete(assigned, cl)
			}))
		if err != nil {
			return 0, err
		}
		wg.Go(func() {
			defer cl.Close()
			for ctx.Err() == nil {
				cl.PollFetches(ctx)
			}
		})
	}
	var took time.Duration
	err := c.admin(func(_ context.Context, adm *kadm.Client) error {
		for ; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
			mu.Lock()
			members, parts := len(assigned), 0
			for _, n := range assigned {
				parts += n
			}
			mu.Unlock()
			if members != groupMembers || parts != groupPartitions {
				continue
			}
			ds, err := adm.DescribeGroups(ctx, group)
			if g := ds[group]; err == nil && g.State == "Stable" && len(g.Members) == groupMembers {
				took = time.Since(began)
				// Both must hold: a broker that calls the group stable may still be waited for by
				// members.
				return nil
			}
		}
		return fmt.Errorf("group %s did not become stable", group)
	})
	return took, err
}

// loopResult is what a closed loop of operations measured.
type loopResult struct {
	rate     float64 // operations a second
	cpu      float64 // the brokers' CPU seconds per 1,000 operations
	p50, p99 float64 // ms
}

// closedLoop runs n loops until loopSeconds have passed; each returns how long its operations took.
func (c *cluster) closedLoop(n int, loop func(i int, end time.Time) ([]time.Duration, error)) (loopResult, error) {
	type outcome struct {
		took []time.Duration
		err  error
	}
	outcomes := make(chan outcome)
	// Rates are counted from here: the loops open their connections within the window.
	cpu, began := c.cpu(), time.Now()
	end := began.Add(loopSeconds * time.Second)
	for i := range n {
		go func() {
			took, err := loop(i, end)
			outcomes <- outcome{took, err}
		}()
	}
	var all []time.Duration
	var errs error
	for range n {
		o := <-outcomes
		all, errs = append(all, o.took...), errors.Join(errs, o.err)
	}
	if errs != nil || len(all) == 0 {
		return loopResult{}, errors.Join(errs, errIf(len(all) == 0, "nothing was done"))
	}
	slices.Sort(all)
	// The nearest rank below: of a few values no number is made up between two.
	at := func(q float64) float64 { return float64(all[int(q*float64(len(all)-1))].Microseconds()) / 1000 }
	count := float64(len(all))
	return loopResult{rate: count / time.Since(began).Seconds(), cpu: (c.cpu() - cpu) * 1000 / count, p50: at(0.5), p99: at(0.99)}, nil
}

// errIf is an error of a text if something has failed.
func errIf(failed bool, text string) error {
	if failed {
		return errors.New(text)
	}
	return nil
}

// commits lets n clients commit the offsets of partitions, one request in flight each, each for a
// group of its own.
func (c *cluster) commits(topic string, n int) (loopResult, error) {
	return c.closedLoop(n, func(i int, end time.Time) ([]time.Duration, error) {
		group := fmt.Sprintf("commits-%d", i)
		cn, err := c.coordinator(group)
		if err != nil {
			return nil, err
		}
		defer cn.Close()
		var took []time.Duration
		for offset := int64(0); time.Now().Before(end); offset++ {
			began := time.Now()
			if err := commitOffsets(cn, group, topic, partitions, offset); err != nil {
				return nil, err
			}
			took = append(took, time.Since(began))
		}
		return took, nil
	})
}

// commitOffsets commits the same offset for the first n partitions of a topic, for a group without
// members.
func commitOffsets(cn *conn, group, topic string, n int32, offset int64) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.SetVersion(7)
	// Generation -1 and no member: a simple consumer, whom every coordinator takes.
	req.Group, req.Generation = group, -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = topic
	t.Partitions = make([]kmsg.OffsetCommitRequestTopicPartition, n)
	for p := range n {
		t.Partitions[p] = kmsg.OffsetCommitRequestTopicPartition{Partition: p, Offset: offset, LeaderEpoch: -1}
	}
	req.Topics = append(req.Topics, t)
	resp := kmsg.NewPtrOffsetCommitResponse()
	if err := cn.call(req, resp); err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return fmt.Errorf("commit of %s: %w", group, kerr.ErrorForCode(p.ErrorCode))
			}
		}
	}
	return nil
}

// coordinator connects to the coordinator of a group, once it serves.
func (c *cluster) coordinator(group string) (*conn, error) {
	var last error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		cn, err := dial(c.addrs[0])
		if err != nil {
			return nil, err
		}
		req, resp := kmsg.NewPtrFindCoordinatorRequest(), kmsg.NewPtrFindCoordinatorResponse()
		req.SetVersion(2)
		req.CoordinatorKey = group
		last = cn.call(req, resp)
		cn.Close()
		if last = errors.Join(last, kerr.ErrorForCode(resp.ErrorCode)); last != nil {
			continue
		}
		if cn, last = dial(fmt.Sprintf("%s:%d", resp.Host, resp.Port)); last != nil {
			continue
		}
		// FindCoordinator answers while the partition of __consumer_offsets is still loaded; only
		// an answer about offsets says that it serves.
		if _, err := fetchOffset(cn, group, "none"); err == nil {
			return cn, nil
		} else {
			last = err
		}
		cn.Close()
	}
	return nil, fmt.Errorf("coordinator of %s: %w", group, last)
}

// fetchOffset is the offset that a group has committed for partition 0 of a topic.
func fetchOffset(cn *conn, group, topic string) (int64, error) {
	req, resp := kmsg.NewPtrOffsetFetchRequest(), kmsg.NewPtrOffsetFetchResponse()
	req.SetVersion(5)
	req.Group = group
	req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: topic, Partitions: []int32{0}}}
	if err := errors.Join(cn.call(req, resp), kerr.ErrorForCode(resp.ErrorCode)); err != nil {
		return -1, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return -1, fmt.Errorf("offsets of %s: %d topics answered", group, len(resp.Topics))
	}
	p := resp.Topics[0].Partitions[0]
	return p.Offset, kerr.ErrorForCode(p.ErrorCode)
}

// transactions lets n producers commit transactions of ten records of 100 bytes in two partitions.
func (c *cluster) transactions(topic, prefix string, n int) (loopResult, error) {
	const records = 10
	var serial atomic.Int64
	return c.closedLoop(n, func(i int, end time.Time) ([]time.Duration, error) {
		cl, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.TransactionalID(fmt.Sprintf("%s-%d-%d", prefix, n, i)),
			kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
		if err != nil {
			return nil, err
		}
		defer cl.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		value := make([]byte, 100)
		var took []time.Duration
		for time.Now().Before(end) {
			began := time.Now()
			if err := cl.BeginTransaction(); err != nil {
				return nil, err
			}
			// Over all producers, so that two of them seldom meet in a partition.
			at := int32(serial.Add(1))
			for k := range int32(records) {
				cl.Produce(ctx, &kgo.Record{Topic: topic, Partition: (at + k%2) % partitions, Value: value}, nil)
			}
			if err := cl.Flush(ctx); err != nil {
				return nil, err
			}
			if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
				return nil, err
			}
			took = append(took, time.Since(began))
		}
		return took, nil
	})
}

//go:build interop

package groups

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// crowd is many members in this process.
type crowd struct {
	p    *party
	mu   sync.Mutex
	got  map[string]bool
	ms   []*one
	done sync.WaitGroup
}

type one struct {
	cl   *kgo.Client
	stop context.CancelFunc
}

func newCrowd(p *party) *crowd {
	c := &crowd{p: p, got: map[string]bool{}}
	p.t.Cleanup(func() {
		for _, m := range c.ms {
			m.stop()
		}
		c.done.Wait()
	})
	return c
}

// join adds n members.
func (c *crowd) join(n int) {
	c.p.t.Helper()
	for range n {
		cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.p.at, ",")...), kgo.ConsumeTopics(c.p.topic), kgo.ConsumerGroup(c.p.watch.group), kgo.Balancers(kgo.RangeBalancer()),
			kgo.SessionTimeout(10*time.Second), kgo.HeartbeatInterval(time.Second), kgo.AutoCommitInterval(time.Second),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(100*time.Millisecond), kgo.FetchMaxWait(time.Second))
		if err != nil {
			c.p.t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		c.ms = append(c.ms, &one{cl, cancel})
		c.done.Go(func() {
			defer cl.Close() // commits and leaves
			for ctx.Err() == nil {
				cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
					c.mu.Lock()
					c.got[string(r.Value)] = true
					c.mu.Unlock()
				})
			}
			last, done := context.WithTimeout(context.Background(), 10*time.Second)
			defer done()
			if err := cl.CommitUncommittedOffsets(last); err != nil {
				c.p.t.Errorf("the last commit of a member: %v", err)
			}
		})
	}
}

// leave ends the first n members in order.
func (c *crowd) leave(n int) {
	for _, m := range c.ms[:n] {
		m.stop()
	}
	c.ms = c.ms[n:]
}

// stable waits until all members are in the group and own all partitions, and everything that is
// written is read.
func (c *crowd) stable(what string) {
	t := c.p.t
	t.Helper()
	began, last := time.Now(), ""
	defer func() {
		if t.Failed() {
			t.Log(last)
		}
	}()
	testkit.Eventually(t, limit, what+": the group is stable", func() bool {
		state, n := c.p.state()
		owned := len(c.p.watch.snapshot().owners)
		last = fmt.Sprintf("%s, %d members, %d partitions owned", state, n, owned)
		return state == "Stable" && n == len(c.ms) && owned == 200
	})
	took := time.Since(began)
	c.p.send(400)
	testkit.Eventually(t, limit, what+": everything is received", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.got) == c.p.sent
	})
	c.p.fine(what)
	s := c.p.watch.snapshot()
	t.Logf("%s: generation %d, stable after %s; %d commits, %d intervals", what, s.generation, took.Round(time.Millisecond), s.commits, s.intervals)
}

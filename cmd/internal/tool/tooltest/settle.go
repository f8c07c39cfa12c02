package tooltest

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/zk"
)

// AwaitBrokerConfigs waits until each broker has applied the configs that ZooKeeper has for it: it
// learns of them by a notification, a moment after the tool that wrote them has ended.
func (c *Cluster) AwaitBrokerConfigs() {
	c.t.Helper()
	ctx, session, done := c.session()
	defer done()
	for i, address := range c.Bootstrap {
		id := strconv.Itoa(i + 1)
		for {
			stored, err := session.Config(ctx, zk.EntityBrokers, id)
			if err != nil {
				c.t.Fatal(err)
			}
			// The keys are compared and not the values: brokers do not tell passwords.
			applied := dynamicConfigs(ctx, c.t, address, id)
			if slices.Equal(slices.Sorted(maps.Keys(stored)), applied) {
				break
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				c.t.Fatalf("broker %s has applied %q, ZooKeeper has %q", id, applied, stored)
			}
		}
	}
}

// AwaitTopics waits until every broker knows the topics and partitions that ZooKeeper has, all of them
// with leaders, and none that is being deleted. The controller tells brokers of them a moment after
// the tool that changed them has ended. What a broker that is down holds up is not waited for long.
func (c *Cluster) AwaitTopics() {
	c.t.Helper()
	ctx, session, done := c.session()
	defer done()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		names, err := session.Topics(ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		// A topic is gone when its node below /admin/delete_topics is.
		deletions, err := session.TopicDeletions(ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		assigned, err := session.Assignments(ctx, names)
		if err != nil {
			c.t.Fatal(err)
		}
		want := map[string]int{}
		for name, a := range assigned {
			// Each of its partitions has to have a leader on each broker's list.
			want[name] = len(a)
		}
		if len(deletions) == 0 && !slices.ContainsFunc(c.Bootstrap, func(address string) bool { return !maps.Equal(want, knownTopics(ctx, address)) }) {
			return
		}
	}
}

// awaitBrokers waits until all brokers know each other: a topic with a replica on each can be made.
func (c *Cluster) awaitBrokers() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, address := range c.Bootstrap {
		for {
			// By each broker's own answer: the controller tells each for itself.
			if m := metadata(ctx, address); m != nil && len(m.Brokers) == len(c.Bootstrap) {
				break
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
				c.t.Fatalf("the broker at %s does not know all others", address)
			}
		}
	}
}

// metadata is what a broker knows; nil when it does not answer.
func metadata(ctx context.Context, address string) *kmsg.MetadataResponse {
	// No retries: who waits asks again.
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RequestRetries(0))
	if err != nil {
		return nil
	}
	defer cl.Close()
	resp, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl)
	if err != nil {
		return nil
	}
	return resp
}

// knownTopics counts each topic's partitions with a leader as a broker knows them; nil when it does
// not answer.
func knownTopics(ctx context.Context, address string) map[string]int {
	resp := metadata(ctx, address)
	if resp == nil {
		return nil
	}
	known := map[string]int{}
	for _, t := range resp.Topics {
		// A topic without any leader is known, too.
		known[*t.Topic] = 0
		for _, p := range t.Partitions {
			if p.Leader >= 0 {
				known[*t.Topic]++
			}
		}
	}
	return known
}

// session is a session of the test's own, and how long it waits for anything; done ends both.
func (c *Cluster) session() (ctx context.Context, session *zk.Client, done func()) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	session, err := zk.Dial(ctx, zk.Options{Connect: c.ZooKeeper, SessionTimeout: 10 * time.Second, ConnectTimeout: 10 * time.Second})
	if err != nil {
		cancel()
		c.t.Fatal(err)
	}
	return ctx, session, func() {
		session.Close()
		cancel()
	}
}

// dynamicConfigs lists the keys of a broker's own dynamic configs, as it describes them.
func dynamicConfigs(ctx context.Context, t testing.TB, address, id string) (keys []string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeBroker, id
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range resp.Resources[0].Configs {
		if entry.Source == kmsg.ConfigSourceDynamicBrokerConfig {
			keys = append(keys, entry.Name)
		}
	}
	slices.Sort(keys)
	return keys
}

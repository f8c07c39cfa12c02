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
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	session, err := zk.Dial(ctx, zk.Options{Connect: c.ZooKeeper, SessionTimeout: 10 * time.Second, ConnectTimeout: 10 * time.Second})
	if err != nil {
		c.t.Fatal(err)
	}
	defer session.Close()
	for i, address := range c.Bootstrap {
		id := strconv.Itoa(i + 1)
		for {
			stored, err := session.Config(ctx, zk.EntityBrokers, id)
			if err != nil {
				c.t.Fatal(err)
			}
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

// Package outside shows a cluster from outside, for momus console: through the public APIs, with
// the client's own rights, and the znodes. It works with Apache Kafka 0.10 to 3.x and momus alike.
// What the APIs do not tell (segments, rates of brokers, reasons) is not known. It holds no state
// but the clients.
package outside

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/broker/console"
	"momus/broker/quota"
	"momus/broker/view"
	"momus/configs"
	"momus/coordinator/acl"
	"momus/coordinator/zk"
	"momus/internal/model"
)

// Cluster is a cluster seen from outside. It implements console.Outside.
type Cluster struct {
	admin *kadm.Client
	zk    *zk.Client // nil: znodes are not shown
}

// New makes a Cluster of a client and, if znodes are to be shown, a session. Both stay the
// caller's.
func New(client *kgo.Client, z *zk.Client) *Cluster { return &Cluster{kadm.NewClient(client), z} }

// Cluster asks for the metadata and the ends of the logs.
func (c *Cluster) Cluster(ctx context.Context) (*view.Cluster, error) {
	m, err := c.admin.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	out := &view.Cluster{ID: m.Cluster, Controller: m.Controller, Brokers: []view.Broker{}, Topics: []view.Topic{}}
	brokers := map[int32]*view.Broker{}
	for _, b := range m.Brokers {
		// Metadata list brokers whose node is in ZooKeeper; those are alive.
		x := view.Broker{ID: b.NodeID, Address: b.Host + ":" + strconv.Itoa(int(b.Port)), Alive: true}
		if b.Rack != nil {
			x.Rack = *b.Rack
		}
		brokers[x.ID] = &x
	}
	for _, t := range m.Topics.Sorted() {
		topic := view.Topic{Name: t.Topic, Internal: t.IsInternal}
		for _, p := range t.Partitions.Sorted() {
			topic.Partitions = append(topic.Partitions, view.Partition{ID: p.Partition, Leader: p.Leader, Epoch: p.LeaderEpoch, Replicas: p.Replicas,
				ISR: p.ISR, Offline: p.OfflineReplicas, End: -1})
			for _, id := range p.Replicas {
				b := brokers[id]
				if b == nil { // it has replicas but is not registered
					b = &view.Broker{ID: id}
					brokers[id] = b
				}
				b.Replicas++
				if id == p.Leader {
					b.Leaders++
				}
			}
		}
		out.Topics = append(out.Topics, topic)
	}
	for _, b := range brokers {
		out.Brokers = append(out.Brokers, *b)
	}
	slices.SortFunc(out.Brokers, func(a, b view.Broker) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// Groups asks for all groups of consumers, with their lag.
func (c *Cluster) Groups(ctx context.Context) ([]view.Group, error) {
	lags, err := c.admin.Lag(ctx)
	if err != nil {
		return nil, err
	}
	out := []view.Group{}
	for _, l := range lags.Sorted() {
		g := view.Group{Name: l.Group, State: l.State, Type: l.ProtocolType, Protocol: l.Protocol, Coordinator: l.Coordinator.NodeID, Members: []view.Member{}, Offsets: []view.Offset{}}
		for _, m := range l.Members {
			x := view.Member{ID: m.MemberID, Client: m.ClientID, Host: m.ClientHost, Partitions: []view.TopicPartitions{}}
			// Of a static member (KIP-345).
			if m.InstanceID != nil {
				x.Instance = *m.InstanceID
			}
			// Connect and others have bytes of their own there, which only they can read.
			if a, ok := m.Assigned.AsConsumer(); ok {
				for _, t := range a.Topics {
					x.Partitions = append(x.Partitions, view.TopicPartitions{Topic: t.Topic, Partitions: slices.Sorted(slices.Values(t.Partitions))})
				}
			}
			g.Members = append(g.Members, x)
		}
		for _, o := range l.Lag.Sorted() {
			g.Offsets = append(g.Offsets, view.Offset{Topic: o.Topic, Partition: o.Partition, Committed: o.Commit.At, End: o.End.Offset})
		}
		out = append(out, g)
	}
	return out, nil
}

// Replicas asks the brokers for the sizes and lags of a partition's replicas, and the leader for
// its offsets.
func (c *Cluster) Replicas(ctx context.Context, tp model.TopicPartition) ([]view.Replica, error) {
	m, err := c.admin.Metadata(ctx, tp.Topic)
	if err != nil {
		return nil, err
	}
	p, ok := m.Topics[tp.Topic].Partitions[tp.Partition]
	if !ok || p.Err != nil {
		return []view.Replica{}, p.Err
	}
	offset := func(list func(context.Context, ...string) (kadm.ListedOffsets, error)) int64 {
		all, err := list(ctx, tp.Topic)
		if o, ok := all.Lookup(tp.Topic, tp.Partition); err == nil && ok && o.Err == nil {
			return o.Offset
		}
		return -1
	}
	// The leader tells three offsets: where the log begins, the high watermark, and how far
	// transactions are decided.
	start, committed, stable := offset(c.admin.ListStartOffsets), offset(c.admin.ListEndOffsets), offset(c.admin.ListCommittedOffsets)
	dirs, err := c.admin.DescribeAllLogDirs(ctx, kadm.TopicsSet{tp.Topic: {tp.Partition: {}}})
	if err != nil && len(dirs) == 0 {
		return nil, err
	}
	out := []view.Replica{}
	for _, id := range p.Replicas {
		x := view.Replica{Broker: id, Leader: p.Leader, Epoch: p.LeaderEpoch, Leading: id == p.Leader, Start: start, Stable: stable, Committed: committed, End: committed, Segments: []view.Segment{}}
		if d, ok := dirs[id].LookupPartition(tp.Topic, tp.Partition); ok {
			// A replica's lag is how far it is behind the high watermark, and 0 for one that has more
			// (KIP-113).
			x.Dir, x.Size, x.End = d.Dir, d.Size, committed-max(0, d.OffsetLag)
		} else {
			x.Offline = true
		}
		if x.Leading {
			for _, other := range p.Replicas {
				if other != id {
					// How far a follower is only its leader knows, and Kafka's protocol does not
					// tell.
					x.Followers = append(x.Followers, view.Follower{Broker: other, End: -1, InSync: slices.Contains(p.ISR, other), CaughtUpMs: -1})
				}
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// Configs describes a topic or a broker. The broker does not tell secrets.
func (c *Cluster) Configs(ctx context.Context, topic string, broker int32) ([]configs.Entry, error) {
	var described kadm.ResourceConfigs
	var err error
	if topic != "" {
		described, err = c.admin.DescribeTopicConfigs(ctx, topic)
	} else {
		described, err = c.admin.DescribeBrokerConfigs(ctx, broker)
	}
	if err != nil {
		return nil, err
	}
	var out []configs.Entry
	for _, r := range described {
		if r.Err != nil {
			return nil, r.Err
		}
		for _, e := range r.Configs {
			out = append(out, configs.Entry{Name: e.Key, Value: e.Value, Source: configs.Source(e.Source), Sensitive: e.Sensitive})
		}
	}
	return out, nil
}

// Quotas reads the quotas from their znodes: Kafka 2.5 has no API for them.
func (c *Cluster) Quotas(ctx context.Context) (limits []view.QuotaLimit, known bool, err error) {
	if c.zk == nil {
		return nil, false, nil
	}
	set := quota.NewSet(quota.SetOptions{Samples: 1, Window: time.Second, ProducerDefault: math.MaxInt64, ConsumerDefault: math.MaxInt64})
	for _, t := range []zk.EntityType{zk.EntityUsers, zk.EntityClients} {
		entities, err := c.zk.ConfigEntities(ctx, t)
		if err != nil {
			return nil, false, err
		}
		all, err := c.zk.Configs(ctx, t, entities)
		if err != nil {
			return nil, false, err
		}
		for entity, settings := range all {
			// What brokers pass over is no quota: an entity of another kind, a value that is not
			// valid.
			if e, err := view.QuotaEntity(t, entity); err == nil {
				_ = set.Apply(e, settings)
			}
		}
	}
	return view.LimitsOf(set), true, nil
}

// rights are ACLs that were asked for.
type rights struct{ *acl.Index }

// Explain implements console.Rights.
func (r rights) Explain(q acl.Question) acl.Decision { return r.Decide(&acl.Policy{}, &q) }

// Each implements console.Rights.
func (r rights) Each(f acl.Filter, fn func(r acl.Resource, entries []acl.Entry)) {
	r.Index.Each(func(res acl.Resource, entries []acl.Entry) bool {
		if f.SelectsResource(res) {
			fn(res, entries)
		}
		return true
	})
}

// Rights asks for all ACLs. A cluster without authorizer has none to show.
func (c *Cluster) Rights(ctx context.Context) (console.Rights, error) {
	b := kadm.NewACLs().AnyResource().ResourcePatternType(kadm.ACLPatternAny).Operations(kadm.OpAny).Allow().AllowHosts().Deny().DenyHosts()
	described, err := c.admin.DescribeACLs(ctx, b)
	if err != nil {
		return nil, err
	}
	all := map[acl.Resource][]acl.Entry{}
	for _, d := range described {
		// No authorizer: nothing is forbidden.
		if errors.Is(d.Err, kerr.SecurityDisabled) {
			return nil, nil
		}
		if d.Err != nil {
			return nil, d.Err
		}
		for _, x := range d.Described {
			res := acl.Resource{Type: acl.ResourceType(x.Type), Pattern: acl.PatternType(x.Pattern), Name: x.Name}
			all[res] = append(all[res], acl.Entry{Principal: x.Principal, Host: x.Host, Operation: acl.Operation(x.Operation), Permission: acl.Permission(x.Permission)})
		}
	}
	return rights{acl.Build(all)}, nil
}

// Znode reads a node.
func (c *Cluster) Znode(ctx context.Context, path string, changes bool) (n *zk.Node, zxids []int64, session int64, err error) {
	if c.zk == nil {
		return nil, nil, 0, errors.New("znodes are shown only with --zookeeper")
	}
	n, err = c.zk.Inspect(ctx, path)
	if err == nil && changes {
		zxids, err = c.zk.Changes(ctx, n)
	}
	return n, zxids, c.zk.SessionID(), err
}

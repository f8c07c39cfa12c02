package why

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/configs"
	"momus/coordinator/zk"
	"momus/internal/journal"
	"momus/internal/model"
)

// find asks the brokers of the cluster where their HTTP ports are. Apache Kafka does not know the
// key and answers without it.
func find(ctx context.Context, a *clients.Admin) ([]*Source, *kmsg.MetadataResponse, error) {
	m, err := a.Metadata(ctx, "listNodes", []string{})
	if err != nil {
		return nil, nil, err
	}
	sources := make([]*Source, len(m.Brokers))
	var wg sync.WaitGroup
	for i, b := range m.Brokers {
		s := &Source{Broker: b.NodeID, Err: errNoPort}
		sources[i] = s
		wg.Go(func() { s.locate(ctx, a, b.Host) })
	}
	wg.Wait()
	return sources, m, nil
}

// locate asks the broker itself where its HTTP port is. One that stands still does not keep the
// others waiting.
func (s *Source) locate(ctx context.Context, a *clients.Admin, host string) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeBroker, strconv.Itoa(int(s.Broker)), []string{configs.HTTPPortKey}
	req.Resources = append(req.Resources, r)
	resp, err := clients.BrokerRequest[*kmsg.DescribeConfigsResponse](ctx, a, "describeBrokerConfigs", s.Broker, req)
	if err != nil {
		s.Err = err
		return
	}
	for _, r := range resp.Resources {
		for _, c := range r.Configs {
			if c.Name == configs.HTTPPortKey && c.Value != nil && *c.Value != "-1" {
				s.URL, s.Err = "http://"+hostPort(host, *c.Value), nil
			}
		}
	}
}

func hostPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// state says for people how the subject stands now, from what the brokers' public APIs and, with
// zk, the znodes tell. What is not known is left out.
func state(ctx context.Context, a *clients.Admin, z *zk.Client, s *journal.Subject) ([]string, error) {
	switch {
	case s.Partition != nil:
		return partitionState(ctx, a, z, *s.Partition)
	case s.Group != "":
		return groupState(ctx, a, s.Group)
	case s.Broker != nil:
		return brokerState(ctx, a, z, *s.Broker)
	}
	return nil, nil
}

func partitionState(ctx context.Context, a *clients.Admin, z *zk.Client, tp model.TopicPartition) ([]string, error) {
	m, err := a.Metadata(ctx, "describeTopics", []string{tp.Topic})
	if err != nil {
		return nil, err
	}
	var p *kmsg.MetadataResponseTopicPartition
	for i := range m.Topics {
		for k := range m.Topics[i].Partitions {
			if m.Topics[i].Partitions[k].Partition == tp.Partition {
				p = &m.Topics[i].Partitions[k]
			}
		}
	}
	if p == nil {
		return []string{tp.String() + " does not exist, as far as the brokers know."}, nil
	}
	alive := func(id int32) bool {
		return slices.ContainsFunc(m.Brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == id })
	}
	now := fmt.Sprintf("%s: leader %d, epoch %d; replicas %s; in sync %s", tp, p.Leader, p.LeaderEpoch, list(p.Replicas), list(p.ISR))
	if p.Leader < 0 {
		now = fmt.Sprintf("%s has no leader; replicas %s; in sync were %s", tp, list(p.Replicas), list(p.ISR))
	}
	lines := []string{now}
	if p.Leader >= 0 && len(p.Replicas) > 0 && p.Leader != p.Replicas[0] {
		lines = append(lines, fmt.Sprintf("The preferred leader is broker %d.", p.Replicas[0]))
	}
	for _, id := range p.Replicas {
		if slices.Contains(p.ISR, id) {
			continue
		}
		if !alive(id) {
			lines = append(lines, fmt.Sprintf("Broker %d is not registered in ZooKeeper: it is stopped, or its session has ended.", id))
		} else if lag, ok := replicaLag(ctx, a, id, tp); ok && lag >= 0 {
			lines = append(lines, fmt.Sprintf("Broker %d is alive and must fetch %d records to be in sync again.", id, lag))
		} else {
			lines = append(lines, fmt.Sprintf("Broker %d is alive; how far behind it is, it does not say.", id))
		}
	}
	if z != nil {
		if st, ok, err := z.State(ctx, tp); err == nil && ok {
			lines = append(lines, fmt.Sprintf("ZooKeeper: leader %d, leader epoch %d, in sync %s, written under controller epoch %d (version %d).",
				st.Leader, st.LeaderEpoch, list(st.ISR), st.ControllerEpoch, st.ZKVersion))
		}
	}
	return lines, nil
}

// replicaLag is how many committed records a broker's replica lacks.
func replicaLag(ctx context.Context, a *clients.Admin, broker int32, tp model.TopicPartition) (int64, bool) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req := kmsg.NewPtrDescribeLogDirsRequest()
	t := kmsg.NewDescribeLogDirsRequestTopic()
	t.Topic, t.Partitions = tp.Topic, []int32{tp.Partition}
	req.Topics = append(req.Topics, t)
	resp, err := clients.BrokerRequest[*kmsg.DescribeLogDirsResponse](ctx, a, "describeLogDirs", broker, req)
	if err != nil {
		return 0, false
	}
	for _, d := range resp.Dirs {
		for _, t := range d.Topics {
			for _, p := range t.Partitions {
				if t.Topic == tp.Topic && p.Partition == tp.Partition && !p.IsFuture {
					return p.OffsetLag, true
				}
			}
		}
	}
	return 0, false
}

func groupState(ctx context.Context, a *clients.Admin, name string) ([]string, error) {
	groups, err := a.DescribeGroups(ctx, []string{name})
	if err != nil {
		return nil, err
	}
	g := groups[name]
	if g == nil {
		return nil, nil
	}
	return []string{fmt.Sprintf("Group %s is %s, %d members; its coordinator is broker %d.", name, g.State, len(g.Members), g.Node)}, nil
}

func brokerState(ctx context.Context, a *clients.Admin, z *zk.Client, id int32) ([]string, error) {
	m, err := a.Metadata(ctx, "describeTopics", nil)
	if err != nil {
		return nil, err
	}
	led, out := 0, 0
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			if p.Leader == id {
				led++
			}
			if slices.Contains(p.Replicas, id) && !slices.Contains(p.ISR, id) {
				out++
			}
		}
	}
	alive := slices.ContainsFunc(m.Brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == id })
	lines := []string{fmt.Sprintf("Broker %d is registered; it leads %d partitions and is out of sync in %d.", id, led, out)}
	if !alive {
		lines = []string{fmt.Sprintf("Broker %d is not registered: it is stopped, or its ZooKeeper session has ended. It is out of sync in %d partitions.", id, out)}
	}
	if m.ControllerID == id {
		lines = append(lines, "It is the controller.")
	}
	if z != nil {
		if b, ok, err := z.Broker(ctx, id); err == nil && ok {
			lines = append(lines, fmt.Sprintf("ZooKeeper: registered at %v, broker epoch %d.", b.Endpoints, b.Epoch))
		}
	}
	return lines, nil
}

func list(ids []int32) string {
	s := make([]string, len(ids))
	for i, id := range ids {
		s[i] = strconv.Itoa(int(id))
	}
	return strings.Join(s, ",")
}

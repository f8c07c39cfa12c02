package clients

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/internal/model"
)

// DescribedGroup is a group as its coordinator describes it.
type DescribedGroup struct {
	Name, State, Protocol string
	Members               []GroupMember
	Node                  int32 // the coordinator
	Host                  string
	Port                  int32
}

// GroupMember is a member of a group and what it was assigned; Assigned is empty for groups of
// other protocols than consumer.
type GroupMember struct {
	Id, Instance, Client, Host string
	Assigned                   []model.TopicPartition
}

// ListGroups asks every broker for its consumer groups, and those without members.
func (a *Admin) ListGroups(ctx context.Context) ([]string, error) {
	// Each broker knows only the groups that it coordinates.
	brokers, err := a.Metadata(ctx, "findAllBrokers", []string{})
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, java.Execution(&java.Error{Class: "org.apache.kafka.common.KafkaException", Text: "Failed to find brokers to send ListGroups", Cause: err})
	}
	var out []string
	for _, b := range brokers.Brokers {
		resp, err := BrokerRequest[*kmsg.ListGroupsResponse](ctx, a, "listConsumerGroups", b.NodeID, kmsg.NewPtrListGroupsRequest())
		if err != nil {
			return out, java.Execution(err)
		}
		if err := java.OfCode(resp.ErrorCode, nil); err != nil {
			return out, java.Execution(err)
		}
		for _, g := range resp.Groups {
			// Kafka 2.5 lists groups of simple consumers, which have no type, among consumer
			// groups.
			if g.ProtocolType == "consumer" || g.ProtocolType == "" {
				out = append(out, g.Group)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// coordinator finds the broker of a group; it is waited for while there is none.
func (a *Admin) coordinator(ctx context.Context, group string) (*kmsg.FindCoordinatorResponse, error) {
	var found *kmsg.FindCoordinatorResponse
	err := a.do(ctx, "findCoordinator", func(ctx context.Context) error {
		for {
			req := kmsg.NewPtrFindCoordinatorRequest()
			// The type is 0, a group, unless it is set.
			req.CoordinatorKey = group
			resp, err := req.RequestWith(ctx, a.Client)
			if err != nil {
				return err
			}
			if len(resp.Coordinators) > 0 { // version 4
				x := resp.Coordinators[0]
				resp.ErrorCode, resp.ErrorMessage, resp.NodeID, resp.Host, resp.Port = x.ErrorCode, x.ErrorMessage, x.NodeID, x.Host, x.Port
			}
			switch resp.ErrorCode {
			case 0:
				found = resp
				return nil
			// 14 and 15: the coordinator loads or is not there yet; 16: it has moved.
			case 14, 15, 16:
			default:
				return java.OfCode(resp.ErrorCode, nil)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return found, err
}

// DescribeGroups describes groups; one that does not exist is Dead.
func (a *Admin) DescribeGroups(ctx context.Context, groups []string) (map[string]*DescribedGroup, error) {
	out := map[string]*DescribedGroup{}
	for _, name := range groups {
		at, err := a.coordinator(ctx, name)
		if err != nil {
			return nil, err
		}
		// The host is as the coordinator is announced, which the tables show.
		g := &DescribedGroup{Name: name, Node: at.NodeID, Host: at.Host, Port: at.Port}
		if err := a.describeGroup(ctx, g); err != nil {
			return nil, err
		}
		out[name] = g
	}
	return out, nil
}

// describeGroup asks for the state and the members of a group.
func (a *Admin) describeGroup(ctx context.Context, g *DescribedGroup) error {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{g.Name}
	resp, err := Request[*kmsg.DescribeGroupsResponse](ctx, a, "describeConsumerGroups", req)
	if err != nil {
		return err
	}
	for _, r := range resp.Groups {
		if err := java.OfCode(r.ErrorCode, nil); err != nil {
			return err
		}
		g.State, g.Protocol = r.State, r.Protocol
		for _, m := range r.Members {
			g.Members = append(g.Members, readMember(&m, r.ProtocolType))
		}
	}
	return nil
}

// readMember reads a member of a group; an assignment of another protocol than consumers have, or
// that cannot be read, is no assignment.
func readMember(m *kmsg.DescribeGroupsResponseGroupMember, protocolType string) GroupMember {
	out := GroupMember{Id: m.MemberID, Client: m.ClientID, Host: m.ClientHost}
	if m.InstanceID != nil {
		out.Instance = *m.InstanceID
	}
	if protocolType != "consumer" || len(m.MemberAssignment) == 0 {
		// Other protocols (Connect's) have other bytes there.
		return out
	}
	var as kmsg.ConsumerMemberAssignment
	if as.ReadFrom(m.MemberAssignment) != nil {
		return out
	}
	for _, t := range as.Topics {
		for _, p := range t.Partitions {
			out.Assigned = append(out.Assigned, model.TopicPartition{Topic: t.Topic, Partition: p})
		}
	}
	return out
}

// CommittedOffsets reads all offsets of a group.
func (a *Admin) CommittedOffsets(ctx context.Context, group string) (map[model.TopicPartition]int64, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	// null asks for all topics (version 2); an empty list would be none.
	req.Group, req.Topics = group, nil
	resp, err := Request[*kmsg.OffsetFetchResponse](ctx, a, "listConsumerGroupOffsets", req)
	if err != nil {
		return nil, err
	}
	out := map[model.TopicPartition]int64{}
	add := func(topic string, partition int32, offset int64, code int16) {
		// -1 stands for a partition without an offset.
		if code == 0 && offset >= 0 {
			out[model.TopicPartition{Topic: topic, Partition: partition}] = offset
		}
	}
	code := resp.ErrorCode
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			add(t.Topic, p.Partition, p.Offset, p.ErrorCode)
		}
	}
	for _, g := range resp.Groups { // version 8
		code = g.ErrorCode
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				add(t.Topic, p.Partition, p.Offset, p.ErrorCode)
			}
		}
	}
	if err := java.OfCode(code, nil); err != nil {
		return nil, err
	}
	return out, nil
}

// CommitOffsets sets offsets of a group without members.
func (a *Admin) CommitOffsets(ctx context.Context, group string, offsets map[model.TopicPartition]int64) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	// Generation -1 and no member id: a simple consumer, whom the coordinator accepts while the
	// group is empty.
	req.Group, req.Generation = group, -1
	req.Topics = ByTopic(core.SortedPartitions(offsets), func(topic string) kmsg.OffsetCommitRequestTopic {
		rt := kmsg.NewOffsetCommitRequestTopic()
		rt.Topic = topic
		return rt
	}, func(rt *kmsg.OffsetCommitRequestTopic, tp model.TopicPartition) {
		rp := kmsg.NewOffsetCommitRequestTopicPartition()
		// -1 is no epoch: the consumer that comes will not check where the log was truncated.
		rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata = tp.Partition, offsets[tp], -1, kmsg.StringPtr("")
		rt.Partitions = append(rt.Partitions, rp)
	})
	resp, err := Request[*kmsg.OffsetCommitResponse](ctx, a, "offsetCommit", req)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := java.OfCode(p.ErrorCode, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// DeleteGroups deletes groups one by one; the errors are by group.
func (a *Admin) DeleteGroups(ctx context.Context, groups []string) (map[string]error, error) {
	out := map[string]error{}
	for _, g := range groups {
		req := kmsg.NewPtrDeleteGroupsRequest()
		req.Groups = []string{g}
		resp, err := Request[*kmsg.DeleteGroupsResponse](ctx, a, "deleteConsumerGroups", req)
		if err != nil {
			return nil, err
		}
		for _, r := range resp.Groups {
			if err := java.OfCode(r.ErrorCode, nil); err != nil {
				// NON_EMPTY_GROUP, mostly; the others are still deleted.
				out[r.Group] = err
			}
		}
	}
	return out, nil
}

package view

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/group"
	"momus/coordinator/txn"
)

// Group is a group that the broker coordinates.
type Group struct {
	Name        string   `json:"name"`
	State       string   `json:"state"`
	Type        string   `json:"type"`
	Protocol    string   `json:"protocol"`
	Coordinator int32    `json:"coordinator"`
	Members     []Member `json:"members"`
	Offsets     []Offset `json:"offsets"`
}

// Member is a member of a Group.
type Member struct {
	ID         string            `json:"id"`
	Instance   string            `json:"instance,omitempty"`
	Client     string            `json:"client"`
	Host       string            `json:"host"`
	Partitions []TopicPartitions `json:"partitions"`
}

// TopicPartitions are partitions of a topic.
type TopicPartitions struct {
	Topic      string  `json:"topic"`
	Partitions []int32 `json:"partitions"`
}

// Offset is a committed offset. End is the partition's last offset that consumers may read up to,
// -1 when it is not known.
type Offset struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Committed int64  `json:"committed"`
	End       int64  `json:"end"`
}

// Groups shows the groups that the broker coordinates, by name.
func (v *View) Groups(ctx context.Context) []Group {
	out := []Group{}
	for _, l := range v.s.Groups.List(ctx).Groups {
		d := v.s.Groups.Describe(ctx, l.Group)
		// It has moved to another broker, or is being loaded, since it was listed.
		if d.Err != nil {
			continue
		}
		g := Group{Name: d.Group, State: d.State, Type: d.ProtocolType, Protocol: d.Protocol, Coordinator: v.s.BrokerID, Members: []Member{}, Offsets: []Offset{}}
		for _, m := range d.Members {
			x := Member{ID: m.MemberID, Client: m.ClientID, Host: m.ClientHost, Partitions: assignment(d.ProtocolType, m.Assignment)}
			if m.InstanceID != nil {
				x.Instance = *m.InstanceID
			}
			g.Members = append(g.Members, x)
		}
		for _, o := range v.s.Groups.FetchOffsets(ctx, &group.FetchOffsetsRequest{Group: l.Group, All: true}).Offsets {
			g.Offsets = append(g.Offsets, Offset{Topic: o.TP.Topic, Partition: o.TP.Partition, Committed: o.Offset, End: -1})
		}
		out = append(out, g)
	}
	return out
}

// assignment reads what the leader of a group of consumers has assigned; nothing for other groups.
func assignment(protocolType string, b []byte) []TopicPartitions {
	out := []TopicPartitions{}
	if protocolType != "consumer" || len(b) == 0 {
		return out
	}
	var a kmsg.ConsumerMemberAssignment
	// Members may put anything there, and other versions of assignors do. The page then shows none.
	if a.ReadFrom(b) != nil {
		return out
	}
	for _, t := range a.Topics {
		out = append(out, TopicPartitions{Topic: t.Topic, Partitions: slices.Sorted(slices.Values(t.Partitions))})
	}
	return out
}

// Transactions shows the transactional ids that the broker coordinates, by name.
func (v *View) Transactions(ctx context.Context) []txn.Listing { return v.s.Transactions.List(ctx) }

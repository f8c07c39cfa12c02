package doctor

import (
	"context"
	"slices"
	"strings"
	"sync"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/doctor"
	"momus/internal/model"
)

// Bounds of what is asked about groups. 2,000 groups take seconds; clusters with more have the same
// trouble in many of them.
const (
	maxGroups       = 2000
	groupsAtOnce    = 16
	groupsPerAnswer = 100
)

// groups asks each broker for the groups that it coordinates, and for their members and offsets.
// ListGroups names only those whose coordinator the broker is.
func (g *gatherer) groups(ctx context.Context) {
	failed, told := "", false
	g.perBroker(func(b *doctor.Broker) {
		if !b.Answers {
			return
		}
		resp, err := ask[*kmsg.ListGroupsResponse](ctx, g, b.ID, kmsg.NewPtrListGroupsRequest())
		if err == nil {
			err = wire.ErrorForCode(resp.ErrorCode)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if err != nil {
			failed = reason(g.o.Lang, err)
			return
		}
		told = true
		for _, x := range resp.Groups {
			g.s.Groups = append(g.s.Groups, &doctor.Group{Name: x.Group, Type: x.ProtocolType, Coordinator: b.ID})
		}
	})
	if !told {
		if failed == "" {
			failed = "no broker answers"
		}
		g.miss(doctor.Groups, failed)
		return
	}
	slices.SortFunc(g.s.Groups, func(a, b *doctor.Group) int { return strings.Compare(a.Name, b.Name) })
	// A coordinator that has just moved is named by two brokers.
	g.s.Groups = slices.CompactFunc(g.s.Groups, func(a, b *doctor.Group) bool { return a.Name == b.Name })
	if len(g.s.Groups) > maxGroups {
		g.s.Groups = g.s.Groups[:maxGroups]
	}
	g.describeGroups(ctx, false)
	g.groupOffsets(ctx, func(x *doctor.Group, offsets map[model.TopicPartition]int64) {
		for _, tp := range slices.SortedFunc(keysOf(offsets), model.TopicPartition.Compare) {
			x.Offsets = append(x.Offsets, doctor.Offset{Partition: tp, Committed: offsets[tp], LaterCommitted: -1})
		}
	})
}

// groupsAgain is the second look. Groups that are new since the first look are not added: they have
// nothing to compare with.
func (g *gatherer) groupsAgain(ctx context.Context) {
	g.describeGroups(ctx, true)
	g.groupOffsets(ctx, func(x *doctor.Group, offsets map[model.TopicPartition]int64) {
		for i := range x.Offsets {
			if o, ok := offsets[x.Offsets[i].Partition]; ok {
				x.Offsets[i].LaterCommitted = o
			}
		}
	})
}

// byCoordinator sorts groups by coordinator.
func (g *gatherer) byCoordinator() map[int32][]*doctor.Group {
	by := map[int32][]*doctor.Group{}
	for _, x := range g.s.Groups {
		by[x.Coordinator] = append(by[x.Coordinator], x)
	}
	return by
}

// describeGroups asks coordinators side by side, and each for many groups in one request. A
// goroutine changes the groups of its own chunk only, so that there is no lock. A group that is not
// told keeps "" as its state, which no rule takes for one.
func (g *gatherer) describeGroups(ctx context.Context, later bool) {
	var wg sync.WaitGroup
	for id, groups := range g.byCoordinator() {
		for chunk := range slices.Chunk(groups, groupsPerAnswer) {
			wg.Go(func() {
				req := kmsg.NewPtrDescribeGroupsRequest()
				for _, x := range chunk {
					req.Groups = append(req.Groups, x.Name)
				}
				resp, err := ask[*kmsg.DescribeGroupsResponse](ctx, g, id, req)
				if err != nil {
					return
				}
				for _, d := range resp.Groups {
					i := slices.IndexFunc(chunk, func(x *doctor.Group) bool { return x.Name == d.Group })
					if i < 0 || d.ErrorCode != 0 {
						continue
					}
					if later {
						chunk[i].LaterState = d.State
						continue
					}
					chunk[i].State = d.State
					for _, m := range d.Members {
						chunk[i].Members = append(chunk[i].Members, doctor.Member{ID: m.MemberID, Client: m.ClientID, Host: m.ClientHost, Assigned: assigned(m.MemberAssignment)})
					}
				}
			})
		}
	}
	wg.Wait()
}

// assigned counts the partitions of an assignment of the protocol of consumers, -1 if it is none.
// Nothing at all is what a member has that was given no partition, or none yet.
func assigned(data []byte) int {
	if len(data) == 0 {
		return 0
	}
	var a kmsg.ConsumerMemberAssignment
	if err := a.ReadFrom(data); err != nil {
		return -1
	}
	n := 0
	for _, t := range a.Topics {
		n += len(t.Partitions)
	}
	return n
}

// groupOffsets asks for the committed offsets of all groups, and calls fn with those of one after
// the other. The request of one group works with every version; that of many (version 8) has no
// other form.
func (g *gatherer) groupOffsets(ctx context.Context, fn func(x *doctor.Group, offsets map[model.TopicPartition]int64)) {
	slots := make(chan struct{}, groupsAtOnce)
	var wg sync.WaitGroup
	for _, x := range g.s.Groups {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			req := kmsg.NewPtrOffsetFetchRequest()
			req.Group, req.Topics = x.Name, nil
			// The library takes one of the two by the version it agrees on with the broker.
			one := kmsg.NewOffsetFetchRequestGroup()
			one.Group, one.Topics = x.Name, nil
			req.Groups = append(req.Groups, one)
			resp, err := ask[*kmsg.OffsetFetchResponse](ctx, g, x.Coordinator, req)
			if err != nil || resp.Version < 2 {
				return // before 0.10.2 partitions have to be named
			}
			offsets := map[model.TopicPartition]int64{}
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					if p.ErrorCode == 0 && p.Offset >= 0 {
						offsets[model.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p.Offset
					}
				}
			}
			for _, a := range resp.Groups {
				for _, t := range a.Topics {
					for _, p := range t.Partitions {
						if p.ErrorCode == 0 && p.Offset >= 0 {
							offsets[model.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p.Offset
						}
					}
				}
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			fn(x, offsets)
		})
	}
	wg.Wait()
}

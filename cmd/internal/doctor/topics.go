package doctor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/doctor"
	"momus/internal/model"
)

// topicsPerRequest bounds the topics of one DescribeConfigs. A cluster with thousands of topics
// would otherwise make an answer of many megabytes, which some brokers refuse and all take long
// for.
const topicsPerRequest = 200

// topicConfigs asks for the configurations of all topics. Any broker knows them. Without the right
// DescribeConfigs on a topic, only that topic stays unknown.
func (g *gatherer) topicConfigs(ctx context.Context) {
	brokers := g.answering()
	if len(brokers) == 0 {
		g.miss(doctor.TopicConfigs, g.o.Lang.Say("no broker answers", "응답하는 브로커가 없음"))
		return
	}
	failed := ""
	for chunk := range slices.Chunk(g.s.Topics, topicsPerRequest) {
		req := kmsg.NewPtrDescribeConfigsRequest()
		for _, t := range chunk {
			r := kmsg.NewDescribeConfigsRequestResource()
			r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, t.Name
			req.Resources = append(req.Resources, r)
		}
		resp, err := ask[*kmsg.DescribeConfigsResponse](ctx, g, brokers[0].ID, req)
		if err != nil {
			failed = reason(g.o.Lang, err)
			break
		}
		for _, r := range resp.Resources {
			if t := g.s.Topic(r.ResourceName); t != nil && r.ErrorCode == 0 {
				t.Config = doctor.Config{}
				for _, c := range r.Configs {
					t.Config[c.Name] = settingOf(&c, true)
				}
			} else if r.ErrorCode != 0 {
				failed = reason(g.o.Lang, wire.ErrorForCode(r.ErrorCode))
			}
		}
	}
	if failed == "" {
		return
	}
	if g.s.ZooKeeper != nil && g.overrides != nil { // what was set is better than nothing
		for _, t := range g.s.Topics {
			if t.Config == nil {
				t.Config = doctor.Config{}
				for k, v := range g.overrides[t.Name] {
					t.Config[k] = doctor.Setting{Value: v}
				}
			}
		}
		return
	}
	// One topic that was told is enough for the rules, which pass over those without a
	// configuration.
	if !slices.ContainsFunc(g.s.Topics, func(t *doctor.Topic) bool { return t.Config != nil }) {
		g.miss(doctor.TopicConfigs, failed)
	}
}

// reassignments asks the controller which partitions are moving (KIP-455). Without an answer the
// znode is what is left; with neither, the part is missing.
func (g *gatherer) reassignments(ctx context.Context) {
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	req.TimeoutMillis = int32(g.o.Timeout.Milliseconds())
	resp, err := ask[*kmsg.ListPartitionReassignmentsResponse](ctx, g, g.s.Controller, req)
	if err == nil {
		err = wire.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		if g.s.ZooKeeper == nil {
			g.miss(doctor.ReassignedParts, reason(g.o.Lang, err))
		}
		return
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if x := g.s.Partition(model.TopicPartition{Topic: t.Topic, Partition: p.Partition}); x != nil {
				x.Adding, x.Removing = p.AddingReplicas, p.RemovingReplicas
			}
		}
	}
}

// Times of ListOffsets that stand for ends. They are of version 0 on, and of the Java clients
// (ListOffsetRequest).
const (
	atEnd   = -1
	atStart = -2
)

// listOffsets asks the leaders for an offset of each partition at a time, and calls fn with what
// they answer, one call at a time. committed asks for the last stable offset instead of the high
// watermark (isolation level of KIP-98). The error is that of a leader, if all of them failed: what
// some did not tell stays unknown for their partitions only.
func (g *gatherer) listOffsets(ctx context.Context, at int64, committed bool, wanted func(t *doctor.Topic, p *doctor.Partition) bool,
	fn func(p *doctor.Partition, offset int64, when time.Time)) (failed error) {
	by := map[int32]map[string][]*doctor.Partition{}
	for _, t := range g.s.Topics {
		for _, p := range t.Partitions {
			leader := g.s.Broker(p.Leader)
			if leader == nil || !leader.Answers || !wanted(t, p) {
				continue
			}
			if by[p.Leader] == nil {
				by[p.Leader] = map[string][]*doctor.Partition{}
			}
			by[p.Leader][t.Name] = append(by[p.Leader][t.Name], p)
		}
	}
	var wg sync.WaitGroup
	var errs []error
	for leader, topics := range by {
		req := kmsg.NewPtrListOffsetsRequest()
		req.ReplicaID = -1
		if committed {
			req.IsolationLevel = 1
		}
		for name, partitions := range topics {
			rt := kmsg.NewListOffsetsRequestTopic()
			rt.Topic = name
			for _, p := range partitions {
				rp := kmsg.NewListOffsetsRequestTopicPartition()
				// Version 0 asks for a list of offsets; one is enough.
				rp.Partition, rp.Timestamp, rp.CurrentLeaderEpoch, rp.MaxNumOffsets = p.ID, at, -1, 1
				rt.Partitions = append(rt.Partitions, rp)
			}
			req.Topics = append(req.Topics, rt)
		}
		wg.Go(func() {
			resp, err := ask[*kmsg.ListOffsetsResponse](ctx, g, leader, req)
			g.mu.Lock()
			defer g.mu.Unlock()
			// An answer of an older version is to another question: it would be taken for the
			// stable offset, or for a record of that time.
			if err == nil && (committed && resp.Version < 2 || at >= 0 && resp.Version < 1) {
				err = errTooOld
			}
			if err != nil {
				errs = append(errs, err)
				return
			}
			for _, t := range resp.Topics {
				for _, x := range t.Partitions {
					p := g.s.Partition(model.TopicPartition{Topic: t.Topic, Partition: x.Partition})
					if p == nil || x.ErrorCode != 0 {
						continue
					}
					offset := x.Offset
					if resp.Version == 0 {
						if len(x.OldStyleOffsets) == 0 {
							continue
						}
						offset = x.OldStyleOffsets[0]
					}
					when := time.Time{}
					if resp.Version > 0 && x.Timestamp > 0 {
						when = time.UnixMilli(x.Timestamp)
					}
					fn(p, offset, when)
				}
			}
		})
	}
	wg.Wait()
	if len(errs) > 0 && len(errs) == len(by) {
		return errs[0]
	}
	return nil
}

// errTooOld becomes a reason by its words: see reason.
var errTooOld = errors.New("brokers too old")

// all is the filter that takes every partition.
func all(*doctor.Topic, *doctor.Partition) bool { return true }

// partitionOffsets asks for the ends of all partitions; later is the second look. Starts are asked
// for once: a log that is shortened within the window is no trouble.
func (g *gatherer) partitionOffsets(ctx context.Context, later bool) {
	err := g.listOffsets(ctx, atEnd, false, all, func(p *doctor.Partition, offset int64, _ time.Time) {
		if later {
			p.LaterEnd = offset
		} else {
			p.End = offset
		}
	})
	if err == nil && !later {
		err = g.listOffsets(ctx, atStart, false, all, func(p *doctor.Partition, offset int64, _ time.Time) { p.Start = offset })
	}
	if err != nil && !later {
		g.miss(doctor.Offsets, reason(g.o.Lang, err))
		return
	}
	// Brokers before 0.11 have no transactions: nothing is missing.
	_ = g.listOffsets(ctx, atEnd, true, all, func(p *doctor.Partition, offset int64, _ time.Time) {
		if later {
			p.LaterStable = offset
		} else {
			p.Stable = offset
		}
	})
}

// farAhead is how far in the future a record has to be to be worth a word.
const farAhead = 24 * time.Hour

// timestamps asks for the times of the first records and of those in the future. The leader answers
// from its time index, without reading the log. -1 as offset means that no record is so late.
func (g *gatherer) timestamps(ctx context.Context) {
	wanted := func(t *doctor.Topic, p *doctor.Partition) bool { return !t.Internal && p.End > p.Start }
	err := g.listOffsets(ctx, 0, false, wanted, func(p *doctor.Partition, _ int64, when time.Time) { p.Oldest = when })
	if err == nil {
		err = g.listOffsets(ctx, g.s.Time.Add(farAhead).UnixMilli(), false, wanted, func(p *doctor.Partition, offset int64, when time.Time) {
			if offset >= 0 {
				p.Future, p.FutureOffset = when, offset
			}
		})
	}
	if err != nil {
		g.miss(doctor.Timestamps, reason(g.o.Lang, err))
	}
}

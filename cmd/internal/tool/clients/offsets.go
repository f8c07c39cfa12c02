package clients

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/internal/model"
)

// OffsetResult is the offset of a partition at a time, -1 when there is none so late; or why it
// could not be had.
type OffsetResult struct {
	Offset, timestamp int64
	Err               *java.Error
}

// ErrNoName is what Java's admin client makes of a topic without a name, before it asks anybody.
var ErrNoName = &java.Error{Class: java.ErrorsPackage + "InvalidTopicException", Text: "The given topic name '' cannot be represented in a request."}

// PartitionsOf lists the partitions of a topic in order; nil when it does not exist.
func (a *Admin) PartitionsOf(ctx context.Context, topic string) ([]int32, error) {
	if topic == "" {
		return nil, ErrNoName
	}
	resp, err := a.Metadata(ctx, "describeTopics", []string{topic})
	if err != nil {
		return nil, err
	}
	// 3 is UNKNOWN_TOPIC_OR_PARTITION.
	if len(resp.Topics) == 0 || resp.Topics[0].ErrorCode == 3 {
		return nil, nil
	}
	t := resp.Topics[0]
	// 5, LEADER_NOT_AVAILABLE, is no fault of the topic: its partitions are listed all the same.
	if err := java.OfCode(t.ErrorCode, nil); err != nil && t.ErrorCode != 5 {
		return nil, err
	}
	out := []int32{}
	for _, p := range t.Partitions {
		out = append(out, p.Partition)
	}
	slices.Sort(out)
	return out, nil
}

// ListOffsets asks the leaders for offsets at a time (ms, -1 the end, -2 the beginning). A
// partition without a leader is waited for as long as the call may take; one that does not exist
// has an error of its own at once.
func (a *Admin) ListOffsets(ctx context.Context, tps []model.TopicPartition, at int64, committed bool) (map[model.TopicPartition]OffsetResult, error) {
	out := map[model.TopicPartition]OffsetResult{}
	if len(tps) == 0 {
		return out, nil
	}
	err := a.do(ctx, "listOffsets", func(ctx context.Context) error {
		todo := tps
		for {
			leaders, err := a.Leaders(ctx, todo, out)
			if err != nil {
				return err
			}
			if err := a.askLeaders(ctx, leaders, at, committed, out); err != nil {
				return err
			}
			todo = slices.DeleteFunc(slices.Clone(todo), func(tp model.TopicPartition) bool { _, done := out[tp]; return done })
			if len(todo) == 0 {
				return nil
			}
			select {
			case <-ctx.Done():
				// Time is over without a leader: that is the result, not an error of the whole
				// call.
				for _, tp := range todo {
					out[tp] = OffsetResult{Err: java.OfCode(5, nil)}
				}
				return nil
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return out, err
}

// Leaders groups partitions by leader. Those that do not exist get their result; those without a
// leader are left out.
func (a *Admin) Leaders(ctx context.Context, tps []model.TopicPartition, out map[model.TopicPartition]OffsetResult) (map[int32][]model.TopicPartition, error) {
	var names []string
	for _, tp := range tps {
		if !slices.Contains(names, tp.Topic) {
			names = append(names, tp.Topic)
		}
	}
	resp, err := a.Metadata(ctx, "metadata", names)
	if err != nil {
		return nil, err
	}
	leader := map[model.TopicPartition]int32{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			leader[model.TopicPartition{Topic: core.StringOf(t.Topic), Partition: p.Partition}] = p.Leader
		}
		for _, tp := range tps {
			// One error of the topic goes to all of its partitions.
			if err := java.OfCode(t.ErrorCode, nil); err != nil && t.ErrorCode != 5 && tp.Topic == core.StringOf(t.Topic) {
				out[tp] = OffsetResult{Err: err}
			}
		}
	}
	byLeader := map[int32][]model.TopicPartition{}
	for _, tp := range tps {
		id, ok := leader[tp]
		switch _, failed := out[tp]; {
		case failed:
		case !ok:
			// The topic is there, and the partition is not: also LEADER_NOT_AVAILABLE, as in Java,
			// but at once.
			out[tp] = OffsetResult{Err: java.OfCode(5, nil)}
		case id >= 0:
			byLeader[id] = append(byLeader[id], tp)
		}
	}
	return byLeader, nil
}

// askLeaders asks each leader for its partitions in one request. A partition whose leader moved, or
// is not known yet, stays out of the answer, so that it is asked for again.
func (a *Admin) askLeaders(ctx context.Context, leaders map[int32][]model.TopicPartition, at int64, committed bool, out map[model.TopicPartition]OffsetResult) error {
	for id, tps := range leaders {
		req := kmsg.NewPtrListOffsetsRequest()
		if committed {
			req.IsolationLevel = 1
		}
		req.Topics = ByTopic(tps, func(topic string) kmsg.ListOffsetsRequestTopic {
			rt := kmsg.NewListOffsetsRequestTopic()
			rt.Topic = topic
			return rt
		}, func(rt *kmsg.ListOffsetsRequestTopic, tp model.TopicPartition) {
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Partition, rp.Timestamp, rp.MaxNumOffsets = tp.Partition, at, 1
			rt.Partitions = append(rt.Partitions, rp)
		})
		resp, err := a.Broker(int(id)).RetriableRequest(ctx, req)
		if err != nil {
			return err
		}
		for _, t := range resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
				switch p.ErrorCode {
				case 0:
					// Version 0 answers with a list of offsets.
					if len(p.OldStyleOffsets) > 0 {
						p.Offset = p.OldStyleOffsets[0]
					}
					out[tp] = OffsetResult{Offset: p.Offset, timestamp: p.Timestamp}
				case 3, 5, 6, 74, 75, 78: // asked again
				default:
					out[tp] = OffsetResult{Err: java.OfCode(p.ErrorCode, nil)}
				}
			}
		}
	}
	return nil
}

// OffsetsAt looks offsets up; after the last message it is the end.
func (a *Admin) OffsetsAt(ctx context.Context, tps []model.TopicPartition, at int64) (map[model.TopicPartition]int64, error) {
	out := map[model.TopicPartition]int64{}
	found, err := a.ListOffsets(ctx, tps, at, false)
	if err != nil {
		return nil, java.Execution(err)
	}
	var late []model.TopicPartition
	for tp, f := range found {
		switch {
		case f.Err != nil:
			return nil, java.Execution(f.Err)
		case f.Offset < 0:
			late = append(late, tp)
		default:
			out[tp] = f.Offset
		}
	}
	// There is nothing after the end either; an empty partition has an end at any time.
	if len(late) > 0 && at >= 0 {
		ends, err := a.OffsetsAt(ctx, late, -1)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, ends)
	}
	return out, nil
}

// AllAt gives each of the partitions the same offset.
func AllAt(tps []model.TopicPartition, offset int64) map[model.TopicPartition]int64 {
	out := make(map[model.TopicPartition]int64, len(tps))
	for _, tp := range tps {
		out[tp] = offset
	}
	return out
}

package tool

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/model"
)

// offsetResult is the offset of a partition at a time, -1 when there is none so late; or why it could not be had.
type offsetResult struct {
	offset, timestamp int64
	err               *javaError
}

// partitionsOf lists the partitions of a topic in order; nil when it does not exist.
func (a *adminClient) partitionsOf(ctx context.Context, topic string) ([]int32, error) {
	resp, err := a.metadata(ctx, "describeTopics", []string{topic})
	if err != nil {
		return nil, err
	}
	for _, t := range resp.Topics {
		if t.ErrorCode == 3 {
			return nil, nil
		}
		if err := apiError(t.ErrorCode, nil); err != nil && t.ErrorCode != 5 {
			return nil, err
		}
		out := []int32{}
		for _, p := range t.Partitions {
			out = append(out, p.Partition)
		}
		slices.Sort(out)
		return out, nil
	}
	return nil, nil
}

// listOffsets asks the leaders for offsets at a time (ms, -1 the end, -2 the beginning). A partition without a leader is waited for
// as long as the call may take; one that does not exist has an error of its own at once.
func (a *adminClient) listOffsets(ctx context.Context, tps []model.TopicPartition, at int64, committed bool) (map[model.TopicPartition]offsetResult, error) {
	out := map[model.TopicPartition]offsetResult{}
	if len(tps) == 0 {
		return out, nil
	}
	err := a.do(ctx, "listOffsets", func(ctx context.Context) error {
		todo := tps
		for {
			leaders, err := a.leaders(ctx, todo, out)
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
				for _, tp := range todo {
					out[tp] = offsetResult{err: apiError(5, nil)}
				}
				return nil
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return out, err
}

// leaders groups partitions by leader. Those that do not exist get their result; those without a leader are left out.
func (a *adminClient) leaders(ctx context.Context, tps []model.TopicPartition, out map[model.TopicPartition]offsetResult) (map[int32][]model.TopicPartition, error) {
	var names []string
	for _, tp := range tps {
		if !slices.Contains(names, tp.Topic) {
			names = append(names, tp.Topic)
		}
	}
	resp, err := a.metadata(ctx, "metadata", names)
	if err != nil {
		return nil, err
	}
	leader := map[model.TopicPartition]int32{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			leader[model.TopicPartition{Topic: stringOf(t.Topic), Partition: p.Partition}] = p.Leader
		}
		for _, tp := range tps {
			if err := apiError(t.ErrorCode, nil); err != nil && t.ErrorCode != 5 && tp.Topic == stringOf(t.Topic) {
				out[tp] = offsetResult{err: err}
			}
		}
	}
	byLeader := map[int32][]model.TopicPartition{}
	for _, tp := range tps {
		id, ok := leader[tp]
		switch _, failed := out[tp]; {
		case failed:
		case !ok:
			out[tp] = offsetResult{err: apiError(5, nil)}
		case id >= 0:
			byLeader[id] = append(byLeader[id], tp)
		}
	}
	return byLeader, nil
}

func (a *adminClient) askLeaders(ctx context.Context, leaders map[int32][]model.TopicPartition, at int64, committed bool, out map[model.TopicPartition]offsetResult) error {
	for id, tps := range leaders {
		req := kmsg.NewPtrListOffsetsRequest()
		if committed {
			req.IsolationLevel = 1
		}
		byTopic := map[string]int{}
		for _, tp := range tps {
			i, ok := byTopic[tp.Topic]
			if !ok {
				rt := kmsg.NewListOffsetsRequestTopic()
				rt.Topic = tp.Topic
				i = len(req.Topics)
				byTopic[tp.Topic] = i
				req.Topics = append(req.Topics, rt)
			}
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Partition, rp.Timestamp, rp.MaxNumOffsets = tp.Partition, at, 1
			req.Topics[i].Partitions = append(req.Topics[i].Partitions, rp)
		}
		resp, err := a.Broker(int(id)).RetriableRequest(ctx, req)
		if err != nil {
			return err
		}
		for _, t := range resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
				switch p.ErrorCode {
				case 0:
					if len(p.OldStyleOffsets) > 0 {
						p.Offset = p.OldStyleOffsets[0]
					}
					out[tp] = offsetResult{offset: p.Offset, timestamp: p.Timestamp}
				case 3, 5, 6, 74, 75, 78: // asked again
				default:
					out[tp] = offsetResult{err: apiError(p.ErrorCode, nil)}
				}
			}
		}
	}
	return nil
}

// offsetsAt looks offsets up; after the last message it is the end.
func (a *adminClient) offsetsAt(ctx context.Context, tps []model.TopicPartition, at int64) (map[model.TopicPartition]int64, error) {
	out := map[model.TopicPartition]int64{}
	found, err := a.listOffsets(ctx, tps, at, false)
	if err != nil {
		return nil, execution(err)
	}
	var late []model.TopicPartition
	for tp, f := range found {
		switch {
		case f.err != nil:
			return nil, execution(f.err)
		case f.offset < 0:
			late = append(late, tp)
		default:
			out[tp] = f.offset
		}
	}
	if len(late) > 0 && at >= 0 {
		ends, err := a.offsetsAt(ctx, late, -1)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, ends)
	}
	return out, nil
}

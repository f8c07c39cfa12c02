package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/coordinator/group"
	"momus/internal/kerr"
	"momus/internal/model"
)

// offsetFetch answers OffsetFetch, v0-v7. v0 reads ZooKeeper; v2 added "all topics" (null) and the
// top-level error; v5 leader epochs; v7 require_stable (KIP-447). Rights: Group:Describe, and
// Topic:Describe per partition (TOPIC_AUTHORIZATION_FAILED there; such partitions are left out of
// "all"). Errors of the coordinator are at the top from v2 on, with no topics, else in each
// partition.
func offsetFetch(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.OffsetFetchRequest)
	if !e.allowed(r, acl.Describe, acl.Group, req.Group) {
		return Respond(offsetFetchError(req, kerr.GroupAuthorizationFailed))
	}
	if req.Topics == nil && req.Version >= 2 {
		return offsetFetchAll(ctx, e, r, req)
	}
	f := &group.FetchOffsetsRequest{Group: req.Group, RequireStable: req.RequireStable}
	req.Topics = grouped(req.Topics)
	visible := e.rightsTo(r, acl.Describe, acl.Topic, loudly, each(req.Topics, func(t *kmsg.OffsetFetchRequestTopic) (string, int) { return t.Topic, len(t.Partitions) }))
	for _, t := range req.Topics {
		if !visible.allow(t.Topic) {
			continue
		}
		for _, p := range t.Partitions {
			f.Partitions = append(f.Partitions, model.TopicPartition{Topic: t.Topic, Partition: p})
		}
	}
	var offsets []group.FetchedOffset
	if req.Version == 0 {
		offsets = e.fetchFromZooKeeper(ctx, f)
	} else {
		result := e.Groups.FetchOffsets(ctx, f)
		if result.Err != nil {
			return Respond(offsetFetchError(req, result.Err))
		}
		offsets = result.Offsets
	}
	resp := kmsg.NewPtrOffsetFetchResponse()
	resp.Topics = make([]kmsg.OffsetFetchResponseTopic, len(req.Topics))
	for i, t := range req.Topics {
		resp.Topics[i].Topic = t.Topic
		resp.Topics[i].Partitions = make([]kmsg.OffsetFetchResponseTopicPartition, len(t.Partitions))
		for j, p := range t.Partitions {
			f := group.FetchedOffset{TP: model.TopicPartition{Topic: t.Topic, Partition: p}, Offset: -1, LeaderEpoch: -1}
			if !visible.allow(t.Topic) {
				f.Err = kerr.TopicAuthorizationFailed
			} else {
				// The coordinator answers what was asked in its order, each once.
				f, offsets = offsets[0], offsets[1:]
			}
			resp.Topics[i].Partitions[j] = fetchedOffset(&f)
		}
	}
	return Respond(resp)
}

// grouped are the partitions asked for, each once under its topic, without topics that have none:
// what Kafka makes of a request.
func grouped(topics []kmsg.OffsetFetchRequestTopic) []kmsg.OffsetFetchRequestTopic {
	out := model.ByTopic[kmsg.OffsetFetchRequestTopic]{
		List: make([]kmsg.OffsetFetchRequestTopic, 0, len(topics)),
		New:  func(topic string) kmsg.OffsetFetchRequestTopic { return kmsg.OffsetFetchRequestTopic{Topic: topic} },
	}
	seen := make(map[model.TopicPartition]bool)
	for _, t := range topics {
		for _, p := range t.Partitions {
			tp := model.TopicPartition{Topic: t.Topic, Partition: p}
			if seen[tp] {
				continue
			}
			seen[tp] = true
			topic := out.Entry(t.Topic)
			topic.Partitions = append(topic.Partitions, p)
		}
	}
	return out.List
}

// offsetFetchAll answers with all offsets of the group.
func offsetFetchAll(ctx context.Context, e *Env, r *Request, req *kmsg.OffsetFetchRequest) Reply {
	result := e.Groups.FetchOffsets(ctx, &group.FetchOffsetsRequest{Group: req.Group, All: true, RequireStable: req.RequireStable})
	if result.Err != nil {
		return Respond(offsetFetchError(req, result.Err))
	}
	resp := kmsg.NewPtrOffsetFetchResponse()
	// Partitions of topics that may not be seen are left out: the caller asked for all, not for
	// them.
	visible := e.rightsTo(r, acl.Describe, acl.Topic, loudly, each(result.Offsets, func(f *group.FetchedOffset) (string, int) { return f.TP.Topic, 1 }))
	for i := range result.Offsets { // sorted by topic
		f := &result.Offsets[i]
		if !visible.allow(f.TP.Topic) {
			continue
		}
		if n := len(resp.Topics); n == 0 || resp.Topics[n-1].Topic != f.TP.Topic {
			resp.Topics = append(resp.Topics, kmsg.OffsetFetchResponseTopic{Topic: f.TP.Topic})
		}
		t := &resp.Topics[len(resp.Topics)-1]
		t.Partitions = append(t.Partitions, fetchedOffset(f))
	}
	return Respond(resp)
}

func fetchedOffset(f *group.FetchedOffset) kmsg.OffsetFetchResponseTopicPartition {
	return kmsg.OffsetFetchResponseTopicPartition{
		Partition: f.TP.Partition, Offset: f.Offset, LeaderEpoch: f.LeaderEpoch, Metadata: &f.Metadata, ErrorCode: kerr.Code(f.Err),
	}
}

// offsetFetchError is the answer when nothing can be fetched.
func offsetFetchError(req *kmsg.OffsetFetchRequest, err *kerr.Error) *kmsg.OffsetFetchResponse {
	resp := kmsg.NewPtrOffsetFetchResponse()
	resp.ErrorCode = err.Code
	if req.Version >= 2 {
		return resp
	}
	for _, t := range req.Topics {
		out := kmsg.OffsetFetchResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			f := group.FetchedOffset{TP: model.TopicPartition{Partition: p}, Offset: -1, LeaderEpoch: -1, Err: err}
			out.Partitions = append(out.Partitions, fetchedOffset(&f))
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

// fetchFromZooKeeper reads offsets as clients before 0.8.2 expect it: a partition that does not
// exist, and one without an offset, are UNKNOWN_TOPIC_OR_PARTITION.
func (e *Env) fetchFromZooKeeper(ctx context.Context, r *group.FetchOffsetsRequest) []group.FetchedOffset {
	offsets := make([]group.FetchedOffset, len(r.Partitions))
	for i, tp := range r.Partitions {
		f := &offsets[i]
		*f = group.FetchedOffset{TP: tp, Offset: -1, LeaderEpoch: -1, Err: kerr.UnknownTopicOrPartition}
		if _, ok := e.Metadata.Snapshot().Partition(tp); !ok {
			continue
		}
		err := e.zooKeeperOffsets(func(s group.OffsetStore) error {
			offset, ok, err := s.FetchOffset(ctx, r.Group, tp)
			if err == nil && ok {
				f.Offset, f.Err = offset, nil
			}
			return err
		})
		if err != nil {
			f.Err = kerr.Of(err)
		}
	}
	return offsets
}

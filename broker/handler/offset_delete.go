package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/coordinator/group"
	"momus/internal/kerr"
	"momus/internal/model"
)

// offsetDelete answers OffsetDelete, v0 (KIP-496). Rights: Group:Delete, and Topic:Read per
// partition. Errors of the group are at the top, with no topics; per partition:
// TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, GROUP_SUBSCRIBED_TO_TOPIC.
func offsetDelete(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.OffsetDeleteRequest)
	resp := kmsg.NewPtrOffsetDeleteResponse()
	if !e.allowed(r, acl.Delete, acl.Group, req.Group) {
		resp.ErrorCode = kerr.GroupAuthorizationFailed.Code
		return Respond(resp)
	}
	d := &group.DeleteOffsetsRequest{Group: req.Group}
	readable := e.rightsTo(r, acl.Read, acl.Topic, loudly, each(req.Topics, func(t *kmsg.OffsetDeleteRequestTopic) (string, int) { return t.Topic, 1 }))
	topics := make([]kmsg.OffsetDeleteResponseTopic, len(req.Topics))
	var slots []*int16 // where the errors of d.Partitions go
	for i, t := range req.Topics {
		topics[i].Topic = t.Topic
		topics[i].Partitions = make([]kmsg.OffsetDeleteResponseTopicPartition, len(t.Partitions))
		for j, p := range t.Partitions {
			out := &topics[i].Partitions[j]
			out.Partition = p.Partition
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			if err := e.topicPartitionError(readable, tp); err != nil {
				out.ErrorCode = err.Code
				continue
			}
			d.Partitions = append(d.Partitions, tp)
			slots = append(slots, &out.ErrorCode)
		}
	}
	result := e.Groups.DeleteOffsets(ctx, d)
	if result.Err != nil {
		resp.ErrorCode = result.Err.Code
		return Respond(resp)
	}
	for i, err := range result.Errs {
		*slots[i] = kerr.Code(err)
	}
	for _, t := range topics {
		if len(t.Partitions) > 0 {
			resp.Topics = append(resp.Topics, t)
		}
	}
	return Respond(resp)
}

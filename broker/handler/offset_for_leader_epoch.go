package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/internal/kerr"
	"momus/internal/model"
)

// offsetForLeaderEpoch answers OffsetForLeaderEpoch, v0-v3 (KIP-101, KIP-279): v1 the epoch found;
// v2 current leader epoch and throttle time (KIP-320); v3 replica id. Cluster:ClusterAction allows
// all topics, else Topic:Describe is asked for each.
//
// Errors by partition: TOPIC_AUTHORIZATION_FAILED and what the look-up says; epoch and offset are
// -1 then.
func offsetForLeaderEpoch(_ context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.OffsetForLeaderEpochRequest)
	req.Topics = merged(req.Topics, func(t *kmsg.OffsetForLeaderEpochRequestTopic) (string, *[]kmsg.OffsetForLeaderEpochRequestTopicPartition) {
		return t.Topic, &t.Partitions
	}, func(p *kmsg.OffsetForLeaderEpochRequestTopicPartition) int32 { return p.Partition })
	visible := rights{}
	if !e.quietlyAllowed(r, acl.ClusterAction, acl.Cluster, acl.ClusterName) {
		visible = e.rightsTo(r, acl.Describe, acl.Topic, loudly, each(req.Topics, func(t *kmsg.OffsetForLeaderEpochRequestTopic) (string, int) { return t.Topic, len(t.Partitions) }))
	}
	resp := kmsg.NewPtrOffsetForLeaderEpochResponse()
	resp.Topics = answers(req.Topics, func(t *kmsg.OffsetForLeaderEpochRequestTopic, out *kmsg.OffsetForLeaderEpochResponseTopic) {
		out.Topic = t.Topic
		denied := !visible.allow(t.Topic)
		out.Partitions = answers(t.Partitions, func(p *kmsg.OffsetForLeaderEpochRequestTopicPartition, answer *kmsg.OffsetForLeaderEpochResponseTopicPartition) {
			answer.Partition, answer.LeaderEpoch, answer.EndOffset = p.Partition, -1, -1
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			var err error = kerr.TopicAuthorizationFailed
			if !denied {
				var epoch int32
				var end int64
				if epoch, end, err = e.Data.OffsetForLeaderEpoch(tp, p.CurrentLeaderEpoch, p.LeaderEpoch); err == nil {
					answer.LeaderEpoch, answer.EndOffset = epoch, end
				}
			}
			e.reportUnexpected(r, tp, err)
			answer.ErrorCode = kerr.Code(err)
		})
	})
	return Respond(resp)
}

package handler

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/replica"
	"momus/coordinator/acl"
	"momus/internal/kerr"
	"momus/internal/model"
)

// deleteRecords answers DeleteRecords, v0-v1 (KIP-107). Topic:Delete is asked for each topic.
//
// Errors by partition: TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION,
// INVALID_TOPIC_EXCEPTION for internal topics, POLICY_VIOLATION, OFFSET_OUT_OF_RANGE,
// REQUEST_TIMED_OUT (with the low watermark at the start) and what the look-up says.
func deleteRecords(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.DeleteRecordsRequest)
	req.Topics = merged(req.Topics, func(t *kmsg.DeleteRecordsRequestTopic) string { return t.Topic },
		func(t *kmsg.DeleteRecordsRequestTopic) *[]kmsg.DeleteRecordsRequestTopicPartition {
			return &t.Partitions
		},
		func(p *kmsg.DeleteRecordsRequestTopicPartition) int32 { return p.Partition })
	resp := kmsg.NewPtrDeleteRecordsResponse()
	snapshot := e.Metadata.Snapshot()
	deletable := e.rightsTo(r, acl.Delete, acl.Topic, loudly, each(req.Topics, func(t *kmsg.DeleteRecordsRequestTopic) (string, int) { return t.Topic, len(t.Partitions) }))
	type place struct{ topic, partition int }
	var places []place
	var entries []replica.DeleteRecordsEntry
	for i := range req.Topics {
		t := &req.Topics[i]
		out := kmsg.NewDeleteRecordsResponseTopic()
		out.Topic = t.Topic
		denied := !deletable.allow(t.Topic)
		for j := range t.Partitions {
			p := &t.Partitions[j]
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			answer := kmsg.NewDeleteRecordsResponseTopicPartition()
			answer.Partition, answer.LowWatermark = p.Partition, -1
			if denied {
				answer.ErrorCode = kerr.TopicAuthorizationFailed.Code
			} else if _, known := snapshot.Partition(tp); !known {
				answer.ErrorCode = kerr.UnknownTopicOrPartition.Code
			} else if model.IsInternalTopic(t.Topic) {
				answer.ErrorCode = kerr.InvalidTopicException.Code
			} else {
				places = append(places, place{i, j})
				entries = append(entries, replica.DeleteRecordsEntry{TP: tp, Offset: p.Offset})
			}
			out.Partitions = append(out.Partitions, answer)
		}
		resp.Topics = append(resp.Topics, out)
	}
	if len(entries) > 0 {
		for i, res := range e.Data.DeleteRecords(ctx, entries, time.Duration(req.TimeoutMillis)*time.Millisecond) {
			answer := &resp.Topics[places[i].topic].Partitions[places[i].partition]
			e.reportUnexpected(r, res.TP, res.Err)
			answer.LowWatermark, answer.ErrorCode = res.LowWatermark, kerr.Code(res.Err)
		}
	}
	return Respond(resp)
}

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
	req.Topics = merged(req.Topics, func(t *kmsg.DeleteRecordsRequestTopic) (string, *[]kmsg.DeleteRecordsRequestTopicPartition) {
		return t.Topic, &t.Partitions
	}, func(p *kmsg.DeleteRecordsRequestTopicPartition) int32 { return p.Partition })
	snapshot := e.Metadata.Snapshot()
	deletable := e.rightsTo(r, acl.Delete, acl.Topic, loudly, each(req.Topics, func(t *kmsg.DeleteRecordsRequestTopic) (string, int) { return t.Topic, len(t.Partitions) }))
	var entries []replica.DeleteRecordsEntry
	var slots []*kmsg.DeleteRecordsResponseTopicPartition // the answers to entries
	resp := kmsg.NewPtrDeleteRecordsResponse()
	resp.Topics = answers(req.Topics, func(t *kmsg.DeleteRecordsRequestTopic, out *kmsg.DeleteRecordsResponseTopic) {
		out.Topic = t.Topic
		denied := !deletable.allow(t.Topic)
		out.Partitions = answers(t.Partitions, func(p *kmsg.DeleteRecordsRequestTopicPartition, answer *kmsg.DeleteRecordsResponseTopicPartition) {
			answer.Partition, answer.LowWatermark = p.Partition, -1
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			if denied {
				answer.ErrorCode = kerr.TopicAuthorizationFailed.Code
			} else if _, known := snapshot.Partition(tp); !known {
				answer.ErrorCode = kerr.UnknownTopicOrPartition.Code
			} else if model.IsInternalTopic(t.Topic) {
				answer.ErrorCode = kerr.InvalidTopicException.Code
			} else {
				entries = append(entries, replica.DeleteRecordsEntry{TP: tp, Offset: p.Offset})
				slots = append(slots, answer)
			}
		})
	})
	if len(entries) > 0 {
		for i, res := range e.Data.DeleteRecords(ctx, entries, time.Duration(req.TimeoutMillis)*time.Millisecond) {
			e.reportUnexpected(r, res.TP, res.Err)
			slots[i].LowWatermark, slots[i].ErrorCode = res.LowWatermark, kerr.Code(res.Err)
		}
	}
	return Respond(resp)
}

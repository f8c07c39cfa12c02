package handler

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/replica"
	"momus/coordinator/acl"
	"momus/internal/kerr"
	"momus/internal/model"
)

// listOffsets answers ListOffsets, v0-v5: v0 lists segment offsets, v1 finds one offset by
// timestamp (KIP-79); v2 isolation level; v4 leader epochs (KIP-320); v5 OFFSET_NOT_AVAILABLE.
// Topic:Describe is asked for each topic.
//
// Errors by partition: TOPIC_AUTHORIZATION_FAILED, INVALID_REQUEST for one that is listed twice
// (v1+), and what the look-up says.
func listOffsets(_ context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.ListOffsetsRequest)
	if r.Version >= 2 && req.IsolationLevel != readUncommitted && req.IsolationLevel != readCommitted {
		return refuse(e, r, fmt.Errorf("isolation level %d does not exist", req.IsolationLevel))
	}
	resp := kmsg.NewPtrListOffsetsResponse()
	twice := duplicates(req)
	visible := e.rightsTo(r, acl.Describe, acl.Topic, loudly, each(req.Topics, func(t *kmsg.ListOffsetsRequestTopic) (string, int) { return t.Topic, len(t.Partitions) }))
	for i := range req.Topics {
		t := &req.Topics[i]
		out := kmsg.NewListOffsetsResponseTopic()
		out.Topic = t.Topic
		denied := !visible.allow(t.Topic)
		for j := range t.Partitions {
			p := &t.Partitions[j]
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			answer := kmsg.NewListOffsetsResponseTopicPartition()
			answer.Partition = p.Partition
			answer.Timestamp, answer.Offset, answer.LeaderEpoch = -1, -1, -1
			// Not nil, which v0 would send as null; other versions do not send it.
			answer.OldStyleOffsets = []int64{}
			var err error
			switch {
			case denied:
				err = kerr.TopicAuthorizationFailed
			case r.Version == 0:
				var offsets []int64
				if offsets, err = e.Data.LegacyListOffset(tp, p.Timestamp, int(p.MaxNumOffsets), req.ReplicaID); err == nil && offsets != nil {
					answer.OldStyleOffsets = offsets
				}
			// Partitions that come once are answered as always; one that comes again is answered
			// once, with the error, wherever it came first.
			case twice != nil:
				if pending, ok := twice[tp]; ok && !pending {
					continue
				} else if ok {
					twice[tp] = false // answered once
					err = kerr.InvalidRequest
					break
				}
				fallthrough
			default:
				err = listOffset(e, req, tp, p, &answer)
			}
			e.reportUnexpected(r, tp, err)
			answer.ErrorCode = offsetError(r.Version, err)
			out.Partitions = append(out.Partitions, answer)
		}
		if len(out.Partitions) > 0 {
			resp.Topics = append(resp.Topics, out)
		}
	}
	return Respond(resp)
}

// duplicates finds the partitions that are listed more than once; nil if there are none.
func duplicates(req *kmsg.ListOffsetsRequest) (twice map[model.TopicPartition]bool) {
	seen := make(map[model.TopicPartition]struct{})
	for i := range req.Topics {
		for j := range req.Topics[i].Partitions {
			tp := model.TopicPartition{Topic: req.Topics[i].Topic, Partition: req.Topics[i].Partitions[j].Partition}
			if _, again := seen[tp]; again {
				if twice == nil {
					twice = make(map[model.TopicPartition]bool)
				}
				twice[tp] = true
			}
			seen[tp] = struct{}{}
		}
	}
	return twice
}

// listOffset answers one partition; when nothing is found the answer keeps its unknown values,
// which is not an error.
func listOffset(e *Env, req *kmsg.ListOffsetsRequest, tp model.TopicPartition, p *kmsg.ListOffsetsRequestTopicPartition, answer *kmsg.ListOffsetsResponseTopicPartition) error {
	q := replica.ListOffsetQuery{TP: tp, Timestamp: p.Timestamp, ReplicaID: req.ReplicaID, ReadCommitted: req.IsolationLevel == readCommitted,
		CurrentLeaderEpoch: p.CurrentLeaderEpoch}
	found, ok, err := e.Data.ListOffset(q)
	if err != nil || !ok {
		return err
	}
	answer.Timestamp, answer.Offset, answer.LeaderEpoch = found.Timestamp, found.Offset, found.LeaderEpoch
	return nil
}

// offsetError is the code of err in a version: OFFSET_NOT_AVAILABLE is known from v5 on.
func offsetError(version int16, err error) int16 {
	if e := kerr.Of(err); e == kerr.OffsetNotAvailable && version < 5 {
		return kerr.LeaderNotAvailable.Code
	}
	return kerr.Code(err)
}

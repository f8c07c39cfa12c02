package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/coordinator/group"
	"momus/internal/kerr"
	"momus/internal/model"
)

// txnOffsetCommit answers TxnOffsetCommit, v0-v3, at the group coordinator: the offsets count once
// the producer's transaction is committed. v2 added leader epochs, v3 member, instance and
// generation, which are then checked (KIP-447), and compact encoding. Rights:
// TransactionalId:Write, Group:Read, and Topic:Read per partition. Errors stand at each partition;
// partitions without an error of their own are committed.
func txnOffsetCommit(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.TxnOffsetCommitRequest)
	req.Topics = merged(req.Topics, func(t *kmsg.TxnOffsetCommitRequestTopic) (string, *[]kmsg.TxnOffsetCommitRequestTopicPartition) {
		return t.Topic, &t.Partitions
	}, func(p *kmsg.TxnOffsetCommitRequestTopicPartition) int32 { return p.Partition })
	c := &group.CommitRequest{
		Group: req.Group, Generation: req.Generation, MemberID: req.MemberID, InstanceID: req.InstanceID,
		ProducerID: req.ProducerID, ProducerEpoch: req.ProducerEpoch,
	}
	refused := e.refuseTransactionOf(r, req.TransactionalID, req.Group)
	if refused == nil && req.ProducerID < 0 {
		refused = kerr.InvalidProducerIDMapping // -1 would be a plain commit
	}
	var readable rights
	if refused == nil {
		readable = e.rightsTo(r, acl.Read, acl.Topic, loudly, each(req.Topics, func(t *kmsg.TxnOffsetCommitRequestTopic) (string, int) { return t.Topic, len(t.Partitions) }))
	}
	var slots []*int16 // where the errors of c.Offsets go
	resp := kmsg.NewPtrTxnOffsetCommitResponse()
	resp.Topics = answers(req.Topics, func(t *kmsg.TxnOffsetCommitRequestTopic, out *kmsg.TxnOffsetCommitResponseTopic) {
		out.Topic = t.Topic
		out.Partitions = answers(t.Partitions, func(p *kmsg.TxnOffsetCommitRequestTopicPartition, answer *kmsg.TxnOffsetCommitResponseTopicPartition) {
			answer.Partition = p.Partition
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			err := refused
			if err == nil {
				err = e.topicPartitionError(readable, tp)
			}
			if err != nil {
				answer.ErrorCode = err.Code
				return
			}
			c.Offsets = append(c.Offsets, group.Offset{
				TP: tp, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: orEmpty(p.Metadata), CommitTimestamp: -1, ExpireTimestamp: -1,
			})
			slots = append(slots, &answer.ErrorCode)
		})
	})
	if len(c.Offsets) > 0 {
		// The offsets are durable with this answer, but pending: WriteTxnMarkers makes them count
		// or drops them.
		for i, err := range e.Groups.CommitOffsets(ctx, c).Errs {
			*slots[i] = kerr.Code(err)
		}
	}
	return Respond(resp)
}

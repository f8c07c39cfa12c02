package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/coordinator/txn"
	"momus/internal/kerr"
	"momus/internal/model"
)

// addPartitionsToTxn answers AddPartitionsToTxn, v0-v1: the producer will write to these partitions
// in its transaction, which begins with the first. v1 changed nothing but throttling (KIP-219).
// Rights: TransactionalId:Write, and Topic:Write for each; internal topics are never allowed.
// Errors stand at each partition: TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
// TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, with which the others get
// OPERATION_NOT_ATTEMPTED; or what the coordinator says of the whole.
func addPartitionsToTxn(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.AddPartitionsToTxnRequest)
	req.Topics = merged(req.Topics, func(t *kmsg.AddPartitionsToTxnRequestTopic) (string, *[]int32) { return t.Topic, &t.Partitions },
		func(p *int32) int32 { return *p })
	whole := e.refuseTransaction(r, req.TransactionalID)
	var writable rights
	if whole == nil {
		writable = e.rightsTo(r, acl.Write, acl.Topic, loudly, each(req.Topics, func(t *kmsg.AddPartitionsToTxnRequestTopic) (string, int) {
			if model.IsInternalTopic(t.Topic) {
				return t.Topic, 0 // never allowed
			}
			return t.Topic, len(t.Partitions)
		}))
	}
	var tps []model.TopicPartition
	refused := false
	resp := kmsg.NewPtrAddPartitionsToTxnResponse()
	resp.Topics = answers(req.Topics, func(t *kmsg.AddPartitionsToTxnRequestTopic, out *kmsg.AddPartitionsToTxnResponseTopic) {
		out.Topic = t.Topic
		out.Partitions = answers(t.Partitions, func(p *int32, answer *kmsg.AddPartitionsToTxnResponseTopicPartition) {
			answer.Partition = *p
			if whole != nil {
				return
			}
			tp := model.TopicPartition{Topic: t.Topic, Partition: *p}
			err := e.topicPartitionError(writable, tp)
			if model.IsInternalTopic(t.Topic) {
				err = kerr.TopicAuthorizationFailed
			}
			answer.ErrorCode = kerr.Code(err)
			// One refused partition refuses all, so that a transaction never has half of what its
			// producer named; a producer that goes on without some of them has to ask again.
			refused = refused || err != nil
			tps = append(tps, tp)
		})
	})
	switch {
	case whole != nil:
	case refused:
		whole = kerr.OperationNotAttempted
	default:
		whole = e.Transactions.AddPartitions(ctx, &txn.AddRequest{
			TransactionalID: req.TransactionalID, ProducerID: req.ProducerID, Epoch: req.ProducerEpoch, Partitions: tps,
		})
	}
	if whole != nil {
		for i := range resp.Topics {
			for j := range resp.Topics[i].Partitions {
				// Errors of their own stay.
				if out := &resp.Topics[i].Partitions[j]; out.ErrorCode == 0 {
					out.ErrorCode = whole.Code
				}
			}
		}
	}
	return Respond(resp)
}

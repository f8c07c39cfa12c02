package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/txn"
	"momus/internal/kerr"
	"momus/internal/model"
)

// addOffsetsToTxn answers AddOffsetsToTxn, v0-v1: the producer will commit offsets of a group in
// its transaction, so the group's partition of the offsets topic becomes part of it. v1 changed
// nothing but throttling (KIP-219). Rights: TransactionalId:Write, Group:Read.
func addOffsetsToTxn(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.AddOffsetsToTxnRequest)
	resp := kmsg.NewPtrAddOffsetsToTxnResponse()
	err := e.refuseTransactionOf(r, req.TransactionalID, req.Group)
	if err == nil {
		err = e.Transactions.AddPartitions(ctx, &txn.AddRequest{
			TransactionalID: req.TransactionalID, ProducerID: req.ProducerID, Epoch: req.ProducerEpoch,
			// That the partition exists is not checked: the group's coordinator has it, or the
			// client could not have found the coordinator.
			Partitions: []model.TopicPartition{{Topic: model.OffsetsTopic, Partition: e.Groups.PartitionFor(req.Group)}},
		})
	}
	resp.ErrorCode = kerr.Code(err)
	return Respond(resp)
}

package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/txn"
	"momus/internal/kerr"
)

// endTxn answers EndTxn, v0-v1, when the decision to commit or abort is durable; the markers are on
// their way then. v1 changed nothing but throttling (KIP-219). Rights: TransactionalId:Write.
func endTxn(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.EndTxnRequest)
	resp := kmsg.NewPtrEndTxnResponse()
	err := e.refuseTransaction(r, req.TransactionalID)
	if err == nil {
		err = e.Transactions.EndTxn(ctx, &txn.EndRequest{
			TransactionalID: req.TransactionalID, ProducerID: req.ProducerID, Epoch: req.ProducerEpoch, Commit: req.Commit,
		})
	}
	resp.ErrorCode = kerr.Code(err)
	return Respond(resp)
}

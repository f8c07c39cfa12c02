package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/coordinator/txn"
	"momus/internal/kerr"
)

// initProducerID answers InitProducerId, v0-v3: an id for an idempotent producer, or the id and a
// new epoch for a transactional one, which fences the former owner of the transactional id and
// aborts what it left open. v3 added the producer's current id and epoch (KIP-360), of which both
// or none must be given. Rights: Cluster:IdempotentWrite, or TransactionalId:Write.
func initProducerID(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.InitProducerIDRequest)
	resp := kmsg.NewPtrInitProducerIDResponse()
	resp.ProducerID, resp.ProducerEpoch = -1, -1
	if err := e.admitInitProducerID(r, req); err != nil {
		resp.ErrorCode = err.Code
		return Respond(resp)
	}
	if req.TransactionalID != nil {
		result := e.Transactions.InitProducerID(ctx, txn.InitRequest{
			TransactionalID: *req.TransactionalID, TimeoutMs: req.TransactionTimeoutMillis, ProducerID: req.ProducerID, Epoch: req.ProducerEpoch,
		})
		resp.ProducerID, resp.ProducerEpoch, resp.ErrorCode = result.ProducerID, result.Epoch, kerr.Code(result.Err)
		return Respond(resp)
	}
	id, err := e.ProducerIDs.Next(ctx)
	if err != nil {
		// Every client tries again on this code; most give up on one that is not retriable.
		e.Logger.WithError(err).Warn("producer id not assigned")
		resp.ErrorCode = kerr.CoordinatorLoadInProgress.Code
		return Respond(resp)
	}
	resp.ProducerID, resp.ProducerEpoch = id, 0
	return Respond(resp)
}

// admitInitProducerID is what keeps the request from getting an id.
func (e *Env) admitInitProducerID(r *Request, req *kmsg.InitProducerIDRequest) *kerr.Error {
	id := req.TransactionalID
	switch {
	case id != nil && !e.allowed(r, acl.Write, acl.TransactionalID, *id):
		return kerr.TransactionalIDAuthorizationFailed
	case id == nil && !e.allowed(r, acl.IdempotentWrite, acl.Cluster, acl.ClusterName):
		return kerr.ClusterAuthorizationFailed
	// Before v3 both have the default -1.
	case (req.ProducerID == -1) != (req.ProducerEpoch == -1):
		return kerr.InvalidRequest
	// Without a transactional id nothing else of the request counts, not even a given id and epoch.
	case id == nil:
		return nil
	// An empty id would share one state between all who send it by mistake; Kafka refuses it since
	// 0.11.
	case *id == "":
		return kerr.InvalidRequest
	case req.TransactionTimeoutMillis <= 0 || req.TransactionTimeoutMillis > e.Settings().TransactionMaxTimeoutMs:
		return kerr.InvalidTransactionTimeout
	}
	return nil
}

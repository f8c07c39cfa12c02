package handler

import (
	"momus/coordinator/acl"
	"momus/coordinator/txn"
	"momus/internal/kerr"
	"momus/internal/model"
)

// TxnEnv is what the APIs of transactions use (22, 24-28).
type TxnEnv struct {
	// Transactions is the transaction coordinator.
	Transactions *txn.Coordinator
	// HostedFormat tells the message format (magic) of a partition that this broker hosts; New asks
	// StorageEnv.Replicas when it is nil.
	HostedFormat func(tp model.TopicPartition) (magic int8, hosted bool)
}

// hostedFormat implements HostedFormat with the replica manager.
func (e *StorageEnv) hostedFormat(tp model.TopicPartition) (int8, bool) {
	p := e.Replicas.Partition(tp)
	if p == nil {
		return 0, false
	}
	l := p.Log()
	if l == nil {
		return 0, false
	}
	return l.Config().RecordVersion, true
}

// transactionsRefused tells whether inter.broker.protocol.version is older than transactions
// (0.11): APIs 24 to 28 are then not advertised, and UNSUPPORTED_VERSION to whoever sends them all
// the same.
func (e *Env) transactionsRefused() bool {
	return e.Settings().version().RecordVersion() < 2
}

// refuseTransaction says why a producer may not use a transactional id, nil if it may.
func (e *Env) refuseTransaction(r *Request, id string) *kerr.Error {
	switch {
	case e.transactionsRefused():
		return kerr.UnsupportedVersion
	case !e.allowed(r, acl.Write, acl.TransactionalID, id):
		return kerr.TransactionalIDAuthorizationFailed
	}
	return nil
}

// refuseTransactionOf says why a producer may not use a transactional id for offsets of a group,
// nil if it may.
func (e *Env) refuseTransactionOf(r *Request, id, group string) *kerr.Error {
	if refused := e.refuseTransaction(r, id); refused != nil {
		return refused
	}
	if !e.allowed(r, acl.Read, acl.Group, group) {
		return kerr.GroupAuthorizationFailed
	}
	return nil
}

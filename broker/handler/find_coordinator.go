package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/internal/kerr"
	"momus/internal/model"
)

// The types of coordinators that a client can look for.
const (
	groupCoordinator       int8 = 0
	transactionCoordinator int8 = 1
)

// findCoordinator answers FindCoordinator, v0-v3: the leader of the partition of the internal topic
// that owns the key. v1 added the type of the coordinator and error_message ("NONE" on success).
// Rights: Group:Describe, TransactionalId:Describe. A missing internal topic is created; until its
// leader is known the answer is COORDINATOR_NOT_AVAILABLE.
func findCoordinator(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.FindCoordinatorRequest)
	var endpoint model.Endpoint
	node := int32(-1)
	var err *kerr.Error
	switch {
	case req.CoordinatorType == groupCoordinator && !e.allowed(r, acl.Describe, acl.Group, req.CoordinatorKey):
		err = kerr.GroupAuthorizationFailed
	case req.CoordinatorType == transactionCoordinator && !e.allowed(r, acl.Describe, acl.TransactionalID, req.CoordinatorKey):
		err = kerr.TransactionalIDAuthorizationFailed
	case req.CoordinatorType == groupCoordinator:
		node, endpoint, err = e.leaderOfInternal(ctx, r, model.OffsetsTopic, func() int32 { return e.Groups.PartitionFor(req.CoordinatorKey) })
	case req.CoordinatorType == transactionCoordinator:
		node, endpoint, err = e.leaderOfInternal(ctx, r, model.TransactionTopic, func() int32 { return e.Transactions.PartitionFor(req.CoordinatorKey) })
	default:
		err = kerr.UnknownServerError
	}
	resp := kmsg.NewPtrFindCoordinatorResponse()
	message := "NONE"
	if err != nil {
		message = err.Message
	}
	resp.ErrorCode, resp.ErrorMessage = kerr.Code(err), &message
	resp.NodeID, resp.Host, resp.Port = node, endpoint.Host, endpoint.Port
	if err != nil {
		resp.NodeID, resp.Host, resp.Port = -1, "", -1
	}
	return Respond(resp)
}

// leaderOfInternal finds the leader of a partition of an internal topic, and creates the topic if
// there is none.
func (e *Env) leaderOfInternal(ctx context.Context, r *Request, topic string, partition func() int32) (int32, model.Endpoint, *kerr.Error) {
	snapshot := e.Metadata.Snapshot()
	// Kafka creates the topic at the first look for a coordinator, whatever
	// auto.create.topics.enable says. The client tries again until there is a leader.
	if len(snapshot.Topic(topic)) == 0 {
		if err := e.createInternalTopic(ctx, topic); err != nil {
			e.Logger.WithError(err).WithField("topic", topic).Debug("internal topic not created")
		}
		return -1, model.Endpoint{}, kerr.CoordinatorNotAvailable
	}
	p, ok := snapshot.Partition(model.TopicPartition{Topic: topic, Partition: partition()})
	if !ok {
		return -1, model.Endpoint{}, kerr.CoordinatorNotAvailable
	}
	// On the listener that the client uses: an address of another it may be unable to reach.
	endpoint, ok := snapshot.Endpoint(p.Leader, r.Listener())
	if !ok {
		return -1, model.Endpoint{}, kerr.CoordinatorNotAvailable
	}
	return p.Leader, endpoint, nil
}

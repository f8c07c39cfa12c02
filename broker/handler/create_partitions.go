package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/coordinator/acl"
	"momus/coordinator/admin"
	"momus/internal/kerr"
)

// createPartitions answers CreatePartitions, v0-v2 (KIP-195; v2 flexible). Rights: Topic:Alter.
// Only the active controller answers, others NOT_CONTROLLER. It waits like CreateTopics. Errors by
// topic: INVALID_REQUEST (named twice), TOPIC_AUTHORIZATION_FAILED, INVALID_TOPIC_EXCEPTION (being
// deleted), UNKNOWN_TOPIC_OR_PARTITION, REASSIGNMENT_IN_PROGRESS, INVALID_PARTITIONS,
// INVALID_REPLICA_ASSIGNMENT, REQUEST_TIMED_OUT.
func createPartitions(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.CreatePartitionsRequest)
	resp := kmsg.NewPtrCreatePartitionsResponse()
	names, twice := namesOf(req.Topics, func(t *kmsg.CreatePartitionsRequestTopic) string { return t.Topic })
	var alterable rights
	if e.Controller.IsActive() {
		alterable = e.rightsTo(r, acl.Alter, acl.Topic, loudly, each(names, func(name *string) (string, int) {
			if twice[*name] {
				return *name, 0 // refused for that
			}
			return *name, 1
		}))
	}
	// By topic, the number of partitions to wait for.
	extended := map[string]int{}
	answered := map[string]bool{}
	for i := range req.Topics {
		t := &req.Topics[i]
		if answered[t.Topic] {
			continue
		}
		answered[t.Topic] = true
		var err error
		switch {
		case !e.Controller.IsActive():
			err = kerr.NotController
		case twice[t.Topic]:
			err = &admin.Error{Kind: kerr.InvalidRequest, Message: "Duplicate topic in request."}
		case !alterable.allow(t.Topic):
			err = &admin.Error{Kind: kerr.TopicAuthorizationFailed, Message: "The topic authorization is failed."}
		default:
			err = e.createPartitionsOf(ctx, t, req.ValidateOnly)
		}
		out := kmsg.NewCreatePartitionsResponseTopic()
		out.Topic, out.ErrorCode, out.ErrorMessage = t.Topic, kerr.Code(err), message(err)
		resp.Topics = append(resp.Topics, out)
		if err != nil {
			e.logFailure("partitions were not added", t.Topic, err)
		} else if !req.ValidateOnly {
			extended[t.Topic] = int(t.Count)
		}
	}
	missing := e.awaitTopics(ctx, req.TimeoutMillis, extended, func(s *metadata.Snapshot, topic string, partitions int) bool {
		return hasLeaders(s.Topic(topic), partitions)
	})
	for i := range resp.Topics {
		if missing[resp.Topics[i].Topic] {
			resp.Topics[i].ErrorCode = kerr.RequestTimedOut.Code
		}
	}
	return Respond(resp)
}

// createPartitionsOf adds partitions to one topic, or only checks that it could. An assignment that
// is null lets the broker choose; one that is empty is a mistake of its own.
func (e *Env) createPartitionsOf(ctx context.Context, t *kmsg.CreatePartitionsRequestTopic, validateOnly bool) error {
	if t.Topic == "" { // Kafka's is the complaint of its ZooKeeper client
		return &admin.Error{Kind: kerr.UnknownServerError, Message: "Path must not end with / character"}
	}
	deleting, err := e.Admin.Store.IsTopicQueuedForDeletion(ctx, t.Topic)
	if err != nil {
		return err
	}
	if deleting {
		return &admin.Error{Kind: kerr.InvalidTopicException, Message: "The topic is queued for deletion."}
	}
	var given [][]int32
	for _, a := range t.Assignment {
		given = append(given, a.Replicas)
	}
	if t.Assignment != nil && given == nil { // an empty list is not null
		given = [][]int32{}
	}
	_, err = e.Admin.AddPartitions(ctx, t.Topic, t.Count, given, validateOnly)
	return err
}

package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/coordinator/acl"
	"momus/internal/kerr"
)

// deleteTopics answers DeleteTopics, v0-v4: v3 TOPIC_DELETION_DISABLED, v4 flexible. Rights:
// Topic:Delete. Only the active controller answers, others NOT_CONTROLLER. The answer waits until
// the topics have left this broker's metadata, at most the timeout: REQUEST_TIMED_OUT, the deletion
// going on all the same. Other errors by topic: TOPIC_AUTHORIZATION_FAILED,
// UNKNOWN_TOPIC_OR_PARTITION.
func deleteTopics(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.DeleteTopicsRequest)
	resp := kmsg.NewPtrDeleteTopicsResponse()
	snapshot := e.Metadata.Snapshot()
	deleting := map[string]int{}
	var deletable rights
	if e.Controller.IsActive() && e.Settings().DeleteTopics {
		deletable = e.rightsTo(r, acl.Delete, acl.Topic, loudly, eachOnce(req.TopicNames))
	}
	answered := map[string]error{} // one that is named twice is answered twice
	for _, name := range req.TopicNames {
		err, again := answered[name]
		switch {
		case again:
		case !e.Controller.IsActive():
			err = kerr.NotController
		case !e.Settings().DeleteTopics && r.Version < 3: // who does not know the newer code
			err = kerr.InvalidRequest
		case !e.Settings().DeleteTopics:
			err = kerr.TopicDeletionDisabled
		case !deletable.allow(name):
			err = kerr.TopicAuthorizationFailed
		case snapshot.Topic(name) == nil:
			err = kerr.UnknownTopicOrPartition
		default:
			if err = e.Admin.DeleteTopic(ctx, name); err == nil {
				deleting[name] = 0
			}
		}
		if err != nil && !again {
			e.logFailure("topic was not deleted", name, err)
		}
		answered[name] = err
		out := kmsg.NewDeleteTopicsResponseTopic()
		out.Topic, out.ErrorCode = &name, kerr.Code(err)
		resp.Topics = append(resp.Topics, out)
	}
	left := e.awaitTopics(ctx, req.TimeoutMillis, deleting, func(s *metadata.Snapshot, topic string, _ int) bool {
		return s.Topic(topic) == nil
	})
	for i := range resp.Topics {
		if left[*resp.Topics[i].Topic] {
			resp.Topics[i].ErrorCode = kerr.RequestTimedOut.Code
		}
	}
	return Respond(resp)
}

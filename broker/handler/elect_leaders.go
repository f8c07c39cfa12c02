package handler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/coordinator/admin"
	"momus/coordinator/controller"
	"momus/internal/kerr"
	"momus/internal/model"
)

// electLeaders answers ElectLeaders, v0-v2: v0 preferred leaders only and no top-level code, v1
// unclean elections (KIP-460), v2 flexible. Rights: Cluster:Alter. It waits until this broker's
// metadata shows the elected leaders, at most the timeout: REQUEST_TIMED_OUT. Other errors by
// partition: NOT_CONTROLLER, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION (being deleted),
// ELECTION_NOT_NEEDED (left out when all partitions were asked for),
// PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE.
func electLeaders(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.ElectLeadersRequest)
	resp := kmsg.NewPtrElectLeadersResponse()
	tps := namedPartitions(req.Topics, func(t *kmsg.ElectLeadersRequestTopic) (string, []int32) { return t.Topic, t.Partitions })
	var results []controller.ElectionResult
	switch {
	// Kafka throws while it translates the type, before it asks the controller; null topics then
	// give no partitions to answer for.
	case r.Version >= 1 && req.ElectionType != int8(controller.PreferredElection) && req.ElectionType != int8(controller.UncleanElection):
		resp.ErrorCode = kerr.UnknownServerError.Code
		results = failedElections(tps, &admin.Error{Kind: kerr.UnknownServerError, Message: fmt.Sprintf("Value %d must be one of [PREFERRED, UNCLEAN]", req.ElectionType)})
	default:
		kind := controller.PreferredElection
		if r.Version >= 1 {
			kind = controller.ElectionType(req.ElectionType)
		}
		var err error
		if results, err = e.Controller.ElectLeaders(ctx, kind, tps); err != nil {
			results = failedElections(tps, err)
		}
	}
	e.awaitLeaders(ctx, time.Duration(req.TimeoutMillis)*time.Millisecond, results)
	topics := model.ByTopic[kmsg.ElectLeadersResponseTopic]{New: func(topic string) kmsg.ElectLeadersResponseTopic {
		return kmsg.ElectLeadersResponseTopic{Topic: topic}
	}}
	for i := range results {
		res := &results[i]
		p := kmsg.NewElectLeadersResponseTopicPartition()
		p.Partition, p.ErrorCode = res.Partition, kerr.Code(res.Err)
		// Kafka sends no text with these two.
		if res.Err != nil && !errors.Is(res.Err, kerr.RequestTimedOut) && !errors.Is(res.Err, kerr.NotController) {
			p.ErrorMessage = message(res.Err)
		}
		topic := topics.Entry(res.Topic)
		topic.Partitions = append(topic.Partitions, p)
	}
	resp.Topics = topics.List
	return Respond(resp)
}

// failedElections gives every partition that was named the same error; of all (nil) there is none
// to name.
func failedElections(tps []model.TopicPartition, err error) []controller.ElectionResult {
	results := make([]controller.ElectionResult, len(tps))
	for i, tp := range tps {
		results[i] = controller.ElectionResult{TopicPartition: tp, Leader: model.NoLeader, Err: err}
	}
	return results
}

// awaitLeaders waits until the metadata cache shows the leaders that were elected; the others'
// errors become REQUEST_TIMED_OUT.
func (e *Env) awaitLeaders(ctx context.Context, timeout time.Duration, results []controller.ElectionResult) {
	ctx, cancel := context.WithTimeout(ctx, max(timeout, 0))
	defer cancel()
	shown := func(s *metadata.Snapshot, r *controller.ElectionResult) bool {
		p, ok := s.Partition(r.TopicPartition)
		return ok && p.Leader == r.Leader
	}
	if e.Metadata.WaitFor(ctx, func(s *metadata.Snapshot) bool {
		for i := range results {
			if results[i].Err == nil && !shown(s, &results[i]) {
				return false
			}
		}
		return true
	}) {
		return
	}
	s := e.Metadata.Snapshot()
	for i := range results {
		if results[i].Err == nil && !shown(s, &results[i]) {
			results[i].Err = kerr.RequestTimedOut
		}
	}
}

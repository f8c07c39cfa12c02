package handler

import (
	"context"
	"sort"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
	"momus/internal/model"
)

// listPartitionReassignments answers ListPartitionReassignments, v0 (KIP-455): what is being moved
// now, of the given partitions or, with null topics, of all. Rights: Cluster:Describe. Errors at
// the top: NOT_CONTROLLER, CLUSTER_AUTHORIZATION_FAILED.
func listPartitionReassignments(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.ListPartitionReassignmentsRequest)
	resp := kmsg.NewPtrListPartitionReassignmentsResponse()
	resp.ErrorMessage = kmsg.StringPtr("") // Kafka's is never null here
	tps := namedPartitions(req.Topics, func(t *kmsg.ListPartitionReassignmentsRequestTopic) (string, []int32) { return t.Topic, t.Partitions })
	running, err := e.Controller.ListReassignments(ctx, tps)
	if err != nil {
		resp.ErrorCode, resp.ErrorMessage = kerr.Code(err), message(err)
		return Respond(resp)
	}
	moving := make([]model.TopicPartition, 0, len(running))
	for tp := range running {
		moving = append(moving, tp)
	}
	sort.Slice(moving, func(i, j int) bool { return moving[i].Less(moving[j]) })
	for _, tp := range moving {
		if n := len(resp.Topics); n == 0 || resp.Topics[n-1].Topic != tp.Topic {
			t := kmsg.NewListPartitionReassignmentsResponseTopic()
			t.Topic = tp.Topic
			resp.Topics = append(resp.Topics, t)
		}
		t := &resp.Topics[len(resp.Topics)-1]
		p := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
		a := running[tp]
		p.Partition, p.Replicas, p.AddingReplicas, p.RemovingReplicas = tp.Partition, a.Replicas, a.Adding, a.Removing
		t.Partitions = append(t.Partitions, p)
	}
	return Respond(resp)
}

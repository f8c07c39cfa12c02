package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/zk"
	"momus/storage/kerr"
	"momus/storage/model"
)

// alterPartitionReassignments answers AlterPartitionReassignments, v0 (KIP-455): starts moving partitions to other replicas, or with null
// replicas takes a running move back. Rights: Cluster:Alter. The answer means that the move has begun. Errors by partition:
// UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT, NO_REASSIGNMENT_IN_PROGRESS; at the top: NOT_CONTROLLER, CLUSTER_AUTHORIZATION_FAILED.
func alterPartitionReassignments(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.AlterPartitionAssignmentsRequest)
	resp := kmsg.NewPtrAlterPartitionAssignmentsResponse()
	empty := ""
	resp.ErrorMessage = &empty // Kafka's is never null here
	refuse := func(err error) Reply {
		resp.ErrorCode, resp.ErrorMessage = kerr.Code(err), message(err)
		return Respond(resp)
	}
	if !e.allowed(r, OpAlter, ResourceCluster, ClusterName) {
		return refuse(kerr.ClusterAuthorizationFailed)
	}
	var list []zk.Reassignment
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			list = append(list, zk.Reassignment{TopicPartition: model.TopicPartition{Topic: t.Topic, Partition: p.Partition}, Replicas: p.Replicas})
		}
	}
	results, err := e.Controller.AlterReassignments(ctx, list)
	if err != nil {
		return refuse(err)
	}
	errs := make(map[model.TopicPartition]error, len(results))
	for _, res := range results {
		errs[res.TopicPartition] = res.Err
	}
	for _, t := range req.Topics {
		out := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		out.Topic = t.Topic
		for _, p := range t.Partitions {
			err := errs[model.TopicPartition{Topic: t.Topic, Partition: p.Partition}]
			rp := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			rp.Partition, rp.ErrorCode, rp.ErrorMessage = p.Partition, kerr.Code(err), message(err)
			out.Partitions = append(out.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return Respond(resp)
}

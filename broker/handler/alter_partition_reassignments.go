package handler

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/admin"
	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// alterPartitionReassignments answers AlterPartitionReassignments, v0 (KIP-455): starts moving
// partitions to other replicas, or with null replicas takes a running move back. Rights:
// Cluster:Alter. The answer means that the move has begun. Errors by partition:
// UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT, NO_REASSIGNMENT_IN_PROGRESS; at the top:
// NOT_CONTROLLER, CLUSTER_AUTHORIZATION_FAILED.
func alterPartitionReassignments(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.AlterPartitionAssignmentsRequest)
	resp := kmsg.NewPtrAlterPartitionAssignmentsResponse()
	resp.ErrorMessage = kmsg.StringPtr("") // Kafka's is never null here
	var list []zk.Reassignment
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			list = append(list, zk.Reassignment{TopicPartition: model.TopicPartition{Topic: t.Topic, Partition: p.Partition}, Replicas: p.Replicas})
		}
	}
	results, err := e.Controller.AlterReassignments(ctx, list)
	if err != nil {
		resp.ErrorCode, resp.ErrorMessage = kerr.Code(err), message(err)
		return Respond(resp)
	}
	// A partition that the request names twice has one outcome, which stands in both places.
	errs := make(map[model.TopicPartition]error, len(results))
	for _, res := range results {
		errs[res.TopicPartition] = res.Err
	}
	for _, t := range req.Topics {
		out := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		out.Topic = t.Topic
		for _, p := range t.Partitions {
			err := errs[model.TopicPartition{Topic: t.Topic, Partition: p.Partition}]
			err = e.explainReassignment(t.Topic, p.Partition, p.Replicas, err)
			rp := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			rp.Partition, rp.ErrorCode, rp.ErrorMessage = p.Partition, kerr.Code(err), message(err)
			out.Partitions = append(out.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return Respond(resp)
}

// explainReassignment gives what was refused Kafka's text. Kafka looks at the replicas before it
// looks for the partition.
func (e *Env) explainReassignment(topic string, partition int32, replicas []int32, err error) error {
	kind := kerr.Of(err)
	if err == nil || kind != kerr.UnknownTopicOrPartition && kind != kerr.InvalidReplicaAssignment {
		return err
	}
	refuse := func(format string, args ...any) error {
		return &admin.Error{Kind: kerr.InvalidReplicaAssignment, Message: fmt.Sprintf(format, args...)}
	}
	snapshot := e.Metadata.Snapshot()
	var current []int32
	if known, there := snapshot.Partition(model.TopicPartition{Topic: topic, Partition: partition}); there {
		current = known.Replicas
	}
	var alive, dead []int32
	for _, b := range snapshot.AliveBrokers() {
		// The text may name brokers that the controller saw otherwise: it is made from this
		// broker's metadata, after the decision. The code is the controller's.
		alive = append(alive, b.ID)
	}
	slices.Sort(alive)
	for _, id := range replicas {
		if !slices.Contains(current, id) {
			dead = append(dead, id)
		}
	}
	switch {
	case replicas == nil:
	case len(replicas) == 0:
		return refuse("Empty replica list specified in partition reassignment.")
	case len(slices.Compact(slices.Sorted(slices.Values(replicas)))) < len(replicas):
		return refuse("Duplicate replica ids in partition reassignment replica list: ArrayBuffer(%s)", ids(replicas))
	case slices.Min(replicas) < 0:
		return refuse("Invalid broker id in replica list: ArrayBuffer(%s)", ids(replicas))
	case slices.ContainsFunc(dead, func(id int32) bool { return !slices.Contains(alive, id) }):
		return refuse("Replica assignment has brokers that are not alive. Replica list: ArrayBuffer(%s), live broker list: Set(%s)", ids(dead), ids(alive))
	}
	if kind == kerr.UnknownTopicOrPartition {
		return &admin.Error{Kind: kind, Message: "The partition does not exist."}
	}
	return err
}

// ids are broker ids as Kafka lists them.
func ids(list []int32) string {
	text := make([]string, len(list))
	for i, id := range list {
		text[i] = fmt.Sprint(id)
	}
	return strings.Join(text, ", ")
}

package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/replica"
	"momus/internal/kerr"
	"momus/internal/model"
)

// leaderAndISR obeys LeaderAndIsr, v0-v4. v1 added is_new, v2 the broker epoch and topics
// (KIP-380), v3 adding and removing replicas (KIP-455), v4 is flexible. Rights:
// Cluster:ClusterAction. STALE_BROKER_EPOCH and STALE_CONTROLLER_EPOCH stand at the top and in
// every partition, and nothing is done then. A partition gets STALE_CONTROLLER_EPOCH (leader epoch
// not newer), UNKNOWN_TOPIC_OR_PARTITION (not a replica) or KAFKA_STORAGE_ERROR.
func leaderAndISR(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.LeaderAndISRRequest)
	order := replica.LeaderAndISRRequest{ControllerID: req.ControllerID, ControllerEpoch: req.ControllerEpoch}
	add := func(topic string, p *kmsg.LeaderAndISRRequestTopicPartition) {
		order.Partitions = append(order.Partitions, replica.PartitionState{
			TP: model.TopicPartition{Topic: topic, Partition: p.Partition},
			State: model.LeaderAndISR{Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, ISR: p.ISR,
				ControllerEpoch: p.ControllerEpoch, ZKVersion: p.ZKVersion},
			Replicas: p.Replicas, Adding: p.AddingReplicas, Removing: p.RemovingReplicas, IsNew: p.IsNew,
		})
	}
	// kmsg has both forms in one type, of which only that of the version is filled.
	for i := range req.PartitionStates { // v0-v1
		add(req.PartitionStates[i].Topic, &req.PartitionStates[i])
	}
	for i := range req.TopicStates { // v2+
		for j := range req.TopicStates[i].PartitionStates {
			add(req.TopicStates[i].Topic, &req.TopicStates[i].PartitionStates[j])
		}
	}
	var results []replica.PartitionError
	err := e.checkBrokerEpoch(ctx, req.BrokerEpoch)
	if err == nil {
		results, err = e.Replicas.LeaderAndISR(ctx, order)
	} else {
		results = answers(order.Partitions, func(p *replica.PartitionState, out *replica.PartitionError) { out.TP, out.Err = p.TP, err })
	}
	resp := kmsg.NewPtrLeaderAndISRResponse()
	resp.ErrorCode = kerr.Code(err)
	resp.Partitions = answers(results, func(p *replica.PartitionError, out *kmsg.LeaderAndISRResponseTopicPartition) {
		out.Topic, out.Partition, out.ErrorCode = p.TP.Topic, p.TP.Partition, kerr.Code(p.Err)
	})
	return Respond(resp)
}

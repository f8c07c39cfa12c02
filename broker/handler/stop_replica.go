package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/replica"
	"momus/internal/kerr"
	"momus/internal/model"
)

// stopReplica obeys StopReplica, v0-v2. v1 added the broker epoch (KIP-380), v2 is flexible.
// Rights: Cluster:ClusterAction. STALE_BROKER_EPOCH and STALE_CONTROLLER_EPOCH stand at the top,
// without partitions. A partition on a failed disk gets KAFKA_STORAGE_ERROR.
func stopReplica(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.StopReplicaRequest)
	tps := stoppedReplicas(req)
	var results []replica.PartitionError
	err := e.checkBrokerEpoch(ctx, req.BrokerEpoch)
	switch {
	case err == nil:
		results, err = e.Replicas.StopReplica(req.ControllerEpoch, req.DeletePartitions, tps)
	case kerr.Of(err) == kerr.StaleBrokerEpoch:
		// An order for the broker before its restart: the controller that sent it needs no word of
		// each partition.
	default: // an error of Kafka's own, which names every partition
		results = answers(tps, func(tp *model.TopicPartition, out *replica.PartitionError) { out.TP, out.Err = *tp, err })
	}
	resp := kmsg.NewPtrStopReplicaResponse()
	resp.ErrorCode = kerr.Code(err)
	resp.Partitions = answers(results, func(p *replica.PartitionError, out *kmsg.StopReplicaResponsePartition) {
		out.Topic, out.Partition, out.ErrorCode = p.TP.Topic, p.TP.Partition, kerr.Code(p.Err)
	})
	return Respond(resp)
}

// stoppedReplicas are the partitions that a request names, in all of its forms.
func stoppedReplicas(req *kmsg.StopReplicaRequest) (tps []model.TopicPartition) {
	for _, t := range req.Topics {
		// v0 has one partition an entry, v1 and later a list; kmsg fills the field of the version
		// alone.
		if req.Version == 0 {
			tps = append(tps, model.TopicPartition{Topic: t.Topic, Partition: t.Partition})
		}
		for _, p := range t.Partitions {
			tps = append(tps, model.TopicPartition{Topic: t.Topic, Partition: p})
		}
	}
	return tps
}

package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
	"momus/internal/model"
)

// alterReplicaLogDirs answers AlterReplicaLogDirs, v0-v1 (KIP-113): the replica is copied to the
// other directory in the background. Rights: Cluster:Alter. Errors of a partition:
// INVALID_TOPIC_EXCEPTION (the name of the copy would be too long), LOG_DIR_NOT_FOUND,
// KAFKA_STORAGE_ERROR, REPLICA_NOT_AVAILABLE (remembered), UNKNOWN_TOPIC_OR_PARTITION.
func alterReplicaLogDirs(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.AlterReplicaLogDirsRequest)
	resp := kmsg.NewPtrAlterReplicaLogDirsResponse()
	resp.Topics = []kmsg.AlterReplicaLogDirsResponseTopic{}
	index := map[string]int{}
	for _, d := range req.Dirs {
		for _, t := range d.Topics {
			i, ok := index[t.Topic]
			if !ok {
				i = len(resp.Topics)
				index[t.Topic] = i
				topic := kmsg.NewAlterReplicaLogDirsResponseTopic()
				topic.Topic = t.Topic
				resp.Topics = append(resp.Topics, topic)
			}
			for _, p := range t.Partitions {
				out := kmsg.NewAlterReplicaLogDirsResponseTopicPartition()
				out.Partition = p
				out.ErrorCode = kerr.Code(e.Replicas.AlterReplicaLogDirs(model.TopicPartition{Topic: t.Topic, Partition: p}, d.Dir))
				resp.Topics[i].Partitions = append(resp.Topics[i].Partitions, out)
			}
		}
	}
	return Respond(resp)
}

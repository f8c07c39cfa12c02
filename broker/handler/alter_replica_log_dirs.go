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
	// The request is grouped by directory, the answer by topic; a topic that comes in several
	// directories is one entry of the answer, and of a partition the last directory counts.
	topics := logDirTopics()
	dirs := map[model.TopicPartition]string{}
	for _, d := range req.Dirs {
		for _, t := range d.Topics {
			topic := topics.Entry(t.Topic)
			for _, p := range t.Partitions {
				tp := model.TopicPartition{Topic: t.Topic, Partition: p}
				if _, again := dirs[tp]; !again {
					out := kmsg.NewAlterReplicaLogDirsResponseTopicPartition()
					out.Partition = p
					topic.Partitions = append(topic.Partitions, out)
				}
				dirs[tp] = d.Dir
			}
		}
	}
	resp.Topics = topics.List
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			tp := model.TopicPartition{Topic: t.Topic, Partition: t.Partitions[j].Partition}
			t.Partitions[j].ErrorCode = kerr.Code(e.Replicas.AlterReplicaLogDirs(tp, dirs[tp]))
		}
	}
	return Respond(resp)
}

// logDirTopics builds the topics of the answer.
func logDirTopics() model.ByTopic[kmsg.AlterReplicaLogDirsResponseTopic] {
	return model.ByTopic[kmsg.AlterReplicaLogDirsResponseTopic]{
		List: []kmsg.AlterReplicaLogDirsResponseTopic{}, // never null
		New: func(topic string) kmsg.AlterReplicaLogDirsResponseTopic {
			return kmsg.AlterReplicaLogDirsResponseTopic{Topic: topic}
		},
	}
}

package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
	"momus/internal/model"
)

// describeLogDirs answers DescribeLogDirs, v0-v1 (KIP-113): every configured directory with the
// wanted logs in it, null for all. Rights: Cluster:Describe. An offline directory has
// KAFKA_STORAGE_ERROR; what is not here is left out.
func describeLogDirs(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.DescribeLogDirsRequest)
	resp := kmsg.NewPtrDescribeLogDirsResponse()
	resp.Dirs = []kmsg.DescribeLogDirsResponseDir{}
	var wanted func(model.TopicPartition) bool
	if req.Topics != nil {
		names := map[model.TopicPartition]bool{}
		for _, t := range req.Topics {
			for _, p := range t.Partitions {
				names[model.TopicPartition{Topic: t.Topic, Partition: p}] = true
			}
		}
		wanted = func(tp model.TopicPartition) bool { return names[tp] }
	}
	for _, d := range e.Replicas.DescribeLogDirs(wanted) {
		out := kmsg.NewDescribeLogDirsResponseDir()
		out.Dir, out.ErrorCode = d.Path, kerr.Code(d.Err)
		topics := model.ByTopic[kmsg.DescribeLogDirsResponseDirTopic]{
			List: []kmsg.DescribeLogDirsResponseDirTopic{}, // never null
			New: func(topic string) kmsg.DescribeLogDirsResponseDirTopic {
				return kmsg.DescribeLogDirsResponseDirTopic{Topic: topic}
			},
		}
		for _, l := range d.Replicas {
			p := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
			p.Partition, p.Size, p.OffsetLag, p.IsFuture = l.TP.Partition, l.Size, l.OffsetLag, l.Future
			topic := topics.Entry(l.TP.Topic)
			topic.Partitions = append(topic.Partitions, p)
		}
		out.Topics = topics.List
		resp.Dirs = append(resp.Dirs, out)
	}
	return Respond(resp)
}

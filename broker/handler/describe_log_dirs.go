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
		out.Topics = []kmsg.DescribeLogDirsResponseDirTopic{}
		index := map[string]int{}
		for _, l := range d.Replicas {
			i, ok := index[l.TP.Topic]
			if !ok {
				i = len(out.Topics)
				index[l.TP.Topic] = i
				topic := kmsg.NewDescribeLogDirsResponseDirTopic()
				topic.Topic = l.TP.Topic
				out.Topics = append(out.Topics, topic)
			}
			p := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
			p.Partition, p.Size, p.OffsetLag, p.IsFuture = l.TP.Partition, l.Size, l.OffsetLag, l.Future
			out.Topics[i].Partitions = append(out.Topics[i].Partitions, p)
		}
		resp.Dirs = append(resp.Dirs, out)
	}
	return Respond(resp)
}

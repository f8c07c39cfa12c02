package testkit

import "github.com/twmb/franz-go/pkg/kmsg"

// AssignedTopic is the request that creates a topic with these replicas of its partitions.
func AssignedTopic(topic string, partitions ...[]int32) *kmsg.CreateTopicsRequest {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 20_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	for i, replicas := range partitions {
		t.ReplicaAssignment = append(t.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: replicas})
	}
	req.Topics = append(req.Topics, t)
	return req
}

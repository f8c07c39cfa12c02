package handler

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/protocol"
	"momus/coordinator/admin"
	"momus/internal/kerr"
)

// What somebody without rights learns is decided here and in rights: that he has none, and nothing
// of what there is.

// withoutText is an error of which clients are told the code alone.
func withoutText(kind *kerr.Error) error { return &admin.Error{Kind: kind} }

// refusal is the answer to a request whose sender lacks the right that its row needs:
// CLUSTER_AUTHORIZATION_FAILED wherever the answer has room for it, for each thing that the request
// named. Log directories are an exception: there are none.
func refusal(r *Request) kmsg.Response {
	code, text := kerr.ClusterAuthorizationFailed.Code, refusalText(r)
	switch req := r.Body.(type) {
	case *kmsg.LeaderAndISRRequest:
		return refuseLeaderAndISR(req, code)
	case *kmsg.StopReplicaRequest:
		return refuseStopReplica(req, code)
	case *kmsg.WriteTxnMarkersRequest:
		return refuseWriteTxnMarkers(req, code)
	case *kmsg.DescribeACLsRequest:
		resp := kmsg.NewPtrDescribeACLsResponse()
		resp.ErrorCode, resp.ErrorMessage = code, &text
		return resp
	case *kmsg.CreateACLsRequest:
		resp := kmsg.NewPtrCreateACLsResponse()
		for range req.Creations {
			resp.Results = append(resp.Results, kmsg.CreateACLsResponseResult{ErrorCode: code, ErrorMessage: &text})
		}
		return resp
	case *kmsg.DeleteACLsRequest:
		resp := kmsg.NewPtrDeleteACLsResponse()
		for range req.Filters {
			resp.Results = append(resp.Results, kmsg.DeleteACLsResponseResult{ErrorCode: code, ErrorMessage: &text})
		}
		return resp
	case *kmsg.AlterReplicaLogDirsRequest:
		return refuseAlterReplicaLogDirs(req, code)
	case *kmsg.DescribeLogDirsRequest:
		return kmsg.NewPtrDescribeLogDirsResponse()
	case *kmsg.ElectLeadersRequest:
		return refuseElectLeaders(req, code)
	case *kmsg.AlterPartitionAssignmentsRequest:
		return refuseReassignments(req, code, &text)
	case *kmsg.ListPartitionReassignmentsRequest:
		resp := kmsg.NewPtrListPartitionReassignmentsResponse()
		resp.ErrorCode, resp.ErrorMessage = code, &text
		return resp
	}
	return protocol.ErrorResponse(r.Body, kerr.ClusterAuthorizationFailed)
}

// refusalText says who was refused what. Kafka's text shows the insides of its request object;
// nobody parses it.
func refusalText(r *Request) string {
	return "Request " + protocol.Name(r.Key) + " of " + r.Principal().String() + " from " + r.ClientHost() + " is not authorized."
}

// refuseLeaderAndISR answers each partition with the same code, in the form of its version.
func refuseLeaderAndISR(req *kmsg.LeaderAndISRRequest, code int16) kmsg.Response {
	resp := kmsg.NewPtrLeaderAndISRResponse()
	resp.ErrorCode = code
	add := func(topic string, partition int32) {
		p := kmsg.NewLeaderAndISRResponseTopicPartition()
		p.Topic, p.Partition, p.ErrorCode = topic, partition, code
		resp.Partitions = append(resp.Partitions, p)
	}
	for i := range req.PartitionStates { // v0-v1
		add(req.PartitionStates[i].Topic, req.PartitionStates[i].Partition)
	}
	for i := range req.TopicStates { // v2+
		for j := range req.TopicStates[i].PartitionStates {
			add(req.TopicStates[i].Topic, req.TopicStates[i].PartitionStates[j].Partition)
		}
	}
	return resp
}

// refuseStopReplica answers each partition with the same code.
func refuseStopReplica(req *kmsg.StopReplicaRequest, code int16) kmsg.Response {
	resp := kmsg.NewPtrStopReplicaResponse()
	resp.ErrorCode = code
	for _, tp := range stoppedReplicas(req) {
		p := kmsg.NewStopReplicaResponsePartition()
		p.Topic, p.Partition, p.ErrorCode = tp.Topic, tp.Partition, code
		resp.Partitions = append(resp.Partitions, p)
	}
	return resp
}

// refuseWriteTxnMarkers answers each marker's partitions with the same code; the answer has none
// for the whole.
func refuseWriteTxnMarkers(req *kmsg.WriteTxnMarkersRequest, code int16) kmsg.Response {
	resp := kmsg.NewPtrWriteTxnMarkersResponse()
	for _, m := range req.Markers {
		marker := kmsg.WriteTxnMarkersResponseMarker{ProducerID: m.ProducerID}
		for _, t := range m.Topics {
			topic := kmsg.WriteTxnMarkersResponseMarkerTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				topic.Partitions = append(topic.Partitions, kmsg.WriteTxnMarkersResponseMarkerTopicPartition{Partition: p, ErrorCode: code})
			}
			marker.Topics = append(marker.Topics, topic)
		}
		resp.Markers = append(resp.Markers, marker)
	}
	return resp
}

// refuseAlterReplicaLogDirs groups the answer by topic, while the request is grouped by directory.
func refuseAlterReplicaLogDirs(req *kmsg.AlterReplicaLogDirsRequest, code int16) kmsg.Response {
	resp := kmsg.NewPtrAlterReplicaLogDirsResponse()
	topics := logDirTopics()
	for _, d := range req.Dirs {
		for _, t := range d.Topics {
			topic := topics.Entry(t.Topic)
			for _, p := range t.Partitions {
				topic.Partitions = append(topic.Partitions, kmsg.AlterReplicaLogDirsResponseTopicPartition{Partition: p, ErrorCode: code})
			}
		}
	}
	resp.Topics = topics.List
	return resp
}

// refuseElectLeaders names the partitions of the request; of all partitions it names none.
func refuseElectLeaders(req *kmsg.ElectLeadersRequest, code int16) kmsg.Response {
	resp := kmsg.NewPtrElectLeadersResponse()
	resp.ErrorCode = code
	for _, t := range req.Topics {
		topic := kmsg.NewElectLeadersResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			out := kmsg.NewElectLeadersResponseTopicPartition()
			out.Partition, out.ErrorCode = p, code
			topic.Partitions = append(topic.Partitions, out)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// refuseReassignments answers the whole and each partition with the same code and text.
func refuseReassignments(req *kmsg.AlterPartitionAssignmentsRequest, code int16, text *string) kmsg.Response {
	resp := kmsg.NewPtrAlterPartitionAssignmentsResponse()
	resp.ErrorCode, resp.ErrorMessage = code, text
	for _, t := range req.Topics {
		topic := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			out := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			out.Partition, out.ErrorCode, out.ErrorMessage = p.Partition, code, text
			topic.Partitions = append(topic.Partitions, out)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

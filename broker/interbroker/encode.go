package interbroker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/controller"
	"momus/internal/model"
)

// encode makes the wire request of the versions that inter.broker.protocol.version prescribes.
func (c *Channels) encode(r controller.Request) kmsg.Request {
	switch r := r.(type) {
	case *controller.LeaderAndISR:
		return EncodeLeaderAndISR(c.opts.ControllerID, c.opts.Listener, c.opts.Versions.LeaderAndISR, r)
	case *controller.UpdateMetadata:
		return c.sharing.updateMetadata(c.opts.ControllerID, c.opts.Listener, c.opts.Versions.UpdateMetadata, r)
	default:
		return EncodeStopReplica(c.opts.ControllerID, c.opts.Versions.StopReplica, r.(*controller.StopReplica))
	}
}

// EncodeLeaderAndISR makes a LeaderAndIsr request; listener is the one on which brokers follow each
// other.
func EncodeLeaderAndISR(controllerID int32, listener string, version int16, r *controller.LeaderAndISR) *kmsg.LeaderAndISRRequest {
	req := kmsg.NewPtrLeaderAndISRRequest()
	req.Version, req.ControllerID, req.ControllerEpoch, req.BrokerEpoch = version, controllerID, r.ControllerEpoch, r.BrokerEpoch
	states := make([]kmsg.LeaderAndISRRequestTopicPartition, 0, len(r.Partitions))
	for i := range r.Partitions {
		p := &r.Partitions[i]
		s := kmsg.NewLeaderAndISRRequestTopicPartition()
		s.Topic, s.Partition = p.Topic, p.Partition
		s.ControllerEpoch, s.Leader, s.LeaderEpoch, s.ISR, s.ZKVersion = p.ControllerEpoch, p.Leader, p.LeaderEpoch, notNil(p.ISR), p.ZKVersion
		s.Replicas, s.AddingReplicas, s.RemovingReplicas, s.IsNew = notNil(p.Replicas), notNil(p.Adding), notNil(p.Removing), p.IsNew
		states = append(states, s)
	}
	// From version 2 partitions come by topic (KIP-380).
	if version < 2 {
		req.PartitionStates = states
	} else {
		for _, group := range byTopic(states, func(s *kmsg.LeaderAndISRRequestTopicPartition) string { return s.Topic }) {
			t := kmsg.NewLeaderAndISRRequestTopicState()
			t.Topic, t.PartitionStates = group[0].Topic, group
			req.TopicStates = append(req.TopicStates, t)
		}
	}
	// Nobody can follow a leader without the listener.
	for _, b := range r.LiveLeaders {
		e, ok := b.Endpoint(listener)
		if !ok {
			continue
		}
		l := kmsg.NewLeaderAndISRRequestLiveLeader()
		l.BrokerID, l.Host, l.Port = b.ID, e.Host, e.Port
		req.LiveLeaders = append(req.LiveLeaders, l)
	}
	return req
}

// EncodeUpdateMetadata makes an UpdateMetadata request. listener is the inter-broker one: versions
// 0 has no other endpoints.
func EncodeUpdateMetadata(controllerID int32, listener string, version int16, r *controller.UpdateMetadata) *kmsg.UpdateMetadataRequest {
	req := kmsg.NewPtrUpdateMetadataRequest()
	req.Version, req.ControllerID, req.ControllerEpoch, req.BrokerEpoch = version, controllerID, r.ControllerEpoch, r.BrokerEpoch
	states := make([]kmsg.UpdateMetadataRequestTopicPartition, 0, len(r.Partitions))
	for i := range r.Partitions {
		p := &r.Partitions[i]
		s := kmsg.NewUpdateMetadataRequestTopicPartition()
		s.Topic, s.Partition = p.Topic, p.Partition
		s.ControllerEpoch, s.Leader, s.LeaderEpoch, s.ISR, s.ZKVersion = p.ControllerEpoch, p.Leader, p.LeaderEpoch, notNil(p.ISR), p.ZKVersion
		s.Replicas, s.OfflineReplicas = notNil(p.Replicas), notNil(p.OfflineReplicas)
		states = append(states, s)
	}
	// From version 5 partitions come by topic (KIP-380).
	if version < 5 {
		req.PartitionStates = states
	} else {
		for _, group := range byTopic(states, func(s *kmsg.UpdateMetadataRequestTopicPartition) string { return s.Topic }) {
			t := kmsg.NewUpdateMetadataRequestTopicState()
			t.Topic, t.PartitionStates = group[0].Topic, group
			req.TopicStates = append(req.TopicStates, t)
		}
	}
	for _, b := range r.LiveBrokers {
		l := kmsg.NewUpdateMetadataRequestLiveBroker()
		l.ID = b.ID
		if b.Rack != "" {
			l.Rack = &b.Rack
		}
		// Versions above 0 have all endpoints; the pair is for those below 1.
		if e, ok := b.Endpoint(listener); ok {
			l.Host, l.Port = e.Host, e.Port
		}
		for _, e := range b.Endpoints {
			ke := kmsg.NewUpdateMetadataRequestLiveBrokerEndpoint()
			ke.Host, ke.Port, ke.ListenerName, ke.SecurityProtocol = e.Host, e.Port, e.Listener, int16(e.Protocol)
			l.Endpoints = append(l.Endpoints, ke)
		}
		req.LiveBrokers = append(req.LiveBrokers, l)
	}
	return req
}

// EncodeStopReplica makes a StopReplica request.
func EncodeStopReplica(controllerID int32, version int16, r *controller.StopReplica) *kmsg.StopReplicaRequest {
	req := kmsg.NewPtrStopReplicaRequest()
	req.Version, req.ControllerID, req.ControllerEpoch, req.BrokerEpoch = version, controllerID, r.ControllerEpoch, r.BrokerEpoch
	req.DeletePartitions = r.Delete
	// Version 0 has a list of pairs, later ones a list by topic.
	if version < 1 {
		for _, tp := range r.Partitions {
			t := kmsg.NewStopReplicaRequestTopic()
			t.Topic, t.Partition = tp.Topic, tp.Partition
			req.Topics = append(req.Topics, t)
		}
		return req
	}
	for _, group := range byTopic(slices.Clone(r.Partitions), func(tp *model.TopicPartition) string { return tp.Topic }) {
		t := kmsg.NewStopReplicaRequestTopic()
		t.Topic = group[0].Topic
		for _, tp := range group {
			t.Partitions = append(t.Partitions, tp.Partition)
		}
		req.Topics = append(req.Topics, t)
	}
	return req
}

// byTopic groups partitions by topic, keeping the order of topics and of each one's partitions.
func byTopic[T any](list []T, topic func(*T) string) [][]T {
	index := map[string]int{}
	var groups [][]T
	for i := range list {
		name := topic(&list[i])
		at, ok := index[name]
		if !ok {
			at = len(groups)
			index[name] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], list[i])
	}
	return groups
}

func notNil(s []int32) []int32 {
	if s == nil {
		return []int32{}
	}
	return s
}

package interbroker

import (
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
	req.PartitionStates, req.TopicStates = laidOut(version >= 2, r.Partitions, leaderAndISRState, leaderAndISRTopic)
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
	req.PartitionStates, req.TopicStates = laidOut(version >= 5, r.Partitions, metadataState, metadataTopic)
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
	_, req.Topics = laidOut(true, r.Partitions, func(tp *model.TopicPartition) (string, int32) { return tp.Topic, tp.Partition },
		func(topic string, partitions []int32) kmsg.StopReplicaRequestTopic {
			return kmsg.StopReplicaRequestTopic{Topic: topic, Partitions: partitions}
		})
	return req
}

// laidOut makes the states of partitions of a request, in one list or, as KIP-380 has it, by topic,
// keeping the order of topics and of each one's partitions.
func laidOut[P, S, T any](byTopic bool, partitions []P, state func(*P) (topic string, s S), entry func(topic string, states []S) T) (list []S, topics []T) {
	if !byTopic {
		list = make([]S, len(partitions))
		for i := range partitions {
			_, list[i] = state(&partitions[i])
		}
		return list, nil
	}
	type group struct {
		topic  string
		states []S
	}
	groups := model.ByTopic[group]{New: func(topic string) group { return group{topic: topic} }}
	for i := range partitions {
		topic, s := state(&partitions[i])
		g := groups.Entry(topic)
		g.states = append(g.states, s)
	}
	for _, g := range groups.List {
		topics = append(topics, entry(g.topic, g.states))
	}
	return nil, topics
}

func leaderAndISRState(p *controller.LeaderAndISRPartition) (topic string, s kmsg.LeaderAndISRRequestTopicPartition) {
	return p.Topic, kmsg.LeaderAndISRRequestTopicPartition{
		Topic: p.Topic, Partition: p.Partition, ControllerEpoch: p.ControllerEpoch, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, ISR: notNil(p.ISR), ZKVersion: p.ZKVersion,
		Replicas: notNil(p.Replicas), AddingReplicas: notNil(p.Adding), RemovingReplicas: notNil(p.Removing), IsNew: p.IsNew,
	}
}

func leaderAndISRTopic(topic string, states []kmsg.LeaderAndISRRequestTopicPartition) kmsg.LeaderAndISRRequestTopicState {
	return kmsg.LeaderAndISRRequestTopicState{Topic: topic, PartitionStates: states}
}

func metadataState(p *controller.UpdateMetadataPartition) (topic string, s kmsg.UpdateMetadataRequestTopicPartition) {
	return p.Topic, kmsg.UpdateMetadataRequestTopicPartition{
		Topic: p.Topic, Partition: p.Partition, ControllerEpoch: p.ControllerEpoch, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, ISR: notNil(p.ISR), ZKVersion: p.ZKVersion,
		Replicas: notNil(p.Replicas), OfflineReplicas: notNil(p.OfflineReplicas),
	}
}

func metadataTopic(topic string, states []kmsg.UpdateMetadataRequestTopicPartition) kmsg.UpdateMetadataRequestTopicState {
	return kmsg.UpdateMetadataRequestTopicState{Topic: topic, PartitionStates: states}
}

func notNil(s []int32) []int32 {
	if s == nil {
		return []int32{}
	}
	return s
}

package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/internal/kerr"
	"momus/internal/model"
)

// updateMetadata obeys UpdateMetadata, v0-v6: the live brokers replace all former ones, the
// partitions are a delta. v1 changed brokers to have endpoints, v2 added racks, v3 listener names,
// v4 offline replicas (KIP-112), v5 the broker epoch and topics (KIP-380), v6 is flexible. Rights:
// Cluster:ClusterAction. Errors, nothing being done then: STALE_BROKER_EPOCH,
// STALE_CONTROLLER_EPOCH. Waiting CreateTopics, DeleteTopics, CreatePartitions and ElectLeaders
// requests look at the cache again.
func updateMetadata(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.UpdateMetadataRequest)
	resp := kmsg.NewPtrUpdateMetadataResponse()
	if err := e.checkBrokerEpoch(ctx, req.BrokerEpoch); err != nil {
		resp.ErrorCode = kerr.Code(err)
		return Respond(resp)
	}
	update := metadataUpdate(req)
	var deleted []model.TopicPartition
	// Under the lock that orders the controller's requests: an old controller's metadata cannot
	// overwrite a new one's.
	err := e.Replicas.WithController(req.ControllerEpoch, func() { deleted = e.Metadata.Apply(update) })
	// Outside of that lock: the group coordinator appends tombstones for the offsets of what is
	// gone.
	if len(deleted) > 0 && e.OnPartitionsDeleted != nil {
		e.OnPartitionsDeleted(deleted)
	}
	resp.ErrorCode = kerr.Code(err)
	return Respond(resp)
}

// metadataUpdate translates the request.
func metadataUpdate(req *kmsg.UpdateMetadataRequest) metadata.Update {
	u := metadata.Update{ControllerID: req.ControllerID}
	for i := range req.LiveBrokers {
		u.Brokers = append(u.Brokers, liveBroker(req.Version, &req.LiveBrokers[i]))
	}
	n := len(req.PartitionStates)
	for i := range req.TopicStates {
		n += len(req.TopicStates[i].PartitionStates)
	}
	u.Partitions = make([]metadata.PartitionUpdate, 0, n)
	add := func(topic string, p *kmsg.UpdateMetadataRequestTopicPartition) {
		u.Partitions = append(u.Partitions, metadata.PartitionUpdate{Topic: topic, Partition: metadata.Partition{
			ID: p.Partition,
			LeaderAndISR: model.LeaderAndISR{Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, ISR: p.ISR,
				ControllerEpoch: p.ControllerEpoch, ZKVersion: p.ZKVersion},
			Replicas: p.Replicas, OfflineReplicas: p.OfflineReplicas,
		}})
	}
	for i := range req.PartitionStates { // v0-v4
		add(req.PartitionStates[i].Topic, &req.PartitionStates[i])
	}
	for i := range req.TopicStates { // v5+
		t := &req.TopicStates[i]
		for j := range t.PartitionStates {
			add(t.Topic, &t.PartitionStates[j])
		}
	}
	return u
}

// liveBroker translates a broker; before v3 a listener is named after its security protocol.
func liveBroker(version int16, b *kmsg.UpdateMetadataRequestLiveBroker) *model.Broker {
	out := &model.Broker{ID: b.ID}
	if b.Rack != nil {
		out.Rack = *b.Rack
	}
	if version == 0 {
		out.Endpoints = []model.Endpoint{{Listener: model.Plaintext.String(), Protocol: model.Plaintext, Host: b.Host, Port: b.Port}}
	}
	for _, ep := range b.Endpoints {
		name := ep.ListenerName
		if version < 3 {
			name = model.SecurityProtocol(ep.SecurityProtocol).String()
		}
		out.Endpoints = append(out.Endpoints, model.Endpoint{Listener: name, Protocol: model.SecurityProtocol(ep.SecurityProtocol), Host: ep.Host, Port: ep.Port})
	}
	return out
}

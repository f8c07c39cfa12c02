package controller

import (
	"momus/internal/model"
)

// Request is what the controller sends to a broker: a *LeaderAndISR, *UpdateMetadata or
// *StopReplica.
type Request interface{ request() }

// LeaderAndISR tells a broker which of its replicas lead and which follow whom.
type LeaderAndISR struct {
	ControllerEpoch int32
	BrokerEpoch     int64 // the receiver's
	Partitions      []LeaderAndISRPartition
	LiveLeaders     []*model.Broker // the live leaders that Partitions name
}

// LeaderAndISRPartition is one partition of a LeaderAndISR.
type LeaderAndISRPartition struct {
	model.TopicPartition
	model.LeaderAndISR
	model.Assignment
	IsNew bool // the log may be created although a log directory is offline
}

// UpdateMetadata tells a broker about partitions (a delta) and live brokers (all).
type UpdateMetadata struct {
	ControllerEpoch int32
	BrokerEpoch     int64 // the receiver's
	Partitions      []UpdateMetadataPartition
	LiveBrokers     []*model.Broker
}

// UpdateMetadataPartition is one partition of an UpdateMetadata. Leader is model.LeaderDuringDelete
// for topics being deleted.
type UpdateMetadataPartition struct {
	model.TopicPartition
	model.LeaderAndISR
	Replicas        []int32
	OfflineReplicas []int32
}

// StopReplica tells a broker to stop following, or to delete, replicas.
type StopReplica struct {
	ControllerEpoch int32
	BrokerEpoch     int64 // the receiver's
	Delete          bool
	Partitions      []model.TopicPartition
}

func (*LeaderAndISR) request()   {}
func (*UpdateMetadata) request() {}
func (*StopReplica) request()    {}

// Sender queues requests. There is one queue a broker, in order; a request is sent again until it
// is answered or the broker is removed. Only Close blocks. Answers to LeaderAndISR and StopReplica
// come back as events.
type Sender interface {
	// AddBroker opens the queue of a broker.
	AddBroker(b *model.Broker)
	// RemoveBroker drops the queue of a broker with all that is in it.
	RemoveBroker(id int32)
	// UpdateBroker replaces the endpoints of a broker whose queue is open.
	UpdateBroker(b *model.Broker)
	// Send queues a request for a broker; without a queue it is dropped. Requests are shared:
	// nobody changes them.
	Send(to int32, r Request)
	// Close drops all queues and waits until nothing is sent any more.
	Close()
}

// ReplicaID names a replica: a partition on a broker.
type ReplicaID struct {
	model.TopicPartition
	Broker int32
}

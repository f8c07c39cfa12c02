package controller

import (
	"momus/coordinator/zk"
	"momus/internal/model"
)

// Event is something that has happened. Brokers that are not the active controller process most of
// them as no-ops.
type Event interface{ event() }

// Events of watches. None carries state: what they concern is read again.
type (
	// BrokerChange says that the children of /brokers/ids have changed.
	BrokerChange struct{}
	// BrokerModification says that the registration of a live broker has changed.
	BrokerModification struct{ Broker int32 }
	// TopicChange says that the children of /brokers/topics have changed.
	TopicChange struct{}
	// PartitionModification says that the node of a topic has changed.
	PartitionModification struct{ Topic string }
	// TopicDeletion says that the children of /admin/delete_topics have changed.
	TopicDeletion struct{}
	// ISRChange says that the children of /isr_change_notification have changed.
	ISRChange struct{}
	// LogDirEvent says that the children of /log_dir_event_notification have changed.
	LogDirEvent struct{}
	// PreferredElectionRequested says that /admin/preferred_replica_election has appeared.
	PreferredElectionRequested struct{}
	// ReassignmentRequested says that /admin/reassign_partitions has appeared.
	ReassignmentRequested struct{}
	// ReassignmentsRewritten says that the content of /admin/reassign_partitions has changed, which
	// only this controller does.
	ReassignmentsRewritten struct{}
	// ReassignmentProgress says that the state of a partition that is being reassigned has changed.
	ReassignmentProgress struct{ model.TopicPartition }
)

// Events of timers and of configs.
type (
	// AutoRebalance is the periodic check for leaders that are not the preferred ones.
	AutoRebalance struct{}
	// UncleanElectionEnabled says that the broker's own unclean.leader.election.enable has become
	// true.
	UncleanElectionEnabled struct{}
	// TopicUncleanElectionEnabled says that the override of a topic has become true.
	TopicUncleanElectionEnabled struct{ Topic string }
)

// Events of brokers' replies. Code is the top-level error; Errors has the partitions' codes (for
// StopReplica with a top-level error: that code for each partition of the request).
type (
	// LeaderAndISRReply answers a LeaderAndISR.
	LeaderAndISRReply struct {
		Broker int32
		Code   int16
		Errors map[model.TopicPartition]int16
	}
	// StopReplicaReply answers a StopReplica with Delete.
	StopReplicaReply struct {
		Broker int32
		Errors map[model.TopicPartition]int16
	}
)

// ElectionType is the kind of election that ElectLeaders asks for; the numbers are Kafka's.
type ElectionType int8

// The election types.
const (
	PreferredElection ElectionType = 0
	UncleanElection   ElectionType = 1
)

// Events of requests. Reply is called once, also when the event is dropped.
type (
	// ElectLeaders elects leaders on request. Partitions nil means all. The results are errors of
	// kerr, nil for success.
	ElectLeaders struct {
		Type       ElectionType
		Partitions []model.TopicPartition
		All        bool
		Reply      func(results []ElectionResult, err error)
	}
	// AlterReassignments starts (Replicas given) or cancels (nil) reassignments.
	AlterReassignments struct {
		Partitions []zk.Reassignment
		Reply      func(results []ReassignmentResult, err error)
	}
	// ListReassignments lists running reassignments, of all partitions when Partitions is nil.
	ListReassignments struct {
		Partitions []model.TopicPartition
		All        bool
		Reply      func(running map[model.TopicPartition]model.Assignment, err error)
	}
	// ControlledShutdown moves leaderships away from a broker. Epoch is the sender's broker epoch,
	// -1 if it sent none.
	ControlledShutdown struct {
		Broker int32
		Epoch  int64
		Reply  func(remaining []model.TopicPartition, err error)
	}
	// Inspect calls Fn with the context, read only, on the controller's goroutine; for tests and
	// diagnostics. Failed, if not nil, is called when Fn is not called or panics.
	Inspect struct {
		Fn     func(*Context)
		Failed func(error)
	}
)

// ElectionResult is the outcome for one partition: Leader is the new one when Err is nil.
type ElectionResult struct {
	model.TopicPartition
	Leader int32
	Err    error
}

// ReassignmentResult is the outcome for one partition.
type ReassignmentResult struct {
	model.TopicPartition
	Err error
}

func (BrokerChange) event()                {}
func (BrokerModification) event()          {}
func (TopicChange) event()                 {}
func (PartitionModification) event()       {}
func (TopicDeletion) event()               {}
func (ISRChange) event()                   {}
func (LogDirEvent) event()                 {}
func (PreferredElectionRequested) event()  {}
func (ReassignmentRequested) event()       {}
func (ReassignmentsRewritten) event()      {}
func (ReassignmentProgress) event()        {}
func (AutoRebalance) event()               {}
func (UncleanElectionEnabled) event()      {}
func (TopicUncleanElectionEnabled) event() {}
func (*LeaderAndISRReply) event()          {}
func (*StopReplicaReply) event()           {}
func (*ElectLeaders) event()               {}
func (*AlterReassignments) event()         {}
func (*ListReassignments) event()          {}
func (*ControlledShutdown) event()         {}
func (*Inspect) event()                    {}

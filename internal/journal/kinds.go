package journal

// Kind is what happened.
type Kind uint8

// The kinds. The comment says what fields beyond ID, Time and Broker are used.
const (
	_ Kind = iota

	// The process and its session with ZooKeeper.
	BrokerStarted      // Old "clean" or "unclean", "" without a stop before, Took
	BrokerStopping     // Reason
	ProcessPaused      // Took: the process did not run
	SessionOpened      // Number: session
	ConnectionLost     // Number: session; ZooKeeper is out of reach
	ConnectionRestored // Number: session, Took: without connection
	SessionExpired     // Number: session, Took: since the connection was lost
	Registered         // Number: broker epoch

	// The controller.
	ControllerElected  // ControllerEpoch, Took unused
	ControllerResigned // ControllerEpoch, Reason
	ClusterTaken       // ControllerEpoch, Count: partitions, Took
	BrokerUp           // About, Number: broker epoch, ControllerEpoch
	BrokerDown         // About, Number: broker epoch, ControllerEpoch, Reason
	ShutdownRequested  // About, Count: partitions that it leads
	ReplicasFailed     // About: broker, Count: replicas on its failed disk
	LeaderElected      // Name, Partition, From: old leader and ISR, To: new ones, About: new leader, Number: old leader, epochs, Reason
	PartitionOffline   // Name, Partition, Number: old leader, From: ISR, epochs
	ReassignmentStart  // Name, Partition, From, To
	ReassignmentDone   // Name, Partition, To, Took
	TopicCreated       // Name, Count: partitions
	TopicDeleting      // Name
	TopicDeleted       // Name
	ElectionRequested  // Reason, Count: partitions

	// Partitions.
	BecameLeader      // Name, Partition, Offset: log end, epochs, To: ISR
	BecameFollower    // Name, Partition, About: leader, Offset: log end, epochs
	ReplicaDeleted    // Name, Partition
	Truncated         // Name, Partition, About: leader, Offset: to, Count: records taken away, LeaderEpoch
	ISRShrunk         // Name, Partition, About: who left, From, To, Count: records behind, Took: since it was last caught up, epochs
	ISRExpanded       // Name, Partition, About: who came, From, To, LeaderEpoch
	ISRRefused        // Name, Partition, From, To, New: reason
	WatermarkStalled  // Name, Partition, Offset: high watermark, Count: records that wait, About: who holds it back, Took
	WatermarkMoves    // Name, Partition, Offset, Took: stood still
	LeaderUnreachable // About: leader, New: error
	LeaderReachable   // About: leader, Took
	PartitionMoved    // Name, Partition, New: directory
	FetchFailed       // Name, Partition, About: leader, New: error; the partition is not fetched any more

	// Storage.
	SegmentRolled   // Name, Partition, Offset: base of the new one, Count: bytes of the old one
	SegmentsDeleted // Name, Partition, Count: segments, Offset: new log start, Reason
	LogCleaned      // Name, Partition, Count: bytes, Number: bytes kept, Took
	LogRecovered    // Name, Partition, Count: segments
	DirectoryFailed // Name: directory, Count: partitions, New: error

	// Configs and quotas.
	ConfigChanged   // Name: entity, Who: key, Old, New
	ClientThrottled // Name: resource, Who: client, Took
	LoginFailed     // Who: client address, New: reason, Name: mechanism
	AccessDenied    // Who: principal, Name: resource, New: operation

	// Groups: LeaderEpoch is the generation.
	MemberJoined        // Name, Who, Old: instance id
	MemberLeft          // Name, Who, Reason
	RebalanceStarted    // Name, LeaderEpoch, Reason, Count: members
	GroupStable         // Name, LeaderEpoch, Count: members, Took: of the rebalance
	GroupEmpty          // Name, LeaderEpoch
	GroupRemoved        // Name, Reason
	CoordinatorLoaded   // Name: topic, Partition, Took, Count: groups or ids
	CoordinatorUnloaded // Name: topic, Partition

	// Transactions: Number is the producer id.
	ProducerReady      // Name, Number, LeaderEpoch: producer epoch
	TransactionBegan   // Name, Number, Count: partitions
	TransactionDecided // Name, Number, New: commit or abort, Reason, Count: partitions, Took: since its begin
	TransactionEnded   // Name, Number, New: commit or abort, Took: since the decision
	MarkersWait        // Name, Number, About: broker, Count: partitions; markers cannot be written

	numKinds
)

// Reason is why, where a kind has several.
type Reason uint8

// The reasons.
const (
	_ Reason = iota

	ByRequest       // somebody asked for it
	ByFailure       // a part of the broker failed
	SessionEnded    // its ZooKeeper session ended
	AnotherElected  // another controller was elected
	Stopping        // the broker stops
	LeaderGone      // the leader's broker is gone, or its disk
	BrokerBack      // a broker is back that may lead
	PreferredLeader // the preferred replica takes over
	Unclean         // nobody in sync was alive
	ShuttingDown    // the leader's broker shuts down
	Reassigning     // a reassignment
	NewPartition    // it is new
	HeartbeatMissed // no heartbeat within session.timeout.ms
	PollInterval    // no JoinGroup within max.poll.interval.ms
	LeftByItself    // LeaveGroup
	RemovedByAdmin  // LeaveGroup for a static member
	NewMember       // a member joined
	MemberGone      // a member left or failed
	NewSubscription // a member came back with other topics or protocols
	LeaderRejoined  // the group's leader asked, for instance because partitions were added
	StaticReplaced  // a static member came back under its instance id
	OffsetsExpired  // nothing of the group is left
	TimedOut        // longer than transaction.timeout.ms
	Fenced          // the producer began anew (InitProducerId)
	RetentionTime   // retention.ms
	RetentionSize   // retention.bytes
	BelowLogStart   // records were deleted (DeleteRecords)
	MetadataLoad    // the controller's first look

	numReasons
)

// class is which ring an entry goes to, so that a busy class does not push out the others.
type class uint8

const (
	clusterClass class = iota
	groupClass
	transactionClass
	storageClass
	strangerClass // what clients cause by failing: strangers may do that as often as they like
	numClasses
)

// capacities of the rings: together 10,000.
var capacities = [numClasses]int{clusterClass: 4500, groupClass: 2000, transactionClass: 1500, storageClass: 1500, strangerClass: 500}

func (k Kind) class() class {
	switch {
	case k >= ProducerReady:
		return transactionClass
	case k >= MemberJoined && k <= GroupRemoved:
		return groupClass
	case k >= SegmentRolled && k <= LogRecovered:
		return storageClass
	case k >= ClientThrottled && k <= AccessDenied:
		return strangerClass
	}
	return clusterClass
}

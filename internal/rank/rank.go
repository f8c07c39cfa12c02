// Package rank is the order in which locks are taken, and mutexes that keep to it. In a build with
// -tags invariants, taking a lock of a rank at or before one that the goroutine holds ends the
// process with both names; in every other build a Mutex is a sync.Mutex, and costs what that costs.
//
// It is not about what a lock guards: that stands at the lock. Leaves, locks under which no other
// is taken (quotas, metadata, the journal), need no rank.
package rank

// The ranks, one for each kind of lock.
type (
	ReplicaControl     struct{}
	PartitionMap       struct{}
	ShardRuntime       struct{}
	ShardOwner         struct{}
	FetcherManager     struct{}
	Fetcher            struct{}
	Movers             struct{}
	Partition          struct{}
	PartitionProgress  struct{}
	ISRWriter          struct{}
	LogDirCreate       struct{}
	CleanerChoice      struct{}
	LogConfig          struct{}
	LogFlush           struct{}
	Log                struct{}
	CleanerCheckpoints struct{}
	Cleaner            struct{}
	EpochFile          struct{}
	Epochs             struct{}
	Segment            struct{}
	SegmentTail        struct{}
	Index              struct{}
	LogDirMaps         struct{}
	LogDirFiles        struct{}
	LogDirSchedule     struct{}
	ShardMailbox       struct{}
	ShardWaiter        struct{}
	Markers            struct{}
	Purgatory          struct{}
)

// order is the order of the whole program: a goroutine takes a lock only while all that it holds
// stand before it here. Two of the same kind are never held together.
func order() []any {
	return []any{
		// What the controller asks for, one request after the other.
		ReplicaControl{}, PartitionMap{},
		// Coordinators: their machines append to logs, and complete what waits in the purgatory.
		ShardOwner{}, ShardRuntime{}, // who carries a step out looks up other partitions
		// Replication. Roles are replaced under Partition, while records are appended under it,
		// read-held.
		FetcherManager{}, Fetcher{}, Movers{}, Partition{}, PartitionProgress{}, ISRWriter{},
		// Log directories: creation and removal of logs holds up neither appends nor reads.
		LogDirCreate{}, CleanerChoice{},
		// One log. What it tells its directory (delayed work, failures) is told under Log.
		LogConfig{}, LogFlush{}, Log{}, CleanerCheckpoints{}, Cleaner{},
		EpochFile{}, Epochs{}, Segment{}, SegmentTail{}, Index{},
		LogDirFiles{}, LogDirMaps{}, LogDirSchedule{},
		// Wake-ups and queues: everybody may use them, and they call nobody.
		ShardMailbox{}, ShardWaiter{}, Markers{}, Purgatory{},
	}
}

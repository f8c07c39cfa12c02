package clients

// knownAPI is an API of Kafka 2.5 with the last version a 2.5 client can use.
type knownAPI struct {
	Name string
	Max  int16
}

// KnownAPIs are those of the recorded tool, by key.
func KnownAPIs() []knownAPI {
	return []knownAPI{{"Produce", 8}, {"Fetch", 11}, {"ListOffsets", 5}, {"Metadata", 9}, {"LeaderAndIsr", 4}, {"StopReplica", 2}, {"UpdateMetadata", 6},
		{"ControlledShutdown", 3}, {"OffsetCommit", 8}, {"OffsetFetch", 7}, {"FindCoordinator", 3}, {"JoinGroup", 7}, {"Heartbeat", 4}, {"LeaveGroup", 4},
		{"SyncGroup", 5}, {"DescribeGroups", 5}, {"ListGroups", 3}, {"SaslHandshake", 1}, {"ApiVersions", 3}, {"CreateTopics", 5}, {"DeleteTopics", 4},
		{"DeleteRecords", 1}, {"InitProducerId", 3}, {"OffsetForLeaderEpoch", 3}, {"AddPartitionsToTxn", 1}, {"AddOffsetsToTxn", 1}, {"EndTxn", 1},
		{"WriteTxnMarkers", 0}, {"TxnOffsetCommit", 3}, {"DescribeAcls", 2}, {"CreateAcls", 2}, {"DeleteAcls", 2}, {"DescribeConfigs", 2}, {"AlterConfigs", 1},
		{"AlterReplicaLogDirs", 1}, {"DescribeLogDirs", 1}, {"SaslAuthenticate", 2}, {"CreatePartitions", 2}, {"CreateDelegationToken", 2},
		{"RenewDelegationToken", 2}, {"ExpireDelegationToken", 2}, {"DescribeDelegationToken", 2}, {"DeleteGroups", 2}, {"ElectLeaders", 2},
		{"IncrementalAlterConfigs", 1}, {"AlterPartitionReassignments", 0}, {"ListPartitionReassignments", 0}, {"OffsetDelete", 0}}
}

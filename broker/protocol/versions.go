package protocol

import "strconv"

// Key is the number of an API on the wire.
type Key = int16

// The APIs of Kafka 2.5.0. There are no others: keys of 48 and above belong to later releases.
const (
	Produce                     Key = 0
	Fetch                       Key = 1
	ListOffsets                 Key = 2
	Metadata                    Key = 3
	LeaderAndIsr                Key = 4
	StopReplica                 Key = 5
	UpdateMetadata              Key = 6
	ControlledShutdown          Key = 7
	OffsetCommit                Key = 8
	OffsetFetch                 Key = 9
	FindCoordinator             Key = 10
	JoinGroup                   Key = 11
	Heartbeat                   Key = 12
	LeaveGroup                  Key = 13
	SyncGroup                   Key = 14
	DescribeGroups              Key = 15
	ListGroups                  Key = 16
	SaslHandshake               Key = 17
	ApiVersions                 Key = 18
	CreateTopics                Key = 19
	DeleteTopics                Key = 20
	DeleteRecords               Key = 21
	InitProducerId              Key = 22
	OffsetForLeaderEpoch        Key = 23
	AddPartitionsToTxn          Key = 24
	AddOffsetsToTxn             Key = 25
	EndTxn                      Key = 26
	WriteTxnMarkers             Key = 27
	TxnOffsetCommit             Key = 28
	DescribeAcls                Key = 29
	CreateAcls                  Key = 30
	DeleteAcls                  Key = 31
	DescribeConfigs             Key = 32
	AlterConfigs                Key = 33
	AlterReplicaLogDirs         Key = 34
	DescribeLogDirs             Key = 35
	SaslAuthenticate            Key = 36
	CreatePartitions            Key = 37
	CreateDelegationToken       Key = 38
	RenewDelegationToken        Key = 39
	ExpireDelegationToken       Key = 40
	DescribeDelegationToken     Key = 41
	DeleteGroups                Key = 42
	ElectLeaders                Key = 43
	IncrementalAlterConfigs     Key = 44
	AlterPartitionReassignments Key = 45
	ListPartitionReassignments  Key = 46
	OffsetDelete                Key = 47
)

// API describes one API of Kafka 2.5.0: versions run from 0 to Max; from version Flexible on (-1:
// never) the bodies use compact encoding, requests header v2 and responses header v1.
type API struct {
	Key      Key
	Name     string
	Max      int16
	Flexible int16
}

// Count is the number of APIs: keys run from 0 to Count-1.
const Count = 48

// The columns are name, highest version and first flexible version. Clients choose the highest that
// a broker offers: a row that says more than 2.5.0 does changes what they do.
var apis = [Count]API{
	{Produce, "Produce", 8, -1},
	{Fetch, "Fetch", 11, -1},
	{ListOffsets, "ListOffsets", 5, -1},
	{Metadata, "Metadata", 9, 9},
	{LeaderAndIsr, "LeaderAndIsr", 4, 4},
	{StopReplica, "StopReplica", 2, 2},
	{UpdateMetadata, "UpdateMetadata", 6, 6},
	{ControlledShutdown, "ControlledShutdown", 3, 3},
	{OffsetCommit, "OffsetCommit", 8, 8},
	{OffsetFetch, "OffsetFetch", 7, 6},
	{FindCoordinator, "FindCoordinator", 3, 3},
	{JoinGroup, "JoinGroup", 7, 6},
	{Heartbeat, "Heartbeat", 4, 4},
	{LeaveGroup, "LeaveGroup", 4, 4},
	{SyncGroup, "SyncGroup", 5, 4},
	{DescribeGroups, "DescribeGroups", 5, 5},
	{ListGroups, "ListGroups", 3, 3},
	{SaslHandshake, "SaslHandshake", 1, -1},
	{ApiVersions, "ApiVersions", 3, 3},
	{CreateTopics, "CreateTopics", 5, 5},
	{DeleteTopics, "DeleteTopics", 4, 4},
	{DeleteRecords, "DeleteRecords", 1, -1},
	{InitProducerId, "InitProducerId", 3, 2},
	{OffsetForLeaderEpoch, "OffsetForLeaderEpoch", 3, -1},
	{AddPartitionsToTxn, "AddPartitionsToTxn", 1, -1},
	{AddOffsetsToTxn, "AddOffsetsToTxn", 1, -1},
	{EndTxn, "EndTxn", 1, -1},
	{WriteTxnMarkers, "WriteTxnMarkers", 0, -1},
	{TxnOffsetCommit, "TxnOffsetCommit", 3, 3},
	{DescribeAcls, "DescribeAcls", 2, 2},
	{CreateAcls, "CreateAcls", 2, 2},
	{DeleteAcls, "DeleteAcls", 2, 2},
	{DescribeConfigs, "DescribeConfigs", 2, -1},
	{AlterConfigs, "AlterConfigs", 1, -1},
	{AlterReplicaLogDirs, "AlterReplicaLogDirs", 1, -1},
	{DescribeLogDirs, "DescribeLogDirs", 1, -1},
	{SaslAuthenticate, "SaslAuthenticate", 2, 2},
	{CreatePartitions, "CreatePartitions", 2, 2},
	{CreateDelegationToken, "CreateDelegationToken", 2, 2},
	{RenewDelegationToken, "RenewDelegationToken", 2, 2},
	{ExpireDelegationToken, "ExpireDelegationToken", 2, 2},
	{DescribeDelegationToken, "DescribeDelegationToken", 2, 2},
	{DeleteGroups, "DeleteGroups", 2, 2},
	{ElectLeaders, "ElectLeaders", 2, 2},
	{IncrementalAlterConfigs, "IncrementalAlterConfigs", 1, 1},
	{AlterPartitionReassignments, "AlterPartitionReassignments", 0, 0},
	{ListPartitionReassignments, "ListPartitionReassignments", 0, 0},
	{OffsetDelete, "OffsetDelete", 0, -1},
}

// Lookup finds an API by its key.
func Lookup(key Key) (API, bool) {
	if key < 0 || key >= Count {
		return API{}, false
	}
	return apis[key], true
}

// Name is the API's name as in Kafka's metrics and logs, or the number when there is no such API.
func Name(key Key) string {
	if a, ok := Lookup(key); ok {
		return a.Name
	}
	return strconv.Itoa(int(key))
}

// Supported tells whether version is one that Kafka 2.5.0 has.
func (a API) Supported(version int16) bool { return version >= 0 && version <= a.Max }

// IsFlexible tells whether a version uses compact encoding and tagged fields.
func (a API) IsFlexible(version int16) bool { return a.Flexible >= 0 && version >= a.Flexible }

package handler

import (
	"context"

	"momus/broker/protocol"
)

// api is one row of the table: what a request with this key is admitted by and served with. Name and versions are those of
// protocol.Lookup(key). ApiVersions, dispatch, metrics and admission are computed from the table and from nothing else; an API that does not
// work yet has no row, and is neither advertised nor served.
type api struct {
	key protocol.Key
	// serve executes the request. It may block until the answer is known or ctx (the server's life) ends.
	serve func(ctx context.Context, e *Env, r *Request) Reply
	// access is asked of the authorizer before serve; finer rights are the handler's.
	access access
	// throttle says which quota the answer counts against.
	throttle throttle
	// waits: serve may wait for others, so that its time says nothing of its cost.
	waits bool
	// raw: serve decodes r.Raw itself, r.Body is nil.
	raw bool
	// pipelined: may run while earlier answers of the connection are pending.
	pipelined bool
}

type access int8

const (
	perResource   access = iota // the handler asks for each resource, or nothing is asked
	clusterAction               // Cluster:ClusterAction for the whole request
)

type throttle int8

const (
	byRequest throttle = iota // request quota
	byProduce                 // request and produce quota
	byFetch                   // request and fetch quota, consumers only
	exempt                    // recorded as exempt
)

// rows is the table, in key order, one line a row.
func rows() []api {
	return []api{
		{key: protocol.Produce, serve: produce, throttle: byProduce, raw: true, pipelined: true},
		{key: protocol.Fetch, serve: fetch, throttle: byFetch, raw: true},
		{key: protocol.ListOffsets, serve: listOffsets},
		{key: protocol.Metadata, serve: metadataAPI},
		{key: protocol.LeaderAndIsr, serve: leaderAndISR, access: clusterAction, throttle: exempt},
		{key: protocol.StopReplica, serve: stopReplica, access: clusterAction, throttle: exempt},
		{key: protocol.UpdateMetadata, serve: updateMetadata, access: clusterAction, throttle: exempt},
		{key: protocol.ControlledShutdown, serve: controlledShutdown, waits: true, access: clusterAction, throttle: exempt},
		{key: protocol.OffsetCommit, serve: offsetCommit, waits: true},
		{key: protocol.OffsetFetch, serve: offsetFetch},
		{key: protocol.FindCoordinator, serve: findCoordinator},
		{key: protocol.JoinGroup, serve: joinGroup, waits: true},
		{key: protocol.Heartbeat, serve: heartbeat},
		{key: protocol.LeaveGroup, serve: leaveGroup, waits: true},
		{key: protocol.SyncGroup, serve: syncGroup, waits: true},
		{key: protocol.DescribeGroups, serve: describeGroups},
		{key: protocol.ListGroups, serve: listGroups},
		{key: protocol.SaslHandshake, serve: saslHandshake},
		{key: protocol.ApiVersions, serve: apiVersions},
		{key: protocol.CreateTopics, serve: createTopics, waits: true},
		{key: protocol.DeleteTopics, serve: deleteTopics, waits: true},
		{key: protocol.DeleteRecords, serve: deleteRecords, waits: true},
		{key: protocol.InitProducerId, serve: initProducerID, waits: true},
		{key: protocol.OffsetForLeaderEpoch, serve: offsetForLeaderEpoch},
		{key: protocol.AddPartitionsToTxn, serve: addPartitionsToTxn, waits: true},
		{key: protocol.AddOffsetsToTxn, serve: addOffsetsToTxn, waits: true},
		{key: protocol.EndTxn, serve: endTxn, waits: true},
		{key: protocol.WriteTxnMarkers, serve: writeTxnMarkers, waits: true, access: clusterAction, throttle: exempt},
		{key: protocol.TxnOffsetCommit, serve: txnOffsetCommit, waits: true},
		{key: protocol.DescribeAcls, serve: describeACLs},
		{key: protocol.CreateAcls, serve: createACLs},
		{key: protocol.DeleteAcls, serve: deleteACLs},
		{key: protocol.DescribeConfigs, serve: describeConfigs},
		{key: protocol.AlterConfigs, serve: alterConfigs, waits: true},
		{key: protocol.AlterReplicaLogDirs, serve: alterReplicaLogDirs},
		{key: protocol.DescribeLogDirs, serve: describeLogDirs},
		{key: protocol.SaslAuthenticate, serve: saslAuthenticate},
		{key: protocol.CreatePartitions, serve: createPartitions, waits: true},
		{key: protocol.CreateDelegationToken, serve: createDelegationToken},
		{key: protocol.RenewDelegationToken, serve: renewDelegationToken},
		{key: protocol.ExpireDelegationToken, serve: expireDelegationToken},
		{key: protocol.DescribeDelegationToken, serve: describeDelegationToken},
		{key: protocol.DeleteGroups, serve: deleteGroups, waits: true},
		{key: protocol.ElectLeaders, serve: electLeaders, waits: true},
		{key: protocol.IncrementalAlterConfigs, serve: incrementalAlterConfigs, waits: true},
		{key: protocol.AlterPartitionReassignments, serve: alterPartitionReassignments, waits: true},
		{key: protocol.ListPartitionReassignments, serve: listPartitionReassignments},
		{key: protocol.OffsetDelete, serve: offsetDelete, waits: true},
	}
}

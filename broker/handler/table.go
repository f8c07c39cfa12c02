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
		{key: protocol.ControlledShutdown, serve: controlledShutdown, access: clusterAction, throttle: exempt},
		{key: protocol.OffsetCommit, serve: offsetCommit},
		{key: protocol.OffsetFetch, serve: offsetFetch},
		{key: protocol.FindCoordinator, serve: findCoordinator},
		{key: protocol.JoinGroup, serve: joinGroup},
		{key: protocol.Heartbeat, serve: heartbeat},
		{key: protocol.LeaveGroup, serve: leaveGroup},
		{key: protocol.SyncGroup, serve: syncGroup},
		{key: protocol.DescribeGroups, serve: describeGroups},
		{key: protocol.ListGroups, serve: listGroups},
		{key: protocol.SaslHandshake, serve: saslHandshake},
		{key: protocol.ApiVersions, serve: apiVersions},
		{key: protocol.CreateTopics, serve: createTopics},
		{key: protocol.DeleteTopics, serve: deleteTopics},
		{key: protocol.DeleteRecords, serve: deleteRecords},
		{key: protocol.InitProducerId, serve: initProducerID},
		{key: protocol.OffsetForLeaderEpoch, serve: offsetForLeaderEpoch},
		{key: protocol.AddPartitionsToTxn, serve: addPartitionsToTxn},
		{key: protocol.AddOffsetsToTxn, serve: addOffsetsToTxn},
		{key: protocol.EndTxn, serve: endTxn},
		{key: protocol.WriteTxnMarkers, serve: writeTxnMarkers, access: clusterAction, throttle: exempt},
		{key: protocol.TxnOffsetCommit, serve: txnOffsetCommit},
		{key: protocol.DescribeConfigs, serve: describeConfigs},
		{key: protocol.AlterConfigs, serve: alterConfigs},
		{key: protocol.AlterReplicaLogDirs, serve: alterReplicaLogDirs},
		{key: protocol.DescribeLogDirs, serve: describeLogDirs},
		{key: protocol.SaslAuthenticate, serve: saslAuthenticate},
		{key: protocol.CreatePartitions, serve: createPartitions},
		{key: protocol.DeleteGroups, serve: deleteGroups},
		{key: protocol.ElectLeaders, serve: electLeaders},
		{key: protocol.IncrementalAlterConfigs, serve: incrementalAlterConfigs},
		{key: protocol.AlterPartitionReassignments, serve: alterPartitionReassignments},
		{key: protocol.ListPartitionReassignments, serve: listPartitionReassignments},
		{key: protocol.OffsetDelete, serve: offsetDelete},
	}
}

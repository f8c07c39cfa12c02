package handler

import (
	"context"

	"momus/broker/protocol"
	"momus/coordinator/acl"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// api is one row of the table: what a request with this key is admitted by and served with. Name
// and versions are those of protocol.Lookup(key). ApiVersions, dispatch, metrics and admission are
// computed from the table and from nothing else; an API that does not work yet has no row, and is
// neither advertised nor served.
type api struct {
	key protocol.Key
	// serve executes the request. It may block until the answer is known or ctx (the server's life)
	// ends.
	serve func(ctx context.Context, e *Env, r *Request) Reply
	// well reports what Kafka's decoder refuses beyond the form, which closes the connection; nil:
	// nothing.
	well func(body kmsg.Request) error
	// needs is the right without which the whole request is refused, before serve: see refusal. The
	// zero value is none.
	needs right
	// asks are the rights that serve asks for by itself, in its order.
	asks []right
	// throttle says which quota the answer counts against.
	throttle throttle
	// waits: serve may wait for others, so that its time says nothing of its cost.
	waits bool
	// raw: serve decodes r.Raw itself, r.Body is nil.
	raw bool
	// pipelined: may run while earlier answers of the connection are pending.
	pipelined bool
}

// right is an operation on a kind of resource; on the cluster there is only one resource.
type right struct {
	op acl.Operation
	on acl.ResourceType
}

// String is the right as kafka-acls names it, such as Topic:Read.
func (x right) String() string { return x.on.Stored() + ":" + x.op.Stored() }

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
		{key: protocol.Produce, serve: produce, throttle: byProduce, raw: true, pipelined: true, asks: []right{{acl.Write, acl.TransactionalID}, {acl.IdempotentWrite, acl.Cluster}, {acl.Write, acl.Topic}}},
		{key: protocol.Fetch, serve: fetch, throttle: byFetch, raw: true, asks: []right{{acl.Read, acl.Topic}, {acl.ClusterAction, acl.Cluster}}},
		{key: protocol.ListOffsets, serve: listOffsets, asks: []right{{acl.Describe, acl.Topic}}},
		{key: protocol.Metadata, serve: metadataAPI, asks: []right{{acl.Describe, acl.Topic}, {acl.Create, acl.Cluster}, {acl.Create, acl.Topic}, {acl.Describe, acl.Cluster}}},
		{key: protocol.LeaderAndIsr, serve: leaderAndISR, needs: right{acl.ClusterAction, acl.Cluster}, throttle: exempt},
		{key: protocol.StopReplica, serve: stopReplica, needs: right{acl.ClusterAction, acl.Cluster}, throttle: exempt},
		{key: protocol.UpdateMetadata, serve: updateMetadata, needs: right{acl.ClusterAction, acl.Cluster}, throttle: exempt},
		{key: protocol.ControlledShutdown, serve: controlledShutdown, waits: true, needs: right{acl.ClusterAction, acl.Cluster}, throttle: exempt},
		{key: protocol.OffsetCommit, serve: offsetCommit, waits: true, asks: []right{{acl.Read, acl.Group}, {acl.Read, acl.Topic}}},
		{key: protocol.OffsetFetch, serve: offsetFetch, asks: []right{{acl.Describe, acl.Group}, {acl.Describe, acl.Topic}}},
		{key: protocol.FindCoordinator, serve: findCoordinator, asks: []right{{acl.Describe, acl.Group}, {acl.Describe, acl.TransactionalID}}},
		{key: protocol.JoinGroup, serve: joinGroup, waits: true, asks: []right{{acl.Read, acl.Group}}},
		{key: protocol.Heartbeat, serve: heartbeat, asks: []right{{acl.Read, acl.Group}}},
		{key: protocol.LeaveGroup, serve: leaveGroup, waits: true, asks: []right{{acl.Read, acl.Group}}},
		{key: protocol.SyncGroup, serve: syncGroup, waits: true, asks: []right{{acl.Read, acl.Group}}},
		{key: protocol.DescribeGroups, serve: describeGroups, asks: []right{{acl.Describe, acl.Group}}},
		{key: protocol.ListGroups, serve: listGroups, asks: []right{{acl.Describe, acl.Cluster}, {acl.Describe, acl.Group}}},
		{key: protocol.SaslHandshake, serve: saslHandshake},
		{key: protocol.ApiVersions, serve: apiVersions},
		{key: protocol.CreateTopics, serve: createTopics, waits: true, asks: []right{{acl.Create, acl.Cluster}, {acl.Create, acl.Topic}, {acl.DescribeConfigs, acl.Topic}}},
		{key: protocol.DeleteTopics, serve: deleteTopics, waits: true, asks: []right{{acl.Delete, acl.Topic}}},
		{key: protocol.DeleteRecords, serve: deleteRecords, waits: true, asks: []right{{acl.Delete, acl.Topic}}},
		{key: protocol.InitProducerId, serve: initProducerID, waits: true, asks: []right{{acl.Write, acl.TransactionalID}, {acl.IdempotentWrite, acl.Cluster}}},
		{key: protocol.OffsetForLeaderEpoch, serve: offsetForLeaderEpoch, asks: []right{{acl.ClusterAction, acl.Cluster}, {acl.Describe, acl.Topic}}},
		{key: protocol.AddPartitionsToTxn, serve: addPartitionsToTxn, waits: true, asks: []right{{acl.Write, acl.TransactionalID}, {acl.Write, acl.Topic}}},
		{key: protocol.AddOffsetsToTxn, serve: addOffsetsToTxn, waits: true, asks: []right{{acl.Write, acl.TransactionalID}, {acl.Read, acl.Group}}},
		{key: protocol.EndTxn, serve: endTxn, waits: true, asks: []right{{acl.Write, acl.TransactionalID}}},
		{key: protocol.WriteTxnMarkers, serve: writeTxnMarkers, waits: true, needs: right{acl.ClusterAction, acl.Cluster}, throttle: exempt},
		{key: protocol.TxnOffsetCommit, serve: txnOffsetCommit, waits: true, asks: []right{{acl.Write, acl.TransactionalID}, {acl.Read, acl.Group}, {acl.Read, acl.Topic}}},
		{key: protocol.DescribeAcls, serve: describeACLs, needs: right{acl.Describe, acl.Cluster}},
		{key: protocol.CreateAcls, serve: createACLs, waits: true, well: wellFormedCreations, needs: right{acl.Alter, acl.Cluster}},
		{key: protocol.DeleteAcls, serve: deleteACLs, waits: true, needs: right{acl.Alter, acl.Cluster}},
		{key: protocol.DescribeConfigs, serve: describeConfigs, asks: []right{{acl.DescribeConfigs, acl.Cluster}, {acl.DescribeConfigs, acl.Topic}}},
		{key: protocol.AlterConfigs, serve: alterConfigs, waits: true, asks: []right{{acl.AlterConfigs, acl.Cluster}, {acl.AlterConfigs, acl.Topic}}},
		{key: protocol.AlterReplicaLogDirs, serve: alterReplicaLogDirs, needs: right{acl.Alter, acl.Cluster}},
		{key: protocol.DescribeLogDirs, serve: describeLogDirs, needs: right{acl.Describe, acl.Cluster}},
		{key: protocol.SaslAuthenticate, serve: saslAuthenticate},
		{key: protocol.CreatePartitions, serve: createPartitions, waits: true, asks: []right{{acl.Alter, acl.Topic}}},
		{key: protocol.CreateDelegationToken, serve: createDelegationToken, waits: true},
		{key: protocol.RenewDelegationToken, serve: renewDelegationToken, waits: true},
		{key: protocol.ExpireDelegationToken, serve: expireDelegationToken, waits: true},
		{key: protocol.DescribeDelegationToken, serve: describeDelegationToken, asks: []right{{acl.Describe, acl.DelegationToken}}},
		{key: protocol.DeleteGroups, serve: deleteGroups, waits: true, asks: []right{{acl.Delete, acl.Group}}},
		{key: protocol.ElectLeaders, serve: electLeaders, waits: true, needs: right{acl.Alter, acl.Cluster}},
		{key: protocol.IncrementalAlterConfigs, serve: incrementalAlterConfigs, waits: true, asks: []right{{acl.AlterConfigs, acl.Cluster}, {acl.AlterConfigs, acl.Topic}}},
		{key: protocol.AlterPartitionReassignments, serve: alterPartitionReassignments, waits: true, needs: right{acl.Alter, acl.Cluster}},
		{key: protocol.ListPartitionReassignments, serve: listPartitionReassignments, needs: right{acl.Describe, acl.Cluster}},
		{key: protocol.OffsetDelete, serve: offsetDelete, waits: true, asks: []right{{acl.Delete, acl.Group}, {acl.Read, acl.Topic}}},
	}
}

package handler

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/broker/network"
	"momus/broker/protocol"
	"momus/configs"
	"momus/coordinator/acl"
	"momus/coordinator/group"
	"momus/coordinator/shard/shardtest"
	"momus/coordinator/txn"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/testbase"
)

// groupBroker is an environment with a running group coordinator on an in-memory log.
type groupBroker struct {
	t      *testing.T
	config *configs.Broker // what the handlers and coordinators are set by
	env    *Env
	r      *Request
	zk     *zkOffsets
	ids    *idBlocks

	loaded chan int32
}

type zkOffsets map[string]int64

func (z zkOffsets) CommitOffset(_ context.Context, group string, tp model.TopicPartition, offset int64) error {
	z[group+"/"+tp.String()] = offset
	return nil
}

func (z zkOffsets) FetchOffset(_ context.Context, group string, tp model.TopicPartition) (int64, bool, error) {
	o, ok := z[group+"/"+tp.String()]
	return o, ok, nil
}

type idBlocks struct {
	next int64
	err  error
}

func (b *idBlocks) NextProducerIDBlock(context.Context) (first, last int64, err error) {
	first = b.next
	b.next += 2
	return first, first + 1, b.err
}

// denyAll is an authorizer that knows nobody.
type denyAll struct{ Authorizer }

func (denyAll) Authorize(acl.Question) bool { return false }

func newGroupBroker(t *testing.T) *groupBroker {
	t.Helper()
	cfg := &configs.Broker{
		GroupMinSessionTimeoutMs: 6000, GroupMaxSessionTimeoutMs: 1800000, GroupMaxSize: 1 << 30, InterBrokerProtocolVersion: "2.5-IV0",
		OffsetMetadataMaxBytes: 4096, OffsetsCommitRequiredAcks: -1, OffsetsCommitTimeoutMs: 5000, OffsetsLoadBufferSize: 1 << 20,
		OffsetsRetentionCheckIntervalMs: 600000, OffsetsRetentionMinutes: 10080, TransactionMaxTimeoutMs: 900000,
		OffsetsTopicNumPartitions: 2, OffsetsTopicReplicationFactor: 1,
	}
	b := &groupBroker{t: t, config: cfg, zk: &zkOffsets{}, ids: &idBlocks{next: 1000}, loaded: make(chan int32, 2)}
	groups := group.New(group.Options{
		Settings: func() group.Settings { return group.SettingsOf(cfg) }, Log: shardtest.New(), Logger: testbase.Quiet(), ZooKeeper: b.zk,
		OnLoaded: func(partition int32, _ time.Duration, _ int) { b.loaded <- partition },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); groups.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	groups.Start(2)
	b.env = &Env{Settings: func() Settings { return SettingsOf(cfg) }, Logger: testbase.Quiet(), Now: time.Now}
	b.env.Groups, b.env.ProducerIDs, b.env.Metadata = groups, txn.NewProducerIDs(b.ids), metadata.NewCache("cluster")
	b.env.Transactions = txn.New(txn.Options{Settings: func() txn.Settings { return txn.SettingsOf(cfg) }, Log: shardtest.New(), ProducerIDs: b.env.ProducerIDs, Logger: b.env.Logger})
	b.r = &Request{
		Header: protocol.Header{ClientID: []byte("client")}, Conn: &network.Conn{Listener: "L", ClientHost: "/10.0.0.1"},
		Received: time.Now(), session: &session{principal: model.Anonymous()},
	}
	return b
}

// lead makes the broker leader of the offsets topic and lets topic t exist.
func (b *groupBroker) lead() {
	var update metadata.Update
	update.Brokers = []*model.Broker{{ID: 3, Endpoints: []model.Endpoint{{Listener: "L", Host: "host", Port: 9092}}}}
	for _, tp := range []model.TopicPartition{{Topic: model.OffsetsTopic}, {Topic: model.OffsetsTopic, Partition: 1}, {Topic: "t"}, {Topic: "t", Partition: 1}} {
		update.Partitions = append(update.Partitions, metadata.PartitionUpdate{
			Topic: tp.Topic, Partition: metadata.Partition{ID: tp.Partition, LeaderAndISR: model.LeaderAndISR{Leader: 3}, Replicas: []int32{3}},
		})
	}
	b.env.Metadata.Apply(update)
	for p := range int32(2) {
		b.env.Groups.OnBecomeLeader(p, 0)
	}
	<-b.loaded
	<-b.loaded
}

// ask sends a request through the codec in its version, and returns the response as a client of
// that version reads it.
func ask[T kmsg.Response](b *groupBroker, version int16, req kmsg.Request) T {
	b.t.Helper()
	req.SetVersion(version)
	decoded, err := protocol.DecodeRequest(req.Key(), version, req.AppendTo(nil))
	if err != nil {
		b.t.Fatalf("%T v%d: %v", req, version, err)
	}
	b.r.Key, b.r.Version, b.r.Body = req.Key(), version, decoded
	var serve func(context.Context, *Env, *Request) Reply
	for _, row := range rows() {
		if row.key == req.Key() {
			serve = row.serve
		}
	}
	resp := serve(b.t.Context(), b.env, b.r).response
	resp.SetVersion(version)
	read := req.ResponseKind()
	read.SetVersion(version)
	if err := read.ReadFrom(resp.AppendTo(nil)); err != nil {
		b.t.Fatalf("%T v%d: %v", resp, version, err)
	}
	return read.(T)
}

func (b *groupBroker) code(what string, version, got int16, want *kerr.Error) {
	b.t.Helper()
	if got != kerr.Code(want) {
		b.t.Errorf("%s v%d: error %d, want %v", what, version, got, want)
	}
}

func TestFindCoordinator(t *testing.T) {
	b := newGroupBroker(t)
	find := func(version int16, kind int8) *kmsg.FindCoordinatorResponse {
		req := kmsg.NewPtrFindCoordinatorRequest()
		req.CoordinatorKey, req.CoordinatorType = "g", kind
		return ask[*kmsg.FindCoordinatorResponse](b, version, req)
	}
	for v := int16(0); v <= 3; v++ {
		resp := find(v, 0)
		b.code("find without a topic", v, resp.ErrorCode, kerr.CoordinatorNotAvailable)
		if resp.NodeID != -1 || resp.Host != "" || resp.Port != -1 {
			t.Errorf("v%d: node %d %q:%d", v, resp.NodeID, resp.Host, resp.Port)
		}
	}
	b.lead()
	for v := int16(0); v <= 3; v++ {
		resp := find(v, 0)
		b.code("find", v, resp.ErrorCode, nil)
		if resp.NodeID != 3 || resp.Host != "host" || resp.Port != 9092 || v > 0 && orEmpty(resp.ErrorMessage) != "NONE" {
			t.Errorf("v%d: node %d %q:%d, message %q", v, resp.NodeID, resp.Host, resp.Port, orEmpty(resp.ErrorMessage))
		}
		if v > 0 {
			b.code("find transactions", v, find(v, 1).ErrorCode, kerr.CoordinatorNotAvailable)
			b.code("find nonsense", v, find(v, 2).ErrorCode, kerr.UnknownServerError)
		}
	}
	b.r.Conn.Listener = "OTHER"
	b.code("find on another listener", 0, find(0, 0).ErrorCode, kerr.CoordinatorNotAvailable)
	b.env.Authorizer = denyAll{}
	b.code("find without rights", 3, find(3, 0).ErrorCode, kerr.GroupAuthorizationFailed)
	b.code("find without rights", 3, find(3, 1).ErrorCode, kerr.TransactionalIDAuthorizationFailed)
}

// joined makes a group of one member, in a version of JoinGroup.
func (b *groupBroker) joined(id string, version int16) (member string, generation int32) {
	b.t.Helper()
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.SessionTimeoutMillis, req.RebalanceTimeoutMillis, req.ProtocolType = id, 10000, 60000, "consumer"
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 0, 0, 0, 0, 1, 0, 1, 't', 0xff, 0xff, 0xff, 0xff}}}
	resp := ask[*kmsg.JoinGroupResponse](b, version, req)
	if version >= 4 {
		b.code("first join", version, resp.ErrorCode, kerr.MemberIDRequired)
		if version >= 7 && (resp.Protocol != nil || resp.ProtocolType != nil) || version < 7 && resp.Protocol == nil {
			b.t.Errorf("v%d: protocol %v, type %v", version, resp.Protocol, resp.ProtocolType)
		}
		req.MemberID = resp.MemberID
		resp = ask[*kmsg.JoinGroupResponse](b, version, req)
	}
	b.code("join", version, resp.ErrorCode, nil)
	if resp.LeaderID != resp.MemberID || orEmpty(resp.Protocol) != "range" || len(resp.Members) != 1 || len(resp.Members[0].ProtocolMetadata) != 13 ||
		version >= 7 && orEmpty(resp.ProtocolType) != "consumer" {
		b.t.Errorf("v%d: %+v", version, resp)
	}
	return resp.MemberID, resp.Generation
}

func TestMembershipInAllVersions(t *testing.T) {
	b := newGroupBroker(t)
	b.lead()
	for v := int16(0); v <= 7; v++ {
		id := fmt.Sprintf("group-%d", v)
		member, generation := b.joined(id, v)

		sync := kmsg.NewPtrSyncGroupRequest()
		sync.Group, sync.MemberID, sync.Generation = id, member, generation
		sync.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: member, MemberAssignment: []byte("mine")}}
		if sv := min(v, 5); sv == 5 {
			b.code("sync without a protocol", sv, ask[*kmsg.SyncGroupResponse](b, sv, sync).ErrorCode, kerr.InconsistentGroupProtocol)
		}
		kind, protocol := "consumer", "range"
		sync.ProtocolType, sync.Protocol = &kind, &protocol
		sv := min(v, 5)
		synced := ask[*kmsg.SyncGroupResponse](b, sv, sync)
		b.code("sync", sv, synced.ErrorCode, nil)
		if string(synced.MemberAssignment) != "mine" || sv >= 5 && orEmpty(synced.Protocol) != "range" {
			t.Errorf("sync v%d: %+v", sv, synced)
		}

		beat := kmsg.NewPtrHeartbeatRequest()
		beat.Group, beat.MemberID, beat.Generation = id, member, generation
		b.code("heartbeat", min(v, 4), ask[*kmsg.HeartbeatResponse](b, min(v, 4), beat).ErrorCode, nil)

		describe := kmsg.NewPtrDescribeGroupsRequest()
		describe.Groups, describe.IncludeAuthorizedOperations = []string{id, "unknown"}, true
		dv := min(v, 5)
		described := ask[*kmsg.DescribeGroupsResponse](b, dv, describe).Groups
		d := described[0]
		if d.State != "Stable" || d.ProtocolType != "consumer" || d.Protocol != "range" || len(d.Members) != 1 || described[1].State != "Dead" {
			t.Fatalf("describe v%d: %+v", dv, described)
		}
		if m := d.Members[0]; m.ClientID != "client" || m.ClientHost != "/10.0.0.1" || string(m.MemberAssignment) != "mine" || len(m.ProtocolMetadata) != 13 {
			t.Errorf("describe v%d: %+v", dv, m)
		}
		if dv >= 3 && d.AuthorizedOperations != 328 {
			t.Errorf("describe v%d: operations %d", dv, d.AuthorizedOperations)
		}
		describe.IncludeAuthorizedOperations = false
		if got := ask[*kmsg.DescribeGroupsResponse](b, dv, describe).Groups[0].AuthorizedOperations; got != -2147483648 {
			t.Errorf("describe v%d: operations %d though not asked for", dv, got)
		}

		leave := kmsg.NewPtrLeaveGroupRequest()
		lv := min(v, 4)
		leave.Group, leave.MemberID = id, member
		leave.Members = []kmsg.LeaveGroupRequestMember{{MemberID: "nobody"}, {MemberID: member}}
		left := ask[*kmsg.LeaveGroupResponse](b, lv, leave)
		b.code("leave", lv, left.ErrorCode, nil)
		if lv >= 3 {
			b.code("leave of nobody", lv, left.Members[0].ErrorCode, kerr.UnknownMemberID)
			b.code("leave of the member", lv, left.Members[1].ErrorCode, nil)
		} else {
			b.code("second leave", lv, ask[*kmsg.LeaveGroupResponse](b, lv, leave).ErrorCode, kerr.UnknownMemberID)
		}
	}
	for v := int16(0); v <= 3; v++ {
		listed := ask[*kmsg.ListGroupsResponse](b, v, kmsg.NewPtrListGroupsRequest())
		if len(listed.Groups) != 8 || listed.Groups[0].Group != "group-0" || listed.Groups[0].ProtocolType != "consumer" {
			t.Errorf("list v%d: %+v", v, listed.Groups)
		}
	}
	for v := int16(0); v <= 2; v++ {
		req := kmsg.NewPtrDeleteGroupsRequest()
		id := fmt.Sprintf("group-%d", v)
		req.Groups = []string{id, id, "unknown"}
		deleted := ask[*kmsg.DeleteGroupsResponse](b, v, req).Groups
		if len(deleted) != 2 {
			t.Fatalf("delete v%d: %+v", v, deleted)
		}
		b.code("delete", v, deleted[0].ErrorCode, nil)
		b.code("delete of the unknown", v, deleted[1].ErrorCode, kerr.GroupIDNotFound)
	}
}

func commitRequest(id string, offset int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group = id
	metadata := "m"
	for _, topic := range []string{"t", "missing"} {
		rt := kmsg.NewOffsetCommitRequestTopic()
		rt.Topic = topic
		for p := range int32(2) {
			rp := kmsg.NewOffsetCommitRequestTopicPartition()
			rp.Partition, rp.Offset = p, offset+int64(p)
			if p == 0 {
				rp.Metadata, rp.LeaderEpoch = &metadata, 5
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, rt)
	}
	return req
}

func TestOffsetsInAllVersions(t *testing.T) {
	b := newGroupBroker(t)
	b.lead()
	for v := int16(0); v <= 8; v++ {
		id := fmt.Sprintf("group-%d", v)
		if v == 2 {
			id = "" // allowed for offsets
		}
		committed := ask[*kmsg.OffsetCommitResponse](b, v, commitRequest(id, 100))
		for i, want := range []*kerr.Error{nil, kerr.UnknownTopicOrPartition} {
			for _, p := range committed.Topics[i].Partitions {
				b.code("commit for "+committed.Topics[i].Topic, v, p.ErrorCode, want)
			}
		}
		fv := min(v, 7)
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Group = id
		req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{1, 0, 7}}}
		fetched := ask[*kmsg.OffsetFetchResponse](b, fv, req)
		b.code("fetch", fv, fetched.ErrorCode, nil)
		got := fetched.Topics[0].Partitions
		if got[0].Offset != 101 || got[1].Offset != 100 || got[2].Offset != -1 {
			t.Errorf("fetch v%d: %+v", fv, got)
		}
		if fv > 0 && orEmpty(got[1].Metadata) != "m" || got[2].Metadata == nil || v >= 6 && got[1].LeaderEpoch != 5 {
			t.Errorf("fetch v%d: %+v", fv, got[1])
		}
		var missing *kerr.Error
		if fv == 0 {
			missing = kerr.UnknownTopicOrPartition
		}
		b.code("fetch of a missing partition", fv, got[2].ErrorCode, missing)
		if fv >= 2 {
			req.Topics = nil
			if all := ask[*kmsg.OffsetFetchResponse](b, fv, req); len(all.Topics) != 1 || len(all.Topics[0].Partitions) != 2 {
				t.Errorf("fetch all v%d: %+v", fv, all.Topics)
			}
			req.Topics = []kmsg.OffsetFetchRequestTopic{}
			if none := ask[*kmsg.OffsetFetchResponse](b, fv, req); len(none.Topics) != 0 {
				t.Errorf("fetch none v%d: %+v", fv, none.Topics)
			}
		}
	}
	if len(*b.zk) != 2 {
		t.Errorf("in ZooKeeper: %v", *b.zk)
	}
}

func TestPartitionsNamedTwiceCountOnce(t *testing.T) {
	b := newGroupBroker(t)
	b.lead()
	commit := commitRequest("twice", 100)
	parts := commit.Topics[0].Partitions[:1]
	again := parts[0]
	again.Offset = 200
	commit.Topics = commit.Topics[:1]
	commit.Topics[0].Partitions = append(parts, again)
	committed := ask[*kmsg.OffsetCommitResponse](b, 8, commit)
	if p := committed.Topics[0].Partitions; len(p) != 1 || p[0].ErrorCode != 0 {
		t.Errorf("commit: %+v", p)
	}
	n := again.Partition
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = "twice"
	req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{n, n}}, {Topic: "none"}, {Topic: "t", Partitions: []int32{n, n + 1}}}
	fetched := ask[*kmsg.OffsetFetchResponse](b, 7, req)
	if len(fetched.Topics) != 1 || len(fetched.Topics[0].Partitions) != 2 || fetched.Topics[0].Partitions[0].Offset != 200 {
		t.Errorf("fetch: %+v", fetched.Topics)
	}
}

func TestCommitErrorsOfTheCoordinator(t *testing.T) {
	b := newGroupBroker(t)
	b.lead()
	b.env.Groups.OnResign(b.env.Groups.PartitionFor("g"))
	for v := int16(1); v <= 8; v++ {
		for _, p := range ask[*kmsg.OffsetCommitResponse](b, v, commitRequest("g", 1)).Topics[0].Partitions {
			b.code("commit", v, p.ErrorCode, kerr.NotCoordinator)
		}
	}
	for v := int16(1); v <= 7; v++ {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Group, req.Topics = "g", []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0}}}
		resp := ask[*kmsg.OffsetFetchResponse](b, v, req)
		if v >= 2 {
			b.code("fetch", v, resp.ErrorCode, kerr.NotCoordinator)
			if len(resp.Topics) != 0 {
				t.Errorf("fetch v%d: %+v", v, resp.Topics)
			}
			continue
		}
		b.code("fetch", v, resp.Topics[0].Partitions[0].ErrorCode, kerr.NotCoordinator)
	}
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{"g"}
	if d := ask[*kmsg.DescribeGroupsResponse](b, 5, describe).Groups[0]; d.ErrorCode != kerr.NotCoordinator.Code || d.State != "" {
		t.Errorf("describe: %+v", d)
	}
}

func TestOffsetDelete(t *testing.T) {
	b := newGroupBroker(t)
	b.lead()
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = "g"
	req.Topics = []kmsg.OffsetDeleteRequestTopic{
		{Topic: "t", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}},
		{Topic: "missing", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}},
	}
	resp := ask[*kmsg.OffsetDeleteResponse](b, 0, req)
	b.code("delete", 0, resp.ErrorCode, kerr.GroupIDNotFound)
	if len(resp.Topics) != 0 {
		t.Errorf("topics %+v", resp.Topics)
	}
	ask[*kmsg.OffsetCommitResponse](b, 8, commitRequest("g", 1))
	resp = ask[*kmsg.OffsetDeleteResponse](b, 0, req)
	b.code("delete", 0, resp.ErrorCode, nil)
	b.code("delete of t", 0, resp.Topics[0].Partitions[0].ErrorCode, nil)
	b.code("delete of missing", 0, resp.Topics[1].Partitions[0].ErrorCode, kerr.UnknownTopicOrPartition)
}

func TestStaticMembersNeedANewInterBrokerProtocol(t *testing.T) {
	b := newGroupBroker(t)
	b.lead()
	old := b.env.Settings()
	old.Protocol = "2.2"
	b.env.Settings = func() Settings { return old }
	instance := "i"
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.InstanceID = "g", &instance
	b.code("join", 5, ask[*kmsg.JoinGroupResponse](b, 5, join).ErrorCode, kerr.UnsupportedVersion)
	commit := commitRequest("g", 1)
	commit.InstanceID = &instance
	b.code("commit", 7, ask[*kmsg.OffsetCommitResponse](b, 7, commit).Topics[1].Partitions[0].ErrorCode, kerr.UnsupportedVersion)
}

func TestGroupAPIsWithoutRights(t *testing.T) {
	b := newGroupBroker(t)
	b.lead()
	b.env.Authorizer = denyAll{}
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group = "g"
	b.code("join", 7, ask[*kmsg.JoinGroupResponse](b, 7, join).ErrorCode, kerr.GroupAuthorizationFailed)
	b.code("leave", 4, ask[*kmsg.LeaveGroupResponse](b, 4, kmsg.NewPtrLeaveGroupRequest()).ErrorCode, kerr.GroupAuthorizationFailed)
	b.code("heartbeat", 4, ask[*kmsg.HeartbeatResponse](b, 4, kmsg.NewPtrHeartbeatRequest()).ErrorCode, kerr.GroupAuthorizationFailed)
	b.code("sync", 4, ask[*kmsg.SyncGroupResponse](b, 4, kmsg.NewPtrSyncGroupRequest()).ErrorCode, kerr.GroupAuthorizationFailed)
	b.code("commit", 8, ask[*kmsg.OffsetCommitResponse](b, 8, commitRequest("g", 1)).Topics[1].Partitions[1].ErrorCode, kerr.GroupAuthorizationFailed)
	b.code("fetch", 7, ask[*kmsg.OffsetFetchResponse](b, 7, kmsg.NewPtrOffsetFetchRequest()).ErrorCode, kerr.GroupAuthorizationFailed)
	b.code("delete", 0, ask[*kmsg.OffsetDeleteResponse](b, 0, kmsg.NewPtrOffsetDeleteRequest()).ErrorCode, kerr.GroupAuthorizationFailed)
}

func TestInitProducerID(t *testing.T) {
	b := newGroupBroker(t)
	for v := int16(0); v <= 3; v++ {
		req := kmsg.NewPtrInitProducerIDRequest()
		resp := ask[*kmsg.InitProducerIDResponse](b, v, req)
		b.code("idempotent", v, resp.ErrorCode, nil)
		if resp.ProducerID != 1000+int64(v) || resp.ProducerEpoch != 0 {
			t.Errorf("v%d: id %d epoch %d", v, resp.ProducerID, resp.ProducerEpoch)
		}
		empty, id := "", "tx"
		req.TransactionalID, req.TransactionTimeoutMillis = &empty, 1000
		b.code("empty id", v, ask[*kmsg.InitProducerIDResponse](b, v, req).ErrorCode, kerr.InvalidRequest)
		req.TransactionalID = &id
		resp = ask[*kmsg.InitProducerIDResponse](b, v, req)
		b.code("transactional", v, resp.ErrorCode, kerr.CoordinatorNotAvailable)
		if resp.ProducerID != -1 || resp.ProducerEpoch != -1 {
			t.Errorf("v%d: id %d epoch %d with an error", v, resp.ProducerID, resp.ProducerEpoch)
		}
		req.TransactionTimeoutMillis = 900001
		b.code("long timeout", v, ask[*kmsg.InitProducerIDResponse](b, v, req).ErrorCode, kerr.InvalidTransactionTimeout)
	}
	req := kmsg.NewPtrInitProducerIDRequest()
	req.ProducerID = 7
	b.code("half an identity", 3, ask[*kmsg.InitProducerIDResponse](b, 3, req).ErrorCode, kerr.InvalidRequest)
	b.ids.err = errors.New("ZooKeeper is away")
	b.code("no block", 3, ask[*kmsg.InitProducerIDResponse](b, 3, kmsg.NewPtrInitProducerIDRequest()).ErrorCode, kerr.CoordinatorLoadInProgress)
}

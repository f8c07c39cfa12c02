package handler

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/broker/replica"
	"momus/coordinator/shard/shardtest"
	"momus/coordinator/txn"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// txnData takes markers; partitions fail by name.
type txnData struct {
	Replicas
	markers []replica.AppendEntry
	acks    int16
	origin  record.Origin
	fail    map[string]error
}

type txnAppended []replica.AppendResult

func (a txnAppended) Results() []replica.AppendResult                            { return a }
func (a txnAppended) Satisfied() bool                                            { return true }
func (a txnAppended) Wait(context.Context, time.Duration) []replica.AppendResult { return a }
func (d *txnData) Append(es []replica.AppendEntry, acks int16, o record.Origin) Appended {
	d.markers, d.acks, d.origin = append(d.markers, es...), acks, o
	var out txnAppended
	for _, e := range es {
		out = append(out, replica.AppendResult{TP: e.TP, Err: d.fail[e.TP.String()]})
	}
	return out
}

// noMarkers is a cluster without partitions: every transaction ends at once.
type noMarkers struct{}

func (noMarkers) Leader(model.TopicPartition) (broker int32, alive, exists bool) {
	return -1, false, false
}
func (noMarkers) Changed() <-chan struct{} { return nil }
func (noMarkers) SendMarkers(context.Context, int32, []txn.Marker) ([][]*kerr.Error, error) {
	return nil, nil
}

// inTxnBroker runs in a broker that coordinates all transactional ids.
func inTxnBroker(t *testing.T, run func(b *groupBroker)) {
	synctest.Test(t, func(t *testing.T) {
		b := newGroupBroker(t)
		b.env.Transactions = txn.New(txn.Options{
			Settings: func() txn.Settings { return txn.SettingsOf(b.config) }, Log: shardtest.New(), ProducerIDs: b.env.ProducerIDs, Logger: b.env.Logger, Cluster: noMarkers{}, Sender: noMarkers{},
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); b.env.Transactions.Run(ctx) }()
		defer func() { cancel(); <-ended }()
		b.env.Transactions.Start(1)
		b.lead()
		b.env.Transactions.OnBecomeLeader(0, 4)
		synctest.Wait()
		run(b)
	})
}

func (b *groupBroker) initTxn(version int16, id string) *kmsg.InitProducerIDResponse {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &id, 60000
	return ask[*kmsg.InitProducerIDResponse](b, version, req)
}

func (b *groupBroker) addPartitions(version int16, id string, pid int64, tps ...model.TopicPartition) []int16 {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID = id, pid
	for _, tp := range tps {
		req.Topics = append(req.Topics, kmsg.AddPartitionsToTxnRequestTopic{Topic: tp.Topic, Partitions: []int32{tp.Partition}})
	}
	var codes []int16
	for _, t := range ask[*kmsg.AddPartitionsToTxnResponse](b, version, req).Topics {
		for _, p := range t.Partitions {
			codes = append(codes, p.ErrorCode)
		}
	}
	return codes
}

func (b *groupBroker) endTxn(version int16, id string, pid int64, commit bool) int16 {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.Commit = id, pid, commit
	return ask[*kmsg.EndTxnResponse](b, version, req).ErrorCode
}

func TestTransactionInEveryVersion(t *testing.T) {
	inTxnBroker(t, func(b *groupBroker) {
		tp := model.TopicPartition{Topic: "t"}
		for v := int16(0); v <= 3; v++ {
			id := string('a' + rune(v))
			got := b.initTxn(v, id)
			b.code("InitProducerId", v, got.ErrorCode, nil)
			w := min(v, 1)
			b.code("EndTxn", w, b.endTxn(w, id, got.ProducerID, true), kerr.InvalidTxnState)
			b.code("AddPartitionsToTxn", w, b.addPartitions(w, id, got.ProducerID, tp)[0], nil)
			offsets := kmsg.NewPtrAddOffsetsToTxnRequest()
			offsets.TransactionalID, offsets.ProducerID, offsets.Group = id, got.ProducerID, "g"
			b.code("AddOffsetsToTxn", w, ask[*kmsg.AddOffsetsToTxnResponse](b, w, offsets).ErrorCode, nil)

			commit := kmsg.NewPtrTxnOffsetCommitRequest()
			commit.TransactionalID, commit.Group, commit.ProducerID = id, "g", got.ProducerID
			topic := kmsg.NewTxnOffsetCommitRequestTopic()
			topic.Topic = "t"
			for p := range int32(3) {
				part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
				part.Partition, part.Offset = p, 7
				topic.Partitions = append(topic.Partitions, part)
			}
			commit.Topics = append(commit.Topics, topic)
			stored := ask[*kmsg.TxnOffsetCommitResponse](b, v, commit).Topics[0].Partitions
			b.code("TxnOffsetCommit", v, stored[0].ErrorCode, nil)
			b.code("TxnOffsetCommit", v, stored[2].ErrorCode, kerr.UnknownTopicOrPartition)
			if v >= 3 { // KIP-447
				commit.MemberID, commit.Generation = "nobody", 1
				b.code("TxnOffsetCommit", v, ask[*kmsg.TxnOffsetCommitResponse](b, v, commit).Topics[0].Partitions[0].ErrorCode, kerr.UnknownMemberID)
			}
			commit.ProducerID = -1
			b.code("TxnOffsetCommit", v, ask[*kmsg.TxnOffsetCommitResponse](b, v, commit).Topics[0].Partitions[0].ErrorCode, kerr.InvalidProducerIDMapping)

			b.code("EndTxn", w, b.endTxn(w, id, got.ProducerID, true), nil)
			synctest.Wait()
			b.code("EndTxn", w, b.endTxn(w, id, got.ProducerID, true), nil)
			b.code("EndTxn", w, b.endTxn(w, id, got.ProducerID, false), kerr.InvalidTxnState)
			b.code("EndTxn", w, b.endTxn(w, id, got.ProducerID+1, true), kerr.InvalidProducerIDMapping)
			b.code("EndTxn", w, b.endTxn(w, "", got.ProducerID, true), kerr.InvalidRequest)
		}
	})
}

func TestOnePartitionThatIsRefusedKeepsTheOthersOut(t *testing.T) {
	inTxnBroker(t, func(b *groupBroker) {
		pid := b.initTxn(0, "id").ProducerID
		good, missing := model.TopicPartition{Topic: "t"}, model.TopicPartition{Topic: "t", Partition: 9}
		internal := model.TopicPartition{Topic: model.OffsetsTopic}
		for i, want := range []*kerr.Error{kerr.OperationNotAttempted, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed} {
			b.code("AddPartitionsToTxn", 0, b.addPartitions(0, "id", pid, good, missing, internal)[i], want)
		}
		b.code("EndTxn", 0, b.endTxn(0, "id", pid, true), kerr.InvalidTxnState) // none was added
	})
}

func TestTransactionsNeedRightsAndTheFormatOf011(t *testing.T) {
	inTxnBroker(t, func(b *groupBroker) {
		tp := model.TopicPartition{Topic: "t"}
		check := func(want, wantMarkers *kerr.Error) {
			b.code("AddPartitionsToTxn", 1, b.addPartitions(1, "id", 1, tp)[0], want)
			b.code("EndTxn", 1, b.endTxn(1, "id", 1, true), want)
			offsets := kmsg.NewPtrAddOffsetsToTxnRequest()
			offsets.TransactionalID = "id"
			b.code("AddOffsetsToTxn", 1, ask[*kmsg.AddOffsetsToTxnResponse](b, 1, offsets).ErrorCode, want)
			commit := kmsg.NewPtrTxnOffsetCommitRequest()
			commit.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{}}}}
			b.code("TxnOffsetCommit", 3, ask[*kmsg.TxnOffsetCommitResponse](b, 3, commit).Topics[0].Partitions[0].ErrorCode, want)
		}
		b.env.Authorizer = denyAll{}
		check(kerr.TransactionalIDAuthorizationFailed, nil)
		b.env.Authorizer = nil
		b.config.InterBrokerProtocolVersion = "0.10.2"
		check(kerr.UnsupportedVersion, nil)
	})
}

func TestWriteTxnMarkers(t *testing.T) {
	inTxnBroker(t, func(b *groupBroker) {
		data := &txnData{fail: map[string]error{"t-1": kerr.InvalidProducerEpoch}}
		b.env.Data = data
		b.env.HostedFormat = func(tp model.TopicPartition) (int8, bool) {
			if tp.Topic == "old" {
				return 1, true
			}
			return 2, tp.Topic != "elsewhere"
		}
		req := kmsg.NewPtrWriteTxnMarkersRequest()
		m := kmsg.NewWriteTxnMarkersRequestMarker()
		m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch, m.Committed = 9, 3, 7, true
		for _, topic := range []string{"t", "old", "elsewhere", model.OffsetsTopic} {
			mt := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
			mt.Topic, mt.Partitions = topic, []int32{0, 1}
			m.Topics = append(m.Topics, mt)
		}
		req.Markers = append(req.Markers, m)
		resp := ask[*kmsg.WriteTxnMarkersResponse](b, 0, req)
		if resp.Markers[0].ProducerID != 9 {
			t.Errorf("answered for producer %d", resp.Markers[0].ProducerID)
		}
		want := [][2]*kerr.Error{
			{nil, kerr.InvalidProducerEpoch}, {kerr.UnsupportedForMessageFormat, kerr.UnsupportedForMessageFormat},
			{kerr.UnknownTopicOrPartition, kerr.UnknownTopicOrPartition}, {nil, nil},
		}
		for i, topic := range resp.Markers[0].Topics {
			for j, p := range topic.Partitions {
				b.code("marker for "+topic.Topic, 0, p.ErrorCode, want[i][j])
			}
		}
		if len(data.markers) != 4 || data.acks != -1 || data.origin != record.OriginCoordinator {
			t.Fatalf("%d markers with acks %d of origin %d", len(data.markers), data.acks, data.origin)
		}
		marker := record.Batch(data.markers[0].Records)
		kind, coordinatorEpoch, err := marker.ControlType()
		if err != nil || kind != record.ControlCommit || coordinatorEpoch != 7 || marker.ProducerID() != 9 || marker.ProducerEpoch() != 3 {
			t.Errorf("marker %d of producer %d epoch %d by coordinator %d, %v", kind, marker.ProducerID(), marker.ProducerEpoch(), coordinatorEpoch, err)
		}
	})
}

// topicCreations are the topics that a broker was asked to create.
type topicCreations map[string]map[string]string

func (c topicCreations) CreateTopic(_ context.Context, name string, _ int32, _ int16, config map[string]string) error {
	c[name] = config
	return nil
}

func TestFindCoordinatorOfATransactionalID(t *testing.T) {
	inTxnBroker(t, func(b *groupBroker) {
		find := func(version int16) *kmsg.FindCoordinatorResponse {
			req := kmsg.NewPtrFindCoordinatorRequest()
			req.CoordinatorKey, req.CoordinatorType = "id", 1
			return ask[*kmsg.FindCoordinatorResponse](b, version, req)
		}
		created := topicCreations{}
		b.env.TopicCreator = created
		b.config.TransactionStateLogMinISR, b.config.TransactionStateLogSegmentBytes = 2, 1<<20
		b.code("FindCoordinator", 1, find(1).ErrorCode, kerr.CoordinatorNotAvailable)
		config := created[model.TransactionTopic]
		for key, want := range map[string]string{
			"cleanup.policy": "compact", "compression.type": "uncompressed", "unclean.leader.election.enable": "false",
			"min.insync.replicas": "2", "segment.bytes": "1048576",
		} {
			if config[key] != want {
				t.Errorf("%s is created with %s=%q, want %q", model.TransactionTopic, key, config[key], want)
			}
		}
		partition := func(leader int32) {
			b.env.Metadata.Apply(metadata.Update{
				Brokers:    []*model.Broker{{ID: 3, Endpoints: []model.Endpoint{{Listener: "L", Host: "host", Port: 9092}}}},
				Partitions: []metadata.PartitionUpdate{{Topic: model.TransactionTopic, Partition: metadata.Partition{LeaderAndISR: model.LeaderAndISR{Leader: leader}}}},
			})
		}
		partition(4) // not alive
		b.code("FindCoordinator", 2, find(2).ErrorCode, kerr.CoordinatorNotAvailable)
		partition(3)
		for v := int16(1); v <= 3; v++ {
			if r := find(v); r.ErrorCode != 0 || r.NodeID != 3 || r.Host != "host" || r.Port != 9092 {
				t.Errorf("v%d: %+v", v, r)
			}
		}
	})
}

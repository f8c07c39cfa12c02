package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/coordinator/txn"
	"momus/internal/kerr"
	"momus/internal/model"
)

func TestAnswersToMarkersComeInAnyOrder(t *testing.T) {
	a, b, u := model.TopicPartition{Topic: "t"}, model.TopicPartition{Topic: "t", Partition: 1}, model.TopicPartition{Topic: "u"}
	markers := []txn.Marker{
		{ProducerID: 7, Epoch: 1, CoordinatorEpoch: 5, Commit: true, Partitions: []model.TopicPartition{a, b, u}},
		{ProducerID: 8, Partitions: []model.TopicPartition{b}},
	}
	sent := encodeMarker(&markers[0])
	if sent.ProducerID != 7 || sent.ProducerEpoch != 1 || sent.CoordinatorEpoch != 5 || !sent.Committed || len(sent.Topics) != 2 || len(sent.Topics[0].Partitions) != 2 {
		t.Errorf("sent %+v", sent)
	}
	answer := func(producerID int64, topic string, codes ...int16) kmsg.WriteTxnMarkersResponseMarker {
		m := kmsg.NewWriteTxnMarkersResponseMarker()
		m.ProducerID = producerID
		mt := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
		mt.Topic = topic
		for p, code := range codes {
			mt.Partitions = append(mt.Partitions, kmsg.WriteTxnMarkersResponseMarkerTopicPartition{Partition: int32(p), ErrorCode: code})
		}
		m.Topics = append(m.Topics, mt)
		return m
	}
	resp := kmsg.NewPtrWriteTxnMarkersResponse()
	resp.Markers = []kmsg.WriteTxnMarkersResponseMarker{answer(8, "t", 0, 52), answer(7, "t", 6, 0)}
	got := markerOutcome(markers, resp)
	want := [][]*kerr.Error{{kerr.NotLeaderForPartition, nil, kerr.UnknownTopicOrPartition}, {kerr.TransactionCoordinatorFenced}}
	for i := range want {
		for j := range want[i] {
			if got[i][j] != want[i][j] {
				t.Errorf("marker %d partition %d: %v, want %v", i, j, got[i][j], want[i][j])
			}
		}
	}
}

func TestPartitionsAreNotTakenForDeletedBeforeTheMetadataIsThere(t *testing.T) {
	cache := metadata.NewCache("c")
	c := markerCluster{cache, "L"}
	tp := model.TopicPartition{Topic: "t"}
	if _, alive, exists := c.Leader(tp); alive || !exists {
		t.Error("an empty cache knows that a partition was deleted")
	}
	changed := c.Changed()
	cache.Apply(metadata.Update{ControllerID: 1, Brokers: []*model.Broker{{ID: 2, Endpoints: []model.Endpoint{{Listener: "L"}}}}, Partitions: []metadata.PartitionUpdate{
		{Topic: "t", Partition: metadata.Partition{LeaderAndISR: model.LeaderAndISR{Leader: 2}}},
		{Topic: "t", Partition: metadata.Partition{ID: 1, LeaderAndISR: model.LeaderAndISR{Leader: 3}}},
	}})
	<-changed
	if leader, alive, exists := c.Leader(tp); leader != 2 || !alive || !exists {
		t.Errorf("leader %d, alive %v, exists %v", leader, alive, exists)
	}
	if _, alive, exists := c.Leader(model.TopicPartition{Topic: "t", Partition: 1}); alive || !exists {
		t.Errorf("dead leader: alive %v, exists %v", alive, exists)
	}
	if _, _, exists := c.Leader(model.TopicPartition{Topic: "t", Partition: 2}); exists {
		t.Error("an unknown partition exists")
	}
}

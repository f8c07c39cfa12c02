package handler

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/model"
)

// What a request names twice is answered once, and what it says last counts.
func TestNamedTwice(t *testing.T) {
	b := newDataBroker(t)
	c := b.dial()
	epochs := kmsg.NewPtrOffsetForLeaderEpochRequest()
	epochs.Version = 3
	records := kmsg.NewPtrDeleteRecordsRequest()
	records.Version = 1
	for i, topic := range []string{"t", "missing", "t"} {
		et, rt := kmsg.NewOffsetForLeaderEpochRequestTopic(), kmsg.NewDeleteRecordsRequestTopic()
		et.Topic, rt.Topic = topic, topic
		for j, partition := range []int32{0, 7, 0} {
			et.Partitions = append(et.Partitions, kmsg.OffsetForLeaderEpochRequestTopicPartition{Partition: partition, CurrentLeaderEpoch: -1, LeaderEpoch: int32(i*3 + j)})
			rt.Partitions = append(rt.Partitions, kmsg.DeleteRecordsRequestTopicPartition{Partition: partition, Offset: int64(i*3 + j)})
		}
		epochs.Topics, records.Topics = append(epochs.Topics, et), append(records.Topics, rt)
	}
	var got []string
	for _, topic := range call[*kmsg.OffsetForLeaderEpochResponse](c, epochs).Topics {
		for _, p := range topic.Partitions {
			got = append(got, fmt.Sprint(topic.Topic, p.Partition, p.LeaderEpoch))
		}
	}
	for _, topic := range call[*kmsg.DeleteRecordsResponse](c, records).Topics {
		for _, p := range topic.Partitions {
			got = append(got, fmt.Sprint(topic.Topic, p.Partition, p.LowWatermark))
		}
	}
	if want := "[t0 8 t7 7 missing0 5 missing7 4 t0 8 t7 -1 missing0 -1 missing7 -1]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	inTxnBroker(t, func(b *groupBroker) {
		pid := b.initTxn(0, "id").ProducerID
		first, second := model.TopicPartition{Topic: "t"}, model.TopicPartition{Topic: "t", Partition: 1}
		codes := b.addPartitions(0, "id", pid, first, second, first)
		if len(codes) != 2 {
			t.Errorf("%d answers for two partitions", len(codes))
		}
		for _, code := range codes {
			b.code("AddPartitionsToTxn", 0, code, nil)
		}
	})
}

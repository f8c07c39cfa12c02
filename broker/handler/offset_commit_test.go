package handler

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/group"
	"momus/internal/model"
)

func TestGivenOffsets(t *testing.T) {
	var given givenOffsets
	var offsets []group.Offset
	for i := range int32(3 * fewOffsets) {
		tp := model.TopicPartition{Topic: "t", Partition: i}
		if at, ok := given.find(offsets, tp); ok {
			t.Fatalf("partition %d found at %d before it was given", i, at)
		}
		offsets = append(offsets, group.Offset{TP: tp})
		given.add(offsets)
		for j := range i + 1 {
			if at, ok := given.find(offsets, model.TopicPartition{Topic: "t", Partition: j}); !ok || at != int(j) {
				t.Fatalf("of %d: partition %d found at %d, %v", i+1, j, at, ok)
			}
		}
		if at, ok := given.find(offsets, model.TopicPartition{Topic: "u", Partition: i}); ok {
			t.Fatalf("another topic found at %d", at)
		}
	}
}

// A commit may name a topic in several entries, and a partition in each of them: it is answered
// once, with the last offset stored.
func TestPartitionCommittedUnderTwoEntries(t *testing.T) {
	b := newGroupBroker(t)
	b.lead()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = "g", -1
	for _, offset := range []int64{5, 7} {
		req.Topics = append(req.Topics, kmsg.OffsetCommitRequestTopic{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: offset, LeaderEpoch: -1}}})
	}
	resp := ask[*kmsg.OffsetCommitResponse](b, 7, req)
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Errorf("%+v", resp.Topics)
	}
	f := kmsg.NewPtrOffsetFetchRequest()
	f.Group, f.Topics = "g", []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0}}}
	if got := ask[*kmsg.OffsetFetchResponse](b, 5, f); got.Topics[0].Partitions[0].Offset != 7 {
		t.Errorf("%+v", got.Topics)
	}
}

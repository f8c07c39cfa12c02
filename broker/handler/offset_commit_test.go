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

// Commits follow each other in the same memory: what one has stored stays.
func TestCommitsInTheMemoryOfOthers(t *testing.T) {
	b := newGroupBroker(t)
	b.lead()
	type stored map[int32]string // the metadata by partition
	kept := map[string]stored{}
	commit := func(group, topic string, metadata ...string) {
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Group, req.Generation = group, -1
		entry := kmsg.OffsetCommitRequestTopic{Topic: topic}
		for p, m := range metadata {
			entry.Partitions = append(entry.Partitions, kmsg.OffsetCommitRequestTopicPartition{Partition: int32(p), Offset: int64(len(m)), LeaderEpoch: -1, Metadata: &m})
			if topic == "t" && p < 2 {
				if kept[group] == nil {
					kept[group] = stored{}
				}
				kept[group][int32(p)] = m
			}
		}
		req.Topics = append(req.Topics, entry)
		for _, p := range ask[*kmsg.OffsetCommitResponse](b, 7, req).Topics[0].Partitions {
			if _, exists := kept[group][p.Partition]; exists != (p.ErrorCode == 0) {
				t.Fatalf("%s of %s: %+v", group, topic, p)
			}
		}
	}
	commit("a", "t", "1", "22")
	commit("b", "t", "333")
	commit("c", "nowhere", "x", "x")
	commit("b", "t", "4444", "55555", "there is no partition 2")
	commit("d", "t", "666666")
	for group, want := range kept {
		f := kmsg.NewPtrOffsetFetchRequest()
		f.Group, f.Topics = group, []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0, 1}}}
		for _, p := range ask[*kmsg.OffsetFetchResponse](b, 5, f).Topics[0].Partitions {
			metadata, exists := want[p.Partition]
			if !exists {
				if p.Offset != -1 {
					t.Errorf("%s: %+v, nothing was committed", group, p)
				}
				continue
			}
			if p.Offset != int64(len(metadata)) || p.Metadata == nil || *p.Metadata != metadata {
				t.Errorf("%s: %+v, committed was %q", group, p, metadata)
			}
		}
	}
}

package handler

import (
	"testing"

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

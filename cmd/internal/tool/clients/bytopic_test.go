package clients

import (
	"fmt"
	"testing"

	"momus/internal/model"
)

func TestPartitionsStandUnderTheirTopics(t *testing.T) {
	type topic struct {
		name string
		ids  []int32
	}
	tps := []model.TopicPartition{{Topic: "b", Partition: 1}, {Topic: "a", Partition: 0}, {Topic: "b", Partition: 0}}
	got := ByTopic(tps, func(name string) topic { return topic{name: name} }, func(t *topic, tp model.TopicPartition) { t.ids = append(t.ids, tp.Partition) })
	if s := fmt.Sprint(got); s != "[{b [1 0]} {a [0]}]" {
		t.Errorf("%s", s)
	}
	if got := ByTopic(nil, func(string) topic { return topic{} }, func(*topic, model.TopicPartition) {}); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

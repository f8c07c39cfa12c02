package model

import (
	"fmt"
	"testing"
)

func TestByTopicKeepsTheOrderOfFirstNames(t *testing.T) {
	type entry struct {
		topic      string
		partitions []int32
	}
	topics := ByTopic[entry]{New: func(topic string) entry { return entry{topic: topic} }}
	for _, tp := range []TopicPartition{{"b", 1}, {"a", 0}, {"b", 0}, {"c", 7}, {"a", 2}} {
		e := topics.Entry(tp.Topic)
		e.partitions = append(e.partitions, tp.Partition)
	}
	if got := fmt.Sprint(topics.List); got != "[{b [1 0]} {a [0 2]} {c [7]}]" {
		t.Error(got)
	}
}

package clients

import "momus/internal/model"

// ByTopic makes the topics of a request, in which partitions stand under their topics: made gives
// an empty topic, add puts a partition into one. Topics are in the order in which they first occur.
func ByTopic[T any](tps []model.TopicPartition, made func(topic string) T, add func(t *T, tp model.TopicPartition)) []T {
	var out []T
	at := map[string]int{}
	for _, tp := range tps {
		i, known := at[tp.Topic]
		if !known {
			i = len(out)
			at[tp.Topic] = i
			out = append(out, made(tp.Topic))
		}
		add(&out[i], tp)
	}
	return out
}

package model

// ByTopic builds a list with one entry a topic, as most requests and answers of the protocol have,
// in the order in which Entry first hears of the topics.
type ByTopic[T any] struct {
	List []T
	// New makes the entry of a topic that has none yet.
	New    func(topic string) T
	places map[string]int // in List, by topic
}

// Entry is the entry of a topic. The pointer holds until the next call.
func (b *ByTopic[T]) Entry(topic string) *T {
	at, ok := b.places[topic]
	if !ok {
		if b.places == nil {
			b.places = map[string]int{}
		}
		at = len(b.List)
		b.places[topic] = at
		b.List = append(b.List, b.New(topic))
	}
	return &b.List[at]
}

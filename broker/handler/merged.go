package handler

// answers makes the answer to each element of a request; fill fills one in. Answers stay where they
// are, so that fill may keep a pointer to one that is not known yet.
func answers[Q, A any](asked []Q, fill func(q *Q, answer *A)) []A {
	out := make([]A, len(asked))
	for i := range asked {
		fill(&asked[i], &out[i])
	}
	return out
}

// merged makes of topics and partitions that a request names more than once what Kafka's maps make
// of them: a topic stands once, where it came first, and a partition once, with what was said last.
// parts gives name and partitions of a topic, number that of a partition.
func merged[T, P any](topics []T, parts func(*T) (name string, partitions *[]P), number func(*P) int32) []T {
	if len(topics) > 1 {
		first := make(map[string]int, len(topics))
		out := topics[:0]
		for i := range topics {
			name, more := parts(&topics[i])
			at, again := first[name]
			if !again {
				first[name] = len(out)
				out = append(out, topics[i])
				continue
			}
			_, list := parts(&out[at])
			*list = append(*list, *more...)
		}
		topics = out
	}
	for i := range topics {
		_, list := parts(&topics[i])
		if len(*list) < 2 {
			continue
		}
		first := make(map[int32]int, len(*list))
		out := (*list)[:0]
		for j := range *list {
			p := (*list)[j]
			at, again := first[number(&p)]
			if again {
				out[at] = p
				continue
			}
			first[number(&p)] = len(out)
			out = append(out, p)
		}
		*list = out
	}
	return topics
}

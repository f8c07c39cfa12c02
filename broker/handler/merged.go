package handler

// merged makes of topics and partitions that a request names more than once what Kafka's maps make
// of them: a topic stands once, where it came first, and a partition once, with what was said last.
func merged[T, P any](topics []T, name func(*T) string, partitions func(*T) *[]P, number func(*P) int32) []T {
	if len(topics) > 1 {
		first := make(map[string]int, len(topics))
		out := topics[:0]
		for i := range topics {
			at, again := first[name(&topics[i])]
			if !again {
				first[name(&topics[i])] = len(out)
				out = append(out, topics[i])
				continue
			}
			list := partitions(&out[at])
			*list = append(*list, *partitions(&topics[i])...)
		}
		topics = out
	}
	for i := range topics {
		list := partitions(&topics[i])
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

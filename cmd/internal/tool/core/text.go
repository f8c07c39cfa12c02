package core

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"momus/cmd/internal/tool/java"
	"momus/internal/model"
)

// Trimmed are the words without blanks at their ends.
func Trimmed(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.TrimSpace(w)
	}
	return out
}

// PartitionText names a partition as Kafka's messages do: topic-0.
func PartitionText(tp model.TopicPartition) string {
	return fmt.Sprintf("%s-%d", tp.Topic, tp.Partition)
}

// PartitionTexts names partitions in their order.
func PartitionTexts(tps []model.TopicPartition, separator string) string {
	var out []string
	for _, tp := range tps {
		out = append(out, PartitionText(tp))
	}
	return strings.Join(out, separator)
}

// TransactionState is the name of a transaction's state in its log; a number that has none is given
// as it is.
func TransactionState(state int8) string {
	names := []string{"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence"}
	if state < 0 || int(state) >= len(names) {
		return strconv.Itoa(int(state))
	}
	return names[state]
}

// SortedPartitions are the keys of a map by topic and partition, so that output does not depend on
// the map.
func SortedPartitions[V any](m map[model.TopicPartition]V) []model.TopicPartition {
	return slices.SortedFunc(maps.Keys(m), func(a, b model.TopicPartition) int {
		if a.Topic != b.Topic {
			return strings.Compare(a.Topic, b.Topic)
		}
		return int(a.Partition - b.Partition)
	})
}

// Itoa is a number as text.
func Itoa(n int64) string { return strconv.FormatInt(n, 10) }

// JoinIDs lists ids of brokers with commas and without blanks, as Kafka's tools do.
func JoinIDs(ids []int32) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(int(id)))
	}
	return b.String()
}

// JoinConfigs lists configs as a java.util.Properties of them does.
func JoinConfigs(configs map[string]string) string { return strings.Join(ConfigWords(configs), ",") }

// ConfigWords are key=value for each config, in the order of a java.util.Properties.
func ConfigWords(configs map[string]string) []string {
	keys := java.HashOrder(slices.Sorted(maps.Keys(configs)), 0, java.HashCode)
	for i, k := range keys {
		keys[i] = k + "=" + configs[k]
	}
	return keys
}

// StringOf is the text behind a pointer; null, as Java prints it, when there is none.
func StringOf(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// Plural counts things for people: 1 partition, 2 partitions.
func Plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// Event prints one JSON object; fields are pairs of name and value in the order in which they are
// printed.
func (c *Call) Event(mu *sync.Mutex, name string, fields ...any) {
	var b strings.Builder
	fmt.Fprintf(&b, `{"timestamp":%d,"name":%q`, time.Now().UnixMilli(), name)
	for i := 0; i+1 < len(fields); i += 2 {
		value, err := json.Marshal(fields[i+1])
		if err != nil {
			value = []byte("null")
		}
		fmt.Fprintf(&b, ",%q:%s", fields[i], value)
	}
	mu.Lock()
	defer mu.Unlock()
	c.Printf("%s}\n", b.String())
	c.Out.Flush()
}

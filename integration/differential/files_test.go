//go:build interop

package differential

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/storage/record"
)

func pause() { time.Sleep(20 * time.Millisecond) }

// fileCases compares what the scenarios before it have left in the log directories: the segments of
// every partition, entry by entry, and the records of the groups and transactions.
func fileCases(s *session) {
	dirs, err := filepath.Glob(filepath.Join(s.peer.cluster.Dir, "logs", "*-*"))
	if err != nil {
		s.fail("%v", err)
	}
	sort.Strings(dirs)
	for _, dir := range dirs {
		name := filepath.Base(dir)
		if i, err := os.Stat(dir); err != nil || !i.IsDir() {
			continue
		}
		if strings.HasSuffix(name, "-delete") || strings.HasPrefix(name, "__") || strings.HasPrefix(name, "m-") || strings.HasPrefix(name, "t") {
			continue
		}
		if strings.HasPrefix(name, "o-del-") || slices.Contains([]string{"ol-0", "ol-3", "ol-4"}, name) {
			continue // its deleted records' segments go half a minute after the broker's start, which is not the same moment on both sides
		}
		s.showSegments(dir, name)
	}
	for p := range int32(4) {
		s.note(fmt.Sprintf("group records of partition %d", p), s.internal("__consumer_offsets", p, groupRecord))
		s.note(fmt.Sprintf("transaction records of partition %d", p), s.internal("__transaction_state", p, txnRecord))
	}
}

// showSegments writes down what the segments of a directory hold, under a name.
func (s *session) showSegments(dir, name string) {
	segments, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	sort.Strings(segments)
	var text strings.Builder
	for _, file := range segments {
		b, err := os.ReadFile(file)
		if err != nil {
			s.fail("%v", err)
		}
		fmt.Fprintf(&text, "%s: %s\n", filepath.Base(file), dumpRecords(b, "  "))
	}
	s.note("segments of "+name, text.String())
}

// internal reads a partition of an internal topic, its records made readable.
func (s *session) internal(topic string, partition int32, show func(s *session, r *record.Record) string) string {
	resp := s.quiet(11, fetch(topic, partition, 0, 10<<20)).(*kmsg.FetchResponse)
	var batches []shown
	raw := resp.Topics[0].Partitions[0].RecordBatches
	for len(raw) > 0 {
		b, rest, err := record.Next(raw)
		if b == nil || err != nil {
			break
		}
		raw = rest
		if one := s.shownBatch(b, show); one.text != leftOut {
			batches = append(batches, one)
		}
	}
	// Groups and offsets that are cleaned up at once go in the order of a hash table of Kafka's.
	for from := 0; from < len(batches); {
		to := from + 1
		for batches[from].tombstones && to < len(batches) && batches[to].tombstones {
			to++
		}
		slices.SortStableFunc(batches[from:to], func(a, b shown) int { return strings.Compare(a.key, b.key) })
		from = to
	}
	var text strings.Builder
	for _, b := range batches {
		text.WriteString(b.text)
	}
	return (&dumper{names: s.names}).named(text.String())
}

// shownBatch makes one batch of an internal topic readable.
func (s *session) shownBatch(b record.Batch, show func(s *session, r *record.Record) string) shown {
	head := dumpBatch(b)
	head = head[strings.Index(head, "codec"):]
	if b.IsControl() {
		return shown{text: head + "\n  marker\n"}
	}
	left, all := false, shown{tombstones: true}
	var records []shown
	err := b.ForEach(nil, func(r *record.Record) error {
		if text := show(s, r); text == leftOut {
			left = true
		} else {
			records = append(records, shown{key: string(r.Key), text: text})
			all.tombstones = all.tombstones && r.Value == nil
		}
		return nil
	})
	if left && err == nil && len(records) == 0 {
		return shown{text: leftOut}
	}
	// So do the records of one batch.
	slices.SortStableFunc(records, func(a, b shown) int { return strings.Compare(a.key, b.key) })
	var text strings.Builder
	fmt.Fprintln(&text, head)
	for _, r := range records {
		fmt.Fprintf(&text, "  %s\n", strings.ReplaceAll(r.text, "\n", "\n    "))
	}
	if err != nil {
		fmt.Fprintln(&text, err)
	}
	if len(records) > 0 {
		all.key = records[0].key
	}
	all.text = text.String()
	return all
}

// shown is a record of an internal topic, or a batch with the key of its first; tombstones tells
// that all of its values are null.
type shown struct {
	key, text  string
	tombstones bool
}

// leftOut is what a record is shown as that only one broker is meant to have.
const leftOut = ""

func groupRecord(s *session, r *record.Record) string {
	var meta kmsg.GroupMetadataKey
	if meta.ReadFrom(r.Key) == nil && meta.Version == 2 {
		if r.Value == nil {
			return "group " + meta.Group + " deleted"
		}
		var v kmsg.GroupMetadataValue
		err := v.ReadFrom(r.Value)
		return fmt.Sprintf("group %s version %d %v\n%s", meta.Group, v.Version, err, s.dump(&v))
	}
	var key kmsg.OffsetCommitKey
	if err := key.ReadFrom(r.Key); err != nil {
		return err.Error()
	}
	if r.Value == nil {
		return fmt.Sprintf("offset %d %s %s-%d deleted", key.Version, key.Group, key.Topic, key.Partition)
	}
	var v kmsg.OffsetCommitValue
	err := v.ReadFrom(r.Value)
	return fmt.Sprintf("offset %d %s %s-%d version %d %v %d bytes\n%s", key.Version, key.Group, key.Topic, key.Partition, v.Version, err, len(r.Value), s.dump(&v))
}

func txnRecord(s *session, r *record.Record) string {
	var key kmsg.TxnMetadataKey
	if err := key.ReadFrom(r.Key); err != nil {
		return err.Error()
	}
	var v kmsg.TxnMetadataValue
	err := v.ReadFrom(r.Value)
	// 2.5.0 writes down an end that it has refused for an epoch that was never given out, and is
	// stuck with it (docs/differences.md); the scenario's ids say lost for that.
	if strings.Contains(key.TransactionalID, "-lost-") && v.State == kmsg.TransactionStatePrepareCommit {
		return leftOut
	}
	for i := range v.Topics {
		slices.Sort(v.Topics[i].Partitions) // a set in Kafka
	}
	return fmt.Sprintf("transaction %s version %d %v %d bytes\n%s", key.TransactionalID, v.Version, err, len(r.Value), s.dump(&v))
}

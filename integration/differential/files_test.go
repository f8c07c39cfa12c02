//go:build interop

package differential

import (
	"fmt"
	"os"
	"path/filepath"
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
		if strings.HasPrefix(name, "o-del-") {
			continue // its deleted records' segments go half a minute after the broker's start, which is not the same moment on both sides
		}
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
	for p := range int32(4) {
		s.note(fmt.Sprintf("group records of partition %d", p), s.internal("__consumer_offsets", p, groupRecord))
		s.note(fmt.Sprintf("transaction records of partition %d", p), s.internal("__transaction_state", p, txnRecord))
	}
}

// internal reads a partition of an internal topic, its records made readable.
func (s *session) internal(topic string, partition int32, show func(s *session, r *record.Record) string) string {
	resp := s.quiet(11, fetch(topic, partition, 0, 10<<20)).(*kmsg.FetchResponse)
	var text strings.Builder
	raw := resp.Topics[0].Partitions[0].RecordBatches
	for len(raw) > 0 {
		b, rest, err := record.Next(raw)
		if b == nil || err != nil {
			break
		}
		raw = rest
		head := dumpBatch(b)
		fmt.Fprintln(&text, head[strings.Index(head, "codec"):])
		if b.IsControl() {
			fmt.Fprintln(&text, "  marker")
			continue
		}
		if err := b.ForEach(nil, func(r *record.Record) error {
			fmt.Fprintf(&text, "  %s\n", strings.ReplaceAll(show(s, r), "\n", "\n    "))
			return nil
		}); err != nil {
			fmt.Fprintln(&text, err)
		}
	}
	return (&dumper{names: s.names}).named(text.String())
}

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
	return fmt.Sprintf("transaction %s version %d %v %d bytes\n%s", key.TransactionalID, v.Version, err, len(r.Value), s.dump(&v))
}

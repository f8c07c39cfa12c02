package storage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
	"momus/storage/record"
)

// goldenRecord is a record as the Java consumer saw it. In JSON it is [offset, timestamp, timestamp
// type (-1 none, 0 CreateTime, 1 LogAppendTime), leader epoch or null, key, value, [[header,
// value], …]], byte strings in base64 or null.
type goldenRecord struct {
	Offset, Timestamp int64
	TimestampType     int8
	LeaderEpoch       *int32
	Key, Value        *string
	Headers           [][2]*string
}

func (r *goldenRecord) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&r.Offset, &r.Timestamp, &r.TimestampType, &r.LeaderEpoch, &r.Key, &r.Value, &r.Headers})
}

func (r goldenRecord) String() string {
	b, _ := json.Marshal([]any{r.Offset, r.Timestamp, r.TimestampType, r.LeaderEpoch, r.Key, r.Value, r.Headers})
	return string(b)
}

func text(b []byte) *string {
	if b == nil {
		return nil
	}
	s := base64.StdEncoding.EncodeToString(b)
	return &s
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// fromClient is what a client saw, in the form of the recordings.
func fromClient(r *kgo.Record) goldenRecord {
	g := goldenRecord{Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), TimestampType: r.Attrs.TimestampType(), Key: text(r.Key), Value: text(r.Value), Headers: [][2]*string{}}
	if r.LeaderEpoch >= 0 {
		g.LeaderEpoch = &r.LeaderEpoch
	}
	for _, h := range r.Headers {
		key := h.Key
		g.Headers = append(g.Headers, [2]*string{&key, text(h.Value)})
	}
	if g.TimestampType < 0 {
		g.Timestamp = -1
	}
	return g
}

// compareServed compares offsets and records of every partition in both isolation levels.
func (g *golden) compareServed(t *testing.T, bootstrap string) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for name, want := range g.Partitions {
		i := strings.LastIndexByte(name, '-')
		topic := name[:i]
		partition, err := strconv.ParseInt(name[i+1:], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		if g.Compare[topic] == "skip" {
			continue
		}
		p := newReader(t, cl, topic, int32(partition))
		prefix := g.Compare[topic] == "prefix"
		check := func(what string, got, want int64) {
			if got != want && !(prefix && got > want) {
				t.Errorf("%s: %s is %d, not %d", name, what, got, want)
			}
		}
		check("log start offset", p.start, want.LogStartOffset)
		check("high watermark", p.end, want.HighWatermark)
		check("last stable offset", p.stable, want.LastStableOffset)
		compareRecords(t, name+" read_uncommitted", p.read(t, kgo.ReadUncommitted(), p.end), want.Records, prefix)
		var committed []goldenRecord
		for _, r := range want.Records {
			for _, run := range want.CommittedRuns {
				if run[0] <= r.Offset && r.Offset <= run[1] {
					committed = append(committed, r)
				}
			}
		}
		compareRecords(t, name+" read_committed", p.read(t, kgo.ReadCommitted(), p.stable), committed, prefix)
	}
}

func compareRecords(t *testing.T, what string, got, want []goldenRecord, prefix bool) {
	t.Helper()
	if prefix && len(got) > len(want) {
		got = got[:len(want)]
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d records, not %d", what, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i].String() != want[i].String() {
			t.Errorf("%s: record %d is\n%s, not\n%s", what, i, got[i], want[i])
			return
		}
	}
}

// reader reads one partition with fetch requests of its own, so that it needs not wait to know that
// there is no more.
type reader struct {
	cl                 *kgo.Client
	topic              string
	partition          int32
	leader             int32
	start, end, stable int64
}

func newReader(t testing.TB, cl *kgo.Client, topic string, partition int32) *reader {
	t.Helper()
	r := &reader{cl: cl, topic: topic, partition: partition}
	adm := kadm.NewClient(cl)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	testkit.Eventually(t, 40*time.Second, fmt.Sprintf("%s-%d has a leader", topic, partition), func() bool { // a broker that has just started has none yet
		m, err := adm.Metadata(ctx, topic)
		if err != nil || m.Topics[topic].Partitions[partition].Err != nil || m.Topics[topic].Partitions[partition].Leader < 0 {
			return false
		}
		r.leader = m.Topics[topic].Partitions[partition].Leader
		for _, list := range []struct {
			fn func(context.Context, ...string) (kadm.ListedOffsets, error)
			to *int64
		}{{adm.ListStartOffsets, &r.start}, {adm.ListEndOffsets, &r.end}, {adm.ListCommittedOffsets, &r.stable}} {
			offsets, _ := list.fn(ctx, topic) // other partitions may have no leader
			o, ok := offsets.Lookup(topic, partition)
			if !ok || o.Err != nil {
				return false
			}
			*list.to = o.Offset
		}
		return true
	})
	return r
}

// read returns the records from the log start up to end, decoded by the client library.
func (r *reader) read(t testing.TB, isolation kgo.IsolationLevel, end int64) []goldenRecord {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	committed := int8(0)
	if isolation == kgo.ReadCommitted() {
		committed = 1
	}
	var all []goldenRecord
	for offset := r.start; offset < end; {
		req := kmsg.NewPtrFetchRequest()
		req.ReplicaID, req.MinBytes, req.MaxBytes, req.IsolationLevel, req.SessionEpoch = -1, 1, 50<<20, committed, -1
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic = r.topic
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = r.partition, offset, 20000, -1
		topic.Partitions = append(topic.Partitions, p)
		req.Topics = append(req.Topics, topic)
		resp, err := req.RequestWith(ctx, r.cl.Broker(int(r.leader)))
		if err != nil {
			t.Fatalf("%s-%d: fetch at %d: %v", r.topic, r.partition, offset, err)
		}
		rp := &resp.Topics[0].Partitions[0]
		if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
			t.Fatalf("%s-%d: fetch at %d: %v", r.topic, r.partition, offset, err)
		}
		if len(rp.RecordBatches) > 16 && rp.RecordBatches[16] == 0 { // the client library does not know the LZ4 frames of magic 0
			var records []goldenRecord
			records, offset = decodeLegacy(t, rp.RecordBatches, offset)
			all = append(all, records...)
			continue
		}
		o := kgo.ProcessFetchPartitionOpts{Topic: r.topic, Partition: r.partition, Offset: offset, IsolationLevel: isolation}
		fetched, next := kgo.ProcessFetchPartition(o, rp, kgo.DefaultDecompressor(), nil)
		if fetched.Err != nil || next <= offset {
			t.Fatalf("%s-%d: fetch at %d of %d gives nothing more, %d bytes: %v", r.topic, r.partition, offset, end, len(rp.RecordBatches), fetched.Err)
		}
		for _, rec := range fetched.Records {
			all = append(all, fromClient(rec))
		}
		offset = next
	}
	return all
}

// decodeLegacy decodes entries of magic 0, and of what follows them in the same log.
func decodeLegacy(t testing.TB, data []byte, offset int64) (records []goldenRecord, next int64) {
	t.Helper()
	next = offset
	for {
		b, rest, err := record.Next(data)
		if err == nil && b != nil {
			err = b.Verify()
		}
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			return records, next
		}
		err = b.ForEach(nil, func(r *record.Record) error {
			if r.Offset < offset {
				return nil
			}
			g := goldenRecord{Offset: r.Offset, Timestamp: r.Timestamp, TimestampType: int8(b.TimestampType()), Key: text(r.Key), Value: text(r.Value), Headers: [][2]*string{}}
			if e := b.LeaderEpoch(); e >= 0 {
				g.LeaderEpoch = &e
			}
			for _, h := range r.Headers() {
				key := string(h.Key)
				g.Headers = append(g.Headers, [2]*string{&key, text(h.Value)})
			}
			records = append(records, g)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		data, next = rest, b.NextOffset()
	}
}

// untext undoes text; nil is empty.
func untext(s *string) string {
	if s == nil {
		return ""
	}
	b, err := base64.StdEncoding.DecodeString(*s)
	if err != nil {
		return *s
	}
	return string(b)
}

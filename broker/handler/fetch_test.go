package handler

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

type fetchPart struct {
	topic     string
	partition int32
	offset    int64
	maxBytes  int32
}

func fetchRequest(version int16, parts ...fetchPart) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.ReplicaID, req.MaxBytes, req.MinBytes = version, -1, 1<<30, 1
	req.SessionEpoch = -1
	for _, p := range parts {
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != p.topic {
			topic := kmsg.NewFetchRequestTopic()
			topic.Topic = p.topic
			req.Topics = append(req.Topics, topic)
		}
		out := kmsg.NewFetchRequestTopicPartition()
		out.Partition, out.FetchOffset, out.PartitionMaxBytes = p.partition, p.offset, p.maxBytes
		if p.maxBytes == 0 {
			out.PartitionMaxBytes = 1 << 20
		}
		last := &req.Topics[len(req.Topics)-1]
		last.Partitions = append(last.Partitions, out)
	}
	return req
}

// fill produces three batches to t-0 and returns what a fetch from 0 gives.
func (b *dataBroker) fill() []byte {
	b.t.Helper()
	c := b.dial()
	for _, v := range []string{"one", "two", "three"} {
		if p := call[*kmsg.ProduceResponse](c, produceRequest(8, 1, "t", batch(nil, v, v))).Topics[0].Partitions[0]; p.ErrorCode != 0 {
			b.t.Fatalf("%+v", p)
		}
	}
	l := b.data.logs[model.TopicPartition{Topic: "t"}]
	read, err := l.Read(0, 1<<20, 0, true)
	if err != nil {
		b.t.Fatal(err)
	}
	defer read.Records.Release()
	all := make([]byte, read.Records.Len())
	if _, err := read.Records.ReadAt(all, 0); err != nil {
		b.t.Fatal(err)
	}
	return all
}

func TestFetchEveryVersion(t *testing.T) {
	b := newDataBroker(t)
	all := b.fill()
	c := b.dial()
	for v := int16(4); v <= 11; v++ {
		for _, isolation := range []int8{0, 1} {
			req := fetchRequest(v, fetchPart{topic: "t"}, fetchPart{topic: "t", partition: 1}, fetchPart{topic: "missing"}, fetchPart{topic: "u", offset: 7})
			req.IsolationLevel = isolation
			frameWant := req.ResponseKind().(*kmsg.FetchResponse)
			resp := call[*kmsg.FetchResponse](c, req)
			if resp.ErrorCode != 0 || resp.SessionID != 0 || len(resp.Topics) != 3 || len(resp.Topics[0].Partitions) != 2 {
				t.Fatalf("v%d: %+v", v, resp)
			}
			p := resp.Topics[0].Partitions[0]
			if p.ErrorCode != 0 || !bytes.Equal(p.RecordBatches, all) || p.HighWatermark != 6 || p.LastStableOffset != 6 || v >= 5 && p.LogStartOffset != 0 || p.PreferredReadReplica != -1 {
				t.Errorf("v%d: %+v", v, p)
			}
			if committed := p.AbortedTransactions != nil; committed != (isolation == 1) {
				t.Errorf("v%d isolation %d: aborted %v", v, isolation, p.AbortedTransactions)
			}
			if p := resp.Topics[0].Partitions[1]; p.ErrorCode != 0 || p.RecordBatches == nil || len(p.RecordBatches) != 0 || p.HighWatermark != 0 {
				t.Errorf("v%d: %+v", v, p)
			}
			for i, want := range map[int]*kerr.Error{1: kerr.UnknownTopicOrPartition, 2: kerr.OffsetOutOfRange} {
				p := resp.Topics[i].Partitions[0]
				if p.ErrorCode != want.Code || p.HighWatermark != -1 || p.LastStableOffset != -1 || p.RecordBatches == nil || p.AbortedTransactions != nil {
					t.Errorf("v%d: %+v, want %v", v, p, want)
				}
			}
			// kmsg encodes what it decoded to the same bytes.
			*frameWant = *resp
			c.send(req)
			frame, err := c.frame()
			if err != nil || !bytes.Equal(frame[4:], frameWant.AppendTo(nil)) {
				t.Errorf("v%d: encoding differs from kmsg's (%v)", v, err)
			}
		}
	}
	b.data.mu.Lock()
	defer b.data.mu.Unlock()
	last := b.data.fetched[len(b.data.fetched)-1]
	if last.MaxBytes != int(b.settings.Load().FetchMaxBytes) || last.MinBytes != 1 || last.MaxWait != 0 || last.HardLimit || last.Version != 11 || last.ClientID != "test" {
		t.Errorf("%+v", last)
	}
	if n, want := b.env.Metrics.Topic("t").BytesOut.Value(), int64(len(all)*32); n != want {
		t.Errorf("%d bytes counted, want %d", n, want)
	}
}

func TestFetchSession(t *testing.T) {
	b := newDataBroker(t)
	c := b.dial()
	req := fetchRequest(11, fetchPart{topic: "t"}, fetchPart{topic: "u"})
	req.SessionEpoch = 0
	full := call[*kmsg.FetchResponse](c, req)
	if full.SessionID == 0 || len(full.Topics) != 2 {
		t.Fatalf("%+v", full)
	}
	next := fetchRequest(11)
	next.SessionID, next.SessionEpoch = full.SessionID, 1
	if resp := call[*kmsg.FetchResponse](c, next); resp.ErrorCode != 0 || resp.SessionID != full.SessionID || len(resp.Topics) != 0 {
		t.Fatalf("%+v", resp)
	}
	b.fill()
	next.SessionEpoch = 2
	if resp := call[*kmsg.FetchResponse](c, next); len(resp.Topics) != 1 || resp.Topics[0].Topic != "t" || len(resp.Topics[0].Partitions[0].RecordBatches) == 0 {
		t.Fatalf("%+v", resp)
	}
	next.SessionEpoch = 9
	if resp := call[*kmsg.FetchResponse](c, next); resp.ErrorCode != kerr.InvalidFetchSessionEpoch.Code || resp.SessionID != 0 || len(resp.Topics) != 0 {
		t.Fatalf("%+v", resp)
	}
	next.SessionID = 12345
	if resp := call[*kmsg.FetchResponse](c, next); resp.ErrorCode != kerr.FetchSessionIDNotFound.Code || resp.SessionID != 0 {
		t.Fatalf("%+v", resp)
	}
}

func TestOldFetchVersionsGetOldFormats(t *testing.T) {
	b := newDataBroker(t)
	all := b.fill()
	c := b.dial()
	for v, magic := range map[int16]int8{0: 0, 1: 0, 2: 1, 3: 1} {
		resp := call[*kmsg.FetchResponse](c, fetchRequest(v, fetchPart{topic: "t", offset: 3}))
		p := resp.Topics[0].Partitions[0]
		if p.ErrorCode != 0 {
			t.Fatalf("v%d: %+v", v, p)
		}
		var values []string
		var offsets []int64
		for rest := p.RecordBatches; ; {
			var m record.Batch
			var err error
			if m, rest, err = record.Next(rest); err != nil {
				t.Fatal(err)
			}
			if m == nil {
				break
			}
			if m.Magic() != magic {
				t.Fatalf("v%d: format %d", v, m.Magic())
			}
			if err := m.ForEach(nil, func(r *record.Record) error {
				values, offsets = append(values, string(r.Value)), append(offsets, r.Offset)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if len(values) != 3 || values[0] != "two" || values[2] != "three" || offsets[0] != 3 || offsets[2] != 5 {
			t.Errorf("v%d: %v at %v", v, values, offsets)
		}
	}
	if n := b.env.Metrics.All.FetchMessageConversions.Value(); n == 0 {
		t.Error("conversions are not counted")
	}
	// A hard limit cuts the batch.
	resp := call[*kmsg.FetchResponse](c, fetchRequest(2, fetchPart{topic: "t", maxBytes: 10}))
	if p := resp.Topics[0].Partitions[0]; len(p.RecordBatches) != 10 || !bytes.Equal(p.RecordBatches, all[:10]) {
		t.Errorf("%d bytes", len(p.RecordBatches))
	}
}

// Where only a transaction's markers are left, which old clients do not know, Kafka announces its
// smallest filler, however many bytes the log had.
func TestOldFetchOfMarkersAloneIsFiller(t *testing.T) {
	b := newDataBroker(t)
	b.fill()
	tp := model.TopicPartition{Topic: "t"}
	l := b.data.logs[tp]
	for range 2 {
		if _, err := l.AppendAsLeader(record.ControlBatch(7, 0, 0, true, 1000), 0, record.OriginCoordinator); err != nil {
			t.Fatal(err)
		}
	}
	l.UpdateHighWatermark(l.LogEndOffset())
	c := b.dial()
	for v := range int16(4) {
		for offset := int64(6); offset < 8; offset++ {
			p := call[*kmsg.FetchResponse](c, fetchRequest(v, fetchPart{topic: "t", offset: offset})).Topics[0].Partitions[0]
			want := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, record.BatchOverhead}
			if p.ErrorCode != 0 || p.HighWatermark != 8 || !bytes.Equal(p.RecordBatches, want) {
				t.Errorf("v%d from %d: error %d, % x", v, offset, p.ErrorCode, p.RecordBatches)
			}
		}
	}
	if p := call[*kmsg.FetchResponse](c, fetchRequest(4, fetchPart{topic: "t", offset: 6})).Topics[0].Partitions[0]; len(p.RecordBatches) != 2*78 {
		t.Errorf("v4: %d bytes", len(p.RecordBatches))
	}
}

func TestConversionRefused(t *testing.T) {
	b := newDataBroker(t)
	b.fill()
	c := b.dial()
	off := *b.topic.Load()
	off.MessageDownconversionEnable = false
	b.topic.Store(&off)
	if p := call[*kmsg.FetchResponse](c, fetchRequest(3, fetchPart{topic: "t"})).Topics[0].Partitions[0]; p.ErrorCode != kerr.UnsupportedVersion.Code || p.HighWatermark != -1 {
		t.Errorf("%+v", p)
	}
	follower := fetchRequest(3, fetchPart{topic: "t"})
	follower.ReplicaID = 2
	if p := call[*kmsg.FetchResponse](c, follower).Topics[0].Partitions[0]; p.ErrorCode != 0 {
		t.Errorf("%+v", p)
	}
	zstd := *b.topic.Load()
	zstd.CompressionType = "zstd"
	b.topic.Store(&zstd)
	for v, want := range map[int16]int16{9: kerr.UnsupportedCompressionType.Code, 10: 0} {
		if p := call[*kmsg.FetchResponse](c, fetchRequest(v, fetchPart{topic: "t"})).Topics[0].Partitions[0]; p.ErrorCode != want {
			t.Errorf("v%d: %+v", v, p)
		}
	}
}

func TestFill(t *testing.T) {
	one := batch(func(o *record.BuilderOptions) { o.Magic = record.Magic1 }, "a")
	for _, size := range []int{len(one), len(one) + 1, len(one) + 12, len(one) + 100} {
		out := fill(bytes.Clone(one), size)
		if len(out) != size {
			t.Errorf("fill to %d has %d bytes", size, len(out))
		}
		if b, rest, err := record.Next(out); b == nil || err != nil {
			t.Errorf("fill to %d: %v", size, err)
		} else if b, _, err := record.Next(rest); b != nil || err != nil {
			t.Errorf("fill to %d: the filler is a batch (%v)", size, err)
		}
	}
	if out := fill(append(bytes.Clone(one), one...), len(one)+3); len(out) != len(one)+3 {
		t.Error(len(out))
	}
	// The first batch counts with all messages that it was converted to.
	first, second := batch(nil, "a", "b", "c"), batch(nil, "d")
	record.Batch(second).SetBaseOffset(3)
	both := append(bytes.Clone(first), second...)
	out, _, err := record.DownConvert(both, record.Magic1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := firstConverted(both, out), len(out)*3/4; got != want {
		t.Errorf("the first batch takes %d bytes of %d, not %d", got, len(out), want)
	}
	if got := firstConverted(both, out[:0]); got != 0 {
		t.Errorf("nothing takes %d bytes", got)
	}
}

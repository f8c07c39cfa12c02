package handler

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

func TestProduceEveryVersion(t *testing.T) {
	b := newDataBroker(t)
	c := b.dial()
	for v := int16(0); v <= 8; v++ {
		for _, acks := range []int16{1, -1} {
			want := b.data.logs[model.TopicPartition{Topic: "t"}].LogEndOffset()
			resp := call[*kmsg.ProduceResponse](c, produceRequest(v, acks, "t", batch(nil, "a", "b"), batch(nil, "c")))
			if len(resp.Topics) != 1 || resp.Topics[0].Topic != "t" || len(resp.Topics[0].Partitions) != 2 {
				t.Fatalf("v%d: %+v", v, resp)
			}
			p := resp.Topics[0].Partitions[0]
			if p.ErrorCode != 0 || p.BaseOffset != want || v >= 2 && p.LogAppendTime != -1 || v >= 5 && p.LogStartOffset != 0 || p.ErrorMessage != nil {
				t.Errorf("v%d: %+v, want offset %d", v, p, want)
			}
			if p := resp.Topics[0].Partitions[1]; p.Partition != 1 || p.ErrorCode != 0 || p.BaseOffset != want/2 {
				t.Errorf("v%d: %+v, want offset %d", v, p, want/2)
			}
		}
	}
	if n := b.env.Metrics.Topic("t").MessagesIn.Value(); n != 54 {
		t.Errorf("%d messages counted", n)
	}
}

// A producer that was there before a restart keeps records and sends them at once; they are not
// refused because the controller has not told of their partitions yet.
func TestProduceWaitsForTheFirstBroker(t *testing.T) {
	b := newDataBroker(t)
	told := b.env.Metadata.Snapshot()
	b.env.Metadata = metadata.NewCache("cluster")
	c := b.dial()
	c.send(produceRequest(8, 1, "t", batch(nil, "a")))
	answered := make(chan struct{})
	resp := kmsg.NewPtrProduceResponse()
	resp.Version = 8
	go func() {
		defer close(answered)
		c.receive(c.nextID, resp)
	}()
	select {
	case <-answered:
		t.Errorf("answered before anything was known: %+v", resp.Topics)
	case <-time.After(50 * time.Millisecond):
	}
	p, _ := told.Partition(model.TopicPartition{Topic: "t"})
	b.env.Metadata.Apply(metadata.Update{ControllerID: 1, Brokers: told.AliveBrokers(), Partitions: []metadata.PartitionUpdate{{Topic: "t", Partition: *p}}})
	if <-answered; resp.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Errorf("%+v", resp.Topics[0])
	}
}

func TestProduceErrors(t *testing.T) {
	zstd := func(o *record.BuilderOptions) { o.Codec = record.Zstd }
	magic1 := func(o *record.BuilderOptions) { o.Magic = record.Magic1 }
	transactional := func(o *record.BuilderOptions) {
		o.Transactional, o.ProducerID, o.ProducerEpoch, o.BaseSequence = true, 5, 0, 0
	}
	two := append(batch(nil, "a"), batch(nil, "b")...)
	for _, test := range []struct {
		name    string
		version int16
		acks    int16
		client  string
		topic   string
		records []byte
		want    *kerr.Error
	}{
		{"unknown topic", 8, 1, "", "missing", batch(nil, "a"), kerr.UnknownTopicOrPartition},
		{"bad acks", 8, 2, "", "t", batch(nil, "a"), kerr.InvalidRequiredAcks},
		{"bad acks on an internal topic", 8, -2, "", model.OffsetsTopic, batch(nil, "a"), kerr.InvalidRequiredAcks},
		{"internal topic", 8, 1, "", model.OffsetsTopic, batch(nil, "a"), kerr.InvalidTopicException},
		{"internal topic by the admin client", 8, 1, adminClientID, model.OffsetsTopic, batch(nil, "a"), nil},
		{"two batches", 3, 1, "", "t", two, kerr.InvalidRecord},
		{"two messages in an old version", 2, 1, "", "t", append(batch(magic1, "a"), batch(magic1, "b")...), nil},
		{"format 1", 3, 1, "", "t", batch(magic1, "a"), kerr.InvalidRecord},
		{"format 1 in an old version", 2, 1, "", "t", batch(magic1, "a"), nil},
		{"zstd before v7", 6, 1, "", "t", batch(zstd, "a"), kerr.UnsupportedCompressionType},
		{"zstd", 7, 1, "", "t", batch(zstd, "a"), nil},
		{"transactional without an id", 8, 1, "", "t", batch(transactional, "a"), kerr.TransactionalIDAuthorizationFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newDataBroker(t)
			c := b.dial()
			if test.client != "" {
				c.id = test.client
			}
			resp := call[*kmsg.ProduceResponse](c, produceRequest(test.version, test.acks, test.topic, test.records))
			p := resp.Topics[0].Partitions[0]
			if test.want == nil {
				if p.ErrorCode != 0 || p.BaseOffset != 0 {
					t.Fatalf("%+v", p)
				}
				return
			}
			if p.ErrorCode != test.want.Code || p.BaseOffset != -1 || p.LogStartOffset != -1 || p.ErrorMessage != nil {
				t.Fatalf("%+v, want %v", p, test.want)
			}
		})
	}
}

func TestRejectedRecordsAreNamed(t *testing.T) {
	b := newDataBroker(t)
	b.data.failWith(model.TopicPartition{Topic: "t"}, &record.ValidationError{Err: kerr.InvalidRecord, Message: "bad", Records: []record.RecordError{{Index: 3, Message: "worse"}}})
	p := call[*kmsg.ProduceResponse](b.dial(), produceRequest(8, 1, "t", batch(nil, "a"))).Topics[0].Partitions[0]
	if p.ErrorCode != 87 || p.ErrorMessage == nil || *p.ErrorMessage != "bad" || len(p.ErrorRecords) != 1 || p.ErrorRecords[0].RelativeOffset != 3 || *p.ErrorRecords[0].ErrorMessage != "worse" {
		t.Fatalf("%+v", p)
	}
}

func TestProduceThatClosesTheConnection(t *testing.T) {
	b := newDataBroker(t)
	whole := batch(nil, "a")
	for name, req := range map[string]*kmsg.ProduceRequest{
		"null records":              produceRequest(8, 1, "t", nil),
		"empty records":             produceRequest(8, 1, "t", []byte{}),
		"truncated batch":           produceRequest(8, 1, "t", whole[:len(whole)-1]),
		"truncated batch in v0":     produceRequest(0, 1, "t", whole[:len(whole)-1]),
		"no batch":                  produceRequest(8, 1, "t", make([]byte, 100)),
		"acks=0 with an error":      produceRequest(8, 0, "missing", whole),
		"second partition is empty": produceRequest(8, 1, "t", whole, []byte{}),
	} {
		t.Run(name, func(t *testing.T) {
			c := b.dial()
			c.t = t
			c.send(req)
			c.expectClosed()
		})
	}
	if end := b.data.logs[model.TopicPartition{Topic: "t"}].LogEndOffset(); end != 0 {
		t.Errorf("%d records were appended", end)
	}
}

func TestProduceWithoutAcknowledgement(t *testing.T) {
	b := newDataBroker(t)
	c := b.dial()
	c.send(produceRequest(8, 0, "t", batch(nil, "a", "b")))
	if p := call[*kmsg.ProduceResponse](c, produceRequest(8, 1, "t", batch(nil, "c"))).Topics[0].Partitions[0]; p.BaseOffset != 2 {
		t.Fatalf("%+v", p)
	}
}

// Appends of one connection happen in order while the earlier ones still wait for replicas; answers
// come in order; a request of another kind is answered after them.
func TestProducePipelines(t *testing.T) {
	b := newDataBroker(t)
	release := b.data.holdAppends()
	c := b.dial()
	const n = 5
	for range n {
		c.send(produceRequest(8, -1, "t", batch(nil, "a")))
	}
	c.send(produceRequest(8, 1, "t", batch(nil, "a")))
	c.send(kmsg.NewPtrApiVersionsRequest())
	other := b.dial()
	for b.data.end("t", 0) < n+1 { // nothing was acknowledged, all is appended
		call[*kmsg.ApiVersionsResponse](other, kmsg.NewPtrApiVersionsRequest())
	}
	release()
	for i := range int32(n + 1) {
		resp := kmsg.NewPtrProduceResponse()
		resp.Version = 8
		c.receive(i+1, resp)
		if p := resp.Topics[0].Partitions[0]; p.BaseOffset != int64(i) || p.ErrorCode != 0 {
			t.Fatalf("%+v", p)
		}
	}
	c.receive(n+2, kmsg.NewPtrApiVersionsResponse())
}

func (d *fakeData) end(topic string, partition int32) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.logs[model.TopicPartition{Topic: topic, Partition: partition}].LogEndOffset()
}

package handler

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/broker/quota"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// What is here tests the lines of "The window of five" in docs/architecture.md that are the
// handlers'.

// numbered is a batch of one record of an idempotent producer.
func numbered(producer int64, epoch int16, sequence int32) []byte {
	return batch(func(o *record.BuilderOptions) {
		o.ProducerID, o.ProducerEpoch, o.BaseSequence = producer, epoch, sequence
	}, "v")
}

// appear makes a partition known to the broker, with a log of its own, or unknown again.
func (b *dataBroker) appear(tp model.TopicPartition, known bool) {
	state := model.LeaderAndISR{Leader: 1, LeaderEpoch: 3, ISR: []int32{1}}
	if !known {
		state.Leader = model.LeaderDuringDelete
	}
	b.env.Metadata.Apply(metadata.Update{ControllerID: 1, Brokers: b.env.Metadata.Snapshot().AliveBrokers(),
		Partitions: []metadata.PartitionUpdate{{Topic: tp.Topic, Partition: metadata.Partition{ID: tp.Partition, LeaderAndISR: state, Replicas: []int32{1}}}}})
}

// produced sends one batch to partition 0 of t and returns the error code.
func (c *client) produced(records []byte) int16 {
	c.t.Helper()
	return call[*kmsg.ProduceResponse](c, produceRequest(8, -1, "t", records)).Topics[0].Partitions[0].ErrorCode
}

// A partition becomes known, or this broker its leader, between two requests of a pipeline: what
// was sent behind the refused request is refused as well, until that comes again. The log does not
// know the producer, and would take any sequence.
func TestNothingOvertakesARefusedBatch(t *testing.T) {
	tp := model.TopicPartition{Topic: "t"}
	for name, reason := range map[string]struct {
		fail, heal func(b *dataBroker)
		want       *kerr.Error
	}{
		"unknown topic": {func(b *dataBroker) { b.appear(tp, false) }, func(b *dataBroker) { b.appear(tp, true) }, kerr.UnknownTopicOrPartition},
		"not leader":    {func(b *dataBroker) { b.data.failWith(tp, kerr.NotLeaderForPartition) }, func(b *dataBroker) { b.data.failWith(tp, nil) }, kerr.NotLeaderForPartition},
		"few replicas":  {func(b *dataBroker) { b.data.failWith(tp, kerr.NotEnoughReplicas) }, func(b *dataBroker) { b.data.failWith(tp, nil) }, kerr.NotEnoughReplicas},
	} {
		t.Run(name, func(t *testing.T) {
			b := newDataBroker(t)
			c := b.dial()
			c.t = t
			expect := func(what string, records []byte, want *kerr.Error) {
				t.Helper()
				code := int16(0)
				if want != nil {
					code = want.Code
				}
				if got := c.produced(records); got != code {
					t.Fatalf("%s: error code %d, want %d", what, got, code)
				}
			}
			// leaveGap has the first batch of a producer refused, and those that were sent behind it.
			leaveGap := func(producer int64) {
				t.Helper()
				reason.fail(b)
				expect("the first", numbered(producer, 0, 0), reason.want)
				reason.heal(b)
				for i := range int32(behindGap) {
					expect("one that was sent behind it", numbered(producer, 0, 1+i), reason.want)
				}
			}
			leaveGap(7)
			expect("another producer", numbered(8, 0, 5), nil)
			expect("one without producer", batch(nil, "v"), nil)
			for i := range int32(5) {
				expect("sent again", numbered(7, 0, i), nil)
			}
			expect("a repetition", numbered(7, 0, 2), nil)

			reason.fail(b)
			expect("the next", numbered(7, 0, 5), reason.want)
			reason.heal(b)
			expect("a new epoch", numbered(7, 1, 0), nil)

			// A producer that gives a batch up and goes on with the same epoch is not kept waiting
			// for ever.
			leaveGap(9)
			expect("later", numbered(9, 0, 5), nil)
			if end := b.data.end("t", 0); end != 9 {
				t.Errorf("the log ends at %d", end)
			}
		})
	}
}

// Errors that do not pass leave no gap: the producer gives the sequence of the refused batch to the
// next one.
func TestRefusedForGoodLeavesNoGap(t *testing.T) {
	b := newDataBroker(t)
	c := b.dial()
	b.data.failWith(model.TopicPartition{Topic: "t"}, kerr.MessageTooLarge)
	if code := c.produced(numbered(7, 0, 0)); code != kerr.MessageTooLarge.Code {
		t.Fatal(code)
	}
	b.data.failWith(model.TopicPartition{Topic: "t"}, nil)
	if code := c.produced(numbered(7, 0, 1)); code != 0 {
		t.Fatal(code)
	}
}

func TestGapsAreBounded(t *testing.T) {
	var g gaps
	for i := range int32(maxGaps + 10) {
		g = g.note(model.TopicPartition{Topic: "t", Partition: i}, numbered(7, 0, 0), kerr.NotLeaderForPartition)
	}
	if len(g) != maxGaps {
		t.Errorf("%d gaps", len(g))
	}
	tp := model.TopicPartition{Topic: "wrapped"}
	g = g.note(tp, numbered(7, 0, 1<<31-1), kerr.NotLeaderForPartition)
	if g.refuse(tp, numbered(7, 0, 0)) == nil {
		t.Error("a batch behind a gap at the last sequence was admitted")
	}
	if g.refuse(tp, numbered(7, 0, 1<<31-2)) != nil {
		t.Error("a batch before the gap was refused")
	}
}

// waitAppended waits until partition 0 of t has n records, though nothing is acknowledged.
func (b *dataBroker) waitAppended(n int64) {
	other := b.dial()
	for b.data.end("t", 0) < n {
		call[*kmsg.ApiVersionsResponse](other, kmsg.NewPtrApiVersionsRequest())
	}
}

// receiveProduced reads n answers and returns their error codes.
func (c *client) receiveProduced(n int) (codes []int16) {
	c.t.Helper()
	for id := range int32(n) {
		resp := kmsg.NewPtrProduceResponse()
		resp.Version = 8
		c.receive(id+1, resp)
		codes = append(codes, resp.Topics[0].Partitions[0].ErrorCode)
	}
	return codes
}

// Answers keep the order of the requests, when some wait for replicas and those behind them are
// refused at once.
func TestAnswersKeepTheOrderWhenLeadershipEndsInMidPipeline(t *testing.T) {
	b := newDataBroker(t)
	release := b.data.holdAppends()
	c := b.dial()
	for i := range int32(3) {
		c.send(produceRequest(8, -1, "t", numbered(7, 0, i)))
	}
	b.waitAppended(3)
	b.data.failWith(model.TopicPartition{Topic: "t"}, kerr.NotLeaderForPartition)
	for i := range int32(2) {
		c.send(produceRequest(8, -1, "t", numbered(7, 0, 3+i)))
	}
	release()
	lost := kerr.NotLeaderForPartition.Code
	if codes := c.receiveProduced(5); !slices.Equal(codes, []int16{0, 0, 0, lost, lost}) {
		t.Fatal(codes)
	}
}

// Answers that wait are written before the connection is closed: for a request with acks=0 that
// failed, for one that does not parse, and when the client has sent all that it wants to.
func TestUnansweredRequestsAreAnsweredBeforeTheEnd(t *testing.T) {
	for name, end := range map[string]func(c *client){
		"acks=0 failed":  func(c *client) { c.send(produceRequest(8, 0, "missing", batch(nil, "v"))) },
		"rubbish":        func(c *client) { c.raw([]byte{0, 0, 0, 4, 0, 0, 0, 99}) },
		"a bad length":   func(c *client) { c.raw([]byte{0xff, 0, 0, 0}) },
		"end of sending": func(c *client) { _ = c.Conn.(*net.TCPConn).CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			b := newDataBroker(t)
			release := b.data.holdAppends()
			c := b.dial()
			c.t = t
			for i := range int32(3) {
				c.send(produceRequest(8, -1, "t", numbered(7, 0, i)))
			}
			end(c)
			b.waitAppended(3)
			release()
			if codes := c.receiveProduced(3); !slices.Equal(codes, []int16{0, 0, 0}) {
				t.Fatal(codes)
			}
			c.expectClosed()
		})
	}
}

// A request that is throttled is answered at once; what was sent behind it is not even appended
// before the time is over.
func TestThrottledPipeline(t *testing.T) {
	b := newDataBroker(t)
	b.limit("test", map[string]string{quota.ProducerByteRate: "20000"})
	c := b.dial()
	c.send(produceRequest(8, -1, "t", batch(nil, strings.Repeat("x", 210_000)))) // takes ten seconds, of which one or two are waited for
	for range 3 {
		c.send(produceRequest(8, -1, "t", batch(nil, "small")))
	}
	resp := kmsg.NewPtrProduceResponse()
	resp.Version = 8
	c.receive(1, resp)
	if resp.ThrottleMillis <= 0 {
		t.Fatalf("not throttled: %+v", resp)
	}
	if end := b.data.end("t", 0); end != 1 {
		t.Fatalf("%d records appended while the connection was muted", end)
	}
	for id := range int32(3) {
		c.receive(id+2, resp)
		if p := resp.Topics[0].Partitions[0]; p.BaseOffset != int64(id)+1 {
			t.Errorf("answer %d: %+v", id+2, p)
		}
	}
}

// A request of another kind sees what the pipeline before it did: it waits for its answers.
func TestOtherRequestsSeeThePipelineBeforeThem(t *testing.T) {
	b := newDataBroker(t)
	release := b.data.holdAppends()
	c := b.dial()
	c.send(produceRequest(8, -1, "t", batch(nil, "a", "b")))
	c.send(listRequest(5, -1, "t"))
	b.waitAppended(2)
	b.data.mu.Lock()
	asked := len(b.data.queries)
	b.data.mu.Unlock()
	if asked != 0 {
		t.Fatal("ListOffsets ran before the request in front of it was answered")
	}
	release()
	c.receiveProduced(1)
	resp := kmsg.NewPtrListOffsetsResponse()
	resp.Version = 5
	c.receive(2, resp)
	if o := resp.Topics[0].Partitions[0].Offset; o != 2 {
		t.Errorf("offset %d", o)
	}
}

// The timeout of a request begins when the requests before it are answered, so that those behind a
// slow one are not failed with it.
func TestTimeoutsOfAPipelineFollowEachOther(t *testing.T) {
	b := newDataBroker(t)
	release := b.data.holdAppends()
	c := b.dial()
	for i := range int32(3) {
		req := produceRequest(8, -1, "t", numbered(7, 0, i))
		req.TimeoutMillis = 1000 + i
		c.send(req)
	}
	b.waitAppended(3)
	timeouts := func() []time.Duration {
		b.data.mu.Lock()
		defer b.data.mu.Unlock()
		return slices.Clone(b.data.waiting)
	}
	for other := b.dial(); len(timeouts()) == 0; {
		call[*kmsg.ApiVersionsResponse](other, kmsg.NewPtrApiVersionsRequest())
	}
	if waiting := timeouts(); !slices.Equal(waiting, []time.Duration{1000 * time.Millisecond}) {
		t.Fatalf("waiting with timeouts %v", waiting)
	}
	release()
	c.receiveProduced(3)
}

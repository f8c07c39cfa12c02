package handler

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/quota"
	"momus/internal/model"
)

// limit sets the quotas of a client id.
func (b *dataBroker) limit(client string, settings map[string]string) {
	b.t.Helper()
	if err := b.env.Quotas.Apply(quota.Entity{Client: quota.Name{Kind: quota.Named, Text: client}}, settings); err != nil {
		b.t.Error(err)
	}
}

// servedAgain tells how long after a request was sent the connection answers the next one.
func servedAgain(c *client, sent time.Time) time.Duration {
	call[*kmsg.ApiVersionsResponse](c, kmsg.NewPtrApiVersionsRequest())
	return time.Since(sent)
}

func TestProduceQuota(t *testing.T) {
	b := newDataBroker(t)
	for client, acks := range map[string]int16{"leader": 1, "all": -1} {
		b.limit(client, map[string]string{quota.ProducerByteRate: "2000"})
		c := b.dial()
		c.id = client
		if resp := call[*kmsg.ProduceResponse](c, produceRequest(8, acks, "t", batch(nil, "small"))); resp.ThrottleMillis != 0 {
			t.Errorf("acks %d: throttled within the quota: %+v", acks, resp)
		}
		end, began := b.data.end("t", 0), time.Now()
		resp := call[*kmsg.ProduceResponse](c, produceRequest(8, acks, "t", batch(nil, strings.Repeat("x", 21000)))) // in 10 s
		throttle := time.Duration(resp.ThrottleMillis) * time.Millisecond
		if throttle <= 0 {
			t.Errorf("acks %d: throttled for %v", acks, throttle)
		}
		if b.data.end("t", 0) != end+1 {
			t.Errorf("acks %d: the records of the request that was throttled are not there", acks)
		}
		if after := servedAgain(c, began); after < throttle {
			t.Errorf("acks %d: throttled for %v, served again after %v", acks, throttle, after)
		}
	}
	other := b.dialAs("other")
	if resp := call[*kmsg.ProduceResponse](other, produceRequest(8, 1, "t", batch(nil, strings.Repeat("x", 50000)))); resp.ThrottleMillis != 0 {
		t.Errorf("another client is throttled for %d ms", resp.ThrottleMillis)
	}
}

func TestProduceQuotaWithoutAcknowledgement(t *testing.T) {
	b := newDataBroker(t)
	b.limit("test", map[string]string{quota.ProducerByteRate: "2000"})
	c := b.dial()
	began := time.Now()
	c.send(produceRequest(8, 0, "t", batch(nil, strings.Repeat("x", 20500))))
	if after := servedAgain(c, began); after < 200*time.Millisecond { // 20.6 kB in 10 s
		t.Errorf("served again after %v", after)
	}
}

func TestFetchQuota(t *testing.T) {
	b := newDataBroker(t)
	b.fill()
	big := b.dialAs("other")
	call[*kmsg.ProduceResponse](big, produceRequest(8, 1, "t", batch(nil, strings.Repeat("x", 20500))))
	b.limit("test", map[string]string{quota.ConsumerByteRate: "2000"})
	c := b.dial()
	// The session exists before it is throttled.
	full := fetchRequest(11, fetchPart{topic: "u"})
	full.SessionEpoch, full.MinBytes = 0, 0
	first := call[*kmsg.FetchResponse](c, full)
	if first.ThrottleMillis != 0 || first.SessionID == 0 {
		t.Fatalf("%+v", first)
	}
	next := fetchRequest(11, fetchPart{topic: "t", offset: 6})
	next.SessionID, next.SessionEpoch = first.SessionID, 1
	began := time.Now()
	resp := call[*kmsg.FetchResponse](c, next)
	throttle := time.Duration(resp.ThrottleMillis) * time.Millisecond
	if throttle < 200*time.Millisecond || resp.ErrorCode != 0 || resp.SessionID != first.SessionID || len(resp.Topics) != 0 {
		t.Fatalf("throttled for %v with %+v", throttle, resp)
	}
	if after := servedAgain(c, began); after < throttle {
		t.Errorf("throttled for %v, served again after %v", throttle, after)
	}
	// What was not sent does not count, and the session goes on.
	if used := b.env.Quotas.Fetch.Usage(time.Now()); len(used) != 1 || used[0].PerSecond > 100 {
		t.Errorf("used %+v", used)
	}
	b.limit("test", map[string]string{quota.ConsumerByteRate: "1000000"})
	again := fetchRequest(11)
	again.SessionID, again.SessionEpoch = first.SessionID, 2
	if resp := call[*kmsg.FetchResponse](c, again); resp.ThrottleMillis != 0 || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions[0].RecordBatches) < 20500 {
		t.Errorf("after the throttle: %d ms, %d topics", resp.ThrottleMillis, len(resp.Topics))
	}
	// A full fetch that is throttled makes no session.
	b.limit("test", map[string]string{quota.ConsumerByteRate: "2000"})
	full = fetchRequest(11, fetchPart{topic: "t", offset: 6})
	full.SessionEpoch = 0
	if resp := call[*kmsg.FetchResponse](c, full); resp.ThrottleMillis == 0 || resp.SessionID != 0 || len(resp.Topics) != 0 {
		t.Errorf("%d ms, session %d", resp.ThrottleMillis, resp.SessionID)
	}
	// Followers have no quota.
	follower := b.dial()
	full.ReplicaID, full.SessionEpoch = 2, -1
	if resp := call[*kmsg.FetchResponse](follower, full); resp.ThrottleMillis != 0 || len(resp.Topics) != 1 {
		t.Errorf("follower: %d ms, %d topics", resp.ThrottleMillis, len(resp.Topics))
	}
}

// TestFetchesAreBoundedByTheQuota asks for more than all windows may have.
func TestFetchesAreBoundedByTheQuota(t *testing.T) {
	b := newDataBroker(t)
	b.limit("test", map[string]string{quota.ConsumerByteRate: "250"})
	c := b.dial()
	req := fetchRequest(11, fetchPart{topic: "t"})
	req.MinBytes = 1 << 20
	call[*kmsg.FetchResponse](c, req)
	req.ReplicaID = 2
	call[*kmsg.FetchResponse](c, req)
	b.data.mu.Lock()
	defer b.data.mu.Unlock()
	for i, want := range []int{2500, min(1<<30, int(b.settings.Load().FetchMaxBytes))} { // ten windows; a follower has no quota
		if p := b.data.fetched[i]; p.MaxBytes != want || p.MinBytes != min(1<<20, want) {
			t.Errorf("fetch %d: %d to %d bytes, want at most %d", i, p.MinBytes, p.MaxBytes, want)
		}
	}
}

func TestRequestQuota(t *testing.T) {
	b := newDataBroker(t)
	b.limit("test", map[string]string{quota.RequestPercentage: "0.0000001"})
	c := b.dial()
	began := time.Now()
	resp := call[*kmsg.ApiVersionsResponse](c, func() *kmsg.ApiVersionsRequest {
		req := kmsg.NewPtrApiVersionsRequest()
		req.Version = 2
		return req
	}())
	if resp.ThrottleMillis != 1000 { // one window at most
		t.Errorf("throttled for %d ms", resp.ThrottleMillis)
	}
	if after := servedAgain(c, began); after < time.Second {
		t.Errorf("served again after %v", after)
	}
	if n := b.env.Quotas.Request.Muted(began); n != 1 { // at that time as it is known now: for longer
		t.Errorf("%d connections are throttled", n)
	}
	// Requests of brokers do not count.
	other := b.dial()
	markers := kmsg.NewPtrWriteTxnMarkersRequest()
	b.env.HostedFormat = func(model.TopicPartition) (int8, bool) { return 2, false }
	for range 3 {
		call[*kmsg.WriteTxnMarkersResponse](other, markers)
	}
	if n := b.env.Quotas.Request.Muted(began); n != 1 {
		t.Errorf("%d connections are throttled, also of brokers", n)
	}
	if b.env.Quotas.Exempt(time.Now()) <= 0 {
		t.Error("the time of exempt requests is not counted")
	}
}

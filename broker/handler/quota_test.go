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

// mutedFor tells how long the connection is not answered.
func mutedFor(c *client) time.Duration {
	began := time.Now()
	call[*kmsg.ApiVersionsResponse](c, kmsg.NewPtrApiVersionsRequest())
	return time.Since(began)
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
		took := time.Since(began)
		throttle := time.Duration(resp.ThrottleMillis) * time.Millisecond
		if throttle <= 0 || took > 5*time.Second {
			t.Errorf("acks %d: throttled for %v, answered after %v", acks, throttle, took)
		}
		if b.data.end("t", 0) != end+1 {
			t.Errorf("acks %d: the records of the request that was throttled are not there", acks)
		}
		if muted := mutedFor(c); took+muted < throttle {
			t.Errorf("acks %d: throttled for %v, served again after %v", acks, throttle, took+muted)
		}
	}
	other := b.dial()
	other.id = "other"
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
	mutedFor(c)
	if took := time.Since(began); took < 200*time.Millisecond { // 20.6 kB in 10 s
		t.Errorf("served again after %v", took)
	}
}

func TestFetchQuota(t *testing.T) {
	b := newDataBroker(t)
	b.fill()
	big := b.dial()
	big.id = "other"
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
	resp := call[*kmsg.FetchResponse](c, next)
	throttle := time.Duration(resp.ThrottleMillis) * time.Millisecond
	if throttle < 200*time.Millisecond || resp.ErrorCode != 0 || resp.SessionID != first.SessionID || len(resp.Topics) != 0 {
		t.Fatalf("throttled for %v with %+v", throttle, resp)
	}
	if muted := mutedFor(c); muted < throttle-50*time.Millisecond {
		t.Errorf("throttled for %v, served again after %v", throttle, muted)
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
	for i, want := range []int{2500, min(1<<30, int(b.broker.Load().FetchMaxBytes))} { // ten windows; a follower has no quota
		if p := b.data.fetched[i]; p.MaxBytes != want || p.MinBytes != min(1<<20, want) {
			t.Errorf("fetch %d: %d to %d bytes, want at most %d", i, p.MinBytes, p.MaxBytes, want)
		}
	}
}

func TestRequestQuota(t *testing.T) {
	b := newDataBroker(t)
	b.limit("test", map[string]string{quota.RequestPercentage: "0.0000001"})
	c := b.dial()
	resp := call[*kmsg.ApiVersionsResponse](c, func() *kmsg.ApiVersionsRequest {
		req := kmsg.NewPtrApiVersionsRequest()
		req.Version = 2
		return req
	}())
	if resp.ThrottleMillis != 1000 { // one window at most
		t.Errorf("throttled for %d ms", resp.ThrottleMillis)
	}
	if muted := mutedFor(c); muted < 900*time.Millisecond {
		t.Errorf("served again after %v", muted)
	}
	if n := b.env.Quotas.Request.Muted(time.Now()); n == 0 {
		t.Error("no connection is throttled")
	}
	// Requests of brokers do not count.
	other := b.dial()
	markers := kmsg.NewPtrWriteTxnMarkersRequest()
	b.env.HostedFormat = func(model.TopicPartition) (int8, bool) { return 2, false }
	began := time.Now()
	for range 3 {
		call[*kmsg.WriteTxnMarkersResponse](other, markers)
	}
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
	if b.env.Quotas.Exempt(time.Now()) <= 0 {
		t.Error("the time of exempt requests is not counted")
	}
}

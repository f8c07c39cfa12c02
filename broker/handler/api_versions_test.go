package handler

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/protocol"
	"momus/internal/kerr"
)

func TestApiVersionsListsTheTable(t *testing.T) {
	b := newDataBroker(t)
	c := b.dial()
	for v := int16(0); v <= 3; v++ {
		req := kmsg.NewPtrApiVersionsRequest()
		req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion = v, "a.b-c", "1"
		resp := call[*kmsg.ApiVersionsResponse](c, req)
		if resp.ErrorCode != 0 || len(resp.ApiKeys) != len(rows()) {
			t.Fatalf("v%d: %+v", v, resp)
		}
		last := int16(-1)
		for _, k := range resp.ApiKeys {
			info, ok := protocol.Lookup(k.ApiKey)
			if !ok || k.MinVersion != 0 || k.MaxVersion != info.Max || k.ApiKey <= last {
				t.Errorf("%+v", k)
			}
			last = k.ApiKey
		}
	}
}

func TestApiVersionsOfTheFuture(t *testing.T) {
	b := newDataBroker(t)
	for _, v := range []int16{4, 99, -1} {
		c := b.dial()
		frame := protocol.AppendRequestHeader(nil, protocol.ApiVersions, v, 5, &c.id)
		c.raw(append(protocol.AppendArrayLen(nil, len(frame)), frame...))
		resp := kmsg.NewPtrApiVersionsResponse() // always in v0
		c.receive(5, resp)
		if resp.ErrorCode != kerr.UnsupportedVersion.Code || len(resp.ApiKeys) != 1 || resp.ApiKeys[0].ApiKey != 18 || resp.ApiKeys[0].MaxVersion != 3 {
			t.Errorf("v%d: %+v", v, resp)
		}
	}
}

func TestApiVersionsChecksTheSoftwareName(t *testing.T) {
	b := newDataBroker(t)
	c := b.dial()
	for name, ok := range map[string]bool{"a": true, "apache-kafka-java": true, "1.2": true, "": false, "-a": false, "a-": false, "a b": false, ".": false, "ä": false} {
		for _, swap := range []bool{false, true} {
			req := kmsg.NewPtrApiVersionsRequest()
			req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion = 3, name, "1"
			if swap {
				req.ClientSoftwareName, req.ClientSoftwareVersion = "x", name
			}
			resp := call[*kmsg.ApiVersionsResponse](c, req)
			if (resp.ErrorCode == 0) != ok || (len(resp.ApiKeys) > 0) != ok || !ok && resp.ErrorCode != kerr.InvalidRequest.Code {
				t.Errorf("%q: %+v", name, resp.ErrorCode)
			}
		}
	}
}

func TestOldProtocolHidesTransactions(t *testing.T) {
	b := newDataBroker(t)
	old := *b.settings.Load()
	old.Protocol = "0.10.2"
	b.env.apis = append(b.env.apis, protocol.API{Key: protocol.EndTxn, Name: "EndTxn", Max: 1})
	b.env.Settings = func() Settings { return old }
	resp := call[*kmsg.ApiVersionsResponse](b.dial(), kmsg.NewPtrApiVersionsRequest())
	for _, k := range resp.ApiKeys {
		if k.ApiKey >= 24 && k.ApiKey <= 28 {
			t.Errorf("%+v is listed", k)
		}
	}
	// Kafka's authenticator answers before it knows who asks, and does not look at the key.
	h := protocol.Header{Key: protocol.ApiVersions}
	before, ok := b.env.strangerVersions(&session{}, h, nil)
	if n := len(before.(*kmsg.ApiVersionsResponse).ApiKeys); !ok || n != len(resp.ApiKeys)+6 { // 24 to 28, and EndTxn again
		t.Errorf("before the login %d APIs are listed, after it %d", n, len(resp.ApiKeys))
	}
}

// What Kafka does not know or cannot parse closes the connection, and no other.
func TestBadRequestsCloseTheConnection(t *testing.T) {
	b := newDataBroker(t)
	other := b.dial()
	for name, frame := range map[string][]byte{
		"empty":               {},
		"short header":        {0, 3, 0, 1},
		"unknown key":         {0, 48, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"negative key":        {0xff, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"version too high":    {0, 3, 0, 10, 0, 0, 0, 1, 0xff, 0xff, 0, 1, 0, 0, 0, 0},
		"negative version":    {0, 3, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0},
		"no client id":        {0, 3, 0, 1, 0, 0, 0, 1},
		"truncated body":      {0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0},
		"huge array":          {0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff},
		"huge tag count":      {0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0, 1, 1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"truncated produce":   {0, 0, 0, 8, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 1},
		"truncated fetch":     {0, 1, 0, 11, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 1},
		"future API versions": {0, 18, 0, 9, 0, 0, 0, 1, 0, 1, 'a'},
	} {
		t.Run(name, func(t *testing.T) {
			c := b.dial()
			c.t = t
			c.raw(append(protocol.AppendArrayLen(nil, len(frame)), frame...))
			c.expectClosed()
		})
	}
	call[*kmsg.ApiVersionsResponse](other, kmsg.NewPtrApiVersionsRequest())
}

// Whoever asks for topics that do not exist must not fill the broker's metrics with them.
func TestTopicsOfStrangersHaveNoMetrics(t *testing.T) {
	b := newDataBroker(t)
	c := b.dial()
	fetch := kmsg.NewPtrFetchRequest()
	fetch.Version, fetch.MaxBytes, fetch.SessionEpoch = 11, 1<<20, -1
	fetch.Topics = []kmsg.FetchRequestTopic{{Topic: "nobody", Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}}}
	if resp := call[*kmsg.FetchResponse](c, fetch); resp.Topics[0].Partitions[0].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Fatalf("%+v", resp)
	}
	if resp := call[*kmsg.ProduceResponse](c, produceRequest(7, 1, "nobody", batch(nil, "v"))); resp.Topics[0].Partitions[0].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Fatalf("%+v", resp)
	}
	families, err := b.env.Metrics.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.Contains(f.String(), "nobody") {
			t.Errorf("%s has a series for a topic that does not exist", f.GetName())
		}
	}
}

func TestBytesBehindTheBodyAreIgnored(t *testing.T) {
	b := newDataBroker(t)
	c := b.dial()
	req := kmsg.NewPtrApiVersionsRequest()
	frame := append(protocol.AppendRequest(nil, req, 9, nil)[4:], 1, 2, 3)
	c.raw(append(protocol.AppendArrayLen(nil, len(frame)), frame...))
	c.receive(9, kmsg.NewPtrApiVersionsResponse())
}

func TestTableIsInKeyOrder(t *testing.T) {
	last := protocol.Key(-1)
	for _, row := range rows() {
		if row.key <= last || row.serve == nil {
			t.Errorf("row of %s", protocol.Name(row.key))
		}
		last = row.key
	}
}

func TestSaslOnAReadyConnection(t *testing.T) {
	b := newDataBroker(t)
	c := b.dial()
	for v := int16(0); v <= 1; v++ {
		req := kmsg.NewPtrSASLHandshakeRequest()
		req.Version, req.Mechanism = v, "PLAIN"
		if resp := call[*kmsg.SASLHandshakeResponse](c, req); resp.ErrorCode != kerr.IllegalSASLState.Code {
			t.Errorf("v%d: %+v", v, resp)
		}
	}
	for v := int16(0); v <= 2; v++ {
		req := kmsg.NewPtrSASLAuthenticateRequest()
		req.Version, req.SASLAuthBytes = v, []byte("x")
		if resp := call[*kmsg.SASLAuthenticateResponse](c, req); resp.ErrorCode != kerr.IllegalSASLState.Code || resp.ErrorMessage == nil {
			t.Errorf("v%d: %+v", v, resp)
		}
	}
}

package protocol

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/testbase"
)

// golden is one body as Kafka 2.5.0 encodes it.
type golden struct {
	response       bool
	key, version   int16
	name           string
	null           bool // all nullable fields are null
	requestHeader  int
	responseHeader int
	body           []byte
}

func (g *golden) String() string {
	kind := "request"
	if g.response {
		kind = "response"
	}
	return fmt.Sprintf("%s %s v%d null=%v", g.name, kind, g.version, g.null)
}

// goldens reads testdata/bodies.txt.gz: one body a line, recorded from Kafka 2.5.0's own schemas.
func goldens(t testing.TB) (all []golden) {
	t.Helper()
	lines := bufio.NewScanner(testbase.Gunzip(t, "testdata/bodies.txt.gz"))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		v := strings.Fields(lines.Text())
		if len(v) != 8 {
			t.Fatalf("%d fields in %q", len(v), lines.Text())
		}
		number := func(s string) int {
			n, err := strconv.Atoi(s)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		body, err := hex.DecodeString(strings.TrimPrefix(v[7], "x"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, golden{response: v[0] == "P", key: int16(number(v[1])), name: v[2], version: int16(number(v[3])), null: v[4] == "N",
			requestHeader: number(v[5]), responseHeader: number(v[6]), body: body})
	}
	if err := lines.Err(); err != nil || len(all) != 784 {
		t.Fatal(len(all), err)
	}
	return all
}

func TestTableIsKafkas(t *testing.T) {
	versions := map[int16]int16{}
	for _, g := range goldens(t) {
		api, ok := Lookup(g.key)
		if !ok || api.Name != g.name || api.Key != g.key || !api.Supported(g.version) {
			t.Errorf("%s: table has %+v", &g, api)
			continue
		}
		versions[g.key] = max(versions[g.key], g.version)
		if flexible := g.requestHeader == 2; api.IsFlexible(g.version) != flexible {
			t.Errorf("%s: flexible %v, request header v%d", &g, !flexible, g.requestHeader)
		}
		if responseTags(g.key, g.version) != (g.responseHeader == 1) {
			t.Errorf("%s: response header v%d", &g, g.responseHeader)
		}
	}
	for key := range Key(Count) {
		api, _ := Lookup(key)
		if kafkas, known := versions[key]; !known || api.Max != kafkas {
			t.Errorf("%s: highest version is %d, Kafka's %d (of an API that it has: %t)", api.Name, api.Max, kafkas, known)
		}
	}
	if _, ok := Lookup(-1); ok {
		t.Error("key -1")
	}
	if _, ok := Lookup(Count); ok {
		t.Error("key", Count)
	}
}

func TestBodiesRoundTrip(t *testing.T) {
	for _, g := range goldens(t) {
		var got []byte
		if g.response {
			resp := kmsg.ResponseForKey(g.key)
			resp.SetVersion(g.version)
			if err := resp.ReadFrom(g.body); err != nil {
				t.Errorf("%s: %v", &g, err)
				continue
			}
			got = resp.AppendTo(nil)
		} else {
			req, err := DecodeRequest(g.key, g.version, append(g.body[:len(g.body):len(g.body)], 1, 2, 3)) // bytes behind it are ignored
			if err != nil {
				t.Errorf("%s: %v", &g, err)
				continue
			}
			got = req.AppendTo(nil)
		}
		if !bytes.Equal(got, g.body) {
			t.Errorf("%s: encoded %x, want %x", &g, got, g.body)
		}
	}
}

// The layouts must cover every request in compact encoding to its last byte.
func TestLayoutsFitEveryCompactRequest(t *testing.T) {
	for _, g := range goldens(t) {
		if g.response {
			continue
		}
		layout, ok := layouts(g.key, g.version)
		if ok != (g.requestHeader == 2) {
			t.Errorf("%s: has a layout: %v", &g, ok)
		}
		if !ok {
			continue
		}
		s := skimmer{b: g.body}
		s.fields(layout)
		s.tags()
		if s.bad || len(s.b) > 0 {
			t.Errorf("%s: bad %v, %d bytes left", &g, s.bad, len(s.b))
		}
	}
}

// Every truncation of a request is an error; none panics.
func TestTruncatedRequestsAreErrors(t *testing.T) {
	for _, g := range goldens(t) {
		if g.response {
			continue
		}
		for n := range g.body {
			if _, err := DecodeRequest(g.key, g.version, g.body[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes parse", &g, n, len(g.body))
			}
			var err error
			switch g.key {
			case Produce:
				err = new(ProduceRequest).Decode(g.version, g.body[:n])
			case Fetch:
				err = new(FetchRequest).Decode(g.version, g.body[:n])
			default:
				continue
			}
			if err == nil {
				t.Errorf("%s: %d of %d bytes are decoded by hand", &g, n, len(g.body))
			}
		}
	}
}

func TestFramesRoundTrip(t *testing.T) {
	client := "client"
	for _, g := range goldens(t) {
		if g.response {
			resp := kmsg.ResponseForKey(g.key)
			resp.SetVersion(g.version)
			if err := resp.ReadFrom(g.body); err != nil {
				t.Fatal(err)
			}
			frame := AppendResponse(nil, resp, 77)
			again := kmsg.ResponseForKey(g.key)
			again.SetVersion(g.version)
			id, err := ReadResponse(frame[4:], again)
			if err != nil || id != 77 || !bytes.Equal(again.AppendTo(nil), g.body) {
				t.Errorf("%s: %d %v", &g, id, err)
			}
			if want := 8 + len(g.body) + g.responseHeader; len(frame) != want {
				t.Errorf("%s: frame of %d bytes, want %d", &g, len(frame), want)
			}
			continue
		}
		req, err := DecodeRequest(g.key, g.version, g.body)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []*string{&client, nil} {
			frame := AppendRequest(nil, req, -5, id)
			h, body, err := ParseHeader(frame[4:])
			if err != nil || h.Key != g.key || h.Version != g.version || h.CorrelationID != -5 || !bytes.Equal(body, g.body) {
				t.Errorf("%s: %+v %v", &g, h, err)
			}
			want := client
			if id == nil || g.requestHeader == 0 {
				want = ""
			}
			if string(h.ClientID) != want || (h.ClientID == nil) != (want == "") {
				t.Errorf("%s: client id %q", &g, h.ClientID)
			}
		}
	}
}

func TestProduceIsDecodedLikeKmsg(t *testing.T) {
	var hand ProduceRequest // used again and again, as on a connection
	for _, g := range goldens(t) {
		if g.response || g.key != Produce {
			continue
		}
		decoded, err := DecodeRequest(g.key, g.version, g.body)
		if err != nil {
			t.Fatal(err)
		}
		want := decoded.(*kmsg.ProduceRequest)
		if err := hand.Decode(g.version, g.body); err != nil {
			t.Fatal(err)
		}
		got := kmsg.NewPtrProduceRequest()
		got.Version = g.version
		if hand.HasTransactionalID {
			id := string(hand.TransactionalID)
			got.TransactionID = &id
		}
		got.Acks, got.TimeoutMillis = hand.Acks, hand.TimeoutMs
		next := 0
		for _, topic := range hand.Topics {
			out := kmsg.NewProduceRequestTopic()
			out.Topic = string(topic.Name)
			for range topic.Count {
				p := kmsg.NewProduceRequestTopicPartition()
				p.Partition, p.Records = hand.Partitions[next].Index, hand.Partitions[next].Records
				next++
				out.Partitions = append(out.Partitions, p)
			}
			got.Topics = append(got.Topics, out)
		}
		if !bytes.Equal(got.AppendTo(nil), want.AppendTo(nil)) {
			t.Errorf("%s: %+v", &g, hand)
		}
		hand.Release()
	}
}

func TestFetchIsDecodedLikeKmsg(t *testing.T) {
	var hand FetchRequest
	for _, g := range goldens(t) {
		if g.response || g.key != Fetch {
			continue
		}
		if err := hand.Decode(g.version, g.body); err != nil {
			t.Fatal(err)
		}
		got := kmsg.NewPtrFetchRequest()
		got.Version = g.version
		got.ReplicaID, got.MaxWaitMillis, got.MinBytes, got.MaxBytes = hand.ReplicaID, hand.MaxWaitMs, hand.MinBytes, hand.MaxBytes
		got.IsolationLevel, got.SessionID, got.SessionEpoch, got.Rack = hand.Isolation, hand.SessionID, hand.SessionEpoch, string(hand.RackID)
		next := 0
		for _, topic := range hand.Topics {
			out := kmsg.NewFetchRequestTopic()
			out.Topic = string(topic.Name)
			for range topic.Count {
				in := hand.Partitions[next]
				next++
				p := kmsg.NewFetchRequestTopicPartition()
				p.Partition, p.CurrentLeaderEpoch, p.FetchOffset = in.Index, in.CurrentLeaderEpoch, in.FetchOffset
				p.LogStartOffset, p.PartitionMaxBytes = in.LogStartOffset, in.MaxBytes
				out.Partitions = append(out.Partitions, p)
			}
			got.Topics = append(got.Topics, out)
		}
		for _, f := range hand.Forgotten {
			if n := len(got.ForgottenTopics); n == 0 || got.ForgottenTopics[n-1].Topic != string(f.Name) {
				out := kmsg.NewFetchRequestForgottenTopic()
				out.Topic = string(f.Name)
				got.ForgottenTopics = append(got.ForgottenTopics, out)
			}
			last := &got.ForgottenTopics[len(got.ForgottenTopics)-1]
			last.Partitions = append(last.Partitions, f.Index)
		}
		if !bytes.Equal(got.AppendTo(nil), g.body) {
			t.Errorf("%s:\n%x\n%x", &g, got.AppendTo(nil), g.body)
		}
		hand.Release()
	}
}

// goldenResponses are the recorded responses of an API with what they say.
func goldenResponses(t testing.TB, key Key) iter.Seq2[*golden, kmsg.Response] {
	return func(yield func(*golden, kmsg.Response) bool) {
		t.Helper()
		for _, g := range goldens(t) {
			if !g.response || g.key != key {
				continue
			}
			resp := kmsg.ResponseForKey(key)
			resp.SetVersion(g.version)
			if err := resp.ReadFrom(g.body); err != nil {
				t.Fatal(err)
			}
			if !yield(&g, resp) {
				return
			}
		}
	}
}

func TestProduceResponsesAreEncodedLikeKafka(t *testing.T) {
	for g, r := range goldenResponses(t, Produce) {
		resp := r.(*kmsg.ProduceResponse)
		text := func(s *string) string {
			if s == nil {
				return ""
			}
			return *s
		}
		b := AppendArrayLen(nil, len(resp.Topics))
		for _, topic := range resp.Topics {
			b = AppendString(b, topic.Topic)
			b = AppendArrayLen(b, len(topic.Partitions))
			for _, p := range topic.Partitions {
				out := ProducePartitionResponse{Index: p.Partition, ErrorCode: p.ErrorCode, BaseOffset: p.BaseOffset, LogAppendTime: p.LogAppendTime,
					LogStartOffset: p.LogStartOffset, ErrorMessage: text(p.ErrorMessage)}
				for _, e := range p.ErrorRecords {
					out.RecordErrors = append(out.RecordErrors, ProduceError{Index: e.RelativeOffset, Message: text(e.ErrorMessage)})
				}
				b = AppendProducePartition(b, g.version, &out)
			}
		}
		if g.version >= 1 {
			b = AppendThrottle(b, resp.ThrottleMillis)
		}
		if !bytes.Equal(b, g.body) {
			t.Errorf("%s:\n%x\n%x", g, b, g.body)
		}
	}
}

func TestFetchResponsesAreEncodedLikeKafka(t *testing.T) {
	for g, r := range goldenResponses(t, Fetch) {
		resp := r.(*kmsg.FetchResponse)
		b := AppendFetchHead(nil, g.version, resp.ThrottleMillis, resp.ErrorCode, resp.SessionID)
		b = AppendArrayLen(b, len(resp.Topics))
		for _, topic := range resp.Topics {
			b = AppendString(b, topic.Topic)
			b = AppendArrayLen(b, len(topic.Partitions))
			for _, p := range topic.Partitions {
				out := FetchPartitionResponse{Index: p.Partition, ErrorCode: p.ErrorCode, HighWatermark: p.HighWatermark, LastStableOffset: p.LastStableOffset,
					LogStartOffset: p.LogStartOffset, PreferredReadReplica: p.PreferredReadReplica, RecordsSize: len(p.RecordBatches),
					Committed: p.AbortedTransactions != nil}
				for _, a := range p.AbortedTransactions {
					out.Aborted = append(out.Aborted, Aborted{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset})
				}
				b = append(AppendFetchPartition(b, g.version, &out), p.RecordBatches...)
			}
		}
		if !bytes.Equal(b, g.body) {
			t.Errorf("%s:\n%x\n%x", g, b, g.body)
		}
	}
}

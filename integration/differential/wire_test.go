//go:build interop

package differential

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func crc32c(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func scenarios() []scenario {
	return []scenario{
		{"versions", apiVersions},
		{"empty", emptyRequests},
		{"framing", framing},
		{"connections", connectionCases},
		{"metadata", metadataCases},
		{"topics", topicCases},
		{"configs", configCases},
		{"oddalter", oddAlterCases},
		{"oddconfigs", oddConfigCases},
		{"logdirs", logDirCases},
		{"control", controlCases},
		{"produce", produceCases},
		{"idempotent", idempotentCases},
		{"oldformats", oldFormatCases},
		{"conversion", conversionCases},
		{"fetch", fetchCases},
		{"sessions", sessionCases},
		{"offsets", offsetCases},
		{"join", joinCases},
		{"members", memberCases},
		{"static", staticCases},
		{"commits", commitCases},
		{"groups", groupCases},
		{"oddgroups", oddGroupCases},
		{"oddtxn", oddTxnCases},
		{"oddlogs", oddLogCases},
		{"transactions", txnCases},
		{"twice", twiceCases},
		{"files", fileCases},
		{"alter", alterCases},
		{"znodes", znodeCases},
		{"security", securityCases},
	}
}

// max is the highest version of each API in 2.5.0.
var max = map[int16]int16{0: 8, 1: 11, 2: 5, 3: 9, 4: 4, 5: 2, 6: 6, 7: 3, 8: 8, 9: 7, 10: 3, 11: 7, 12: 4, 13: 4, 14: 5, 15: 5, 16: 3, 17: 1, 18: 3, 19: 5,
	20: 4, 21: 1, 22: 3, 23: 3, 24: 1, 25: 1, 26: 1, 27: 0, 28: 3, 29: 2, 30: 2, 31: 2, 32: 2, 33: 1, 34: 1, 35: 1, 36: 2, 37: 2, 38: 2, 39: 2, 40: 2, 41: 2, 42: 2, 43: 2, 44: 1, 45: 0, 46: 0, 47: 0}

// all runs f for every API and version.
func all(f func(key, version int16)) {
	for key := range int16(48) {
		if top, ok := max[key]; ok {
			versions(0, top, func(v int16) { f(key, v) })
		}
	}
}

func apiVersions(s *session) {
	for _, v := range []int16{0, 1, 2, 3} {
		req := kmsg.NewPtrApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion = "differential", "1.0"
		req.SetVersion(v)
		resp := s.quiet(v, req).(*kmsg.ApiVersionsResponse)
		kept := resp.ApiKeys[:0]
		for _, k := range resp.ApiKeys {
			if _, ok := max[k.ApiKey]; ok {
				kept = append(kept, k)
			}
		}
		resp.ApiKeys = kept
		order := ""
		for _, k := range kept {
			order += fmt.Sprint(k.ApiKey, " ")
		}
		s.note(fmt.Sprintf("ApiVersions v%d", v), s.dump(resp)+order)
	}
	for _, name := range []string{"", "a", "-a", "a-", "a b", "a.b-c", "é", "."} {
		for _, pair := range [][2]string{{name, "1"}, {"x", name}} {
			req := kmsg.NewPtrApiVersionsRequest()
			req.ClientSoftwareName, req.ClientSoftwareVersion = pair[0], pair[1]
			resp := s.quiet(3, req).(*kmsg.ApiVersionsResponse)
			s.note(fmt.Sprintf("ApiVersions %q", pair), fmt.Sprint(resp.ErrorCode, len(resp.ApiKeys) > 0))
		}
	}
	for _, v := range []int16{4, 5, 100, -1, 32767} {
		c := s.conn()
		c.next++
		h := header(18, v, c.next, c.client, v >= 3)
		c.SetDeadline(time.Now().Add(answerTime))
		c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(h))), h...))
		b, err := c.frame()
		s.note(fmt.Sprintf("ApiVersions v%d", v), fmt.Sprintf("%x %v", b, err))
		if err != nil {
			s.drop()
		}
	}
}

// emptyRequests sends every API in every version with nothing in it, once as it is, once with bytes
// too many, and once cut short.
func emptyRequests(s *session) {
	all(func(key, v int16) {
		req := kmsg.RequestForKey(key)
		// What disturbs a broker, or lists all it has, comes in other scenarios.
		switch r := req.(type) {
		case *kmsg.ApiVersionsRequest, *kmsg.DescribeLogDirsRequest:
			return
		case *kmsg.MetadataRequest:
			r.Topics = []kmsg.MetadataRequestTopic{}
			if v == 0 {
				return
			}
		case *kmsg.ElectLeadersRequest:
			r.Topics = []kmsg.ElectLeadersRequestTopic{}
		case *kmsg.ListPartitionReassignmentsRequest:
			r.Topics = []kmsg.ListPartitionReassignmentsRequestTopic{}
		case *kmsg.InitProducerIDRequest:
			r.TransactionalID = str("")
			r.ProducerID, r.ProducerEpoch = -1, -1
		case *kmsg.ControlledShutdownRequest:
			r.BrokerID = 99
		case *kmsg.ProduceRequest:
			r.Acks = 1
		case *kmsg.FetchRequest:
			r.ReplicaID, r.SessionEpoch = -1, -1
		}
		s.ask("empty", v, req)
		s.edited("trailing bytes", v, req, func(b []byte) []byte { return append(b, 1, 2, 3) })
		if len(req.AppendTo(nil)) > 0 {
			s.edited("cut short", v, req, func(b []byte) []byte { return b[:len(b)-1] })
		}
	})
}

func framing(s *session) {
	raw := func(label string, b []byte) {
		s.drop()
		c := s.conn()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		c.Write(b)
		f, err := c.frame()
		s.note(label, fmt.Sprintf("%x %v", f, err))
		s.drop()
	}
	size := func(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
	raw("negative size", size(-1))
	raw("size 0", size(0))
	raw("size over the limit", size(104857601))
	for n := range int32(12) {
		raw(fmt.Sprintf("header of %d bytes", n), append(size(n), make([]byte, n)...))
	}
	// Keys and versions that do not exist.
	for key := range int16(50) {
		top, ok := max[key]
		if !ok && key < 48 || key == 18 {
			continue
		}
		for _, v := range []int16{-1, top + 1, 127} {
			for _, flexible := range []bool{false, true} {
				h := header(key, v, 1, str("x"), flexible)
				raw(fmt.Sprintf("key %d version %d", key, v), append(append(size(int32(len(h)+40)), h...), make([]byte, 40)...))
			}
		}
	}
	raw("key -1", append(size(12), header(-1, 0, 1, nil, false)[:10]...))
	raw("key 1000", append(append(size(14), header(1000, 0, 1, nil, false)...), 0, 0, 0, 0))
	// Client ids.
	for _, id := range []*string{nil, str(""), str("a b;c"), str("héé")} {
		s.drop()
		s.clientID(id)
		s.ask("client id", 9, &kmsg.MetadataRequest{Topics: []kmsg.MetadataRequestTopic{}})
		s.ask("client id", 3, &kmsg.ListGroupsRequest{})
	}
	// Unknown tagged fields in the header and the body.
	s.drop()
	c := s.conn()
	h := append(header(16, 3, 1, c.client, false), 1, 0x63, 2, 0xaa, 0xbb) // one tag 99 of 2 bytes
	h = append(h, 1, 0x64, 1, 0xcc)                                        // body: one tag 100 of 1 byte
	c.SetDeadline(time.Now().Add(answerTime))
	c.Write(append(size(int32(len(h))), h...))
	b, err := c.frame()
	s.note("tags", fmt.Sprintf("%d bytes %v", len(b), err))
	// A bad client id length, bad UTF-8, a null topic name where none may be.
	h = header(3, 1, 1, nil, false)
	raw("null topic name", append(append(size(int32(len(h)+6)), h...), 0, 0, 0, 1, 0xff, 0xff))
	raw("negative string length", append(append(size(int32(len(h)+6)), h...), 0, 0, 0, 1, 0xff, 0xfe))
	// Pipelined requests are answered in order.
	s.drop()
	c = s.conn()
	var two []byte
	for i := range int32(5) {
		b := header(16, 0, i, c.client, false)
		two = append(append(two, size(int32(len(b)))...), b...)
	}
	c.SetDeadline(time.Now().Add(answerTime))
	c.Write(two)
	order := ""
	for range 5 {
		f, err := c.frame()
		order += fmt.Sprintf("%x %v;", f[:min(4, len(f))], err)
	}
	s.note("pipelined", order)
	s.drop()
	// SASL on a plain connection.
	s.ask("handshake", 0, &kmsg.SASLHandshakeRequest{Mechanism: "PLAIN"})
	s.ask("handshake", 1, &kmsg.SASLHandshakeRequest{Mechanism: "PLAIN"})
	versions(0, 2, func(v int16) { s.ask("authenticate", v, &kmsg.SASLAuthenticateRequest{SASLAuthBytes: []byte("x")}) })
}

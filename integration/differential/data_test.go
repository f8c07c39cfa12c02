//go:build interop

package differential

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/storage/record"
)

var codecs = []record.Codec{record.None, record.Gzip, record.Snappy, record.LZ4, record.Zstd}

// whole fetches all of a partition and writes it down.
func (s *session) whole(topic string, partition int32) {
	s.ask("all of "+topic, 11, fetch(topic, partition, 0, 1<<20))
}

// damage is done to a good batch of two records; its checksum is repaired.
var damage = map[string]func([]byte){
	"count 3":             func(b []byte) { b[60] = 3 },
	"count 1":             func(b []byte) { b[60] = 1 },
	"count 0":             func(b []byte) { b[60] = 0 },
	"count -1":            func(b []byte) { copy(b[57:], "\xff\xff\xff\xff") },
	"delta 2":             func(b []byte) { b[26] = 2 },
	"delta 0":             func(b []byte) { b[26] = 0 },
	"delta -1":            func(b []byte) { copy(b[23:], "\xff\xff\xff\xff") },
	"count and delta 3":   func(b []byte) { b[60], b[26] = 3, 2 },
	"count and delta 1":   func(b []byte) { b[60], b[26] = 1, 0 },
	"log append time":     func(b []byte) { b[22] |= 8 },
	"control":             func(b []byte) { b[22] |= 32 },
	"unused bits":         func(b []byte) { b[22] |= 64; b[21] = 1 },
	"producer, no seq":    func(b []byte) { copy(b[43:], make([]byte, 10)) },
	"first time -1":       func(b []byte) { copy(b[27:], "\xff\xff\xff\xff\xff\xff\xff\xff") },
	"max time of old":     func(b []byte) { b[42]-- },
	"record attributes":   func(b []byte) { b[62] = 7 },
	"record length":       func(b []byte) { b[61]++ },
	"record offset delta": func(b []byte) { b[64] = 10 },
}

func produceCases(s *session) {
	s.create("p-del", 1)
	s.create("p-time", 1, "message.timestamp.type=LogAppendTime")
	s.create("p-diff", 1, "message.timestamp.difference.max.ms=1000")
	s.create("p-compact", 1, "cleanup.policy=compact")
	s.create("p-small", 1, "max.message.bytes=200")
	s.create("p-segment", 1, "segment.bytes=400")
	s.create("p-isr", 1, "min.insync.replicas=2")
	s.settle("p-isr")
	s.ask("offsets topic", 5, metadata(false, "__consumer_offsets"))
	s.settle("__consumer_offsets")
	good := plain(2, record.None, 2).bytes()
	zero := func(b []byte) []byte { return patch(b, func([]byte) {}, false) }
	versions(0, 8, func(v int16) {
		topic := fmt.Sprintf("p-v%d", v)
		s.create(topic, 2)
		for _, magic := range []int8{0, 1, 2} {
			for _, codec := range codecs {
				if codec == record.Zstd && magic < 2 {
					continue
				}
				s.ask(fmt.Sprintf("magic %d %v", magic, codec), v, produce(-1, part{topic, 0, plain(magic, codec, 3).bytes()}))
			}
		}
		s.whole(topic, 0)
		ask := func(label string, req *kmsg.ProduceRequest) { s.ask(label, v, req) }
		ask("unknown topic", produce(1, part{"p-unknown", 0, good}))
		ask("unknown partition", produce(1, part{topic, 9, good}, part{topic, 1, good}))
		ask("negative partition", produce(1, part{topic, -1, good}))
		ask("bad name", produce(1, part{"a/b", 0, good}))
		ask("internal", produce(1, part{"__consumer_offsets", 0, good}))
		ask("acks 2", produce(2, part{topic, 0, good}, part{"p-unknown", 0, good}))
		ask("acks -2", produce(-2, part{topic, 0, good}))
		ask("null records", produce(1, part{topic, 0, nil}))
		ask("empty records", produce(1, part{topic, 0, []byte{}}))
		ask("cut records", produce(1, part{topic, 0, good[:len(good)-1]}))
		ask("trailing", produce(1, part{topic, 0, append(zero(good), 1, 2, 3)}))
		ask("two batches", produce(1, part{topic, 0, append(zero(good), good...)}))
		ask("magic 1 and 2", produce(1, part{topic, 0, append(plain(1, 0, 1).bytes(), good...)}))
		ask("magic 0 and 1", produce(1, part{topic, 0, append(plain(0, 0, 1).bytes(), plain(1, 0, 1).bytes()...)}))
		ask("magic 3", produce(1, part{topic, 0, patch(good, func(b []byte) { b[16] = 3 }, false)}))
		ask("bad crc", produce(1, part{topic, 0, patch(good, func(b []byte) { b[30] ^= 1 }, false)}))
		ask("bad crc of magic 1", produce(1, part{topic, 0, patch(plain(1, 0, 2).bytes(), func(b []byte) { b[20] ^= 1 }, false)}))
		ask("bad crc of magic 0", produce(1, part{topic, 0, patch(plain(0, 0, 2).bytes(), func(b []byte) { b[20] ^= 1 }, false)}))
		ask("base offset 5", produce(1, part{topic, 0, patch(good, func(b []byte) { b[7] = 5 }, false)}))
		ask("leader epoch 5", produce(1, part{topic, 0, patch(good, func(b []byte) { b[15] = 5 }, false)}))
		ask("size 0", produce(1, part{topic, 0, patch(good, func(b []byte) { binary.BigEndian.PutUint32(b[8:], 0) }, false)}))
		ask("size 20", produce(1, part{topic, 0, patch(good, func(b []byte) { binary.BigEndian.PutUint32(b[8:], 20) }, false)}))
		ask("size -1", produce(1, part{topic, 0, patch(good, func(b []byte) { binary.BigEndian.PutUint32(b[8:], 0xffffffff) }, false)}))
		for _, n := range slices.Sorted(maps.Keys(damage)) {
			ask(n, produce(1, part{topic, 1, patch(good, damage[n], true)}))
		}
		s.whole(topic, 1)
		ask("log append time topic", produce(1, part{"p-time", 0, good}))
		ask("log append time topic, gzip", produce(1, part{"p-time", 0, plain(2, record.Gzip, 2).bytes()}))
		ask("log append time topic, magic 1", produce(1, part{"p-time", 0, plain(1, record.Gzip, 2).bytes()}))
		ask("old times", produce(1, part{"p-diff", 0, good}))
		ask("old times, gzip", produce(1, part{"p-diff", 0, plain(2, record.Gzip, 3).bytes()}))
		ask("old times, magic 1", produce(1, part{"p-diff", 0, plain(1, record.None, 3).bytes()}))
		none := plain(2, record.None, 2)
		none.time = -1
		ask("no times", produce(1, part{"p-diff", 0, none.bytes()}))
		bare := plain(2, record.None, 3)
		bare.records[1].key = ""
		ask("no key, compacted", produce(1, part{"p-compact", 0, bare.bytes()}))
		bare.codec = record.Gzip
		ask("no key, compacted, gzip", produce(1, part{"p-compact", 0, bare.bytes()}))
		bare.magic = 1
		ask("no key, compacted, magic 1 gzip", produce(1, part{"p-compact", 0, bare.bytes()}))
		bare.codec = record.None
		ask("no key, compacted, magic 1", produce(1, part{"p-compact", 0, bare.bytes()}))
		ask("key, compacted", produce(1, part{"p-compact", 0, good}))
		ask("too large", produce(1, part{"p-small", 0, plain(2, record.None, 20).bytes()}))
		ask("too large, converted", produce(1, part{"p-small", 0, plain(1, record.None, 6).bytes()}))
		ask("too large for a segment", produce(1, part{"p-segment", 0, plain(2, record.None, 40).bytes()}))
		ask("rolls", produce(1, part{"p-segment", 0, plain(2, record.None, 10).bytes()}))
		ask("isr, all", produce(-1, part{"p-isr", 0, good}))
		ask("isr, one", produce(1, part{"p-isr", 0, good}))
		txn := produce(1, part{topic, 0, good})
		txn.TransactionID = str("some-id")
		ask("transactional id, plain batch", txn)
		b := sequenced(900, 0, 0, 1)
		b.txn = true
		ask("transactional batch, no id", produce(1, part{topic, 0, b.bytes()}))
		// acks 0: no answer, or a close.
		ask0 := func(label string, p part) {
			req := produce(0, p)
			req.SetVersion(v)
			s.send(req, nil)
			s.ask("after acks 0, "+label, 0, &kmsg.ListGroupsRequest{})
		}
		s.with("acks0", func() {
			// The correlation id of what follows is the second.
			ask0("good", part{topic, 0, good})
			ask0("unknown", part{"p-unknown", 0, good})
			ask0("bad", part{topic, 0, patch(good, func(b []byte) { b[30] ^= 1 }, false)})
			ask0("internal", part{"__consumer_offsets", 0, good})
		})
		s.whole(topic, 0)
		s.ask("no topics", v, produce(1))
		s.with("timeout", func() {
			req := produce(-1, part{topic, 0, good})
			req.TimeoutMillis = -1
			s.ask("timeout -1", v, req)
		})
	})
	for _, topic := range []string{"p-time", "p-diff", "p-compact", "p-small", "p-segment", "p-isr"} {
		s.whole(topic, 0)
	}
	admin := str("__admin_client")
	s.with("admin", func() {
		s.clientID(admin)
		s.ask("internal as admin client", 8, produce(1, part{"__consumer_offsets", 0, good}))
	})
}

func idempotentCases(s *session) {
	s.create("i-one", 3)
	s.create("i-old", 1, "message.format.version=0.10.2")
	p := func(label string, partition int32, b batch) {
		s.ask(label, 8, produce(-1, part{"i-one", partition, b.bytes()}))
	}
	p("unknown producer, any sequence", 0, sequenced(1000, 0, 17, 3))
	p("next", 0, sequenced(1000, 0, 20, 1))
	p("next", 0, sequenced(1000, 0, 21, 1))
	p("gap", 0, sequenced(1000, 0, 23, 1))
	p("duplicate", 0, sequenced(1000, 0, 17, 3))
	p("duplicate of the last", 0, sequenced(1000, 0, 21, 1))
	p("overlap", 0, sequenced(1000, 0, 19, 1))
	p("overlap", 0, sequenced(1000, 0, 17, 4))
	for i := range int32(5) {
		p("more", 0, sequenced(1000, 0, 22+i, 1))
	}
	p("forgotten duplicate", 0, sequenced(1000, 0, 20, 1))
	p("remembered duplicate", 0, sequenced(1000, 0, 22, 1))
	p("new epoch, wrong sequence", 0, sequenced(1000, 1, 27, 1))
	p("new epoch", 0, sequenced(1000, 1, 0, 1))
	p("old epoch", 0, sequenced(1000, 0, 27, 1))
	p("epoch two on", 0, sequenced(1000, 3, 0, 2))
	p("duplicate of new epoch", 0, sequenced(1000, 3, 0, 2))
	p("before the wrap", 1, sequenced(1001, 0, 2147483646, 2))
	p("after the wrap", 1, sequenced(1001, 0, 0, 1))
	p("across the wrap", 2, sequenced(1002, 0, 2147483646, 4))
	p("after", 2, sequenced(1002, 0, 2, 1))
	p("wrong after", 2, sequenced(1002, 0, 2, 2))
	p("negative sequence", 2, sequenced(1003, 0, -1, 1))
	p("negative sequence", 2, sequenced(1003, 0, -5, 1))
	p("negative epoch", 2, sequenced(1004, -1, 0, 1))
	p("producer 0", 2, sequenced(0, 0, 0, 1))
	p("largest epoch", 2, sequenced(1005, 32767, 0, 1))
	b := sequenced(1006, 0, 0, 3)
	b.codec = record.Gzip
	p("gzip", 2, b)
	p("gzip duplicate", 2, b)
	b = sequenced(1007, 0, 0, 1)
	b.control = true
	p("control", 2, b)
	s.ask("old format", 8, produce(-1, part{"i-old", 0, sequenced(1000, 0, 0, 1).bytes()}))
	for i := range int32(3) {
		s.whole("i-one", i)
	}
	versions(0, 8, func(v int16) {
		s.ask("duplicate", v, produce(1, part{"i-one", 2, sequenced(1006, 0, 0, 3).bytes()}))
		s.ask("out of order", v, produce(1, part{"i-one", 2, sequenced(1006, 0, 9, 3).bytes()}))
	})
	s.create("i-time", 1, "message.timestamp.type=LogAppendTime")
	s.ask("append time", 8, produce(-1, part{"i-time", 0, sequenced(1000, 0, 0, 1).bytes()}))
	s.ask("append time duplicate", 8, produce(-1, part{"i-time", 0, sequenced(1000, 0, 0, 1).bytes()}))
	versions(0, 3, func(v int16) {
		for _, r := range []*kmsg.InitProducerIDRequest{
			{TransactionTimeoutMillis: 1000, ProducerID: -1, ProducerEpoch: -1}, {TransactionTimeoutMillis: -1, ProducerID: -1, ProducerEpoch: -1},
			{TransactionalID: str(""), ProducerID: -1, ProducerEpoch: -1}, {TransactionalID: str("x"), TransactionTimeoutMillis: 0, ProducerID: -1, ProducerEpoch: -1},
			{TransactionalID: str("x"), TransactionTimeoutMillis: 900001, ProducerID: -1, ProducerEpoch: -1},
			{TransactionTimeoutMillis: 1, ProducerID: 5, ProducerEpoch: -1}, {TransactionTimeoutMillis: 1, ProducerID: -1, ProducerEpoch: 3}, {ProducerID: 1000, ProducerEpoch: 3},
		} {
			s.ask(fmt.Sprint("init ", r.ProducerID, r.ProducerEpoch), v, r)
		}
	})
}

// formats are message.format.version values, one of each magic.
var formats = []string{"0.9.0", "0.10.2", "0.11.0", "2.5"}

func conversionCases(s *session) {
	for i, format := range formats {
		for _, compression := range []string{"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"} {
			topic := fmt.Sprintf("v-%d-%s", i, compression)
			req := kmsg.NewPtrCreateTopicsRequest()
			req.TimeoutMillis = 30000
			req.Topics = append(req.Topics, newTopic(topic, 3, 1, "message.format.version="+format, "compression.type="+compression))
			if r := s.ask("create "+topic, 4, req); r.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode != 0 {
				continue
			}
			for magic := range int8(3) {
				for _, codec := range codecs {
					if codec == record.Zstd && magic < 2 {
						continue
					}
					v := int16(8)
					if magic < 2 {
						v = 2
					}
					b := plain(magic, codec, 3)
					b.withHead = true
					b.records[1] = kv{"", strings.Repeat("long value ", 50)}
					b.records[2] = kv{"tombstone", ""}
					s.ask(fmt.Sprintf("%s magic %d %v", topic, magic, codec), v, produce(1, part{topic, int32(magic), b.bytes()}))
				}
				for _, v := range []int16{0, 2, 4, 9, 11} {
					if v < 4 && magic > 0 && i > 1 && compression == "producer" {
						continue // what other compressors make may not fit; and before zstd Kafka stops a whole chunk earlier
					}
					s.ask(fmt.Sprintf("%s magic %d", topic, magic), v, fetch(topic, int32(magic), 0, 1<<20))
					if v < 4 && compression == "uncompressed" {
						for _, max := range []int32{1, 100, 200, 300} {
							s.ask(fmt.Sprintf("%s magic %d, %d bytes", topic, magic, max), v+1, fetch(topic, int32(magic), 1, max))
						}
					}
				}
			}
		}
	}
	s.create("v-none", 1, "message.downconversion.enable=false")
	s.quiet(8, produce(1, part{"v-none", 0, plain(2, record.None, 2).bytes()}))
	versions(0, 11, func(v int16) { s.ask("no conversion", v, fetch("v-none", 0, 0, 1<<20)) })
	s.create("v-filler", 1)
	for range 4 {
		b := plain(2, record.None, 20)
		b.withHead = true
		s.quiet(8, produce(1, part{"v-filler", 0, b.bytes()}))
	}
	for v := range int16(4) {
		for offset := range int64(81) {
			if offset%7 == 0 || offset > 78 {
				for _, max := range []int32{1, 70, 500, 1 << 20} {
					s.ask(fmt.Sprintf("filler from %d max %d", offset, max), v, fetch("v-filler", 0, offset, max))
				}
			}
		}
	}
}

func fetchCases(s *session) {
	s.create("f-one", 2)
	s.create("f-plain", 1)
	s.create("f-empty", 1)
	s.create("f-zstd", 1, "compression.type=zstd")
	s.create("f-cut", 1)
	for i := range 6 {
		b := plain(2, codecs[i%2], 4)
		b.withHead = i == 3
		s.quiet(8, produce(1, part{"f-one", 0, b.bytes()}))
		b.codec = record.None
		s.quiet(8, produce(1, part{"f-plain", 0, b.bytes()}))
	}
	s.quiet(8, produce(1, part{"f-one", 1, plain(2, record.None, 50).bytes()}))
	s.quiet(8, produce(1, part{"f-zstd", 0, plain(2, record.Zstd, 3).bytes()}))
	for range 5 {
		s.quiet(8, produce(1, part{"f-cut", 0, plain(2, record.None, 2).bytes()}))
	}
	s.ask("delete records", 1, &kmsg.DeleteRecordsRequest{TimeoutMillis: 5000, Topics: []kmsg.DeleteRecordsRequestTopic{{Topic: "f-cut", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: 3}}}}})
	versions(0, 11, func(v int16) {
		for _, max := range []int32{0, 1, 10, 61, 150, 1 << 20} {
			for _, offset := range []int64{0, 1, 5, 23, 24} {
				s.ask(fmt.Sprintf("offset %d max %d", offset, max), v, fetch("f-plain", 0, offset, max))
			}
		}
		for _, offset := range []int64{-1, -2, 25, 1 << 40, -1 << 63} {
			s.ask(fmt.Sprintf("offset %d", offset), v, fetch("f-one", 0, offset, 100))
		}
		for _, offset := range []int64{0, 2, 3, 4, 10, 11} {
			s.ask(fmt.Sprintf("deleted, offset %d", offset), v, fetch("f-cut", 0, offset, 1000))
		}
		s.ask("empty", v, fetch("f-empty", 0, 0, 100))
		s.ask("zstd", v, fetch("f-zstd", 0, 0, 1000))
		s.ask("unknown topic", v, fetch("f-unknown", 0, 0, 100))
		s.ask("unknown partition", v, fetch("f-one", 9, 0, 100))
		s.ask("negative partition", v, fetch("f-one", -1, 0, 100))
		s.ask("bad name", v, fetch("a/b", 0, 0, 100))
		change := func(label string, f func(r *kmsg.FetchRequest)) {
			r := fetch("f-one", 0, 0, 1<<20)
			f(r)
			s.ask(label, v, r)
		}
		change("no topics", func(r *kmsg.FetchRequest) { r.Topics = nil })
		change("two partitions", func(r *kmsg.FetchRequest) {
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, fetchPart(1, 0, 1<<20))
		})
		change("one known", func(r *kmsg.FetchRequest) {
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, fetchPart(9, 0, 1<<20))
		})
		for _, max := range []int32{0, 1, 10, 200, 700} {
			change(fmt.Sprintf("max bytes %d", max), func(r *kmsg.FetchRequest) {
				r.MaxBytes = max
				r.Topics[0].Partitions = append(r.Topics[0].Partitions, fetchPart(1, 0, 1<<20))
			})
		}
		change("min bytes 0", func(r *kmsg.FetchRequest) { r.MinBytes, r.MaxWaitMillis = 0, 20000 })
		change("min bytes -1", func(r *kmsg.FetchRequest) { r.MinBytes, r.MaxWaitMillis = -1, 20000 })
		change("wait -1", func(r *kmsg.FetchRequest) { r.MaxWaitMillis = -1; r.Topics[0].Partitions[0].FetchOffset = 24 })
		change("waits", func(r *kmsg.FetchRequest) { r.MaxWaitMillis = 10; r.Topics[0].Partitions[0].FetchOffset = 24 })
		change("error, no wait", func(r *kmsg.FetchRequest) { r.MaxWaitMillis = 20000; r.Topics[0].Partitions[0].FetchOffset = 99 })
		for _, iso := range []int8{1, 2, -1} {
			change(fmt.Sprint("isolation ", iso), func(r *kmsg.FetchRequest) { r.IsolationLevel = iso })
		}
		for _, id := range []int32{-2, -3, 1, 2, 99} {
			change(fmt.Sprint("replica ", id), func(r *kmsg.FetchRequest) { r.ReplicaID = id })
		}
		if v >= 9 {
			for _, epoch := range []int32{0, 1, 5, -2} {
				change(fmt.Sprint("leader epoch ", epoch), func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch })
			}
		}
		if v >= 11 {
			change("rack", func(r *kmsg.FetchRequest) { r.Rack = "r1" })
		}
	})
}

func sessionCases(s *session) {
	s.create("s-one", 3)
	s.create("s-two", 1)
	s.quiet(8, produce(1, part{"s-one", 0, plain(2, record.None, 2).bytes()}))
	versions(7, 11, func(v int16) {
		ids := map[int32]int{}
		do := func(label string, id, epoch int32, topics ...kmsg.FetchRequestTopic) int32 {
			r := fetch("s-one", 0, 0, 1<<20)
			r.Topics = topics
			r.SessionID, r.SessionEpoch = id, epoch
			r.SetVersion(v)
			resp := s.quiet(v, r).(*kmsg.FetchResponse)
			real := resp.SessionID
			if real != 0 { // random
				if ids[real] == 0 {
					ids[real] = len(ids) + 1
				}
				resp.SessionID = int32(ids[real])
			}
			s.note(fmt.Sprintf("session v%d %s", v, label), s.dump(resp))
			return real
		}
		topic := func(name string, parts ...kmsg.FetchRequestTopicPartition) kmsg.FetchRequestTopic {
			return kmsg.FetchRequestTopic{Topic: name, Partitions: parts}
		}
		one := topic("s-one", fetchPart(0, 0, 1<<20), fetchPart(1, 0, 1<<20))
		do("sessionless", 0, -1, one)
		do("unknown session", 12345, 1, one)
		do("unknown session, final", 12345, -1, one)
		do("epoch without id", 0, 1, one)
		do("epoch -2", 0, -2, one)
		id := do("new", 0, 0, one)
		do("nothing changed", id, 1)
		end := int64(2)
		do("offset moved", id, 2, topic("s-one", fetchPart(0, end, 1<<20)))
		do("quiet", id, 3)
		s.quiet(8, produce(1, part{"s-one", 1, plain(2, record.None, 1).bytes()}))
		do("news", id, 4)
		do("wrong epoch", id, 4)
		do("wrong epoch", id, 7)
		do("right epoch", id, 5)
		do("added", id, 6, topic("s-two", fetchPart(0, 0, 1<<20)), topic("s-unknown", fetchPart(0, 0, 100)), topic("s-one", fetchPart(9, 0, 100)))
		do("still unknown", id, 7)
		do("out of range", id, 8, topic("s-two", fetchPart(0, 99, 1<<20)))
		do("still out of range", id, 9)
		do("in range", id, 10, topic("s-two", fetchPart(0, 0, 1<<20)))
		forget := fetch("s-one", 0, 0, 1)
		forget.Topics, forget.SessionID, forget.SessionEpoch = nil, id, 11
		forget.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "s-unknown", Partitions: []int32{0}}, {Topic: "s-one", Partitions: []int32{9, 1}}, {Topic: "s-nowhere", Partitions: []int32{4}}}
		resp := s.quiet(v, forget).(*kmsg.FetchResponse)
		resp.SessionID = int32(ids[resp.SessionID])
		s.note("forgotten", s.dump(resp))
		id2 := do("replaced", id, 0, one)
		do("old one is gone", id, 12)
		do("new one", id2, 1)
		do("closed", id2, -1, one)
		do("is gone", id2, 2)
		empty := do("empty session", 0, 0)
		do("empty session", empty, 1)
		id3 := do("will be empty", 0, 0, topic("s-one", fetchPart(0, 0, 1)))
		forget.SessionID, forget.SessionEpoch = id3, 1
		forget.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "s-one", Partitions: []int32{0}}}
		resp = s.quiet(v, forget).(*kmsg.FetchResponse)
		resp.SessionID = int32(ids[resp.SessionID])
		s.note("emptied", s.dump(resp))
		do("emptied is gone", id3, 2)
	})
}

func offsetCases(s *session) {
	s.create("o-one", 2, "segment.bytes=300")
	s.create("o-empty", 1)
	s.create("o-old", 1, "message.format.version=0.9.0")
	s.create("o-del", 2, "segment.bytes=300")
	s.create("o-compact", 1, "cleanup.policy=compact")
	s.create("o-both", 1, "cleanup.policy=compact,delete")
	for i := range 5 {
		b := plain(2, codecs[i%3], 4)
		b.time = then + int64(i)*1000
		s.quiet(8, produce(1, part{"o-one", 0, b.bytes()}, part{"o-del", 0, b.bytes()}))
	}
	back := plain(2, record.None, 3) // times that go back
	back.time = then + 1500
	s.quiet(8, produce(1, part{"o-one", 0, back.bytes()}))
	s.quiet(2, produce(1, part{"o-old", 0, plain(0, record.None, 3).bytes()}))
	list := func(label string, v int16, f func(*kmsg.ListOffsetsRequest), parts ...kmsg.ListOffsetsRequestTopicPartition) {
		r := kmsg.NewPtrListOffsetsRequest()
		r.ReplicaID = -1
		r.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "o-one", Partitions: parts}}
		if f != nil {
			f(r)
		}
		s.ask(label, v, r)
	}
	at := func(partition int32, ts int64, n, epoch int32) kmsg.ListOffsetsRequestTopicPartition {
		return kmsg.ListOffsetsRequestTopicPartition{Partition: partition, Timestamp: ts, MaxNumOffsets: n, CurrentLeaderEpoch: epoch}
	}
	versions(0, 5, func(v int16) {
		for _, n := range []int32{-1, 0, 1, 2, 100} {
			if v > 0 && n != 1 || v == 0 && n < 0 {
				continue
			}
			for _, ts := range []int64{-1, -2, -3, -4, 0, then - 1, then, then + 1, then + 3, then + 4, then + 1000, then + 1500, then + 1501, then + 4003, then + 4004, 1 << 60} {
				list(fmt.Sprintf("at %d, %d", ts, n), v, nil, at(0, ts, n, -1))
				list(fmt.Sprintf("empty at %d, %d", ts, n), v, func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Topic = "o-empty" }, at(0, ts, n, -1))
				list(fmt.Sprintf("old at %d, %d", ts, n), v, func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Topic = "o-old" }, at(0, ts, n, -1))
			}
		}
		list("unknown", v, nil, at(9, -1, 1, -1), at(0, -1, 1, -1))
		list("unknown topic", v, func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Topic = "o-unknown" }, at(0, -1, 1, -1))
		if v > 0 {
			list("twice", v, nil, at(0, -1, 1, -1), at(0, -2, 1, -1), at(1, -1, 1, -1))
		}
		for _, id := range []int32{-2, -3, 0, 1, 5} {
			list(fmt.Sprint("replica ", id), v, func(r *kmsg.ListOffsetsRequest) { r.ReplicaID = id }, at(0, -1, 1, -1))
		}
		for _, iso := range []int8{1, 2} {
			list(fmt.Sprint("isolation ", iso), v, func(r *kmsg.ListOffsetsRequest) { r.IsolationLevel = iso }, at(0, -1, 1, -1))
		}
		for _, epoch := range []int32{0, 1, -2} {
			list(fmt.Sprint("epoch ", epoch), v, nil, at(0, -1, 1, epoch))
		}
	})
	versions(0, 3, func(v int16) {
		for _, topic := range []string{"o-one", "o-empty", "o-old", "o-unknown"} {
			for _, current := range []int32{-1, 0, 1, -2} {
				for _, epoch := range []int32{-1, 0, 1, 7, -2} {
					r := kmsg.NewPtrOffsetForLeaderEpochRequest()
					r.ReplicaID = -2
					r.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{{Partition: 0, CurrentLeaderEpoch: current, LeaderEpoch: epoch}, {Partition: 9, CurrentLeaderEpoch: -1, LeaderEpoch: 0}}}}
					s.ask(fmt.Sprintf("%s current %d epoch %d", topic, current, epoch), v, r)
				}
			}
		}
	})
	versions(0, 1, func(v int16) {
		for _, topic := range []string{"o-del", "o-empty", "o-compact", "o-both", "o-unknown", "__consumer_offsets", "a/b"} {
			for _, offset := range []int64{-2, 0, 5, 3, 21, 20, -1} {
				r := kmsg.NewPtrDeleteRecordsRequest()
				r.TimeoutMillis = 5000
				r.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: offset}, {Partition: 9, Offset: 0}}}}
				s.ask(fmt.Sprintf("%s to %d", topic, offset), v, r)
				if v == 0 {
					s.ask("after it", 1, listOne(topic, -2))
				}
			}
		}
	})
}

func listOne(topic string, ts int64) *kmsg.ListOffsetsRequest {
	return &kmsg.ListOffsetsRequest{ReplicaID: -1, Topics: []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{{Partition: 0, Timestamp: ts, MaxNumOffsets: 1, CurrentLeaderEpoch: -1}}}}}
}

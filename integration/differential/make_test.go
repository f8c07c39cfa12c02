//go:build interop

package differential

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/storage/record"
)

// then is the time of the scenarios' records, in ms: old enough not to be taken for now.
const then = 1_600_000_000_000

func str(s string) *string { return &s }

// versions runs f for each version of an API.
func versions(from, to int16, f func(v int16)) {
	for v := from; v <= to; v++ {
		f(v)
	}
}

// create makes a topic with "key=value" configs and waits until it can be used.
func (s *session) create(topic string, partitions int32, configs ...string) {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30000
	req.Topics = append(req.Topics, newTopic(topic, partitions, 1, configs...))
	resp := s.quiet(4, req).(*kmsg.CreateTopicsResponse)
	if e := resp.Topics[0].ErrorCode; e != 0 && e != 36 { // an earlier scenario's will do
		s.fail("create %s: error %d", topic, e)
	}
}

func newTopic(topic string, partitions int32, rf int16, configs ...string) kmsg.CreateTopicsRequestTopic {
	t := kmsg.CreateTopicsRequestTopic{Topic: topic, NumPartitions: partitions, ReplicationFactor: rf}
	for _, c := range configs {
		k, v, set := strings.Cut(c, "=")
		cfg := kmsg.CreateTopicsRequestTopicConfig{Name: k, Value: &v}
		if !set {
			cfg.Value = nil
		}
		t.Configs = append(t.Configs, cfg)
	}
	return t
}

// kv is one record; "" is null for the key.
type kv struct{ key, value string }

type batch struct {
	magic    int8
	codec    record.Codec
	pid      int64
	epoch    int16
	seq      int32
	txn      bool
	control  bool
	base     int64
	time     int64
	records  []kv
	withHead bool
}

// plain is a batch of n records of a magic.
func plain(magic int8, codec record.Codec, n int) batch {
	b := batch{magic: magic, codec: codec, pid: -1, epoch: -1, seq: -1, time: then}
	for i := range n {
		b.records = append(b.records, kv{fmt.Sprintf("k%d", i), fmt.Sprintf("value-%d", i)})
	}
	return b
}

// sequenced is a batch of an idempotent producer.
func sequenced(pid int64, epoch int16, seq int32, n int) batch {
	b := plain(2, record.None, n)
	b.pid, b.epoch, b.seq = pid, epoch, seq
	return b
}

func (b batch) bytes() []byte {
	o := record.DefaultOptions()
	o.Magic, o.Codec, o.BaseOffset = b.magic, b.codec, b.base
	o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Transactional, o.Control = b.pid, b.epoch, b.seq, b.txn, b.control
	w := record.NewBuilder(o)
	for i, r := range b.records {
		var key, value []byte
		if r.key != "" {
			key = []byte(r.key)
		}
		if r.value != "" {
			value = []byte(r.value)
		}
		if b.withHead && b.magic == 2 {
			w.Append(b.time+int64(i), key, value, record.Header{Key: "h", Value: []byte("x")}, record.Header{Key: "null"})
		} else {
			w.Append(b.time+int64(i), key, value)
		}
	}
	out := w.Bytes()
	if w.Err() != nil {
		panic(w.Err())
	}
	return out
}

// part is one partition of a produce request.
type part struct {
	topic     string
	partition int32
	records   []byte
}

func produce(acks int16, parts ...part) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = acks, 5000
	for i, p := range parts {
		if i > 0 && p.topic == parts[i-1].topic {
			t := &req.Topics[len(req.Topics)-1]
			t.Partitions = append(t.Partitions, kmsg.ProduceRequestTopicPartition{Partition: p.partition, Records: p.records})
			continue
		}
		req.Topics = append(req.Topics, kmsg.ProduceRequestTopic{Topic: p.topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: p.partition, Records: p.records}}})
	}
	return req
}

// fetch reads one partition at once.
func fetch(topic string, partition int32, offset int64, max int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MaxWaitMillis, req.MinBytes, req.MaxBytes = -1, 0, 1, 1<<20
	req.SessionEpoch = -1
	req.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{fetchPart(partition, offset, max)}}}
	return req
}

func fetchPart(partition int32, offset int64, max int32) kmsg.FetchRequestTopicPartition {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch, p.LogStartOffset = partition, offset, max, -1, -1
	return p
}

// patch16 changes a 16-bit field of a batch and repairs its checksum if crc is set.
func patch(b []byte, f func([]byte), crc bool) []byte {
	b = append([]byte(nil), b...)
	f(b)
	if crc {
		binary.BigEndian.PutUint32(b[17:], crc32c(b[21:]))
	}
	return b
}

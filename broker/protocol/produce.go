package protocol

import "encoding/binary"

// ProduceRequest is the body of a Produce request, v0-v8. Byte fields alias the body it was decoded
// from. A value can be decoded into again and again; it keeps its slices.
type ProduceRequest struct {
	TransactionalID    []byte
	HasTransactionalID bool // false: null, or older than v3
	Acks               int16
	TimeoutMs          int32
	Topics             []ProduceTopic
	Partitions         []ProducePartition // of all topics, in the order of the request
}

// ProduceTopic is a topic and the number of its partitions, which follow each other in Partitions.
type ProduceTopic struct {
	Name  []byte
	Count int
}

// ProducePartition is what is produced to one partition. Records is nil when the client sent null.
type ProducePartition struct {
	Index   int32
	Records []byte
}

// Decode reads the body.
func (p *ProduceRequest) Decode(version int16, body []byte) error {
	r := readerOf(body)
	p.TransactionalID, p.HasTransactionalID = nil, false
	p.Topics, p.Partitions = p.Topics[:0], p.Partitions[:0]
	if version >= 3 {
		p.TransactionalID, p.HasTransactionalID = r.nullableStr()
	}
	p.Acks = r.Int16()
	p.TimeoutMs = r.Int32()
	for topics := r.count(6); topics > 0; topics-- {
		name := r.str()
		// 8 bytes at least: index, and the length of the records.
		n := r.count(8)
		if r.Err != nil {
			break
		}
		p.Topics = append(p.Topics, ProduceTopic{Name: name, Count: n})
		for ; n > 0; n-- {
			p.Partitions = append(p.Partitions, ProducePartition{Index: r.Int32(), Records: r.bytes()})
			if r.Err != nil {
				break
			}
		}
	}
	return r.err("Produce", version)
}

// Release drops what aliases the request's frame.
func (p *ProduceRequest) Release() {
	clear(p.Topics)
	clear(p.Partitions)
	p.TransactionalID = nil
	p.Topics, p.Partitions = p.Topics[:0], p.Partitions[:0]
}

// ProduceError is a rejected record, v8 (KIP-467).
type ProduceError struct {
	Index   int32
	Message string
}

// ProducePartitionResponse is the answer for one partition.
type ProducePartitionResponse struct {
	Index          int32
	ErrorCode      int16
	BaseOffset     int64
	LogAppendTime  int64          // v2+, ms, -1 unless the topic has LogAppendTime
	LogStartOffset int64          // v5+
	RecordErrors   []ProduceError // v8+
	ErrorMessage   string         // v8+, "" is sent as null
}

// AppendProducePartition appends the answer for one partition.
func AppendProducePartition(dst []byte, version int16, p *ProducePartitionResponse) []byte {
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(p.Index))
	dst = be.AppendUint16(dst, uint16(p.ErrorCode))
	dst = be.AppendUint64(dst, uint64(p.BaseOffset))
	if version >= 2 {
		dst = be.AppendUint64(dst, uint64(p.LogAppendTime))
	}
	if version >= 5 {
		dst = be.AppendUint64(dst, uint64(p.LogStartOffset))
	}
	if version >= 8 {
		dst = be.AppendUint32(dst, uint32(len(p.RecordErrors)))
		for i := range p.RecordErrors {
			dst = be.AppendUint32(dst, uint32(p.RecordErrors[i].Index))
			dst = appendNullable(dst, p.RecordErrors[i].Message)
		}
		dst = appendNullable(dst, p.ErrorMessage)
	}
	return dst
}

// AppendArrayLen appends the length of an array.
func AppendArrayLen(dst []byte, n int) []byte { return binary.BigEndian.AppendUint32(dst, uint32(n)) }

// AppendString appends a string of at most 32767 bytes.
func AppendString(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

// appendNullable appends a string, null for "".
func appendNullable(dst []byte, s string) []byte {
	// Kafka has no text with most errors, and null then.
	if s == "" {
		return append(dst, 0xff, 0xff)
	}
	return AppendString(dst, s[:min(len(s), 32767)])
}

// AppendThrottle appends throttle_time_ms: the last field of a Produce response from v1 on, the
// first of a Fetch response from v1 on.
func AppendThrottle(dst []byte, ms int32) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(ms))
}

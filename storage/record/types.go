package record

import "strconv"

// The record format versions ("magic") and where the message.format.version that writes them
// begins.
const (
	Magic0 int8 = 0 // messages without timestamps, before 0.10.0
	Magic1 int8 = 1 // messages with timestamps, 0.10.x
	Magic2 int8 = 2 // record batches, from 0.11.0
)

// Sizes of fixed parts, in bytes.
const (
	LogOverhead     = 12 // offset and size in front of every entry, not counted by size
	headerUpToMagic = 17 // what must be there to tell the magic
	minLegacySize   = 14 // smallest legal value of size in any format
	v0Overhead      = 14 // crc, magic, attributes, key length, value length
	v1Overhead      = 22 // as v0, with a timestamp
	BatchOverhead   = 61 // magic 2 header, LogOverhead included
)

// None of these ids and numbers is set: -1 in the formats.
const (
	NoTimestamp     int64 = -1
	NoProducerID    int64 = -1
	NoProducerEpoch int16 = -1
	NoSequence      int32 = -1
	NoLeaderEpoch   int32 = -1
)

// Codec is the compression of a batch as in its attributes (bits 0 to 2).
type Codec int8

// The codecs; the values 5 to 7 are not assigned and are read as corruption.
const (
	None   Codec = 0
	Gzip   Codec = 1
	Snappy Codec = 2
	LZ4    Codec = 3
	Zstd   Codec = 4 // magic 2 only (KIP-110)
)

var codecNames = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}

// String is Kafka's name of the codec.
func (c Codec) String() string {
	if c.valid() {
		return codecNames[c]
	}
	return "unknown(" + strconv.Itoa(int(c)) + ")"
}

// valid reports whether the value is assigned.
func (c Codec) valid() bool { return c >= None && c <= Zstd }

// ParseCodec reads a name as in compression.type: none or uncompressed, gzip, snappy, lz4, zstd. It
// knows nothing of "producer".
func ParseCodec(name string) (Codec, bool) {
	if name == "uncompressed" {
		return None, true
	}
	for i, n := range codecNames {
		if n == name {
			return Codec(i), true
		}
	}
	return None, false
}

// TimestampType says who set the timestamps of a batch (KIP-32).
type TimestampType int8

// The timestamp types; magic 0 has none.
const (
	NoTimestampType TimestampType = -1
	CreateTime      TimestampType = 0
	LogAppendTime   TimestampType = 1
)

// String is Kafka's name of the type, as kafka-dump-log prints it.
func (t TimestampType) String() string {
	switch t {
	case CreateTime:
		return "CreateTime"
	case LogAppendTime:
		return "LogAppendTime"
	}
	return "NoTimestampType"
}

// Origin says on whose behalf records are appended (Kafka's AppendOrigin).
type Origin int8

// The origins.
const (
	OriginClient      Origin = iota // a producer: everything is checked
	OriginCoordinator               // group or transaction coordinator of this broker: offset 0, control and sequence rules do not apply
	OriginReplication               // copied from the leader: framing and CRC only
)

// ControlType is the kind of a control record (KIP-98).
type ControlType int16

// The control types of Kafka 2.5; others are to be ignored.
const (
	ControlAbort  ControlType = 0
	ControlCommit ControlType = 1
)

// String is the type as Kafka's tools print it.
func (t ControlType) String() string {
	switch t {
	case ControlAbort:
		return "ABORT"
	case ControlCommit:
		return "COMMIT"
	}
	return "UNKNOWN(" + strconv.Itoa(int(t)) + ")"
}

// Attribute bits.
const (
	attrCodecMask     = 0x07
	attrTimestampType = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
)

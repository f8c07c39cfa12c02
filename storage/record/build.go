package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"momus/internal/kerr"
)

// BuilderOptions describe the batch to build. The zero value is an uncompressed message set of
// magic 0 at offset 0: use DefaultOptions and change what differs.
type BuilderOptions struct {
	Magic         int8
	Codec         Codec // zstd with magic 2 only
	TimestampType TimestampType
	BaseOffset    int64
	LogAppendTime int64 // ms, with TimestampType LogAppendTime
	ProducerID    int64 // this and what follows: magic 2 only
	ProducerEpoch int16
	BaseSequence  int32
	LeaderEpoch   int32
	Transactional bool
	Control       bool
}

// DefaultOptions are those of a plain uncompressed magic 2 batch with create times.
func DefaultOptions() BuilderOptions {
	return BuilderOptions{
		Magic: Magic2, TimestampType: CreateTime, LogAppendTime: NoTimestamp,
		ProducerID: NoProducerID, ProducerEpoch: NoProducerEpoch, BaseSequence: NoSequence, LeaderEpoch: NoLeaderEpoch,
	}
}

// Builder builds one batch of magic 2, or a message set of magic 0 or 1: one wrapper if a codec is
// set, else single messages (Kafka's MemoryRecordsBuilder). Faults of the caller or of a compressor
// stop it and come out of Err and Bytes. A Builder that is not completed with Bytes only leaves
// garbage. Not safe for concurrent use.
type Builder struct {
	opts BuilderOptions
	dst  []byte    // the entry, header included; without codec also the records
	raw  []byte    // records not compressed yet
	z    *deflater // open once raw was flushed
	err  error

	count           int
	size            int // records before compression
	firstTimestamp  int64
	maxTimestamp    int64
	lastOffset      int64
	offsetOfMaxTs   int64 // offset of the first record with maxTimestamp
	compressedStart int   // where the compressed payload begins in dst
}

// NewBuilder starts a batch.
func NewBuilder(opts BuilderOptions) *Builder { return newBuilder(opts, nil) }

// newBuilder starts a batch at the end of dst.
func newBuilder(opts BuilderOptions, dst []byte) *Builder {
	b := &Builder{}
	b.start(opts, dst, nil)
	return b
}

// keepBytes is the memory that Reset uses again, at most: a batch as large is rare.
const keepBytes = 64 << 10

// Reset starts another batch, in the memory of the one before, whose Bytes must not be in use any
// more. It starts a zero Builder too.
func (b *Builder) Reset(opts BuilderOptions) {
	dst, raw := b.dst[:0], b.raw[:0]
	if cap(dst) > keepBytes {
		dst = nil
	}
	if cap(raw) > keepBytes {
		raw = nil
	}
	b.start(opts, dst, raw)
}

// start begins a batch at the end of dst, with raw as memory for what is to be compressed.
func (b *Builder) start(opts BuilderOptions, dst, raw []byte) {
	*b = Builder{opts: opts, raw: raw, maxTimestamp: NoTimestamp, offsetOfMaxTs: -1, lastOffset: opts.BaseOffset - 1}
	header := 0
	switch {
	case opts.Magic >= Magic2:
		header = BatchOverhead
	case opts.Codec != None:
		header = LogOverhead + b.legacyOverhead()
	}
	b.compressedStart = len(dst) + header
	b.dst = append(dst, make([]byte, header)...)
	switch {
	case opts.Magic < Magic0 || opts.Magic > Magic2 || !opts.Codec.valid():
		b.fail("no format with magic %d and codec %s", opts.Magic, opts.Codec)
	case opts.Magic < Magic2 && opts.Codec == Zstd:
		b.fail("ZStandard compression is not supported for magic %d", opts.Magic)
	case opts.Magic < Magic2 && (opts.Transactional || opts.Control):
		b.fail("transactional and control records are not supported for magic %d", opts.Magic)
	case opts.Magic < Magic2 && opts.ProducerID != NoProducerID && opts.ProducerID != 0:
		b.fail("idempotent messages are not supported for magic %d", opts.Magic)
	}
}

// fail keeps the first fault; Kafka's builder throws, which clients see as UNKNOWN_SERVER_ERROR.
func (b *Builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("%w: "+format, append([]any{kerr.UnknownServerError}, args...)...)
	}
}

// legacyOverhead is what a message takes besides key and value.
func (b *Builder) legacyOverhead() int {
	if b.opts.Magic == Magic0 {
		return v0Overhead
	}
	return v1Overhead
}

// Append adds a record at the next offset. A nil key or value is null. Everything is copied.
func (b *Builder) Append(timestamp int64, key, value []byte, headers ...Header) {
	b.AppendAt(b.lastOffset+1, timestamp, key, value, headers...)
}

// AppendAt adds a record at an offset above that of the previous one. Headers need magic 2.
func (b *Builder) AppendAt(offset, timestamp int64, key, value []byte, headers ...Header) {
	if len(headers) == 0 {
		b.append(offset, timestamp, key, value, 0, nil)
		return
	}
	var enc []byte
	for _, h := range headers {
		enc = appendVarint(enc, int32(len(h.Key)))
		enc = append(enc, h.Key...)
		enc = appendBytes(enc, h.Value)
	}
	b.append(offset, timestamp, key, value, len(headers), enc)
}

// append adds a record whose headers are encoded already.
func (b *Builder) append(offset, timestamp int64, key, value []byte, headerCount int, headers []byte) {
	o := &b.opts
	switch {
	case b.err != nil:
		return
	case offset <= b.lastOffset:
		b.fail("illegal offset %d following previous offset %d", offset, b.lastOffset)
		return
	// The delta is 32 bits in the format.
	case offset-o.BaseOffset > math.MaxInt32:
		b.fail("maximum offset delta exceeded, base offset: %d, last offset: %d", o.BaseOffset, offset)
		return
	case timestamp < NoTimestamp:
		b.fail("invalid negative timestamp %d", timestamp)
		return
	case o.Magic < Magic2 && headerCount > 0:
		b.fail("magic v%d does not support record headers", o.Magic)
		return
	}
	if b.count == 0 {
		b.firstTimestamp = timestamp
	}
	out := &b.dst
	if o.Codec != None {
		out = &b.raw
	}
	start := len(*out)
	if o.Magic >= Magic2 {
		*out = appendRecord(*out, int32(offset-o.BaseOffset), timestamp-b.firstTimestamp, key, value, headerCount, headers)
	} else {
		if o.TimestampType == LogAppendTime {
			timestamp = o.LogAppendTime
		}
		inner := offset
		if o.Magic == Magic1 && o.Codec != None {
			inner = offset - o.BaseOffset
		}
		*out = appendMessage(*out, o.Magic, inner, timestamp, o.TimestampType, key, value)
	}
	b.size += len(*out) - start
	b.count++
	b.lastOffset = offset
	if o.Magic > Magic0 && timestamp > b.maxTimestamp {
		b.maxTimestamp, b.offsetOfMaxTs = timestamp, offset
	}
	// Twice, so that something is left for the end, which finish compresses as the last piece.
	if len(b.raw) >= 2*flushAt {
		b.flush()
	}
}

// flush compresses a whole number of blocks of raw.
func (b *Builder) flush() {
	if b.z == nil {
		b.z = newDeflater(b.dst, b.opts.Codec, b.opts.Magic)
	}
	n := len(b.raw) / flushAt * flushAt
	if err := b.z.put(b.raw[:n]); err != nil {
		b.fail("compress with %s: %v", b.opts.Codec, err)
	}
	b.raw = b.raw[:copy(b.raw, b.raw[n:])]
}

// appendBytes appends a varint length and v; nil is null.
func appendBytes(b, v []byte) []byte {
	if v == nil {
		return append(b, 1) // -1
	}
	b = appendVarint(b, int32(len(v)))
	return append(b, v...)
}

// sizeBytes is what appendBytes takes.
func sizeBytes(v []byte) int {
	if v == nil {
		return 1
	}
	return sizeVarint(int32(len(v))) + len(v)
}

// appendRecord appends a record of magic 2.
func appendRecord(b []byte, offsetDelta int32, timestampDelta int64, key, value []byte, headerCount int, headers []byte) []byte {
	size := 1 + sizeVarlong(timestampDelta) + sizeVarint(offsetDelta) + sizeBytes(key) + sizeBytes(value) +
		sizeVarint(int32(headerCount)) + len(headers)
	b = appendVarint(b, int32(size))
	b = append(b, 0)
	b = appendVarlong(b, timestampDelta)
	b = appendVarint(b, offsetDelta)
	b = appendBytes(b, key)
	b = appendBytes(b, value)
	b = appendVarint(b, int32(headerCount))
	return append(b, headers...)
}

// appendMessage appends an uncompressed message of magic 0 or 1.
func appendMessage(b []byte, magic int8, offset, timestamp int64, t TimestampType, key, value []byte) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint64(b, uint64(offset))
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(magic), 0)
	if magic > Magic0 {
		if t == LogAppendTime {
			b[len(b)-1] = attrTimestampType
		}
		b = binary.BigEndian.AppendUint64(b, uint64(timestamp))
	}
	for _, f := range [2][]byte{key, value} {
		if f == nil {
			b = append(b, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	m := b[start:]
	binary.BigEndian.PutUint32(m[posSize:], uint32(len(m)-LogOverhead))
	binary.BigEndian.PutUint32(m[posLegacyCRC:], crc32.ChecksumIEEE(m[posMagic:]))
	return b
}

// Count is the number of records appended.
func (b *Builder) Count() int { return b.count }

// Len estimates the size of the result so far in bytes, before compression.
func (b *Builder) Len() int {
	if b.opts.Magic < Magic2 && b.opts.Codec == None {
		return b.size
	}
	return b.compressedStart + b.size
}

// Err is the first fault: a record that the format cannot hold, or a compressor's error.
func (b *Builder) Err() error { return b.err }

// Bytes completes the batch and returns it; nil if nothing was appended or Err is set. The builder
// is used up until Reset, and the caller owns the bytes as long.
func (b *Builder) Bytes() []byte {
	out, err := b.complete()
	if err != nil || b.count == 0 {
		return nil
	}
	return out
}

// complete finishes the entry at the end of dst. Without records it returns dst as it was given.
func (b *Builder) complete() ([]byte, error) {
	o := &b.opts
	z := b.z
	b.z = nil
	if z != nil {
		// A compressor keeps its tables for the next batch, also after a fault.
		defer z.release()
	}
	header := BatchOverhead
	if o.Magic < Magic2 {
		header = LogOverhead + b.legacyOverhead()
	}
	start := b.compressedStart - header
	if o.Magic < Magic2 && o.Codec == None {
		start = b.compressedStart
	}
	if b.err != nil {
		return nil, b.err
	}
	if b.count == 0 {
		return b.dst[:start], nil
	}
	if o.Codec != None {
		if z == nil {
			z = newDeflater(b.dst, o.Codec, o.Magic)
			defer z.release()
		}
		var err error
		if b.dst, err = z.finish(b.raw); err != nil {
			b.fail("compress with %s: %v", o.Codec, err)
			return nil, b.err
		}
		b.raw = b.raw[:0]
	}
	// The size field has 32 bits, with a sign.
	if len(b.dst)-start-LogOverhead > math.MaxInt32 {
		b.fail("batch of %d bytes", len(b.dst)-start)
		return nil, b.err
	}
	e := Batch(b.dst[start:])
	switch {
	case o.Magic >= Magic2:
		b.writeHeader(e)
	case o.Codec != None:
		b.writeWrapper(e)
	}
	return b.dst, nil
}

// writeHeader fills in the 61 bytes of format 2, when all records and their times are known.
func (b *Builder) writeHeader(e Batch) {
	o := &b.opts
	attr := byte(o.Codec)
	ts := b.maxTimestamp
	if o.TimestampType == LogAppendTime {
		attr |= attrTimestampType
		ts = o.LogAppendTime
	}
	if o.Transactional {
		attr |= attrTransactional
	}
	if o.Control {
		attr |= attrControl
	}
	e.put64(posOffset, o.BaseOffset)
	binary.BigEndian.PutUint32(e[posSize:], uint32(len(e)-LogOverhead))
	binary.BigEndian.PutUint32(e[posLeaderEpoch:], uint32(o.LeaderEpoch))
	e[posMagic] = byte(o.Magic)
	e[posAttributes+1] = attr
	binary.BigEndian.PutUint32(e[posLastDelta:], uint32(b.lastOffset-o.BaseOffset))
	e.put64(posFirstTs, b.firstTimestamp)
	e.put64(posMaxTs, ts)
	e.put64(posProducerID, o.ProducerID)
	binary.BigEndian.PutUint16(e[posEpoch:], uint16(o.ProducerEpoch))
	binary.BigEndian.PutUint32(e[posSequence:], uint32(o.BaseSequence))
	binary.BigEndian.PutUint32(e[posCount:], uint32(b.count))
	e.updateCRC()
}

// writeWrapper fills in the head of a compressed message of format 0 or 1, whose value is the
// messages in it.
func (b *Builder) writeWrapper(e Batch) {
	o := &b.opts
	e.put64(posOffset, b.lastOffset)
	binary.BigEndian.PutUint32(e[posSize:], uint32(len(e)-LogOverhead))
	e[posMagic] = byte(o.Magic)
	e[posLegacyAttributes] = byte(o.Codec)
	key := posV0KeySize
	if o.Magic > Magic0 {
		key = posV1KeySize
		ts := b.maxTimestamp
		if o.TimestampType == LogAppendTime {
			e[posLegacyAttributes] |= attrTimestampType
			ts = o.LogAppendTime
		}
		e.put64(posLegacyTimestamp, ts)
	}
	binary.BigEndian.PutUint32(e[key:], math.MaxUint32) // null key
	binary.BigEndian.PutUint32(e[key+4:], uint32(len(e)-key-8))
	e.updateCRC()
}

// maxTimestampForIndex is the pair that the time index gets (Kafka's MemoryRecordsBuilder.info).
func (b *Builder) maxTimestampForIndex() (ts, offset int64) {
	o := &b.opts
	batched := o.Codec != None || o.Magic >= Magic2
	switch {
	case o.TimestampType == LogAppendTime && batched:
		return o.LogAppendTime, b.lastOffset
	case o.TimestampType == LogAppendTime:
		return o.LogAppendTime, o.BaseOffset
	case b.maxTimestamp == NoTimestamp || batched:
		return b.maxTimestamp, b.lastOffset
	}
	return b.maxTimestamp, b.offsetOfMaxTs
}

// ControlBatch is an end-transaction marker as the transaction coordinator writes it (KIP-98): base
// offset 0, no sequence, uncompressed, 78 bytes.
func ControlBatch(producerID int64, producerEpoch int16, coordinatorEpoch int32, commit bool, timestamp int64) []byte {
	o := DefaultOptions()
	o.ProducerID, o.ProducerEpoch, o.Transactional, o.Control = producerID, producerEpoch, true, true
	t := ControlAbort
	if commit {
		t = ControlCommit
	}
	key := binary.BigEndian.AppendUint16(make([]byte, 2, 4), uint16(t))
	value := binary.BigEndian.AppendUint32(make([]byte, 2, 6), uint32(coordinatorEpoch))
	b := NewBuilder(o)
	b.Append(timestamp, key, value)
	return b.Bytes()
}

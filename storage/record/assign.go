package record

import (
	"momus/internal/kerr"
	"momus/internal/model"
)

// Rules are the topic configs that Assign obeys.
type Rules struct {
	RecordVersion            int8   // message.format.version: the magic to write, 0, 1 or 2
	CompressionType          string // compression.type: a codec's name, uncompressed, or producer
	Compact                  bool   // cleanup.policy has compact: records need keys
	LogAppendTime            bool   // message.timestamp.type
	MaxTimestampDifferenceMs int64  // message.timestamp.difference.max.ms
}

// Policy is what Assign needs to know of the partition.
type Policy struct {
	Rules          Rules
	TopicPartition model.TopicPartition // for messages
	Origin         Origin
	Now            int64 // ms
	LeaderEpoch    int32
	ZstdAllowed    bool // inter.broker.protocol.version is 2.1-IV0 or later
	Decoder        *Decoder
}

func (p *Policy) timestampType() TimestampType {
	if p.Rules.LogAppendTime {
		return LogAppendTime
	}
	return CreateTime
}

// targetCodec is what compression.type makes of the producer's codec.
func (p *Policy) targetCodec(source Codec) Codec {
	if c, ok := ParseCodec(p.Rules.CompressionType); ok {
		return c
	}
	return source // producer
}

// Assign validates records as the leader does, gives each an offset from nextOffset on, and stamps
// leader epoch and timestamps (Kafka's LogValidator). info is the result of Analyze on the same
// bytes.
//
// Where the format allows, headers are patched in place and out shares memory with records;
// otherwise out is a rebuilt set (the returned Info has Converted). In the returned Info offsets,
// timestamps, record count and ValidBytes describe out. err is a *ValidationError, a *CorruptError,
// a *DecompressError or wraps one of Kafka's errors; records may then be partly patched and must
// not be written.
func Assign(records []byte, info Info, nextOffset int64, p *Policy) (out []byte, after Info, err error) {
	a := assigner{p: p, records: records[:info.ValidBytes], source: info.SourceCodec, next: nextOffset}
	a.target = p.targetCodec(a.source)
	if a.target == Zstd && !p.ZstdAllowed {
		return nil, info, &ValidationError{Err: kerr.UnsupportedCompressionType,
			Message: "Produce requests to inter.broker.protocol.version < 2.1 broker are not allowed to use ZStandard compression"}
	}
	if a.first, _, err = Next(a.records); err != nil {
		return nil, info, err
	}
	if a.first == nil {
		return nil, info, invalidRecord("Record batch has no batches at all")
	}
	// Offsets inside of a batch are relative to it; Kafka takes one batch a partition from
	// producers since 0.11.
	if (a.first.Magic() >= Magic2 || a.source != None) && len(a.first) < len(a.records) {
		return nil, info, invalidRecord("Compressed outer record has more than one batch")
	}
	a.v = newValidator(p, a.source != None || a.target != None)

	toMagic, inPlace := p.Rules.RecordVersion, false
	if !a.v.compressed {
		inPlace = a.matchingMagic(toMagic)
	} else {
		control := a.source == None && a.first.IsControl() // markers are never compressed
		inPlace = control || a.source == a.target && a.first.Magic() == toMagic && toMagic > Magic0
	}
	switch {
	case !inPlace:
		out, after, err = a.rebuild(toMagic)
	case a.v.compressed:
		out, after, err = a.patchCompressed()
	default:
		out, after, err = a.patch()
	}
	if err != nil {
		return nil, info, err
	}
	after.SourceCodec = a.source
	after.FirstOffset = nextOffset
	// Offsets have no gaps on a leader: they are counted, whatever the producer said.
	after.LastOffset = nextOffset + int64(after.Records) - 1
	after.ValidBytes = len(out)
	after.Monotonic = true
	after.LogAppendTime = NoTimestamp
	if p.Rules.LogAppendTime {
		after.LogAppendTime = p.Now
	}
	return out, after, nil
}

// assigner is one call of Assign. first is a view of records, which is patched.
type assigner struct {
	p              *Policy
	records        []byte
	first          Batch
	source, target Codec
	next           int64 // offset of the first record
	v              validator
}

func (a *assigner) matchingMagic(magic int8) bool {
	w := NewWalk(a.records)
	for w.Next() {
		if w.Batch.Magic() != magic {
			return false
		}
	}
	return true // Analyze has been here: this is the end
}

// patch assigns in place where nothing is compressed: every message by itself, or the one batch of
// magic 2.
func (a *assigner) patch() ([]byte, Info, error) {
	info := emptyInfo()
	magic, t := a.first.Magic(), a.p.timestampType()
	maxTs, maxOffset := NoTimestamp, int64(-1)
	w := NewWalk(a.records)
	for w.Next() {
		b := w.Batch
		if err := a.v.batch(magic, b); err != nil {
			return nil, info, err
		}
		a.v.maxTimestamp, a.v.maxOffset = NoTimestamp, -1
		if err := a.v.recordsOf(b, nil); err != nil {
			return nil, info, err
		}
		if a.v.maxTimestamp > maxTs {
			// The first record with the largest timestamp: the leader's time index has its exact
			// offset.
			maxTs, maxOffset = a.v.maxTimestamp, a.next+a.v.maxOffset
		}
		b.SetLastOffset(a.next + int64(a.v.records) - 1)
		b.SetLeaderEpoch(a.p.LeaderEpoch)
		if t == LogAppendTime {
			b.setMaxTimestamp(t, a.p.Now)
		} else {
			b.setMaxTimestamp(t, a.v.maxTimestamp)
		}
		info.add(b)
	}
	if w.Err() != nil {
		return nil, info, w.Err()
	}
	if t == LogAppendTime {
		// 2.5.0's choice, which its files show: magic 1 has the first offset of the set, magic 2
		// the last.
		maxTs, maxOffset = a.p.Now, a.next
		if magic >= Magic2 {
			maxOffset = a.next + int64(a.v.records) - 1
		}
	}
	info.Records, info.MaxTimestamp, info.OffsetOfMaxTimestamp = a.v.records, maxTs, maxOffset
	return a.records, info, nil
}

// patchCompressed assigns in place in the one compressed batch (or uncompressed control batch): the
// payload is not touched.
func (a *assigner) patchCompressed() ([]byte, Info, error) {
	info, b := emptyInfo(), a.first
	if err := a.v.batch(b.Magic(), b); err != nil {
		return nil, info, err
	}
	if err := a.v.recordsOf(b, nil); err != nil {
		return nil, info, err
	}
	last, ts := a.next+int64(a.v.records)-1, a.v.maxTimestamp
	if a.p.Rules.LogAppendTime {
		ts = a.p.Now
	}
	b.SetLastOffset(last)
	b.setMaxTimestamp(a.p.timestampType(), ts)
	b.SetLeaderEpoch(a.p.LeaderEpoch)
	info.add(b)
	info.Records, info.MaxTimestamp, info.OffsetOfMaxTimestamp = a.v.records, ts, last
	return a.records, info, nil
}

// rebuild writes all records into one batch, wrapper or message set of magic toMagic with the
// target codec.
func (a *assigner) rebuild(toMagic int8) ([]byte, Info, error) {
	info := emptyInfo()
	o := BuilderOptions{
		Magic: toMagic, Codec: a.target, TimestampType: a.p.timestampType(), BaseOffset: a.next, LogAppendTime: a.p.Now,
		ProducerID: a.first.ProducerID(), ProducerEpoch: a.first.ProducerEpoch(), BaseSequence: a.first.BaseSequence(),
		LeaderEpoch: a.p.LeaderEpoch, Transactional: a.first.IsTransactional(),
	}
	magic := a.first.Magic()
	if err := a.v.batch(magic, a.first); err != nil { // before the builder can object to a transaction in an old format
		return nil, info, err
	}
	w := NewBuilder(o)
	next := a.next
	keep := func(r *Record) {
		// Headers stay encoded: they are copied, not read.
		w.append(next, r.Timestamp, r.Key, r.Value, r.headerCount, r.headers)
		next++
	}
	source := NewWalk(a.records)
	for source.Next() {
		if err := a.v.batch(magic, source.Batch); err != nil {
			return nil, info, err
		}
		if err := a.v.recordsOf(source.Batch, keep); err != nil {
			return nil, info, err
		}
		if w.Err() != nil {
			return nil, info, w.Err()
		}
	}
	if source.Err() != nil {
		return nil, info, source.Err()
	}
	out, err := w.complete()
	if err != nil {
		return nil, info, err
	}
	written := NewWalk(out)
	for written.Next() {
		info.add(written.Batch)
	}
	if written.Err() != nil {
		return nil, info, written.Err()
	}
	info.Records, info.Converted = w.Count(), true
	info.MaxTimestamp, info.OffsetOfMaxTimestamp = w.maxTimestampForIndex()
	return out, info, nil
}

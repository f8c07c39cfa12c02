package record

import (
	"encoding/binary"
	"fmt"

	"momus/internal/kerr"
)

// validator checks batches on behalf of a Policy and collects what it finds (Kafka 2.5's
// LogValidator). One serves one Assign.
type validator struct {
	p          *Policy
	toMagic    int8
	compressed bool // the path for compression: inner offsets are checked (once both formats are above magic 0)

	compact    bool
	createTime bool
	maxDiff    int64

	maxTimestamp int64 // of the records seen, or -1
	maxOffset    int64 // position of the first record with it, counted from 0 over all batches
	records      int   // records seen

	errs      []RecordError // of the current batch
	timestamp bool          // one of errs is about a timestamp
}

// newValidator is a validator for one Assign; counts and positions go over all of its batches.
func newValidator(p *Policy, compressed bool) validator {
	t := &p.Rules
	return validator{p: p, toMagic: t.RecordVersion, compressed: compressed, compact: t.Compact, createTime: !t.LogAppendTime,
		maxDiff: t.MaxTimestampDifferenceMs, maxTimestamp: NoTimestamp, maxOffset: -1}
}

// batch checks the header of a batch (LogValidator.validateBatch).
func (v *validator) batch(first int8, b Batch) error {
	tp := v.p.TopicPartition
	if b.Magic() != first {
		return invalidRecord("Batch magic %d is not the same as the first batch'es magic byte %d in topic partition %s.", b.Magic(), first, tp)
	}
	if v.p.Origin == OriginClient && b.Magic() >= Magic2 {
		// In 64 bits: the delta comes from the wire and may be the largest.
		span, count := int64(b.LastOffsetDelta())+1, b.Count()
		switch {
		case span <= 0:
			return invalidRecord("Batch has an invalid offset range: [%d, %d] in topic partition %s.", b.BaseOffset(), b.LastOffset(), tp)
		case count <= 0:
			return invalidRecord("Invalid reported count for record batch: %d in topic partition %s.", count, tp)
		case span != int64(count):
			return invalidRecord("Inconsistent batch offset range [%d, %d] and count of records %d in topic partition %s.",
				b.BaseOffset(), b.LastOffset(), count, tp)
		case b.IsControl():
			return invalidRecord("Clients are not allowed to write control records in topic partition %s.", tp)
		case b.HasProducerID() && b.BaseSequence() < 0:
			return invalidRecord("Invalid sequence number %d in record batch with producerId %d in topic partition %s.",
				b.BaseSequence(), b.ProducerID(), tp)
		}
	}
	if v.toMagic < Magic2 {
		switch {
		case b.IsTransactional():
			return &ValidationError{Err: kerr.UnsupportedForMessageFormat,
				Message: fmt.Sprintf("Transactional records cannot be used with magic version %d", v.toMagic)}
		case b.HasProducerID():
			return &ValidationError{Err: kerr.UnsupportedForMessageFormat,
				Message: fmt.Sprintf("Idempotent records cannot be used with magic version %d", v.toMagic)}
		}
	}
	return nil
}

// recordsOf checks all records of a batch. keep, if not nil, gets every record until the first
// fault of the batch. Rejected records come out together at the end of the batch; what does not
// decode stops at once.
func (v *validator) recordsOf(b Batch, keep func(r *Record)) (err error) {
	if b.Magic() >= Magic2 {
		err = v.v2(b, keep)
	} else {
		err = v.legacy(b, keep)
	}
	if err != nil || len(v.errs) == 0 {
		return err
	}
	if v.timestamp {
		return &ValidationError{Err: kerr.InvalidTimestamp, Records: v.errs,
			Message: "One or more records have been rejected due to invalid timestamp"}
	}
	return &ValidationError{Err: kerr.InvalidRecord, Records: v.errs, Message: "One or more records have been rejected"}
}

// v2 walks a batch of magic 2 without allocating per record. Unless the records are wanted, keys
// and values are only skipped.
func (v *validator) v2(b Batch, keep func(r *Record)) error {
	count := b.Count()
	switch {
	case count == 0:
		return nil
	case count < 0:
		return errRecordCount(count)
	}
	f := v.p.Decoder.inflate(b[BatchOverhead:], b.Codec(), Magic2)
	defer f.release()
	base, first, bytes := b.BaseOffset(), b.FirstTimestamp(), keep != nil
	markedAppendTime, appendTime := b.TimestampType() == LogAppendTime, b.MaxTimestamp()
	raw := &f.raw
	var r *Record // on the heap, therefore made only when somebody wants it
	if bytes {
		r = new(Record)
	}
	for i := int32(0); i < count; i++ {
		if err := f.next(raw, bytes); err != nil {
			return err
		}
		offset, ts := base+int64(raw.offsetDelta), first+raw.timestampDelta
		if markedAppendTime {
			ts = appendTime
		}
		expected := int64(v.records)
		v.records++
		switch {
		case v.compact && raw.keySize < 0:
			v.noKey(i)
			continue
		case v.createTime && v.outOfRange(ts):
			v.badTimestamp(i, offset, ts)
			continue
		case markedAppendTime:
			v.badType(i, fmt.Sprintf("DefaultRecord(offset=%d, timestamp=%d, key=%d bytes, value=%d bytes)",
				offset, ts, max(0, raw.keySize), max(0, raw.valueSize)))
			continue
		}
		if ts > v.maxTimestamp {
			v.maxTimestamp, v.maxOffset = ts, expected
		}
		if v.compressed && v.toMagic > Magic0 && offset != expected {
			v.badOffset(i, fmt.Sprintf("DefaultRecord(offset=%d, timestamp=%d, key=%d bytes, value=%d bytes)",
				offset, ts, max(0, raw.keySize), max(0, raw.valueSize)), expected)
			continue
		}
		if bytes && len(v.errs) == 0 {
			*r = Record{Offset: offset, Timestamp: ts, Key: raw.key, Value: raw.value, headers: raw.headers, headerCount: int(raw.headerCount)}
			keep(r)
		}
	}
	return f.end()
}

// legacy checks a message or wrapper of magic 0 or 1.
func (v *validator) legacy(b Batch, keep func(r *Record)) error {
	if !b.IsCompressed() {
		return v.message(b, b, 0, b.BaseOffset(), keep)
	}
	w, err := openWrapper(b, v.p.Decoder)
	if err != nil {
		return err
	}
	defer w.release()
	for i := int32(0); ; i++ {
		m, ok := w.next()
		if !ok {
			return nil
		}
		if innerCompressed(m) {
			return errInnerCompressed
		}
		if m.Magic() != b.Magic() {
			v.records++
			v.reject(i, fmt.Sprintf("Record %s's magic does not match outer magic %d in topic partition %s.",
				describeMessage(m, w.offset(m), b), b.Magic(), v.p.TopicPartition))
			continue
		}
		if err := verifyInner(m, v.p.TopicPartition); err != nil {
			return err
		}
		if err := v.message(b, m, i, w.offset(m), keep); err != nil {
			return err
		}
	}
}

// message checks one message m, which is outer itself or part of it, at position i.
func (v *validator) message(outer, m Batch, i int32, offset int64, keep func(r *Record)) error {
	key, value, err := legacyFields(m)
	if err != nil {
		return err
	}
	expected := int64(v.records)
	v.records++
	ts, marked := innerTimestamp(outer, m), outer.TimestampType() == LogAppendTime
	switch {
	case v.compact && key == nil:
		v.noKey(i)
		return nil
	case v.createTime && v.outOfRange(ts):
		v.badTimestamp(i, offset, ts)
		return nil
	case marked:
		v.badType(i, describeMessage(m, offset, outer))
		return nil
	}
	if m.Magic() > Magic0 && ts > v.maxTimestamp {
		v.maxTimestamp, v.maxOffset = ts, expected
	}
	if v.compressed && m.Magic() > Magic0 && v.toMagic > Magic0 && offset != expected {
		v.badOffset(i, describeMessage(m, offset, outer), expected)
		return nil
	}
	if keep != nil && len(v.errs) == 0 {
		keep(&Record{Offset: offset, Timestamp: ts, Key: key, Value: value})
	}
	return nil
}

// outOfRange is Kafka's test, wrapping included; -1 is no timestamp and always in range.
func (v *validator) outOfRange(ts int64) bool {
	if ts == NoTimestamp {
		return false
	}
	d := ts - v.p.Now
	if d < 0 {
		d = -d
	}
	return d > v.maxDiff
}

// reject notes that record i of the batch is refused. The others are still looked at, so that the
// producer hears of all (KIP-467).
func (v *validator) reject(i int32, message string) {
	v.errs = append(v.errs, RecordError{Index: i, Message: message})
}

// noKey refuses a record that compaction could never replace.
func (v *validator) noKey(i int32) {
	v.reject(i, fmt.Sprintf("Compacted topic cannot accept message without key in topic partition %s.", v.p.TopicPartition))
}

// badTimestamp refuses a time too far from now; the batch is INVALID_TIMESTAMP then, whatever else
// is wrong with it.
func (v *validator) badTimestamp(i int32, offset, ts int64) {
	v.timestamp = true
	v.reject(i, fmt.Sprintf("Timestamp %d of message with offset %d is out of range. The timestamp should be within [%d, %d]",
		ts, offset, v.p.Now-v.maxDiff, v.p.Now+v.maxDiff))
}

// badType refuses a record that says it was stamped by a broker.
func (v *validator) badType(i int32, record string) {
	v.timestamp = true
	v.reject(i, fmt.Sprintf("Invalid timestamp type in message %s. Producer should not set timestamp type to LogAppendTime.", record))
}

// badOffset refuses inner offsets that are not 0, 1, 2 …: a fault of the client's compressor.
func (v *validator) badOffset(i int32, record string, expected int64) {
	v.reject(i, fmt.Sprintf("Inner record %s inside the compressed record batch does not have incremental offsets, expected offset "+
		"is %d in topic partition %s.", record, expected, v.p.TopicPartition))
}

// describeMessage is how Kafka prints a message of magic 0 or 1, or an inner one of any.
func describeMessage(m Batch, offset int64, outer Batch) string {
	key, value, _ := legacyFields(m)
	ts := ""
	if m.Magic() > Magic0 {
		ts = fmt.Sprintf("%s=%d, ", outer.TimestampType(), innerTimestamp(outer, m))
	}
	return fmt.Sprintf("LegacyRecordBatch(offset=%d, Record(magic=%d, attributes=%d, compression=NONE, crc=%d, %skey=%d bytes, value=%d bytes))",
		offset, m.Magic(), m[posLegacyAttributes], binary.BigEndian.Uint32(m[posLegacyCRC:]), ts, len(key), len(value))
}

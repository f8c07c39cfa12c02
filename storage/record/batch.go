package record

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// Positions in an entry. The first four are common to all formats.
const (
	posOffset      = 0
	posSize        = 8
	posLeaderEpoch = 12 // magic 2; crc in magic 0 and 1
	posMagic       = 16
	posCRC         = 17
	posAttributes  = 21 // int16, only the low byte (22) is used; the CRC covers from here
	posLastDelta   = 23
	posFirstTs     = 27
	posMaxTs       = 35
	posProducerID  = 43
	posEpoch       = 51
	posSequence    = 53
	posCount       = 57
)

// castagnoli is the polynomial of magic 2; hash/crc32 uses the CPU's instruction for it.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Batch is exactly one whole entry of a log, as Next cut it off: a message or wrapper of magic 0 or
// 1, or a batch of magic 2. It is a view: it shares memory with what it was cut from, and setters
// write there.
type Batch []byte

// Next cuts the first entry off b. batch is nil with a nil error when what is left is no whole
// entry (the usual end of a fetch response or a torn tail). A size below the smallest legal one, or
// below the header of the entry's own magic, is a *CorruptError; so is a magic above 2. The CRC is
// not looked at: see Verify.
func Next(b []byte) (batch Batch, rest []byte, err error) {
	if len(b) < headerUpToMagic {
		return nil, b, nil
	}
	size := int32(binary.BigEndian.Uint32(b[posSize:]))
	offset := int64(binary.BigEndian.Uint64(b))
	if size < minLegacySize {
		return nil, b, corrupt(offset, "record size %d is less than the minimum record overhead (%d)", size, minLegacySize)
	}
	magic := int8(b[posMagic])
	if magic < 0 || magic > Magic2 {
		return nil, b, corrupt(offset, "invalid magic found in record: %d", magic)
	}
	// No whole entry: size cannot overflow here, as it is at least minLegacySize.
	if len(b)-LogOverhead < int(size) {
		return nil, b, nil
	}
	total := LogOverhead + int(size)
	switch {
	case magic == Magic2 && total < BatchOverhead:
		return nil, b, corrupt(offset, "record batch of %d bytes is smaller than its header (%d)", total, BatchOverhead)
	case magic == Magic1 && size < v1Overhead:
		return nil, b, corrupt(offset, "record size %d is less than the minimum record overhead (%d)", size, v1Overhead)
	}
	return Batch(b[:total:total]), b[total:], nil
}

func (b Batch) i16(p int) int16      { return int16(binary.BigEndian.Uint16(b[p:])) }
func (b Batch) i32(p int) int32      { return int32(binary.BigEndian.Uint32(b[p:])) }
func (b Batch) i64(p int) int64      { return int64(binary.BigEndian.Uint64(b[p:])) }
func (b Batch) put64(p int, v int64) { binary.BigEndian.PutUint64(b[p:], uint64(v)) }

// Magic is the format: 0, 1 or 2.
func (b Batch) Magic() int8 { return int8(b[posMagic]) }

// Size is the length of the entry in bytes, offset and size field included.
func (b Batch) Size() int { return len(b) }

// attributes is the low byte of the attributes in any format.
func (b Batch) attributes() byte {
	if b.Magic() >= Magic2 {
		return b[posAttributes+1]
	}
	return b[posLegacyAttributes]
}

// BaseOffset is the first offset. For magic 2 it is the field (kept by the cleaner, so the record
// may be gone); for an uncompressed message it is its offset; for a compressed wrapper of magic 0
// or 1, whose first offset only its content tells, it is the offset field, that is the *last*
// offset (see FirstOffset).
func (b Batch) BaseOffset() int64 { return b.i64(posOffset) }

// LastOffset is the last offset of the batch.
func (b Batch) LastOffset() int64 {
	if b.Magic() >= Magic2 {
		return b.i64(posOffset) + int64(b.LastOffsetDelta())
	}
	return b.i64(posOffset)
}

// NextOffset is the offset after the batch: LastOffset + 1.
func (b Batch) NextOffset() int64 { return b.LastOffset() + 1 }

// LeaderEpoch is the partition leader epoch, -1 for magic 0 and 1.
func (b Batch) LeaderEpoch() int32 {
	if b.Magic() >= Magic2 {
		return b.i32(posLeaderEpoch)
	}
	return NoLeaderEpoch
}

// Codec is the compression; it may be one of the unassigned values 5 to 7, which do not decode.
func (b Batch) Codec() Codec { return Codec(b.attributes() & attrCodecMask) }

// IsCompressed tells whether a codec is set.
func (b Batch) IsCompressed() bool { return b.attributes()&attrCodecMask != 0 }

// TimestampType is NoTimestampType for magic 0.
func (b Batch) TimestampType() TimestampType {
	if b.Magic() == Magic0 {
		return NoTimestampType
	}
	return TimestampType(b.attributes() & attrTimestampType >> 3)
}

// FirstTimestamp is the field of magic 2 in ms (the base of the records' deltas), the message's
// timestamp for magic 1, -1 for magic 0.
func (b Batch) FirstTimestamp() int64 { return b.timestamp(posFirstTs) }

// MaxTimestamp is the largest timestamp in ms as the batch states it: the field of magic 2, the
// timestamp of a magic 1 message or wrapper, -1 for magic 0.
func (b Batch) MaxTimestamp() int64 { return b.timestamp(posMaxTs) }

// timestamp is the field at pos of magic 2, of older formats the only one there is.
func (b Batch) timestamp(pos int) int64 {
	switch b.Magic() {
	case Magic0:
		return NoTimestamp
	case Magic1:
		return b.i64(posLegacyTimestamp)
	}
	return b.i64(pos)
}

// ProducerID is -1 for none, and for magic 0 and 1.
func (b Batch) ProducerID() int64 {
	if b.Magic() >= Magic2 {
		return b.i64(posProducerID)
	}
	return NoProducerID
}

// HasProducerID tells whether the batch comes from an idempotent or transactional producer, or is a
// marker.
func (b Batch) HasProducerID() bool { return b.ProducerID() > NoProducerID }

// ProducerEpoch is -1 for none, and for magic 0 and 1.
func (b Batch) ProducerEpoch() int16 {
	if b.Magic() >= Magic2 {
		return b.i16(posEpoch)
	}
	return NoProducerEpoch
}

// BaseSequence is the sequence of the first record, -1 for none, and for magic 0 and 1.
func (b Batch) BaseSequence() int32 {
	if b.Magic() >= Magic2 {
		return b.i32(posSequence)
	}
	return NoSequence
}

// LastSequence is the sequence of the last record, -1 if there is no base sequence. Sequences wrap
// from 2147483647 to 0.
func (b Batch) LastSequence() int32 {
	base := b.BaseSequence()
	if base == NoSequence {
		return NoSequence
	}
	return AddSequence(base, b.LastOffsetDelta())
}

// AddSequence is seq + delta in the circle 0 … 2147483647 (delta is not negative).
func AddSequence(seq, delta int32) int32 { return int32((uint32(seq) + uint32(delta)) & 0x7fffffff) }

// LastOffsetDelta is last offset minus base offset: the field of magic 2, 0 for magic 0 and 1.
func (b Batch) LastOffsetDelta() int32 {
	if b.Magic() >= Magic2 {
		return b.i32(posLastDelta)
	}
	return 0
}

// Count is the number of records: the declared one of magic 2 (hostile input before Assign; 0 in a
// batch that the cleaner emptied); 1 for an uncompressed message; -1 for a wrapper, which does not
// say.
func (b Batch) Count() int32 {
	switch {
	case b.Magic() >= Magic2:
		return b.i32(posCount)
	case b.IsCompressed():
		return -1
	}
	return 1
}

// IsTransactional tells whether the batch is part of a transaction (data or marker).
func (b Batch) IsTransactional() bool {
	return b.Magic() >= Magic2 && b.attributes()&attrTransactional != 0
}

// IsControl tells whether the batch holds a control record instead of data.
func (b Batch) IsControl() bool { return b.Magic() >= Magic2 && b.attributes()&attrControl != 0 }

// CRC is the stored checksum.
func (b Batch) CRC() uint32 {
	if b.Magic() >= Magic2 {
		return binary.BigEndian.Uint32(b[posCRC:])
	}
	return binary.BigEndian.Uint32(b[posLegacyCRC:])
}

// computeCRC is the checksum the entry should have.
func (b Batch) computeCRC() uint32 {
	if b.Magic() >= Magic2 {
		return crc32.Checksum(b[posAttributes:], castagnoli)
	}
	return crc32.ChecksumIEEE(b[posMagic:])
}

// Verify checks the CRC: CRC-32C over everything from the attributes for magic 2, CRC-32 from the
// magic byte for 0 and 1. The error is a *CorruptError.
func (b Batch) Verify() error { return b.compare(b.computeCRC()) }

// compare holds a computed checksum against the stored one.
func (b Batch) compare(got uint32) error {
	if want := b.CRC(); got != want {
		return corrupt(b.BaseOffset(), "record is corrupt (stored crc = %d, computed crc = %d)", want, got)
	}
	return nil
}

// VerifyWith checks the CRC as Verify does, of an entry of which only the first BatchOverhead bytes are
// in memory: rest gives the others, and buf is what they are read into. What rest fails with is
// returned as it is.
func (b Batch) VerifyWith(rest io.Reader, buf []byte) error {
	sum, from := crc32.New(castagnoli), posAttributes
	if b.Magic() < Magic2 {
		sum, from = crc32.NewIEEE(), posMagic
	}
	sum.Write(b[from:])
	if _, err := io.CopyBuffer(sum, rest, buf); err != nil {
		return err
	}
	return b.compare(sum.Sum32())
}

// SetBaseOffset writes the offset field: the base offset of magic 2, the offset of a message, the
// last offset of a wrapper. The CRC does not cover it.
func (b Batch) SetBaseOffset(o int64) { b.put64(posOffset, o) }

// SetLastOffset sets the offset field so that LastOffset is o.
func (b Batch) SetLastOffset(o int64) { b.put64(posOffset, o-int64(b.LastOffsetDelta())) }

// SetLeaderEpoch writes the partition leader epoch of a magic 2 batch and does nothing to older
// ones. The CRC does not cover it.
func (b Batch) SetLeaderEpoch(e int32) {
	if b.Magic() >= Magic2 {
		binary.BigEndian.PutUint32(b[posLeaderEpoch:], uint32(e))
	}
}

// setMaxTimestamp writes timestamp type and (max) timestamp of magic 1 or 2 and renews the CRC, if
// they differ.
func (b Batch) setMaxTimestamp(t TimestampType, ts int64) {
	if b.Magic() == Magic0 || (b.TimestampType() == t && b.MaxTimestamp() == ts) {
		return
	}
	// As Kafka does, bits that have no meaning are cleared on the way.
	if b.Magic() >= Magic2 {
		b[posAttributes] = 0
		b[posAttributes+1] = b[posAttributes+1]&(attrCodecMask|attrTransactional|attrControl) | byte(t)<<3
		b.put64(posMaxTs, ts)
	} else {
		b[posLegacyAttributes] = b[posLegacyAttributes]&attrCodecMask | byte(t)<<3
		b.put64(posLegacyTimestamp, ts)
	}
	b.updateCRC()
}

// updateCRC makes the checksum that of the content. Base offset and leader epoch are outside of it
// in magic 2.
func (b Batch) updateCRC() {
	p := posLegacyCRC
	if b.Magic() >= Magic2 {
		p = posCRC
	}
	binary.BigEndian.PutUint32(b[p:], b.computeCRC())
}

// ControlType decodes the control record of a control batch: the kind, which may be unknown to us,
// and the coordinator epoch of an end-transaction marker. Control batches that the cleaner emptied
// (Count 0) and other batches are errors.
func (b Batch) ControlType() (t ControlType, coordinatorEpoch int32, err error) {
	if !b.IsControl() || b.Count() == 0 {
		return 0, 0, corrupt(b.BaseOffset(), "no control record")
	}
	err = b.ForEach(nil, func(r *Record) error {
		if len(r.Key) < 4 {
			return corrupt(r.Offset, "control record key of %d bytes, want 4", len(r.Key))
		}
		if v := int16(binary.BigEndian.Uint16(r.Key)); v < 0 {
			return corrupt(r.Offset, "control record with key version %d", v)
		}
		t = ControlType(binary.BigEndian.Uint16(r.Key[2:]))
		// Other kinds belong to later versions, and are passed over as in Kafka.
		if t != ControlAbort && t != ControlCommit {
			return nil
		}
		if len(r.Value) < 6 {
			return corrupt(r.Offset, "end transaction marker value of %d bytes, want 6", len(r.Value))
		}
		if v := int16(binary.BigEndian.Uint16(r.Value)); v < 0 {
			return corrupt(r.Offset, "end transaction marker with version %d", v)
		}
		coordinatorEpoch = int32(binary.BigEndian.Uint32(r.Value[2:]))
		return nil
	})
	return t, coordinatorEpoch, err
}

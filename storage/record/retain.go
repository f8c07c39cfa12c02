package record

import (
	"encoding/binary"
	"math/bits"
)

// Retained says what Retain left of a batch.
type Retained struct {
	Records int // kept
	Dropped int
	// MaxTimestamp (ms, -1 none) and OffsetOfMaxTimestamp are what the time index gets for the
	// result.
	MaxTimestamp         int64
	OffsetOfMaxTimestamp int64
}

// Retain appends to dst the batch with only those records that keep wants: its own bytes if that is
// all of them, nothing if it is none. Otherwise it is rebuilt as Kafka's cleaner does
// (MemoryRecords.filterTo), with the same format, codec, timestamp type, producer fields and leader
// epoch. A batch of magic 2 keeps base and last offset, so that the last sequence of its producer
// stays what it was; first and (with CreateTime) max timestamp are those of the kept records. A
// wrapper gets the offset of its last kept record. keep is asked once for each record, in order,
// until an error; it must not keep the record. d may be nil. The result is dst extended; dst and b
// must not overlap.
func (b Batch) Retain(dst []byte, d *Decoder, keep func(r *Record) bool) ([]byte, Retained, error) {
	var got Retained
	var few [8]uint64 // one bit a record; enough for 512
	kept := few[:0]
	n := 0
	err := b.ForEach(d, func(r *Record) error {
		if n&63 == 0 {
			kept = append(kept, 0)
		}
		if keep(r) {
			kept[n>>6] |= 1 << (n & 63)
		}
		n++
		return nil
	})
	if err != nil {
		return dst, got, err
	}
	for _, word := range kept {
		got.Records += bits.OnesCount64(word)
	}
	got.Dropped = n - got.Records
	switch {
	case got.Records == 0:
		return dst, got, nil
	case got.Dropped == 0:
		got.MaxTimestamp, got.OffsetOfMaxTimestamp = b.MaxTimestamp(), b.LastOffset()
		return append(dst, b...), got, nil
	}
	o := BuilderOptions{
		Magic: b.Magic(), Codec: b.Codec(), TimestampType: b.TimestampType(), BaseOffset: b.BaseOffset(), LogAppendTime: b.MaxTimestamp(),
		ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch(), BaseSequence: b.BaseSequence(), LeaderEpoch: b.LeaderEpoch(),
		Transactional: b.IsTransactional(), Control: b.IsControl(),
	}
	var out *Builder
	n = 0
	err = b.ForEach(d, func(r *Record) error {
		if kept[n>>6]>>(n&63)&1 != 0 {
			if out == nil {
				if o.Magic < Magic2 {
					o.BaseOffset = r.Offset
				}
				out = newBuilder(o, dst)
			}
			out.append(r.Offset, r.Timestamp, r.Key, r.Value, r.headerCount, r.headers)
		}
		n++
		return nil
	})
	if err != nil {
		return dst, got, err
	}
	if o.Magic >= Magic2 {
		// Kafka's filterTo: consumers step over the batch by its last offset, and the producer
		// state takes the last sequence from it.
		out.lastOffset = b.LastOffset()
	}
	result, err := out.complete()
	if err != nil {
		return dst, got, err
	}
	got.MaxTimestamp, got.OffsetOfMaxTimestamp = out.maxTimestampForIndex()
	return result, got, nil
}

// AppendEmpty appends to dst what is left of a magic 2 batch when the cleaner has dropped its
// records but has to remember its producer: a header without records that keeps offsets, sequence,
// producer, leader epoch, max timestamp, timestamp type and the transactional and control bits.
func (b Batch) AppendEmpty(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, b[:BatchOverhead]...)
	e := Batch(dst[start:])
	binary.BigEndian.PutUint32(e[posSize:], BatchOverhead-LogOverhead)
	e[posAttributes] = 0
	e[posAttributes+1] &= attrTimestampType | attrTransactional | attrControl
	e.put64(posFirstTs, NoTimestamp)
	binary.BigEndian.PutUint32(e[posCount:], 0)
	e.updateCRC()
	return dst
}

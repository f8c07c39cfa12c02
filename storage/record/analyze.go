package record

import (
	"fmt"

	"momus/internal/kerr"
)

// Info is what is known of a sequence of entries after Analyze, and of what will be written after
// Assign.
type Info struct {
	FirstOffset            int64 // -1 unknown: the first batch has magic 0 or 1 (after Assign always known)
	LastOffset             int64 // -1 if there is no batch
	LastOffsetOfFirstBatch int64 // for magic 0 and 1 the smallest known bound of the first offset
	MaxTimestamp           int64 // ms, -1 none
	OffsetOfMaxTimestamp   int64 // what the time index gets; -1 none
	LogAppendTime          int64 // ms, the time Assign stamped on a LogAppendTime topic, else -1
	Batches                int
	ValidBytes             int   // bytes of whole batches; what follows is to be cut off
	Records                int   // declared by magic 2, else one a message or wrapper; exact after Assign
	SourceCodec            Codec // last codec other than none among the batches
	Magic                  int8  // of the first batch, -1 if there is none
	Monotonic              bool  // last offsets strictly ascend
	Converted              bool  // Assign rebuilt the records: sizes are to be checked again
	HasProducerID          bool  // any batch has one
}

func emptyInfo() Info {
	return Info{FirstOffset: -1, LastOffset: -1, LastOffsetOfFirstBatch: -1, MaxTimestamp: NoTimestamp, OffsetOfMaxTimestamp: -1,
		LogAppendTime: NoTimestamp, Magic: -1, Monotonic: true}
}

// add sums up one more batch.
func (i *Info) add(b Batch) {
	last := b.LastOffset()
	if i.Batches == 0 {
		i.Magic, i.LastOffsetOfFirstBatch = b.Magic(), last
		if i.Magic >= Magic2 {
			i.FirstOffset = b.BaseOffset()
		}
	}
	if i.LastOffset >= last {
		i.Monotonic = false
	}
	i.LastOffset = last
	if ts := b.MaxTimestamp(); ts > i.MaxTimestamp {
		i.MaxTimestamp, i.OffsetOfMaxTimestamp = ts, last
	}
	if c := b.Codec(); c != None {
		i.SourceCodec = c
	}
	i.HasProducerID = i.HasProducerID || b.HasProducerID()
	i.Batches++
	i.ValidBytes += len(b)
	// A wrapper, which does not say how many it has, counts as one until Assign has looked.
	if n := b.Count(); n != 0 {
		i.Records += max(1, int(n))
	}
}

// Analyze walks the entries of records, checks framing, size and CRC of each and sums them up:
// steps 1 and 2 of an append (Kafka's Log.analyzeAndValidateRecords). For OriginClient a magic 2
// batch must have base offset 0 (INVALID_RECORD); a batch above maxMessageBytes is
// MESSAGE_TOO_LARGE (0: no limit); a bad CRC or frame is a *CorruptError. Incomplete bytes at the
// end are not an error: ValidBytes excludes them. records is only read.
func Analyze(records []byte, origin Origin, maxMessageBytes int) (Info, error) {
	info := emptyInfo()
	w := NewWalk(records)
	for w.Next() {
		b := w.Batch
		if origin == OriginClient && b.Magic() >= Magic2 && b.BaseOffset() != 0 {
			return info, invalidRecord("The baseOffset of the record batch in the append should be 0, but it is %d", b.BaseOffset())
		}
		if maxMessageBytes > 0 && len(b) > maxMessageBytes {
			return info, fmt.Errorf("record batch of %d bytes, the maximum is %d: %w", len(b), maxMessageBytes, kerr.MessageTooLarge)
		}
		if err := b.Verify(); err != nil {
			return info, err
		}
		if !b.Codec().valid() {
			return info, invalidRecord("Unknown compression type id: %d", b.Codec())
		}
		info.add(b)
	}
	return info, w.Err()
}

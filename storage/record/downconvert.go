package record

import (
	"fmt"

	"momus/internal/kerr"
)

// DownConvert rewrites entries for a consumer that knows only targetMagic (Fetch v0 to v3): control
// batches are dropped, batches above the target are rebuilt one by one with the same codec, without
// headers and producer state; others are copied. Records of uncompressed batches below fetchOffset
// are left out where a batch is rebuilt. Offsets stay, gaps too. Incomplete bytes at the end are
// dropped. converted is the number of rebuilt records. A zstd batch is
// UNSUPPORTED_COMPRESSION_TYPE; with any error out holds what was converted before it. records is
// only read.
func DownConvert(records []byte, targetMagic int8, fetchOffset int64) (out []byte, converted int, err error) {
	return shared.DownConvert(records, targetMagic, fetchOffset)
}

// DownConvert is the function of that name with the limits and pools of d, which may be nil.
func (d *Decoder) DownConvert(records []byte, targetMagic int8, fetchOffset int64) (out []byte, converted int, err error) {
	out = make([]byte, 0, len(records))
	w := NewWalk(records)
	for w.Next() {
		b := w.Batch
		if targetMagic < Magic2 {
			if b.IsControl() {
				continue
			}
			if b.Codec() == Zstd {
				return out, converted, fmt.Errorf("down-convert batch at offset %d: zstd cannot be expressed in magic %d: %w",
					b.BaseOffset(), targetMagic, kerr.UnsupportedCompressionType)
			}
		}
		if b.Magic() <= targetMagic {
			out = append(out, b...)
			continue
		}
		next, n, err := d.downConvertBatch(out, b, targetMagic, fetchOffset)
		if err != nil {
			return out, converted, fmt.Errorf("down-convert batch at offset %d: %w", b.BaseOffset(), err)
		}
		out, converted = next, converted+n
	}
	return out, converted, w.Err()
}

// downConvertBatch appends b in format magic to dst; n is 0 if nothing of it is left.
func (d *Decoder) downConvertBatch(dst []byte, b Batch, magic int8, fetchOffset int64) (out []byte, n int, err error) {
	o := DefaultOptions()
	o.Magic, o.Codec, o.TimestampType = magic, b.Codec(), b.TimestampType()
	if o.TimestampType == LogAppendTime {
		o.LogAppendTime = b.MaxTimestamp()
	}
	var w *Builder
	whole := b.IsCompressed()
	err = b.ForEach(d, func(r *Record) error {
		if !whole && r.Offset < fetchOffset {
			return nil
		}
		if w == nil {
			o.BaseOffset = r.Offset
			w = newBuilder(o, dst)
		}
		w.append(r.Offset, r.Timestamp, r.Key, r.Value, 0, nil)
		return w.Err()
	})
	if err != nil {
		return nil, 0, err
	}
	if w == nil {
		return dst, 0, nil
	}
	out, err = w.complete()
	return out, w.Count(), err
}

package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"momus/internal/kerr"
)

// Positions in a message of magic 0 or 1 (see also batch.go).
const (
	posLegacyCRC        = 12
	posLegacyAttributes = 17
	posLegacyTimestamp  = 18 // magic 1
	posV0KeySize        = 18
	posV1KeySize        = 26
)

// legacyFields finds key and value of a message. A negative length is null. What follows the value
// is nobody's, and is let be: Kafka does not look at it.
func legacyFields(b Batch) (key, value []byte, err error) {
	p := b[posV0KeySize:]
	if b.Magic() > Magic0 {
		p = b[posV1KeySize:]
	}
	if key, p, err = legacyField(b, p); err != nil {
		return nil, nil, err
	}
	if value, _, err = legacyField(b, p); err != nil {
		return nil, nil, err
	}
	return key, value, nil
}

// legacyField cuts off a key or value of formats 0 and 1: int32 length, -1 for null, and the bytes.
func legacyField(b Batch, p []byte) (field, rest []byte, err error) {
	if len(p) < 4 {
		return nil, nil, corrupt(b.BaseOffset(), "message ends in a length")
	}
	n := int(int32(binary.BigEndian.Uint32(p)))
	p = p[4:]
	switch {
	case n < 0:
		return nil, p, nil
	case n > len(p):
		return nil, nil, corrupt(b.BaseOffset(), "field of %d bytes in a message with %d left", n, len(p))
	}
	return p[:n:n], p[n:], nil
}

// forEachLegacy is ForEach for magic 0 and 1.
func (b Batch) forEachLegacy(d *Decoder, fn func(r *Record) error) error {
	var r Record
	if !b.IsCompressed() {
		key, value, err := legacyFields(b)
		if err != nil {
			return err
		}
		r.Offset, r.Timestamp, r.Key, r.Value = b.BaseOffset(), b.MaxTimestamp(), key, value
		return fn(&r)
	}
	w, err := openWrapper(b, d)
	if err != nil {
		return err
	}
	defer w.release()
	for {
		inner, ok := w.next()
		if !ok {
			return nil
		}
		if innerCompressed(inner) {
			return errInnerCompressed
		}
		key, value, err := legacyFields(inner)
		if err != nil {
			return err
		}
		r.Offset, r.Timestamp, r.Key, r.Value = w.offset(inner), innerTimestamp(b, inner), key, value
		if err := fn(&r); err != nil {
			return err
		}
	}
}

var errInnerCompressed = invalidRecord("Inner messages must not be compressed")

// wrapper is an opened compressed message of magic 0 or 1: its content is decompressed as a whole,
// because only the last inner offset of magic 1 tells the first. (Clients before 0.11 write them;
// batches are small.)
type wrapper struct {
	outer Batch
	f     *inflater
	inner []byte // what next has not cut off yet
	base  int64  // magic 1: absolute offset of inner offset 0
}

// openWrapper decompresses b and checks the framing of the inner messages. Faults of its own are
// INVALID_RECORD or a *CorruptError. The caller releases the wrapper.
func openWrapper(b Batch, d *Decoder) (*wrapper, error) {
	codec := b.Codec()
	if codec == Zstd {
		return nil, invalidRecord("Invalid wrapper compressionType found in legacy deep record iterator %d", b.Magic())
	}
	_, value, err := legacyFields(b)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, invalidRecord("Found invalid compressed record set with null value (magic = %d)", b.Magic())
	}
	w := &wrapper{outer: b, f: d.inflate(value, codec, b.Magic())}
	if w.inner, err = w.f.all(); err == nil {
		err = w.check()
	}
	if err != nil {
		w.release()
		return nil, err
	}
	return w, nil
}

// check walks the inner messages once and finds the base offset.
func (w *wrapper) check() error {
	rest, last, n := w.inner, int64(0), 0
	for len(rest) >= LogOverhead {
		size := int32(binary.BigEndian.Uint32(rest[posSize:]))
		if size < minLegacySize {
			return corrupt(w.outer.BaseOffset(), "inner record size %d is less than the minimum record overhead (%d)", size, minLegacySize)
		}
		if int(size) > len(rest)-LogOverhead {
			break // an incomplete message at the end is dropped, as Kafka does
		}
		// Its magic may be any: the validator refuses another one than the wrapper's as the record's
		// fault, and whoever reads takes it for a message, as Kafka does.
		m := Batch(rest[:LogOverhead+int(size)])
		last = m.BaseOffset()
		rest = rest[len(m):]
		n++
	}
	w.inner = w.inner[:len(w.inner)-len(rest)]
	if n == 0 {
		return invalidRecord("Found invalid compressed record set with no inner records")
	}
	if outer := w.outer.BaseOffset(); w.outer.Magic() == Magic1 && outer != 0 { // 0: as written by old librdkafka
		if outer < last {
			return invalidRecord("Found invalid wrapper offset in compressed v1 message set, wrapper offset '%d' is less than "+
				"the last inner message offset '%d' and it is not zero.", outer, last)
		}
		w.base = outer - last
	}
	return nil
}

// next cuts off the next inner message; openWrapper has checked the framing.
func (w *wrapper) next() (Batch, bool) {
	if len(w.inner) == 0 {
		return nil, false
	}
	n := LogOverhead + int(binary.BigEndian.Uint32(w.inner[posSize:]))
	m := Batch(w.inner[:n:n])
	w.inner = w.inner[n:]
	return m, true
}

// offset is the absolute offset of an inner message.
func (w *wrapper) offset(m Batch) int64 { return w.base + m.BaseOffset() }

// innerCompressed tells whether an inner message says that it is compressed. Its magic may be one
// that messages do not have, whose attributes Batch would look for elsewhere.
func innerCompressed(m Batch) bool { return m[posLegacyAttributes]&attrCodecMask != 0 }

// innerTimestamp is the timestamp of message m of outer (which may be m itself); a wrapper with
// LogAppendTime overrides it.
func innerTimestamp(outer, m Batch) int64 {
	switch {
	case m.Magic() == Magic0:
		return NoTimestamp
	case m.Magic() == Magic1 && outer.TimestampType() == LogAppendTime:
		return outer.MaxTimestamp()
	}
	return m.i64(posLegacyTimestamp) // within the smallest size of a message
}

// release gives the decompressed content back; messages of it are not valid afterwards.
func (w *wrapper) release() { w.f.release() }

// verifyInner checks the CRC of an inner message; the error is CORRUPT_MESSAGE.
func verifyInner(m Batch, tp fmt.Stringer) error {
	want := binary.BigEndian.Uint32(m[posLegacyCRC:])
	if got := crc32.ChecksumIEEE(m[posMagic:]); got != want {
		return &ValidationError{Err: kerr.CorruptMessage, Message: fmt.Sprintf(
			"Record is corrupt (stored crc = %d, computed crc = %d) in topic partition %s.", want, got, tp)}
	}
	return nil
}

package protocol

import (
	"encoding/binary"
	"fmt"
)

// reader decodes the old (not compact) encoding. After the first error all reads return zero
// values.
type reader struct {
	b []byte
	// bad stays set, so that decoders test it once, at their end.
	bad bool
}

// take gives the next n bytes, without copying them; too few mark the reader bad, and everything
// after it is empty.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	// The capacity is cut: appending to a field must not write into the one behind it.
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) i8() int8 {
	if v := r.take(1); v != nil {
		return int8(v[0])
	}
	return 0
}

func (r *reader) i16() int16 {
	if v := r.take(2); v != nil {
		return int16(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (r *reader) i32() int32 {
	if v := r.take(4); v != nil {
		return int32(binary.BigEndian.Uint32(v))
	}
	return 0
}

func (r *reader) i64() int64 {
	if v := r.take(8); v != nil {
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

// str reads a string that must not be null. It aliases the input.
func (r *reader) str() []byte { return r.take(int(r.i16())) }

// nullableStr reads a string; ok is false for null.
func (r *reader) nullableStr() (v []byte, ok bool) {
	n := r.i16()
	if n == -1 {
		return nil, false
	}
	return r.take(int(n)), !r.bad
}

// bytes reads a nullable byte field; nil for null, not nil when empty.
func (r *reader) bytes() []byte {
	n := r.i32()
	if n == -1 {
		return nil
	}
	return r.take(int(n))
}

// count reads the length of an array whose elements have at least size bytes each, so a length that
// cannot be true allocates nothing.
func (r *reader) count(size int) int {
	n := int(r.i32())
	if n < 0 || n > len(r.b)/size {
		r.bad, r.b = true, nil
		return 0
	}
	return n
}

// err is what the decoder of what gives back; where in the body it was is not told, since the body
// is a stranger's.
func (r *reader) err(what string, version int16) error {
	if r.bad {
		return fmt.Errorf("%w: %s v%d", ErrMalformed, what, version)
	}
	return nil
}

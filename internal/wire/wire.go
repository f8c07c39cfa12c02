// Package wire reads binary fields whose first byte is the most significant, as Kafka, ZooKeeper
// and Java write them.
package wire

import (
	"encoding/binary"
	"errors"
)

// ErrShort is a field that does not fit into what is left of the input.
var ErrShort = errors.New("the input ends in the middle of a field")

// Reader takes fields from the front of Rest, without copying them. The first that does not fit
// sets Err; everything after it reads as zeros, so that who decodes looks at Err once, at the end.
type Reader struct {
	Rest []byte
	Err  error
}

// Take gives the next n bytes; nil if there are not so many, if n is negative, and after an error.
func (r *Reader) Take(n int) []byte {
	if r.Err != nil || n < 0 || n > len(r.Rest) {
		r.fail()
		return nil
	}
	// The capacity is cut: appending to a field must not write into the one behind it.
	v := r.Rest[:n:n]
	r.Rest = r.Rest[n:]
	return v
}

// fail keeps the first error.
func (r *Reader) fail() {
	if r.Err == nil {
		r.Err = ErrShort
	}
}

// Int8 reads one byte.
func (r *Reader) Int8() int8 {
	if v := r.Take(1); v != nil {
		return int8(v[0])
	}
	return 0
}

// Int16 reads two bytes.
func (r *Reader) Int16() int16 {
	if v := r.Take(2); v != nil {
		return int16(binary.BigEndian.Uint16(v))
	}
	return 0
}

// Int32 reads four bytes.
func (r *Reader) Int32() int32 {
	if v := r.Take(4); v != nil {
		return int32(binary.BigEndian.Uint32(v))
	}
	return 0
}

// Int64 reads eight bytes.
func (r *Reader) Int64() int64 {
	if v := r.Take(8); v != nil {
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

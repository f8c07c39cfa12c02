package protocol

import (
	"fmt"

	"momus/internal/wire"
)

// reader decodes the old (not compact) encoding. What it gives aliases the input.
type reader struct{ wire.Reader }

func readerOf(b []byte) reader { return reader{wire.Reader{Rest: b}} }

// str reads a string that must not be null.
func (r *reader) str() []byte { return r.Take(int(r.Int16())) }

// nullableStr reads a string; ok is false for null.
func (r *reader) nullableStr() (v []byte, ok bool) {
	n := r.Int16()
	if n == -1 {
		return nil, false
	}
	return r.Take(int(n)), r.Err == nil
}

// bytes reads a nullable byte field; nil for null, not nil when empty.
func (r *reader) bytes() []byte {
	n := r.Int32()
	if n == -1 {
		return nil
	}
	return r.Take(int(n))
}

// count reads the length of an array whose elements have at least size bytes each, so a length that
// cannot be true allocates nothing.
func (r *reader) count(size int) int {
	n := int(r.Int32())
	if n < 0 || n > len(r.Rest)/size {
		r.Err = ErrMalformed
		return 0
	}
	return n
}

// err is what the decoder of what gives back; where in the body it was is not told, since the body
// is a stranger's.
func (r *reader) err(what string, version int16) error {
	if r.Err != nil {
		return fmt.Errorf("%w: %s v%d", ErrMalformed, what, version)
	}
	return nil
}

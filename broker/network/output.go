package network

import "encoding/binary"

// Range is a piece of a file that an answer contains.
type Range interface {
	// Len is its size in bytes.
	Len() int
	// ReadAt reads at an offset into the range.
	ReadAt(p []byte, off int64) (int, error)
	// Release ends its use; called once.
	Release()
}

// Output collects one answer: bytes, and ranges of files between them. B begins with 4 bytes for the length, which finish sets.
// It is owned by the connection; who fills it appends to B and keeps no reference.
type Output struct {
	B      []byte
	pieces []piece
	extra  int64 // bytes in pieces
	// Sent, when set, is called once the answer was written or given up, with the number of bytes of the answer.
	Sent func(n int)
}

// piece is a range that goes out before B[at:].
type piece struct {
	at int
	r  Range
}

// AppendRange appends all bytes of r. The Output owns r from here on and releases it.
func (o *Output) AppendRange(r Range) {
	if n := r.Len(); n > 0 {
		o.pieces = append(o.pieces, piece{at: len(o.B), r: r})
		o.extra += int64(n)
		return
	}
	r.Release()
}

// Len is the size of the answer so far, with its length field.
func (o *Output) Len() int64 { return int64(len(o.B)) + o.extra }

// begin makes the output empty but for the length field, in buf's storage.
func (o *Output) begin(buf []byte) {
	o.B = append(buf[:0], 0, 0, 0, 0)
}

// finish sets the length field.
func (o *Output) finish() {
	binary.BigEndian.PutUint32(o.B, uint32(o.Len()-4))
}

// reset drops everything appended and releases the ranges.
func (o *Output) reset() {
	for i := range o.pieces {
		o.pieces[i].r.Release()
		o.pieces[i].r = nil
	}
	o.pieces, o.extra, o.Sent = o.pieces[:0], 0, nil
	o.B = o.B[:0]
}

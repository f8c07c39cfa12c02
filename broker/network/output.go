package network

import (
	"encoding/binary"
	"time"
)

// Range is a piece of a file that an answer contains.
type Range interface {
	// Len is its size in bytes.
	Len() int
	// ReadAt reads at an offset into the range.
	ReadAt(p []byte, off int64) (int, error)
	// Release ends its use; called once.
	Release()
}

// Output collects one answer: bytes, and ranges of files between them. B begins with 4 bytes for
// the length, which finish sets. It is owned by the connection; who fills it appends to B and keeps
// no reference.
type Output struct {
	B      []byte
	pieces []piece
	extra  int64 // bytes in pieces
	// Meta is the handler's: it gets it back when the answer was sent.
	Meta Meta
}

// Meta is what a Handler notes about a request while it is answered.
type Meta struct {
	API, Version int16
	Kind         int16 // of request, where an API has several
	Size         int   // of the frame in bytes
	Received     time.Time
	Served       time.Time // when Serve was done
	Completed    time.Time // when the answer was known
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
		if r := o.pieces[i].r; r != nil {
			o.pieces[i].r = nil
			r.Release()
		}
	}
	o.pieces, o.extra = o.pieces[:0], 0
	o.B = o.B[:0]
	// One answer with thousands of partitions must not make a connection hold that memory for ever.
	if cap(o.pieces) > maxKeptPieces {
		o.pieces = nil
	}
}

// maxKeptPieces bounds what an Output keeps for its next answer.
const maxKeptPieces = 64

// moveTo hands the content over to an empty output.
func (o *Output) moveTo(to *Output) {
	*to = *o
	*o = Output{}
}

// takeBuffer takes the storage of B away: given, or a larger one if B has outgrown it.
func (o *Output) takeBuffer(given []byte) []byte {
	b := o.B
	o.B = nil
	if cap(b) > cap(given) {
		return b[:cap(b)]
	}
	return given
}

package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
)

// The xerial framing of snappy, which the Java library writes: a 16 byte header, then blocks of
// size INT32 and a raw snappy block. A stream without the header is one raw block.
const (
	xerialHeader     = "\x82SNAPPY\x00"
	xerialHeaderSize = 16       // with version and lowest compatible version, INT32 each
	xerialBlockSize  = 32 << 10 // input of one block as written
)

// snappyMaxRatio bounds what a raw block can decode to: a copy of 64 bytes takes at least 3.
const snappyMaxRatio = 22

// hasXerialHeader tells Java's framing from a raw block, as which clients that are not written in
// Java may send theirs.
func hasXerialHeader(b []byte) bool {
	return len(b) >= xerialHeaderSize && string(b[:len(xerialHeader)]) == xerialHeader
}

// chunkSnappy decodes one block.
func (f *inflater) chunkSnappy() error {
	if !f.started {
		f.started = true
		if !hasXerialHeader(f.src) {
			block := f.src
			f.src = nil
			return f.snappyBlock(block)
		}
		if v := binary.BigEndian.Uint32(f.src[12:]); v > 1 {
			return fmt.Errorf("xerial stream needs version %d, this is 1", v)
		}
		f.src = f.src[xerialHeaderSize:]
	}
	for hasXerialHeader(f.src) { // concatenated streams
		f.src = f.src[xerialHeaderSize:]
	}
	if len(f.src) < 4 {
		return io.EOF // a few bytes too many are ignored as in Java
	}
	size := binary.BigEndian.Uint32(f.src)
	f.src = f.src[4:]
	if uint64(size) > uint64(len(f.src)) {
		return fmt.Errorf("snappy block of %d bytes, %d are left", size, len(f.src))
	}
	block := f.src[:size]
	f.src = f.src[size:]
	return f.snappyBlock(block)
}

// snappyBlock decodes one block; one that claims to grow more than snappy can is refused before
// memory is taken for it.
func (f *inflater) snappyBlock(block []byte) error {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return err
	}
	if n > snappyMaxRatio*len(block) {
		return errors.New("snappy block announces more than it can hold")
	}
	f.cur, err = s2.Decode(f.room(n), block)
	return err
}

// snappyWriter writes the xerial framing.
type snappyWriter struct{ block []byte }

// begin writes the header: version 1, compatible with version 1.
func (w *snappyWriter) begin(dst []byte) []byte {
	return append(dst, xerialHeader+"\x00\x00\x00\x01\x00\x00\x00\x01"...)
}

// write appends blocks of the size that snappy-java makes, so that the bytes are the same as a Java
// producer's.
func (w *snappyWriter) write(dst, p []byte) []byte {
	if w.block == nil {
		w.block = make([]byte, s2.MaxEncodedLen(xerialBlockSize))
	}
	for len(p) > 0 {
		in := p[:min(len(p), xerialBlockSize)]
		p = p[len(in):]
		out := s2.EncodeSnappy(w.block, in)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(out)))
		dst = append(dst, out...)
	}
	return dst
}

package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/pierrec/lz4/v4"
)

// The LZ4 frame format as far as Kafka uses it (KafkaLZ4BlockInputStream): independent blocks,
// block checksums verified, content size and content checksum skipped, everything behind the end
// mark ignored.
const (
	lz4Magic        = 0x184D2204
	lz4BlockSize    = 64 << 10
	lz4Uncompressed = 0x80000000 // flag in the block size

	lz4FlgDefault = 0x60 // version 1, independent blocks
	lz4BdDefault  = 0x40 // 64 KiB
)

// lz4Frame is what the header of a frame said.
type lz4Frame struct {
	maxBlock      int
	blockChecksum bool
	done          bool
}

// parseLZ4Header reads a frame header and returns its length. The header checksum is not compared
// for magic 0, for which old clients and Kafka itself computed it wrongly (KAFKA-3160).
func parseLZ4Header(b []byte, magic int8) (f lz4Frame, n int, err error) {
	if len(b) < 7 {
		return f, 0, io.ErrUnexpectedEOF
	}
	if binary.LittleEndian.Uint32(b) != lz4Magic {
		return f, 0, errors.New("stream unsupported (invalid magic bytes)")
	}
	flg, bd := b[4], b[5]
	switch {
	case flg&0x03 != 0 || bd&0x8f != 0:
		return f, 0, errors.New("reserved bits of the frame descriptor are set")
	case flg&0x20 == 0:
		return f, 0, errors.New("dependent block stream is unsupported")
	case flg>>6 != 1:
		return f, 0, fmt.Errorf("version %d is unsupported", flg>>6)
	case bd>>4 < 4:
		return f, 0, fmt.Errorf("block size value %d, want 4 to 7", bd>>4)
	}
	f.maxBlock = 1 << (2*(bd>>4) + 8)
	f.blockChecksum = flg&0x10 != 0
	n = 6
	if flg&0x08 != 0 {
		n += 8
	}
	if len(b) <= n {
		return f, 0, io.ErrUnexpectedEOF
	}
	if magic > Magic0 && b[n] != byte(xxh32(b[4:n])>>8) {
		return f, 0, errors.New("stream frame descriptor corrupted")
	}
	return f, n + 1, nil
}

// chunkLZ4 decodes one block. The frame's block size is only an upper bound: Go clients announce 4
// MiB for every batch, so the buffer is sized by the compressed block and grown if that was not
// enough.
func (f *inflater) chunkLZ4() error {
	if !f.started {
		f.started = true
		h, n, err := parseLZ4Header(f.src, f.magic)
		if err != nil {
			return err
		}
		f.lz4, f.src = h, f.src[n:]
	}
	if f.lz4.done {
		return io.EOF
	}
	if len(f.src) < 4 {
		return io.ErrUnexpectedEOF
	}
	word := binary.LittleEndian.Uint32(f.src)
	f.src = f.src[4:]
	size := int(word &^ lz4Uncompressed)
	if size == 0 {
		f.lz4.done = true
		return io.EOF
	}
	if size > f.lz4.maxBlock {
		return fmt.Errorf("block size %d exceeded max: %d", size, f.lz4.maxBlock)
	}
	if len(f.src) < size {
		return io.ErrUnexpectedEOF
	}
	block := f.src[:size]
	f.src = f.src[size:]
	if f.lz4.blockChecksum {
		if len(f.src) < 4 {
			return io.ErrUnexpectedEOF
		}
		if binary.LittleEndian.Uint32(f.src) != xxh32(block) {
			return errors.New("block checksum mismatch")
		}
		f.src = f.src[4:]
	}
	if word&lz4Uncompressed != 0 {
		f.cur = block
		return nil
	}
	// 255 bytes from one is the best LZ4 can do.
	most := min(f.lz4.maxBlock, 255*size+64)
	guess := min(most, max(lz4BlockSize, 8*size))
	n, err := lz4.UncompressBlock(block, f.room(guess))
	if err != nil && guess < most {
		n, err = lz4.UncompressBlock(block, f.room(most))
	}
	if err != nil {
		return err
	}
	f.cur = f.buf[:n]
	return nil
}

// lz4Writer writes one frame the way Kafka's producer does: 64 KiB blocks, no checksums but that of
// the header.
type lz4Writer struct {
	c     lz4.Compressor
	block []byte
}

// begin writes the head of a frame: flags, block size, and the second byte of a hash as its
// checksum.
func (w *lz4Writer) begin(dst []byte, magic int8) []byte {
	dst = append(dst, 0x04, 0x22, 0x4d, 0x18, lz4FlgDefault, lz4BdDefault)
	if magic == Magic0 {
		// The old fault, which clients of that time expect: the checksum covers the frame's magic
		// too.
		return append(dst, byte(xxh32(dst[len(dst)-6:])>>8))
	}
	return append(dst, byte(xxh32(dst[len(dst)-2:])>>8))
}

// write appends p as blocks.
func (w *lz4Writer) write(dst, p []byte) ([]byte, error) {
	if w.block == nil {
		w.block = make([]byte, lz4.CompressBlockBound(lz4BlockSize))
	}
	for len(p) > 0 {
		in := p[:min(len(p), lz4BlockSize)]
		p = p[len(in):]
		n, err := w.c.CompressBlock(in, w.block)
		if err != nil {
			return dst, err
		}
		// What does not get smaller is written as it is, which the flag in its size says.
		if n == 0 || n >= len(in) {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(in))|lz4Uncompressed)
			dst = append(dst, in...)
			continue
		}
		dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
		dst = append(dst, w.block[:n]...)
	}
	return dst, nil
}

// end writes the end mark, a block of size 0.
func (w *lz4Writer) end(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// xxh32 is XXH32 with seed 0, the checksum of the frame format.
func xxh32(b []byte) uint32 {
	const (
		p1 uint32 = 2654435761
		p2 uint32 = 2246822519
		p3 uint32 = 3266489917
		p4 uint32 = 668265263
		p5 uint32 = 374761393
	)
	n := uint32(len(b))
	var h uint32
	if len(b) >= 16 {
		a1, a2, a3, a4 := p1, p2, uint32(0), uint32(0)
		a1 += p2
		a4 -= p1
		for len(b) >= 16 {
			a1 = bits.RotateLeft32(a1+binary.LittleEndian.Uint32(b)*p2, 13) * p1
			a2 = bits.RotateLeft32(a2+binary.LittleEndian.Uint32(b[4:])*p2, 13) * p1
			a3 = bits.RotateLeft32(a3+binary.LittleEndian.Uint32(b[8:])*p2, 13) * p1
			a4 = bits.RotateLeft32(a4+binary.LittleEndian.Uint32(b[12:])*p2, 13) * p1
			b = b[16:]
		}
		h = bits.RotateLeft32(a1, 1) + bits.RotateLeft32(a2, 7) + bits.RotateLeft32(a3, 12) + bits.RotateLeft32(a4, 18)
	} else {
		h = p5
	}
	h += n
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(b)*p3, 17) * p4
	}
	for _, c := range b {
		h = bits.RotateLeft32(h+uint32(c)*p5, 11) * p1
	}
	h ^= h >> 15
	h *= p2
	h ^= h >> 13
	h *= p3
	h ^= h >> 16
	return h
}

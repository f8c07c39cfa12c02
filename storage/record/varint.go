package record

import (
	"encoding/binary"
	"math/bits"
)

// Zig-zag variable length integers as in Kafka's ByteUtils: up to 5 bytes for 32 bits, 10 for 64;
// surplus high bits are dropped. The readers return the number of bytes used: 0 if b ends too
// early, -1 if the number is too long.

// varint reads a zig-zag number and how many bytes it had, 0 or less for none.
func varint(b []byte) (int32, int) {
	if len(b) > 1 { // short cuts for one and two bytes, the usual lengths of records and values
		c := b[0]
		if c < 0x80 {
			return int32(c>>1) ^ -int32(c&1), 1
		}
		if d := b[1]; d < 0x80 {
			return unzig32(uint32(c&0x7f) | uint32(d)<<7), 2
		}
	}
	return varintSlow(b)
}

//go:noinline
func varintSlow(b []byte) (int32, int) {
	u, n := uvarint(b, 5)
	return unzig32(uint32(u)), n
}

// varlong is varint for 64 bits.
func varlong(b []byte) (int64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return int64(b[0]>>1) ^ -int64(b[0]&1), 1
	}
	return varlongSlow(b)
}

//go:noinline
func varlongSlow(b []byte) (int64, int) {
	u, n := uvarint(b, 10)
	return unzig64(u), n
}

// uvarint reads a number of at most so many bytes without short cuts.
func uvarint(b []byte, most int) (u uint64, n int) {
	for i, c := range b[:min(len(b), most)] {
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return u, i + 1
		}
	}
	if len(b) < most {
		return 0, 0
	}
	return 0, -1
}

// unzig and zig translate between signed numbers and zig-zag, in which small negative ones are
// small, too: 0, -1, 1, -2 are 0, 1, 2, 3.
func unzig32(u uint32) int32 { return int32(u>>1) ^ -int32(u&1) }
func unzig64(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func zig32(v int32) uint32 { return uint32(v<<1) ^ uint32(v>>31) }
func zig64(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

func appendVarint(b []byte, v int32) []byte  { return binary.AppendUvarint(b, uint64(zig32(v))) }
func appendVarlong(b []byte, v int64) []byte { return binary.AppendUvarint(b, zig64(v)) }

// sizeVarint and sizeVarlong are how many bytes a number takes: seven bits a byte, rounded up.
func sizeVarint(v int32) int  { return (38 - bits.LeadingZeros32(zig32(v)|1)) / 7 }
func sizeVarlong(v int64) int { return (70 - bits.LeadingZeros64(zig64(v)|1)) / 7 }

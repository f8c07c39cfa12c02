package gunzip

import "math/bits"

// Decoding tables: indexed by the next bits; codes that are longer continue in a second table
// behind the first. An entry is
//
//	literal   flagLiteral, bits 16-23 the byte, bits 0-5 bits of the code
//	length    bits 16-24 the base, bits 8-11 bits of the code, bits 0-5 the same with the extra bits
//	distance  bits 16-30 the base, otherwise as length
//	sub-table flagSpecial and flagSub, bits 16-30 where it begins, bits 8-11 how many bits index it
//	end       flagSpecial and flagEnd, bits 0-5 bits of the code
//	no code   flagSpecial alone
//
// where codes in a sub-table count only the bits behind the first table's.
type table [2048]uint32

const (
	litBits   = 10
	distBits  = 8
	litMask   = 1<<litBits - 1
	distMask  = 1<<distBits - 1
	tableMask = 2047 // enough for any set of codes: 1334 and 402 entries at most

	maxLit  = 288
	maxDist = 32
	maxCode = 15

	flagLiteral = 1 << 31
	flagSpecial = 1 << 12
	flagSub     = 1 << 13
	flagEnd     = 1 << 14
)

// A literal's entry has nothing in bits 8-15, so that the flags of the others cannot be mistaken.

var lengthBase = [...]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
var lengthExtra = [...]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
var distBase = [...]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
	8193, 12289, 16385, 24577}

// litEntries and distEntries are the entries of each symbol without the bits of their codes.
var litEntries, distEntries, codeEntries = func() (lit [maxLit]uint32, dist [maxDist]uint32, code [19]uint32) {
	for i := range lit {
		switch {
		case i < 256:
			lit[i] = flagLiteral | uint32(i)<<16
		case i == 256:
			lit[i] = flagSpecial | flagEnd
		case i-257 < len(lengthBase):
			lit[i] = uint32(lengthBase[i-257])<<16 | uint32(lengthExtra[i-257])
		default:
			lit[i] = flagSpecial
		}
	}
	for i := range dist {
		if i >= len(distBase) {
			dist[i] = flagSpecial
			continue
		}
		extra := uint32(0)
		if i >= 2 {
			extra = uint32(i)/2 - 1
		}
		dist[i] = uint32(distBase[i])<<16 | extra
	}
	for i := range code {
		code[i] = flagLiteral | uint32(i)<<16
	}
	return
}()

// entry completes a symbol's entry with n bits of code.
func entry(e uint32, n int) uint32 {
	if e&(flagLiteral|flagSpecial) != 0 {
		return e + uint32(n)
	}
	return e + uint32(n)<<8 + uint32(n)
}

// build fills t from the code length of each symbol (0: not used). Like zlib it takes an incomplete
// set only if that is a single code of one bit, or no code at all; using a code that is not
// assigned is then corrupt.
func (t *table) build(entries []uint32, lens []uint8, tableBits int) bool {
	var count, at [maxCode + 1]int
	for _, l := range lens {
		count[l]++
	}
	used := len(lens) - count[0]
	left := 1
	for l := 1; l <= maxCode; l++ {
		left = left<<1 - count[l]
		if left < 0 {
			return false
		}
		at[l] = at[l-1] + count[l]
	}
	if left > 0 {
		if used > 1 || used == 1 && count[1] != 1 {
			return false
		}
		for i := range 1 << tableBits {
			t[i] = flagSpecial
		}
		for s, l := range lens {
			if l == 1 {
				for i := 0; i < 1<<tableBits; i += 2 {
					t[i] = entry(entries[s], 1)
				}
			}
		}
		return true
	}
	// Symbols in order of their codes. at[l-1] is the first of length l while filling.
	var sorted [maxLit]uint16
	for s, l := range lens {
		if l > 0 {
			sorted[at[l-1]] = uint16(s)
			at[l-1]++
		}
	}
	code, n, next := 0, 1, 0 // code: bits reversed; n: its length
	for count[n] == 0 {
		n++
	}
	left = count[n]
	end := 1 << n
	// The table of n bits is complete for all codes up to n bits; doubling it makes the one of n+1.
	for n <= tableBits {
		for ; left > 0; left-- {
			t[code] = entry(entries[sorted[next]], n)
			next++
			if code == end-1 {
				for ; n < tableBits; n++ {
					copy(t[end:2*end], t[:end])
					end <<= 1
				}
				return true
			}
			code = nextCode(code, end)
		}
		for left == 0 {
			n++
			if n <= tableBits {
				copy(t[end:2*end], t[:end])
				end <<= 1
			}
			left = count[n]
		}
	}
	end = 1 << tableBits
	prefix, start := -1, 0
	for {
		if p := code & (1<<tableBits - 1); p != prefix {
			prefix, start = p, end
			sub, space := n-tableBits, left
			for space < 1<<sub {
				sub++
				space = space<<1 + count[tableBits+sub]
			}
			end = start + 1<<sub
			t[prefix] = uint32(start)<<16 | flagSpecial | flagSub | uint32(sub)<<8 | uint32(tableBits)
		}
		e := entry(entries[sorted[next]], n-tableBits)
		for i := start + code>>tableBits; i < end; i += 1 << (n - tableBits) {
			t[i] = e
		}
		next++
		if code == 1<<n-1 {
			return true
		}
		code = nextCode(code, 1<<n)
		for left--; left == 0; left = count[n] {
			n++
		}
	}
}

// nextCode is the code that follows, bits reversed, among those of end = 1 << length.
func nextCode(code, end int) int {
	bit := 1 << (bits.Len(uint(code^(end-1))) - 1)
	return code&(bit-1) | bit
}

// fixed builds the tables of RFC 1951 3.2.6.
func (z *Reader) fixed() error {
	l := z.lens[:maxLit+maxDist]
	for i := range l {
		switch {
		case i < 144:
			l[i] = 8
		case i < 256:
			l[i] = 9
		case i < 280:
			l[i] = 7
		case i < maxLit:
			l[i] = 8
		default:
			l[i] = 5
		}
	}
	if !z.lit.build(litEntries[:], l[:maxLit], litBits) || !z.dist.build(distEntries[:], l[maxLit:], distBits) {
		return ErrCorrupt
	}
	return nil
}

// codeOrder is the order in which a dynamic block gives the lengths of the codes for lengths.
var codeOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic reads the code lengths of a block (3.2.7) and builds its tables.
func (z *Reader) dynamic() error {
	if err := z.need(14); err != nil {
		return err
	}
	nlit, ndist, ncode := int(z.take(5))+257, int(z.take(5))+1, int(z.take(4))+4
	if nlit > 286 || ndist > 30 {
		return ErrCorrupt
	}
	var codes [19]uint8
	for i := range ncode {
		if err := z.need(3); err != nil {
			return err
		}
		codes[codeOrder[i]] = uint8(z.take(3))
	}
	if !z.dist.build(codeEntries[:], codes[:], 7) {
		return ErrCorrupt
	}
	lens := z.lens[:nlit+ndist]
	for i := 0; i < len(lens); {
		e, err := z.symbol(&z.dist, 7)
		if err != nil {
			return err
		}
		if e&flagSpecial != 0 {
			return ErrCorrupt
		}
		s := uint8(e >> 16)
		if s < 16 {
			lens[i] = s
			i++
			continue
		}
		var value uint8
		bits, base := uint(2), 3
		switch s {
		case 16:
			if i == 0 {
				return ErrCorrupt
			}
			value = lens[i-1]
		case 17:
			bits = 3
		case 18:
			bits, base = 7, 11
		}
		if err := z.need(bits); err != nil {
			return err
		}
		n := base + int(z.take(bits))
		if n > len(lens)-i {
			return ErrCorrupt
		}
		for ; n > 0; n-- {
			lens[i] = value
			i++
		}
	}
	if lens[256] == 0 || !z.lit.build(litEntries[:], lens[:nlit], litBits) || !z.dist.build(distEntries[:], lens[nlit:], distBits) {
		return ErrCorrupt
	}
	return nil
}

package java

import (
	"strings"
	"unicode/utf8"
)

// UTF8 is what new String(b, UTF_8) makes of bytes: U+FFFD stands for each of the longest pieces
// that could have begun a character. Go's ToValidUTF8 has one for a whole run of them.
func UTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	for len(b) > 0 {
		_, n := utf8.DecodeRune(b)
		if n == 1 && b[0] >= utf8.RuneSelf {
			n = malformed(b)
			s.WriteString("\uFFFD")
		} else {
			s.Write(b[:n])
		}
		b = b[n:]
	}
	return s.String()
}

// malformed counts the bytes that one U+FFFD stands for, at least one. Half a surrogate pair, which
// is no character in UTF-8, is one piece to Java.
func malformed(b []byte) int {
	size, low, high := 1, byte(0x80), byte(0xBF) // of the second byte
	switch first := b[0]; {
	case first >= 0xE0 && first <= 0xEF:
		size = 3
		if first == 0xE0 { // shorter forms exist of what is below
			low = 0xA0
		}
	case first >= 0xF0 && first <= 0xF4:
		size = 4
		switch first {
		case 0xF0:
			low = 0x90
		case 0xF4: // U+10FFFF is the last
			high = 0x8F
		}
	}
	n := 1
	for n < min(size, len(b)) && b[n] >= low && b[n] <= high {
		low, high = 0x80, 0xBF
		n++
	}
	return n
}

package view

import (
	"encoding/hex"
	"encoding/json"
	"unicode/utf8"
)

// Bytes are bytes of a record for people: as text if they are text, else in hexadecimal.
type Bytes struct {
	Text string `json:"text,omitempty"`
	Hex  string `json:"hex,omitempty"`
	Size int    `json:"size"` // of all of them; what is shown may be less
	JSON bool   `json:"json,omitempty"`
}

// shownBytes copies what is shown of b; nil for null.
func shownBytes(b []byte) *Bytes {
	if b == nil {
		return nil
	}
	x := &Bytes{Size: len(b)}
	part := b
	if len(part) > maxShown {
		part = part[:maxShown]
		// The cut may have gone through a character of up to four bytes, which would make all of it
		// hexadecimal.
		for len(part) > 0 && !utf8.Valid(part) && len(part) > maxShown-utf8.UTFMax {
			part = part[:len(part)-1]
		}
	}
	if utf8.Valid(part) && printable(part) {
		x.Text = string(part)
		// Only what is shown whole: half a document is none.
		x.JSON = len(part) == len(b) && len(b) > 0 && (b[0] == '{' || b[0] == '[') && json.Valid(b)
	} else {
		x.Hex = hex.EncodeToString(b[:min(len(b), maxShown)])
	}
	return x
}

// printable reports whether a browser shows b as it is. Control characters would be invisible
// there, or do things in a terminal.
func printable(b []byte) bool {
	for _, r := range string(b) {
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f {
			return false
		}
	}
	return true
}

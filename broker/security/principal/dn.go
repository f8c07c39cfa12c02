package principal

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"unicode/utf16"
)

// keywords are the attributes that javax.security.auth.x500.X500Principal names in its RFC 2253
// form.
var keywords = [...]struct {
	oid  asn1.ObjectIdentifier
	name string
}{
	{asn1.ObjectIdentifier{2, 5, 4, 3}, "CN"}, {asn1.ObjectIdentifier{2, 5, 4, 6}, "C"}, {asn1.ObjectIdentifier{2, 5, 4, 7}, "L"},
	{asn1.ObjectIdentifier{2, 5, 4, 8}, "ST"}, {asn1.ObjectIdentifier{2, 5, 4, 10}, "O"}, {asn1.ObjectIdentifier{2, 5, 4, 11}, "OU"},
	{asn1.ObjectIdentifier{2, 5, 4, 9}, "STREET"}, {asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, "DC"},
	{asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, "UID"},
}

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type attributeSET []attribute // the suffix makes encoding/asn1 read a SET

// DistinguishedName prints a subject (its DER encoding) as Java does: the parts in reverse order,
// attributes without a keyword and values that are no text in hexadecimal.
func DistinguishedName(subject []byte) (string, error) {
	var rdns []attributeSET
	if rest, err := asn1.Unmarshal(subject, &rdns); err != nil {
		return "", err
	} else if len(rest) > 0 {
		return "", errors.New("bytes behind the name")
	}
	// The certificate has the country first, RFC 2253 the last part first.
	slices.Reverse(rdns)
	var b strings.Builder
	for i, rdn := range rdns {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, a := range rdn {
			if j > 0 {
				b.WriteByte('+')
			}
			writeAttribute(&b, a)
		}
	}
	return b.String(), nil
}

// writeAttribute writes one attribute as RFC 2253 and Java's X500Principal.getName do: a type that
// has no keyword by its number, and its value then in hexadecimal.
func writeAttribute(b *strings.Builder, a attribute) {
	name := ""
	for _, k := range keywords {
		if k.oid.Equal(a.Type) {
			name = k.name
		}
	}
	text, ok := text(a.Value)
	if name == "" || !ok {
		if name == "" {
			name = a.Type.String()
		}
		b.WriteString(name + "=#" + hex.EncodeToString(a.Value.FullBytes))
		return
	}
	b.WriteString(name + "=")
	runes := []rune(text)
	first, last := 0, len(runes)
	// Blanks at the beginning and the end are escaped, those within are not.
	for first < last && runes[first] == ' ' {
		first++
	}
	for last > first && runes[last-1] == ' ' {
		last--
	}
	for i, c := range runes {
		switch {
		case c == 0:
			b.WriteString(`\00`)
			continue
		case c == ' ' && (i < first || i >= last), strings.ContainsRune(`,=+<>#;"\`, c):
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
}

// The tags of string types that encoding/asn1 has no names for.
const (
	tagT61, tagUniversal = 20, 28
)

// text is the value of a string type; ok is false for others.
func text(v asn1.RawValue) (string, bool) {
	if v.Class != asn1.ClassUniversal {
		return "", false
	}
	switch v.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagGeneralString:
		return strings.ToValidUTF8(string(v.Bytes), "\ufffd"), true
	// Java reads T.61 as Latin-1.
	case tagT61:
		out := make([]rune, len(v.Bytes))
		for i, c := range v.Bytes {
			out[i] = rune(c)
		}
		return string(out), true
	// UTF-16, big-endian; a byte left over is dropped.
	case asn1.TagBMPString:
		units := make([]uint16, len(v.Bytes)/2)
		for i := range units {
			units[i] = uint16(v.Bytes[2*i])<<8 | uint16(v.Bytes[2*i+1])
		}
		return string(utf16.Decode(units)), true
	case tagUniversal:
		out := make([]rune, len(v.Bytes)/4)
		for i := range out {
			out[i] = rune(v.Bytes[4*i])<<24 | rune(v.Bytes[4*i+1])<<16 | rune(v.Bytes[4*i+2])<<8 | rune(v.Bytes[4*i+3])
		}
		return string(out), true
	}
	return "", false
}

package java

import "testing"

func TestBytesBecomeTextAsInJava(t *testing.T) {
	for b, want := range map[string]string{
		"":                         "",
		"é€😀":                      "é€😀",
		"a\xff\xfeb":               "a??b", // Go's ToValidUTF8 has one for both
		"\x80\x80":                 "??",
		"\xe2\x82":                 "?", // € cut off
		"\xe2\x82A":                "?A",
		"\xf0\x9f\x98":             "?",
		"\xf0\x9f\x98\xf0":         "??",
		"\xc0\x80":                 "??", // an overlong form of 0
		"\xe0\x80\x80":             "???",
		"\xf4\x90\x80\x80":         "????", // beyond U+10FFFF
		"\xf5A":                    "?A",
		"\xed\xa0\x80A":            "?A", // half a pair
		"\xc3":                     "?",
		"\xc3A":                    "?A",
		"\xef\xbf\xbd\xff\ufffd":   "???",
		"\x00\x00\x00\x00\x01\xe2": "\x00\x00\x00\x00\x01?",
	} {
		got := ""
		for _, r := range UTF8([]byte(b)) {
			if r == '\uFFFD' {
				r = '?'
			}
			got += string(r)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", b, got, want)
		}
	}
}

package protocol

import (
	"errors"
	"testing"
)

func TestParseHeader(t *testing.T) {
	for _, test := range []struct {
		name   string
		frame  []byte
		client string // "-" null
		body   int
		bad    bool
	}{
		{"empty", nil, "", 0, true},
		{"short", []byte{0, 3, 0, 0, 0, 0, 0}, "", 0, true},
		{"v1", []byte{0, 3, 0, 8, 0, 0, 0, 1, 0, 2, 'a', 'b', 9}, "ab", 1, false},
		{"v1 null client", []byte{0, 3, 0, 8, 0, 0, 0, 1, 0xff, 0xff, 9}, "-", 1, false},
		{"v1 empty client", []byte{0, 3, 0, 8, 0, 0, 0, 1, 0, 0, 9}, "", 1, false},
		{"v1 bad client length", []byte{0, 3, 0, 8, 0, 0, 0, 1, 0xff, 0xfe}, "", 0, true},
		{"v1 client beyond the end", []byte{0, 3, 0, 8, 0, 0, 0, 1, 0, 3, 'a', 'b'}, "", 0, true},
		{"v1 no client", []byte{0, 3, 0, 8, 0, 0, 0, 1}, "", 0, true},
		{"v2", []byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'a', 0, 9}, "a", 1, false},
		{"v2 tags are skipped", []byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'a', 2, 0, 1, 7, 5, 0, 9}, "a", 1, false},
		{"v2 no tags", []byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'a'}, "", 0, true},
		{"v2 tag beyond the end", []byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'a', 1, 0, 5, 1}, "", 0, true},
		{"v2 many tags", []byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'a', 0xff, 0xff, 0xff, 0xff, 0x0f}, "", 0, true},
		{"ControlledShutdown v0", []byte{0, 7, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3}, "-", 4, false},
		{"ControlledShutdown v1", []byte{0, 7, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3}, "", 2, false},
		{"ApiVersions of the future", []byte{0, 18, 0, 99, 0, 0, 0, 1, 0, 1, 'a', 0, 9, 9}, "a", 2, false},
		{"ApiVersions of the future with header v1", []byte{0, 18, 0, 99, 0, 0, 0, 1, 0, 1, 'a'}, "", 0, true},
		{"negative version", []byte{0, 18, 0xff, 0xff, 0, 0, 0, 1, 0, 1, 'a'}, "a", 0, false},
		{"unknown key", []byte{0, 48, 0, 0, 0, 0, 0, 1, 0, 1, 'a'}, "", 0, true},
		{"negative key", []byte{0xff, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 'a'}, "", 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, body, err := ParseHeader(test.frame)
			if test.bad {
				if !errors.Is(err, ErrMalformed) {
					t.Fatal(h, body, err)
				}
				return
			}
			if err != nil || len(body) != test.body || h.CorrelationID != 1 {
				t.Fatal(h, body, err)
			}
			if (h.ClientID == nil) != (test.client == "-") || h.ClientID != nil && string(h.ClientID) != test.client {
				t.Fatalf("client %q", h.ClientID)
			}
		})
	}
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'a', 2, 0, 1, 7, 5, 0, 9})
	f.Add([]byte{0, 7, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, body, err := ParseHeader(b); err == nil && len(body) > len(b) {
			t.Fatal("body longer than the frame")
		}
		for _, key := range []Key{Produce, Metadata, ApiVersions} {
			_, _, _ = ParseResponseHeader(b, key, 9)
		}
	})
}

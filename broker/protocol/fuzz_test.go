package protocol

import (
	"encoding/binary"
	"runtime"
	"testing"
)

// decodeAll decodes body as every version of an API, by kmsg and by hand.
func decodeAll(key Key, body []byte) {
	api, _ := Lookup(key)
	var p ProduceRequest
	var f FetchRequest
	for v := int16(0); v <= api.Max; v++ {
		if req, err := DecodeRequest(key, v, body); err == nil {
			req.AppendTo(nil)
		}
		switch key {
		case Produce:
			_ = p.Decode(v, body)
		case Fetch:
			_ = f.Decode(v, body)
		}
	}
}

func FuzzRequest(f *testing.F) {
	seen := map[Key]bool{}
	for _, g := range goldens(f) {
		if !g.response && !seen[g.key] {
			seen[g.key] = true
			f.Add(byte(g.key), g.body)
		}
	}
	f.Fuzz(func(_ *testing.T, key byte, body []byte) { decodeAll(Key(key)%Count, body) })
}

// Lengths that cannot be true must not be allocated: every position of every recorded body is
// overwritten with a huge one.
func TestHostileLengthsAllocateLittle(t *testing.T) {
	var before, after runtime.MemStats
	for _, g := range goldens(t) {
		const longest = 5 // bytes of a length
		// Where no length fits nothing is tried, and what the process allocates by itself would count.
		if g.response || g.null || len(g.body) < longest {
			continue
		}
		body := make([]byte, len(g.body))
		attempts := uint64(0)
		runtime.ReadMemStats(&before)
		for i := 0; i+longest <= len(body); i++ {
			for _, huge := range [][]byte{binary.BigEndian.AppendUint32(nil, 1<<31-1), {0xff, 0xff, 0xff, 0xff, 0x07}} {
				attempts++
				copy(body, g.body)
				copy(body[i:], huge)
				_, _ = DecodeRequest(g.key, g.version, body)
				switch g.key {
				case Produce:
					_ = new(ProduceRequest).Decode(g.version, body)
				case Fetch:
					_ = new(FetchRequest).Decode(g.version, body)
				}
			}
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > attempts*64<<10 {
			t.Errorf("%s: %d bytes allocated in %d attempts on a body of %d", &g, n, attempts, len(body))
		}
	}
}

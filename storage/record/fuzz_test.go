package record

import (
	"encoding/binary"
	"testing"

	"momus/internal/testbase"
)

// seeds gives f one small set of each magic and codec, some of Kafka's own cases, and a marker.
func seeds(f *testing.F) {
	for magic := Magic0; magic <= Magic2; magic++ {
		for c := None; c <= Zstd; c++ {
			if c < Zstd || magic == Magic2 {
				f.Add(testBatch(c, magic, 3))
			}
		}
	}
	for i, c := range kafkaCases(f) {
		if i%37 == 0 {
			f.Add(testbase.Unhex(f, c.In))
		}
	}
	f.Add(ControlBatch(1, 2, 3, true, 4))
}

// small bounds what a fuzzed payload may decompress to.
const small = 1 << 20

// repair makes sizes and checksums right, so that mutations reach what lies behind those checks.
func repair(in []byte) []byte {
	if len(in) < BatchOverhead {
		return in
	}
	if in[posMagic] > 2 {
		in[posMagic] %= 3
	}
	size := int32(binary.BigEndian.Uint32(in[posSize:]))
	if size < BatchOverhead || int(size) > len(in)-LogOverhead {
		binary.BigEndian.PutUint32(in[posSize:], uint32(len(in)-LogOverhead))
	}
	for rest := in; ; {
		b, r, err := Next(rest)
		if err != nil || b == nil {
			return in
		}
		b.updateCRC()
		rest = r
	}
}

func FuzzForEach(f *testing.F) {
	seeds(f)
	d := NewDecoder(small)
	f.Fuzz(func(t *testing.T, in []byte) {
		for rest := in; ; {
			b, r, err := Next(rest)
			if err != nil || b == nil {
				return
			}
			rest = r
			_ = b.Verify()
			_, _, _ = b.ControlType()
			_, _ = b.FirstOffset(d)
			n, bytes := 0, 0
			err = b.ForEach(d, func(r *Record) error {
				n++
				bytes += len(r.Key) + len(r.Value)
				if len(r.Headers()) != r.HeaderCount() {
					t.Error("headers")
				}
				return nil
			})
			if b.Magic() == Magic2 && (n > max(0, int(b.Count())) || err == nil && n != int(b.Count())) {
				t.Errorf("%d records, %d declared, %v", n, b.Count(), err)
			}
			if limit := max(small, maxRatio*len(b)); bytes > limit {
				t.Errorf("%d bytes", bytes)
			}
		}
	})
}

func FuzzAssign(f *testing.F) {
	seeds(f)
	d := NewDecoder(small)
	f.Fuzz(func(t *testing.T, in []byte) {
		for setting := range 12 {
			records := repair(append([]byte(nil), in...))
			origin := Origin(setting % 2)
			info, err := Analyze(records, OriginReplication, 0)
			if err != nil || info.Batches == 0 {
				return
			}
			p := testPolicy()
			p.Decoder, p.Origin = d, origin
			p.Rules.RecordVersion = int8(setting % 3)
			p.Rules.LogAppendTime = setting%4 >= 2
			p.Rules.CompressionType = []string{"producer", "uncompressed", "gzip", "lz4"}[setting%4]
			out, after, err := Assign(records, info, 1000, p)
			if err != nil {
				continue
			}
			checkAssigned(t, p.Rules, origin, out, after)
		}
	})
}

// checkAssigned: what Assign returned is a whole, valid sequence of batches with the offsets it
// says.
func checkAssigned(t *testing.T, rules Rules, origin Origin, out []byte, info Info) {
	t.Helper()
	again, err := Analyze(out, OriginReplication, 0)
	if err != nil || again.ValidBytes != len(out) || again.Batches != info.Batches {
		t.Fatalf("%+v, again %+v, %v", info, again, err)
	}
	if origin != OriginClient {
		return // a coordinator's counts are not checked
	}
	next := int64(1000)
	for rest := out; ; {
		b, r, err := Next(rest)
		if err != nil || b == nil {
			break
		}
		rest = r
		if b.Magic() != rules.RecordVersion {
			t.Fatalf("magic %d, want %d", b.Magic(), rules.RecordVersion)
		}
		if err := b.ForEach(nil, func(r *Record) error {
			if (b.Magic() < Magic2 || b.IsCompressed()) && r.Offset != next {
				t.Fatalf("offset %d, want %d", r.Offset, next)
			}
			next++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if next != info.LastOffset+1 || info.Records != int(next-1000) {
		t.Fatalf("%d records, %+v", next-1000, info)
	}
}

func FuzzDownConvert(f *testing.F) {
	seeds(f)
	d := NewDecoder(small)
	f.Fuzz(func(t *testing.T, in []byte) {
		in = repair(append([]byte(nil), in...))
		for target := Magic0; target <= Magic1; target++ {
			out, _, err := d.DownConvert(in, target, 1)
			if err != nil {
				continue
			}
			info, err := Analyze(out, OriginReplication, 0)
			if err != nil && target == Magic0 { // batches that are not converted are copied with their faults
				continue
			}
			if err == nil && info.ValidBytes != len(out) {
				t.Errorf("%d bytes, valid %d", len(out), info.ValidBytes)
			}
		}
	})
}

// FuzzCodec compares every decompressor on what our compressors wrote, and lets it see arbitrary
// bytes.
func FuzzCodec(f *testing.F) {
	f.Add([]byte("some text some text some text"), byte(0))
	f.Add([]byte{}, byte(3))
	d := NewDecoder(small)
	f.Fuzz(func(t *testing.T, in []byte, piece byte) {
		for c := Gzip; c <= Zstd; c++ {
			g := d.inflate(in, c, Magic2)
			out, err := g.all()
			if len(out) > max(small, maxRatio*len(in)) {
				t.Errorf("%s: %d bytes, %v", c, len(out), err)
			}
			g.release()
			z := newDeflater(nil, c, Magic2)
			if err := z.put(in[:int(piece)%(len(in)+1)]); err != nil {
				t.Fatal(err)
			}
			enc, err := z.finish(in[int(piece)%(len(in)+1):])
			z.release()
			if err != nil {
				t.Fatal(err)
			}
			g = d.inflate(enc, c, Magic2)
			if out, err := g.all(); err != nil || string(out) != string(in) {
				t.Errorf("%s: %d bytes of %d, %v", c, len(out), len(in), err)
			}
			g.release()
		}
	})
}

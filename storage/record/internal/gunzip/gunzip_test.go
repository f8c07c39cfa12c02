package gunzip

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"
)

func inflate(z *Reader, src []byte, limit int) ([]byte, error) {
	if err := z.Reset(src); err != nil {
		return nil, err
	}
	var out []byte
	for {
		b, err := z.Next()
		out = append(out, b...)
		if err == io.EOF {
			return out, nil
		}
		if err != nil || len(out) > limit {
			return out, err
		}
	}
}

func compress(t testing.TB, level int, in []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(in)
	w.Close()
	return b.Bytes()
}

// inputs have long and short matches, all distances, skewed and flat codes.
func inputs() map[string][]byte {
	rng := rand.New(rand.NewSource(3))
	random := make([]byte, 300_000)
	rng.Read(random)
	var lines bytes.Buffer
	for i := range 12_000 {
		fmt.Fprintf(&lines, `{"time":%d,"host":"h%d","took":%d}`+"\n", 1_600_000_000_000+i*17, rng.Intn(40), rng.Intn(1000))
	}
	skew := make([]byte, 200_000)
	for i := range skew {
		skew[i] = byte(rng.ExpFloat64() * rng.ExpFloat64() * 12)
	}
	far := append(append(bytes.Clone(random[:33_000]), random[500:32_000]...), random[:32_000]...)
	return map[string][]byte{"empty": {}, "byte": {7}, "short": []byte("abcabcabcabc"), "zeros": make([]byte, 500_000), "random": random,
		"lines": lines.Bytes(), "skewed": skew, "far": far, "pairs": bytes.Repeat([]byte{1, 2}, 70_000), "sevens": bytes.Repeat([]byte("1234567"), 30_000)}
}

func TestReadsWhatGzipWrites(t *testing.T) {
	z := new(Reader)
	for name, in := range inputs() {
		for level := gzip.HuffmanOnly; level <= gzip.BestCompression; level++ {
			src := compress(t, level, in)
			out, err := inflate(z, src, 1<<30)
			if err != nil || !bytes.Equal(out, in) {
				t.Fatalf("%s level %d: %d bytes of %d, %v", name, level, len(out), len(in), err)
			}
			two := append(bytes.Clone(src), src...)
			if out, err = inflate(z, append(two, "no member"...), 1<<30); err != nil || len(out) != 2*len(in) {
				t.Fatalf("%s level %d, two members: %d bytes, %v", name, level, len(out), err)
			}
		}
	}
}

func TestEveryCutAndFlipIsNoticed(t *testing.T) {
	z := new(Reader)
	in := inputs()["lines"][:3000]
	for _, level := range []int{gzip.HuffmanOnly, gzip.NoCompression, gzip.DefaultCompression} {
		src := compress(t, level, in)
		for i := range src {
			if _, err := inflate(z, src[:i], 1<<20); err == nil {
				t.Fatalf("level %d cut at %d: no error", level, i)
			}
		}
		for i := 10; i < len(src); i++ {
			bad := bytes.Clone(src)
			bad[i] ^= 4
			if out, err := inflate(z, bad, 1<<20); err == nil && !bytes.Equal(out, in) {
				t.Fatalf("level %d flipped at %d: no error", level, i)
			}
		}
	}
}

func TestHeaderWithAllFields(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
	w.Write([]byte("text"))
	w.Close()
	if out, err := inflate(new(Reader), b.Bytes(), 100); err != nil || string(out) != "text" {
		t.Errorf("%q, %v", out, err)
	}
}

// FuzzGunzip compares with the standard library: the same bytes, and faults where it has faults.
func FuzzGunzip(f *testing.F) {
	for _, in := range inputs() {
		in = in[:min(len(in), 2000)]
		f.Add(compress(f, gzip.DefaultCompression, in))
		f.Add(compress(f, gzip.HuffmanOnly, in))
	}
	z := new(Reader)
	f.Fuzz(func(t *testing.T, src []byte) {
		const limit = 1 << 20
		got, err := inflate(z, src, limit)
		r, werr := gzip.NewReader(bytes.NewReader(src))
		var want []byte
		if werr == nil {
			r.Multistream(false)
			want, werr = io.ReadAll(io.LimitReader(r, limit))
		}
		if len(want) >= limit {
			return
		}
		if werr == nil && !bytes.HasPrefix(got, want) {
			t.Errorf("%d bytes, want %d, %v", len(got), len(want), err)
		}
		if werr != nil && err == nil {
			t.Errorf("no error, want %v", werr)
		}
		// What was decoded before a fault is the same as well.
		if n := min(len(got), len(want)); !bytes.Equal(got[:n], want[:n]) {
			t.Error("other bytes")
		}
	})
}

// BenchmarkGunzip compares with the reader of klauspost/compress on 16 KB of log lines.
func BenchmarkGunzip(b *testing.B) {
	for _, n := range []int{16 << 10, 400_000} {
		in := inputs()["lines"][:n]
		src := compress(b, gzip.DefaultCompression, in)
		b.Run(fmt.Sprintf("ours/%d", n), func(b *testing.B) {
			z := new(Reader)
			b.SetBytes(int64(n))
			for b.Loop() {
				z.Reset(src)
				for {
					if _, err := z.Next(); err != nil {
						break
					}
				}
			}
		})
		b.Run(fmt.Sprintf("klauspost/%d", n), func(b *testing.B) {
			z, r, buf := new(kgzip.Reader), bytes.NewReader(nil), make([]byte, 64<<10)
			b.SetBytes(int64(n))
			for b.Loop() {
				r.Reset(src)
				z.Reset(r)
				for {
					if _, err := z.Read(buf); err != nil {
						break
					}
				}
			}
		})
	}
}

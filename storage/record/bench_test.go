package record

import (
	"bytes"
	"fmt"
	"math"
	"math/rand"
	"testing"

	"momus/internal/model"

	"github.com/pierrec/lz4/v4"
)

// jsonLog makes lines of a JSON log: 16 KB of it shrink about 2.4 times by lz4, 3.5 times by zstd.
func jsonLog(n int) []byte {
	rng := rand.New(rand.NewSource(1))
	words := make([]string, 300)
	for i := range words {
		w := make([]byte, 3+rng.Intn(8))
		for j := range w {
			w[j] = byte('a' + rng.Intn(26))
		}
		words[i] = string(w)
	}
	word := func() string { return words[int(rng.ExpFloat64()*50)%len(words)] }
	var b bytes.Buffer
	for ms := 1_600_000_000_000; b.Len() < n; ms += rng.Intn(1000) {
		fmt.Fprintf(&b, `{"time":%d,"level":"INFO","host":"%s-%d","path":"/api/%s/%s/%d","status":200,"took":%d,"text":"%s %s %s"}`+"\n",
			ms, word(), rng.Intn(40), word(), word(), rng.Intn(1e6), rng.Intn(1000), word(), word(), word())
	}
	return b.Bytes()
}

func testRules() Rules {
	return Rules{CompressionType: "producer", RecordVersion: Magic2, MaxTimestampDifferenceMs: math.MaxInt64}
}

func testPolicy() *Policy {
	return &Policy{Rules: testRules(), TopicPartition: model.TopicPartition{Topic: "t", Partition: 0}, Now: 1_600_000_000_000, LeaderEpoch: 3,
		ZstdAllowed: true}
}

// benchBatch is a batch with total bytes of values in records of size bytes.
func benchBatch(codec Codec, total, size int) []byte {
	text := jsonLog(8 << 20)
	rng := rand.New(rand.NewSource(2))
	o := DefaultOptions()
	o.Codec = codec
	b := NewBuilder(o)
	for i := 0; i < total/size; i++ {
		at := rng.Intn(len(text) - size)
		b.Append(1_600_000_000_000, nil, text[at:at+size])
	}
	return b.Bytes()
}

// goClientLZ4 replaces the payload by what Go clients write: blocks of 4 MiB, block sizes and
// content checksum by default.
func goClientLZ4(b []byte) []byte {
	var plain []byte
	f := (*Decoder)(nil).inflate(b[BatchOverhead:], LZ4, Magic2)
	p, err := f.all()
	if err != nil {
		panic(err)
	}
	plain = append(plain, p...)
	f.release()
	var out bytes.Buffer
	w := lz4.NewWriter(&out)
	w.Write(plain)
	w.Close()
	n := Batch(append(bytes.Clone(b[:BatchOverhead]), out.Bytes()...))
	n[posSize], n[posSize+1], n[posSize+2], n[posSize+3] = byte((len(n)-12)>>24), byte((len(n)-12)>>16), byte((len(n)-12)>>8), byte(len(n)-12)
	n.updateCRC()
	return n
}

// BenchmarkValidate is what the leader does with a batch that it takes as it is: Analyze and
// Assign. Bytes are those of the values.
func BenchmarkValidate(b *testing.B) {
	for _, size := range []struct {
		name        string
		total, size int
	}{{"16KBx1KB", 16 << 10, 1 << 10}, {"16KBx100B", 16 << 10, 100}, {"1MBx1KB", 1 << 20, 1 << 10}} {
		for c := None; c <= Zstd+1; c++ {
			name := c.String()
			var batch []byte
			if c > Zstd {
				name, batch = "lz4-4MB", goClientLZ4(benchBatch(LZ4, size.total, size.size))
			} else {
				batch = benchBatch(c, size.total, size.size)
			}
			b.Run(name+"/"+size.name, func(b *testing.B) {
				p := testPolicy()
				b.SetBytes(int64(size.total))
				b.ReportAllocs()
				cpu := cpuSeconds()
				for b.Loop() {
					Batch(batch).SetBaseOffset(0)
					take(b, batch, p)
				}
				b.ReportMetric((cpuSeconds()-cpu)/(float64(b.N)*float64(size.total)/1e9), "cpu-s/GB")
			})
		}
	}
}

// take does with a batch what a leader does with one that a client sends.
func take(b *testing.B, batch []byte, p *Policy) {
	info, err := Analyze(batch, OriginClient, 0)
	if err == nil {
		_, _, err = Assign(batch, info, 1000, p)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkForEach reads all records with keys and values.
func BenchmarkForEach(b *testing.B) {
	for c := None; c <= Zstd; c++ {
		batch := Batch(benchBatch(c, 16<<10, 1<<10))
		b.Run(c.String(), func(b *testing.B) {
			b.SetBytes(16 << 10)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if err := batch.ForEach(nil, func(r *Record) error { n += len(r.Value); return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRebuild recompresses an uncompressed batch, as compression.type other than producer
// makes the leader do.
func BenchmarkRebuild(b *testing.B) {
	for c := Gzip; c <= Zstd; c++ {
		batch := benchBatch(None, 16<<10, 1<<10)
		b.Run(c.String(), func(b *testing.B) {
			p := testPolicy()
			p.Rules.CompressionType = c.String()
			b.SetBytes(16 << 10)
			b.ReportAllocs()
			for b.Loop() {
				take(b, batch, p)
			}
		})
	}
}

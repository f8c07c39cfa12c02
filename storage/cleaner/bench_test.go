package cleaner

import (
	"context"
	"fmt"
	"testing"

	"momus/storage/record"
	"momus/storage/vfs"
)

// BenchmarkClean cleans a log of 64 MB, of which a tenth remains; bytes are those of the log, which
// is read twice.
func BenchmarkClean(b *testing.B) {
	for _, tc := range []struct {
		name  string
		codec record.Codec
		value int // bytes
		keys  int
	}{
		{"none/1KB", record.None, 1024, 6000},
		{"none/100B", record.None, 100, 40000},
		{"lz4/1KB", record.LZ4, 1024, 6000},
		{"zstd/1KB", record.Zstd, 1024, 6000},
		{"all-kept/1KB", record.None, 1024, 1 << 30},
	} {
		b.Run(tc.name, func(b *testing.B) {
			var size int64
			var total result
			for b.Loop() {
				b.StopTimer()
				dir := b.TempDir()
				c := topicConfig()
				c.SegmentBytes = 16 << 20
				l := openLog(b, vfs.OS{}, dir, c, false)
				value := make([]byte, tc.value)
				for i := range value {
					value[i] = byte(i * i >> 3)
				}
				n, raw := 0, 0
				for raw < 64<<20 {
					o := record.DefaultOptions()
					o.Codec = tc.codec
					batch := record.NewBuilder(o)
					for range (16 << 10) / (tc.value + 20) {
						copy(value, fmt.Sprint(n))
						batch.Append(testTime, fmt.Appendf(nil, "user-%010d", n*7919%tc.keys), value)
						raw += tc.value + 20
						n++
					}
					if _, err := l.AppendAsLeader(batch.Bytes(), 0, record.OriginClient); err != nil {
						b.Fatal(err)
					}
				}
				l.UpdateHighWatermark(l.LogEndOffset())
				if err := l.Roll(); err != nil {
					b.Fatal(err)
				}
				if err := l.Flush(l.LogEndOffset()); err != nil {
					b.Fatal(err)
				}
				p, err := planFor(l, 0, true, testTime)
				if err != nil {
					b.Fatal(err)
				}
				lim := testLimits()
				lim.mapBytes = 128 << 20
				job := &cleaning{log: l, limits: lim, throttle: unlimited()}
				b.StartTimer()
				r, err := job.run(context.Background(), p)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				size += int64(raw)
				total.mapTime += r.mapTime
				total.cleanTime += r.cleanTime
				total.readRecords += r.readRecords
				total.keptRecords += r.keptRecords
				if err := l.Delete(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.SetBytes(size / int64(b.N))
			b.ReportMetric(total.mapTime.Seconds()/float64(b.N), "map-s/op")
			b.ReportMetric(total.cleanTime.Seconds()/float64(b.N), "clean-s/op")
			b.ReportMetric(float64(total.keptRecords)/float64(total.readRecords), "kept")
		})
	}
}

func BenchmarkOffsetMap(b *testing.B) {
	keys := make([][]byte, 1<<20)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "user-%010d", i)
	}
	b.Run("put", func(b *testing.B) {
		m := newOffsetMap(128<<20, 0.9)
		for i := 0; b.Loop(); i++ {
			m.put(keys[i&(1<<20-1)], int64(i))
		}
	})
	b.Run("get", func(b *testing.B) {
		m := newOffsetMap(128<<20, 0.9)
		for i, k := range keys {
			m.put(k, int64(i))
		}
		for i := 0; b.Loop(); i++ {
			m.get(keys[i&(1<<20-1)])
		}
	})
}

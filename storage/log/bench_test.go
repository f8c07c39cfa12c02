package log

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"momus/configs"
	"momus/internal/model"
	"momus/storage/record"
)

func benchLog(b testing.TB, change func(c *configs.Topic)) *Log {
	c := testConfig()
	if change != nil {
		change(c)
	}
	l, err := Open(Options{Dir: filepath.Join(b.TempDir(), "t-0"), TopicPartition: model.TopicPartition{Topic: "t"}, Config: c})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Delete() })
	return l
}

func batchOf(records, size int) []byte {
	w := record.NewBuilder(record.DefaultOptions())
	for range records {
		w.Append(1_800_000_000_000, nil, make([]byte, size))
	}
	return w.Bytes()
}

// BenchmarkAppend appends uncompressed batches as a leader; the checksum is verified and each
// record looked at, as in a broker.
func BenchmarkAppend(b *testing.B) {
	for name, batch := range map[string][]byte{
		"1x100B": batchOf(1, 100), "16x1KB": batchOf(16, 1000), "160x100B": batchOf(160, 100), "1000x1KB": batchOf(1000, 1000),
	} {
		b.Run(name, func(b *testing.B) {
			l := benchLog(b, nil)
			copied := make([]byte, len(batch))
			b.SetBytes(int64(len(batch)))
			b.ReportAllocs()
			for b.Loop() {
				copy(copied, batch)
				if _, err := l.AppendAsLeader(copied, 0, record.OriginClient); err != nil {
					b.Fatal(err)
				}
				if l.Size() > 4<<30 {
					b.StopTimer()
					l.TruncateFullyAndStartAt(0)
					b.StartTimer()
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	l := benchLog(b, func(c *configs.Topic) { c.SegmentBytes = 16 << 20 })
	for range 8000 {
		if _, err := l.AppendAsLeader(batchOf(16, 1000), 0, record.OriginClient); err != nil {
			b.Fatal(err)
		}
	}
	end := l.LogEndOffset()
	l.UpdateHighWatermark(end)
	b.Run("tail", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r, err := l.Read(end-16, 1<<20, UpToHighWatermark, true)
			if err != nil || r.Records.Len() == 0 {
				b.Fatal(err)
			}
			r.Records.Release()
		}
	})
	b.Run("anywhere", func(b *testing.B) {
		b.ReportAllocs()
		for i := int64(0); b.Loop(); i++ {
			r, err := l.Read(i*7919%(end-16), 1<<20, UpToHighWatermark, true)
			if err != nil || r.Records.Len() == 0 {
				b.Fatal(err)
			}
			r.Records.Release()
		}
	})
}

// BenchmarkRecovery scans a segment as after kill -9.
func BenchmarkRecovery(b *testing.B) {
	l := benchLog(b, nil)
	for range 4000 {
		if _, err := l.AppendAsLeader(batchOf(16, 1000), 0, record.OriginClient); err != nil {
			b.Fatal(err)
		}
	}
	size := l.Size()
	l.CloseHandlers()
	b.SetBytes(size)
	for b.Loop() {
		again, err := Open(l.opts)
		if err != nil {
			b.Fatal(err)
		}
		again.CloseHandlers()
	}
}

// BenchmarkOpenClean opens logs after a clean stop, and says what one costs in memory.
func BenchmarkOpenClean(b *testing.B) {
	root := b.TempDir()
	const n = 200
	open := func(i int) *Log {
		l, err := Open(Options{Dir: filepath.Join(root, fmt.Sprintf("t-%d", i)), TopicPartition: model.TopicPartition{Topic: "t", Partition: int32(i)}, Config: testConfig(), Clean: true})
		if err != nil {
			b.Fatal(err)
		}
		return l
	}
	for i := range n {
		l := open(i)
		l.AppendAsLeader(batchOf(16, 1000), 0, record.OriginClient)
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
	var memory float64
	for b.Loop() {
		logs := make([]*Log, n)
		before := heap()
		for i := range logs {
			logs[i] = open(i)
		}
		memory = float64(heap()-before) / n
		for _, l := range logs {
			l.CloseHandlers()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/log")
	b.ReportMetric(memory, "B/log")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkWindow is the first repeated batch after a restart: near the end of the log, and a
// sequence that never was, for which the log is looked through as far as ever.
func BenchmarkWindow(b *testing.B) {
	l := benchLog(b, nil)
	sent := func(producer int64, sequence int32) []byte {
		o := record.DefaultOptions()
		o.ProducerID, o.ProducerEpoch, o.BaseSequence = producer, 0, sequence
		w := record.NewBuilder(o)
		w.Append(l.nowMs(), nil, make([]byte, 16<<10))
		return w.Bytes()
	}
	for i := range int32(12 << 10) { // 192 MB
		producer, sequence := int64(i%8), i/8
		if _, err := l.AppendAsLeader(sent(producer, sequence+1000), 0, record.OriginReplication); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := l.AppendAsLeader(sent(100, 1000), 0, record.OriginReplication); err != nil {
		b.Fatal(err)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	for name, repeated := range map[string][]byte{"near": sent(7, 1000+12<<7-5), "never": sent(100, 990)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				l, err := Open(Options{Dir: l.Dir(), TopicPartition: l.tp, Config: testConfig(), Clean: true})
				if err != nil {
					b.Fatal(err)
				}
				again := bytes.Clone(repeated)
				b.StartTimer()
				info, err := l.AppendAsLeader(again, 0, record.OriginClient)
				b.StopTimer()
				if known := name == "near"; info.Duplicate != known || known != (err == nil) {
					b.Fatal(info, err)
				}
				l.CloseHandlers()
				b.StartTimer()
			}
		})
	}
}

package replica

import (
	"context"
	"fmt"
	"testing"
	"time"

	"momus/internal/model"
	"momus/storage/log"
	"momus/storage/record"
)

func benchBroker(b *testing.B) (*testBroker, func()) {
	c := newClusterTB(b, 1)
	c.brokers[1].settled.Store("t", map[string]string{"segment.bytes": "1000000", "retention.ms": "-1"})
	return c.brokers[1], c.stop
}

// BenchmarkAppend appends one 1 KB batch to each of n partitions with acks=-1 and one replica.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			br, stop := benchBroker(b)
			defer stop()
			entries := make([]AppendEntry, n)
			master := batch(string(make([]byte, 1024)))
			for i := range entries {
				tp := model.TopicPartition{Topic: "t", Partition: int32(i)}
				br.cluster.lead(tp, 1, 0, isr(1), 1)
				entries[i] = AppendEntry{TP: tp, Records: append([]byte(nil), master...)}
			}
			b.SetBytes(int64(n * len(master)))
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				for j := range entries {
					copy(entries[j].Records, master)
				}
				a := br.m.Append(entries, -1, record.OriginClient)
				if r := a.Results()[0]; r.Err != nil || !a.Satisfied() {
					b.Fatal(r.Err)
				}
				if i%4096 == 4095 { // memory files are not meant to grow for ever
					b.StopTimer()
					for j := range entries {
						br.m.DeleteRecords(context.Background(), []DeleteRecordsEntry{{entries[j].TP, -1}}, 0)
						br.logs.Get(entries[j].TP).DeleteOldSegments()
					}
					b.StartTimer()
				}
			}
		})
	}
}

// BenchmarkFetch reads n partitions: of all of them there is nothing new but of one.
func BenchmarkFetch(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			br, stop := benchBroker(b)
			defer stop()
			parts := make([]FetchPartition, n)
			for i := range parts {
				tp := model.TopicPartition{Topic: "t", Partition: int32(i)}
				br.cluster.lead(tp, 1, 0, isr(1), 1)
				parts[i] = FetchPartition{TP: tp, MaxBytes: 1 << 20, CurrentLeaderEpoch: model.NoEpoch, LogStartOffset: -1}
			}
			br.append(1, string(make([]byte, 1024)))
			params := FetchParams{ReplicaID: ConsumerID, MaxWait: time.Second, MinBytes: 1, MaxBytes: 50 << 20, Version: 11, Isolation: log.UpToHighWatermark}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				for _, r := range br.m.Fetch(context.Background(), params, parts) {
					r.Records.Release()
				}
			}
		})
	}
}

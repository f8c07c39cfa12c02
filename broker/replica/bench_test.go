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

// benchPartitions runs a benchmark with numbers of partitions that a broker leads.
func benchPartitions(b *testing.B, numbers []int, run func(b *testing.B, br *testBroker, tps []model.TopicPartition)) {
	for _, n := range numbers {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := newClusterTB(b, 1)
			defer c.stop()
			br := c.brokers[1]
			br.settled.Store("t", map[string]string{"segment.bytes": "1000000", "retention.ms": "-1"})
			tps := make([]model.TopicPartition, n)
			for i := range tps {
				tps[i] = model.TopicPartition{Topic: "t", Partition: int32(i)}
				c.lead(tps[i], 1, 0, isr(1), 1)
			}
			run(b, br, tps)
		})
	}
}

// BenchmarkAppend appends one 1 KB batch to each of n partitions with acks=-1 and one replica.
func BenchmarkAppend(b *testing.B) {
	benchPartitions(b, []int{1, 10}, func(b *testing.B, br *testBroker, tps []model.TopicPartition) {
		entries := make([]AppendEntry, len(tps))
		master := batch(string(make([]byte, 1024)))
		for i, tp := range tps {
			entries[i] = AppendEntry{TP: tp, Records: append([]byte(nil), master...)}
		}
		b.SetBytes(int64(len(entries) * len(master)))
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

// BenchmarkFetch reads n partitions: of all of them there is nothing new but of one.
func BenchmarkFetch(b *testing.B) {
	benchPartitions(b, []int{1, 100}, func(b *testing.B, br *testBroker, tps []model.TopicPartition) {
		parts := make([]FetchPartition, len(tps))
		for i, tp := range tps {
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

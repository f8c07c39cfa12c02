package group

import (
	"fmt"
	"testing"
	"time"

	"momus/coordinator/shard/shardtest"
	"momus/internal/model"
	"momus/storage/record"
)

// BenchmarkReplay loads a partition: b.N offsets of groups with 100 partitions each, committed 100
// at a time.
func BenchmarkReplay(b *testing.B) {
	const each = 100
	cfg := testConfig()
	p := NewPartition(func() Settings { return *cfg }, shardtest.Quiet())
	at := time.UnixMilli(1_600_000_000_000)
	p.begin(at)
	groups := 0
	batch := func() []byte {
		groups++
		rb := record.NewBuilder(p.batchOptions())
		for i := range int32(each) {
			c := committed{offset: int64(i), leaderEpoch: 3, commitTime: p.nowMs, expireTime: noTimestamp}
			tp := model.TopicPartition{Topic: "orders", Partition: i}
			rb.Append(p.nowMs, appendOffsetKey(nil, fmt.Sprintf("group-%d", groups), tp), appendOffsetValue(nil, &c, 3))
		}
		return rb.Bytes()
	}
	b.ReportAllocs()
	for done := 0; done < b.N; done += each {
		b.StopTimer()
		raw := batch()
		b.StartTimer()
		if err := p.Replay(record.Batch(raw)); err != nil {
			b.Fatal(err)
		}
	}
	b.StartTimer()
	p.Loaded(at)
}

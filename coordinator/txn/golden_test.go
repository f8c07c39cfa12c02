package txn

import (
	"bytes"
	"os"
	"testing"
	"time"

	"momus/coordinator/shard"
	"momus/coordinator/shard/shardtest"
	"momus/storage/record"
)

// TestWritesWhatKafkaWrote makes each batch that Apache Kafka 2.5.0 wrote (recordings transactions
// and crash-txn) again, from what it says, and compares every byte.
func TestWritesWhatKafkaWrote(t *testing.T) {
	files, err := os.ReadDir("testdata/golden")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, f := range files {
		for _, golden := range shardtest.Recorded(t, f.Name()) {
			p := NewPartition(testConfig, shardtest.Quiet(), 0)
			p.begin(time.UnixMilli(golden.MaxTimestamp()))
			err := golden.ForEach(nil, func(r *record.Record) error {
				id, err := decodeKey(r.Key)
				if err != nil {
					return err
				}
				m, err := decodeValue(r.Value)
				if err != nil {
					return err
				}
				p.change(&transaction{id: id}, m, &appendDone{})
				return nil
			})
			var appends []shard.Append // besides it there is what the logs are told of the producer
			for _, e := range p.effects {
				if a, ok := e.(shard.Append); ok {
					appends = append(appends, a)
				}
			}
			if err != nil || len(appends) != 1 {
				t.Fatalf("%s at %d: %d appends, %v", f.Name(), golden.BaseOffset(), len(appends), err)
			}
			written := record.Batch(appends[0].Batch)
			written.SetBaseOffset(golden.BaseOffset())
			written.SetLeaderEpoch(golden.LeaderEpoch())
			if !bytes.Equal(written, golden) {
				t.Errorf("%s at %d:\nwrote %x\nKafka %x", f.Name(), golden.BaseOffset(), written, golden)
			}
			compared++
		}
	}
	if compared < 50 {
		t.Errorf("compared %d batches only", compared)
	}
}

func FuzzDecode(f *testing.F) {
	m := Metadata{ProducerID: 1, TimeoutMs: 1000, State: Ongoing, StartMs: 1, UpdateMs: 2}
	f.Add(appendKey(nil, "id"), appendValue(nil, &m))
	f.Add([]byte{0, 1}, []byte{0, 9})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if id, err := decodeKey(key); err == nil {
			if again, err := decodeKey(appendKey(nil, id)); err != nil || again != id {
				t.Errorf("%q becomes %q, %v", id, again, err)
			}
		}
		if m, err := decodeValue(value); err == nil {
			again, err := decodeValue(appendValue(nil, &m))
			if err != nil || m.State != Empty && showMetadata(&again) != showMetadata(&m) {
				t.Errorf("%s becomes %s, %v", showMetadata(&m), showMetadata(&again), err)
			}
		}
	})
}

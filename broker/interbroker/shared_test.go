package interbroker

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"momus/coordinator/controller"
	"momus/internal/model"
)

// manyPartitions is an UpdateMetadata with n partitions.
func manyPartitions(n int) *controller.UpdateMetadata {
	r := &controller.UpdateMetadata{ControllerEpoch: 3, BrokerEpoch: 77}
	for id := range int32(3) {
		r.LiveBrokers = append(r.LiveBrokers, &model.Broker{ID: id, Rack: "r", Endpoints: []model.Endpoint{{Listener: "IN", Host: "h", Port: 9092}}})
	}
	for i := range n {
		r.Partitions = append(r.Partitions, controller.UpdateMetadataPartition{
			TopicPartition: model.TopicPartition{Topic: fmt.Sprintf("topic-%05d", i/100), Partition: int32(i % 100)},
			LeaderAndISR:   model.LeaderAndISR{Leader: int32(i % 3), LeaderEpoch: 5, ISR: []int32{0, 1, 2}, ControllerEpoch: 3, ZKVersion: 9},
			Replicas:       []int32{0, 1, 2}, OfflineReplicas: []int32{},
		})
	}
	return r
}

// TestSharedRequestsAreTheSameOnTheWire compares with what is encoded for one receiver, in all
// versions.
func TestSharedRequestsAreTheSameOnTheWire(t *testing.T) {
	for version := int16(0); version <= 6; version++ {
		var s sharing
		first := manyPartitions(shareFrom)
		second := *first
		second.BrokerEpoch = 78
		other := manyPartitions(shareFrom + 1)
		var kept *sharedRequest
		for i, r := range []*controller.UpdateMetadata{first, &second, manyPartitions(shareFrom - 1), other, first} {
			got := s.updateMetadata(1, "IN", version, r)
			shared, ok := got.(*sharedRequest)
			if ok != (len(r.Partitions) >= shareFrom) {
				t.Fatalf("v%d request %d: shared %v", version, i, ok)
			}
			want := AppendRequest(nil, EncodeUpdateMetadata(1, "IN", version, r), 4, "c")
			if whole := AppendRequest(nil, got, 4, "c"); !bytes.Equal(whole, want) {
				t.Fatalf("v%d request %d differs", version, i)
			}
			if !ok {
				continue
			}
			if parts := append(appendSharedRequest(nil, shared, 4, "c"), shared.rest.b...); !bytes.Equal(parts, want) {
				t.Fatalf("v%d request %d differs when it is sent in parts", version, i)
			}
			if i == 0 {
				kept = shared
			} else if same := shared.rest == kept.rest; same != (i == 1) {
				t.Fatalf("v%d request %d: shared with the first: %v", version, i, same)
			}
		}
		runtime.KeepAlive(first)
	}
}

// BenchmarkUpdateMetadata encodes all partitions of a large cluster for many brokers, as a new
// controller has to.
func BenchmarkUpdateMetadata(b *testing.B) {
	const brokers = 100
	r := manyPartitions(200_000)
	for b.Loop() {
		var s sharing
		size := 0
		for range brokers {
			shared := s.updateMetadata(1, "IN", 6, r).(*sharedRequest)
			size += len(appendSharedRequest(nil, shared, 4, "c")) + len(shared.rest.b)
			runtime.KeepAlive(shared)
		}
		b.ReportMetric(float64(size)/brokers/1e6, "MB/broker")
	}
}

package handler

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/internal/kerr"
	"momus/internal/model"
)

// creator records what is created.
type creator struct {
	err error

	mu      sync.Mutex
	created []string
}

func (c *creator) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.created)
}

func (c *creator) CreateTopic(_ context.Context, name string, partitions int32, factor int16, config map[string]string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.created = append(c.created, fmt.Sprintf("%s/%d/%d/%d", name, partitions, factor, len(config)))
	return c.err
}

func metadataRequest(version int16, topics ...string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.Version, req.AllowAutoTopicCreation = version, true
	for _, name := range topics {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		req.Topics = append(req.Topics, topic)
	}
	return req
}

// newMetadataBroker has broker 1 on PLAINTEXT, 2 on another listener only, 3 dead.
func newMetadataBroker(t *testing.T) (*dataBroker, *creator) {
	b := newDataBroker(t)
	made := &creator{}
	b.env.TopicCreator = made
	part := func(topic string, id, leader int32, replicas ...int32) metadata.PartitionUpdate {
		return metadata.PartitionUpdate{Topic: topic, Partition: metadata.Partition{ID: id,
			LeaderAndISR: model.LeaderAndISR{Leader: leader, LeaderEpoch: 4, ISR: replicas}, Replicas: replicas, OfflineReplicas: []int32{3}}}
	}
	b.env.Metadata.Apply(metadata.Update{ControllerID: 2, Brokers: []*model.Broker{
		{ID: 1, Rack: "r", Endpoints: []model.Endpoint{{Listener: "PLAINTEXT", Host: "localhost", Port: 9092}}},
		{ID: 2, Endpoints: []model.Endpoint{{Listener: "OTHER", Host: "other", Port: 9093}}},
	}, Partitions: []metadata.PartitionUpdate{part("led", 0, 1, 1), part("led", 1, 1, 1, 2), part("led", 2, 2, 2), part("led", 3, 3, 3), part("led", 4, -1, 1)}})
	return b, made
}

func TestMetadataOfPartitions(t *testing.T) {
	b, _ := newMetadataBroker(t)
	c := b.dial()
	for v := int16(0); v <= 9; v++ {
		resp := call[*kmsg.MetadataResponse](c, metadataRequest(v, "led"))
		if len(resp.Brokers) != 1 || resp.Brokers[0].NodeID != 1 || resp.Brokers[0].Host != "localhost" || v >= 1 && (*resp.Brokers[0].Rack != "r" || resp.ControllerID != 2) {
			t.Fatalf("v%d: %+v", v, resp)
		}
		if v >= 2 && *resp.ClusterID != "cluster" || v >= 8 && resp.AuthorizedOperations != operationsNotAsked {
			t.Errorf("v%d: %+v", v, resp)
		}
		if len(resp.Topics) != 1 || resp.Topics[0].ErrorCode != 0 || len(resp.Topics[0].Partitions) != 5 {
			t.Fatalf("v%d: %+v", v, resp.Topics)
		}
		noLeader := kerr.LeaderNotAvailable.Code
		if v >= 6 {
			noLeader = kerr.ListenerNotFound.Code
		}
		codes := []int16{0, 0, noLeader, noLeader, noLeader}
		if v == 0 {
			codes[1] = kerr.ReplicaNotAvailable.Code
		}
		for i, p := range resp.Topics[0].Partitions {
			leader := int32(1)
			if i >= 2 {
				leader = -1
			}
			if p.Partition != int32(i) || p.ErrorCode != codes[i] || p.Leader != leader {
				t.Errorf("v%d: %+v", v, p)
			}
			if v >= 5 && !slices.Equal(p.OfflineReplicas, []int32{3}) || v >= 7 && p.LeaderEpoch != 4 {
				t.Errorf("v%d: %+v", v, p)
			}
		}
		replicas := []int32{1, 2}
		if v == 0 {
			replicas = []int32{1}
		}
		if p := resp.Topics[0].Partitions[1]; !slices.Equal(p.Replicas, replicas) || !slices.Equal(p.ISR, replicas) {
			t.Errorf("v%d: %+v", v, p)
		}
	}
}

// Right after the start, before the controller has told who is there, Metadata waits, but not for
// ever.
func TestMetadataWaitsForTheFirstBroker(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			e := &Env{DataEnv: DataEnv{Metadata: metadata.NewCache("cluster")}}
			go func() {
				time.Sleep(after)
				e.Metadata.Apply(metadata.Update{ControllerID: 1, Brokers: []*model.Broker{{ID: 1}}})
			}()
			start := time.Now()
			s := e.cluster(t.Context())
			if waited := time.Since(start); waited != min(after, clusterWait) || (len(s.Brokers) > 0) != (after <= clusterWait) {
				t.Errorf("waited %v for a broker that came after %v, and got %d brokers", waited, after, len(s.Brokers))
			}
			time.Sleep(time.Minute)
		})
	}
}

func TestMetadataOfAllTopics(t *testing.T) {
	b, _ := newMetadataBroker(t)
	c := b.dial()
	for v := int16(0); v <= 9; v++ {
		if n := len(call[*kmsg.MetadataResponse](c, metadataRequest(v)).Topics); n != 4 {
			t.Errorf("v%d: null lists %d topics", v, n)
		}
		req := metadataRequest(v)
		req.Topics = []kmsg.MetadataRequestTopic{}
		want := 0
		if v == 0 {
			want = 4
		}
		if n := len(call[*kmsg.MetadataResponse](c, req).Topics); n != want {
			t.Errorf("v%d: an empty list lists %d topics", v, n)
		}
	}
}

func TestMissingTopics(t *testing.T) {
	for _, test := range []struct {
		name    string
		version int16
		allow   bool
		auto    bool
		topic   string
		err     error // of the creation
		want    *kerr.Error
		created []string
	}{
		{"created", 9, true, true, "new", nil, kerr.LeaderNotAvailable, []string{"new/1/1/0"}},
		{"somebody was faster", 9, true, true, "new", kerr.TopicAlreadyExists, kerr.LeaderNotAvailable, []string{"new/1/1/0"}},
		{"bad name", 9, true, true, "a b", kerr.InvalidTopicException, kerr.InvalidTopicException, []string{"a b/1/1/0"}},
		{"old versions allow", 3, false, true, "new", nil, kerr.LeaderNotAvailable, []string{"new/1/1/0"}},
		{"not allowed by the client", 4, false, true, "new", nil, kerr.UnknownTopicOrPartition, nil},
		{"not allowed by the broker", 9, true, false, "a b", nil, kerr.UnknownTopicOrPartition, nil},
		{"too few brokers", 9, true, true, "new", kerr.InvalidReplicationFactor, kerr.InvalidReplicationFactor, []string{"new/1/1/0"}},
		{"internal, too few brokers", 9, false, false, model.TransactionTopic, nil, kerr.InvalidReplicationFactor, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, made := newMetadataBroker(t)
			made.err = test.err
			changed := *b.settings.Load()
			changed.AutoCreateTopics = test.auto
			b.settings.Store(&changed)
			req := metadataRequest(test.version, test.topic, test.topic)
			req.AllowAutoTopicCreation = test.allow
			resp := call[*kmsg.MetadataResponse](b.dial(), req)
			if len(resp.Topics) != 1 || resp.Topics[0].ErrorCode != test.want.Code || *resp.Topics[0].Topic != test.topic || len(resp.Topics[0].Partitions) != 0 {
				t.Errorf("%+v, want %v", resp.Topics, test.want)
			}
			if !slices.Equal(made.names(), test.created) {
				t.Errorf("created %v, want %v", made.names(), test.created)
			}
		})
	}
}

func TestInternalTopicIsCreatedWithItsSettings(t *testing.T) {
	b, made := newMetadataBroker(t)
	changed := *b.settings.Load()
	changed.AutoCreateTopics = false
	changed.Transactions.ReplicationFactor = 2
	b.settings.Store(&changed)
	req := metadataRequest(9, model.TransactionTopic)
	req.IncludeTopicAuthorizedOperations, req.IncludeClusterAuthorizedOperations = true, true
	resp := call[*kmsg.MetadataResponse](b.dial(), req)
	if resp.Topics[0].ErrorCode != kerr.LeaderNotAvailable.Code || !resp.Topics[0].IsInternal || resp.AuthorizedOperations != clusterOperations {
		t.Errorf("%+v", resp)
	}
	if !slices.Equal(made.names(), []string{model.TransactionTopic + "/50/2/5"}) {
		t.Error(made.names())
	}
}

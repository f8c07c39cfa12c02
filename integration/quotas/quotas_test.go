//go:build interop

// Package quotas holds client quotas, as kafka-configs sets them in ZooKeeper, against what the
// answers and the connections of throttled clients show. With MOMUS_TEST_APACHE set the broker is
// Apache Kafka, which proves the tests.
package quotas

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
	"momus/internal/testbase"
	"momus/storage/record"
)

const topic = "limited"

// conn sends one request at a time, of one client id.
type conn struct {
	t *testing.T
	net.Conn
	in     *bufio.Reader
	client string
}

func dial(t *testing.T, addr, client string) *conn {
	t.Helper()
	c := testbase.Dial(t, addr)
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	return &conn{t, c, bufio.NewReader(c), client}
}

// call sends a request of a version without tagged fields and returns its answer and how many bytes
// the request had.
func call[R kmsg.Response](c *conn, req kmsg.Request) (resp R, size int) {
	c.t.Helper()
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID(c.client)).AppendRequest(nil, req, 1)
	if _, err := c.Write(frame); err != nil {
		c.t.Fatal(err)
	}
	var length [4]byte
	if _, err := io.ReadFull(c.in, length[:]); err != nil {
		c.t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint32(length[:]))
	if _, err := io.ReadFull(c.in, body); err != nil {
		c.t.Fatal(err)
	}
	r := req.ResponseKind()
	if err := r.ReadFrom(body[4:]); err != nil {
		c.t.Fatal(err)
	}
	return r.(R), len(frame) - 4
}

// produce sends a batch of about 6,300 bytes and returns how long the client is told to wait.
func (c *conn) produce() (throttle time.Duration, size int) {
	c.t.Helper()
	b := record.NewBuilder(record.DefaultOptions())
	b.Append(time.Now().UnixMilli(), nil, bytes.Repeat([]byte("x"), 6200))
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = 7, -1, 10_000
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: b.Bytes()}}}}
	resp, size := call[*kmsg.ProduceResponse](c, req)
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
		c.t.Fatalf("produce: error %d", code)
	}
	return time.Duration(resp.ThrottleMillis) * time.Millisecond, size
}

// fetch asks for one batch in a session, whose id and epoch are given.
func (c *conn) fetch(session, epoch int32, offset int64) *kmsg.FetchResponse {
	c.t.Helper()
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionID, req.SessionEpoch = 11, 1000, 1, 1<<20, session, epoch
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.PartitionMaxBytes = offset, 1000 // the first batch comes whole
	req.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{p}}}
	resp, _ := call[*kmsg.FetchResponse](c, req)
	return resp
}

// metadata asks for nothing and returns how long the client is told to wait.
func (c *conn) metadata() time.Duration {
	c.t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	req.Version, req.Topics = 7, []kmsg.MetadataRequestTopic{}
	resp, _ := call[*kmsg.MetadataResponse](c, req)
	return time.Duration(resp.ThrottleMillis) * time.Millisecond
}

// muted returns how long the connection is not served.
func (c *conn) muted() time.Duration {
	c.t.Helper()
	began := time.Now()
	c.metadata()
	return time.Since(began)
}

// configs runs kafka-configs.
func configs(t *testing.T, zookeeper string, args ...string) {
	t.Helper()
	testkit.Run(t, time.Minute, testkit.Spec{Args: testkit.Java(t, "kafka", "kafka.admin.ConfigCommand",
		append([]string{"--zookeeper", zookeeper, "--alter"}, args...)...)})
}

// near tells whether a throttle time is what a rate of bytes over ten windows and the quota make,
// with some time between requests and what an answer has beside its records.
func near(t *testing.T, what string, got time.Duration, bytes, quota float64) {
	t.Helper()
	want := time.Duration((bytes/10 - quota) / quota * 10 * float64(time.Second))
	if got > want+300*time.Millisecond || got < want-700*time.Millisecond {
		t.Errorf("%s: throttled for %v, want about %v", what, got, want)
	}
}

func TestQuotas(t *testing.T) {
	zk := testkit.ZooKeeper(t, "zookeeper")
	start := testkit.Broker
	if os.Getenv("MOMUS_TEST_APACHE") != "" {
		start = testkit.Kafka
	}
	configs(t, zk, "--entity-type", "clients", "--entity-name", "slow", "--add-config", "producer_byte_rate=1000,consumer_byte_rate=1000")
	b := start(t, 1, zk)
	if _, err := testkit.Admin(t, b.Bootstrap).CreateTopic(context.Background(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	free := dial(t, b.Bootstrap, "free")
	testkit.Eventually(t, 30*time.Second, "the topic has a leader", func() bool {
		req := kmsg.NewPtrMetadataRequest()
		req.Version, req.Topics = 7, []kmsg.MetadataRequestTopic{{Topic: kmsg.StringPtr(topic)}}
		resp, _ := call[*kmsg.MetadataResponse](free, req)
		return len(resp.Topics) == 1 && len(resp.Topics[0].Partitions) == 1 && resp.Topics[0].Partitions[0].Leader == 1
	})
	for range 4 {
		if throttle, _ := free.produce(); throttle != 0 {
			t.Errorf("a client without a quota is throttled for %v", throttle)
		}
	}

	slow := dial(t, b.Bootstrap, "slow")
	if throttle, _ := slow.produce(); throttle != 0 {
		t.Errorf("throttled for %v at once", throttle)
	}
	throttle, size := slow.produce()
	near(t, "the second request", throttle, float64(2*size), 1000)
	if muted := slow.muted(); muted < throttle-100*time.Millisecond || muted > throttle+2*time.Second {
		t.Errorf("throttled for %v, served again after %v", throttle, muted)
	}

	reader := dial(t, b.Bootstrap, "slow")
	first := reader.fetch(0, 0, 0)
	if first.ThrottleMillis != 0 || first.SessionID == 0 || len(first.Topics) != 1 {
		t.Fatalf("first fetch: %d ms, session %d, %d topics", first.ThrottleMillis, first.SessionID, len(first.Topics))
	}
	second := reader.fetch(first.SessionID, 1, 1)
	throttle = time.Duration(second.ThrottleMillis) * time.Millisecond
	near(t, "the second fetch", throttle, float64(2*len(first.Topics[0].Partitions[0].RecordBatches)), 1000)
	if second.ErrorCode != 0 || second.SessionID != first.SessionID || len(second.Topics) != 0 {
		t.Errorf("the fetch that is throttled: error %d, session %d, %d topics", second.ErrorCode, second.SessionID, len(second.Topics))
	}
	// The session goes on until the quota allows what was held back.
	configs(t, zk, "--entity-type", "clients", "--entity-name", "slow", "--add-config", "consumer_byte_rate=1000000")
	epoch := int32(2)
	testkit.Eventually(t, 30*time.Second, "the records come", func() bool {
		resp := reader.fetch(first.SessionID, epoch, 1)
		epoch++
		if resp.ErrorCode != 0 || resp.SessionID != first.SessionID {
			t.Fatalf("fetch after the throttle: error %d, session %d", resp.ErrorCode, resp.SessionID)
		}
		return len(resp.Topics) == 1
	})

	// A quota of users stands above those of client ids, and each of its users has one bucket for
	// all of their clients.
	configs(t, zk, "--entity-type", "users", "--entity-default", "--add-config", "producer_byte_rate=1500")
	testkit.Eventually(t, 30*time.Second, "the quota of users holds", func() bool {
		c := dial(t, b.Bootstrap, "free")
		throttle, _ := c.produce()
		return throttle > 0
	})
	if throttle, _ := dial(t, b.Bootstrap, "another").produce(); throttle == 0 {
		t.Error("another client of the user is not throttled")
	}
	configs(t, zk, "--entity-type", "users", "--entity-name", "ANONYMOUS", "--entity-type", "clients", "--entity-name", "trusted",
		"--add-config", "producer_byte_rate=1000000")
	testkit.Eventually(t, 30*time.Second, "the quota of one client of a user holds", func() bool {
		throttle, _ := dial(t, b.Bootstrap, "trusted").produce()
		return throttle == 0
	})

	configs(t, zk, "--entity-type", "users", "--entity-name", "ANONYMOUS", "--add-config", "request_percentage=0.001")
	busy := dial(t, b.Bootstrap, "busy")
	testkit.Eventually(t, 30*time.Second, "the request quota holds", func() bool {
		throttle = busy.metadata()
		return throttle > 0
	})
	if throttle > time.Second {
		t.Errorf("throttled for %v, which is more than a window", throttle)
	}
	if !b.IsKafka() {
		checkMetrics(t, b)
	}
	configs(t, zk, "--entity-type", "users", "--entity-name", "ANONYMOUS", "--delete-config", "request_percentage")
	testkit.Eventually(t, 30*time.Second, "the request quota is gone", func() bool { return busy.metadata() == 0 })
}

// checkMetrics looks for the numbers of the buckets that were used.
func checkMetrics(t *testing.T, b *testkit.Cluster) {
	t.Helper()
	text := b.Page(t, "/metrics")
	for _, line := range []string{
		`kafka_server_quota_byte_rate{clientId="slow",resource="Produce",user=""}`, `kafka_server_quota_throttle_time{clientId="slow",resource="Fetch",user=""}`,
		`kafka_server_quota_byte_rate{clientId="",resource="Produce",user="ANONYMOUS"}`, `kafka_server_quota_byte_rate{clientId="trusted",resource="Produce",user="ANONYMOUS"}`,
		`kafka_server_quota_request_time{clientId="",resource="Request",user="ANONYMOUS"}`, `kafka_server_quota_queue_size{resource="Request"}`,
		`kafka_server_quota_exempt_request_time{resource="Request"}`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no metric %s", line)
		}
	}
}

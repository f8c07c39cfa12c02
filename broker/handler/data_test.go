package handler

import (
	"context"
	"errors"
	"math"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/broker/network"
	"momus/broker/protocol"
	"momus/broker/quota"
	"momus/broker/replica"
	"momus/configs"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/testbase"
	"momus/storage/log"
	"momus/storage/record"
)

// dataBroker serves the data APIs over a socket, on real logs without replication.
type dataBroker struct {
	t        testing.TB
	env      *Env
	server   *network.Server
	data     *fakeData
	settings atomic.Pointer[Settings] // what the handlers see; a test may swap it
	topic    atomic.Pointer[configs.Topic]
}

// fakeData stands for the replica manager: partitions are logs that this broker leads alone.
type fakeData struct {
	t testing.TB

	mu      sync.Mutex
	logs    map[model.TopicPartition]*log.Log
	gate    chan struct{} // when set, acks=-1 waits until it is closed
	fail    map[model.TopicPartition]error
	fetched []replica.FetchParams
	queries []replica.ListOffsetQuery
	waiting []time.Duration // the timeouts of the appends that were waited for
}

type fakeAppended struct {
	d       *fakeData
	results []replica.AppendResult
	gate    chan struct{}
}

func (a *fakeAppended) Results() []replica.AppendResult { return a.results }

func (a *fakeAppended) Satisfied() bool {
	if a.gate == nil {
		return true
	}
	select {
	case <-a.gate:
		return true
	default:
		return false
	}
}

func (a *fakeAppended) Wait(ctx context.Context, timeout time.Duration) []replica.AppendResult {
	a.d.mu.Lock()
	a.d.waiting = append(a.d.waiting, timeout)
	a.d.mu.Unlock()
	if a.gate != nil {
		select {
		case <-a.gate:
		case <-ctx.Done():
		}
	}
	return a.results
}

func (d *fakeData) Append(entries []replica.AppendEntry, acks int16, origin record.Origin) Appended {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := &fakeAppended{d: d}
	if acks == -1 {
		a.gate = d.gate
	}
	for _, e := range entries {
		res := replica.AppendResult{TP: e.TP, BaseOffset: -1, LastOffset: -1, LogAppendTime: -1, LogStartOffset: -1}
		if acks < -1 || acks > 1 {
			res.Err = kerr.InvalidRequiredAcks
		} else if res.Err = d.fail[e.TP]; res.Err == nil {
			l := d.logs[e.TP]
			var info log.AppendInfo
			if info, res.Err = l.AppendAsLeader(e.Records, 0, origin); res.Err == nil {
				l.UpdateHighWatermark(l.LogEndOffset())
				res.BaseOffset, res.LastOffset, res.LogAppendTime, res.LogStartOffset = info.FirstOffset, info.LastOffset, info.LogAppendTime, info.LogStartOffset
			}
		}
		a.results = append(a.results, res)
	}
	return a
}

func (d *fakeData) Fetch(_ context.Context, params replica.FetchParams, parts []replica.FetchPartition) []replica.FetchResult {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fetched = append(d.fetched, params)
	var results []replica.FetchResult
	first := true
	for _, p := range parts {
		res := replica.FetchResult{TP: p.TP, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1, PreferredReadReplica: -1}
		if res.Err = d.fail[p.TP]; res.Err == nil {
			var read log.ReadResult
			if read, res.Err = d.logs[p.TP].Read(p.FetchOffset, int(p.MaxBytes), params.Isolation, first && !params.HardLimit); res.Err == nil {
				res.Records, res.Aborted = read.Records, read.Aborted
				res.HighWatermark, res.LastStableOffset, res.LogStartOffset = read.HighWatermark, read.LastStableOffset, read.LogStartOffset
				first = first && read.Records.Len() == 0
			}
		}
		results = append(results, res)
	}
	return results
}

func (d *fakeData) ListOffset(q replica.ListOffsetQuery) (log.TimestampOffset, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queries = append(d.queries, q)
	if err := d.fail[q.TP]; err != nil {
		return log.TimestampOffset{}, false, err
	}
	if q.Timestamp > 0 {
		return log.TimestampOffset{}, false, nil
	}
	return log.TimestampOffset{Timestamp: -1, Offset: d.logs[q.TP].LogEndOffset(), LeaderEpoch: 3}, true, nil
}

// failWith makes every later call for tp fail.
func (d *fakeData) failWith(tp model.TopicPartition, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail[tp] = err
}

func (d *fakeData) failure(tp model.TopicPartition) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fail[tp]
}

func (d *fakeData) lastQuery() replica.ListOffsetQuery {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queries[len(d.queries)-1]
}

// holdAppends makes acks=-1 wait until release is called.
func (d *fakeData) holdAppends() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate = make(chan struct{})
	return sync.OnceFunc(func() { close(d.gate) })
}

func (d *fakeData) LegacyListOffset(tp model.TopicPartition, _ int64, n int, _ int32) ([]int64, error) {
	return []int64{5, 0}[:n], d.failure(tp)
}

func (d *fakeData) OffsetForLeaderEpoch(tp model.TopicPartition, _, epoch int32) (int32, int64, error) {
	return epoch, 42, d.failure(tp)
}

func (d *fakeData) DeleteRecords(_ context.Context, entries []replica.DeleteRecordsEntry, _ time.Duration) (results []replica.DeleteRecordsResult) {
	for _, e := range entries {
		r := replica.DeleteRecordsResult{TP: e.TP, LowWatermark: e.Offset, Err: d.failure(e.TP)}
		results = append(results, r)
	}
	return results
}

// newDataBroker serves topics "t" (partitions 0 and 1), "u" (0) and the offsets topic (0).
func newDataBroker(t testing.TB) *dataBroker {
	t.Helper()
	config, err := configs.New(map[string]string{"zookeeper.connect": "localhost:2181"})
	if err != nil {
		t.Fatal(err)
	}
	topic, settings := *config.Topic(nil), SettingsOf(config.Broker())
	b := &dataBroker{t: t}
	b.settings.Store(&settings)
	b.topic.Store(&topic)
	b.data = &fakeData{t: t, logs: map[model.TopicPartition]*log.Log{}, fail: map[model.TopicPartition]error{}}
	dir := t.TempDir()
	cache := metadata.NewCache("cluster")
	update := metadata.Update{ControllerID: 1, Brokers: []*model.Broker{{ID: 1, Endpoints: []model.Endpoint{{Listener: "PLAINTEXT", Host: "localhost", Port: 9092}}}}}
	for _, tp := range []model.TopicPartition{{Topic: "t"}, {Topic: "t", Partition: 1}, {Topic: "u"}, {Topic: model.OffsetsTopic}} {
		l, err := log.Open(log.Options{Dir: filepath.Join(dir, tp.String()), TopicPartition: tp, Config: b.topic.Load()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		b.data.logs[tp] = l
		update.Partitions = append(update.Partitions, metadata.PartitionUpdate{Topic: tp.Topic, Partition: metadata.Partition{ID: tp.Partition,
			LeaderAndISR: model.LeaderAndISR{Leader: 1, LeaderEpoch: 3, ISR: []int32{1}}, Replicas: []int32{1}}})
	}
	cache.Apply(update)
	b.env = &Env{BrokerID: 1, Settings: func() Settings { return *b.settings.Load() }, TopicConfig: func(string) *configs.Topic { return b.topic.Load() },
		Logger: testbase.Quiet()}
	b.env.Metadata, b.env.Data = cache, b.data
	b.env.Quotas = quota.NewSet(quota.SetOptions{Samples: 11, Window: time.Second, ProducerDefault: math.MaxInt64, ConsumerDefault: math.MaxInt64})
	limits := &network.Limits{MaxRequestBytes: 100 << 20, MaxConnections: 1000, MaxConnectionsPerIP: 1000}
	b.server = network.New(network.Options{Handler: New(b.env), Limits: func() *network.Limits { return limits }, Logger: b.env.Logger,
		Listeners: []network.Listener{{Name: "PLAINTEXT", Addr: "127.0.0.1:0"}}})
	if err := b.server.Listen(); err != nil {
		t.Fatal(err)
	}
	testbase.Run(t, b.server.Run)
	return b
}

// client is one connection.
type client struct {
	t testing.TB
	net.Conn
	id     string
	nextID int32
}

func (b *dataBroker) dial() *client {
	b.t.Helper()
	return b.dialAs("test")
}

// dialAs is dial for a client with an id of its own.
func (b *dataBroker) dialAs(id string) *client {
	b.t.Helper()
	c, err := net.Dial("tcp", b.server.Addr("PLAINTEXT").String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return &client{t: b.t, Conn: c, id: id}
}

func (c *client) send(req kmsg.Request) {
	c.t.Helper()
	c.nextID++
	c.raw(protocol.AppendRequest(nil, req, c.nextID, &c.id))
}

func (c *client) raw(frame []byte) {
	c.t.Helper()
	if _, err := c.Write(frame); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) frame() ([]byte, error) {
	return testbase.ReadFrame(c)
}

// receive reads the answer with a correlation id into resp.
func (c *client) receive(id int32, resp kmsg.Response) {
	c.t.Helper()
	frame, err := c.frame()
	if err != nil {
		c.t.Fatal(err)
	}
	got, err := protocol.ReadResponse(frame, resp)
	if err != nil || got != id {
		c.t.Fatalf("correlation id %d, want %d: %v", got, id, err)
	}
}

// call sends a request and reads its answer.
func call[R kmsg.Response](c *client, req kmsg.Request) R {
	c.t.Helper()
	resp := req.ResponseKind()
	c.send(req)
	c.receive(c.nextID, resp)
	return resp.(R)
}

func (c *client) expectClosed() {
	c.t.Helper()
	if frame, err := c.frame(); err == nil {
		c.t.Fatalf("answered with %d bytes, want the connection closed", len(frame))
	} else if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		c.t.Fatal("the connection was not closed")
	}
}

func batch(change func(o *record.BuilderOptions), values ...string) []byte {
	o := record.DefaultOptions()
	if change != nil {
		change(&o)
	}
	b := record.NewBuilder(o)
	for _, v := range values {
		b.Append(1000, nil, []byte(v))
	}
	return b.Bytes()
}

func produceRequest(version, acks int16, topic string, partitions ...[]byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = version, acks, 10_000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	for i, records := range partitions {
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = int32(i), records
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	return req
}

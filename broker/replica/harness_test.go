package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"momus/broker/metadata"
	"momus/configs"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/testbase"
	"momus/storage/log"
	"momus/storage/logdir"
	"momus/storage/record"
	"momus/storage/vfs"
)

// fakeZK keeps partition states as ZooKeeper does: with versions.
type fakeZK struct {
	mu       sync.Mutex
	states   map[model.TopicPartition]model.LeaderAndISR
	notified []model.TopicPartition
	dirs     int
	err      error // of UpdateISRs
}

func (z *fakeZK) UpdateISRs(ctx context.Context, updates []ISRUpdate) []ISRResult {
	results := make([]ISRResult, len(updates))
	for i, u := range updates {
		results[i].ZKVersion, results[i].Err = z.update(u.TP, u.State)
	}
	return results
}

func (z *fakeZK) update(tp model.TopicPartition, s model.LeaderAndISR) (int32, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.err != nil {
		return 0, z.err
	}
	if z.states[tp].ZKVersion != s.ZKVersion {
		return 0, ErrISRVersion
	}
	s.ZKVersion++
	z.states[tp] = s
	return s.ZKVersion, nil
}

func (z *fakeZK) NotifyISRChange(ctx context.Context, tps []model.TopicPartition) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.notified = append(z.notified, tps...)
	return nil
}

func (z *fakeZK) NotifyLogDirFailure(ctx context.Context) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.dirs++
	return nil
}

func (z *fakeZK) state(tp model.TopicPartition) model.LeaderAndISR {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.states[tp]
}

// testBroker is a replica manager with its log directories in memory.
type testBroker struct {
	id      int32
	cluster *testCluster
	fs      *vfs.Fault
	mem     *vfs.Mem
	config  *configs.Config
	logs    *logdir.Manager
	m       *Manager
	serving atomic.Pointer[Manager] // m, for the other brokers
	cancel  context.CancelFunc
	done    sync.WaitGroup
	down    atomic.Bool
	settled sync.Map          // topic → map[string]string of overrides
	extra   map[string]string // broker settings of the next start
}

type testCluster struct {
	t       testing.TB
	zk      *fakeZK
	cache   *metadata.Cache
	brokers map[int32]*testBroker
	dirs    []string
	led     []string // what OnLeadership said
}

// newCluster starts brokers 1..n with the given log directories each (one by default). stop must be
// called.
func newCluster(t *testing.T, n int, dirs ...string) *testCluster { return newClusterTB(t, n, dirs...) }

func newClusterTB(t testing.TB, n int, dirs ...string) *testCluster {
	if len(dirs) == 0 {
		dirs = []string{"/data"}
	}
	c := &testCluster{t: t, zk: &fakeZK{states: map[model.TopicPartition]model.LeaderAndISR{}}, cache: metadata.NewCache("test"),
		brokers: map[int32]*testBroker{}, dirs: dirs}
	var alive []*model.Broker
	for id := int32(1); id <= int32(n); id++ {
		alive = append(alive, &model.Broker{ID: id, Rack: fmt.Sprintf("rack%d", id)})
		b := &testBroker{id: id, cluster: c, mem: vfs.NewMem()}
		c.brokers[id] = b
	}
	c.cache.Apply(metadata.Update{ControllerID: 1, Brokers: alive})
	for id := int32(1); id <= int32(n); id++ {
		c.brokers[id].start()
	}
	return c
}

func (c *testCluster) stop() {
	for _, b := range c.brokers {
		b.down.Store(true)
	}
	for _, b := range c.brokers {
		b.stop(true)
	}
}

func (b *testBroker) start() {
	t := b.cluster.t
	t.Helper()
	var err error
	settings := map[string]string{"zookeeper.connect": "localhost:2181", "broker.id": fmt.Sprint(b.id), "log.dirs": "/data", "replica.fetch.backoff.ms": "100"}
	maps.Copy(settings, b.extra)
	b.config, err = configs.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	// Of this life alone: the fetchers of others may still ask the one before.
	config := b.config
	b.fs = vfs.NewFault(b.mem)
	topicConfig := func(topic string) *configs.Topic {
		o, _ := b.settled.Load(topic)
		overrides, _ := o.(map[string]string)
		return config.Topic(overrides)
	}
	b.logs, err = logdir.Open(context.Background(), logdir.Options{FS: b.fs, Dirs: b.cluster.dirs, Settings: func() logdir.Settings { return logdir.SettingsOf(config.Broker()) }, TopicConfig: topicConfig, Logger: testbase.Quiet()})
	if err != nil {
		t.Fatal(err)
	}
	b.m = New(Options{BrokerID: b.id, Settings: func() Settings { return SettingsOf(config.Broker()) }, TopicConfig: topicConfig, Logs: b.logs, Metadata: b.cluster.cache, ISR: b.cluster.zk,
		Endpoint: func(leader int32, fetcherID int) LeaderEndpoint {
			return &localEndpoint{me: b, leader: b.cluster.brokers[leader]}
		},
		OnLeadership: func(leaders, followers []Leadership) {
			for _, l := range leaders {
				b.cluster.led = append(b.cluster.led, fmt.Sprintf("%d leads %s epoch %d", b.id, l.TP, l.LeaderEpoch))
			}
			for _, l := range followers {
				b.cluster.led = append(b.cluster.led, fmt.Sprintf("%d follows %s epoch %d", b.id, l.TP, l.LeaderEpoch))
			}
		},
		Logger: testbase.Quiet()})
	var ctx context.Context
	ctx, b.cancel = context.WithCancel(context.Background())
	b.serving.Store(b.m)
	b.down.Store(false)
	b.done.Go(func() { b.m.Run(ctx) })
	b.done.Go(func() { b.logs.Run(ctx) })
}

// stop ends the broker, cleanly or as if the process were killed.
func (b *testBroker) stop(clean bool) {
	b.down.Store(true)
	b.cancel()
	b.done.Wait()
	if !clean {
		b.mem = b.mem.KillClone()
		return
	}
	if err := b.logs.Close(); err != nil && !errors.Is(err, kerr.KafkaStorageError) {
		b.cluster.t.Errorf("close broker %d: %v", b.id, err)
	}
}

// lead tells all brokers of a leadership, as a controller does, and returns the results of the
// request to each.
func (c *testCluster) lead(tp model.TopicPartition, leader, epoch int32, isr []int32, replicas ...int32) map[int32]error {
	c.zk.mu.Lock()
	state := model.LeaderAndISR{Leader: leader, LeaderEpoch: epoch, ISR: isr, ControllerEpoch: 1, ZKVersion: c.zk.states[tp].ZKVersion + 1}
	c.zk.states[tp] = state
	c.zk.mu.Unlock()
	c.cache.Apply(metadata.Update{ControllerID: 1, Brokers: c.cache.Snapshot().AliveBrokers(),
		Partitions: []metadata.PartitionUpdate{{Topic: tp.Topic, Partition: metadata.Partition{ID: tp.Partition, LeaderAndISR: state, Replicas: replicas}}}})
	results := map[int32]error{}
	for _, id := range slices.Sorted(maps.Keys(c.brokers)) {
		b := c.brokers[id]
		if b.down.Load() || !slices.Contains(replicas, id) {
			continue
		}
		r, err := b.m.LeaderAndISR(context.Background(), LeaderAndISRRequest{ControllerID: 1, ControllerEpoch: 1, Partitions: []PartitionState{{TP: tp, State: state, Replicas: replicas, IsNew: epoch == 0}}})
		if err != nil {
			c.t.Fatal(err)
		}
		results[id] = r[0].Err
	}
	return results
}

// alive says which brokers the metadata counts as alive.
func (c *testCluster) alive(ids ...int32) {
	var alive []*model.Broker
	for _, id := range ids {
		alive = append(alive, &model.Broker{ID: id, Rack: fmt.Sprintf("rack%d", id)})
	}
	c.cache.Apply(metadata.Update{ControllerID: 1, Brokers: alive})
}

var tp0 = model.TopicPartition{Topic: "t", Partition: 0}

// batch is one batch of records with the given values.
func batch(values ...string) []byte {
	b := record.NewBuilder(record.DefaultOptions())
	for _, v := range values {
		b.Append(time.Now().UnixMilli(), []byte("k"), []byte(v))
	}
	return b.Bytes()
}

// appendOK appends with acks=1 and returns the base offset.
func (b *testBroker) append(acks int16, values ...string) *Appended {
	return b.m.Append([]AppendEntry{{TP: tp0, Records: batch(values...)}}, acks, record.OriginClient)
}

func (b *testBroker) log(tp model.TopicPartition) *log.Log {
	if p := b.m.Partition(tp); p != nil {
		return p.Log()
	}
	return nil
}

// consume fetches once as a v11 consumer.
func (b *testBroker) consume(params FetchParams, parts ...FetchPartition) []FetchResult {
	if params.MaxBytes == 0 {
		params.MaxBytes = 1 << 20
	}
	if params.ReplicaID == 0 {
		params.ReplicaID = ConsumerID
	}
	if params.Version == 0 {
		params.Version = 11
	}
	if params.Isolation == log.UpToLogEnd {
		params.Isolation = log.UpToHighWatermark
	}
	return b.m.Fetch(context.Background(), params, parts)
}

func at(offset int64) FetchPartition {
	return FetchPartition{TP: tp0, FetchOffset: offset, LogStartOffset: -1, MaxBytes: 1 << 20, CurrentLeaderEpoch: model.NoEpoch}
}

// values decodes the records of a result from the fetch offset on, and releases it.
func values(t *testing.T, r *FetchResult, from int64) []string {
	t.Helper()
	defer r.Records.Release()
	raw := make([]byte, r.Records.Len())
	if _, err := r.Records.ReadAt(raw, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	var out []string
	for _, entry := range batches(t, raw) {
		entry.ForEach(nil, func(r *record.Record) error {
			if r.Offset >= from {
				out = append(out, string(r.Value))
			}
			return nil
		})
	}
	return out
}

// batches are the whole batches in what was read of a log.
func batches(t *testing.T, raw []byte) (list []record.Batch) {
	t.Helper()
	for len(raw) > 0 {
		entry, rest, err := record.Next(raw)
		if err != nil {
			t.Fatal(err)
		}
		if entry == nil {
			break
		}
		list, raw = append(list, entry), rest
	}
	return list
}

// content is the whole log as bytes.
func content(t *testing.T, l *log.Log) []byte {
	t.Helper()
	var out bytes.Buffer
	for offset := l.LogStartOffset(); offset < l.LogEndOffset(); {
		read, err := l.Read(offset, 1<<20, log.UpToLogEnd, true)
		if err != nil {
			t.Fatal(err)
		}
		if read.Records.Len() == 0 {
			t.Fatalf("nothing at %d below the log end %d", offset, l.LogEndOffset())
		}
		raw := make([]byte, read.Records.Len())
		if _, err := read.Records.ReadAt(raw, 0); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		read.Records.Release()
		for _, entry := range batches(t, raw) {
			out.Write(entry)
			offset = entry.NextOffset()
		}
	}
	return out.Bytes()
}

// localEndpoint is a leader in the same process.
type localEndpoint struct {
	me, leader *testBroker
}

var errDown = errors.New("connection refused")

func (e *localEndpoint) Fetch(ctx context.Context, partitions []ReplicaFetch, maxWait time.Duration) ([]ReplicaData, error) {
	if e.leader.down.Load() || e.me.down.Load() {
		return nil, errDown
	}
	limits := e.me.config.Broker()
	parts := make([]FetchPartition, len(partitions))
	for i, p := range partitions {
		parts[i] = FetchPartition{TP: p.TP, FetchOffset: p.Offset, LogStartOffset: p.LogStartOffset, MaxBytes: limits.ReplicaFetchMaxBytes, CurrentLeaderEpoch: p.CurrentLeaderEpoch}
	}
	results := e.leader.serving.Load().Fetch(ctx, FetchParams{ReplicaID: e.me.id, MaxWait: maxWait, MinBytes: 1, MaxBytes: int(limits.ReplicaFetchResponseMaxBytes), Version: 11}, parts)
	if ctx.Err() != nil {
		for i := range results {
			results[i].Records.Release()
		}
		return nil, context.Cause(ctx)
	}
	data := make([]ReplicaData, len(results))
	for i := range results {
		r := &results[i]
		data[i] = ReplicaData{TP: r.TP, Err: r.Err, HighWatermark: r.HighWatermark, LogStartOffset: r.LogStartOffset, Records: make([]byte, r.Records.Len())}
		if n := r.Records.Len(); n > 0 {
			if _, err := r.Records.ReadAt(data[i].Records, 0); err != nil && err != io.EOF {
				data[i].Err = err
			}
		}
		r.Records.Release()
	}
	return data, nil
}

func (e *localEndpoint) EndOffsets(ctx context.Context, queries []EpochQuery) ([]EpochAnswer, error) {
	if e.leader.down.Load() || e.me.down.Load() {
		return nil, errDown
	}
	answers := make([]EpochAnswer, len(queries))
	for i, q := range queries {
		a := &answers[i]
		a.Epoch, a.EndOffset, a.Err = e.leader.serving.Load().OffsetForLeaderEpoch(q.TP, q.CurrentLeaderEpoch, q.LeaderEpoch)
	}
	return answers, nil
}

func (e *localEndpoint) Offset(ctx context.Context, tp model.TopicPartition, epoch int32, timestamp int64) (int64, error) {
	if e.leader.down.Load() || e.me.down.Load() {
		return 0, errDown
	}
	a, _, err := e.leader.serving.Load().ListOffset(ListOffsetQuery{TP: tp, Timestamp: timestamp, ReplicaID: e.me.id, CurrentLeaderEpoch: epoch})
	return a.Offset, err
}

func (e *localEndpoint) Close() error { return nil }

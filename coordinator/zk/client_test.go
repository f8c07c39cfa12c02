package zk_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gozk "github.com/go-zookeeper/zk"
	"go.uber.org/goleak"

	"momus/coordinator/zk"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startServer runs a ZooKeeper server for the test. Sessions may be as short as 100 ms.
func startServer(t *testing.T) string {
	t.Helper()
	return zkservertest.Start(t)
}

// network is a dialer whose connections the test can cut.
type network struct {
	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

func (n *network) dial(proto, address string, timeout time.Duration) (net.Conn, error) {
	n.mu.Lock()
	down := n.down
	n.mu.Unlock()
	if down {
		return nil, errors.New("network is down")
	}
	c, err := net.DialTimeout(proto, address, timeout)
	if err == nil {
		n.mu.Lock()
		n.conns = append(n.conns, c)
		n.mu.Unlock()
	}
	return c, err
}

func (n *network) set(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
	if down {
		for _, c := range n.conns {
			c.Close()
		}
		n.conns = nil
	}
}

func dial(t *testing.T, connect string, change ...func(*zk.Options)) *zk.Client {
	t.Helper()
	o := zk.Options{Connect: connect, SessionTimeout: 10 * time.Second}
	for _, fn := range change {
		fn(&o)
	}
	c, err := zk.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// raw is a connection of the library, to see what is really there.
func raw(t *testing.T, address string) *gozk.Conn {
	t.Helper()
	return zkservertest.Connect(t, address)
}

var registration = &zk.Registration{Version: 4, JMXPort: -1, Timestamp: 1, Endpoints: []model.Endpoint{{Listener: "PLAINTEXT", Host: "h", Port: 9092}}}

func TestTopLevelPathsHaveNoData(t *testing.T) {
	address := startServer(t)
	c := dial(t, address)
	if err := c.CreateTopLevelPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := raw(t, address)
	for _, path := range []string{"/consumers", "/brokers", "/brokers/seqid", "/config/brokers", "/latest_producer_id_block", "/admin/delete_topics"} {
		data, stat, err := r.Get(path)
		if err != nil || data != nil || stat.Version != 0 {
			t.Errorf("%s: data %q (nil %v), version %d, %v", path, data, data == nil, stat.Version, err)
		}
	}
}

func TestChrootIsCreatedAndPrefixed(t *testing.T) {
	address := startServer(t)
	c := dial(t, address+"/a/b")
	if err := c.CreateTopic(t.Context(), "t", zk.Assignments{0: {Replicas: []int32{1}}}); err != nil {
		t.Fatal(err)
	}
	r := raw(t, address)
	if ok, _, err := r.Exists("/a/b/brokers/topics/t"); !ok {
		t.Fatalf("not below the chroot: %v", err)
	}
	changed := make(chan struct{}, 1)
	c.OnChildren(zk.TopicsPath, func() { changed <- struct{}{} })
	if names, err := c.Topics(t.Context()); err != nil || !slices.Equal(names, []string{"t"}) {
		t.Fatalf("%v, %v", names, err)
	}
	if _, err := r.Create("/a/b/brokers/topics/u", nil, 0, gozk.WorldACL(gozk.PermAll)); err != nil {
		t.Fatal(err)
	}
	<-changed
}

func TestUnreachableServerIsExplained(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = zk.Dial(t.Context(), zk.Options{Connect: l.Addr().String(), SessionTimeout: 300 * time.Millisecond})
	for _, want := range []string{"zookeeper.connect=" + l.Addr().String(), "no answer within 300ms", "is ZooKeeper running", "ruok"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("the error does not contain %q: %v", want, err)
		}
	}
}

func TestRegistrationHasVersionOneAndCzxidAsEpoch(t *testing.T) {
	address := startServer(t)
	c := dial(t, address)
	if err := c.CreateTopLevelPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	epoch, err := c.RegisterBroker(t.Context(), 1, registration, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, stat, err := raw(t, address).Get("/brokers/ids/1")
	if err != nil || stat.Version != 1 || stat.Czxid != epoch || stat.EphemeralOwner != c.SessionID() {
		t.Fatalf("%+v, %v; epoch %d, session %d", stat, err, epoch, c.SessionID())
	}
	brokers, err := c.Brokers(t.Context())
	if err != nil || len(brokers) != 1 || brokers[0].Epoch != epoch || brokers[0].Endpoints[0].Host != "h" {
		t.Fatalf("%v, %v", brokers, err)
	}
	// The same again is what a retry after a lost reply does.
	if again, err := c.RegisterBroker(t.Context(), 1, registration, 0, 0); err != nil || again != epoch {
		t.Fatalf("%d, %v; want %d", again, err, epoch)
	}
}

func TestRegistrationWaitsForThePreviousSession(t *testing.T) {
	address := startServer(t)
	first, second := dial(t, address), dial(t, address)
	if err := first.CreateTopLevelPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := first.RegisterBroker(t.Context(), 1, registration, 0, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := second.RegisterBroker(t.Context(), 1, registration, 0, 0); !errors.Is(err, zk.ErrNodeExists) || !strings.Contains(err.Error(), "broker.id=1") {
		t.Fatalf("registered over a live broker: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := second.RegisterBroker(context.WithoutCancel(t.Context()), 1, registration, 0, time.Minute)
		done <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestOperationsSurviveALostConnection(t *testing.T) {
	address := startServer(t)
	var n network
	c := dial(t, address, func(o *zk.Options) { o.Dial = n.dial })
	if err := c.CreateTopLevelPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	changed := make(chan struct{}, 8)
	c.OnChildren(zk.TopicsPath, func() { changed <- struct{}{} })
	if _, err := c.Topics(t.Context()); err != nil {
		t.Fatal(err)
	}
	session := c.SessionID()
	n.set(true)
	done := make(chan error, 1)
	go func() {
		done <- c.CreateTopic(context.WithoutCancel(t.Context()), "t", zk.Assignments{0: {Replicas: []int32{1}}})
	}()
	n.set(false)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	<-changed // the watch was set again
	if c.SessionID() != session {
		t.Fatal("the session changed")
	}
}

func TestExpiredSessionIsFencedAndReplaced(t *testing.T) {
	server := zkservertest.Server(t)
	address := server.Addr().String()
	var n network
	c := dial(t, address, func(o *zk.Options) { o.Dial = n.dial })
	if err := c.CreateTopLevelPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RegisterBroker(t.Context(), 1, registration, 0, 0); err != nil {
		t.Fatal(err)
	}
	old := c.SessionID()
	lost, renewed := make(chan error, 1), make(chan error, 1)
	c.OnSession(zk.SessionHandler{
		Lost: func() {
			_, err := c.Topics(context.Background())
			lost <- err
		},
		Renewed: func(ctx context.Context) {
			_, err := c.RegisterBroker(ctx, 1, registration, old, 0)
			renewed <- err
		},
	})
	n.set(true)
	zkservertest.EndSession(t, server, old)
	r := raw(t, address)
	n.set(false)
	if err := <-lost; !errors.Is(err, zk.ErrSessionExpired) {
		t.Fatalf("an operation between two sessions gave %v", err)
	}
	if err := <-renewed; err != nil {
		t.Fatal(err)
	}
	if c.SessionID() == old {
		t.Fatal("the session is the old one")
	}
	if _, stat, err := r.Get("/brokers/ids/1"); err != nil || stat.EphemeralOwner != c.SessionID() {
		t.Fatalf("%+v, %v", stat, err)
	}
	if e := c.Events(); e.SyncConnects.Load() < 2 || e.Expires.Load() != 1 || e.Disconnects.Load() < 1 {
		t.Errorf("counted %d connects, %d expiries, %d disconnects", e.SyncConnects.Load(), e.Expires.Load(), e.Disconnects.Load())
	}
}

func TestWatchesAreArmedByReads(t *testing.T) {
	c := dial(t, startServer(t))
	if err := c.CreateTopLevelPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	events := make(chan zk.NodeEvent, 8)
	cancel := c.OnNode(zk.TopicPath("t"), func(e zk.NodeEvent) { events <- e })
	if exists, err := c.Watch(t.Context(), zk.TopicPath("t")); err != nil || exists {
		t.Fatal(exists, err)
	}
	as := zk.Assignments{0: {Replicas: []int32{1}}}
	if err := c.CreateTopic(t.Context(), "t", as); err != nil {
		t.Fatal(err)
	}
	if e := <-events; e != zk.NodeCreated {
		t.Fatal(e)
	}
	if err := c.SetTopic(t.Context(), "t", as); err != nil { // nobody has read it: no event
		t.Fatal(err)
	}
	if _, ok, err := c.Assignment(t.Context(), "t"); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := c.SetTopic(t.Context(), "t", as); err != nil {
		t.Fatal(err)
	}
	if e := <-events; e != zk.NodeChanged {
		t.Fatal(e)
	}
	cancel()
	if _, _, err := c.Assignment(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetTopic(t.Context(), "t", as); err != nil {
		t.Fatal(err)
	}
	if len(events) != 0 {
		t.Fatal("an event after cancel")
	}
}

func TestControllersAreElectedAndFenced(t *testing.T) {
	address := startServer(t)
	a, b := dial(t, address), dial(t, address)
	ctx := t.Context()
	if err := a.CreateTopLevelPaths(ctx); err != nil {
		t.Fatal(err)
	}
	first, won, err := a.ElectController(ctx, 1, 5)
	if err != nil || !won || first != (zk.ControllerEpoch{Epoch: 1, ZKVersion: 1}) {
		t.Fatalf("%+v, %v, %v", first, won, err)
	}
	if _, won, err := b.ElectController(ctx, 2, 6); err != nil || won {
		t.Fatalf("two controllers: %v, %v", won, err)
	}
	if id, err := b.ControllerID(ctx); err != nil || id != 1 {
		t.Fatalf("controller %d, %v", id, err)
	}
	tp := model.TopicPartition{Topic: "t", Partition: 0}
	state := zk.PartitionState{TopicPartition: tp, State: model.LeaderAndISR{Leader: 1, ISR: []int32{1}, ControllerEpoch: 1}}
	if err := a.CreateTopic(ctx, "t", zk.Assignments{0: {Replicas: []int32{1}}}); err != nil {
		t.Fatal(err)
	}
	if errs, err := a.CreateStates(ctx, first, []zk.PartitionState{state}); err != nil || errs[0] != nil {
		t.Fatal(errs, err)
	}
	if errs, err := a.CreateStates(ctx, first, []zk.PartitionState{state}); err != nil || !errors.Is(errs[0], zk.ErrNodeExists) {
		t.Fatal(errs, err)
	}
	if err := a.DeleteController(ctx, first); err != nil {
		t.Fatal(err)
	}
	second, won, err := b.ElectController(ctx, 2, 7)
	if err != nil || !won || second != (zk.ControllerEpoch{Epoch: 2, ZKVersion: 2}) {
		t.Fatalf("%+v, %v, %v", second, won, err)
	}
	if _, err := a.SetStates(ctx, first, []zk.PartitionState{state}); !errors.Is(err, zk.ErrControllerMoved) {
		t.Fatalf("a deposed controller wrote: %v", err)
	}
	res, err := b.SetStates(ctx, second, []zk.PartitionState{state})
	if err != nil || res[0].Err != nil || res[0].Version != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if res, err := b.SetStates(ctx, second, []zk.PartitionState{state}); err != nil || !errors.Is(res[0].Err, zk.ErrBadVersion) {
		t.Fatalf("%+v, %v", res, err)
	}
	if err := b.DeleteTopicNodes(ctx, second, "t"); err != nil {
		t.Fatal(err)
	}
	if exists, err := b.TopicExists(ctx, "t"); err != nil || exists {
		t.Fatal(exists, err)
	}
}

func TestISRWritesAreConditionalAndRecogniseThemselves(t *testing.T) {
	c := dial(t, startServer(t))
	ctx := t.Context()
	epoch, _, err := c.ElectController(ctx, 1, 5)
	if err != nil {
		t.Fatal(err)
	}
	tp := model.TopicPartition{Topic: "t", Partition: 0}
	s := model.LeaderAndISR{Leader: 1, ISR: []int32{1, 2}, ControllerEpoch: 1}
	if err := c.CreateTopic(ctx, "t", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateStates(ctx, epoch, []zk.PartitionState{{TopicPartition: tp, State: s}}); err != nil {
		t.Fatal(err)
	}
	s.ISR = []int32{1}
	v, err := c.UpdateISR(ctx, tp, s)
	if err != nil || v != 1 {
		t.Fatal(v, err)
	}
	if v, err = c.UpdateISR(ctx, tp, s); err != nil || v != 1 { // as after a lost reply
		t.Fatal(v, err)
	}
	s.ISR = []int32{1, 3}
	if _, err = c.UpdateISR(ctx, tp, s); !errors.Is(err, zk.ErrBadVersion) {
		t.Fatal(err)
	}
}

func TestProducerIDsComeInBlocksOfThousand(t *testing.T) {
	c := dial(t, startServer(t))
	if err := c.CreateTopLevelPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	blocks := make(chan zk.ProducerIDBlock, 8)
	for i := range 8 {
		wg.Go(func() {
			b, err := c.ClaimProducerIDs(t.Context(), int32(i))
			if err != nil {
				t.Error(err)
			}
			blocks <- b
		})
	}
	wg.Wait()
	close(blocks)
	seen := map[int64]bool{}
	for b := range blocks {
		if seen[b.First] || b.First%1000 != 0 || b.Last != b.First+999 || b.First >= 8000 {
			t.Errorf("block %+v", b)
		}
		seen[b.First] = true
	}
}

func TestBrokerIDsAndClusterID(t *testing.T) {
	c := dial(t, startServer(t))
	for want := int32(1001); want <= 1002; want++ {
		if id, err := c.GenerateBrokerID(t.Context(), 1000); err != nil || id != want {
			t.Fatalf("%d, %v; want %d", id, err, want)
		}
	}
	first, err := c.ClusterID(t.Context())
	if err != nil || len(first) != 22 {
		t.Fatalf("%q, %v", first, err)
	}
	if again, err := c.ClusterID(t.Context()); err != nil || again != first {
		t.Fatalf("%q, %v; want %q", again, err, first)
	}
}

func TestConfigChangesAreReadInOrderAndPurgedAfter15Minutes(t *testing.T) {
	c := dial(t, startServer(t))
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.CreateTopLevelPaths(ctx); err != nil {
		t.Fatal(err)
	}
	notify := func(topic string) {
		t.Helper()
		if err := c.NotifyConfigChange(ctx, zk.ConfigChange{Type: zk.EntityTopics, Entity: topic}); err != nil {
			t.Fatal(err)
		}
	}
	notify("before")
	var mu sync.Mutex
	now := time.Now()
	got := make(chan string, 10)
	r := c.NewConfigChangeReader(func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
		func(_ context.Context, ch zk.ConfigChange) error { got <- ch.Entity; return nil })
	if err := r.Start(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	notify("a")
	notify("b")
	for _, want := range []string{"before", "a", "b"} {
		if name := <-got; name != want {
			t.Fatalf("%s, want %s", name, want)
		}
	}
	purged := make(chan struct{}, 10)
	stop := c.OnNode(zk.ConfigChangesPath+"/config_change_0000000000", func(e zk.NodeEvent) {
		if e == zk.NodeDeleted {
			purged <- struct{}{}
		}
	})
	defer stop()
	if ok, err := c.Watch(ctx, zk.ConfigChangesPath+"/config_change_0000000000"); err != nil || !ok {
		t.Fatal(ok, err)
	}
	mu.Lock()
	now = now.Add(16 * time.Minute)
	mu.Unlock()
	notify("c")
	if name := <-got; name != "c" {
		t.Fatal(name)
	}
	<-purged
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A notification over which its reader panics is skipped, like one that cannot be handled.
func TestAPanicOverANotificationSkipsIt(t *testing.T) {
	c := dial(t, startServer(t))
	if err := c.CreateTopLevelPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"bad", "good"} {
		if err := c.NotifyConfigChange(t.Context(), zk.ConfigChange{Type: zk.EntityTopics, Entity: topic}); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	r := c.NewConfigChangeReader(nil, func(_ context.Context, ch zk.ConfigChange) error {
		if ch.Entity == "bad" {
			panic("injected")
		}
		told = append(told, ch.Entity)
		return nil
	})
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(told, []string{"good"}) {
		t.Errorf("told of %v", told)
	}
}

package controller_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"momus/coordinator/admin"
	"momus/coordinator/controller"
	"momus/coordinator/zk"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/kerr"
	"momus/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func startServer(t *testing.T) string {
	t.Helper()
	return zkservertest.Start(t)
}

// obedient is a Sender whose brokers do everything at once; it notes what they were sent.
type obedient struct {
	reply func(controller.Event)
	mu    sync.Mutex
	open  map[int32]bool
	sent  chan string
}

func (o *obedient) AddBroker(b *model.Broker)  { o.mu.Lock(); o.open[b.ID] = true; o.mu.Unlock() }
func (o *obedient) RemoveBroker(id int32)      { o.mu.Lock(); delete(o.open, id); o.mu.Unlock() }
func (o *obedient) UpdateBroker(*model.Broker) {}
func (o *obedient) Close()                     {}
func (o *obedient) Send(to int32, r controller.Request) {
	if q, ok := r.(*controller.StopReplica); ok && q.Delete {
		ev := &controller.StopReplicaReply{Broker: to, Errors: map[model.TopicPartition]int16{}}
		for _, tp := range q.Partitions {
			ev.Errors[tp] = 0
		}
		o.reply(ev)
	}
	if q, ok := r.(*controller.UpdateMetadata); ok {
		for _, p := range q.Partitions {
			o.sent <- fmt.Sprintf("%d: %s leader %d", to, p.TopicPartition, p.Leader)
		}
	}
}

// node is one broker's controller with its session.
type node struct {
	id     int32
	zk     *zk.Client
	c      *controller.Controller
	sender *obedient
	cancel context.CancelFunc
	done   chan error
}

func startNode(t *testing.T, address string, id int32, dial zk.Dialer) *node {
	t.Helper()
	client, err := zk.Dial(t.Context(), zk.Options{Connect: address, SessionTimeout: time.Minute, ConnectTimeout: time.Minute, Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.CreateTopLevelPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.ClusterID(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := &node{id: id, zk: client, done: make(chan error, 1)}
	n.c = controller.New(controller.Options{
		BrokerID: id, ZK: client,
		Registration: func() *zk.Registration {
			return &zk.Registration{Version: 4, JMXPort: -1, Rack: fmt.Sprint("r", id), Timestamp: 1,
				Endpoints: []model.Endpoint{{Listener: "PLAINTEXT", Host: "127.0.0.1", Port: 19090 + id}}}
		},
		Settings: func() controller.Settings { return controller.Settings{DeleteTopics: true} },
		NewSender: func(reply func(controller.Event)) controller.Sender {
			n.sender = &obedient{reply: reply, open: map[int32]bool{}, sent: make(chan string, 10000)}
			return n.sender
		},
	})
	if err := n.c.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.ClaimProducerIDs(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	go func() { n.done <- n.c.Run(ctx) }()
	t.Cleanup(n.stop)
	return n
}

func (n *node) stop() {
	if n.cancel != nil {
		n.cancel()
		<-n.done
		n.zk.Close()
		n.cancel = nil
	}
}

// settle waits until the controller has processed what is queued.
func (n *node) settle(t *testing.T) {
	t.Helper()
	if err := n.c.Inspect(t.Context(), func(*controller.Context) {}); err != nil {
		t.Fatal(err)
	}
}

// await waits until what was sent shows the line.
func (n *node) await(t *testing.T, line string) {
	t.Helper()
	for {
		select {
		case got := <-n.sender.sent:
			if got == line {
				return
			}
		case <-time.After(time.Minute):
			t.Fatalf("controller %d never told %q", n.id, line)
		}
	}
}

// awaitController waits until the node's controller is active.
func awaitController(t *testing.T, watch *zk.Client, want func(id int32) bool) int32 {
	t.Helper()
	changed := make(chan struct{}, 100)
	defer watch.OnNode(zk.ControllerPath, func(zk.NodeEvent) { changed <- struct{}{} })()
	for {
		if _, err := watch.Watch(t.Context(), zk.ControllerPath); err != nil {
			t.Fatal(err)
		}
		id, err := watch.ControllerID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want(id) {
			return id
		}
		select {
		case <-changed:
		case <-time.After(time.Minute):
			t.Fatalf("the controller is still %d", id)
		}
	}
}

type treeNode struct {
	ACL       []string
	Data      *string
	Ephemeral bool
	Version   int32
}

func dumpTree(t *testing.T, address string) map[string]treeNode {
	t.Helper()
	conn := zkservertest.Connect(t, address)
	tree := map[string]treeNode{}
	var walk func(path string)
	walk = func(path string) {
		data, stat, err := conn.Get(path)
		if err != nil {
			t.Fatal(err)
		}
		n := treeNode{Ephemeral: stat.EphemeralOwner != 0, Version: stat.Version}
		if data != nil {
			s := string(data)
			n.Data = &s
		}
		acl, _, err := conn.GetACL(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range acl {
			perms := ""
			for i, letter := range "rwcda" {
				if a.Perms&(1<<i) != 0 {
					perms += string(letter)
				}
			}
			n.ACL = append(n.ACL, a.Scheme+":"+a.ID+":"+perms)
		}
		tree[path] = n
		names, _, err := conn.Children(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if child := strings.TrimSuffix(path, "/") + "/" + name; child != "/zookeeper" {
				walk(child)
			}
		}
	}
	walk("/")
	return tree
}

// normal prints a node without what differs from run to run.
func normal(path string, n treeNode) string {
	data := "no data"
	if n.Data != nil {
		data = *n.Data
		var m map[string]any
		if json.Unmarshal([]byte(data), &m) == nil {
			for _, key := range []string{"timestamp", "id"} {
				if _, ok := m[key]; ok {
					m[key] = fmt.Sprintf("some %T", m[key])
				}
			}
			raw, _ := json.Marshal(m)
			data = string(raw)
		}
	}
	acl := strings.Join(n.ACL, ",")
	letters := strings.Split(acl[strings.LastIndexByte(acl, ':')+1:], "")
	sort.Strings(letters)
	acl = acl[:strings.LastIndexByte(acl, ':')+1] + strings.Join(letters, "")
	return fmt.Sprintf("%s version=%d ephemeral=%v %s %s", path, n.Version, n.Ephemeral, acl, data)
}

func compareWithGolden(t *testing.T, address, fixture string) map[string]treeNode {
	t.Helper()
	raw, err := os.ReadFile("testdata/znodes/" + fixture + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]treeNode
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	lines := func(tree map[string]treeNode) (out []string) {
		for path, n := range tree {
			if path != "/" {
				out = append(out, normal(path, n))
			}
		}
		sort.Strings(out)
		return out
	}
	want, got := lines(golden), lines(dumpTree(t, address))
	if !reflect.DeepEqual(want, got) {
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: Kafka has  %s", fixture, w)
			}
		}
		for _, g := range got {
			if !slices.Contains(want, g) {
				t.Errorf("%s: momus has  %s", fixture, g)
			}
		}
	}
	return golden
}

// TestTreeIsTheOneOfKafka starts three brokers on an empty server and creates topics, as in the
// recordings 01 to 05, and compares the whole tree after each step: data, versions, ephemeral
// nodes, ACLs.
func TestTreeIsTheOneOfKafka(t *testing.T) {
	address := startServer(t)
	one := startNode(t, address, 1, nil)
	awaitController(t, one.zk, func(id int32) bool { return id == 1 })
	one.settle(t)
	compareWithGolden(t, address, "01-first-broker")

	three := startNode(t, address, 3, nil) // before 2, as in the recording
	two := startNode(t, address, 2, nil)
	two.settle(t)
	three.settle(t)
	compareWithGolden(t, address, "02-three-brokers")

	a := &admin.Admin{Store: two.zk} // any broker writes
	for _, step := range []struct{ fixture, topic string }{
		{"03-create-topic-zk", "zkt"}, {"04-create-topic-bootstrap", "bst"}, {"05-create-topic-noconfig-zk", "zkplain"},
	} {
		raw, err := os.ReadFile("testdata/znodes/" + step.fixture + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var golden map[string]treeNode
		if err := json.Unmarshal(raw, &golden); err != nil {
			t.Fatal(err)
		}
		as, err := zk.DecodeTopic(step.topic, []byte(*golden[zk.TopicPath(step.topic)].Data))
		if err != nil {
			t.Fatal(err)
		}
		overrides, err := zk.DecodeConfig([]byte(*golden[zk.ConfigPath(zk.EntityTopics, step.topic)].Data))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.CreateTopic(t.Context(), &admin.NewTopic{Name: step.topic, Assignments: as, Overrides: overrides}); err != nil {
			t.Fatal(err)
		}
		last := as.Partitions()[len(as)-1]
		one.await(t, fmt.Sprintf("3: %s-%d leader %d", step.topic, last, as[last].Replicas[0]))
		one.settle(t)
		compareWithGolden(t, address, step.fixture)
	}
}

func TestTopicsLiveAndDieThroughFailovers(t *testing.T) {
	address := startServer(t)
	nodes := map[int32]*node{}
	for id := int32(1); id <= 3; id++ {
		nodes[id] = startNode(t, address, id, nil)
	}
	watch, err := zk.Dial(t.Context(), zk.Options{Connect: address, SessionTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	first := awaitController(t, watch, func(id int32) bool { return id > 0 })
	a := &admin.Admin{Store: watch}
	as := zk.Assignments{0: {Replicas: []int32{first, first%3 + 1}}}
	if err := a.CreateTopic(t.Context(), &admin.NewTopic{Name: "t", Assignments: as}); err != nil {
		t.Fatal(err)
	}
	nodes[first].await(t, fmt.Sprintf("%d: t-0 leader %d", first, first))

	// The controller stops with its broker: another one takes over and elects a leader.
	nodes[first].stop()
	second := awaitController(t, watch, func(id int32) bool { return id > 0 && id != first })
	nodes[second].await(t, fmt.Sprintf("%d: t-0 leader %d", second, first%3+1))
	if !nodes[second].c.IsActive() || nodes[second].c.Epoch() != 2 {
		t.Fatalf("epoch %d", nodes[second].c.Epoch())
	}
	// The requests of a broker that is not controller are refused.
	third := 6 - first - second
	if _, err := nodes[third].c.ElectLeaders(t.Context(), controller.PreferredElection, nil); !errors.Is(err, kerr.NotController) {
		t.Fatal(err)
	}
	if _, err := nodes[third].c.ControlledShutdown(t.Context(), 1, -1); !errors.Is(err, kerr.StaleControllerEpoch) {
		t.Fatal(err)
	}
	// Somebody deletes /controller: a new election, in which all take part.
	conn := zkservertest.Connect(t, address)
	if err := conn.Delete("/controller", -1); err != nil {
		t.Fatal(err)
	}
	latest := awaitController(t, watch, func(id int32) bool { return id > 0 })
	nodes[latest].settle(t)

	// The topic is deleted once its dead replica is back.
	if err := a.DeleteTopic(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	nodes[latest].await(t, fmt.Sprintf("%d: t-0 leader -2", latest))
	gone := make(chan struct{}, 10)
	defer watch.OnNode(zk.DeleteTopicPath("t"), func(ev zk.NodeEvent) {
		if ev == zk.NodeDeleted {
			gone <- struct{}{}
		}
	})()
	if ok, err := watch.Watch(t.Context(), zk.DeleteTopicPath("t")); err != nil || !ok {
		t.Fatal(ok, err)
	}
	nodes[first] = startNode(t, address, first, nil)
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Fatal("the topic was not deleted")
	}
	if exists, err := watch.TopicExists(t.Context(), "t"); err != nil || exists {
		t.Fatal(exists, err)
	}
}

func TestExpiredControllerResignsBeforeItsNewSession(t *testing.T) {
	server := zkservertest.Server(t)
	address := server.Addr().String()
	var mu sync.Mutex
	down := false
	var conns []net.Conn
	dial := func(network, addr string, timeout time.Duration) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if down {
			return nil, errors.New("network is down")
		}
		c, err := net.DialTimeout(network, addr, timeout)
		if err == nil {
			conns = append(conns, c)
		}
		return c, err
	}
	one := startNode(t, address, 1, dial)
	awaitController(t, one.zk, func(id int32) bool { return id == 1 })
	one.settle(t)
	epoch := one.c.BrokerEpoch()
	two := startNode(t, address, 2, nil)
	two.settle(t)

	mu.Lock()
	down = true
	for _, c := range conns {
		c.Close()
	}
	mu.Unlock()
	zkservertest.EndSession(t, server, one.zk.SessionID())
	awaitController(t, two.zk, func(id int32) bool { return id == 2 })
	two.settle(t)
	changed := make(chan struct{}, 10)
	defer two.zk.OnChildren(zk.BrokerIDsPath, func() { changed <- struct{}{} })()
	if ids, err := two.zk.BrokerIDs(t.Context()); err != nil || !slices.Equal(ids, []int32{2}) {
		t.Fatal(ids, err)
	}
	mu.Lock()
	down = false
	mu.Unlock()
	<-changed
	// Registered again, and by now it must have resigned.
	if one.c.IsActive() {
		t.Fatal("two controllers")
	}
	if ids, err := two.zk.BrokerIDs(t.Context()); err != nil || !slices.Equal(ids, []int32{1, 2}) {
		t.Fatal(ids, err)
	}
	one.settle(t)
	if one.c.BrokerEpoch() <= epoch {
		t.Fatalf("broker epoch %d, before %d", one.c.BrokerEpoch(), epoch)
	}
}

// A container that was killed and begins again with an empty volume has another id, and its
// addresses are registered by the old one until that session ends.
func TestAddressesOfADeadSessionAreWaitedFor(t *testing.T) {
	server := startServer(t)
	dial := func() *zk.Client {
		client, err := zk.Dial(t.Context(), zk.Options{Connect: server, SessionTimeout: time.Minute, ConnectTimeout: time.Minute})
		if err == nil {
			err = client.CreateTopLevelPaths(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	registration := func() *zk.Registration {
		return &zk.Registration{Version: 4, JMXPort: -1, Timestamp: 1, Endpoints: []model.Endpoint{{Listener: "PLAINTEXT", Host: "kafka", Port: 9092}}}
	}
	old, again := dial(), dial()
	defer again.Close()
	if _, err := old.RegisterBroker(t.Context(), 1001, registration(), 0, 0); err != nil {
		t.Fatal(err)
	}
	sender := func(func(controller.Event)) controller.Sender { return &obedient{} }
	c := controller.New(controller.Options{BrokerID: 1002, ZK: again, Registration: registration, NewSender: sender})
	registered := make(chan error, 1)
	go func() { registered <- c.Register(t.Context()) }()
	select {
	case err := <-registered:
		t.Fatalf("registered beside the old broker, or gave up at once: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	if err := old.Close(); err != nil { // its session ends
		t.Fatal(err)
	}
	if err := <-registered; err != nil {
		t.Error(err)
	}
	third := dial()
	defer third.Close()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, errors.New("stopped"))
	defer cancel()
	if err := controller.New(controller.Options{BrokerID: 1003, ZK: third, Registration: registration, NewSender: sender}).Register(ctx); err == nil || err.Error() != "stopped" {
		t.Errorf("a wait that is stopped gives %v", err)
	}
}

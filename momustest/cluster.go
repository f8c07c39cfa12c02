// Package momustest makes Kafka clusters for tests: real brokers with replication, groups and
// transactions in the process of the test, in memory, ready in milliseconds, and broken on purpose.
//
//	func TestMine(t *testing.T) {
//		cluster := momustest.Start(t, momustest.Brokers(3))
//		client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Bootstrap()...))
//		…
//		cluster.Kill(2)
//
// A cluster ends with its test and leaves nothing behind; any number may run side by side. What
// goes wrong in a method of Cluster fails the test. See package momus for the promise about
// compatibility.
package momustest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/embed"
	"momus/broker/sabotage"
	"momus/coordinator/zk"
	"momus/coordinator/zkserver"
	"momus/internal/journal"
	"momus/internal/model"
	"momus/storage/vfs"
)

// patience bounds every wait of this package.
const patience = 60 * time.Second

// Cluster is a cluster of a test. Its methods may be called by many goroutines, but those for one
// broker one after the other.
type Cluster struct {
	t            testing.TB
	options      options
	root         string
	files        vfs.FS // under all brokers and the coordination server
	coordination *embed.Coordination
	security     *security

	mu    sync.Mutex
	nodes []*node // guarded by mu; broker id - 1
}

// node is a broker of a cluster, through its lives.
type node struct {
	id      int32
	address string           // for clients and other brokers, the same in all lives
	tools   *sabotage.Tools  // of the present life
	broker  *embed.Broker    // nil while it does not run
	journal *journal.Journal // of all lives
}

// Start makes a cluster and returns when all of its brokers serve and know each other. It ends with
// t.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	c := &Cluster{t: t, options: options{brokers: 1, properties: map[string]string{}, session: 2 * time.Second}, root: string(filepath.Separator) + "momustest"}
	for _, o := range opts {
		o(&c.options)
	}
	if c.options.brokers < 1 || c.options.brokers > 100 {
		t.Fatalf("momustest: %d brokers", c.options.brokers)
	}
	c.files = vfs.NewMem()
	if c.options.onDisk {
		c.files, c.root = vfs.OS{}, t.TempDir()
	}
	if c.options.logger == nil {
		kept := &keptLog{}
		c.options.logger = slog.NewTextHandler(kept, nil)
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the brokers said:\n%s", kept)
			}
		})
	}
	var err error
	if c.security, err = newSecurity(&c.options, t.TempDir); err != nil {
		t.Fatalf("momustest: %v", err)
	}
	c.coordination, err = embed.StartCoordination(context.Background(), zkserver.Options{
		FS: c.files, Dir: filepath.Join(c.root, "zookeeper"), NoSync: true, MaxClientCnxns: -1, TickTime: max(c.options.session/20, 10*time.Millisecond),
	}, c.options.logger)
	if err != nil {
		t.Fatalf("momustest: %v", err)
	}
	t.Cleanup(c.close)
	if err := c.security.provision(context.Background(), c.ZooKeeper()); err != nil {
		t.Fatalf("momustest: %v", err)
	}
	for i := range c.options.brokers {
		c.nodes = append(c.nodes, &node{id: int32(i + 1), journal: journal.New(time.Now)})
	}
	for _, n := range c.nodes {
		c.run(n)
	}
	for _, n := range c.nodes {
		c.awaitReady(n)
	}
	c.awaitMembers(len(c.nodes))
	return c
}

// settings are those of a broker.
func (c *Cluster) settings(n *node) map[string]string {
	replicas := strconv.Itoa(min(3, c.options.brokers))
	listen := "127.0.0.1:0"
	if n.address != "" {
		listen = n.address
	}
	s := map[string]string{
		"broker.id":                                strconv.Itoa(int(n.id)),
		"listeners":                                protocolOf(&c.options) + "://" + listen,
		"log.dirs":                                 filepath.Join(c.root, "broker-"+strconv.Itoa(int(n.id))),
		"zookeeper.connect":                        c.coordination.Addr(),
		"zookeeper.session.timeout.ms":             strconv.FormatInt(c.options.session.Milliseconds(), 10),
		"zookeeper.connection.timeout.ms":          "30000",
		"offsets.topic.replication.factor":         replicas,
		"offsets.topic.num.partitions":             "5",
		"transaction.state.log.replication.factor": replicas,
		"transaction.state.log.num.partitions":     "5",
		"transaction.state.log.min.isr":            strconv.Itoa(min(2, c.options.brokers)),
		"group.initial.rebalance.delay.ms":         "0",
		"controlled.shutdown.retry.backoff.ms":     "100",
		"replica.lag.time.max.ms":                  "2000",
		"replica.fetch.wait.max.ms":                "500",
	}
	maps.Copy(s, c.security.properties)
	maps.Copy(s, c.options.properties)
	return s
}

// run begins a life of a broker, without waiting for it.
func (c *Cluster) run(n *node) {
	c.t.Helper()
	n.tools = sabotage.New(c.files)
	b, err := embed.Start(context.Background(), embed.Options{Settings: c.settings(n), FS: n.tools.Files, Net: n.tools.Network.Broker(), Logger: c.options.logger, Journal: n.journal})
	if err != nil {
		c.t.Fatalf("momustest: broker %d: %v", n.id, err)
	}
	n.broker = b
}

func (c *Cluster) awaitReady(n *node) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.broker.Ready(ctx); err != nil {
		c.t.Fatalf("momustest: broker %d: %v", n.id, err)
	}
	n.address = n.broker.Addr("")
}

// close ends what still runs. Brokers are not asked to hand over to each other: they all go.
func (c *Cluster) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var wait sync.WaitGroup
	for _, n := range c.nodes {
		if n.broker != nil {
			n.tools.Network.Resume()
			wait.Go(func() { n.broker.Abandon() })
		}
	}
	wait.Wait()
	if err := c.coordination.Close(); err != nil {
		c.t.Errorf("momustest: coordination server: %v", err)
	}
}

// node finds a broker that must be there.
func (c *Cluster) node(id int) *node {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if id < 1 || id > len(c.nodes) {
		c.t.Fatalf("momustest: there is no broker %d", id)
	}
	return c.nodes[id-1]
}

// running finds a broker that must run.
func (c *Cluster) running(id int) *node {
	c.t.Helper()
	n := c.node(id)
	if n.broker == nil {
		c.t.Fatalf("momustest: broker %d does not run", id)
	}
	return n
}

// Bootstrap are the addresses of all brokers, host:port.
func (c *Cluster) Bootstrap() []string {
	var out []string
	for _, n := range c.nodes {
		out = append(out, n.address)
	}
	return out
}

// Addr is the address of a broker.
func (c *Cluster) Addr(id int) string { c.t.Helper(); return c.node(id).address }

// ZooKeeper is the address of the coordination server, for --zookeeper and zookeeper.connect.
func (c *Cluster) ZooKeeper() string { return c.coordination.Addr() }

// Kill ends a broker as kill -9 does: its connections break, nothing more of it is written, and the
// others notice when its session ends.
func (c *Cluster) Kill(id int) {
	c.t.Helper()
	n := c.running(id)
	n.tools.Die()
	n.broker.Abandon() // its error tells how it died
	n.broker = nil
}

// Stop ends a broker in an orderly way: it hands its leaderships over first.
func (c *Cluster) Stop(id int) {
	c.t.Helper()
	n := c.running(id)
	if err := n.broker.Close(); err != nil {
		c.t.Errorf("momustest: broker %d: %v", id, err)
	}
	n.broker = nil
}

// Restart starts a broker again that was killed or stopped, or stops it first, and returns when it
// serves. Its address stays.
func (c *Cluster) Restart(id int) {
	c.t.Helper()
	n := c.node(id)
	if n.broker != nil {
		c.Stop(id)
	}
	c.run(n)
	c.awaitReady(n)
}

// Pause holds up everything that a broker sends and receives, as a stopped process would. Resume
// lets it go on.
func (c *Cluster) Pause(id int) { c.t.Helper(); c.running(id).tools.Network.Pause() }

// Resume ends a Pause.
func (c *Cluster) Resume(id int) { c.t.Helper(); c.running(id).tools.Network.Resume() }

// Partition cuts the network between two brokers, in both directions. Both still reach the
// coordination server and the clients.
func (c *Cluster) Partition(a, b int) {
	c.t.Helper()
	x, y := c.running(a), c.running(b)
	x.tools.Network.Refuse(y.address)
	y.tools.Network.Refuse(x.address)
}

// Heal ends a Partition.
func (c *Cluster) Heal(a, b int) {
	c.t.Helper()
	x, y := c.running(a), c.running(b)
	x.tools.Network.Allow(y.address)
	y.tools.Network.Allow(x.address)
}

// WaitISR waits until the in-sync replicas of a partition are just these brokers, as ZooKeeper has
// them. Brokers and clients that the controller reaches hear of it in an instant. As in Kafka a
// follower that has every record stays in sync even when it is cut off: write something first.
func (c *Cluster) WaitISR(topic string, partition int32, brokers ...int) {
	c.t.Helper()
	want := make([]int32, len(brokers))
	for i, b := range brokers {
		want[i] = int32(b)
	}
	slices.Sort(want)
	c.awaitState(topic, partition, fmt.Sprintf("in-sync replicas %v", want), func(s model.LeaderAndISR) bool {
		return slices.Equal(slices.Sorted(slices.Values(s.ISR)), want)
	})
}

// Leader waits until a partition has a leader, and returns its id.
func (c *Cluster) Leader(topic string, partition int32) int {
	c.t.Helper()
	return int(c.awaitState(topic, partition, "a leader", func(s model.LeaderAndISR) bool { return s.Leader > 0 }).Leader)
}

// awaitState waits for a partition's state in ZooKeeper.
func (c *Cluster) awaitState(topic string, partition int32, what string, good func(model.LeaderAndISR) bool) model.LeaderAndISR {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := zk.Dial(ctx, zk.Options{Connect: c.ZooKeeper(), SessionTimeout: patience, ConnectTimeout: patience})
	if err != nil {
		c.t.Fatalf("momustest: %v", err)
	}
	defer client.Close()
	tp := model.TopicPartition{Topic: topic, Partition: partition}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		states, err := client.States(ctx, []model.TopicPartition{tp})
		if s, ok := states[tp]; err == nil && ok && good(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			c.t.Fatalf("momustest: %s did not get %s but has %+v, %v", tp, what, states[tp], err)
		}
	}
}

// WaitTopic waits until every running broker tells clients that a topic has this many partitions and
// who leads them. A topic that has just been created is known to the brokers one after the other, and
// some clients take the first answer for the last.
func (c *Cluster) WaitTopic(topic string, partitions int) {
	c.t.Helper()
	c.awaitMetadata([]string{topic}, fmt.Sprintf("%d partitions of %s", partitions, topic), func(m *kmsg.MetadataResponse) bool {
		if len(m.Topics) != 1 || m.Topics[0].ErrorCode != 0 || len(m.Topics[0].Partitions) != partitions {
			return false
		}
		return !slices.ContainsFunc(m.Topics[0].Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.ErrorCode != 0 || p.Leader < 0 })
	})
}

// awaitMembers waits until each broker knows this many and the controller.
func (c *Cluster) awaitMembers(count int) {
	c.t.Helper()
	c.awaitMetadata([]string{}, fmt.Sprintf("%d brokers", count), func(m *kmsg.MetadataResponse) bool {
		return len(m.Brokers) == count && m.ControllerID > 0
	})
}

// awaitMetadata waits until the metadata of each running broker, asked about these topics, is good.
func (c *Cluster) awaitMetadata(topics []string, what string, good func(*kmsg.MetadataResponse) bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, n := range c.nodes {
		if n.broker == nil {
			continue
		}
		if err := awaitMetadata(ctx, n.address, c.security.options(), topics, good); err != nil {
			c.t.Fatalf("momustest: broker %d did not hear of %s: %v", n.id, what, err)
		}
	}
}

// interval is the time between two looks at something.
const interval = 2 * time.Millisecond

func awaitMetadata(ctx context.Context, address string, opts []kgo.Opt, topics []string, good func(*kmsg.MetadataResponse) bool) error {
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(address))...)
	if err != nil {
		return err
	}
	defer client.Close()
	seed := client.SeedBrokers()[0]
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		request := kmsg.NewPtrMetadataRequest()
		request.Topics = []kmsg.MetadataRequestTopic{}
		for _, name := range topics {
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = &name
			request.Topics = append(request.Topics, topic)
		}
		answer, err := seed.Request(ctx, request)
		if m, ok := answer.(*kmsg.MetadataResponse); err == nil && ok && good(m) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// keptLog keeps the last lines of the brokers.
type keptLog struct {
	mu    sync.Mutex
	lines []string
}

// maxKept bounds the lines that are kept.
const maxKept = 2000

func (k *keptLog) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.lines) == maxKept {
		k.lines = append(k.lines[:0], k.lines[maxKept/2:]...)
	}
	k.lines = append(k.lines, string(p))
	return len(p), nil
}

func (k *keptLog) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.lines, "")
}

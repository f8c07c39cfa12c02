// Package cluster takes three brokers, each a process of its own, through what happens to clusters: brokers killed, paused and cut off under
// load. Whatever happens, nothing acknowledged is lost or doubled, the replicas end up the same, and every in-sync set is whole again.
package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"momus/coordinator/zkserver"
	"momus/integration/testkit"
)

const topic = "load"

// settings make a cluster that notices failures fast.
var settings = []string{
	"zookeeper.session.timeout.ms=1500", "replica.lag.time.max.ms=2000", "offsets.topic.replication.factor=3", "log.cleaner.dedupe.buffer.size=4194304",
	"controlled.shutdown.retry.backoff.ms=500", "replica.socket.timeout.ms=3000", "controller.socket.timeout.ms=3000", "leader.imbalance.check.interval.seconds=3",
}

// coordination is the embedded coordination server in this process.
type coordination struct {
	opts zkserver.Options
	stop func()
}

func startCoordination(t *testing.T) *coordination {
	t.Helper()
	c := &coordination{opts: zkserver.Options{Dir: filepath.Join(t.TempDir(), "zk"), TickTime: 250 * time.Millisecond, MaxClientCnxns: -1}}
	c.start(t)
	t.Cleanup(func() { c.stop() })
	return c
}

func (c *coordination) start(t *testing.T) {
	t.Helper()
	s, err := zkserver.New(c.opts)
	if err != nil {
		t.Fatal(err)
	}
	c.opts.Listen = s.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("coordination server: %v", err)
		}
	})
	c.stop = func() {
		cancel()
		wg.Wait()
	}
}

// brokers starts three brokers side by side.
func brokers(t *testing.T, zookeeper string) []*testkit.Cluster {
	t.Helper()
	testkit.Binary(t)
	bs := make([]*testkit.Cluster, 3)
	for i := range bs {
		bs[i] = testkit.Broker(t, i+1, zookeeper, settings...)
	}
	testkit.WaitBrokers(t, bs, 3)
	return bs
}

func startLoad(t *testing.T, bs []*testkit.Cluster) *testkit.Load {
	t.Helper()
	load := testkit.StartReplicatedLoad(t, testkit.Bootstrap(bs), topic, 3, testkit.Replication{Factor: 3, MinISR: 2})
	load.WaitAcked(t, 300)
	return load
}

// limit is how long an in-sync set may take to be whole again.
const limit = 20 * time.Second

func TestKilledBrokersLoseNothing(t *testing.T) {
	t.Parallel()
	bs := brokers(t, startCoordination(t).opts.Listen)
	load := startLoad(t, bs)
	testkit.KillInTurn(t, bs, load, limit)
	testkit.Settle(t, bs, load, limit)
}

func TestPausedBrokersWakeAsZombiesAndJoinAgain(t *testing.T) {
	t.Parallel()
	bs := brokers(t, startCoordination(t).opts.Listen)
	load := startLoad(t, bs)
	for _, victim := range []int{testkit.Leader(t, testkit.Bootstrap(bs), topic, 0), testkit.Controller(t, testkit.Bootstrap(bs))} {
		b := bs[victim-1]
		b.Process.Signal(t, syscall.SIGSTOP)
		testkit.SessionGone(t, b.ZooKeeper, victim)
		load.WaitMore(t, 500)
		b.Process.Signal(t, syscall.SIGCONT)
		testkit.WaitWholeISR(t, bs, limit)
		load.WaitMore(t, 300)
	}
	testkit.Settle(t, bs, load, limit)
}

// Every broker reaches ZooKeeper through a proxy of its own.
func TestBrokersCutOffFromZooKeeperComeBack(t *testing.T) {
	t.Parallel()
	zookeeper := startCoordination(t).opts.Listen
	testkit.Binary(t)
	bs, proxies := make([]*testkit.Cluster, 3), make([]*testkit.Proxy, 3)
	for i := range bs {
		proxies[i] = testkit.NewProxy(t, zookeeper)
		bs[i] = testkit.Broker(t, i+1, proxies[i].Addr, settings...)
	}
	testkit.WaitBrokers(t, bs, 3)
	load := startLoad(t, bs)
	for _, victim := range []int{testkit.Leader(t, testkit.Bootstrap(bs), topic, 0), testkit.Controller(t, testkit.Bootstrap(bs))} {
		proxies[victim-1].Cut()
		testkit.SessionGone(t, zookeeper, victim)
		load.WaitMore(t, 500)
		proxies[victim-1].Heal()
		testkit.WaitBrokers(t, bs, 3)
		testkit.WaitWholeISR(t, bs, limit)
		load.WaitMore(t, 300)
	}
	testkit.Settle(t, bs, load, limit)
}

// Brokers reach each other through proxies, which know a broker by the client id of its requests.
func TestBrokerCutOffFromItsPeersComesBack(t *testing.T) {
	t.Parallel()
	zookeeper := startCoordination(t).opts.Listen
	testkit.Binary(t)
	bs, proxies := make([]*testkit.Cluster, 3), make([]*testkit.Proxy, 3)
	for i := range bs {
		client, internal := testkit.FreePort(t), testkit.FreePort(t)
		proxies[i] = testkit.NewProxy(t, fmt.Sprintf("127.0.0.1:%d", internal))
		bs[i] = testkit.BrokerAt(t, i+1, client, zookeeper, append([]string{
			fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,INTERNAL://127.0.0.1:%d", client, internal),
			fmt.Sprintf("advertised.listeners=PLAINTEXT://127.0.0.1:%d,INTERNAL://127.0.0.1:%d", client, proxies[i].Port()),
			"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT", "inter.broker.listener.name=INTERNAL",
		}, settings...)...)
	}
	testkit.WaitBrokers(t, bs, 3)
	load := startLoad(t, bs)
	for _, role := range []string{"leader", "controller", "follower"} {
		var victim int
		switch leader := testkit.Leader(t, testkit.Bootstrap(bs), topic, 0); role {
		case "leader":
			victim = leader
		case "follower":
			victim = leader%3 + 1
		case "controller":
			victim = testkit.Controller(t, testkit.Bootstrap(bs))
		}
		for i, p := range proxies {
			p.CutClients(func(client string) bool {
				from := client == fmt.Sprint(victim) || strings.HasPrefix(client, fmt.Sprintf("broker-%d-", victim))
				return from != (i == victim-1) // it still reaches itself
			})
		}
		// The leader that is cut off drops the others from its in-sync sets or is dropped by them: with min.insync.replicas=2 its
		// partitions wait, the others go on.
		testkit.Eventually(t, 20*time.Second, "an in-sync set has shrunk", func() bool { return !testkit.WholeISR(t, bs) })
		for _, p := range proxies {
			p.Heal()
		}
		testkit.WaitWholeISR(t, bs, limit)
		load.WaitMore(t, 500)
	}
	testkit.Settle(t, bs, load, limit)
}

func TestCoordinationServerRestarted(t *testing.T) {
	t.Parallel()
	c := startCoordination(t)
	bs := brokers(t, c.opts.Listen)
	load := startLoad(t, bs)
	for _, outage := range []time.Duration{0, 3 * time.Second} { // within the sessions' timeout, and longer
		c.stop()
		until := time.Now().Add(outage)
		load.WaitMore(t, 500) // data goes on without coordination
		testkit.Eventually(t, 10*time.Second, "the outage is over", func() bool { return time.Now().After(until) })
		c.start(t)
		testkit.WaitBrokers(t, bs, 3)
		testkit.WaitWholeISR(t, bs, limit)
		load.WaitMore(t, 500)
	}
	testkit.Settle(t, bs, load, limit)
}

// Brokers that are stopped while the coordination server is gone do not wait for it: nobody could take their leaderships over.
func TestBrokersStopWithoutCoordination(t *testing.T) {
	t.Parallel()
	c := startCoordination(t)
	bs := brokers(t, c.opts.Listen)
	load := startLoad(t, bs)
	load.WaitCommitted(t, testkit.Bootstrap(bs), 1500)
	load.Stop()
	c.stop()
	var wg sync.WaitGroup
	for _, b := range bs {
		b.Process.Signal(t, syscall.SIGTERM)
		wg.Go(func() {
			select {
			case <-b.Process.Done():
			case <-time.After(8 * time.Second):
				t.Errorf("broker %d has not stopped in 8 s", b.ID)
			}
		})
	}
	wg.Wait()
	c.start(t)
	for _, b := range bs {
		b.Restart(t)
	}
	testkit.WaitWholeISR(t, bs, limit)
	load.Check(t, testkit.Bootstrap(bs))
}

//go:build faults

package cluster

import (
	"context"
	"path/filepath"
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

// endures runs a load on brokers that come to harm, and wants nothing lost and every in-sync set
// whole again within limit.
func endures(t *testing.T, bs []*testkit.Cluster, harm func(*testkit.Load)) {
	t.Helper()
	load := testkit.LoadOfThree(t, bs, topic)
	harm(load)
	testkit.Settle(t, bs, load, limit)
}

// limit is how long an in-sync set may take to be whole again.
const limit = time.Minute

func TestKilledBrokersLoseNothing(t *testing.T) {
	t.Parallel()
	bs := brokers(t, startCoordination(t).opts.Listen)
	endures(t, bs, func(load *testkit.Load) { testkit.KillInTurn(t, bs, load, limit) })
}

func TestPausedBrokersWakeAsZombiesAndJoinAgain(t *testing.T) {
	t.Parallel()
	bs := brokers(t, startCoordination(t).opts.Listen)
	endures(t, bs, func(load *testkit.Load) { testkit.PauseInTurn(t, bs, load, limit) })
}

func TestBrokersCutOffFromZooKeeperComeBack(t *testing.T) {
	t.Parallel()
	testkit.Binary(t)
	bs, proxies := testkit.BehindProxies(t, startCoordination(t).opts.Listen, settings...)
	endures(t, bs, func(load *testkit.Load) { testkit.CutFromZooKeeperInTurn(t, bs, proxies, load, limit) })
}

func TestBrokerCutOffFromItsPeersComesBack(t *testing.T) {
	t.Parallel()
	testkit.Binary(t)
	bs, proxies := testkit.ProxiedPeers(t, startCoordination(t).opts.Listen, settings...)
	endures(t, bs, func(load *testkit.Load) { testkit.CutFromPeersInTurn(t, bs, proxies, load, limit) })
}

func TestCoordinationServerRestarted(t *testing.T) {
	t.Parallel()
	c := startCoordination(t)
	bs := brokers(t, c.opts.Listen)
	load := testkit.LoadOfThree(t, bs, topic)
	for _, outage := range []time.Duration{0, 3 * time.Second} { // within the sessions' timeout, and longer
		c.stop()
		testkit.Outage(t, load, outage)
		c.start(t)
		testkit.WaitBrokers(t, bs, 3)
		testkit.WaitWholeISR(t, bs, limit)
		load.WaitMore(t, 500)
	}
	testkit.Settle(t, bs, load, limit)
}

// Brokers that are stopped while the coordination server is gone do not wait for it: nobody could
// take their leaderships over.
func TestBrokersStopWithoutCoordination(t *testing.T) {
	t.Parallel()
	c := startCoordination(t)
	bs := brokers(t, c.opts.Listen)
	load := testkit.LoadOfThree(t, bs, topic)
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

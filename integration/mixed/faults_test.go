//go:build interop

package mixed

import (
	"testing"
	"time"

	"momus/integration/testkit"
)

// The faults of integration/cluster, on a real ZooKeeper.

var quick = append(append([]string{}, settings...), "zookeeper.session.timeout.ms=4000", "replica.lag.time.max.ms=3000", "replica.socket.timeout.ms=3000",
	"controller.socket.timeout.ms=3000")

func TestPausedBrokersWakeAsZombiesAndJoinAgain(t *testing.T) {
	for _, kinds := range []string{"mmm", "kkm"} {
		t.Run(kinds, func(t *testing.T) {
			bs := cluster(t, kinds)
			load := testkit.LoadOfThree(t, bs, topic)
			if kinds == "mmm" {
				testkit.PauseInTurn(t, bs, load, limit)
			} else {
				testkit.Pause(t, bs, bs[2], load, limit) // Apache Kafka itself does not always come back from this
			}
			testkit.Settle(t, bs, load, limit)
		})
	}
}

func TestBrokersCutOffFromZooKeeperComeBack(t *testing.T) {
	bs, proxies := testkit.BehindProxies(t, testkit.ZooKeeper(t, "zookeeper"), quick...)
	load := testkit.LoadOfThree(t, bs, topic)
	testkit.CutFromZooKeeperInTurn(t, bs, proxies, load, limit)
	testkit.Settle(t, bs, load, limit)
}

func TestBrokerCutOffFromItsPeersComesBack(t *testing.T) {
	bs, proxies := testkit.ProxiedPeers(t, testkit.ZooKeeper(t, "zookeeper"), quick...)
	load := testkit.LoadOfThree(t, bs, topic)
	testkit.CutFromPeersInTurn(t, bs, proxies, load, limit)
	testkit.Settle(t, bs, load, limit)
}

func TestZooKeeperRestarted(t *testing.T) {
	zookeeper, restart := testkit.RestartableZooKeeper(t, "zookeeper")
	var bs []*testkit.Cluster
	for id := 1; id <= 3; id++ {
		bs = append(bs, testkit.Broker(t, id, zookeeper, quick...))
	}
	testkit.WaitBrokers(t, bs, 3)
	load := testkit.LoadOfThree(t, bs, topic)
	for _, outage := range []time.Duration{0, 10 * time.Second} {
		restart(func() { testkit.Outage(t, load, outage) })
		testkit.WaitBrokers(t, bs, 3)
		testkit.WaitWholeISR(t, bs, limit)
		load.WaitMore(t, 500)
	}
	testkit.Settle(t, bs, load, limit)
}

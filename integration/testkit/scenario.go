package testkit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// IsKafka tells whether this is a real Apache Kafka.
func (c *Cluster) IsKafka() bool { return slices.Contains(c.args, "kafka.Kafka") }

// KillInTurn kills (SIGKILL) a leader of the load's topic, a follower and the controller, waits
// each time until the load goes on without it, and starts it again; every in-sync set must be whole
// afterwards.
func KillInTurn(t testing.TB, brokers []*Cluster, load *Load, limit time.Duration) {
	t.Helper()
	at := Bootstrap(brokers)
	for _, role := range []struct {
		name string
		find func() int
	}{
		{"leader", func() int { return Leader(t, at, load.topic, 0) }},
		{"follower", func() int { return Leader(t, at, load.topic, 0)%len(brokers) + 1 }},
		{"controller", func() int { return Controller(t, at) }},
	} {
		b := brokers[role.find()-1]
		t.Logf("%s: killing the %s, %s", time.Now().Format(time.TimeOnly), role.name, b.Process.Name)
		b.Process.Kill()
		load.WaitMore(t, 500)
		if b.IsKafka() {
			// A restart before that would meet the old session's znode, and end.
			SessionGone(t, b.ZooKeeper, b.ID) // Apache Kafka 2.5 does not wait for it
		}
		b.Restart(t)
		WaitWholeISR(t, brokers, limit)
		load.WaitMore(t, 300)
	}
}

// Settle ends the load and checks all that must hold then: nothing acknowledged lost or doubled,
// order kept, in-sync sets whole, and after an orderly stop the same logs everywhere.
func Settle(t testing.TB, brokers []*Cluster, load *Load, limit time.Duration) {
	t.Helper()
	WaitWholeISR(t, brokers, limit)
	load.WaitMore(t, 300)
	load.Stop()
	load.Check(t, Bootstrap(brokers))
	WaitWholeISR(t, brokers, limit)
	for _, b := range brokers {
		b.Process.Stop(t, limit)
	}
	SameLogs(t, brokers, load.topic, "__consumer_offsets")
}

// MakeController takes the controller's znode away until the given broker has it.
func MakeController(t testing.TB, brokers []*Cluster, id int) {
	t.Helper()
	conn := ZooKeeperConn(t, brokers[0].ZooKeeper)
	Eventually(t, 60*time.Second, fmt.Sprintf("broker %d is controller", id), func() bool {
		data, _, err := conn.Get("/controller")
		if err != nil {
			return false
		}
		var is struct {
			BrokerID int `json:"brokerid"`
		}
		if json.Unmarshal(data, &is) == nil && is.BrokerID == id {
			return true
		}
		// Whoever has it loses it; the next election may be won by anybody, so it is tried until
		// the right one has.
		conn.Delete("/controller", -1)
		return false
	})
	for _, b := range brokers {
		Eventually(t, 30*time.Second, fmt.Sprintf("broker %d knows that %d is controller", b.ID, id), func() bool {
			m, err := b.metadata(t, false)
			return err == nil && int(m.ControllerID) == id
		})
	}
}

// LoadOfThree starts a load on a topic of three partitions, each on three brokers of which two must
// have every record, and waits until it flows.
func LoadOfThree(t testing.TB, brokers []*Cluster, topic string) *Load {
	t.Helper()
	load := StartReplicatedLoad(t, Bootstrap(brokers), topic, 3, Replication{Factor: 3, MinISR: 2})
	load.WaitAcked(t, 300)
	return load
}

// leaderThenController does something to a leader of the load's topic and then to the controller,
// whichever broker each is by then.
func leaderThenController(t testing.TB, brokers []*Cluster, load *Load, harm func(victim int)) {
	t.Helper()
	harm(Leader(t, Bootstrap(brokers), load.topic, 0))
	harm(Controller(t, Bootstrap(brokers)))
}

// PauseInTurn stops (SIGSTOP) a leader and the controller for longer than their sessions; they wake
// up as zombies, whose writes must be refused, and every in-sync set must be whole again without a
// restart.
func PauseInTurn(t testing.TB, brokers []*Cluster, load *Load, limit time.Duration) {
	t.Helper()
	leaderThenController(t, brokers, load, func(victim int) { Pause(t, brokers, brokers[victim-1], load, limit) })
}

// Pause stops one broker for longer than its session and lets it go on.
func Pause(t testing.TB, brokers []*Cluster, b *Cluster, load *Load, limit time.Duration) {
	t.Helper()
	b.Process.Signal(t, syscall.SIGSTOP)
	SessionGone(t, b.ZooKeeper, b.ID)
	load.WaitMore(t, 500)
	b.Process.Signal(t, syscall.SIGCONT)
	goesOn(t, brokers, load, limit)
}

// goesOn waits until all brokers are there, every in-sync set is whole, and the load goes on.
func goesOn(t testing.TB, brokers []*Cluster, load *Load, limit time.Duration) {
	t.Helper()
	WaitBrokers(t, brokers, len(brokers))
	WaitWholeISR(t, brokers, limit)
	load.WaitMore(t, 300)
}

// BehindProxies starts three momus brokers that reach ZooKeeper through a proxy each.
func BehindProxies(t testing.TB, zookeeper string, lines ...string) ([]*Cluster, []*Proxy) {
	t.Helper()
	return proxied(t, func(id int) (*Cluster, *Proxy) {
		p := NewProxy(t, zookeeper)
		return Broker(t, id, p.Addr, lines...), p
	})
}

// proxied starts three brokers with a proxy each.
func proxied(t testing.TB, start func(id int) (*Cluster, *Proxy)) ([]*Cluster, []*Proxy) {
	t.Helper()
	bs, proxies := make([]*Cluster, 3), make([]*Proxy, 3)
	for i := range bs {
		bs[i], proxies[i] = start(i + 1)
	}
	WaitBrokers(t, bs, 3)
	return bs, proxies
}

// CutFromZooKeeperInTurn cuts a leader and then the controller off from ZooKeeper for longer than
// their sessions.
func CutFromZooKeeperInTurn(t testing.TB, brokers []*Cluster, proxies []*Proxy, load *Load, limit time.Duration) {
	t.Helper()
	leaderThenController(t, brokers, load, func(victim int) {
		proxies[victim-1].Cut()
		SessionGone(t, proxies[victim-1].target, victim)
		load.WaitMore(t, 500)
		proxies[victim-1].Heal()
		goesOn(t, brokers, load, limit)
	})
}

// ProxiedPeers starts three momus brokers that reach each other through proxies, one before each
// broker.
func ProxiedPeers(t testing.TB, zookeeper string, lines ...string) ([]*Cluster, []*Proxy) {
	t.Helper()
	return proxied(t, func(id int) (*Cluster, *Proxy) {
		client, internal := FreePort(t), FreePort(t)
		p := NewProxy(t, fmt.Sprintf("127.0.0.1:%d", internal))
		return BrokerAt(t, id, client, zookeeper, append([]string{
			fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,INTERNAL://127.0.0.1:%d", client, internal),
			fmt.Sprintf("advertised.listeners=PLAINTEXT://127.0.0.1:%d,INTERNAL://127.0.0.1:%d", client, p.Port()),
			"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT", "inter.broker.listener.name=INTERNAL",
		}, lines...)...), p
	})
}

// CutFromPeersInTurn cuts a leader (which follows other partitions) and the controller off from the
// other brokers, in both directions, but not from ZooKeeper or clients.
func CutFromPeersInTurn(t testing.TB, brokers []*Cluster, proxies []*Proxy, load *Load, limit time.Duration) {
	t.Helper()
	leaderThenController(t, brokers, load, func(victim int) {
		for i, p := range proxies {
			p.CutClients(func(client string) bool { // brokers say who they are in their client ids
				// client.id of a follower's fetcher is broker-ID-fetcher-N; the controller's
				// channels have the bare id.
				from := client == fmt.Sprint(victim) || strings.HasPrefix(client, fmt.Sprintf("broker-%d-", victim))
				return from != (i == victim-1) // it still reaches itself
			})
		}
		// The leader drops who is cut off, and who is cut off drops the others: with
		// min.insync.replicas=2 its partitions wait.
		Eventually(t, limit, "an in-sync set has shrunk", func() bool { return !WholeISR(t, brokers) })
		for _, p := range proxies {
			p.Heal()
		}
		WaitWholeISR(t, brokers, limit)
		load.WaitMore(t, 500)
	})
}

// Outage lets time pass without coordination; data goes on.
func Outage(t testing.TB, load *Load, length time.Duration) {
	t.Helper()
	until := time.Now().Add(length)
	load.WaitMore(t, 500)
	// Time itself is the condition here.
	Eventually(t, length+time.Minute, "the outage is over", func() bool { return time.Now().After(until) })
}

package testkit

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// IsKafka tells whether this is a real Apache Kafka.
func (c *Cluster) IsKafka() bool { return slices.Contains(c.args, "kafka.Kafka") }

// KillInTurn kills (SIGKILL) a leader of the load's topic, a follower and the controller, waits each time until the load goes on without it,
// and starts it again; every in-sync set must be whole afterwards.
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
			SessionGone(t, b.ZooKeeper, b.ID) // Apache Kafka 2.5 does not wait for it
		}
		b.Restart(t)
		WaitWholeISR(t, brokers, limit)
		load.WaitMore(t, 300)
	}
}

// Settle ends the load and checks all that must hold then: nothing acknowledged lost or doubled, order kept, in-sync sets whole, and
// after an orderly stop the same logs everywhere.
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
	conn, events, err := zk.Connect([]string{brokers[0].ZooKeeper}, 10*time.Second, zk.WithLogger(quietZK{}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		for range events {
		}
	}()
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

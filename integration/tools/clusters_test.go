//go:build transcripts || interop

package tools

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

// recordedSettings are those of the brokers that were recorded.
func recordedSettings() []string {
	return []string{"offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
		"group.initial.rebalance.delay.ms=0"}
}

// smallSettings let many brokers run on one machine.
func smallSettings() []string {
	return []string{"background.threads=4", "num.network.threads=2", "num.io.threads=4", "num.recovery.threads.per.data.dir=1",
		"log.cleaner.dedupe.buffer.size=20000000"}
}

// quickstart is three brokers of momus in one process, with one log directory each.
func quickstart(t *testing.T) *cluster {
	t.Helper()
	args := []string{"--http-port", "-1"}
	for _, s := range append(recordedSettings(), smallSettings()...) {
		args = append(args, "--override", s)
	}
	c := testkit.Quickstart(t, 3, args...)
	return &cluster{brokers: strings.Split(onLocalhost(c.Bootstrap), ","), zookeeper: onLocalhost(c.ZooKeeper)}
}

func onLocalhost(addresses string) string {
	return strings.ReplaceAll(addresses, "127.0.0.1", "localhost")
}

// broker starts one broker of a kind, such as testkit.BrokerAt.
type broker func(t testing.TB, id, port int, zookeeper string, lines ...string) *testkit.Cluster

// threeBrokers is three brokers in processes of their own, with two log directories each.
func threeBrokers(t *testing.T, zookeeper string, start broker, lines ...string) *cluster {
	t.Helper()
	dirs, all := t.TempDir(), map[int]*testkit.Cluster{}
	c := &cluster{zookeeper: onLocalhost(zookeeper), dirs: dirs}
	for id := 1; id <= 3; id++ {
		port := testkit.FreePort(t)
		settings := append(append(recordedSettings(), smallSettings()...), fmt.Sprintf("listeners=PLAINTEXT://localhost:%d", port),
			fmt.Sprintf("log.dirs=%s,%s", filepath.Join(dirs, fmt.Sprintf("b%d", id), "d0"), filepath.Join(dirs, fmt.Sprintf("b%d", id), "d1")),
			"offsets.topic.num.partitions=50", "transaction.state.log.num.partitions=50")
		all[id] = start(t, id, port, zookeeper, append(settings, lines...)...)
		c.brokers = append(c.brokers, fmt.Sprintf("localhost:%d", port))
	}
	c.stop = func(id int) { all[id].Process.Stop(t, 30*time.Second) }
	c.start = func(id int) { all[id].Restart(t) }
	return c
}

// coordination is momus zookeeper.
func coordination(t *testing.T) string {
	t.Helper()
	port := testkit.FreePort(t)
	p := testkit.Start(t, "momus zookeeper", testkit.Spec{Args: []string{testkit.Binary(t), "zookeeper", "--host", "localhost", "--dir", t.TempDir(), "--port", fmt.Sprint(port)}})
	p.WaitOutput(t, "coordination server", time.Minute)
	return fmt.Sprintf("localhost:%d", port)
}

// securedBroker is one broker with SASL, an authorizer and delegation tokens, as it was recorded.
func securedBroker(t *testing.T, zookeeper string, start broker) *cluster {
	t.Helper()
	const plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
	sasl, open := testkit.FreePort(t), testkit.FreePort(t)
	lines := append(recordedSettings(),
		fmt.Sprintf("listeners=SASL_PLAINTEXT://localhost:%d,PLAINTEXT://localhost:%d", sasl, open),
		"security.inter.broker.protocol=PLAINTEXT", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256",
		`listener.name.sasl_plaintext.plain.sasl.jaas.config=`+plain+` required username="admin" password="admin-pw" user_admin="admin-pw" user_alice="alice-pw";`,
		`listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`,
		"authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "super.users=User:admin;User:ANONYMOUS",
		"delegation.token.master.key=secret", "log.segment.bytes=1073741824", "log.retention.hours=168")
	start(t, 1, open, zookeeper, lines...)
	return &cluster{brokers: []string{fmt.Sprintf("localhost:%d", sasl), fmt.Sprintf("localhost:%d", open)}, separate: true, zookeeper: onLocalhost(zookeeper)}
}

// replaySecured replays the recordings of a cluster with an authorizer.
func replaySecured(t *testing.T, c *cluster, change ...func(*replay)) {
	t.Helper()
	for _, name := range []string{"kafka-delegation-tokens", "security", "kafka-acls"} { // the last one changes what alice may do
		if !secured()[name] {
			t.Fatalf("%s is no transcript of a secured cluster", name)
		}
		t.Run(name, func(t *testing.T) {
			r := newReplay(t, name, c, exceptions()[name])
			for _, f := range change {
				f(r)
			}
			r.run(t)
		})
	}
}

//go:build interop

package mixed

import (
	"crypto/x509/pkix"
	"fmt"
	"testing"
	"time"

	"momus/integration/testkit"
)

// Brokers of both kinds speak TLS and SASL to each other while a cluster goes from one kind to the
// other and back under load. Clients come over a plain listener, as what is looked at here is
// between brokers; integration/security has theirs.
func TestSecuredClusterRollsOverAndBack(t *testing.T) {
	certs := testkit.NewCertificates(t)
	certs.Sign("broker", pkix.Name{CommonName: "localhost", Organization: []string{"momus"}}, time.Time{})
	for mechanism, module := range map[string]string{
		"SCRAM-SHA-512": `org.apache.kafka.common.security.scram.ScramLoginModule required username="broker" password="brokerpw";`,
		"PLAIN":         `org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="brokerpw" user_broker="brokerpw";`,
	} {
		t.Run(mechanism, func(t *testing.T) {
			zookeeper := testkit.ZooKeeper(t, "zookeeper")
			testkit.Run(t, time.Minute, testkit.Spec{Args: []string{testkit.Binary(t), "configs", "--zookeeper", zookeeper, "--alter", "--entity-type", "users",
				"--entity-name", "broker", "--add-config", "SCRAM-SHA-512=[password=brokerpw]"}})
			prefix := "listener.name.sasl_ssl."
			var bs []*testkit.Cluster
			for id := 1; id <= 3; id++ {
				plain, secure := testkit.FreePort(t), testkit.FreePort(t)
				lines := append(append([]string{}, settings...), fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SASL_SSL://localhost:%d", plain, secure),
					"security.inter.broker.protocol=SASL_SSL", "sasl.mechanism.inter.broker.protocol="+mechanism, "sasl.enabled.mechanisms="+mechanism, "connections.max.reauth.ms=8000",
					prefix+lower(mechanism)+".sasl.jaas.config="+module, "ssl.keystore.type=PKCS12", "ssl.keystore.location="+certs.Path("broker.p12"), "ssl.keystore.password="+testkit.StorePassword,
					"ssl.truststore.type=PKCS12", "ssl.truststore.location="+certs.Path("trust.p12"), "ssl.truststore.password="+testkit.StorePassword)
				if id == 1 {
					bs = append(bs, testkit.BrokerAt(t, id, plain, zookeeper, lines...))
				} else {
					bs = append(bs, testkit.KafkaAt(t, id, plain, zookeeper, lines...))
				}
			}
			testkit.WaitBrokers(t, bs, 3)
			// A JVM that speaks TLS for the first time takes longer to learn of a topic than the
			// usual load has patience for.
			load := testkit.StartReplicatedLoad(t, testkit.Bootstrap(bs), topic, 3, testkit.Replication{Factor: 3, MinISR: 2, Pipelined: true})
			load.WaitAcked(t, 300)
			roll := func(i int, momus bool) {
				t.Helper()
				bs[i].Process.Stop(t, limit)
				load.WaitMore(t, 300)
				if momus {
					bs[i] = bs[i].AsMomus(t)
				} else {
					bs[i] = bs[i].AsKafka(t)
				}
				testkit.WaitWholeISR(t, bs, limit)
				load.WaitMore(t, 300)
			}
			testkit.MakeController(t, bs, 2) // Kafka's
			roll(1, true)
			roll(2, true)
			testkit.MakeController(t, bs, 1)
			time.Sleep(9 * time.Second) // longer than a session lasts: all connections have logged in again
			load.WaitMore(t, 300)
			roll(0, false)
			roll(1, false)
			testkit.Settle(t, bs, load, limit)
			for _, b := range bs {
				if b.IsKafka() {
					continue
				}
				if n := b.Metric(t, `kafka_server_socketservermetrics_failed_authentication_total{listener="SASL_SSL"}`); n > 0 {
					t.Errorf("broker %d refused %v logins", b.ID, n)
				}
			}
		})
	}
}

// lower is a mechanism's name in settings.
func lower(mechanism string) string {
	if mechanism == "PLAIN" {
		return "plain"
	}
	return "scram-sha-512"
}

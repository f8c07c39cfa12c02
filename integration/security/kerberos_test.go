//go:build interop

package security

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// Two brokers speak Kerberos to each other, and with Java's and Go's clients, after the tickets of
// a real key distribution center.
func TestKerberos(t *testing.T) {
	r := testkit.StartRealm(t, "kafka/localhost", "alice")
	zookeeper := testkit.Coordination(t)
	t.Setenv("KAFKA_OPTS", "-Djava.security.krb5.conf="+r.Config)
	var bs []*testkit.Cluster
	for id := 1; id <= 2; id++ {
		port := testkit.FreePort(t)
		plain := testkit.FreePort(t)
		bs = append(bs, testkit.BrokerAt(t, id, plain, zookeeper, fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SASL_PLAINTEXT://localhost:%d", plain, port), "sasl.enabled.mechanisms=GSSAPI",
			"security.inter.broker.protocol=SASL_PLAINTEXT", "sasl.kerberos.service.name=kafka", "default.replication.factor=2", "offsets.topic.replication.factor=2",
			"listener.name.sasl_plaintext.gssapi.sasl.jaas.config="+r.JAAS("kafka/localhost")))
	}
	testkit.WaitBrokers(t, bs, 2)
	address := func(b *testkit.Cluster) string {
		text, err := os.ReadFile(filepath.Join(b.Dir, "server.properties"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "SASL_PLAINTEXT://")
		a, _, _ := strings.Cut(rest, "\n")
		return a
	}
	clients := kerberosClients(t, r)
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			topic := "kerberos-" + c.name
			if out, err := c.run(t, address(bs[0]), "produce", address(bs[0]), topic, "none", "20", "n"); err != nil {
				t.Fatal(err, out)
			}
			testkit.WaitWholeISR(t, bs, 30*time.Second) // the brokers follow each other
			out, err := c.run(t, address(bs[1]), "consume", address(bs[1]), topic, "20")
			if n := strings.Count(out, "n value "); err != nil || n != 20 {
				t.Errorf("read %d records: %v", n, err)
			}
		})
	}
	// Tickets of a key that the brokers do not have prove nothing.
	r.ChangeKey(t, "kafka/localhost")
	for _, c := range clients {
		t.Run(c.name+"/another key", func(t *testing.T) {
			before := failures(t, bs[0], "SASL_PLAINTEXT")
			if out, err := c.run(t, address(bs[0]), "produce", address(bs[0]), "bad", "none", "1", "n"); err == nil {
				t.Error("a wrong ticket was taken", out)
			}
			testkit.Eventually(t, 5*time.Second, "the failed login is counted", func() bool { return failures(t, bs[0], "SASL_PLAINTEXT") > before })
		})
	}
}

// kerberosClient is a library that logs in as alice, at the host of an address.
type kerberosClient struct {
	name string
	run  func(t *testing.T, address string, args ...string) (string, error)
}

func kerberosClients(t *testing.T, r *testkit.Realm) []kerberosClient {
	t.Helper()
	const service = "kafka"
	file := filepath.Join(r.Dir, "client.properties")
	text := "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=GSSAPI\nsasl.kerberos.service.name=kafka\ndelivery.timeout.ms=20000\nrequest.timeout.ms=10000\nsasl.jaas.config=" + r.JAAS("alice") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	process := func(name string, spec func(t *testing.T) testkit.Spec) kerberosClient {
		return kerberosClient{name, func(t *testing.T, _ string, args ...string) (string, error) {
			s := spec(t)
			s.Args = append(append([]string{}, s.Args...), args...)
			// Libraries of MIT's take the key from there, and keep the ticket in a place of their own.
			s.Env = append(append(s.Env, r.Env()...), "KRB5_CLIENT_KTNAME="+r.Keytab("alice"), "KRB5CCNAME="+filepath.Join(t.TempDir(), "cc"))
			return testkit.TryRun(time.Minute, s)
		}}
	}
	java := func(version string) kerberosClient {
		return process("java-"+version, func(t *testing.T) testkit.Spec {
			return testkit.Spec{Args: javaArgs(t, version, "-Djava.security.krb5.conf="+r.Config), Env: []string{"MOMUS_CLIENT_PROPERTIES=" + file}}
		})
	}
	golang := func(c client) kerberosClient {
		return kerberosClient{c.name, func(t *testing.T, address string, args ...string) (string, error) {
			return c.run(t, &broker{sasl: address}, login{mechanism: "GSSAPI", realm: r}, args...)
		}}
	}
	return []kerberosClient{
		java("2.5.0"), java("3.9.0"), golang(franzGo()), golang(saramaClient()),
		process("kafka-python", func(t *testing.T) testkit.Spec {
			return pythonSpec(t, "kafka-python", map[string]any{"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "GSSAPI", "sasl_kerberos_service_name": service, "bootstrap_timeout_ms": 8000})
		}),
		// The wheels of confluent-kafka have no GSSAPI, Debian's librdkafka has.
		process("librdkafka", func(t *testing.T) testkit.Spec {
			return testkit.Spec{Args: []string{"bash", filepath.Join(testkit.Root(t), "integration/security/kcat.sh"), "-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanism=GSSAPI",
				"-X", "sasl.kerberos.service.name=" + service, "-X", "sasl.kerberos.keytab=" + r.Keytab("alice"), "-X", "sasl.kerberos.principal=alice@EXAMPLE.COM", "-X", "message.timeout.ms=10000", "--"}}
		}),
	}
}

// Sessions end after connections.max.reauth.ms: a client that may logs in again on the same
// connection, one whose user was taken away meanwhile may not.
func TestSessionsEnd(t *testing.T) {
	b := startBroker(t)
	b.create(t, "t")
	writes := func(l login) error {
		cl, err := kgo.NewClient(b.franz(l, kgo.DefaultProduceTopic("t"), kgo.RecordRetries(0))...)
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		// Longer than a session lasts (12 s; kafkajs wants more than 10).
		ctx, cancel := context.WithTimeout(t.Context(), 16*time.Second)
		defer cancel()
		for revoked := false; ctx.Err() == nil; revoked = true {
			if err := cl.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil && ctx.Err() == nil {
				return err
			}
			if l.user == "revoked" && !revoked {
				users(t, b.ZooKeeper, "revoked", "--delete-config", "SCRAM-SHA-256,SCRAM-SHA-512")
			}
			time.Sleep(20 * time.Millisecond) // a record now and then, for as long as the session lasts
		}
		return nil
	}
	const again = `kafka_server_socketservermetrics_successful_reauthentication_total{listener="SASL_SSL"}`
	if err := writes(login{mechanism: "PLAIN", user: "sally", password: "sallypw"}); err != nil {
		t.Error(err)
	}
	if n := b.Metric(t, again); n < 1 {
		t.Errorf("%v logins again", n)
	}
	if err := writes(login{mechanism: "SCRAM-SHA-512", user: "revoked", password: "sallypw"}); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("a revoked user: %v", err)
	}
}

//go:build interop

package security

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/coordinator/zk"
	"momus/integration/testkit"
)

const digest = "org.apache.zookeeper.server.auth.DigestLoginModule required"

// nodes gives the ACLs of nodes as nobody sees them: the error's text where nobody may.
func nodes(t *testing.T, addr string, paths ...string) (out []string) {
	t.Helper()
	c, err := zk.Dial(t.Context(), zk.Options{Connect: addr, SessionTimeout: 6 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, path := range paths {
		acl, err := c.ACLOf(t.Context(), path)
		var entries []string
		for _, a := range acl {
			entries = append(entries, fmt.Sprintf(" %s:%s:%d", a.Scheme, a.ID, a.Perms))
		}
		slices.Sort(entries) // their order is another in 3.5
		text := path + strings.Join(entries, "")
		if err != nil {
			text += " " + err.Error()[strings.LastIndex(err.Error(), ": ")+2:]
		}
		out = append(out, text)
	}
	return out
}

// works writes and reads a record.
func works(t *testing.T, b *testkit.Cluster) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.Bootstrap), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("t"), kgo.ConsumeTopics("t"), kgo.ConsumerGroup("g"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if f := c.PollFetches(ctx); f.Err() != nil || f.NumRecords() == 0 {
		t.Fatalf("%d records, %v", f.NumRecords(), f.Err())
	}
}

// protected are the ACLs of nodes that a broker with the identity id makes, as nobody sees them.
func protected(id string) []string {
	both := []string{" " + id + ":31", " world:anyone:1"}
	slices.Sort(both)
	readable := strings.Join(both, "")
	return []string{"/brokers/topics" + readable, "/config/users not authenticated", "/consumers world:anyone:31", "/brokers/ids/1" + readable}
}

var looked = []string{"/brokers/topics", "/config/users", "/consumers", "/brokers/ids/1"}

// A broker whose ZooKeeper wants a password protects its nodes; one with a wrong password ends with
// the reason, where 2.5.0 tries for ever.
func TestZooKeeperWithDigest(t *testing.T) {
	zookeeper := testkit.SecureZooKeeper(t, "zookeeper", testkit.ZooKeeperSASL, []string{testkit.LoginOption(t, "Server { "+digest+` user_kafka="kafkasecret"; };`)})
	t.Run("wrong password", func(t *testing.T) {
		t.Setenv("KAFKA_OPTS", testkit.LoginOption(t, "Client { "+digest+` username="kafka" password="wrong"; };`))
		file := testkit.ServerProperties(t, t.TempDir(), 1, testkit.FreePort(t), zookeeper)
		out, err := testkit.TryRun(20*time.Second, testkit.Spec{Args: []string{testkit.Binary(t), "broker", file, "--override", "momus.http.port=-1"}})
		if err == nil || !strings.Contains(out+err.Error(), `user "kafka" of section Client`) {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Setenv("KAFKA_OPTS", testkit.LoginOption(t, "Client { "+digest+` username="kafka" password="kafkasecret"; };`))
	b := testkit.Broker(t, 1, zookeeper, "zookeeper.set.acl=true")
	works(t, b)
	if got, want := nodes(t, zookeeper, looked...), protected("sasl:kafka"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	migrate := func(mode string) {
		t.Helper()
		testkit.Run(t, time.Minute, testkit.Spec{Args: []string{testkit.Binary(t), "zookeeper-security-migration", "--zookeeper.acl", mode, "--zookeeper.connect", zookeeper}})
	}
	migrate("unsecure")
	if got := nodes(t, zookeeper, "/config/users"); got[0] != "/config/users world:anyone:31" {
		t.Errorf("got %q", got)
	}
	migrate("secure")
	if got, want := nodes(t, zookeeper, looked...), protected("sasl:kafka"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	b.Process.Stop(t, 30*time.Second)
	works(t, b.AsMomus(t)) // with the protected nodes of before
}

// ZooKeeper 3.5 over TLS, with the broker's certificate for its login: 3.5.7, which Apache Kafka
// 2.5.0 comes with, and the last one.
func TestZooKeeperOverTLS(t *testing.T) {
	for version, peer := range map[string]string{"3.5.7": "kafka", "3.5.10": "zookeeper-3.5"} {
		t.Run(version, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(testkit.Peers(t, peer), "zookeeper-"+version+".jar")); err != nil {
				t.Fatal(err)
			}
			zooKeeperOverTLS(t, peer)
		})
	}
}

func zooKeeperOverTLS(t *testing.T, peer string) {
	c := testkit.NewCertificates(t)
	c.Sign("zoo", pkix.Name{CommonName: "zoo"}, time.Now().Add(time.Hour))
	c.Sign("broker", pkix.Name{CommonName: "broker", Organization: []string{"momus"}}, time.Now().Add(time.Hour))
	port := testkit.FreePort(t)
	zookeeper := testkit.SecureZooKeeper(t, peer, []string{
		fmt.Sprintf("secureClientPort=%d", port), "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
		"ssl.keyStore.location=" + c.Path("zoo.p12"), "ssl.keyStore.password=" + testkit.StorePassword, "ssl.keyStore.type=PKCS12",
		"ssl.trustStore.location=" + c.Path("trust.p12"), "ssl.trustStore.password=" + testkit.StorePassword, "ssl.trustStore.type=PKCS12",
		"authProvider.x509=org.apache.zookeeper.server.auth.X509AuthenticationProvider"}, nil)
	// The first handshake of a JVM on a busy machine takes longer than a session of six seconds allows.
	ssl := []string{"zookeeper.connection.timeout.ms=60000", "zookeeper.session.timeout.ms=18000", "zookeeper.ssl.client.enable=true", "zookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty", "zookeeper.set.acl=true",
		"zookeeper.ssl.keystore.location=" + c.Path("broker.p12"), "zookeeper.ssl.keystore.password=" + testkit.StorePassword,
		"zookeeper.ssl.truststore.location=" + c.Path("trust.p12"), "zookeeper.ssl.truststore.password=" + testkit.StorePassword}
	b := testkit.Broker(t, 1, fmt.Sprintf("localhost:%d", port), ssl...)
	works(t, b)
	const identity = "x509:CN=broker,O=momus"
	if got, want := nodes(t, zookeeper, looked...), protected(identity); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// Apache Kafka beside it, with the same settings, reads what momus protected and protects alike.
	kafka := testkit.Kafka(t, 2, fmt.Sprintf("localhost:%d", port), ssl...)
	testkit.WaitBrokers(t, []*testkit.Cluster{b, kafka}, 2)
	works(t, kafka)
	ids := nodes(t, zookeeper, "/brokers/ids/1", "/brokers/ids/2")
	if strings.Replace(ids[0], "ids/1", "ids/2", 1) != ids[1] {
		t.Errorf("the brokers' own nodes have other rights: %q", ids)
	}
}

// Kerberos to ZooKeeper, and the native tools to a broker by Kerberos.
func TestZooKeeperAndToolsWithKerberos(t *testing.T) {
	r := testkit.StartRealm(t, "zookeeper/localhost", "kafka/localhost", "alice")
	krb5 := "-Djava.security.krb5.conf=" + r.Config
	server := strings.Replace(r.JAAS("zookeeper/localhost"), "required", "required isInitiator=false", 1)
	zookeeper := testkit.SecureZooKeeper(t, "zookeeper", testkit.ZooKeeperSASL, []string{krb5, testkit.LoginOption(t, "Server { "+server+" };"), "-Dzookeeper.security.auth_to_local=RULE:[2:$1]",
		"-Dzookeeper.kerberos.removeHostFromPrincipal=true", "-Dzookeeper.kerberos.removeRealmFromPrincipal=true"})
	t.Setenv("KAFKA_OPTS", krb5+" -Dzookeeper.sasl.client.canonicalize.hostname=false "+testkit.LoginOption(t, "Client { "+r.JAAS("kafka/localhost")+" };\nKafkaServer { "+r.JAAS("kafka/localhost")+" };"))
	plain, port := testkit.FreePort(t), testkit.FreePort(t)
	b := testkit.BrokerAt(t, 1, plain, strings.Replace(zookeeper, "127.0.0.1", "localhost", 1), "zookeeper.set.acl=true", "sasl.kerberos.service.name=kafka",
		fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SASL_PLAINTEXT://localhost:%d", plain, port), "sasl.enabled.mechanisms=GSSAPI")
	works(t, b)
	if got, want := nodes(t, zookeeper, looked...), protected("sasl:kafka"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	file := filepath.Join(r.Dir, "client.properties")
	text := "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=GSSAPI\nsasl.kerberos.service.name=kafka\nsasl.jaas.config=" + r.JAAS("alice") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := testkit.Run(t, time.Minute, testkit.Spec{Args: []string{testkit.Binary(t), "topics", "--bootstrap-server", fmt.Sprintf("localhost:%d", port), "--command-config", file, "--list"}})
	if !strings.Contains(out, "t\n") {
		t.Errorf("topics: %s", out)
	}
}

//go:build interop

package mixed

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/integration/testkit"
)

// between is how brokers log in to each other over SASL_SSL.
type between struct {
	mechanism string
	user      string
	sections  string   // of the JAAS file
	lines     []string // of server.properties
}

// Brokers of both kinds speak TLS and SASL to each other, and log in to ZooKeeper, whose nodes they
// protect, while a cluster goes from Apache Kafka to momus and back under load. What a user may do,
// and his password, change meanwhile at either side.
func TestSecuredClusterRollsOverAndBack(t *testing.T) {
	const module = "org.apache.kafka.common.security."
	const scramModule = module + "scram.ScramLoginModule required"
	t.Run("SCRAM", func(t *testing.T) {
		rollSecured(t, between{mechanism: "SCRAM-SHA-512", user: "broker", lines: []string{
			"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=" + scramModule + ` username="broker" password="brokerpw";`}})
	})
	t.Run("PLAIN", func(t *testing.T) {
		rollSecured(t, between{mechanism: "PLAIN", user: "broker",
			sections: "KafkaServer {\n  " + module + "plain.PlainLoginModule required\n  username=\"broker\" password=\"brokerpw\"\n  user_broker=\"brokerpw\";\n};\n"})
	})
	t.Run("GSSAPI", func(t *testing.T) {
		r := testkit.StartRealm(t, "kafka/localhost")
		t.Setenv("KAFKA_OPTS", "-Djava.security.krb5.conf="+r.Config)
		rollSecured(t, between{mechanism: "GSSAPI", user: "kafka", sections: "sasl_ssl.KafkaServer {\n  " + r.JAAS("kafka/localhost") + "\n};\n",
			lines: []string{"sasl.kerberos.service.name=kafka"}})
	})
}

// securedCluster are brokers with a listener for the load (PLAINTEXT), one for each other
// (SASL_SSL), and one for users (USERS).
type securedCluster struct {
	certs *testkit.Certificates
	bs    []*testkit.Cluster
	users []string // addresses
}

func startSecured(t *testing.T, m between) *securedCluster {
	t.Helper()
	c := &securedCluster{certs: testkit.NewCertificates(t)}
	c.certs.Sign("broker", pkix.Name{CommonName: "localhost", Organization: []string{"momus"}}, time.Time{})
	const digest = "org.apache.zookeeper.server.auth.DigestLoginModule required "
	zookeeper := testkit.SecureZooKeeper(t, "zookeeper", testkit.ZooKeeperSASL, []string{testkit.LoginOption(t, "Server { "+digest+`user_kafka="zksecret"; };`)})
	t.Setenv("KAFKA_OPTS", strings.TrimSpace(os.Getenv("KAFKA_OPTS")+" "+testkit.LoginOption(t, m.sections+"Client { "+digest+`username="kafka" password="zksecret"; };`)))
	setPassword(t, momusTool, zookeeper, m.user, "SCRAM-SHA-512=[password=brokerpw]")
	setPassword(t, momusTool, zookeeper, "admin", "SCRAM-SHA-256=[password=adminpw]")
	for id := 1; id <= 3; id++ {
		plain, secure, users := testkit.FreePort(t), testkit.FreePort(t), testkit.FreePort(t)
		lines := append(append([]string{}, settings...), fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SASL_SSL://localhost:%d,USERS://localhost:%d", plain, secure, users),
			"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,USERS:SASL_SSL", "security.inter.broker.protocol=SASL_SSL",
			"sasl.mechanism.inter.broker.protocol="+m.mechanism, "sasl.enabled.mechanisms="+m.mechanism, "connections.max.reauth.ms=8000",
			"listener.name.users.sasl.enabled.mechanisms=SCRAM-SHA-256", "listener.name.users.connections.max.reauth.ms=0",
			"listener.name.users.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
			"ssl.keystore.type=PKCS12", "ssl.keystore.location="+c.certs.Path("broker.p12"), "ssl.keystore.password="+testkit.StorePassword,
			"ssl.truststore.type=PKCS12", "ssl.truststore.location="+c.certs.Path("trust.p12"), "ssl.truststore.password="+testkit.StorePassword,
			"authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "super.users=User:"+m.user+";User:admin", "zookeeper.set.acl=true")
		c.bs = append(c.bs, testkit.KafkaAt(t, id, plain, zookeeper, append(lines, m.lines...)...))
		c.users = append(c.users, fmt.Sprintf("localhost:%d", users))
	}
	testkit.WaitBrokers(t, c.bs, 3)
	return c
}

// client is a user's, of one broker.
func (c *securedCluster) client(t *testing.T, at *secured, user, password string) *kgo.Client {
	t.Helper()
	return at.client(t, at.users, scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), kgo.DialTLSConfig(&tls.Config{RootCAs: c.certs.Pool, ServerName: "localhost"}))
}

// side is a broker as its users reach it; alice has the password "first".
func (c *securedCluster) side(t *testing.T, i int) *secured {
	t.Helper()
	s := &secured{name: c.bs[i].Process.Name, users: c.users[i]}
	s.admin, s.alice = c.client(t, s, "admin", "adminpw"), c.client(t, s, "alice", "first")
	return s
}

// allowLoad allows the load, which does not log in, what it needs.
func allowLoad(t *testing.T, s *secured) {
	t.Helper()
	r := kmsg.NewPtrCreateACLsRequest()
	r.Version = 1
	allow := func(kind kmsg.ACLResourceType, name string, op kmsg.ACLOperation) {
		r.Creations = append(r.Creations, kmsg.CreateACLsRequestCreation{ResourceType: kind, ResourceName: name, ResourcePatternType: kmsg.ACLResourcePatternTypeLiteral,
			Principal: "User:ANONYMOUS", Host: "127.0.0.1", Operation: op, PermissionType: kmsg.ACLPermissionTypeAllow})
	}
	allow(kmsg.ACLResourceTypeTopic, "*", kmsg.ACLOperationAll)
	allow(kmsg.ACLResourceTypeGroup, "*", kmsg.ACLOperationAll)
	for _, op := range []kmsg.ACLOperation{kmsg.ACLOperationCreate, kmsg.ACLOperationDescribe, kmsg.ACLOperationIdempotentWrite} {
		allow(kmsg.ACLResourceTypeCluster, "kafka-cluster", op)
	}
	for i, result := range ask[*kmsg.CreateACLsResponse](t, s.admin, r).Results {
		if result.ErrorCode != 0 {
			t.Fatalf("%+v: %+v", r.Creations[i], result)
		}
	}
}

// tool is the command line of kafka-configs.
type tool func(t *testing.T) []string

func momusTool(t *testing.T) []string { return []string{testkit.Binary(t), "configs"} }
func kafkaTool(t *testing.T) []string { return testkit.Java(t, "kafka", "kafka.admin.ConfigCommand") }

// setPassword changes a user's credentials in ZooKeeper, "" removes them.
func setPassword(t *testing.T, with tool, zookeeper, user, credentials string) {
	t.Helper()
	change := []string{"--add-config", credentials}
	if credentials == "" {
		change = []string{"--delete-config", "SCRAM-SHA-256"}
	}
	testkit.Run(t, time.Minute, testkit.Spec{Args: append(append(with(t), "--zookeeper", zookeeper, "--alter", "--entity-type", "users", "--entity-name", user), change...)})
}

// changePasswords changes alice's password by the tools of both kinds; both brokers must obey.
// Afterwards she has her first one again.
func (c *securedCluster) changePasswords(t *testing.T, sides ...*secured) {
	t.Helper()
	logsIn := func(at *secured, password string) bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cl := c.client(t, at, "alice", password)
		defer cl.Close()
		_, err := cl.SeedBrokers()[0].Request(ctx, kmsg.NewPtrMetadataRequest())
		return err == nil
	}
	for _, change := range []struct {
		name           string
		with           tool
		password, none string
	}{{"momus", momusTool, "second", "first"}, {"Apache Kafka", kafkaTool, "third", "second"}, {"Apache Kafka", kafkaTool, "", "third"}, {"momus", momusTool, "first", "third"}} {
		credentials := "SCRAM-SHA-256=[password=" + change.password + "]"
		if change.password == "" {
			credentials = ""
		}
		setPassword(t, change.with, c.bs[0].ZooKeeper, "alice", credentials)
		began := time.Now()
		for _, s := range sides {
			// A refused login is answered a little late, so that each try takes a part of the second.
			testkit.Eventually(t, obeyed, fmt.Sprintf("%s takes alice's password %q set by the tool of %s", s.name, change.password, change.name), func() bool {
				return change.password == "" && !logsIn(s, change.none) || change.password != "" && logsIn(s, change.password)
			})
			if logsIn(s, change.none) {
				t.Errorf("%s still takes alice's password %q", s.name, change.none)
			}
		}
		t.Logf("password %q by the tool of %s: obeyed after %v", change.password, change.name, time.Since(began).Round(time.Millisecond))
	}
}

func rollSecured(t *testing.T, m between) {
	c := startSecured(t, m)
	bs := c.bs
	setPassword(t, kafkaTool, bs[0].ZooKeeper, "alice", "SCRAM-SHA-256=[password=first]")
	allowLoad(t, c.side(t, 0))
	// A JVM that speaks TLS for the first time takes longer to learn of a topic than the usual load
	// has patience for.
	load := testkit.StartReplicatedLoad(t, testkit.Bootstrap(bs), topic, 3, testkit.Replication{Factor: 3, MinISR: 2, Pipelined: true, Rate: 100})
	load.WaitAcked(t, 300)
	roll := func(i int, momus bool) {
		t.Helper()
		if !bs[i].IsKafka() {
			if n := bs[i].Metric(t, `kafka_server_socketservermetrics_failed_authentication_total{listener="SASL_SSL"}`); n > 0 {
				t.Errorf("broker %d refused %v logins of brokers", bs[i].ID, n)
			}
		}
		bs[i].Process.Stop(t, limit)
		load.WaitMore(t, 300)
		if momus {
			bs[i] = bs[i].AsMomus(t)
		} else {
			bs[i] = bs[i].AsKafka(t)
		}
		testkit.WaitWholeISR(t, bs, limit)
		load.WaitMore(t, 300)
		t.Logf("%s: broker %d is %s", time.Now().Format(time.TimeOnly), bs[i].ID, bs[i].Process.Name)
	}
	roll(0, true)
	for _, controller := range []int{2, 1} { // Kafka's, then momus's
		testkit.MakeController(t, bs, controller)
		momus, kafka := c.side(t, 0), c.side(t, 1)
		changeACLs(t, kafka, momus)
		changeACLs(t, momus, kafka)
		c.changePasswords(t, momus, kafka)
		// Sessions last eight seconds: all connections between brokers log in again.
		const again = `kafka_server_socketservermetrics_successful_reauthentication_total{listener="SASL_SSL"}`
		before := bs[0].Metric(t, again)
		testkit.Eventually(t, 30*time.Second, "brokers log in again", func() bool { return bs[0].Metric(t, again) >= before+2 })
		load.WaitMore(t, 300)
	}
	roll(1, true)
	roll(2, true)
	roll(0, false)
	testkit.MakeController(t, bs, 1)
	load.WaitMore(t, 300)
	roll(1, false)
	roll(2, false)
	testkit.Settle(t, bs, load, limit)
}

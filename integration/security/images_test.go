//go:build interop

package security

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

// The compose file of a secured cluster, with SASL_PLAINTEXT and a mounted JAAS file, in the words
// of each image: what it gives to a container gives a broker that Java's clients log in to, and that
// logs in to ZooKeeper.
func TestComposeFilesOfSecuredClusters(t *testing.T) {
	const digest = "org.apache.zookeeper.server.auth.DigestLoginModule required "
	zookeeper := testkit.SecureZooKeeper(t, "zookeeper", testkit.ZooKeeperSASL, []string{testkit.LoginOption(t, "Server { "+digest+`user_kafka="zksecret"; };`)})
	options := testkit.LoginOption(t, `KafkaServer {
  org.apache.kafka.common.security.plain.PlainLoginModule required
  username="admin" password="admin-secret"
  user_admin="admin-secret" user_alice="alice-secret";
  org.apache.kafka.common.security.scram.ScramLoginModule required;
};
Client {
  `+digest+`username="kafka" password="zksecret";
};
`)
	common := map[string]string{
		"LISTENER_SECURITY_PROTOCOL_MAP": "INSIDE:SASL_PLAINTEXT,OUTSIDE:SASL_PLAINTEXT", "INTER_BROKER_LISTENER_NAME": "INSIDE", "BROKER_ID": "1",
		"SASL_MECHANISM_INTER_BROKER_PROTOCOL": "PLAIN", "SASL_ENABLED_MECHANISMS": "PLAIN,SCRAM-SHA-256", "AUTHORIZER_CLASS_NAME": "kafka.security.auth.SimpleAclAuthorizer",
		"SUPER_USERS": "User:admin", "ZOOKEEPER_SET_ACL": "true", "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
	}
	for _, image := range []struct {
		name, prefix string
		listeners    bool
		more         []string
	}{
		{"wurstmeister", "KAFKA_", true, nil},
		{"confluent", "KAFKA_", false, []string{"ZOOKEEPER_SASL_ENABLED=TRUE"}},
		{"bitnami", "KAFKA_CFG_", true, nil},
	} {
		t.Run(image.name, func(t *testing.T) {
			inside, outside := testkit.FreePort(t), testkit.FreePort(t)
			environ := append([]string{"KAFKA_OPTS=" + options, "MOMUS_HTTP_PORT=-1"}, image.more...)
			set := func(key, value string) { environ = append(environ, image.prefix+key+"="+value) }
			for k, v := range common {
				set(k, v)
			}
			set("ZOOKEEPER_CONNECT", zookeeper+"/"+image.name)
			set("LOG_DIRS", filepath.Join(t.TempDir(), "data"))
			set("ADVERTISED_LISTENERS", fmt.Sprintf("INSIDE://localhost:%d,OUTSIDE://localhost:%d", inside, outside))
			if image.listeners { // confluent's makes them of the advertised ones
				set("LISTENERS", fmt.Sprintf("INSIDE://:%d,OUTSIDE://:%d", inside, outside))
			}
			p := testkit.Start(t, "momus", testkit.Spec{Args: []string{testkit.Binary(t), "broker"}, Env: environ})
			p.WaitOutput(t, "started (kafka.server.KafkaServer)", time.Minute)
			address := fmt.Sprintf("localhost:%d", outside)
			run := func(user, password string, args ...string) (string, error) {
				file := filepath.Join(t.TempDir(), "client.properties")
				text := fmt.Sprintf("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\ndelivery.timeout.ms=20000\nrequest.timeout.ms=10000\n%splain.PlainLoginModule required username=%q password=%q;\n", javaModule, user, password)
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return testkit.TryRun(time.Minute, testkit.Spec{Args: append(javaArgs(t, "2.5.0"), args...), Env: []string{"MOMUS_CLIENT_PROPERTIES=" + file}})
			}
			if out, err := run("admin", "admin-secret", "produce", address, "t", "none", "10", "n"); err != nil {
				t.Fatal(err, out)
			}
			if out, err := run("admin", "admin-secret", "consume", address, "t", "10"); err != nil || strings.Count(out, "n value") != 10 {
				t.Error(err, out)
			}
			if _, err := run("alice", "alice-secret", "produce", address, "t", "none", "1", "n"); err == nil || !strings.Contains(err.Error(), "TopicAuthorizationException") {
				t.Errorf("a user without rights: %v", err)
			}
			if _, err := run("alice", "wrong", "produce", address, "t", "none", "1", "n"); err == nil || !strings.Contains(err.Error(), "SaslAuthenticationException: Authentication failed: Invalid username or password") {
				t.Errorf("a wrong password: %v", err)
			}
		})
	}
}

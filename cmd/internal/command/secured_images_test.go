package command

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dlclark/regexp2"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/testbase"
)

const mountedJAAS = `KafkaServer {
  org.apache.kafka.common.security.plain.PlainLoginModule required
  username="admin" password="admin-secret"
  user_admin="admin-secret" user_alice="alice-secret";
};
Client {
  org.apache.zookeeper.server.auth.DigestLoginModule required username="kafka" password="zoo-secret";
};
`

// The environment of a secured cluster's compose file, in the words of each image, gives a broker
// that lets in who may and nobody else.
func TestSecuredComposeFilesOfEachImageWork(t *testing.T) {
	t.Cleanup(regexp2.StopTimeoutClock)
	dir := t.TempDir()
	jaas := filepath.Join(dir, "kafka_server_jaas.conf")
	if err := os.WriteFile(jaas, []byte(mountedJAAS), 0o600); err != nil {
		t.Fatal(err)
	}
	server, _ := zkservertest.Run(t, zkserver.Options{NoSync: true, Users: map[string]string{"kafka": "zoo-secret"}})
	zookeeper := server.Addr().String()
	for _, image := range []struct {
		name, prefix string
		more         []string
	}{
		{"wurstmeister", "KAFKA_", []string{"KAFKA_LISTENERS=SASL_PLAINTEXT://:PORT"}},
		{"bitnami", "KAFKA_CFG_", []string{"KAFKA_CFG_LISTENERS=SASL_PLAINTEXT://:PORT"}},
		{"confluent", "KAFKA_", nil},
	} {
		t.Run(image.name, func(t *testing.T) {
			port := quietPort(t)
			environ := []string{"KAFKA_OPTS=-Djava.security.auth.login.config=" + jaas, "MOMUS_HTTP_PORT=-1"}
			for k, v := range map[string]string{
				"ZOOKEEPER_CONNECT": zookeeper + "/" + image.name, "ADVERTISED_LISTENERS": "SASL_PLAINTEXT://localhost:" + port, "LOG_DIRS": filepath.Join(dir, image.name),
				"SECURITY_INTER_BROKER_PROTOCOL": "SASL_PLAINTEXT", "SASL_MECHANISM_INTER_BROKER_PROTOCOL": "PLAIN", "SASL_ENABLED_MECHANISMS": "PLAIN",
				"AUTHORIZER_CLASS_NAME": "kafka.security.auth.SimpleAclAuthorizer", "SUPER_USERS": "User:admin", "ZOOKEEPER_SET_ACL": "true", "BROKER_ID": "1",
			} {
				environ = append(environ, image.prefix+k+"="+v)
			}
			for _, v := range image.more {
				environ = append(environ, strings.ReplaceAll(v, "PORT", port))
			}
			startBrokerCommand(t, environ)
			send := func(user, password string) error {
				c, err := kgo.NewClient(kgo.SeedBrokers("localhost:"+port), kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()), kgo.AllowAutoTopicCreation(),
					kgo.DefaultProduceTopic("t"), kgo.DisableIdempotentWrite(), kgo.MetadataMinAge(10*time.Millisecond), kgo.RetryTimeout(20*time.Second), kgo.RecordDeliveryTimeout(20*time.Second))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if err := c.Ping(ctx); errors.Is(err, kerr.SaslAuthenticationFailed) {
					return err
				}
				return c.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr()
			}
			if err := send("admin", "admin-secret"); err != nil {
				t.Errorf("the super user: %v", err)
			}
			if err := send("alice", "alice-secret"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
				t.Errorf("a user without rights: %v", err)
			}
			if err := send("alice", "wrong"); !errors.Is(err, kerr.SaslAuthenticationFailed) {
				t.Errorf("a wrong password: %v", err)
			}
			if image.name == "confluent" {
				cubWaits(t, "localhost:"+port, zookeeper+"/"+image.name)
			}
		})
	}
}

// cubWaits waits for a broker that wants a login, as a compose file's command does.
func cubWaits(t *testing.T, broker, zookeeper string) {
	t.Helper()
	properties := func(password string) string {
		file := filepath.Join(t.TempDir(), "client.properties")
		login := `org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="` + password + `";`
		if err := os.WriteFile(file, []byte("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config="+login+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	file := properties("admin-secret")
	for _, x := range []struct {
		args []string
		err  string // what it contains; "" for success
	}{
		{[]string{"-b", broker, "-c", file, "1", "30"}, ""},
		{[]string{"-z", zookeeper, "-c", file, "-s", "SASL_PLAINTEXT", "1", "30"}, ""},
		{[]string{"-z", zookeeper, "-c", file, "-s", "SASL_SSL", "1", "3"}, "no broker is registered in ZooKeeper with a listener of SASL_SSL"},
		{[]string{"-b", broker, "-c", properties("wrong"), "1", "3"}, "Authentication failed"},
		{[]string{"-b", broker, "-s", "SASL_PLAINTEXT", "1", "30"}, "-s SASL_PLAINTEXT needs -c FILE"},
		{[]string{"-b", broker, "-s", "TLS", "1", "30"}, "the security protocols are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL"},
		{[]string{"-b", broker, "-c", file + "x", "1", "30"}, file + "x"},
	} {
		w := newWorld()
		w.Env.Args = append([]string{"momus", "cub", "kafka-ready"}, x.args...)
		switch err := run(t.Context(), &w.Env); {
		case x.err == "" && err != nil:
			t.Errorf("cub kafka-ready %v: %v", x.args, err)
		case x.err != "" && (err == nil || !strings.Contains(err.Error(), x.err)):
			t.Errorf("cub kafka-ready %v: %v, want %q", x.args, err, x.err)
		}
	}
}

// startBrokerCommand runs momus broker with an environment alone, as a container does, until the
// test ends.
func startBrokerCommand(t *testing.T, environ []string) {
	t.Helper()
	out := &testbase.Buffer{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, &Env{Args: []string{"momus", "broker"}, Environ: environ, Stdout: out, Stderr: out})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("broker: %v\n%s", err, out)
		}
	})
}

// quietPort is a port that nobody listens on, below those that the system gives to connections: it
// is free on all addresses, and stays so.
func quietPort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(12000 + rand.IntN(18000))
		if l, err := net.Listen("tcp", ":"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

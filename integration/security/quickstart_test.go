//go:build interop

package security

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// quickstart is a running `momus quickstart --secure`.
type quickstart struct {
	bootstrap, zookeeper string
	dir                  string // of the files that it writes
	process              *testkit.Process
}

func startQuickstart(t *testing.T, brokers int) *quickstart {
	t.Helper()
	dir := t.TempDir()
	q := &quickstart{dir: filepath.Join(dir, "data", "security")}
	p := testkit.Start(t, "quickstart", testkit.Spec{Args: []string{testkit.Binary(t), "quickstart", "--secure", "--brokers", fmt.Sprint(brokers), "--dir", filepath.Join(dir, "data"),
		"--port", "0", "--zookeeper-port", "0", "--http-port", "0", "--ready-file", filepath.Join(dir, "ready")}})
	q.process = p
	p.WaitOutput(t, "admin.properties", time.Minute)
	q.zookeeper = regexp.MustCompile(`ZooKeeper +(\S+)`).FindStringSubmatch(p.Output())[1]
	text, err := os.ReadFile(q.file("admin"))
	if err != nil {
		t.Fatal(err)
	}
	q.bootstrap = regexp.MustCompile(`(?m)^bootstrap\.servers=(.*)$`).FindStringSubmatch(string(text))[1]
	return q
}

// file is a user's file for Java.
func (q *quickstart) file(user string) string { return filepath.Join(q.dir, user+".properties") }

// Kafka's own tools do their work on a secured quickstart, with the files that it wrote.
func TestJavaToolsOnASecuredQuickstart(t *testing.T) {
	const topics, acls, configs, groups = "kafka.admin.TopicCommand", "kafka.admin.AclCommand", "kafka.admin.ConfigCommand", "kafka.admin.ConsumerGroupCommand"
	const producer, consumer = "kafka.tools.ConsoleProducer", "kafka.tools.ConsoleConsumer"
	for _, brokers := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d brokers", brokers), func(t *testing.T) {
			q := startQuickstart(t, brokers)
			for _, step := range []struct {
				user, input string
				class, args string
				want        string // in the tool's output or errors
			}{
				{"admin", "", topics, fmt.Sprintf("--create --topic hello-1 --partitions 3 --replication-factor %d", brokers), "Created topic hello-1."},
				{"admin", "", topics, "--list", "hello-1\n"},
				{"bob", "", topics, "--create --topic hello-2", "Authorization failed."},
				{"admin", "", configs, "--alter --entity-type topics --entity-name hello-1 --add-config retention.ms=60000", "Completed updating config for topic hello-1."},
				{"admin", "", configs, "--describe --entity-type topics --entity-name hello-1", "retention.ms=60000"},
				{"alice", "first\n", producer, "--topic hello-1", ""},
				{"bob", "second\n", producer, "--topic hello-1", "TopicAuthorizationException: Not authorized to access topics: [hello-1]"},
				{"bob", "", consumer, "--topic hello-1 --from-beginning --group hello-g --max-messages 1 --timeout-ms 30000", "first\n"},
				{"alice", "", consumer, "--topic hello-1 --from-beginning --group hello-g --timeout-ms 30000", "GroupAuthorizationException: Not authorized to access group: hello-g"},
				{"bob", "", groups, "--list", "hello-g\n"},
				{"bob", "", groups, "--describe --group hello-g", "hello-1"},
				{"alice", "", groups, "--describe --group hello-g", "GroupAuthorizationException"},
				{"admin", "", acls, "--add --allow-principal User:carol --operation Read --topic orders", "principal=User:carol, host=*, operation=READ, permissionType=ALLOW"},
				{"admin", "", acls, "--list", "(principal=User:alice, host=*, operation=WRITE, permissionType=ALLOW)"},
				{"alice", "", acls, "--list", "ClusterAuthorizationException"},
				{"admin", "", acls, "--remove --force --allow-principal User:carol --operation Read --topic orders", ""},
				{"admin", "", acls, "--list --topic orders", ""},
				// In ZooKeeper, with the login of the brokers: a user's new password.
				{"", "", configs, "--zookeeper " + q.zookeeper + " --alter --entity-type users --entity-name bob --add-config SCRAM-SHA-512=[password=changed]", "Completed updating config for entity: user-principal 'bob'."},
				{"bob", "", topics, "--list", "SaslAuthenticationException: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512"},
			} {
				args := strings.Fields(step.args)
				server, option := "--bootstrap-server", "--command-config"
				switch step.class {
				case producer:
					server, option = "--broker-list", "--producer.config"
				case consumer:
					option = "--consumer.config"
				}
				if step.user == "" {
					t.Setenv("KAFKA_OPTS", "-Djava.security.auth.login.config="+filepath.Join(q.dir, "jaas.conf"))
				} else {
					t.Setenv("KAFKA_OPTS", "")
					args = append([]string{server, q.bootstrap, option, q.file(step.user)}, args...)
				}
				input := filepath.Join(t.TempDir(), "input")
				if err := os.WriteFile(input, []byte(step.input), 0o600); err != nil {
					t.Fatal(err)
				}
				// With exec, so that it is the tool which is ended when its time is over.
				tool := append([]string{"sh", "-c", `exec "$@" < "$0" 2>&1`, input}, testkit.Java(t, "kafka", step.class, args...)...)
				out, err := testkit.TryRun(3*time.Minute, testkit.Spec{Args: tool}) // of a JVM on a busy machine
				if !strings.Contains(out, step.want) || step.want == "" && err != nil {
					t.Errorf("%s %s as %s: want %q, got %v\n%s", step.class, step.args, step.user, step.want, err, out)
				}
			}
		})
	}
}

// alice is a client with the file that the quickstart wrote for her.
func (q *quickstart) alice(t *testing.T) *kgo.Client {
	t.Helper()
	return testkit.UserClient(t, q.file("alice"), kgo.SeedBrokers(strings.Split(q.bootstrap, ",")...), kgo.AllowAutoTopicCreation(), kgo.MetadataMinAge(10*time.Millisecond))
}

// From nothing to the first authorised message a secured quickstart needs less than a second of the
// processor, however busy the machine is.
func TestASecuredQuickstartTakesLessThanASecond(t *testing.T) {
	for _, brokers := range []int{1, 3} {
		began := time.Now()
		q := startQuickstart(t, brokers)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := q.alice(t).ProduceSync(ctx, &kgo.Record{Topic: "hello", Value: []byte("first")}).FirstErr()
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		spent := testkit.ProcessorTime(t, q.process.Pid())
		t.Logf("%d brokers: %v of the processor, %v on the clock", brokers, spent.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		if spent >= time.Second {
			t.Errorf("%d brokers took %v of the processor", brokers, spent)
		}
	}
}

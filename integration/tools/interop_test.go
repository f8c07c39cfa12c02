//go:build interop

package tools

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// securedKafka is one broker of Apache Kafka 2.5.0 with SASL, an authorizer and delegation tokens, as it was recorded.
func securedKafka(t *testing.T) *cluster {
	t.Helper()
	const plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
	zookeeper, sasl, open := testkit.ZooKeeper(t, "zookeeper"), testkit.FreePort(t), testkit.FreePort(t)
	lines := append(recordedSettings(),
		fmt.Sprintf("listeners=SASL_PLAINTEXT://localhost:%d,PLAINTEXT://localhost:%d", sasl, open),
		"security.inter.broker.protocol=PLAINTEXT", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256",
		`listener.name.sasl_plaintext.plain.sasl.jaas.config=`+plain+` required username="admin" password="admin-pw" user_admin="admin-pw" user_alice="alice-pw";`,
		`listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`,
		"authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "super.users=User:admin;User:ANONYMOUS",
		"delegation.token.master.key=secret", "log.segment.bytes=1073741824", "log.retention.hours=168")
	testkit.KafkaAt(t, 1, open, zookeeper, lines...)
	return &cluster{brokers: []string{fmt.Sprintf("localhost:%d", sasl), fmt.Sprintf("localhost:%d", open)}, separate: true, zookeeper: onLocalhost(zookeeper)}
}

// TestSecuredTranscripts replays the recordings of a cluster with an authorizer against one of Apache Kafka 2.5.0.
func TestSecuredTranscripts(t *testing.T) {
	c := securedKafka(t)
	for _, name := range []string{"kafka-delegation-tokens", "security", "kafka-acls"} { // the last one changes what alice may do
		if !secured()[name] {
			t.Fatalf("%s is no transcript of a secured cluster", name)
		}
		t.Run(name, func(t *testing.T) { newReplay(t, name, c, exceptions()[name]).run(t) })
	}
}

// walkthrough replays the users' scenario with the native tools.
func walkthrough(t *testing.T, bootstrap, zookeeper string) {
	t.Helper()
	root := testkit.Root(t)
	out, err := testkit.TryRun(5*time.Minute, testkit.Spec{Args: []string{"python3", filepath.Join(root, "integration/walkthrough/run.py"), "--bin", bin(t),
		"--stderr", "--zookeeper", zookeeper, "--bootstrap-server", bootstrap, filepath.Join(root, "integration/walkthrough/seed.yaml")}})
	t.Log(out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(strings.TrimSpace(out), " passed, 0 failed") {
		t.Fatal("the scenario did not pass")
	}
}

func TestWalkthrough(t *testing.T) {
	t.Run("quickstart", func(t *testing.T) {
		c := testkit.Quickstart(t, 3)
		walkthrough(t, onLocalhost(c.Bootstrap), onLocalhost(c.ZooKeeper))
	})
	for name, start := range map[string]broker{"momus": testkit.BrokerAt, "apache": testkit.KafkaAt} {
		t.Run(name+" on ZooKeeper 3.4.14", func(t *testing.T) {
			c := threeBrokers(t, testkit.ZooKeeper(t, "zookeeper"), start)
			walkthrough(t, strings.Join(c.brokers, ","), c.zookeeper)
		})
	}
}

// TestGroupsOfOtherProtocolsAreNotListed compares kafka-consumer-groups --list with Apache Kafka's where there is a group that is not one
// of consumers, such as Kafka Connect's.
func TestGroupsOfOtherProtocolsAreNotListed(t *testing.T) {
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	c := testkit.Kafka(t, 1, zookeeper, "auto.create.topics.enable=true")
	for group, protocol := range map[string]string{"consumers": "consumer", "workers": "connect"} {
		cl, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap), kgo.ConsumerGroup(group), kgo.ConsumeTopics("t"), kgo.AllowAutoTopicCreation(),
			kgo.GroupProtocol(protocol))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
	}
	list := []string{"--bootstrap-server", c.Bootstrap, "--list"}
	testkit.Eventually(t, time.Minute, "both groups are there", func() bool {
		out := testkit.Run(t, time.Minute, testkit.Spec{Args: append([]string{filepath.Join(bin(t), "kafka-consumer-groups.sh")}, list...)})
		return strings.Contains(out, "consumers\n")
	})
	testkit.Eventually(t, time.Minute, "the other group is stable", func() bool {
		return strings.Contains(testkit.Run(t, time.Minute, testkit.Spec{Args: append([]string{filepath.Join(bin(t), "kafka-consumer-groups.sh")},
			"--bootstrap-server", c.Bootstrap, "--describe", "--state", "--group", "workers")}), "Stable")
	})
	native := testkit.Run(t, time.Minute, testkit.Spec{Args: append([]string{filepath.Join(bin(t), "kafka-consumer-groups.sh")}, list...)})
	java := testkit.Run(t, time.Minute, testkit.Spec{Args: testkit.Java(t, "kafka", "kafka.admin.ConsumerGroupCommand", list...)})
	if native != java || native != "consumers\n" {
		t.Errorf("native:\n%sJava:\n%s", native, java)
	}
}

// TestStreamsResetAnswersAsJava compares what the native tool and Java's would do to an application on Apache Kafka.
func TestStreamsResetAnswersAsJava(t *testing.T) {
	c := testkit.Kafka(t, 1, testkit.ZooKeeper(t, "zookeeper"))
	application(t, c.Bootstrap)
	for name, p := range resetPlans(t) {
		args := append([]string{"--dry-run", "--input-topics", "input", "--intermediate-topics", "middle"}, p.args...)
		native := streamsReset(t, c.Bootstrap, args...)
		java := testkit.Run(t, time.Minute, testkit.Spec{Args: testkit.Java(t, "kafka", "kafka.tools.StreamsResetter",
			append([]string{"--application-id", "app", "--bootstrap-servers", c.Bootstrap}, args...)...)})
		if sorted(native) != sorted(java) {
			t.Errorf("%s: native\n%s\nJava\n%s", name, native, java)
		}
	}
}

//go:build interop

package tools

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// TestSecuredTranscriptsOnApache replays the recordings of a cluster with an authorizer against one
// of Apache Kafka 2.5.0.
func TestSecuredTranscriptsOnApache(t *testing.T) {
	replaySecured(t, securedBroker(t, testkit.ZooKeeper(t, "zookeeper"), testkit.KafkaAt))
}

// javaTools are the classes behind the scripts of Kafka that the recordings of a secured cluster use.
var javaTools = map[string]string{
	"kafka-acls": "kafka.admin.AclCommand", "kafka-broker-api-versions": "kafka.admin.BrokerApiVersionsCommand", "kafka-configs": "kafka.admin.ConfigCommand",
	"kafka-console-consumer": "kafka.tools.ConsoleConsumer", "kafka-console-producer": "kafka.tools.ConsoleProducer", "kafka-consumer-groups": "kafka.admin.ConsumerGroupCommand",
	"kafka-delegation-tokens": "kafka.admin.DelegationTokenCommand", "kafka-topics": "kafka.admin.TopicCommand",
}

// javaBin is a directory with Java's tools under their names.
func javaBin(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, class := range javaTools {
		var line strings.Builder
		for _, word := range testkit.Java(t, "kafka", class) {
			line.WriteString("'" + word + "' ")
		}
		if err := os.WriteFile(filepath.Join(dir, name+".sh"), []byte("#!/bin/sh\nexec "+line.String()+`"$@"`+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestJavasToolsReplayTheSecuredTranscripts has the tools that were recorded do the same work on
// momus.
func TestJavasToolsReplayTheSecuredTranscripts(t *testing.T) {
	c := securedBroker(t, testkit.ZooKeeper(t, "zookeeper"), testkit.BrokerAt)
	const chance = "lists a set of Java's, whose order changes from run to run"
	replaySecured(t, c, func(r *replay) {
		r.bin, r.java = javaBin(t), true
		if r.name == "kafka-acls" {
			r.exceptions = map[string]string{"err-operation": chance, "err-operation-name": chance}
		}
	})
}

// walkthrough replays the users' scenario with the native tools.
func walkthrough(t *testing.T, bootstrap, zookeeper string) {
	t.Helper()
	testkit.Walkthrough(t, 5*time.Minute, "--bin", bin(t), "--stderr", "--zookeeper", zookeeper, "--bootstrap-server", bootstrap,
		filepath.Join(testkit.Root(t), "integration/walkthrough/seed.yaml"))
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

// TestGroupsOfOtherProtocolsAreNotListed compares kafka-consumer-groups --list with Apache Kafka's
// where there is a group that is not one of consumers, such as Kafka Connect's.
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

// TestStreamsResetAnswersAsJava compares what the native tool and Java's would do to an application
// on Apache Kafka.
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

// TestJavasAclCommandOnMomus works with Java's kafka-acls on momus, through the broker and through
// ZooKeeper; the native tool sees the same.
func TestJavasAclCommandOnMomus(t *testing.T) {
	c := securedBroker(t, testkit.ZooKeeper(t, "zookeeper"), testkit.BrokerAt)
	broker, store := []string{"--bootstrap-server", c.brokers[1]}, []string{"--authorizer-properties", "zookeeper.connect=" + c.zookeeper}
	java := func(to []string, args ...string) string {
		t.Helper()
		return testkit.Run(t, time.Minute, testkit.Spec{Args: testkit.Java(t, "kafka", "kafka.admin.AclCommand", append(slices.Clone(to), args...)...)})
	}
	native := func(to []string, args ...string) string {
		t.Helper()
		return testkit.Run(t, time.Minute, testkit.Spec{Args: append([]string{filepath.Join(bin(t), "kafka-acls.sh")}, append(slices.Clone(to), args...)...)})
	}
	for _, step := range []struct {
		to    []string
		args  string
		lines int // of ACLs that are there then
	}{
		{broker, "--add --allow-principal User:alice --producer --topic orders", 3},
		{store, "--add --allow-principal User:bob --consumer --topic orders- --group readers --resource-pattern-type prefixed", 6},
		{broker, "--add --deny-principal User:CN=eve,O=x --deny-host 10.0.0.1 --cluster", 7},
		{broker, "--add --allow-principal User:* --operation Describe --topic *", 8},
		{store, "--remove --force --allow-principal User:alice --operation Create --topic orders", 7},
		{broker, "--remove --force --topic orders --resource-pattern-type match", 4},
	} {
		java(step.to, strings.Fields(step.args)...)
		for _, to := range [][]string{broker, store} {
			got, want := native(to, "--list"), java(to, "--list")
			if sorted(got) != sorted(want) || strings.Count(got, "(principal=") != step.lines {
				t.Errorf("%s, then %s --list:\n%sJava:\n%s", step.args, to[0], got, want)
			}
		}
	}
}

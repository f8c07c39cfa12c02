//go:build interop

package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"momus/integration/testkit"
)

// walkthrough replays the users' scenario with the tools of Apache Kafka 2.5.0. One broker cannot
// hold two replicas, so with one broker the steps about topic-A, and the ones that count on it, are
// left out by the caller's choice of scenario: a file of integration/walkthrough, or an absolute
// path.
func walkthrough(t *testing.T, c *testkit.Cluster, scenario string) {
	t.Helper()
	if !filepath.IsAbs(scenario) {
		scenario = filepath.Join(testkit.Root(t), "integration/walkthrough", scenario)
	}
	testkit.Walkthrough(t, 14*time.Minute, "--jars", testkit.Peers(t, "kafka"), "--zookeeper", c.ZooKeeper, "--bootstrap-server", c.Bootstrap, scenario)
}

func TestWalkthroughOnQuickstart(t *testing.T) {
	walkthrough(t, testkit.Quickstart(t, 3), "seed.yaml")
}

// Three brokers, each a process of its own, with three replicas of everything.
func TestWalkthroughOnThreeBrokersAndRealZooKeeper(t *testing.T) {
	scenario, err := os.ReadFile(filepath.Join(testkit.Root(t), "integration/walkthrough/seed.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	factor := regexp.MustCompile(`(--replication-factor |ReplicationFactor: )[12]\b`)
	if n := len(factor.FindAll(scenario, -1)); n != 7 {
		t.Fatalf("the scenario names a replication factor %d times", n)
	}
	file := filepath.Join(t.TempDir(), "replicated.yaml")
	if err := os.WriteFile(file, factor.ReplaceAll(scenario, []byte("${1}3")), 0o644); err != nil {
		t.Fatal(err)
	}
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	var brokers []*testkit.Cluster
	for id := 1; id <= 3; id++ {
		brokers = append(brokers, brokerUnderTest(t, id, zookeeper, "offsets.topic.replication.factor=3", "default.replication.factor=3"))
	}
	testkit.WaitBrokers(t, brokers, 3)
	walkthrough(t, &testkit.Cluster{ZooKeeper: zookeeper, Bootstrap: testkit.Bootstrap(brokers)}, file)
	testkit.WaitWholeISR(t, brokers, 30*time.Second)
}

func TestWalkthroughOnOneBrokerAndRealZooKeeper(t *testing.T) {
	walkthrough(t, brokerUnderTest(t, 1, testkit.ZooKeeper(t, "zookeeper")), "seed-one-broker.yaml")
}

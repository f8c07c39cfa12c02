//go:build interop

package interop

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

// walkthrough replays the users' scenario with the tools of Apache Kafka 2.5.0. One broker cannot hold two replicas, so with
// one broker the steps about topic-A, and the ones that count on it, are left out by the caller's choice of scenario.
func walkthrough(t *testing.T, c *testkit.Cluster, scenario string) {
	t.Helper()
	root := testkit.Root(t)
	out, err := testkit.TryRun(14*time.Minute, testkit.Spec{Args: []string{"python3", filepath.Join(root, "integration/walkthrough/run.py"),
		"--jars", testkit.Peers(t, "kafka"), "--zookeeper", c.ZooKeeper, "--bootstrap-server", c.Bootstrap,
		filepath.Join(root, "integration/walkthrough", scenario)}})
	t.Log(out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(strings.TrimSpace(out), " passed, 0 failed") {
		t.Fatal("the scenario did not pass")
	}
}

func TestWalkthroughOnQuickstart(t *testing.T) {
	walkthrough(t, testkit.Quickstart(t, 3), "seed.yaml")
}

func TestWalkthroughOnOneBrokerAndRealZooKeeper(t *testing.T) {
	walkthrough(t, brokerUnderTest(t, 1, testkit.ZooKeeper(t, "zookeeper")), "seed-one-broker.yaml")
}

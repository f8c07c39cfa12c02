//go:build interop

package interop

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

// A broker is killed under load, several times; each time the other kind takes over the same
// directory. Nothing acknowledged is lost, offsets go on, groups resume, and no index disagrees
// with its log at the end.
func TestKilledBrokerIsTakenOverByApacheKafkaAndBack(t *testing.T) {
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	c := brokerUnderTest(t, 1, zookeeper)
	load := testkit.StartLoad(t, c.Bootstrap, "takeover", 3)
	load.WaitAcked(t, 5000)
	c.Process.Kill()
	again(t, c) // first itself
	load.WaitAcked(t, 8000)
	c.Process.Kill()
	testkit.SessionGone(t, zookeeper, 1) // Apache Kafka 2.5 does not wait for it
	apache := c.AsKafka(t)
	load.WaitAcked(t, 11000)
	apache.Process.Kill()
	again(t, c)
	load.WaitAcked(t, 14000)
	load.Stop()
	load.Check(t, c.Bootstrap)
	c.Process.Stop(t, 30*time.Second)
	if strings.Contains(apache.Process.Output(), " ERROR ") {
		t.Errorf("Apache Kafka complained:\n%s", apache.Process.Output())
	}

	apache = c.AsKafka(t)
	load.Check(t, apache.Bootstrap)
	apache.Process.Stop(t, 60*time.Second)
	c.Restart(t)
	load.Check(t, c.Bootstrap)
	c.Process.Stop(t, 30*time.Second)
	testkit.DumpLogs(t, filepath.Join(c.Dir, "logs"))
}

// again restarts a killed broker; momus itself waits for the old session's end, the real thing must
// be spared it.
func again(t *testing.T, c *testkit.Cluster) {
	if provesItself() {
		testkit.SessionGone(t, c.ZooKeeper, 1)
	}
	c.Restart(t)
}

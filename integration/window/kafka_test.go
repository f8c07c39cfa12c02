//go:build console && interop

package window

import (
	"testing"

	"momus/integration/testkit"
)

// The same page on Apache Kafka 2.5.0.
func TestConsoleShowsApacheKafka(t *testing.T) {
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	k := testkit.Kafka(t, 1, zookeeper)
	showOutside(t, k.Bootstrap, zookeeper, 1)
}

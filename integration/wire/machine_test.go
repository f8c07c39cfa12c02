package wire

import (
	"fmt"
	"net"
	"testing"

	"momus/configs"
	"momus/integration/testkit"
)

// TestSecondBrokerOnAMachine starts a broker with nothing said about its metrics where their
// default port is taken, as that of the second broker on a machine is.
func TestSecondBrokerOnAMachine(t *testing.T) {
	if taken, err := net.Listen("tcp", fmt.Sprint(":", configs.DefaultHTTPPort)); err == nil { // else it is taken already
		t.Cleanup(func() { taken.Close() })
	}
	first := testkit.Quickstart(t, 1)
	port := testkit.FreePort(t)
	file := testkit.ServerProperties(t, t.TempDir(), 2, port, first.ZooKeeper)
	second := testkit.Start(t, "broker 2", testkit.Spec{Args: []string{testkit.Binary(t), "broker", file}})
	testkit.WaitServing(t, second, fmt.Sprint("127.0.0.1:", port))
}

package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// The commands of ZooKeeper's shell, one after the other from standard input, as a script gives
// them. A mistake ends nothing.
func TestZooKeeperShellReadsCommands(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 1, nil), Hide: map[string]string{
		`= 0x[0-9a-f]+`: "= 0xN", `(?m)^([cm]time) = .*`: "$1 = TIME", `"timestamp":"\d+"`: `"timestamp":"T"`, `\d{4}/\d\d/\d\d.*`: "LOG"}}
	s.PlayFile(t, "testdata/sessions/zookeeper-shell.txt")
}

package configs

import (
	"strings"
	"testing"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/tooltest"
)

// A user's client with one of the two names missing has no node to write to. The texts, and which
// mistake is told first, are those of Apache Kafka 2.5.0.
func TestAUsersClientIsAlteredWithBothNames(t *testing.T) {
	for _, c := range []struct{ args, add, want string }{
		{"--entity-type users --entity-type clients --entity-name u", "producer_byte_rate=1", "--entity-name or --entity-default must be specified with each --entity-type for --alter"},
		{"--entity-type clients --entity-type users --entity-default", "producer_byte_rate=1", "--entity-name or --entity-default must be specified with each --entity-type for --alter"},
		{"--entity-type clients --entity-type users --entity-name u", "foo", "requirement failed: Invalid entity config: all configs to be added must be in the format \"key=val\"."},
		{"--entity-type clients --entity-type users", "producer_byte_rate=1", "an entity-name or default entity must be specified with --alter of users, clients or brokers"},
	} {
		code, _, errs := tooltest.Run(t, Tool(), &core.Env{Args: append(strings.Fields(c.args), "--zookeeper", tooltest.ZooKeeper(t), "--alter", "--add-config", c.add)})
		if code != 1 || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit %d\n%s", c.args, code, errs)
		}
	}
}

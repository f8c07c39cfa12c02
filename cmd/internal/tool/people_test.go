package tool

import (
	"slices"
	"testing"
)

func TestEveryToolCanBeCompleted(t *testing.T) {
	others := []string{"kafka-run-class", "zookeeper-shell", "kafka-server-stop", "zookeeper-server-stop"} // these take words
	for _, x := range Tools() {
		if (x.Options != nil) == slices.Contains(others, x.Name) {
			t.Errorf("%s: has a table of options: %v", x.Name, x.Options != nil)
		}
		if x.Options != nil && len(x.Options().Infos()) == 0 {
			t.Errorf("%s: no options", x.Name)
		}
	}
}

//go:build interop

package zkconformance

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"momus/coordinator/zkserver"
	"momus/integration/testkit"
)

var rewrite = flag.Bool("rewrite", false, "write down what the real server answers to the scripts")

func TestRealServerAnswersAsRecorded(t *testing.T) {
	got := transcript(t, testkit.ZooKeeper(t, "zookeeper"))
	if *rewrite {
		if err := os.WriteFile(filepath.FromSlash(golden), []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.FromSlash(golden))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, string(want), got)
	ours, _ := startOurs(t, zkserver.Options{})
	compare(t, got, transcript(t, ours))
}

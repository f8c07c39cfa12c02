//go:build transcripts

package tools

import (
	"path/filepath"
	"strings"
	"testing"

	"momus/integration/testkit"
)

// TestTranscripts replays the recordings against momus, but for those that need security, which momus does not serve yet: these
// are replayed against Apache Kafka (interop_test.go).
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if secured()[name] {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newReplay(t, name, momusFor(t, name), exceptionsOnMomus()[name]).run(t)
		})
	}
}

// momusFor starts what a transcript needs.
func momusFor(t *testing.T, name string) *cluster {
	t.Helper()
	switch name {
	case "kafka-dump-log":
		return &cluster{}
	case "kafka-server-start-stop":
		return &cluster{zookeeper: coordination(t)}
	case "kafka-log-dirs", "kafka-reassign-partitions", "degraded-cluster": // directories or processes of their own
		c := threeBrokers(t, coordination(t), testkit.BrokerAt)
		c.separate = name == "degraded-cluster"
		return c
	}
	return quickstart(t)
}

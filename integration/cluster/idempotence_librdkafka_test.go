//go:build faults && interop

package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

const partitions = 3

// librdkafka is a pipeline of confluent-kafka, a process of its own.
type librdkafka struct{ *testkit.Process }

func TestIdempotenceOfLibrdkafkaSurvivesCrashes(t *testing.T) {
	python := filepath.Join(testkit.Peers(t, "python"), "bin", "python")
	underFaults(t, func(t *testing.T, bootstrap string) pipeline {
		createReplicated(t, bootstrap)
		script := filepath.Join(testkit.Root(t), "integration", "cluster", "testdata", "pipeline.py")
		return librdkafka{testkit.Start(t, "librdkafka", testkit.Spec{Args: []string{python, script, bootstrap, topic, fmt.Sprint(partitions)}})}
	})
}

func createReplicated(t *testing.T, bootstrap string) {
	t.Helper()
	minISR, clean, small := "2", "false", "65536"
	settings := map[string]*string{"min.insync.replicas": &minISR, "unclean.leader.election.enable": &clean, "segment.bytes": &small}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := testkit.Admin(t, bootstrap).CreateTopic(ctx, partitions, 3, settings, topic); err != nil {
		t.Fatal(err)
	}
}

// acked is how many records are acknowledged so far, as last printed; a refused one ends the test.
func (l librdkafka) acked(t testing.TB) (n int) {
	t.Helper()
	for line := range strings.Lines(l.Output()) {
		if strings.Contains(line, "|FATAL|") || strings.HasPrefix(line, "refused:") || strings.HasPrefix(line, "Traceback") {
			t.Fatal(line)
		}
		_, _ = fmt.Sscanf(line, "acked %d", &n)
	}
	return n
}

func (l librdkafka) WaitMore(t testing.TB, n int) {
	t.Helper()
	before := l.acked(t)
	testkit.Eventually(t, time.Minute, fmt.Sprintf("%d more records acknowledged than %d", n, before), func() bool {
		select {
		case <-l.Done():
			t.Fatal("the producer has ended")
		default:
		}
		return l.acked(t) >= before+n
	})
}

func (l librdkafka) Settle(t testing.TB, bootstrap string) {
	t.Helper()
	l.CloseInput()
	l.Wait(t, 2*time.Minute)
	l.acked(t)
	_, last, found := strings.Cut(l.Output(), "\nend ")
	if !found {
		t.Fatal("the producer has not said what it sent")
	}
	acked, left := make([]int64, partitions), 0
	if _, err := fmt.Sscanf(last, "%d %d %d left %d", &acked[0], &acked[1], &acked[2], &left); err != nil || left != 0 {
		t.Fatalf("the producer ended with %q (%v)", last, err)
	}
	there := testkit.CheckNumbered(t, bootstrap, topic, partitions)
	for p, n := range acked {
		if n != there[p] {
			t.Errorf("partition %d: %d records acknowledged, %d there", p, n, there[p])
		}
	}
	t.Logf("%v records acknowledged, all there", acked)
}

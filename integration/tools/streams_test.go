//go:build transcripts || interop

package tools

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// application makes the topics of a Streams application with the id app: input with five messages
// in partition 0 and two in partition 1, middle with three, and internal ones.
func application(t *testing.T, bootstrap string) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	adm := kadm.NewClient(cl)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for topic, partitions := range map[string]int32{"input": 2, "middle": 1, "app-store-changelog": 1, "app-join-repartition": 1, "app-output": 1, "application-changelog": 1} {
		if _, err := adm.CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	var records []*kgo.Record
	add := func(topic string, partition int32, n int) {
		for i := range n {
			records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: []byte("x"), Timestamp: time.UnixMilli(1_600_000_000_000 + int64(i)*1000)})
		}
	}
	add("input", 0, 5)
	add("input", 1, 2)
	add("middle", 0, 3)
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return adm
}

// sorted puts the lines of an answer in order: Java's come in the order of a table.
func sorted(s string) string {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func streamsReset(t *testing.T, bootstrap string, args ...string) string {
	t.Helper()
	return testkit.Run(t, time.Minute, testkit.Spec{Args: append([]string{filepath.Join(bin(t), "kafka-streams-application-reset.sh"), "--application-id", "app",
		"--bootstrap-servers", bootstrap}, args...)})
}

// resetPlans are ways to say where input is to be read from, with the offsets of input's partitions
// 0 and 1 that they mean.
func resetPlans(t *testing.T) map[string]struct {
	args     []string
	p0, p1   int64
	messages []string
} {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plan.csv")
	if err := os.WriteFile(file, []byte("input,0,3\ninput,1,1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return map[string]struct {
		args     []string
		p0, p1   int64
		messages []string
	}{
		"default":  {nil, 0, 0, nil},
		"earliest": {[]string{"--to-earliest"}, 0, 0, nil},
		"latest":   {[]string{"--to-latest"}, 5, 2, nil},
		"offset":   {[]string{"--to-offset", "3"}, 3, 2, []string{"New offset (3) is higher than latest offset. Value will be set to 2"}},
		"too low":  {[]string{"--to-offset", "-1"}, 0, 0, []string{"New offset (-1) is lower than earliest offset. Value will be set to 0", "New offset (-1) is lower than earliest offset. Value will be set to 0"}},
		"shift":    {[]string{"--shift-by", "-1"}, 4, 1, nil},
		"time":     {[]string{"--to-datetime", "2020-09-13T12:26:41.000"}, 1, 1, nil},
		"file":     {[]string{"--from-file", file}, 3, 1, nil},
	}
}

// TestStreamsReset sets an application back, on momus.
func TestStreamsReset(t *testing.T) {
	c := testkit.Quickstart(t, 1, "--http-port", "-1")
	adm := application(t, c.Bootstrap)
	for name, p := range resetPlans(t) {
		want := append([]string{"----Dry run displays the actions which will be performed when running Streams Reset Tool----", "Reset-offsets for input topics [input]",
			"Seek-to-end for intermediate topics [middle]", "Following input topics offsets will be reset to (for consumer group app)",
			fmt.Sprintf("Topic: input Partition: 0 Offset: %d", p.p0), fmt.Sprintf("Topic: input Partition: 1 Offset: %d", p.p1),
			"Following intermediate topics offsets will be reset to end (for consumer group app)", "Topic: middle", "Done.",
			"Deleting all internal/auto-created topics for application app", "Topic: app-join-repartition", "Topic: app-store-changelog", "Done."}, p.messages...)
		got := streamsReset(t, c.Bootstrap, append([]string{"--dry-run", "--input-topics", "input", "--intermediate-topics", "middle"}, p.args...)...)
		if slices.Sort(want); sorted(got) != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant, in any order:\n%s", name, got, strings.Join(want, "\n"))
		}
	}
	streamsReset(t, c.Bootstrap, "--input-topics", "input", "--intermediate-topics", "middle", "--to-offset", "1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	offsets, err := adm.FetchOffsets(ctx, "app")
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string][]int64{"input": {1, 1}, "middle": {3}} {
		for p, n := range want {
			if o, ok := offsets.Lookup(topic, int32(p)); !ok || o.At != n {
				t.Errorf("%s-%d: committed %v, want %d", topic, p, o.At, n)
			}
		}
	}
	topics, err := adm.ListTopics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if names := topics.Names(); !slices.Equal(names, []string{"app-output", "application-changelog", "input", "middle"}) {
		t.Errorf("topics that are left: %v", names)
	}

	member, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap), kgo.ConsumerGroup("app"), kgo.ConsumeTopics("input"))
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	testkit.Eventually(t, time.Minute, "the tool refuses to disturb a running application", func() bool {
		_, err := testkit.TryRun(time.Minute, testkit.Spec{Args: []string{filepath.Join(bin(t), "kafka-streams-application-reset.sh"), "--application-id", "app", "--bootstrap-servers", c.Bootstrap}})
		return err != nil && strings.Contains(err.Error(), "ERROR: java.lang.IllegalStateException: Consumer group 'app' is still active and has following members: [(memberId=")
	})
}

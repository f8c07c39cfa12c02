//go:build transcripts

package tools

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// TestMirrorMaker copies topics to another cluster, with everything that belongs to a message, and
// finds that what is committed was copied.
func TestMirrorMaker(t *testing.T) {
	source, target := testkit.Quickstart(t, 1, "--http-port", "-1"), testkit.Quickstart(t, 1, "--http-port", "-1")
	file := testkit.Files(t)
	consumer := file("consumer.properties", "bootstrap.servers="+source.Bootstrap+"\ngroup.id=mirror\nauto.offset.reset=earliest\n")
	producer := file("producer.properties", "bootstrap.servers="+target.Bootstrap+"\n")

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(source.Bootstrap), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	const n = 2000
	var want []string
	var records []*kgo.Record
	for i := range n {
		r := &kgo.Record{Topic: []string{"copied-a", "copied-b", "left"}[i%3], Key: fmt.Appendf(nil, "k%d", i%7), Value: fmt.Appendf(nil, "v%d", i),
			Headers: []kgo.RecordHeader{{Key: "h", Value: []byte{byte(i)}}}, Timestamp: time.UnixMilli(1_600_000_000_000 + int64(i))}
		records = append(records, r)
		if r.Topic != "left" {
			want = append(want, text(r))
		}
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	mirror := testkit.Start(t, "kafka-mirror-maker", testkit.Spec{Args: []string{filepath.Join(bin(t), "kafka-mirror-maker.sh"), "--consumer.config", consumer,
		"--producer.config", producer, "--whitelist", "copied-.*", "--num.streams", "2", "--offset.commit.interval.ms", "500"}})
	reader, err := kgo.NewClient(kgo.SeedBrokers(target.Bootstrap), kgo.ConsumeRegex(), kgo.ConsumeTopics(".*"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMaxAge(time.Second), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var got []string
	for len(got) < len(want) && ctx.Err() == nil {
		reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) { got = append(got, text(r)) })
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("%d messages of %d were copied; the first ones: %v, want %v", len(got), len(want), got[:min(3, len(got))], want[:3])
	}
	mirror.Signal(t, syscall.SIGTERM)
	select {
	case <-mirror.Done():
	case <-time.After(time.Minute):
		t.Fatal("the tool did not end after SIGTERM")
	}
	if mirror.ExitCode() != 143 {
		t.Errorf("exit code %d", mirror.ExitCode())
	}
	lags, err := kadm.NewClient(cl).Lag(ctx, "mirror")
	if err != nil {
		t.Fatal(err)
	}
	if lag := lags["mirror"].Lag.Total(); lag != 0 {
		t.Errorf("%d messages are not committed", lag)
	}
}

// text is a message as text, where it is left out.
func text(r *kgo.Record) string {
	var headers []string
	for _, h := range r.Headers {
		headers = append(headers, fmt.Sprintf("%s=%x", h.Key, h.Value))
	}
	return fmt.Sprintf("%s %s %s %s %d", r.Topic, r.Key, r.Value, strings.Join(headers, ","), r.Timestamp.UnixMilli())
}

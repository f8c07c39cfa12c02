package consoleproducer

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/tooltest"
)

// TestBatchesAreNoLargerThanTheirTopicTakes sends lines of many sizes to a topic that takes 40,000
// bytes: neither are small lines put into larger batches, nor are lines refused that are larger
// than batch.size, and all arrive in order.
func TestBatchesAreNoLargerThanTheirTopicTakes(t *testing.T) {
	c := tooltest.NewCluster(t, 1, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap[0]), kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	limit := "40000"
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, map[string]*string{"max.message.bytes": &limit}, "t"); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, size := range []int{10, 20000, 10, 39000, 30000, 10} {
		for n := range 200 {
			want = append(want, strings.Repeat(string(rune('a'+i)), size+n%7))
			if size > 10000 && n == 20 {
				break
			}
		}
	}
	for _, idempotent := range []string{"enable.idempotence=false", "enable.idempotence=true"} {
		code, _, errs := tooltest.Run(t, Tool(), &core.Env{Stdin: strings.NewReader(strings.Join(want, "\n")), Args: []string{"--broker-list", c.Bootstrap[0], "--topic", "t",
			"--request-required-acks", "all", "--producer-property", idempotent}})
		if code != 0 || strings.Contains(errs, "ERROR") {
			t.Fatalf("exit %d\n%s", code, errs[:min(len(errs), 2000)])
		}
		var got []string
		for len(got) < len(want) && ctx.Err() == nil {
			cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d lines arrived of %d, or in another order", idempotent, len(got), len(want))
		}
	}
}

//go:build interop

package interop

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

func allClients() []client {
	return append(goClients(),
		java("0.10.2.2", "none gzip snappy lz4", false),
		java("1.1.1", "none gzip snappy lz4", true),
		java("2.5.0", everyCodec, true),
		java("3.9.0", everyCodec, true),
		python("librdkafka", everyCodec),
		python("librdkafka", "none gzip snappy", "MOMUS_API_VERSION=0.8.2"),
		python("kafka-python", everyCodec),
		python("kafka-python", "none gzip snappy", "MOMUS_API_VERSION=0.8.2", "PYTHONPATH=$PEER/kafka-python-2.0"),
		node(),
	)
}

// Every client writes with every codec that it has; every client reads everything that is written
// in a codec it has, whoever wrote it.
func TestEveryClientReadsWhatEveryClientWrote(t *testing.T) {
	const each, partitions = 30, 2
	c := clusterUnderTest(t)
	adm := admin(t, c)
	all := allClients()
	for _, codec := range strings.Fields(everyCodec) {
		t.Run(codec, func(t *testing.T) {
			topic := "matrix-" + codec
			if _, err := adm.CreateTopic(context.Background(), partitions, 1, nil, topic); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{} // value → header
			for _, cl := range all {
				if !cl.codecs[codec] {
					continue
				}
				cl.produce(t, c.Bootstrap, topic, codec, cl.name, each)
				for i := range each {
					_, v, h := value(cl.name, i)
					want[v] = ""
					if cl.headers {
						want[v] = "n=" + h
					}
				}
			}
			for _, cl := range all {
				// A client that knows fewer codecs than were used would have to be refused some
				// batches; it reads the topics of its codecs.
				if !cl.codecs[codec] {
					continue
				}
				t.Run(cl.name, func(t *testing.T) { check(t, cl, want, cl.consume(t, c.Bootstrap, topic, len(want))) })
			}
		})
	}
}

func check(t *testing.T, cl client, want map[string]string, got []record) {
	t.Helper()
	seen := map[string]bool{}
	next := map[string]int{} // partition and producer → next number, for order
	for _, r := range got {
		h, ok := want[r.value]
		if !ok || seen[r.value] {
			t.Fatalf("read %+v, which was not written, or twice", r)
		}
		seen[r.value] = true
		if k, _, _ := strings.Cut(r.value, " value "); !strings.HasPrefix(r.key, k+"-") {
			t.Fatalf("key and value do not belong together: %+v", r)
		}
		if cl.headers && r.headers != h {
			t.Fatalf("headers %q, want %q: %+v", r.headers, h, r)
		}
		i := strings.LastIndexByte(r.key, '-')
		var n int
		fmt.Sscan(r.key[i+1:], &n)
		id := fmt.Sprint(r.partition, r.key[:i])
		if n < next[id] {
			t.Fatalf("out of order in %s: %d after %d", id, n, next[id])
		}
		next[id] = n
	}
	if len(seen) != len(want) {
		var missing []string
		for v := range want {
			if !seen[v] {
				missing = append(missing, v)
			}
		}
		sort.Strings(missing)
		t.Fatalf("read %d of %d records; missing %v …", len(seen), len(want), missing[:min(len(missing), 5)])
	}
}

// Three members of one group: all partitions are owned, a killed member's are taken over, a leaving
// one's too, and nothing that is produced is missed.
func TestGroupOfThreeRebalances(t *testing.T) {
	c := clusterUnderTest(t)
	adm := admin(t, c)
	for _, cl := range allClients() {
		if cl.member == nil || strings.Contains(cl.name, "-as-") {
			continue
		}
		t.Run(cl.name, func(t *testing.T) {
			topic, group := "group-"+cl.name, "members-"+cl.name
			if _, err := adm.CreateTopic(context.Background(), 6, 1, nil, topic); err != nil {
				t.Fatal(err)
			}
			kcl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.Bootstrap, ",")...), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
			if err != nil {
				t.Fatal(err)
			}
			defer kcl.Close()
			sent := 0
			send := func(n int) {
				for range n {
					if err := kcl.ProduceSync(context.Background(), &kgo.Record{Value: fmt.Appendf(nil, "r%d", sent)}).FirstErr(); err != nil {
						t.Fatal(err)
					}
					sent++
				}
			}
			send(30)
			var ms []*testkit.Process
			for range 3 {
				ms = append(ms, cl.member(t, c.Bootstrap, topic, group))
			}
			received := func() bool {
				got := map[string]bool{}
				for _, m := range ms {
					for l := range strings.Lines(m.Output()) {
						if v, ok := strings.CutPrefix(strings.TrimSpace(l), "got "); ok {
							got[v] = true
						}
					}
				}
				return len(got) == sent
			}
			stable := func(live int) func() bool {
				return func() bool {
					d, err := adm.DescribeGroups(context.Background(), group)
					if err != nil || d[group].State != "Stable" || len(d[group].Members) != live {
						return false
					}
					owned := map[int32]int{}
					for _, m := range d[group].Members {
						if a, ok := m.Assigned.AsConsumer(); ok {
							for _, tp := range a.Topics {
								for _, p := range tp.Partitions {
									owned[p]++
								}
							}
						}
					}
					for p := range int32(6) {
						if owned[p] != 1 {
							return false
						}
					}
					return true
				}
			}
			testkit.Eventually(t, 60*time.Second, "three members own six partitions", stable(3))
			send(30)
			testkit.Eventually(t, 30*time.Second, "everything arrived at three members", received)
			ms[0].Kill()
			testkit.Eventually(t, 60*time.Second, "two members after a crash", stable(2))
			send(30)
			testkit.Eventually(t, 30*time.Second, "everything arrived after the crash", received)
			ms[1].CloseInput()
			testkit.Eventually(t, 60*time.Second, "one member after a leave", stable(1))
			send(30)
			testkit.Eventually(t, 30*time.Second, "everything arrived after the leave", received)
			ms[2].CloseInput()
			ms[2].Wait(t, 30*time.Second)
		})
	}
}

func admin(t testing.TB, c *testkit.Cluster) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.Bootstrap, ",")...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

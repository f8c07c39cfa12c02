package testkit

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/storage/record"
)

// Admin is an administration client with fresh metadata.
func Admin(t testing.TB, bootstrap string) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// Bootstrap joins the addresses of brokers.
func Bootstrap(brokers []*Cluster) string {
	var list []string
	for _, b := range brokers {
		list = append(list, b.Bootstrap)
	}
	return strings.Join(list, ",")
}

// WaitBrokers waits until every broker lists n live ones.
func WaitBrokers(t testing.TB, brokers []*Cluster, n int) {
	t.Helper()
	for _, b := range brokers {
		deadline := time.Now().Add(30 * time.Second)
		for {
			// By its own listener: another broker's answer would say nothing of this one.
			m, err := b.metadata(t, false)
			if err == nil && len(m.Brokers) == n && m.ControllerID >= 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("broker %d does not know %d brokers: it answers %+v (%v)", b.ID, n, m, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// Controller is the id of the broker that is controller, as the brokers have it.
func Controller(t testing.TB, bootstrap string) int {
	t.Helper()
	adm, id := Admin(t, bootstrap), -1
	Eventually(t, 30*time.Second, "there is a controller", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		m, err := adm.BrokerMetadata(ctx)
		if err == nil {
			// -1 while none is elected.
			id = int(m.Controller)
		}
		return err == nil && id >= 0
	})
	return id
}

// Leader is the leader of a partition.
func Leader(t testing.TB, bootstrap, topic string, partition int32) int {
	t.Helper()
	adm, id := Admin(t, bootstrap), -1
	Eventually(t, 30*time.Second, fmt.Sprintf("%s-%d has a leader", topic, partition), func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		m, err := adm.Metadata(ctx, topic)
		if err == nil {
			if p, ok := m.Topics[topic].Partitions[partition]; ok { // a topic may not be there yet
				id = int(p.Leader)
			}
		}
		return err == nil && id >= 0
	})
	return id
}

// metadata is what this one broker answers; all topics, or none.
func (c *Cluster) metadata(t testing.TB, topics bool) (*kmsg.MetadataResponse, error) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap), kgo.RetryTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	// An empty list; null is all topics.
	if !topics {
		req.Topics = []kmsg.MetadataRequestTopic{}
	}
	resp, err := cl.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		return nil, err
	}
	return resp.(*kmsg.MetadataResponse), nil
}

// WaitWholeISR waits until all replicas of all partitions of all topics are in sync, and every
// broker says so.
func WaitWholeISR(t testing.TB, brokers []*Cluster, limit time.Duration) {
	t.Helper()
	for _, b := range brokers {
		deadline := time.Now().Add(limit)
		for {
			// Broker by broker, since each learns of a new in-sync set from the controller for
			// itself.
			missing := b.notInSync(t)
			if missing == "" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("broker %d: not all in sync after %s: %s", b.ID, limit, missing)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// WholeISR tells whether every broker says now that all replicas are in sync.
func WholeISR(t testing.TB, brokers []*Cluster) bool {
	t.Helper()
	for _, b := range brokers {
		if b.notInSync(t) != "" {
			return false
		}
	}
	return true
}

// notInSync says which partitions have no leader or replicas out of sync, "" when none has.
func (c *Cluster) notInSync(t testing.TB) string {
	t.Helper()
	m, err := c.metadata(t, true)
	if err != nil {
		return err.Error()
	}
	if len(m.Topics) == 0 {
		return "no topics"
	}
	var bad []string
	for _, topic := range m.Topics {
		for _, p := range topic.Partitions {
			// Kafka lists the in-sync set in the order in which it grew.
			isr, replicas := slices.Sorted(slices.Values(p.ISR)), slices.Sorted(slices.Values(p.Replicas))
			if p.Leader < 0 || !slices.Equal(isr, replicas) {
				bad = append(bad, fmt.Sprintf("%s-%d leader %d replicas %v in sync %v", *topic.Topic, p.Partition, p.Leader, p.Replicas, p.ISR))
			}
		}
	}
	slices.Sort(bad)
	return strings.Join(bad[:min(len(bad), 10)], "; ")
}

// SameLogs compares the logs of stopped or quiet brokers: every partition directory of a topic that
// several brokers have holds the same batches at the same offsets, byte for byte. Replicas may
// start at different offsets and roll their segments elsewhere.
func SameLogs(t testing.TB, brokers []*Cluster, topics ...string) {
	t.Helper()
	for _, topic := range topics {
		dirs := map[string]map[int]string{} // directory name → broker → path
		for _, b := range brokers {
			found, err := filepath.Glob(filepath.Join(b.Dir, "logs", topic+"-*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range found {
				// Deleted partitions wait for their removal in directories of that ending.
				if strings.HasSuffix(d, "-delete") {
					continue
				}
				if dirs[filepath.Base(d)] == nil {
					dirs[filepath.Base(d)] = map[int]string{}
				}
				dirs[filepath.Base(d)][b.ID] = d
			}
		}
		if len(dirs) == 0 {
			t.Fatalf("nobody has %s", topic)
		}
		// A directory is a partition: topic-0, topic-1 …
		for name, at := range dirs {
			if len(brokers) > 1 && len(at) < 2 {
				t.Errorf("only broker %v has %s", slices.Collect(maps.Keys(at)), name)
			}
			var first map[int64]record.Batch
			firstID, firstEnd := 0, int64(0)
			for _, b := range brokers {
				if at[b.ID] == "" {
					continue
				}
				batches, end := readLog(t, at[b.ID])
				if first == nil {
					first, firstID, firstEnd = batches, b.ID, end
					continue
				}
				if end != firstEnd {
					t.Errorf("%s ends at %d on broker %d and at %d on broker %d", name, firstEnd, firstID, end, b.ID)
				}
				compared := 0
				for offset, batch := range batches {
					other, ok := first[offset]
					if ok {
						compared++
					}
					if ok && !bytes.Equal(other, batch) {
						// The header says enough: offsets, epoch, CRC, producer.
						t.Errorf("%s at offset %d: broker %d has %x, broker %d has %x", name, offset, firstID, other[:61], b.ID, batch[:61])
						break
					}
				}
				// Logs may begin at different offsets after retention, but overlap to the end.
				if compared != min(len(first), len(batches)) {
					t.Errorf("%s: broker %d has %d batches, broker %d has %d, only %d at the same offsets", name, firstID, len(first), b.ID, len(batches), compared)
				}
			}
		}
	}
}

// readLog is all batches of a partition directory by base offset, and the offset after the last.
func readLog(t testing.TB, dir string) (map[int64]record.Batch, int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	batches, end := map[int64]record.Batch{}, int64(0)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for len(data) > 0 {
			b, rest, err := record.Next(data)
			if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			if b == nil {
				break
			}
			// Offsets only grow, also across segments.
			if b.BaseOffset() < end {
				t.Fatalf("%s: batch at %d after offset %d", f, b.BaseOffset(), end)
			}
			if err := b.Verify(); err != nil {
				t.Fatalf("%s at %d: %v", f, b.BaseOffset(), err)
			}
			batches[b.BaseOffset()], end = b, b.NextOffset()
			data = rest
		}
		// A preallocated rest of zeros would be no batch; nothing else may follow the last one.
		if len(bytes.Trim(data, "\x00")) > 0 {
			t.Fatalf("%s: %d bytes after the last batch", f, len(data))
		}
	}
	return batches, end
}

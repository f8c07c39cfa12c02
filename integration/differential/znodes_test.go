//go:build interop

package differential

import (
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// znodes is a client of a peer's part of ZooKeeper.
type znodes struct {
	*zk.Conn
	root string
}

func dial(t *testing.T, p *peer) *znodes {
	t.Helper()
	host, root, _ := strings.Cut(p.cluster.ZooKeeper, "/")
	conn, events, err := zk.Connect([]string{host}, 10*time.Second, zk.WithLogger(mute{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	go func() {
		for range events {
		}
	}()
	return &znodes{conn, "/" + root}
}

type mute struct{}

func (mute) Printf(string, ...any) {}

func (z *znodes) put(s *session, path, data string) {
	_, err := z.Create(z.root+path, []byte(data), 0, zk.WorldACL(zk.PermAll))
	if err == zk.ErrNodeExists {
		_, err = z.Set(z.root+path, []byte(data), -1)
	}
	if err != nil {
		s.fail("%s: %v", path, err)
	}
}

func (z *znodes) text(path string) string {
	data, _, err := z.Get(z.root + path)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// partitions is what a broker's metadata and the znodes say about a topic.
func (z *znodes) partitions(s *session, topic string) string {
	var out strings.Builder
	t := s.quiet(9, metadata(false, topic)).(*kmsg.MetadataResponse).Topics[0]
	sort.Slice(t.Partitions, func(i, j int) bool { return t.Partitions[i].Partition < t.Partitions[j].Partition })
	fmt.Fprintf(&out, "topic error %d", t.ErrorCode)
	for _, p := range t.Partitions {
		fmt.Fprintf(&out, "\n%d: error %d leader %d epoch %d replicas %v isr %v offline %v", p.Partition, p.ErrorCode, p.Leader, p.LeaderEpoch, p.Replicas, p.ISR, p.OfflineReplicas)
	}
	fmt.Fprintf(&out, "\nznode %s", z.text("/brokers/topics/"+topic))
	for i := range 3 {
		fmt.Fprintf(&out, "\nstate %d %s", i, z.text(fmt.Sprintf("/brokers/topics/%s/partitions/%d/state", topic, i)))
	}
	return out.String()
}

// znodeCases writes what no tool of Kafka's would write into ZooKeeper. Where 2.5.0 takes lists
// that make no sense for what they are (docs/differences.md) there is nothing to compare;
// coordinator/controller has transcripts for that.
func znodeCases(s *session) {
	z := dial(s.t, s.peer)
	after := 0
	handled := func() { // the controller works in order: when it has made this topic it is through with what came before
		after++
		s.create(fmt.Sprintf("zn-after-%d", after), 1)
		s.settle(fmt.Sprintf("zn-after-%d", after))
	}
	for i, as := range []string{`{"0":[1]}`, `{"0":[1,99]}`, `{"0":[99]}`, `{"0":[1],"2":[1]}`, `{"x":[1]}`, `{}`} {
		topic := fmt.Sprintf("zn-%d", i)
		z.put(s, "/config/topics/"+topic, `{"version":1,"config":{}}`)
		z.put(s, "/brokers/topics/"+topic, `{"version":2,"partitions":`+as+`,"adding_replicas":{},"removing_replicas":{}}`)
		handled()
		s.note("topic by hand "+as, z.partitions(s, topic))
	}
	s.create("zn-moved", 1)
	s.settle("zn-moved")
	z.put(s, "/admin/reassign_partitions", `{"version":1,"partitions":[{"topic":"zn-moved","partition":0,"replicas":[1,1]}]}`)
	handled()
	s.note("reassigned to one broker twice", z.partitions(s, "zn-moved"))
	// A topic's config with a value that is none: neither takes it over, both go on with what was
	// there.
	s.create("zn-config", 1, "retention.ms=1000")
	s.settle("zn-config")
	z.put(s, "/config/topics/zn-config", `{"version":1,"config":{"retention.ms":"abc","segment.ms":"7"}}`)
	z.put(s, "/config/changes/config_change_9999999999", `{"version":2,"entity_path":"topics/zn-config"}`)
	handled()
	s.ask("a bad value in a znode", 2, describe([]string{"retention.ms", "segment.ms"}, 2, "zn-config"))
	s.ask("a bad value beside a good topic", 2, describe([]string{"retention.ms"}, 2, "zn-config", 2, "zn-moved"))
	step := &kmsg.IncrementalAlterConfigsRequest{Resources: []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: 2, ResourceName: "zn-config",
		Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "segment.ms", Op: 0, Value: str("8")}}}}}
	s.ask("changed over a bad value", 1, step)
	step.Resources[0].Configs[0] = kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: "retention.ms", Op: 1}
	s.ask("the bad value deleted", 1, step)
	s.ask("the bad value deleted", 2, describe([]string{"retention.ms", "segment.ms"}, 2, "zn-config"))
}

//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"momus/integration/testkit"
)

type tree = testkit.Znodes

func recorded(t *testing.T, name string) tree {
	t.Helper()
	return testkit.RecordedZnodes(t, filepath.Join("testdata/znodes", name+".json"))
}

var sequential = regexp.MustCompile(`_\d{10}$`)

// shape is a znode with everything that depends on the run taken out: broker ids become "id" (the
// recording has three brokers), timestamps and generated ids become their type. Keys, types,
// versions, configs and flags stay.
func shape(path string, n testkit.Znode) string {
	data := "null"
	if n.Data != nil {
		data = fmt.Sprintf("%q", *n.Data)
		var doc map[string]any
		if json.Unmarshal([]byte(*n.Data), &doc) == nil {
			data = shapeOf(doc, "")
		}
	}
	return fmt.Sprintf("%s ephemeral=%v version=%d acl=%v", data, n.Ephemeral, n.Version, n.ACL)
}

func shapeOf(v any, key string) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+":"+shapeOf(v[k], k))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case []any:
		if len(v) > 0 {
			if s, ok := v[0].(string); ok {
				return "[" + shapeOf(s, key) + "]"
			}
		}
		return "[ids]"
	case string:
		switch key {
		case "timestamp", "id", "host", "endpoints":
			return "string"
		}
		return fmt.Sprintf("%q", v)
	case float64:
		switch key {
		case "leader", "brokerid", "port", "broker":
			return "number"
		}
		return fmt.Sprint(v)
	}
	return fmt.Sprint(v)
}

// changes lists what an operation did to the tree, in shapes. Nodes whose data is another broker's
// doing in the recording are the caller's to skip.
func changes(before, after tree, skip func(path string) bool) []string {
	var out []string
	add := func(kind, path, what string) {
		if !skip(path) {
			out = append(out, strings.TrimSpace(kind+" "+sequential.ReplaceAllString(path, "_N")+" "+what))
		}
	}
	for p, n := range after {
		b, was := before[p]
		switch {
		case !was:
			add("+", p, shape(p, n))
		case shape(p, b) != shape(p, n) || b.Version != n.Version:
			add("~", p, shape(p, n))
		}
	}
	for p := range before {
		if _, is := after[p]; !is {
			add("-", p, "")
		}
	}
	slices.Sort(out)
	return out
}

// Each operation of the recordings that one broker can do, done with the tools of Apache Kafka
// 2.5.0, changes the tree as it did there.
func TestZnodesAfterEachOperation(t *testing.T) {
	addr := testkit.ZooKeeper(t, "zookeeper")
	conn := testkit.ZooKeeperConn(t, addr)
	start := func(id int, zookeeper string, lines ...string) *testkit.Cluster {
		lines = append(lines, "broker.rack=r1", "offsets.topic.num.partitions=2", "delete.topic.enable=true")
		return brokerUnderTest(t, id, zookeeper, lines...)
	}
	var c *testkit.Cluster
	tool := func(class string, args ...string) func() {
		return func() {
			for i, a := range args {
				args[i] = strings.NewReplacer("ZK", addr, "BOOTSTRAP", c.Bootstrap).Replace(a)
			}
			testkit.Run(t, 2*time.Minute, testkit.Spec{Args: testkit.Java(t, "kafka", class, args...)})
		}
	}
	topics := func(args ...string) func() { return tool("kafka.admin.TopicCommand", args...) }
	configs := func(args ...string) func() { return tool("kafka.admin.ConfigCommand", args...) }
	steps := []struct {
		before, after string // recordings
		do            func()
		skip          []string // path prefixes that differ for a reason given beside the step
	}{
		{before: "", after: "01-first-broker", do: func() { c = start(1, addr) }, skip: []string{"/zookeeper"}},
		{before: "02-three-brokers", after: "03-create-topic-zk", do: topics("--zookeeper", "ZK", "--create", "--topic", "zkt", "--replica-assignment", "1,1,1", "--config", "retention.ms=100000")},
		{before: "03-create-topic-zk", after: "04-create-topic-bootstrap", do: topics("--bootstrap-server", "BOOTSTRAP", "--create", "--topic", "bst", "--partitions", "2", "--replication-factor", "1", "--config", "min.insync.replicas=2")},
		{before: "04-create-topic-bootstrap", after: "05-create-topic-noconfig-zk", do: topics("--zookeeper", "ZK", "--create", "--topic", "zkplain", "--replica-assignment", "1,1")},
		{before: "05-create-topic-noconfig-zk", after: "06-add-partitions-zk", do: topics("--zookeeper", "ZK", "--alter", "--topic", "zkt", "--partitions", "4")},
		{before: "06-add-partitions-zk", after: "07-add-partitions-bootstrap", do: topics("--bootstrap-server", "BOOTSTRAP", "--alter", "--topic", "bst", "--partitions", "3")},
		{before: "07-add-partitions-bootstrap", after: "08-alter-topic-config-topics-zk", do: topics("--zookeeper", "ZK", "--alter", "--topic", "zkt", "--config", "segment.bytes=1000000", "--delete-config", "retention.ms")},
		{before: "08-alter-topic-config-topics-zk", after: "09-alter-topic-config-configs-zk", do: configs("--zookeeper", "ZK", "--entity-type", "topics", "--entity-name", "zkplain", "--alter", "--add-config", "cleanup.policy=[compact,delete],max.message.bytes=200000")},
		{before: "09-alter-topic-config-configs-zk", after: "10-alter-topic-config-bootstrap", do: configs("--bootstrap-server", "BOOTSTRAP", "--entity-type", "topics", "--entity-name", "bst", "--alter", "--add-config", "retention.ms=777777")},
		{before: "10-alter-topic-config-bootstrap", after: "11-delete-topic-config-zk", do: configs("--zookeeper", "ZK", "--entity-type", "topics", "--entity-name", "zkplain", "--alter", "--delete-config", "cleanup.policy,max.message.bytes")},
		{before: "11-delete-topic-config-zk", after: "12-quota-client", do: configs("--zookeeper", "ZK", "--entity-type", "clients", "--entity-name", "cl A/b", "--alter", "--add-config", "producer_byte_rate=1024,consumer_byte_rate=2048,request_percentage=50")},
		{before: "12-quota-client", after: "13-quota-client-default", do: configs("--zookeeper", "ZK", "--entity-type", "clients", "--entity-default", "--alter", "--add-config", "producer_byte_rate=4096")},
		{before: "13-quota-client-default", after: "14-quota-user", do: configs("--zookeeper", "ZK", "--entity-type", "users", "--entity-name", "CN=al ice*", "--alter", "--add-config", "consumer_byte_rate=3000")},
		{before: "20-scram-delete", after: "21-broker-config-bootstrap", do: configs("--bootstrap-server", "BOOTSTRAP", "--entity-type", "brokers", "--entity-name", "1", "--alter", "--add-config", "leader.replication.throttled.rate=1000000,log.cleaner.threads=2")},
		{before: "21-broker-config-bootstrap", after: "22-broker-config-default-bootstrap", do: configs("--bootstrap-server", "BOOTSTRAP", "--entity-type", "brokers", "--entity-default", "--alter", "--add-config", "log.retention.ms=86400000,unclean.leader.election.enable=false")},
		{before: "22-broker-config-default-bootstrap", after: "23-broker-config-zk-throttle", do: configs("--zookeeper", "ZK", "--entity-type", "brokers", "--entity-name", "2", "--alter", "--add-config", "leader.replication.throttled.rate=2000000")},
		{before: "24-broker-config-zk-nonlive-password", after: "25-quota-user-delete", do: configs("--zookeeper", "ZK", "--entity-type", "users", "--entity-name", "CN=al ice*", "--alter", "--delete-config", "consumer_byte_rate")},
		{before: "25-quota-user-delete", after: "26-produce-consume", do: func() {
			produceOne(t, c.Bootstrap, "zkplain")
			p := testkit.Start(t, "consumer", testkit.Spec{Args: testkit.Java(t, "kafka", "kafka.tools.ConsoleConsumer", "--bootstrap-server", c.Bootstrap, "--topic", "zkplain", "--from-beginning", "--max-messages", "1", "--group", "g26")})
			p.Wait(t, time.Minute)
		}},
		{before: "40-preferred-election-api", after: "42-delete-topic-zk", do: topics("--zookeeper", "ZK", "--delete", "--topic", "zkt")},
		{before: "42-delete-topic-zk", after: "43-delete-topic-api", do: topics("--bootstrap-server", "BOOTSTRAP", "--delete", "--topic", "bst")},
		{before: "43-delete-topic-api", after: "44-delete-nonexistent-znode", do: func() {
			if _, err := conn.Create("/admin/delete_topics/nosuch", nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
				t.Fatal(err)
			}
		}},
		// The recording is at epoch 3 then.
		{before: "59-auto-preferred-rebalance", after: "60-delete-controller-znode", skip: []string{"/controller_epoch"}, do: func() {
			if err := conn.Delete("/controller", -1); err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, 20*time.Second, "a controller is elected again", func() bool {
				d, _, err := conn.Get("/controller_epoch")
				return err == nil && string(d) == "2"
			})
		}},
	}
	current := testkit.DumpZnodes(t, conn, "/")
	if len(current) != 1 {
		t.Fatalf("ZooKeeper is not empty: %v", current)
	}
	current = tree{}
	for _, s := range steps {
		ok := t.Run(s.after, func(t *testing.T) {
			was := tree{}
			if s.before != "" {
				was = recorded(t, s.before)
			}
			skip := func(p string) bool {
				for _, x := range s.skip {
					if strings.HasPrefix(p, x) {
						return true
					}
				}
				return false
			}
			want := changes(was, recorded(t, s.after), skip)
			s.do()
			var got []string
			var now tree
			same := func() bool {
				now = testkit.DumpZnodes(t, conn, "/")
				got = changes(current, now, skip)
				return slices.Equal(got, want)
			}
			deadline := time.Now().Add(time.Minute)
			for !same() && time.Now().Before(deadline) {
				time.Sleep(100 * time.Millisecond)
			}
			current = now
			if !slices.Equal(got, want) {
				t.Errorf("the tree changed differently\n%s", testkit.Difference(want, got))
			}
		})
		if !ok && c == nil {
			return
		}
	}
	c.Process.Stop(t, 30*time.Second)

	t.Run("81-generated-broker-id", func(t *testing.T) {
		c = start(-1, addr)
		want, seq := recorded(t, "81-generated-broker-id"), "/brokers/seqid"
		now := testkit.DumpZnodes(t, conn, "/")
		if shape(seq, now[seq]) != shape(seq, want[seq]) {
			t.Errorf("%s is %s, want %s", seq, shape(seq, now[seq]), shape(seq, want[seq]))
		}
		id := "/brokers/ids/1001" // the recorded one has another rack
		if w := strings.Replace(shape(id, want[id]), `rack:"r3"`, `rack:"r1"`, 1); shape(id, now[id]) != w {
			t.Errorf("%s is %s, want %s", id, shape(id, now[id]), w)
		}
		c.Process.Stop(t, 30*time.Second)
	})
	t.Run("82-chroot", func(t *testing.T) {
		c = start(3, addr+"/a/b")
		want := tree{}
		for p, n := range recorded(t, "82-chroot") {
			if strings.HasPrefix(p, "/a") && p != "/admin" && !strings.HasPrefix(p, "/admin/") {
				want[p] = n
			}
		}
		testkit.Eventually(t, 10*time.Second, "the controller is there", func() bool {
			ok, _, err := conn.Exists("/a/b/controller")
			return err == nil && ok
		})
		now := testkit.DumpZnodes(t, conn, "/a")
		none := func(string) bool { return false }
		rack := func(lines []string) []string { // the recorded broker has rack r3
			for i := range lines {
				lines[i] = strings.ReplaceAll(lines[i], `rack:"r3"`, `rack:"r1"`)
			}
			return lines
		}
		if w, g := rack(changes(nil, want, none)), changes(nil, now, none); !slices.Equal(w, g) {
			t.Errorf("the tree under the chroot differs\n%s", testkit.Difference(w, g))
		}
	})
}

func produceOne(t *testing.T, bootstrap, topic string) {
	t.Helper()
	goClients()[0].produce(t, bootstrap, topic, "none", "x", 1)
}

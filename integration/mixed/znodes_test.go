//go:build interop

package mixed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// recording is the cluster of three brokers whose znodes were recorded with Apache Kafka 2.5.0, and
// this one, on its way through the same operations.
type recording struct {
	t      *testing.T
	zk     string
	conn   *zk.Conn
	bs     []*testkit.Cluster
	paused int // the broker that has been stopped with SIGSTOP, 0 if none
}

// Every recorded operation that brokers of a cluster take part in leaves the tree that it left
// there: replicas, leaders, leader epochs, in-sync sets and the versions of the nodes, which say
// how often each was written. The requests behind them are compared in coordinator/controller.
//
// With MOMUS_TEST_APACHE set the brokers are Apache Kafka, which proves the test.
func TestZnodesAfterEachClusterOperation(t *testing.T) {
	r := &recording{t: t, zk: testkit.ZooKeeper(t, "zookeeper")}
	r.conn = testkit.ZooKeeperConn(t, r.zk)
	start := testkit.Broker
	if os.Getenv("MOMUS_TEST_APACHE") != "" {
		start = testkit.Kafka
	}
	for id := 1; id <= 3; id++ { // the first one is controller
		r.bs = append(r.bs, start(t, id, r.zk, fmt.Sprintf("broker.rack=r%d", id), "auto.leader.rebalance.enable=false", "offsets.topic.num.partitions=2",
			"transaction.state.log.num.partitions=2", "replica.lag.time.max.ms=2000", "zookeeper.session.timeout.ms=6000", "auto.create.topics.enable=false",
			"controlled.shutdown.retry.backoff.ms=500", "controller.socket.timeout.ms=5000", "log.cleaner.dedupe.buffer.size=4194304"))
	}
	testkit.WaitBrokers(t, r.bs, 3)
	r.paths("02-three-brokers")

	r.topics("--zookeeper", "ZK", "--create", "--topic", "zkt", "--replica-assignment", "2:1,3:2,1:3", "--config", "retention.ms=100000")
	r.same("03-create-topic-zk", "zkt")
	r.config("03-create-topic-zk", "topics/zkt")
	r.topics("--bootstrap-server", "BOOTSTRAP", "--create", "--topic", "bst", "--replica-assignment", "2:3:1,3:1:2", "--config", "min.insync.replicas=2")
	r.same("04-create-topic-bootstrap", "bst")
	r.config("04-create-topic-bootstrap", "topics/bst")
	r.topics("--zookeeper", "ZK", "--create", "--topic", "zkplain", "--replica-assignment", "2:1,3:2")
	r.same("05-create-topic-noconfig-zk", "zkplain")
	r.topics("--zookeeper", "ZK", "--alter", "--topic", "zkt", "--partitions", "4", "--replica-assignment", "2:1,3:2,1:3,2:3")
	r.same("06-add-partitions-zk", "zkt")
	r.topics("--bootstrap-server", "BOOTSTRAP", "--alter", "--topic", "bst", "--partitions", "3", "--replica-assignment", "2:3:1,3:1:2,1:3:2")
	r.same("07-add-partitions-bootstrap", "bst")
	r.create("__consumer_offsets", []int32{3}, []int32{1})
	r.create("__transaction_state", []int32{2}, []int32{3})
	r.topics("--zookeeper", "ZK", "--create", "--topic", "r3", "--replica-assignment", "1:2:3,2:3:1,3:1:2")
	r.same("30-create-r3", "r3", "zkt", "bst", "zkplain", "__consumer_offsets", "__transaction_state")

	r.reassignments()
	r.deaths()
	r.deletions()
	r.pauses()
	r.uncleanElection()
	r.controllers()
	r.throttled()
	r.stoppedReassignment()
	r.reassignNode()
}

func (r *recording) reassignments() {
	r.tool("kafka.admin.ReassignPartitionsCommand", "--zookeeper", "ZK", "--execute", "--reassignment-json-file", r.file(
		`{"version":1,"partitions":[{"topic":"zkplain","partition":0,"replicas":[3,1]},{"topic":"zkplain","partition":1,"replicas":[1,2]}]}`))
	r.same("31-reassign-zk-tool", "zkplain")
	r.reassign("zkplain", 0, nil, 2, 3)
	r.same("32-reassign-api-complete", "zkplain")
	r.create("slow", []int32{1, 2})
	r.reassign("slow", 0, nil, 3, 2)
	r.same("33-reassign-api-complete-2", "slow")
}

func (r *recording) deaths() {
	r.stop(3)
	r.restart(3)
	testkit.WaitWholeISR(r.t, r.bs, limit)
	r.electPreferred()
	r.kill(3)
	all := []string{"zkt", "bst", "zkplain", "r3", "slow", "__consumer_offsets", "__transaction_state"}
	r.same("34-kill9-broker3", all...)
	r.restart(3)
	r.same("36-restart-broker3", all...)
	r.tool("kafka.admin.PreferredReplicaLeaderElectionCommand", "--zookeeper", "ZK")
	r.same("37-preferred-election-zk", all...)
	r.stop(2)
	r.same("38-controlled-shutdown-broker2", all...)
	r.restart(2)
	r.same("39-restart-broker2", all...)
	r.tool("kafka.admin.LeaderElectionCommand", "--bootstrap-server", "BOOTSTRAP", "--election-type", "preferred", "--all-topic-partitions")
	r.same("40-preferred-election-api", all...)
}

func (r *recording) deletions() {
	r.topics("--zookeeper", "ZK", "--delete", "--topic", "zkt")
	r.same("42-delete-topic-zk", "zkt", "bst")
	r.topics("--bootstrap-server", "BOOTSTRAP", "--delete", "--topic", "bst")
	r.same("43-delete-topic-api", "bst", "r3")
	r.put("/admin/delete_topics/nosuch", "")
	r.same("44-delete-nonexistent-znode", "r3")
	r.kill(3)
	r.topics("--zookeeper", "ZK", "--delete", "--topic", "r3")
	r.same("45-delete-topic-with-dead-replica", "r3", "zkplain", "slow", "__consumer_offsets", "__transaction_state")
	r.restart(3)
	r.same("46-delete-topic-resumed-on-restart", "r3", "zkplain", "slow", "__consumer_offsets", "__transaction_state")
}

func (r *recording) pauses() {
	r.electPreferred("slow-0")
	r.create("iso", []int32{1, 2, 3}, []int32{2, 3, 1})
	r.create("unc", []int32{3, 2})
	all := []string{"iso", "unc", "slow", "zkplain", "__consumer_offsets", "__transaction_state"}
	r.pause(2)
	testkit.SessionGone(r.t, r.zk, 2)
	r.wake()
	r.same("50-session-expiry-broker2", all...)

	r.stop(3)
	r.restart(3)
	testkit.WaitWholeISR(r.t, r.bs, limit)
	r.electPreferred("slow-0", "unc-0")
	for _, topic := range []string{"slow", "unc"} { // their new leader has heard of its follower before it is paused
		r.produce(topic, 0, kgo.AllISRAcks(), 1)
	}
	r.pause(3)
	r.produce("iso", 0, kgo.LeaderAck(), 10)
	r.same("51-isr-shrink", all...)
	r.wake()
	r.same("52-isr-expand", all...)
}

func (r *recording) uncleanElection() {
	all := []string{"iso", "unc", "slow", "zkplain", "__consumer_offsets", "__transaction_state"}
	r.stop(2)
	r.produce("unc", 0, kgo.LeaderAck(), 10)
	r.kill(3)
	r.same("53-offline-partition", all...)
	r.restart(2)
	r.same("54-broker2-back-no-eligible-leader", all...)
	r.electPreferred("iso-1")
	r.tool("kafka.admin.ConfigCommand", "--zookeeper", "ZK", "--entity-type", "topics", "--entity-name", "unc", "--alter", "--add-config", "unclean.leader.election.enable=true")
	r.same("55-unclean-enable-topic-config", all...)
	r.config("55-unclean-enable-topic-config", "topics/unc")
	r.restart(3)
	r.same("56-broker3-back", all...)
}

func (r *recording) controllers() {
	all := []string{"iso", "unc", "slow", "zkplain", "__consumer_offsets", "__transaction_state"}
	if id := testkit.Controller(r.t, r.bs[1].Bootstrap); id != 1 {
		r.t.Fatalf("broker %d is controller", id)
	}
	r.kill(1)
	r.settled(2)
	r.electPreferred("zkplain-0", "unc-0")
	r.same("57-controller-kill9", all...)
	r.restart(1)
	r.same("58-broker1-back", all...)
	r.electPreferred()
	r.same("59-auto-preferred-rebalance", all...)
	if err := r.conn.Delete("/controller", -1); err != nil {
		r.t.Fatal(err)
	}
	r.settled(3)
	r.same("60-delete-controller-znode", all...)
}

// throttled reassigns under a throttle, and has a look at whether it does what it says.
func (r *recording) throttled() {
	const rate = 300_000
	r.create("big", []int32{1, 2})
	r.produce("big", 0, kgo.AllISRAcks(), 3000) // 1 KB each: ten seconds
	began := time.Now()
	plan := r.file(`{"version":1,"partitions":[{"topic":"big","partition":0,"replicas":[3,2]}]}`)
	r.tool("kafka.admin.ReassignPartitionsCommand", "--zookeeper", "ZK", "--execute", "--reassignment-json-file", plan, "--throttle", fmt.Sprint(rate))
	recorded := r.recorded("64-reassign-zk-throttled-complete")
	for _, path := range []string{"/config/topics/big", "/config/brokers/1", "/config/brokers/2", "/config/brokers/3"} {
		want := map[string]string{}
		for key, value := range overrides(r.t, recorded[path]) {
			if strings.HasSuffix(key, ".throttled.rate") {
				value = fmt.Sprint(rate)
			}
			if strings.Contains(key, "throttled") {
				want[key] = value
			}
		}
		if got := overrides(r.t, r.tree()[path]); !maps.Equal(got, want) {
			r.t.Errorf("%s is %v, not %v", path, got, want)
		}
	}
	most := 0.0
	testkit.Eventually(r.t, 2*time.Minute, "the reassignment is complete", func() bool {
		if !r.bs[2].IsKafka() {
			most = max(most, r.bs[2].Metric(r.t, "kafka_server_followerreplication_byte_rate"))
		}
		ok, _, err := r.conn.Exists("/admin/reassign_partitions")
		return err == nil && !ok
	})
	took := time.Since(began)
	r.t.Logf("3 MB took %s at %d bytes a second; the rate was %.0f at most", took, rate, most)
	if took < 8*time.Second || took > time.Minute {
		r.t.Errorf("3 MB took %s at %d bytes a second", took, rate)
	}
	// The rate is a mean over up to eleven seconds; one answer of a megabyte may go beyond the
	// limit.
	if !r.bs[2].IsKafka() && (most < rate/3 || most > rate+1<<20) {
		r.t.Errorf("the rate was %.0f bytes a second at most, allowed were %d", most, rate)
	}
	r.same("64-reassign-zk-throttled-complete", "big")
	r.tool("kafka.admin.ReassignPartitionsCommand", "--zookeeper", "ZK", "--verify", "--reassignment-json-file", plan)
	for path, n := range r.tree() {
		if strings.HasPrefix(path, "/config/topics/big") || strings.HasPrefix(path, "/config/brokers/") {
			if left := overrides(r.t, n); len(left) > 0 {
				r.t.Errorf("%s still has %v", path, left)
			}
		}
	}
}

// stoppedReassignment adds a replica on a broker that does not answer, deletes the topic meanwhile,
// and tries to cancel.
func (r *recording) stoppedReassignment() {
	testkit.MakeController(r.t, r.bs, 1) // not the one that is to be paused
	r.create("mv", []int32{1, 2})
	r.pause(3)
	r.reassign("mv", 0, nil, 3, 2)
	r.same("64b-reassign-in-progress", "mv")
	r.put("/admin/delete_topics/mv", "")
	r.same("65b-delete-topic-during-reassign", "mv")
	testkit.SessionGone(r.t, r.zk, 3)
	r.reassign("mv", 0, kerr.UnknownTopicOrPartition)
	r.same("66b-reassign-cancel-rejected", "mv")
	r.wake()
	r.same("67b-delete-finished", "mv")
}

// reassignNode writes /admin/reassign_partitions by hand.
func (r *recording) reassignNode() {
	testkit.WaitBrokers(r.t, r.bs, 3)
	testkit.WaitWholeISR(r.t, r.bs, limit)
	const node = "/admin/reassign_partitions"
	text := func(n testkit.Znode) string {
		if n.Data == nil {
			return ""
		}
		return *n.Data
	}
	before := r.tree()
	extra := text(r.recorded("68b-reassign-znode-with-extra-key")[node])
	r.put(node, extra)
	r.put("/isr_change_notification/isr_change_", `{"version":1,"partitions":[]}`) // whoever has dealt with this has seen the node
	testkit.Eventually(r.t, 20*time.Second, "the notification is dealt with", func() bool {
		left, _, err := r.conn.Children("/isr_change_notification")
		return err == nil && len(left) == 0
	})
	after := r.tree()
	for path, n := range after {
		if strings.HasPrefix(path, "/brokers/topics/iso") && shown(n) != shown(before[path]) {
			r.t.Errorf("%s became %s", path, shown(n))
		}
	}
	if got := text(after[node]); got != extra {
		r.t.Errorf("the node with an unknown key became %q", got)
	}
	if err := r.conn.Delete(node, -1); err != nil {
		r.t.Fatal(err)
	}
	r.put(node, text(r.recorded("68c-reassign-znode-unknown-topic-and-dead-broker")[node]))
	if err := r.conn.Delete("/controller", -1); err != nil { // Apache Kafka does not notice the second node before
		r.t.Fatal(err)
	}
	assigned := func(tree testkit.Znodes) string {
		var topic struct {
			Partitions map[string][]int `json:"partitions"`
			Adding     map[string][]int `json:"adding_replicas"`
			Removing   map[string][]int `json:"removing_replicas"`
		}
		if err := json.Unmarshal([]byte(text(tree["/brokers/topics/iso"])), &topic); err != nil {
			r.t.Fatal(err)
		}
		return fmt.Sprint(topic.Partitions["0"], topic.Adding["0"], topic.Removing["0"], " ", text(tree[node]))
	}
	epoch := func(tree testkit.Znodes) (n int) {
		var state struct {
			Epoch int `json:"leader_epoch"`
		}
		if err := json.Unmarshal([]byte(text(tree["/brokers/topics/iso/partitions/0/state"])), &state); err != nil {
			r.t.Fatal(err)
		}
		return state.Epoch
	}
	want := assigned(r.recorded("68e-failover-processes-reassign-znode"))
	testkit.Eventually(r.t, 30*time.Second, "the reassignment runs as recorded: "+want, func() bool { return assigned(r.tree()) == want })
	r.settled(0)
	running := epoch(r.tree()) // a new controller may still raise it
	r.reassign("iso", 0, nil)
	want = assigned(r.recorded("68f-cancel-api-removes-from-znode"))
	testkit.Eventually(r.t, 30*time.Second, "the reassignment is cancelled as recorded: "+want, func() bool {
		tree := r.tree()
		return assigned(tree) == want && epoch(tree) > running
	})
}

// ---- what is done ----

func (r *recording) tool(class string, args ...string) {
	r.t.Helper()
	for i, a := range args {
		args[i] = strings.NewReplacer("ZK", r.zk, "BOOTSTRAP", testkit.Bootstrap(r.bs)).Replace(a)
	}
	testkit.Run(r.t, 2*time.Minute, testkit.Spec{Args: testkit.Java(r.t, "kafka", class, args...)})
}

func (r *recording) topics(args ...string) {
	r.t.Helper()
	r.tool("kafka.admin.TopicCommand", args...)
}

func (r *recording) file(text string) string {
	r.t.Helper()
	name := filepath.Join(r.t.TempDir(), "plan.json")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return name
}

func (r *recording) put(path, data string) {
	r.t.Helper()
	flags := int32(0)
	if strings.HasSuffix(path, "_") {
		flags = zk.FlagSequence
	}
	var content []byte
	if data != "" {
		content = []byte(data)
	}
	if _, err := r.conn.Create(path, content, flags, zk.WorldACL(zk.PermAll)); err != nil {
		r.t.Fatal(path, err)
	}
}

// create makes a topic with these replicas. Each partition of several gets a record, so that its
// leader has heard of its followers: one that has never fetched is out of sync as soon as it is
// late.
func (r *recording) create(topic string, partitions ...[]int32) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cl := r.client()
	defer cl.Close()
	resp, err := testkit.AssignedTopic(topic, partitions...).RequestWith(ctx, cl)
	if err != nil || resp.Topics[0].ErrorCode != 0 {
		r.t.Fatalf("create %s: %v %+v", topic, err, resp)
	}
	for i, replicas := range partitions {
		if len(replicas) > 1 {
			r.produce(topic, int32(i), kgo.AllISRAcks(), 1)
		}
	}
}

func (r *recording) client(opts ...kgo.Opt) *kgo.Client {
	r.t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(strings.Split(r.bootstrap(), ",")...), kgo.MetadataMinAge(20*time.Millisecond))...)
	if err != nil {
		r.t.Fatal(err)
	}
	return cl
}

// produce writes records of a kilobyte to a partition.
func (r *recording) produce(topic string, partition int32, acks kgo.Acks, n int) {
	r.t.Helper()
	cl := r.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var records []*kgo.Record
	for range n {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: make([]byte, 1000)})
	}
	began := time.Now()
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Logf("%d records to %s-%d: %s", n, topic, partition, time.Since(began))
}

// reassign asks for new replicas, without any for the end of the reassignment, and expects an
// answer.
func (r *recording) reassign(topic string, partition int32, want error, replicas ...int32) {
	r.t.Helper()
	var req kadm.AlterPartitionAssignmentsReq
	req.Assign(topic, partition, replicas)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	resp, err := testkit.Admin(r.t, r.bootstrap()).AlterPartitionAssignments(ctx, req)
	if err != nil {
		r.t.Fatal(err)
	}
	if got := resp[topic][partition].Err; !errors.Is(got, want) {
		r.t.Fatalf("reassign %s-%d to %v: %v, not %v", topic, partition, replicas, got, want)
	}
}

// electPreferred makes preferred replicas leaders, of some partitions (topic-0) or of all, once the
// in-sync sets allow it.
func (r *recording) electPreferred(partitions ...string) {
	r.t.Helper()
	var set kadm.TopicsSet
	for _, p := range partitions {
		i := strings.LastIndexByte(p, '-')
		set.Add(p[:i], int32(p[i+1]-'0'))
	}
	adm, began := testkit.Admin(r.t, r.bootstrap()), time.Now()
	defer func() { r.t.Logf("election of %v: %s", partitions, time.Since(began)) }()
	testkit.Eventually(r.t, 30*time.Second, fmt.Sprintf("the preferred replicas of %v lead", partitions), func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		results, err := adm.ElectLeaders(ctx, kadm.ElectPreferredReplica, set)
		if err != nil {
			return false
		}
		for _, ps := range results {
			for _, p := range ps {
				if p.Err != nil && !errors.Is(p.Err, kerr.ElectionNotNeeded) {
					return false
				}
			}
		}
		return true
	})
}

func (r *recording) kill(id int) {
	r.t.Helper()
	r.bs[id-1].Process.Kill()
	testkit.SessionGone(r.t, r.zk, id)
}

func (r *recording) stop(id int) {
	r.t.Helper()
	r.bs[id-1].Process.Stop(r.t, limit)
}

// pause stops a broker, so that it neither answers nor knows.
func (r *recording) pause(id int) {
	r.t.Helper()
	r.bs[id-1].Process.Signal(r.t, syscall.SIGSTOP)
	r.paused = id
}

// wake lets the paused broker go on.
func (r *recording) wake() {
	r.t.Helper()
	r.bs[r.paused-1].Process.Signal(r.t, syscall.SIGCONT)
	r.paused = 0
}

// bootstrap is the addresses of the brokers that answer, or nobody listens on.
func (r *recording) bootstrap() string {
	var up []*testkit.Cluster
	for _, b := range r.bs {
		if b.ID != r.paused {
			up = append(up, b)
		}
	}
	return testkit.Bootstrap(up)
}

func (r *recording) restart(id int) {
	r.t.Helper()
	r.bs[id-1].Restart(r.t)
}

// settled waits until there is a controller of that epoch of the recording (0: any), and it has
// begun to work.
func (r *recording) settled(epoch int) {
	r.t.Helper()
	testkit.Eventually(r.t, 30*time.Second, fmt.Sprintf("there is a controller %d", epoch), func() bool {
		_, _, err := r.conn.Get("/controller")
		e, _, err2 := r.conn.Get("/controller_epoch")
		return err == nil && err2 == nil && (epoch == 0 || string(e) == fmt.Sprint(epoch))
	})
	live, _, err := r.conn.Children("/brokers/ids")
	if err != nil {
		r.t.Fatal(err)
	}
	var up []*testkit.Cluster
	for _, b := range r.bs {
		if slices.Contains(live, fmt.Sprint(b.ID)) {
			up = append(up, b)
		}
	}
	testkit.WaitBrokers(r.t, up, len(up))
}

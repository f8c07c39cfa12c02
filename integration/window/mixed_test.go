//go:build faults && interop

package window

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// mixedCluster has momus as brokers 1 and 2, and Apache Kafka 2.5.0 as broker 3, the controller.
func mixedCluster(t *testing.T) []*testkit.Cluster {
	t.Helper()
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	dirs := t.TempDir()
	kafka := testkit.Kafka(t, 3, zookeeper, append(settings, "log.dirs="+filepath.Join(dirs, "d1")+","+filepath.Join(dirs, "d2"))...)
	kafka.Dir = dirs
	bs := []*testkit.Cluster{nil, nil, kafka}
	for i := range 2 {
		dir := t.TempDir()
		bs[i] = testkit.Broker(t, i+1, zookeeper, append(settings, "log.dirs="+filepath.Join(dir, "d1")+","+filepath.Join(dir, "d2"))...)
		bs[i].Dir = dir
	}
	testkit.WaitBrokers(t, bs, 3)
	createTopic(t, bs, "orders")
	return bs
}

// named is a name that broker 3, which is Apache Kafka, coordinates or not, of those that begin with
// a prefix.
func named(t *testing.T, bs []*testkit.Cluster, prefix string, kafka bool, find func(admin *kadm.Client, name string) kadm.FindCoordinatorResponses) (name string) {
	t.Helper()
	admin := kadm.NewClient(client(t, bs))
	testkit.Eventually(t, limit, "a coordinator", func() bool {
		for i := range 20 {
			name = prefix + strconv.Itoa(i)
			if c := find(admin, name)[name]; c.Err == nil && (c.NodeID == 3) == kafka {
				return true
			}
		}
		return false
	})
	return name
}

// In a cluster with Apache Kafka the true cause is named as far as brokers of momus know it, and
// what the others do not tell is said to be unknown.
func TestWhyInAMixedCluster(t *testing.T) {
	bs := mixedCluster(t)
	if id := testkit.Controller(t, testkit.Bootstrap(bs)); id != 3 {
		t.Fatalf("broker %d is the controller", id)
	}
	const silent = "broker 3 cannot be read (it is not momus, or its HTTP port is closed)"
	why(t, bs, 0, []string{silent}, "orders-0")

	t.Run("missed heartbeats", func(t *testing.T) {
		group := named(t, bs, "g", false, func(a *kadm.Client, n string) kadm.FindCoordinatorResponses {
			return a.FindGroupCoordinators(t.Context(), n)
		})
		var wire cable
		lost := client(t, bs, kgo.ConsumeTopics("orders"), kgo.ConsumerGroup(group), kgo.SessionTimeout(time.Second), kgo.HeartbeatInterval(200*time.Millisecond), kgo.ClientID("lost"), kgo.Dialer(wire.dial))
		poll(t, lost)
		why(t, bs, 0, []string{"lost-", "joined group " + group, "1 member"}, "--group", group)
		wire.cut()
		why(t, bs, 0, []string{"lost-", "is out of group " + group + ": no heartbeat within session.timeout.ms"}, "--group", group)
	})

	t.Run("hung transaction", func(t *testing.T) {
		id := named(t, bs, "payments", false, func(a *kadm.Client, n string) kadm.FindCoordinatorResponses {
			return a.FindTxnCoordinators(t.Context(), n)
		})
		hang(t, bs, id)
		why(t, bs, 0, []string{"a transaction of " + id + " began", "is decided: abort, because it was open longer than transaction.timeout.ms", "is over (abort)"}, "--transactional-id", id)
	})

	t.Run("a group that Apache Kafka coordinates", func(t *testing.T) {
		group := named(t, bs, "k", true, func(a *kadm.Client, n string) kadm.FindCoordinatorResponses {
			return a.FindGroupCoordinators(t.Context(), n)
		})
		poll(t, client(t, bs, kgo.ConsumeTopics("orders"), kgo.ConsumerGroup(group), kgo.ClientID("reader")))
		why(t, bs, 0, []string{"Group " + group + " is Stable, members: 1; its coordinator is broker 3.", "who joined or left, and why, is not known",
			"(client reader, 127.0.0.1), partitions: 1", silent}, "--group", group)
	})

	t.Run("a hung transaction that Apache Kafka coordinates", func(t *testing.T) {
		id := named(t, bs, "billing", true, func(a *kadm.Client, n string) kadm.FindCoordinatorResponses {
			return a.FindTxnCoordinators(t.Context(), n)
		})
		hang(t, bs, id)
		why(t, bs, 0, []string{"The coordinator of " + id + " is broker 3.", "__transaction_state", "Ongoing", "It has been open for", "after 8s the coordinator aborts it"}, "--transactional-id", id)
		why(t, bs, 0, []string{"Ongoing", "PrepareAbort", "CompleteAbort", "the time-out is 8s: the coordinator did it, because the transaction was open for too long", silent}, "--transactional-id", id)
	})

	whole := t // what is started again outlives its part
	t.Run("the controller fails, which is Apache Kafka", func(t *testing.T) {
		bs[2].Process.Kill()
		testkit.Eventually(t, limit, "another controller", func() bool { return testkit.Controller(t, bs[0].Bootstrap) != 3 })
		next := testkit.Controller(t, bs[0].Bootstrap)
		why(t, bs, 3, []string{fmt.Sprintf("broker %d became the controller, controller epoch 2", next)}, "--broker", strconv.Itoa(next))
		bs[2].Restart(whole)
		testkit.WaitWholeISR(t, bs, limit)
		why(t, bs, 0, []string{"broker 3", silent}, "--broker", "3")
	})

	leader := testkit.Leader(t, testkit.Bootstrap(bs), "orders", 0)
	if leader == 3 {
		t.Fatal("broker 3 leads, though it was away")
	}
	for _, f := range []*testkit.Cluster{bs[2], other(bs, leader, 3)} {
		t.Run(fmt.Sprintf("paused follower %d", f.ID), func(t *testing.T) {
			if f.ID == 3 { // it keeps no journal
				pauseFollower(t, bs, f, "", silent)
			} else {
				pauseFollower(t, bs, f, "because the process of broker "+strconv.Itoa(f.ID)+" did not run for")
			}
		})
	}

	t.Run("failed directory", func(t *testing.T) {
		b := bs[leader-1]
		dir := loseDirectory(t, b, "orders-0")
		oneMore(t, bs)
		why(t, bs, 0, []string{"log directory " + dir + " of broker " + strconv.Itoa(leader) + " failed"}, "--broker", strconv.Itoa(leader))
	})

	t.Run("failed directory of Apache Kafka", func(t *testing.T) {
		b := bs[2]
		dir := loseDirectory(t, b, "orders-0")
		oneMore(t, bs)
		why(t, bs, 0, []string{"Broker 3 is registered", "Its log directory " + dir + " has failed.", silent}, "--broker", "3")
		why(t, bs, 0, []string{"Broker 3 is alive, and its replica is on a log directory that has failed: " + dir + "."}, "orders-0")
	})
}

// oneMore writes a record more to orders, so that the next checkpoint of the directory is written, and
// fails.
func oneMore(t *testing.T, bs []*testkit.Cluster) {
	t.Helper()
	cl := client(t, bs, kgo.DefaultProduceTopic("orders"), kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord("x")).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// When brokers of momus are lost and Apache Kafka takes over, ZooKeeper tells since when, and why is
// said to be unknown.
func TestWhyAfterApacheKafkaTakesOver(t *testing.T) {
	bs := mixedCluster(t)
	zookeeper := bs[2].ZooKeeper
	bs[2].Process.Kill()
	testkit.Eventually(t, limit, "a controller that is momus", func() bool { return testkit.Controller(t, bs[0].Bootstrap) != 3 })
	bs[2].Restart(t)
	testkit.WaitWholeISR(t, bs, limit)
	for _, b := range bs[:2] {
		b.Process.Kill()
	}
	testkit.Eventually(t, limit, "Apache Kafka as the controller and leader", func() bool {
		return testkit.Controller(t, bs[2].Bootstrap) == 3 && testkit.Leader(t, bs[2].Bootstrap, "orders", 0) == 3
	})
	for _, b := range bs[:2] {
		b.Restart(t)
	}
	testkit.WaitWholeISR(t, bs, limit)
	const takeover = "The controller is broker 3, since "
	why(t, bs, 0, []string{"Broker 3 is registered", takeover, "(controller epoch ", "why the one before it gave up is known only from others"}, "--broker", "3", "--zookeeper", zookeeper)
	why(t, bs, 0, []string{"orders-0: leader 3", "under controller epoch", takeover, "The present leader was decided, or kept, under broker 3; its journal cannot be read, so its reasons are not known.",
		"broker 3 cannot be read"}, "orders-0", "--zookeeper", zookeeper)
	// The brokers of momus say themselves that they were killed.
	why(t, bs, 0, []string{"broker 1 started; its last stop was unclean"}, "--broker", "1")
}

// hang begins a transaction that its client never ends, with a record in it; the coordinator aborts
// it after eight seconds.
func hang(t *testing.T, bs []*testkit.Cluster, id string) {
	t.Helper()
	cl := client(t, bs, kgo.DefaultProduceTopic("orders"), kgo.TransactionalID(id), kgo.TransactionTimeout(8*time.Second))
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

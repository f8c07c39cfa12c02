//go:build faults

package window

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/coordinator/zkserver"
	"momus/integration/testkit"
)

// settings make a cluster that notices failures fast.
var settings = []string{
	"zookeeper.session.timeout.ms=2000", "replica.lag.time.max.ms=3000", "offsets.topic.replication.factor=3", "log.cleaner.dedupe.buffer.size=4194304",
	"group.min.session.timeout.ms=500", "transaction.abort.timed.out.transaction.cleanup.interval.ms=500", "transaction.state.log.replication.factor=3",
	"replica.high.watermark.checkpoint.interval.ms=500", "auto.leader.rebalance.enable=false",
}

const limit = 40 * time.Second

func coordination(t *testing.T) string {
	t.Helper()
	s, err := zkserver.New(zkserver.Options{Dir: filepath.Join(t.TempDir(), "zk"), TickTime: 250 * time.Millisecond, MaxClientCnxns: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("coordination server: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return s.Addr().String()
}

func cluster(t *testing.T) []*testkit.Cluster {
	t.Helper()
	zk := coordination(t)
	bs := make([]*testkit.Cluster, 3)
	for i := range bs {
		dir := t.TempDir()
		bs[i] = testkit.Broker(t, i+1, zk, append(settings, "log.dirs="+filepath.Join(dir, "d1")+","+filepath.Join(dir, "d2"))...)
		bs[i].Dir = dir
	}
	testkit.WaitBrokers(t, bs, 3)
	return bs
}

// why runs momus why against those of the brokers that are not without, until its output has all of
// the words, in order.
func why(t *testing.T, bs []*testkit.Cluster, without int, words []string, args ...string) {
	t.Helper()
	var servers []string
	for _, b := range bs {
		if b.ID != without {
			servers = append(servers, b.Bootstrap)
		}
	}
	args = append([]string{testkit.Binary(t), "why", "--bootstrap-server", strings.Join(servers, ","), "--last", "40"}, args...)
	out := ""
	defer func() {
		if t.Failed() {
			t.Logf("wanted %q, %v said\n%s", words, args, out)
		}
	}()
	testkit.Eventually(t, limit, "the true cause", func() bool {
		var err error
		if out, err = testkit.TryRun(limit, testkit.Spec{Args: args}); err != nil {
			return false
		}
		rest := out
		for _, w := range words {
			i := strings.Index(rest, w)
			if i < 0 {
				return false
			}
			rest = rest[i+len(w):]
		}
		return true
	})
}

func client(t *testing.T, bs []*testkit.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(strings.Split(testkit.Bootstrap(bs), ",")...)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func createTopic(t *testing.T, bs []*testkit.Cluster, topic string) {
	t.Helper()
	if _, err := testkit.Admin(t, testkit.Bootstrap(bs)).CreateTopic(t.Context(), 1, 3, nil, topic); err != nil {
		t.Fatal(err)
	}
	testkit.WaitWholeISR(t, bs, limit)
}

func other(bs []*testkit.Cluster, not ...int) *testkit.Cluster {
	for _, b := range bs {
		free := true
		for _, n := range not {
			free = free && b.ID != n
		}
		if free {
			return b
		}
	}
	return nil
}

func TestWhyNamesTheCauseOfAControllerFailover(t *testing.T) {
	t.Parallel()
	bs := cluster(t)
	createTopic(t, bs, "orders")
	id := testkit.Controller(t, testkit.Bootstrap(bs))
	b := bs[id-1]
	leader := testkit.Leader(t, testkit.Bootstrap(bs), "orders", 0)
	b.Process.Kill()
	next := other(bs, id)
	testkit.Eventually(t, limit, "another controller", func() bool { return testkit.Controller(t, next.Bootstrap) != id })
	b.Restart(t)
	word := strconv.Itoa(id)
	elected, cause := "became the controller, controller epoch 2", "because broker "+word+" started; its last stop was unclean"
	words := []string{elected, cause}
	if leader == id {
		// The new controller followed the old one's partition: it noticed before the session had
		// ended, and what is the cause of both is told once, at the first.
		words = []string{"cannot fetch from broker " + word, cause, elected}
	}
	why(t, bs, id, words, "--broker", strconv.Itoa(testkit.Controller(t, next.Bootstrap)))
	why(t, bs, id, []string{"the controller saw broker " + word + " go", "because broker " + word + " started; its last stop was unclean"}, "--broker", word)
	if leader == id {
		// The same cause stands above one of the two: the loss of a replica in sync, or the election.
		why(t, bs, id, []string{"because the controller saw broker " + word + " go", "without a leader"}, "orders-0")
		why(t, bs, id, []string{"leader of orders-0 " + word + " →", "without a leader"}, "orders-0")
	}
}

func TestWhyNamesAPausedFollower(t *testing.T) {
	t.Parallel()
	bs := cluster(t)
	createTopic(t, bs, "orders")
	leader := testkit.Leader(t, testkit.Bootstrap(bs), "orders", 0)
	f := other(bs, leader, testkit.Controller(t, testkit.Bootstrap(bs)))
	pauseFollower(t, bs, f, "because the process of broker "+strconv.Itoa(f.ID)+" did not run for")
}

// pauseFollower stops a follower of orders for a while; why names the cause then, if it is not "",
// and ends with the rest.
func pauseFollower(t *testing.T, bs []*testkit.Cluster, f *testkit.Cluster, cause string, rest ...string) {
	t.Helper()
	cl := client(t, bs, kgo.DefaultProduceTopic("orders"), kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	f.Process.Signal(t, syscall.SIGSTOP)
	resume := sync.OnceFunc(func() { f.Process.Signal(t, syscall.SIGCONT) })
	defer resume()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for range 20 {
		if err := cl.ProduceSync(ctx, &kgo.Record{Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	id := strconv.Itoa(f.ID)
	// While it stands still, only what others see is known.
	why(t, bs, f.ID, []string{id + " fell out of sync in orders-0"}, "orders-0")
	resume()
	testkit.WaitWholeISR(t, bs, limit)
	words := []string{id + " fell out of sync in orders-0"}
	if cause != "" {
		words = append(words, cause)
	}
	why(t, bs, f.ID, append(append(words, "broker "+id+" is in sync again"), rest...), "orders-0")
}

// cable is the network of a client, until it is cut.
type cable struct {
	mu    sync.Mutex
	gone  bool
	conns []net.Conn
}

func (c *cable) dial(ctx context.Context, network, host string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return nil, errors.New("the network is gone")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, host)
	if err == nil {
		c.conns = append(c.conns, conn)
	}
	return conn, err
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	for _, conn := range c.conns {
		conn.Close()
	}
}

func TestWhyNamesMissedHeartbeats(t *testing.T) {
	t.Parallel()
	bs := cluster(t)
	createTopic(t, bs, "orders")
	group := []kgo.Opt{kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("g"), kgo.SessionTimeout(time.Second), kgo.HeartbeatInterval(200 * time.Millisecond)}
	var wire cable
	poll(t, client(t, bs, append(group, kgo.ClientID("steady"))...))
	poll(t, client(t, bs, append(group, kgo.ClientID("lost"), kgo.Dialer(wire.dial))...))
	why(t, bs, 0, []string{"lost-", "joined group g", "2 members, after"}, "--group", "g")
	wire.cut()
	why(t, bs, 0, []string{"lost-", "is out of group g: no heartbeat within session.timeout.ms", "group g rebalances, because a member is gone", "group g agreed"}, "--group", "g")
}

func TestWhyNamesAHungTransaction(t *testing.T) {
	t.Parallel()
	bs := cluster(t)
	createTopic(t, bs, "orders")
	cl := client(t, bs, kgo.DefaultProduceTopic("orders"), kgo.TransactionalID("payments"), kgo.TransactionTimeout(8*time.Second))
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	why(t, bs, 0, []string{"a transaction of payments began", "it has been open for"}, "--transactional-id", "payments")
	why(t, bs, 0, []string{"a transaction of payments began", "the transaction of payments is decided: abort, because it was open longer than transaction.timeout.ms", "is over (abort)"}, "--transactional-id", "payments")
}

// loseDirectory takes from a broker that runs the log directory that has a partition, and returns its
// path.
func loseDirectory(t *testing.T, b *testkit.Cluster, partition string) string {
	t.Helper()
	for _, d := range []string{"d1", "d2"} {
		dir := filepath.Join(b.Dir, d)
		if _, err := os.Stat(filepath.Join(dir, partition)); err != nil {
			continue
		}
		if err := os.Rename(dir, dir+".gone"); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	t.Fatalf("broker %d has no directory with %s", b.ID, partition)
	return ""
}

func TestWhyNamesAFailedDirectory(t *testing.T) {
	t.Parallel()
	bs := cluster(t)
	createTopic(t, bs, "orders")
	id := testkit.Leader(t, testkit.Bootstrap(bs), "orders", 0)
	b := bs[id-1]
	dir := loseDirectory(t, b, "orders-0") // its next checkpoint fails
	word := strconv.Itoa(id)
	why(t, bs, 0, []string{"leader of orders-0 " + word + " →", "because broker " + word + " told the controller that", "because log directory " + dir + " of broker " + word + " failed"}, "orders-0")
	why(t, bs, 0, []string{"log directory " + dir + " of broker " + word + " failed", "no such file or directory"}, "--broker", word)
}

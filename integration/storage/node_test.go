package storage

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/sirupsen/logrus"

	"momus/broker"
	"momus/configs"
	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
	"momus/integration/testkit"
	"momus/internal/testbase"
	"momus/storage/vfs"
)

// startZooKeeper runs the embedded coordination server until the test ends, with the given znodes
// in it.
func startZooKeeper(t testing.TB, znodes map[string]string) (addr string) {
	t.Helper()
	s, _ := zkservertest.Run(t, zkserver.Options{MaxClientCnxns: -1, NoSync: true})
	conn := testkit.ZooKeeperConn(t, s.Addr().String())
	for _, path := range slices.Sorted(maps.Keys(znodes)) { // parents come first
		if path == "/" || path == "/zookeeper" || path == "/zookeeper/quota" {
			continue
		}
		if _, err := conn.Create(path, []byte(znodes[path]), 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatalf("create %s: %v", path, err)
		}
	}
	return s.Addr().String()
}

// node is a broker in the test's process.
type node struct {
	b      *broker.Broker
	cancel context.CancelFunc
	done   chan struct{}
	err    error // what Run returned; valid after done
	out    *testbase.Buffer
}

// launch starts a broker without waiting for it.
func launch(t testing.TB, properties map[string]string, fs vfs.FS, now func() time.Time) *node {
	t.Helper()
	all := map[string]string{
		"broker.id": "1", "listeners": "PLAINTEXT://127.0.0.1:0", "log.cleaner.enable": "false", "offsets.topic.num.partitions": "4",
		"offsets.topic.replication.factor": "1", "transaction.state.log.num.partitions": "4", "transaction.state.log.replication.factor": "1",
		"transaction.state.log.min.isr": "1", "group.initial.rebalance.delay.ms": "0",
	}
	maps.Copy(all, properties)
	config, err := configs.New(all)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{done: make(chan struct{}), out: &testbase.Buffer{}}
	logger := logrus.New()
	logger.SetOutput(n.out)
	if n.b, err = broker.New(broker.Options{Config: config, Logger: logger, FS: fs, Now: now}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	go func() {
		n.err = n.b.Run(ctx)
		close(n.done)
	}()
	t.Cleanup(func() {
		cancel()
		<-n.done
		if t.Failed() {
			t.Logf("---- broker log ----\n%s", n.out)
		}
	})
	return n
}

// start starts a broker and waits until it serves.
func start(t testing.TB, properties map[string]string, fs vfs.FS, now func() time.Time) *node {
	t.Helper()
	n := launch(t, properties, fs, now)
	select {
	case <-n.b.Ready():
	case <-n.done:
		t.Fatalf("the broker did not start: %v", n.err)
	}
	return n
}

func (n *node) addr() string { return n.b.Addr("PLAINTEXT").String() }

// stop stops the broker cleanly.
func (n *node) stop(t testing.TB) {
	t.Helper()
	n.cancel()
	<-n.done
	if n.err != nil {
		t.Fatalf("the broker did not stop cleanly: %v", n.err)
	}
}

// wait waits for the broker to stop by itself, and returns why.
func (n *node) wait(t testing.TB, limit time.Duration) error {
	t.Helper()
	select {
	case <-n.done:
		if n.err == nil {
			return errors.New("stopped without a reason")
		}
		return n.err
	case <-time.After(limit):
		t.Fatalf("the broker still runs after %s", limit)
		return nil
	}
}

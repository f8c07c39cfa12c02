package tooltest

import (
	"context"
	"io"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"momus/broker"
	"momus/configs"
	"momus/coordinator/zk"
	"momus/coordinator/zkserver"
)

// Cluster is a coordination server and brokers in the test's process.
type Cluster struct {
	Bootstrap []string // host:port of each broker, in the order of their ids from 1
	ZooKeeper string
	brokers   []*running
	t         testing.TB
}

// running is a broker that may be stopped and started again on the same port and directory.
type running struct {
	props map[string]string
	stop  context.CancelFunc
	done  chan struct{}
}

// NewCluster starts brokers with more settings than the few that keep them small; they stop when
// the test ends.
func NewCluster(t testing.TB, brokers int, settings map[string]string) *Cluster {
	t.Helper()
	dir := t.TempDir()
	// Without fsync: nothing of a test has to survive a power cut.
	server, err := zkserver.New(zkserver.Options{Dir: filepath.Join(dir, "zk"), TickTime: 500 * time.Millisecond, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Run(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("coordination server: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		serving.Wait()
	})
	c := &Cluster{ZooKeeper: server.Addr().String(), t: t}
	for id := 1; id <= brokers; id++ {
		// Few partitions of the internal topics, since each is a log with files of its own; no wait
		// for the first rebalance, and short retries when a test stops all brokers one after the
		// other.
		props := map[string]string{
			"broker.id": itoa(id), "listeners": "PLAINTEXT://127.0.0.1:0", "zookeeper.connect": c.ZooKeeper,
			"log.dirs": filepath.Join(dir, "broker-"+itoa(id)), "offsets.topic.num.partitions": "3", "group.initial.rebalance.delay.ms": "0",
			"offsets.topic.replication.factor": itoa(min(brokers, 3)), "log.cleaner.dedupe.buffer.size": "2097152", "transaction.state.log.replication.factor": "1",
			"transaction.state.log.min.isr": "1", "transaction.state.log.num.partitions": "3",
			"controlled.shutdown.max.retries": "1", "controlled.shutdown.retry.backoff.ms": "10",
		}
		for k, v := range settings {
			props[k] = v
		}
		c.brokers = append(c.brokers, &running{props: props})
		// Filled in by Start, which knows the port then.
		c.Bootstrap = append(c.Bootstrap, "")
		c.Start(id)
		c.brokers[id-1].props["listeners"] = "PLAINTEXT://" + c.Bootstrap[id-1] // the same one when it starts again
	}
	t.Cleanup(func() {
		for id := range c.brokers {
			c.Stop(id + 1)
		}
	})
	c.awaitController()
	c.awaitBrokers()
	return c
}

// awaitController waits until a broker is the controller: some tools show that.
func (c *Cluster) awaitController() {
	c.t.Helper()
	ctx, session, done := c.session()
	defer done()
	// One is enough: what is read after it is newer than any event.
	changed := make(chan struct{}, 1)
	defer session.OnNode(zk.ControllerPath, func(zk.NodeEvent) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})()
	for {
		// The watch comes before the look, so that nothing falls in between.
		if _, err := session.Watch(ctx, zk.ControllerPath); err != nil {
			c.t.Fatal(err)
		}
		if id, err := session.ControllerID(ctx); err != nil {
			c.t.Fatal(err)
		} else if id >= 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c.t.Fatal("no broker has become the controller")
		}
	}
}

// Start starts a broker that is stopped, and waits until it serves.
func (c *Cluster) Start(id int) {
	c.t.Helper()
	r := c.brokers[id-1]
	conf, err := configs.New(r.props)
	if err != nil {
		c.t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	b, err := broker.New(broker.Options{Config: conf, Logger: log, HTTPAddr: "127.0.0.1:0", HTTPOptional: true})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.done = cancel, make(chan struct{})
	go func() { // ended by Stop
		defer close(r.done)
		if err := b.Run(ctx); err != nil {
			c.t.Errorf("broker %d: %v", id, err)
		}
	}()
	select {
	case <-b.Ready():
	case <-r.done:
		c.t.FailNow()
	}
	c.Bootstrap[id-1] = b.Addr("PLAINTEXT").String()
}

// Stop stops a broker in an orderly way and waits until it has ended; one that is stopped already
// stays so.
func (c *Cluster) Stop(id int) {
	r := c.brokers[id-1]
	r.stop()
	<-r.done
}

func itoa(n int) string { return strconv.Itoa(n) }

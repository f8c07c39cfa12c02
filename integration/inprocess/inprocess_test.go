// Package inprocess runs several brokers and coordination servers inside the test: they share
// nothing, and leave nothing behind when they stop.
package inprocess

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"momus/broker"
	"momus/configs"
	"momus/coordinator/zkserver"
	"momus/integration/testkit"
)

// cluster is a coordination server with brokers.
type cluster struct {
	bootstrap []string
	zookeeper string
	stop      func()
}

func start(t *testing.T, brokers int) *cluster {
	t.Helper()
	dir := t.TempDir()
	log := logrus.New()
	log.SetOutput(io.Discard)
	zk, err := zkserver.New(zkserver.Options{Dir: filepath.Join(dir, "zk"), MaxClientCnxns: -1})
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0") // as the port of another broker's metrics
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	zkCtx, stopZK := context.WithCancel(context.Background())
	ctx, cancel := context.WithCancel(context.Background())
	var servers, zks sync.WaitGroup
	zks.Go(func() {
		if err := zk.Run(zkCtx); err != nil {
			t.Errorf("coordination server: %v", err)
		}
	})
	c := &cluster{zookeeper: zk.Addr().String(), stop: func() {
		cancel()
		servers.Wait()
		stopZK()
		zks.Wait()
	}}
	for id := range brokers {
		conf, err := configs.New(map[string]string{
			"broker.id": fmt.Sprint(id + 1), "listeners": "PLAINTEXT://127.0.0.1:0", "zookeeper.connect": zk.Addr().String(),
			"log.dirs": filepath.Join(dir, fmt.Sprint("broker-", id+1)), "offsets.topic.num.partitions": "3", "group.initial.rebalance.delay.ms": "0",
			"offsets.topic.replication.factor": fmt.Sprint(min(brokers, 3)), "log.cleaner.dedupe.buffer.size": "2097152",
			"controlled.shutdown.enable": "false", // they stop together
		})
		if err != nil {
			t.Fatal(err)
		}
		b, err := broker.New(broker.Options{Config: conf, Logger: log, HTTPAddr: taken.Addr().String(), HTTPOptional: true})
		if err != nil {
			t.Fatal(err)
		}
		failed := make(chan error, 1)
		servers.Go(func() {
			err := b.Run(ctx)
			if err != nil {
				t.Errorf("broker %d: %v", id+1, err)
			}
			failed <- err
		})
		select {
		case <-b.Ready():
		case <-failed:
			c.stop()
			t.FailNow()
		}
		c.bootstrap = append(c.bootstrap, b.Addr("PLAINTEXT").String())
	}
	return c
}

// use produces and consumes through a group, all in the topic of the given name.
func (c *cluster) use(t *testing.T, topic string, replication int16) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap...), kgo.DefaultProduceTopic(topic), kgo.ConsumeTopics(topic), kgo.ConsumerGroup("g-"+topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	testkit.Eventually(t, 30*time.Second, "topic "+topic+" was created", func() bool { // brokers learn of each other a moment after they are ready
		_, err := kadm.NewClient(cl).CreateTopic(ctx, 4, replication, nil, topic)
		return err == nil
	})
	const n = 200
	for i := range n {
		cl.Produce(ctx, kgo.StringRecord(fmt.Sprint(topic, i)), func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("produce: %v", err)
			}
		})
	}
	seen := map[string]bool{}
	for len(seen) < n && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) { seen[string(r.Value)] = true })
	}
	if len(seen) != n {
		t.Errorf("%s: %d of %d records came back", topic, len(seen), n)
	}
	topics, err := kadm.NewClient(cl).ListTopics(ctx)
	if err != nil || len(topics) != 1 {
		t.Errorf("%s: the cluster has topics %v (%v), which are not its own", topic, topics.Names(), err)
	}
}

func TestClustersInOneProcessShareNothingAndLeaveNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	one, three := start(t, 1), start(t, 3)
	var wg sync.WaitGroup
	wg.Go(func() { one.use(t, "alone", 1) })
	wg.Go(func() { three.use(t, "together", 3) })
	wg.Wait()
	one.stop()
	three.stop()
	goleak.VerifyNone(t, before)
}

package broker

import (
	"context"
	"strings"
	"testing"
	"time"

	"momus/coordinator/zk"
	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
)

// restartable is the embedded coordination server on one address.
type restartable struct {
	opts zkserver.Options
	stop func()
}

func (r *restartable) start(t *testing.T) {
	t.Helper()
	var server *zkserver.Server
	server, r.stop = zkservertest.Run(t, r.opts)
	r.opts.Listen = server.Addr().String()
}

// A topic that is new to this broker while ZooKeeper is gone gets the defaults after a bounded
// time, nobody waits for it a second time, and its configs come when ZooKeeper does.
func TestConfigsOfNewTopicsWhileZooKeeperIsGone(t *testing.T) {
	coordination := &restartable{opts: zkserver.Options{Dir: t.TempDir(), NoSync: true}}
	coordination.start(t)
	defer func() { coordination.stop() }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client, err := zk.Dial(ctx, zk.Options{Connect: coordination.opts.Listen, SessionTimeout: 30 * time.Second, ConnectTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.CreateTopLevelPaths(ctx); err != nil {
		t.Fatal(err)
	}
	for topic, retention := range map[string]string{"new": "5", "wrong": "abc"} {
		if err := client.SetConfig(ctx, zk.EntityTopics, topic, map[string]string{"retention.ms": retention, "segment.ms": "8"}); err != nil {
			t.Fatal(err)
		}
	}
	d, logged := dynamicThatLogs(t, client)
	told := make(chan string, 3)
	d.onTopic = func(topic string, _ map[string]string) { told <- topic }

	coordination.stop()
	began := time.Now()
	d.Learn(ctx, []string{"new", "wrong", "none"})
	if took := time.Since(began); took > learnWait+time.Minute {
		t.Errorf("gave up after %v", took)
	}
	if got := d.Topic("new"); got.RetentionMs != 777 || strings.Count(logged.String(), "could not read the configs") != 1 {
		t.Errorf("without ZooKeeper retention.ms=%d, logged %s", got.RetentionMs, logged.String())
	}
	d.Learn(ctx, []string{"new", "none"})
	if n := strings.Count(logged.String(), "could not read the configs"); n != 1 {
		t.Errorf("topics that could not be read were asked for again: logged %s", logged.String())
	}

	ended := make(chan error, 1)
	go func() { ended <- d.readAgain(ctx) }()
	coordination.start(t)
	for range 3 {
		select {
		case <-told:
		case <-time.After(30 * time.Second):
			t.Fatal("the configs were not read again")
		}
	}
	if got := d.Topic("new"); got.RetentionMs != 5 || got.SegmentMs != 8 {
		t.Errorf("afterwards retention.ms=%d segment.ms=%d", got.RetentionMs, got.SegmentMs)
	}
	if got := d.Topic("wrong"); got.RetentionMs != 777 || got.SegmentMs != 8 {
		t.Errorf("wrong: retention.ms=%d segment.ms=%d", got.RetentionMs, got.SegmentMs)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

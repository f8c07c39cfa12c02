package momustest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"momus/momustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, c *momustest.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.Bootstrap()...), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func create(t *testing.T, cl *kgo.Client, topic string, replicas int16, configs map[string]*string) {
	t.Helper()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, replicas, configs, topic); err != nil {
		t.Fatal(err)
	}
}

func produce(t *testing.T, cl *kgo.Client, topic string, from, to int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := from; i < to; i++ {
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func consume(t *testing.T, c *momustest.Cluster, topic string, n int) {
	t.Helper()
	cl := client(t, c, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := 0; i < n; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if string(r.Value) != fmt.Sprint(i) {
				t.Fatalf("record %d is %s", i, r.Value)
			}
			i++
		})
	}
}

func TestOneBroker(t *testing.T) {
	began := time.Now()
	c := momustest.Start(t)
	t.Logf("ready after %v", time.Since(began))
	cl := client(t, c)
	create(t, cl, "t", 1, nil)
	produce(t, cl, "t", 0, 100)
	consume(t, c, "t", 100)
}

func TestKilledBrokerComesBackWithItsRecords(t *testing.T) {
	began := time.Now()
	c := momustest.Start(t, momustest.Brokers(3), momustest.InMemory())
	t.Logf("ready after %v", time.Since(began))
	cl := client(t, c)
	two := "2"
	create(t, cl, "t", 3, map[string]*string{"min.insync.replicas": &two})
	c.WaitISR("t", 0, 1, 2, 3)
	produce(t, cl, "t", 0, 50)
	c.Kill(2)
	c.WaitISR("t", 0, 1, 3)
	produce(t, cl, "t", 50, 100)
	c.Restart(2)
	c.WaitISR("t", 0, 1, 2, 3)
	c.Stop(1)
	c.Kill(3) // the one that was killed first has it all
	produceAnyway(t, c)
	c.Restart(1)
	c.Restart(3)
	c.WaitISR("t", 0, 1, 2, 3)
	consume(t, c, "t", 100)
}

// produceAnyway shows that too few replicas refuse records that must not be lost.
func produceAnyway(t *testing.T, c *momustest.Cluster) {
	t.Helper()
	c.WaitISR("t", 0, 2)
	cl := client(t, c, kgo.RecordRetries(0), kgo.RequiredAcks(kgo.AllISRAcks()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("x")}).FirstErr(); err == nil {
		t.Error("one replica of min.insync.replicas=2 took a record")
	}
}

func TestPartitionAndPauseLeaveTheISR(t *testing.T) {
	c := momustest.Start(t, momustest.Brokers(2), momustest.Property("default.replication.factor", "2"), momustest.OnDisk())
	cl := client(t, c)
	create(t, cl, "t", 2, nil)
	c.WaitISR("t", 0, 1, 2)
	leader := c.Leader("t", 0)
	follower := 3 - leader
	c.WaitTopic("t", 1) // a broker that is cut off before does not hear of it
	// A follower that has all there is stays in sync, however long it is away; so something must be
	// written meanwhile.
	one := client(t, c, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	c.Partition(leader, follower)
	produce(t, one, "t", 0, 1)
	c.WaitISR("t", 0, leader)
	c.Heal(leader, follower)
	c.WaitISR("t", 0, 1, 2)
	c.Pause(follower)
	produce(t, one, "t", 1, 2)
	c.WaitISR("t", 0, leader)
	c.Resume(follower)
	c.WaitISR("t", 0, 1, 2)
}

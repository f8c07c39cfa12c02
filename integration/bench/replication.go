package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/model"
)

const (
	clusterSize     = 3
	clusterWarmUp   = 20 * time.Second
	replicaWindow   = 5 * time.Second
	latencyWindow   = 15 * time.Second
	latencyRate     = 1000 // records a second
	sessionTimeout  = "zookeeper.session.timeout.ms=6000"
	produceAttempt  = 500 * time.Millisecond
	manyTopics      = 10
	manyPartitions  = 100 // of each of them
	partitionsLimit = 3 * time.Minute
)

// replicated is how topics of the cluster scenarios are made.
var replicated = map[string]*string{"min.insync.replicas": kadm.StringPtr("2")}

// createReplicated creates topics with a replica on every broker and waits until all partitions
// have leaders.
func (c *cluster) createReplicated(partitions int32, names ...string) error {
	return c.admin(func(ctx context.Context, adm *kadm.Client) error {
		rs, err := adm.CreateTopics(ctx, partitions, clusterSize, replicated, names...)
		if err != nil {
			return err
		}
		for _, r := range rs {
			if r.Err != nil {
				return fmt.Errorf("create topic %s: %w", r.Topic, r.Err)
			}
		}
		for ctx.Err() == nil {
			m, err := adm.Metadata(ctx, names...)
			if err == nil && !slices.ContainsFunc(names, func(n string) bool { return !led(m.Topics[n].Partitions, partitions) }) {
				return nil
			}
			time.Sleep(5 * time.Millisecond)
		}
		return ctx.Err()
	})
}

// drop deletes a topic; its data is dropped a second later.
func (c *cluster) drop(topic string) error {
	return c.admin(func(ctx context.Context, adm *kadm.Client) error {
		_, err := adm.DeleteTopics(ctx, topic)
		return err
	})
}

// leadersOf are the partitions of topics by the address of their leader, without those that have
// none.
func (c *cluster) leadersOf(names ...string) (map[string]map[string][]int32, error) {
	by := map[string]map[string][]int32{}
	err := c.admin(func(ctx context.Context, adm *kadm.Client) error {
		m, err := adm.Metadata(ctx, names...)
		if err != nil {
			return err
		}
		addr := map[int32]string{}
		for _, b := range m.Brokers {
			addr[b.NodeID] = fmt.Sprintf("%s:%d", b.Host, b.Port)
		}
		// The address that the leader advertises, since brokers have it by id only.
		m.Topics.EachPartition(func(p kadm.PartitionDetail) {
			a, ok := addr[p.Leader]
			if !ok {
				return
			}
			if by[a] == nil {
				by[a] = map[string][]int32{}
			}
			by[a][p.Topic] = append(by[a][p.Topic], p.Partition)
		})
		return nil
	})
	return by, err
}

// produceAll is a Produce request with acks=all that has the batch for each of these partitions.
func produceAll(partitions map[string][]int32, batch []byte, timeout time.Duration) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(7)
	// Version 7 knows zstd; later ones only add to the answer.
	req.Acks, req.TimeoutMillis = -1, int32(timeout.Milliseconds())
	for topic, ids := range partitions {
		t := kmsg.NewProduceRequestTopic()
		t.Topic = topic
		for _, id := range ids {
			p := kmsg.NewProduceRequestTopicPartition()
			p.Partition, p.Records = id, batch
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	return req
}

// produceReplicated lets clients produce with acks=all, each over one connection to every leader
// with five requests in flight, and returns MB/s of values and the brokers' CPU seconds a GB.
func (c *cluster) produceReplicated(topic string, clients int, window time.Duration) (rate, cpu float64, err error) {
	leaders, err := c.leadersOf(topic)
	if err != nil {
		return 0, 0, err
	}
	type load struct {
		addr       string
		request    []byte
		partitions int
	}
	var loads []load
	for addr, by := range leaders {
		// The same bytes again and again: the brokers' work is measured, and not the making of
		// batches.
		loads = append(loads, load{addr, frame(produceAll(by, batch(false), 30*time.Second)), len(by[topic])})
	}
	began, cpu0 := time.Now(), c.cpu()
	stop := began.Add(window)
	type outcome struct {
		batches int
		err     error
	}
	outcomes := make(chan outcome)
	for range clients {
		for _, l := range loads {
			go func() {
				r := produceLoop(l.addr, l.request, stop)
				outcomes <- outcome{r.answers * l.partitions, r.err}
			}()
		}
	}
	batches := 0
	for range clients * len(loads) {
		o := <-outcomes
		batches += o.batches
		err = errors.Join(err, o.err)
	}
	if err != nil {
		return 0, 0, err
	}
	bytes := float64(batches) * recordsPerBatch * valueBytes
	return bytes / 1e6 / time.Since(began).Seconds(), (c.cpu() - cpu0) / (bytes / 1e9), nil
}

// warmReplicated lets a JVM compile what replication needs.
func warmReplicated(c *cluster) error {
	const topic = "warm"
	if err := c.createReplicated(partitions, topic); err != nil {
		return err
	}
	if _, _, err := c.produceReplicated(topic, 4, clusterWarmUp); err != nil {
		return err
	}
	return c.drop(topic)
}

// measureReplication produces with acks=all to three replicas, from one client and from sixteen.
func measureReplication(l *lab, t *table, rounds int) error {
	return inTurn(l, rounds, clusterSize, nil, warmReplicated, func(c *cluster, round int) error {
		for _, clients := range []int{1, 16} {
			topic := fmt.Sprintf("replicated-%d-%d", clients, round)
			if err := c.createReplicated(partitions, topic); err != nil {
				return err
			}
			rate, cpu, err := c.produceReplicated(topic, clients, replicaWindow)
			if err != nil {
				return err
			}
			of := fmt.Sprintf("%d clients", clients)
			if clients == 1 {
				of = "1 client"
			}
			t.note(c.name, "acks=all, 3 replicas, 1 KB, "+of, "MB/s", rate)
			t.note(c.name, "CPU of the 3 brokers, "+of, "s/GB", cpu)
			if err := c.drop(topic); err != nil {
				return err
			}
		}
		return nil
	})
}

// measureLatency3 sends a record each millisecond to three replicas, on schedule whether answers
// come or not.
func measureLatency3(l *lab, t *table, rounds int) error {
	const topic = "latency"
	warm := func(c *cluster) error {
		if err := warmReplicated(c); err != nil {
			return err
		}
		if err := c.createReplicated(partitions, topic); err != nil {
			return err
		}
		_, err := c.latency(topic, latencyWindow)
		return err
	}
	return inTurn(l, rounds, clusterSize, nil, warm, func(c *cluster, _ int) error {
		// The window of the CPU time is that of the records, with the wait for the last answer.
		cpu, began := c.cpu(), time.Now()
		took, err := c.latency(topic, latencyWindow)
		if err != nil {
			return err
		}
		cores := (c.cpu() - cpu) / time.Since(began).Seconds()
		slices.Sort(took)
		at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1000 }
		t.note(c.name, "1,000 records/s, acks=all, 3 replicas: p50", "ms", at(0.5))
		t.note(c.name, "1,000 records/s, acks=all, 3 replicas: p99", "ms", at(0.99))
		t.note(c.name, "cores of the 3 brokers for it", "", cores)
		return nil
	})
}

// latency returns how long each record took to be acknowledged, from the moment at which it was
// due.
func (c *cluster) latency(topic string, window time.Duration) ([]time.Duration, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	type ack struct {
		took time.Duration
		err  error
	}
	value := make([]byte, valueBytes)
	n := int(window.Seconds() * latencyRate)
	acks := make(chan ack, n)
	began := time.Now()
	for i := range n {
		// From the time at which it was due: a stall counts for every record that should have been
		// sent in it.
		due := began.Add(time.Duration(i) * time.Second / latencyRate)
		time.Sleep(time.Until(due))
		cl.Produce(context.Background(), &kgo.Record{Value: value}, func(_ *kgo.Record, err error) { acks <- ack{time.Since(due), err} })
	}
	took := make([]time.Duration, n)
	for i := range took {
		a := <-acks
		took[i], err = a.took, errors.Join(err, a.err)
	}
	return took, err
}

// everywhere produces one record with acks=all to every partition of the topics, again and again to
// those that fail, until all have worked.
func (c *cluster) everywhere(names []string) error {
	done := map[model.TopicPartition]bool{}
	record := batch(false)
	// Without a client library, whose own waits would be measured.
	for deadline := time.Now().Add(partitionsLimit); time.Now().Before(deadline); {
		leaders, err := c.leadersOf(names...)
		if err != nil {
			continue
		}
		answers := make(chan *kmsg.ProduceResponse)
		for addr, by := range leaders {
			for topic, ids := range by {
				// Done ones are asked for no more, so that each round is smaller.
				by[topic] = slices.DeleteFunc(ids, func(id int32) bool { return done[model.TopicPartition{Topic: topic, Partition: id}] })
			}
			go func() { answers <- produceOnce(addr, by, record) }()
		}
		for range leaders {
			if resp := <-answers; resp != nil {
				for _, t := range resp.Topics {
					for _, p := range t.Partitions {
						if p.ErrorCode == 0 {
							done[model.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = true
						}
					}
				}
			}
		}
		if len(done) == len(names)*manyPartitions {
			return nil
		}
	}
	return fmt.Errorf("%d of %d partitions took a record within %v", len(done), len(names)*manyPartitions, partitionsLimit)
}

// produceOnce sends one request; nil when there was no answer.
func produceOnce(addr string, partitions map[string][]int32, record []byte) *kmsg.ProduceResponse {
	c, err := dial(addr)
	if err != nil {
		return nil
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil
	}
	resp := kmsg.NewPtrProduceResponse()
	if err := c.call(produceAll(partitions, record, produceAttempt), resp); err != nil {
		return nil
	}
	return resp
}

// inSync waits until all replicas of the topics are in sync.
func (c *cluster) inSync(names []string) error {
	return c.admin(func(ctx context.Context, adm *kadm.Client) error {
		for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
			m, err := adm.Metadata(ctx, names...)
			if err != nil {
				continue
			}
			whole := 0
			m.Topics.EachPartition(func(p kadm.PartitionDetail) {
				if p.Err == nil && len(p.ISR) == clusterSize {
					whole++
				}
			})
			if whole == len(names)*manyPartitions {
				return nil
			}
		}
		return ctx.Err()
	})
}

// measurePartitions creates many partitions at once, stops a broker in an orderly way and starts it
// again, and kills the controller. Each round has clusters of its own.
func measurePartitions(l *lab, t *table, rounds int) error {
	return l.inNewClusters(rounds, func(c *cluster) error { return c.livePartitions(t) })
}

// manyNames are the names of n topics.
func manyNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("many-%d", i))
	}
	return names
}

// controller is the index of the broker that is controller.
func (c *cluster) controller() (index int, err error) {
	err = c.admin(func(ctx context.Context, adm *kadm.Client) error {
		m, err := adm.BrokerMetadata(ctx)
		index = int(m.Controller) - 1
		return err
	})
	return index, err
}

// livePartitions creates many partitions at once and takes the time until they have leaders and all
// can be written to; then that of a controlled shutdown, of a start until all replicas are in sync,
// and of the loss of the controller.
func (c *cluster) livePartitions(t *table) error {
	names := manyNames(manyTopics)
	cpu, began := c.cpu(), time.Now()
	if err := c.createReplicated(manyPartitions, names...); err != nil {
		return err
	}
	t.note(c.name, "1,000 partitions of 3 replicas: all have leaders", "s", time.Since(began).Seconds())
	if err := c.everywhere(names); err != nil {
		return err
	}
	t.note(c.name, "all produced to", "s", time.Since(began).Seconds())
	t.note(c.name, "CPU of the 3 brokers for it", "s", c.cpu()-cpu)
	rss := 0.0
	for _, p := range c.brokers {
		rss += p.rssMB()
	}
	t.note(c.name, "memory of the 3 brokers (RSS)", "MB", rss)

	controller, err := c.controller()
	if err != nil {
		return err
	}
	other := (controller + 1) % clusterSize
	began = time.Now()
	c.brokers[other].stop()
	t.note(c.name, "controlled shutdown of a broker", "s", time.Since(began).Seconds())
	began = time.Now()
	// The same command line on the same directory.
	p, err := startProcess(c.brokers[other].cmd.Args)
	if err != nil {
		return err
	}
	c.brokers[other] = p
	if err := c.inSync(names); err != nil {
		return err
	}
	t.note(c.name, "its start until all replicas are in sync", "s", time.Since(began).Seconds())
	began = time.Now()
	if err := c.brokers[controller].cmd.Process.Kill(); err != nil {
		return err
	}
	if err := c.everywhere(names); err != nil {
		return err
	}
	t.note(c.name, "kill -9 of the controller: all produced to (session timeout 6 s included)", "s", time.Since(began).Seconds())
	return nil
}

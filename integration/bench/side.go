package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/storage/record"
)

// side is one of the two that are compared.
type side struct {
	name   string
	start  func(dir string, port, zk int) ([][]string, error) // the broker's command is the last
	procs  []*process
	proc   *process // the broker
	addr   string
	values map[string][]float64
}

// note adds a value of a round.
func (s *side) note(name string, v float64) { s.values[name] = append(s.values[name], v) }

// stop ends the processes of a side, those that were started last first: a broker before its
// ZooKeeper.
func (s *side) stop() {
	for _, p := range slices.Backward(s.procs) {
		p.stop()
	}
	s.procs = nil
}

// partitions is how many the topics of the throughput windows have.
const partitions = 6

// startUp starts the broker on an empty directory and takes the time until a record is
// acknowledged, and the memory a little later.
func (s *side) startUp(dir string, keep bool) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	zk, err := freePort()
	if err != nil {
		return err
	}
	s.addr = fmt.Sprintf("127.0.0.1:%d", port)
	commands, err := s.start(dir, port, zk)
	if err != nil {
		return err
	}
	for i, c := range commands {
		// The ZooKeeper of Apache Kafka is up before its broker's clock starts.
		if i == len(commands)-1 && i > 0 {
			if err := listening(fmt.Sprintf("127.0.0.1:%d", zk)); err != nil {
				return err
			}
		}
		p, err := startProcess(c)
		if err != nil {
			return err
		}
		s.procs, s.proc = append(s.procs, p), p
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.addr), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("first"), kgo.MetadataMinAge(10*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }), kgo.UnknownTopicRetries(-1), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := cl.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil {
		return err
	}
	s.note("start to first produce", time.Since(s.proc.started).Seconds())
	// What a JVM needs for its start is given back, or not, within this.
	time.Sleep(3 * time.Second)
	s.note("idle memory (RSS)", s.proc.rssMB())
	if !keep {
		s.stop()
	}
	return nil
}

// topic makes a topic of its own for a load and returns what deletes it.
func (s *side) topic(name string) (drop func(), err error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.addr))
	if err != nil {
		return nil, err
	}
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(context.Background(), partitions, 1, nil, name); err != nil {
		cl.Close()
		return nil, err
	}
	return func() {
		adm.DeleteTopics(context.Background(), name)
		cl.Close()
	}, nil
}

// warmUp loads a topic of its own with all that is measured later: a JVM compiles what it has seen
// often, and without it the first round would measure its interpreter.
func (s *side) warmUp(d time.Duration) error {
	drop, err := s.topic("warm")
	if err != nil {
		return err
	}
	defer drop()
	for _, zstd := range []bool{false, true} {
		if _, _, err := s.produce("warm", zstd, d/3); err != nil {
			return err
		}
	}
	if _, _, err := s.consume("warm", d/3); err != nil {
		return err
	}
	_, err = s.latency("warm", d/6)
	return err
}

// load runs each load once.
func (s *side) load(round int, window time.Duration) error {
	for _, zstd := range []bool{false, true} {
		name, cpuName := "produce, 1 KB, 16 connections", "  broker CPU"
		if zstd {
			name, cpuName = "produce, 1 KB zstd, 16 connections", "  broker CPU (zstd)"
		}
		topic := fmt.Sprintf("load-%d-%v", round, zstd)
		drop, err := s.topic(topic)
		if err != nil {
			return err
		}
		rate, cpu, err := s.produce(topic, zstd, window)
		if err != nil {
			drop()
			return err
		}
		s.note(name, rate)
		s.note(cpuName, cpu)
		if !zstd {
			rate, cpu, err = s.consume(topic, window)
			if err != nil {
				drop()
				return err
			}
			s.note("consume, 1 KB, 1 consumer", rate)
			s.note("  broker CPU (consume)", cpu)
			cores, err := s.latencyNoted(topic, window)
			if err != nil {
				drop()
				return err
			}
			s.note("  broker cores", cores)
		}
		drop()
	}
	return nil
}

// valueBytes are those of records as their producer sees them, which throughput is counted in.
const (
	valueBytes      = 1024
	recordsPerBatch = 16
	connections     = 16
	inFlight        = 5
)

// batch is one record batch of 16 KB of values like lines of a log.
func batch(compressed bool) []byte {
	o := record.DefaultOptions()
	if compressed {
		o.Codec = record.Zstd
	}
	b := record.NewBuilder(o)
	// The same words each time: both sides compress the same text.
	rnd := rand.New(rand.NewPCG(1, 2))
	words := []string{"level=info", "level=warn", "topic=orders", "partition=3", "offset=", "client=checkout", "took=", "status=200", "path=/api/v1/items/"}
	for i := range recordsPerBatch {
		var v bytes.Buffer
		for v.Len() < valueBytes {
			fmt.Fprintf(&v, "%s%d ", words[rnd.IntN(len(words))], rnd.IntN(100000))
		}
		b.Append(time.Now().UnixMilli()+int64(i), nil, v.Bytes()[:valueBytes])
	}
	return b.Bytes()
}

// produce sends requests of one batch a partition over 16 connections, five in flight each, and
// returns MB/s and the broker's CPU seconds a GB.
func (s *side) produce(topic string, compressed bool, d time.Duration) (rate, cpu float64, err error) {
	request := produceRequest(topic, batch(compressed))
	began, cpu0 := time.Now(), s.proc.cpu()
	stop := began.Add(d)
	results := make(chan result, connections)
	for range connections {
		go func() { results <- produceLoop(s.addr, request, stop) }()
	}
	total := 0
	for range connections {
		r := <-results
		total += r.answers
		err = errors.Join(err, r.err)
	}
	if err != nil {
		return 0, 0, err
	}
	bytes := float64(total) * partitions * recordsPerBatch * valueBytes
	return bytes / 1e6 / time.Since(began).Seconds(), (s.proc.cpu() - cpu0) / (bytes / 1e9), nil
}

// consume reads the topic from its start, again and again, with the limits of a Java consumer.
func (s *side) consume(topic string, d time.Duration) (rate, cpu float64, err error) {
	began, cpu0 := time.Now(), s.proc.cpu()
	n, err := consumeLoop(s.addr, topic, began.Add(d))
	if err != nil {
		return 0, 0, err
	}
	return float64(n) / 1e6 / time.Since(began).Seconds(), (s.proc.cpu() - cpu0) / (float64(n) / 1e9), nil
}

// latencyNoted measures latencies, notes them, and gives how many cores the broker used for it.
func (s *side) latencyNoted(topic string, d time.Duration) (cores float64, err error) {
	cpu0, began := s.proc.cpu(), time.Now()
	ls, err := s.latency(topic, d)
	if err != nil {
		return 0, err
	}
	cores = (s.proc.cpu() - cpu0) / time.Since(began).Seconds()
	slices.Sort(ls)
	at := func(q float64) float64 { return float64(ls[int(q*float64(len(ls)-1))].Microseconds()) / 1000 }
	s.note("1,000 records/s, acks=all: p50", at(0.50))
	s.note("1,000 records/s, acks=all: p99", at(0.99))
	return cores, nil
}

// latency sends a record each millisecond, on schedule whether answers come or not, and returns how
// long each took to be acknowledged.
func (s *side) latency(topic string, d time.Duration) ([]time.Duration, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.addr), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	value := make([]byte, valueBytes)
	n := int(d / time.Millisecond)
	out := make(chan time.Duration, n)
	var failed error
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Millisecond)
		// On schedule: a late answer does not delay the next record, so that waits are not left out
		// of the figures.
		time.Sleep(time.Until(due))
		cl.Produce(context.Background(), &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
			out <- time.Since(due)
		})
	}
	ls := make([]time.Duration, n)
	for i := range ls {
		ls[i] = <-out
	}
	return ls, failed
}

// freePort is a port that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// listening waits until a server takes connections.
func listening(addr string) error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return nil
		}
	}
	return fmt.Errorf("nothing listens on %s", addr)
}

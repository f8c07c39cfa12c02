package tool

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const producerPerfUsage = `usage: producer-performance [-h] --topic TOPIC --num-records NUM-RECORDS
                            [--payload-delimiter PAYLOAD-DELIMITER]
                            --throughput THROUGHPUT
                            [--producer-props PROP-NAME=PROP-VALUE [PROP-NAME=PROP-VALUE ...]]
                            [--producer.config CONFIG-FILE]
                            [--print-metrics]
                            [--transactional-id TRANSACTIONAL-ID]
                            [--transaction-duration-ms TRANSACTION-DURATION]
                            (--record-size RECORD-SIZE |
                            --payload-file PAYLOAD-FILE)
`

func producerPerfArguments() *argparse {
	return &argparse{name: "producer-performance", usage: producerPerfUsage, list: []*argument{
		{name: "--topic", required: true, help: "where to send to"},
		{name: "--num-records", required: true, number: "Long", help: "how many messages to send"},
		{name: "--payload-delimiter", help: "what separates the messages in the payload file; a newline by default"},
		{name: "--throughput", required: true, number: "Integer", help: "most messages per second, -1 for no limit"},
		{name: "--producer-props", many: true, help: "properties of the producer, such as bootstrap.servers=host:port"},
		{name: "--producer.config", help: "a file with properties of the producer"},
		{name: "--print-metrics", flag: true, help: "print metrics of the producer at the end"},
		{name: "--transactional-id", help: "the transactional id, with --transaction-duration-ms"},
		{name: "--transaction-duration-ms", number: "Long", help: "commit a transaction this often"},
		{name: "--record-size", number: "Integer", help: "size of a message in bytes"},
		{name: "--payload-file", help: "a file of messages, of which each one sent is chosen at random"},
	}, groups: [][]string{{"--record-size", "--payload-file"}}}
}

// registerProducerPerf is kafka-producer-perf-test.sh.
func registerProducerPerf() Tool {
	return Tool{Name: "kafka-producer-perf-test", Help: "measure how fast messages can be sent", run: producerPerf,
		Class:   "org.apache.kafka.tools.ProducerPerformance",
		Options: tableOf(producerPerfArguments)}
}

// producerPerf sends as fast as it may and reports rates and latencies.
func producerPerf(ctx context.Context, c *call) error {
	a := producerPerfArguments()
	if err := c.beginArguments(a); err != nil {
		return err
	}
	if !a.find("--producer-props").seen && !a.find("--producer.config").seen {
		c.errorf("%s%s: error: Either --producer-props or --producer.config must be specified.\n", a.usage, a.name)
		return exit(1)
	}
	payloads, err := c.payloads(a)
	if err != nil {
		return err
	}
	props, err := readProperties(a.get("--producer.config"))
	if err != nil {
		return err
	}
	for _, w := range a.find("--producer-props").values {
		k, v, ok := strings.Cut(w, "=")
		if !ok || k == "" || v == "" {
			return illegalArgument("Invalid property: %s", w)
		}
		props[k] = v
	}
	duration := time.Duration(a.int("--transaction-duration-ms")) * time.Millisecond
	if duration > 0 {
		props["transactional.id"] = a.get("--transactional-id")
		if props["transactional.id"] == "" {
			props["transactional.id"] = "performance-producer-default-transactional-id"
		}
	}
	id := props["client.id"]
	if id == "" {
		id = "producer-1"
		props["client.id"] = id
	}
	p, err := c.newProducer(props, id)
	if err != nil {
		return err
	}
	defer p.Client.Close()
	return (&perfRun{c: c, p: p, topic: a.get("--topic"), total: a.int("--num-records"), rate: a.int("--throughput"), payloads: payloads,
		transaction: duration, metrics: a.find("--print-metrics").seen}).run(ctx)
}

// payloads reads the payload file, or makes one message of the letters that Kafka's tool makes.
func (c *call) payloads(a *argparse) ([][]byte, error) {
	path := a.get("--payload-file")
	if path == "" {
		random, payload := newJavaRandom(0), make([]byte, a.int("--record-size"))
		for i := range payload {
			payload[i] = byte(random.nextInt(26) + 65)
		}
		return [][]byte{payload}, nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	c.printf("Reading payloads from: %s\n", absolute)
	data, err := readFile(path)
	if err != nil || len(data) == 0 {
		return nil, illegalArgument("File does not exist or empty file provided.")
	}
	delimiter := a.get("--payload-delimiter")
	switch delimiter {
	case "", `\n`:
		delimiter = "\n"
	}
	list := bytes.Split(data, []byte(delimiter))
	for len(list) > 0 && len(list[len(list)-1]) == 0 {
		list = list[:len(list)-1]
	}
	c.printf("Number of messages read: %d\n", len(list))
	return list, nil
}

// javaRandom is java.util.Random.
type javaRandom struct{ seed uint64 }

func newJavaRandom(seed uint64) *javaRandom { return &javaRandom{(seed ^ 0x5DEECE66D) & (1<<48 - 1)} }

func (r *javaRandom) next() int32 {
	r.seed = (r.seed*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int32(r.seed >> 17)
}

func (r *javaRandom) nextInt(bound int32) int32 {
	if bound&-bound == bound {
		return int32(int64(bound) * int64(r.next()) >> 31)
	}
	for {
		bits := r.next()
		if v := bits % bound; bits-v+(bound-1) >= 0 {
			return v
		}
	}
}

// perfRun is one run of the producer's test.
type perfRun struct {
	c           *call
	p           *producer
	topic       string
	total, rate int64
	payloads    [][]byte
	transaction time.Duration
	metrics     bool
	stats       perfStats
}

func (r *perfRun) run(ctx context.Context) error {
	random := newJavaRandom(0)
	if err := r.p.prepare(ctx, &kgo.Record{Topic: r.topic, Value: r.payloads[0]}); err != nil {
		return err
	}
	began := time.Now()
	r.stats.start(began, r.total)
	r.stats.bar = r.c.newProgress("sent", r.total, false)
	defer r.stats.bar.done()
	var open time.Time
	for i := range r.total {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.transaction > 0 && open.IsZero() {
			if err := r.p.BeginTransaction(); err != nil {
				return clientError(err)
			}
			open = time.Now()
		}
		payload := r.payloads[0]
		if len(r.payloads) > 1 {
			payload = r.payloads[random.nextInt(int32(len(r.payloads)))]
		}
		sent := time.Now()
		r.p.Produce(ctx, &kgo.Record{Topic: r.topic, Value: payload}, func(rec *kgo.Record, err error) {
			if err != nil {
				r.c.errorf("%s\n", javaText(clientError(err)))
				return
			}
			r.stats.record(r.c, time.Now(), sent, len(rec.Value))
		})
		if !open.IsZero() && sent.Sub(open) >= r.transaction {
			if err := r.commit(ctx); err != nil {
				return err
			}
			open = time.Time{}
		}
		if r.rate > 0 {
			due := began.Add(time.Duration(float64(i+1) / float64(r.rate) * float64(time.Second)))
			if wait := time.Until(due); wait > 0 {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(wait):
				}
			}
		}
	}
	if !open.IsZero() {
		if err := r.commit(ctx); err != nil {
			return err
		}
	}
	if err := r.p.Flush(ctx); err != nil {
		return err
	}
	r.stats.bar.done()
	r.stats.print(r.c, time.Now())
	if r.metrics {
		r.printMetrics()
	}
	return nil
}

func (r *perfRun) commit(ctx context.Context) error {
	if err := r.p.Flush(ctx); err != nil {
		return err
	}
	return clientError(r.p.EndTransaction(ctx, kgo.TryCommit))
}

func (r *perfRun) printMetrics() {
	id := "{client-id=" + r.p.prefix[len("[Producer clientId="):len(r.p.prefix)-1] + "}"
	rows := [][2]string{
		{"producer-metrics:record-send-total:" + id, fmt.Sprintf("%.3f", float64(r.stats.count))},
		{"producer-metrics:record-size-avg:" + id, fmt.Sprintf("%.3f", float64(r.stats.bytes)/float64(max(r.stats.count, 1)))},
	}
	width := 0
	for _, x := range rows {
		width = max(width, len(x[0]))
	}
	r.c.printf("\n%-*s   %s\n", width, "Metric Name", "Value")
	for _, x := range rows {
		r.c.printf("%-*s : %s\n", width, x[0], x[1])
	}
}

// perfStats counts what was acknowledged. Its methods but print are called by the client, one at a time or not.
type perfStats struct {
	mu           sync.Mutex
	began        time.Time
	window       time.Time
	every        int64 // one of so many latencies is kept
	latencies    []int32
	count, bytes int64
	sum, longest time.Duration

	bar *progress

	windowCount, windowBytes int64
	windowSum, windowLongest time.Duration
}

func (s *perfStats) start(now time.Time, total int64) {
	s.began, s.window = now, now
	s.every = max(1, total/min(max(total, 1), 500000))
	s.latencies = make([]int32, 0, min(total, 500001))
}

func (s *perfStats) record(c *call, now, sent time.Time, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	latency := now.Sub(sent)
	if s.count%s.every == 0 {
		s.latencies = append(s.latencies, int32(latency.Milliseconds()))
	}
	s.count++
	s.bytes += int64(size)
	s.sum += latency
	s.longest = max(s.longest, latency)
	s.windowCount++
	s.windowBytes += int64(size)
	s.windowSum += latency
	s.windowLongest = max(s.windowLongest, latency)
	if s.count%1024 == 0 {
		s.bar.set(s.count)
	}
	if elapsed := now.Sub(s.window); elapsed >= 5*time.Second {
		s.bar.clear()
		c.printf("%d records sent, %.1f records/sec (%.2f MB/sec), %.1f ms avg latency, %.1f ms max latency.\n", s.windowCount,
			float64(s.windowCount)/elapsed.Seconds(), float64(s.windowBytes)/elapsed.Seconds()/(1<<20), ms(s.windowSum)/float64(s.windowCount), ms(s.windowLongest))
		c.out.Flush()
		s.window, s.windowCount, s.windowBytes, s.windowSum, s.windowLongest = now, 0, 0, 0, 0
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (s *perfStats) print(c *call, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	elapsed := now.Sub(s.began).Seconds()
	slices.Sort(s.latencies)
	at := func(p float64) int32 {
		if len(s.latencies) == 0 {
			return 0
		}
		return s.latencies[min(int(p*float64(len(s.latencies))), len(s.latencies)-1)]
	}
	c.printf("%d records sent, %f records/sec (%.2f MB/sec), %.2f ms avg latency, %.2f ms max latency, %d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n", s.count,
		float64(s.count)/elapsed, float64(s.bytes)/elapsed/(1<<20), ms(s.sum)/float64(max(s.count, 1)), ms(s.longest), at(0.5), at(0.95), at(0.99), at(0.999))
}

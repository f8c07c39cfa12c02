// Package producerperf is kafka-producer-perf-test: how fast messages can be sent, and how long
// each takes.
package producerperf

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/screen"
)

// producerPerfUsage is what argparse4j prints of the tool, broken into lines as it breaks them.
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

// producerPerfArguments are those of org.apache.kafka.tools.ProducerPerformance; messages are
// either of a size or of a file.
func producerPerfArguments() *options.Argparse {
	return &options.Argparse{Name: "producer-performance", Usage: producerPerfUsage, List: []*options.Argument{
		{Name: "--topic", Required: true, Help: "where to send to"},
		{Name: "--throughput", Required: true, Number: "Integer", Help: "most messages per second, -1 for no limit"},
		{Name: "--num-records", Required: true, Number: "Long", Help: "how many messages to send"},
		{Name: "--payload-delimiter", Help: "what separates the messages in the payload file; a newline by default"},
		{Name: "--producer-props", Many: true, Help: "properties of the producer, such as bootstrap.servers=host:port"},
		{Name: "--producer.config", Help: "a file with properties of the producer"},
		{Name: "--print-metrics", Flag: true, Help: "print metrics of the producer at the end"},
		{Name: "--transactional-id", Help: "the transactional id, with --transaction-duration-ms"},
		{Name: "--transaction-duration-ms", Number: "Long", Help: "commit a transaction this often"},
		{Name: "--record-size", Number: "Integer", Help: "size of a message in bytes"},
		{Name: "--payload-file", Help: "a file of messages, of which each one sent is chosen at random"},
	}, Groups: [][]string{{"--record-size", "--payload-file"}}}
}

// Tool is kafka-producer-perf-test.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-producer-perf-test", Help: "measure how fast messages can be sent", Class: "org.apache.kafka.tools.ProducerPerformance"}.
		WithArguments(producerPerfArguments, producerPerf)
}

// producerPerf sends as fast as it may and reports rates and latencies.
func producerPerf(ctx context.Context, c *core.Call, a *options.Argparse) error {
	if !a.Find("--producer-props").Seen && !a.Find("--producer.config").Seen {
		c.Errorf("%s%s: error: Either --producer-props or --producer.config must be specified.\n", a.Usage, a.Name)
		return core.Exit(1)
	}
	if n := a.Int("--num-records"); n < 0 {
		return java.IllegalArgument("--num-records is negative: %d", n)
	}
	payloads, err := payloads(c, a)
	if err != nil {
		return err
	}
	props, err := core.ReadProperties(a.Get("--producer.config"))
	if err != nil {
		return err
	}
	for _, w := range a.Find("--producer-props").Values {
		k, v, ok := strings.Cut(w, "=")
		// Exactly one =, since Kafka counts what split("=") gives: a value with one in it has to
		// come from a file.
		if !ok || k == "" || v == "" || strings.Contains(v, "=") {
			return java.IllegalArgument("Invalid property: %s", w)
		}
		props[k] = v
	}
	duration := time.Duration(a.Int("--transaction-duration-ms")) * time.Millisecond
	// The duration makes it transactional; an id alone does nothing, there as here.
	if duration > 0 {
		props["transactional.id"] = a.Get("--transactional-id")
		if props["transactional.id"] == "" {
			props["transactional.id"] = "performance-producer-default-transactional-id"
		}
	}
	id := props["client.id"]
	if id == "" {
		id = "producer-1"
		props["client.id"] = id
	}
	p, err := clients.NewProducer(c, props, id, clients.ProducerOptions{})
	if err != nil {
		return err
	}
	defer p.Abandon()
	return (&perfRun{c: c, p: p, topic: a.Get("--topic"), total: a.Int("--num-records"), rate: a.Int("--throughput"), payloads: payloads,
		transaction: duration, metrics: a.Find("--print-metrics").Seen}).run(ctx)
}

// payloads reads the payload file, or makes one message of the letters that Kafka's tool makes.
func payloads(c *core.Call, a *options.Argparse) ([][]byte, error) {
	path := a.Get("--payload-file")
	if path == "" {
		size := a.Int("--record-size")
		if size < 0 {
			return nil, java.IllegalArgument("--record-size is negative: %d", size) // Java: NegativeArraySizeException
		}
		// Byte for byte what Kafka's tool sends: seed 0, letters from A to Z.
		random, payload := java.NewRandom(0), make([]byte, size)
		for i := range payload {
			payload[i] = byte(random.NextInt(26) + 65)
		}
		return [][]byte{payload}, nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	c.Printf("Reading payloads from: %s\n", absolute)
	data, err := core.ReadFile(path)
	if err != nil || len(data) == 0 {
		return nil, java.IllegalArgument("File does not exist or empty file provided.")
	}
	list, err := splitPayloads(data, a.Get("--payload-delimiter"))
	if err != nil {
		return nil, err
	}
	c.Printf("Number of messages read: %d\n", len(list))
	if len(list) == 0 {
		return nil, java.IllegalArgument("bound must be positive") // Random.nextInt's, when it chooses the first
	}
	return list, nil
}

// splitPayloads is Java's String.split: the delimiter is a regular expression, so that \t is a tab,
// and empty messages at the end are dropped, of which a file of newlines has no others.
func splitPayloads(data []byte, delimiter string) ([][]byte, error) {
	if delimiter == "" {
		delimiter = "\n"
	}
	// Go lacks a few of Java's constructs, such as look-behind, and refuses them.
	re, err := regexp.Compile(delimiter)
	if err != nil {
		return nil, &java.Error{Class: "java.util.regex.PatternSyntaxException", Text: delimiter + " is an invalid regex."}
	}
	var list [][]byte
	for _, message := range re.Split(string(data), -1) {
		list = append(list, []byte(message))
	}
	for len(list) > 0 && len(list[len(list)-1]) == 0 {
		list = list[:len(list)-1]
	}
	return list, nil
}

// perfRun is one run of the producer's test.
type perfRun struct {
	c           *core.Call
	p           *clients.Producer
	topic       string
	total, rate int64
	payloads    [][]byte
	transaction time.Duration
	metrics     bool
	stats       perfStats
	failures    failures
}

// failures are the reasons why messages were not sent. Each is told when it first comes, and how
// often it came at the end: a broker with a full disk gives the same one to every message.
type failures struct {
	mu    sync.Mutex
	count map[string]int64
}

// add is called by goroutines of the client.
func (f *failures) add(c *core.Call, text string) {
	f.mu.Lock()
	if f.count == nil {
		f.count = map[string]int64{}
	}
	f.count[text]++
	// Printed outside the lock: standard error may be a pipe that nobody reads.
	first := f.count[text] == 1
	f.mu.Unlock()
	if first {
		c.Errorf("%s\n", text)
	}
}

// sumUp tells how often each failure came that was printed only once.
func (f *failures) sumUp(c *core.Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(f.count)) {
		if n := f.count[text]; n > 1 {
			c.Errorf("%d messages were not sent: %s\n", n, text)
		}
	}
}

// run sends payloads chosen by java.util.Random with seed 0, so that runs of both tools send the
// same. A refused topic ends it before the first message is counted.
func (r *perfRun) run(ctx context.Context) error {
	random := java.NewRandom(0)
	largest := slices.MaxFunc(r.payloads, func(a, b []byte) int { return len(a) - len(b) }) // before a transaction begins
	var je *java.Error
	switch err := r.p.Prepare(ctx, &kgo.Record{Topic: r.topic, Value: largest}); {
	case errors.As(err, &je) && je.Class == java.ErrorsPackage+"InvalidTopicException":
		return r.refused(err)
	case errors.As(err, &je) && je.Class == java.ErrorsPackage+"RecordTooLargeException": // others may be smaller
	case err != nil:
		return err
	}
	began := time.Now()
	r.stats.start(began, r.total)
	r.stats.bar = r.c.NewProgress("sent", r.total, false)
	defer r.stats.bar.Done()
	var open time.Time
	for i := range r.total {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// A transaction begins with its first message: an empty one would be none.
		if r.transaction > 0 && open.IsZero() {
			if err := r.p.Begin(); err != nil {
				return err
			}
			open = time.Now()
		}
		payload := r.payloads[0]
		if len(r.payloads) > 1 {
			payload = r.payloads[random.NextInt(int32(len(r.payloads)))]
		}
		// Before the message waits for memory or for metadata, as in Kafka: that is latency, too.
		sent := time.Now()
		record := &kgo.Record{Topic: r.topic, Value: payload}
		if err := r.p.Prepare(ctx, record); err != nil {
			r.failures.add(r.c, java.Text(err))
		} else {
			r.p.Deliver(ctx, record, func(rec *kgo.Record, err error) {
				if err != nil {
					r.failures.add(r.c, java.Text(err))
					return
				}
				r.stats.record(r.c, time.Now(), sent, len(rec.Value))
			})
		}
		// Committed between two messages, however long the commit takes.
		if !open.IsZero() && sent.Sub(open) >= r.transaction {
			if err := r.p.Commit(ctx); err != nil {
				return err
			}
			open = time.Time{}
		}
		if err := clients.Pace(ctx, r.c, began, i+1, r.rate); err != nil {
			return err
		}
	}
	if !open.IsZero() {
		if err := r.p.Commit(ctx); err != nil {
			return err
		}
	}
	if err := r.p.Drain(ctx); err != nil {
		return err
	}
	r.stats.bar.Done()
	r.failures.sumUp(r.c)
	r.stats.print(r.c, time.Now())
	if r.metrics {
		r.printMetrics()
	}
	return nil
}

// refused reports on messages none of which could be sent; to Kafka's tool they count.
func (r *perfRun) refused(err error) error {
	r.stats.start(time.Now(), r.total)
	for i := range r.total {
		r.c.Errorf("%s\n", java.Text(err))
		now := time.Now()
		r.stats.record(r.c, now, now, len(r.payloads[int(i)%len(r.payloads)]))
	}
	r.stats.print(r.c, time.Now())
	return nil
}

// printMetrics prints the two metrics that this producer has, in the form in which Kafka prints its
// hundred.
func (r *perfRun) printMetrics() {
	// The id stands in the prefix of log lines, between its label and a bracket.
	id := "{client-id=" + r.p.Prefix[len("[Producer clientId="):len(r.p.Prefix)-1] + "}"
	rows := [][2]string{
		{"producer-metrics:record-send-total:" + id, fmt.Sprintf("%.3f", float64(r.stats.count))},
		{"producer-metrics:record-size-avg:" + id, fmt.Sprintf("%.3f", float64(r.stats.bytes)/float64(max(r.stats.count, 1)))},
	}
	width := 0
	for _, x := range rows {
		width = max(width, len(x[0]))
	}
	r.c.Printf("\n%-*s   %s\n", width, "Metric Name", "Value")
	for _, x := range rows {
		r.c.Printf("%-*s : %s\n", width, x[0], x[1])
	}
}

// perfStats counts what was acknowledged. Its methods but print are called by the client, one at a
// time or not.
type perfStats struct {
	mu           sync.Mutex
	began        time.Time
	window       time.Time
	every        int64 // one of so many latencies is kept
	latencies    []int32
	count, bytes int64
	sum, longest time.Duration

	bar *screen.Progress

	windowCount, windowBytes int64
	windowSum, windowLongest time.Duration
}

// start begins the measurement of a run of total messages.
func (s *perfStats) start(now time.Time, total int64) {
	s.began, s.window = now, now
	// At most 500,000 latencies, as in Kafka: of a longer run every n-th message.
	s.every = max(1, total/min(max(total, 1), 500000))
	s.latencies = make([]int32, 0, min(total, 500001))
}

// record counts a message that was acknowledged. Latencies are sampled, so that a long run does not
// fill memory; a line is printed every five seconds.
func (s *perfStats) record(c *core.Call, now, sent time.Time, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	latency := now.Sub(sent)
	// The percentiles are of a sample; sum and maximum are of all.
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
	// Often enough for a bar.
	if s.count%1024 == 0 {
		s.bar.Set(s.count)
	}
	if elapsed := now.Sub(s.window); elapsed >= 5*time.Second {
		s.bar.Clear()
		c.Printf("%d records sent, %.1f records/sec (%.2f MB/sec), %.1f ms avg latency, %.1f ms max latency.\n", s.windowCount,
			float64(s.windowCount)/elapsed.Seconds(), float64(s.windowBytes)/elapsed.Seconds()/(1<<20), ms(s.windowSum)/float64(s.windowCount), ms(s.windowLongest))
		c.Out.Flush()
		s.window, s.windowCount, s.windowBytes, s.windowSum, s.windowLongest = now, 0, 0, 0, 0
	}
}

// ms is a duration in milliseconds with their fractions.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// print prints the sum; percentiles are those of the samples.
func (s *perfStats) print(c *core.Call, now time.Time) {
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
	c.Printf("%d records sent, %f records/sec (%.2f MB/sec), %.2f ms avg latency, %.2f ms max latency, %d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n", s.count,
		float64(s.count)/elapsed, float64(s.bytes)/elapsed/(1<<20), ms(s.sum)/float64(max(s.count, 1)), ms(s.longest), at(0.5), at(0.95), at(0.99), at(0.999))
}

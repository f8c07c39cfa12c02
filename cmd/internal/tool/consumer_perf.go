package tool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"momus/internal/model"
)

func consumerPerfOptions() *options {
	o := newOptions("This tool helps in performance test for the full zookeeper consumer")
	o.value("broker-list", "HOST:PORT,…", "older name of --bootstrap-server")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to begin with")
	o.value("topic", "TOPIC", "the topic to read")
	o.value("group", "GROUP", "the consumer group; perf-consumer- and a number by default")
	o.valueOr("fetch-size", "BYTES", "1048576", "most bytes of a partition in one answer")
	o.flag("from-latest", "begin at the end when the group has no offsets")
	o.valueOr("socket-buffer-size", "BYTES", "2097152", "size of the socket's receive buffer")
	o.valueOr("threads", "N", "10", "read, and not used")
	o.valueOr("num-fetch-threads", "N", "1", "read, and not used")
	o.value("consumer.config", "FILE", "properties of the consumer")
	o.flag("print-metrics", "print metrics at the end")
	o.flag("show-detailed-stats", "print the rates at each reporting interval")
	o.add(&option{name: "timeout", arg: "MS", optional: true, numeric: true, fallback: "10000", help: "end when there was no message for so long"})
	o.value("messages", "N", "how many messages to read")
	o.valueOr("reporting-interval", "MS", "5000", "interval of --show-detailed-stats")
	o.valueOr("date-format", "FORMAT", "yyyy-MM-dd HH:mm:ss:SSS", "how times are printed")
	o.flag("hide-header", "leave the header out")
	return o.standard()
}

// registerConsumerPerf is kafka-consumer-perf-test.sh.
func registerConsumerPerf() Tool {
	return Tool{Name: "kafka-consumer-perf-test", Help: "measure how fast messages can be read", run: consumerPerf,
		Class:   "kafka.tools.ConsumerPerformance",
		Options: tableOf(consumerPerfOptions)}
}

// consumerPerf reads messages as fast as it may and reports the rates.
func consumerPerf(ctx context.Context, c *call) error {
	o := consumerPerfOptions()
	c.options = o
	if err := o.parse(c.Args); err != nil {
		return err
	}
	if !o.any("help", "version", "bootstrap-server", "broker-list") {
		return &optionError{"joptsimple.MissingRequiredOptionsException", "Missing required option(s) [bootstrap-server]"}
	}
	if err := c.helpOrVersion(o, ""); err != nil {
		return err
	}
	if err := o.require("topic", "messages"); err != nil {
		return err
	}
	run, err := newConsumerPerf(c, o)
	if err != nil {
		return err
	}
	return run.run(ctx)
}

// consumerPerfRun is one run of the consumer's test.
type consumerPerfRun struct {
	c                  *call
	spec               *consumeSpec
	messages, interval int64
	timeout            int64
	format             string
	detailed, header   bool
}

func newConsumerPerf(c *call, o *options) (*consumerPerfRun, error) {
	texts, err := o.texts("broker-list", "bootstrap-server", "topic", "group", "consumer.config", "date-format")
	if err != nil {
		return nil, err
	}
	r := &consumerPerfRun{c: c, format: texts["date-format"], detailed: o.has("show-detailed-stats"), header: !o.has("hide-header")}
	for name, to := range map[string]*int64{"messages": &r.messages, "reporting-interval": &r.interval, "timeout": &r.timeout} {
		if *to, err = o.number(name, 64); err != nil {
			return nil, err
		}
	}
	fetch, err := o.number("fetch-size", 32)
	if err != nil {
		return nil, err
	}
	if r.interval <= 0 {
		return nil, illegalArgument("Reporting interval must be greater than 0.")
	}
	props, err := readProperties(texts["consumer.config"])
	if err != nil {
		return nil, err
	}
	props["bootstrap.servers"] = texts["bootstrap-server"]
	if props["bootstrap.servers"] == "" {
		props["bootstrap.servers"] = texts["broker-list"]
	}
	props["max.partition.fetch.bytes"], props["auto.offset.reset"] = itoa(fetch), "earliest"
	if o.has("from-latest") {
		props["auto.offset.reset"] = "latest"
	}
	group := texts["group"]
	if group == "" {
		group = fmt.Sprintf("perf-consumer-%d", rand.IntN(100000))
	}
	r.spec = &consumeSpec{topic: texts["topic"], partition: -1, group: group, named: true, props: props}
	return r, nil
}

func (r *consumerPerfRun) run(ctx context.Context) error {
	c := r.c
	consumer, err := c.newConsumer(r.spec)
	if err != nil {
		return err
	}
	defer consumer.close()
	const fetchColumns = ", rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
	switch {
	case !r.header:
	case r.detailed:
		c.println("time, threadId, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec" + fetchColumns)
	default:
		c.println("start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec" + fetchColumns)
	}
	c.out.Flush()
	began := time.Now()
	reported, lastMB, lastN := began, 0.0, int64(0)
	var n, size int64
	var joined time.Duration // until the first messages
	bar := c.newProgress("read", r.messages, false)
	defer bar.done()
	for n < r.messages {
		err := consumer.poll(ctx, time.Duration(r.timeout)*time.Millisecond)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errNoMessage) {
			c.printf("WARNING: Exiting before consuming the expected number of messages: timeout (%d ms) exceeded. You can use the --timeout option to increase the timeout.\n", r.timeout)
			break
		}
		if err != nil {
			return err
		}
		if joined == 0 {
			joined = time.Since(began)
		}
		last := map[model.TopicPartition]position{}
		for _, rec := range consumer.records {
			n++
			size += int64(len(rec.Key) + len(rec.Value))
			last[model.TopicPartition{Topic: rec.Topic, Partition: rec.Partition}] = position{rec.Offset + 1, rec.LeaderEpoch}
		}
		for tp, p := range last {
			consumer.setPosition(tp, p)
		}
		consumer.records = nil
		bar.set(n)
		if now := time.Now(); r.detailed && now.Sub(reported).Milliseconds() >= r.interval {
			mb, elapsed := float64(size)/(1<<20), now.Sub(reported)
			bar.clear()
			c.printf("%s, 0, %.4f, %.4f, %d, %.4f, %d, %d, %.4f, %.4f\n", javaDate(now, r.format), mb, (mb-lastMB)/elapsed.Seconds(), n, float64(n-lastN)/elapsed.Seconds(),
				joined.Milliseconds(), max(elapsed-joined, 0).Milliseconds(), (mb-lastMB)/elapsed.Seconds(), float64(n-lastN)/elapsed.Seconds())
			c.out.Flush()
			reported, lastMB, lastN = now, mb, n
		}
	}
	bar.done()
	if r.detailed {
		return nil
	}
	end := time.Now()
	mb, elapsed := float64(size)/(1<<20), end.Sub(began)
	fetching := max(elapsed-joined, time.Millisecond)
	c.printf("%s, %s, %.4f, %.4f, %d, %.4f, %d, %d, %.4f, %.4f\n", javaDate(began, r.format), javaDate(end, r.format), mb, mb/elapsed.Seconds(), n, float64(n)/elapsed.Seconds(),
		joined.Milliseconds(), fetching.Milliseconds(), mb/fetching.Seconds(), float64(n)/fetching.Seconds())
	return nil
}

// javaDate formats a time with the letters of java.text.SimpleDateFormat that people use.
func javaDate(t time.Time, pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		n := 1
		for i+n < len(pattern) && pattern[i+n] == pattern[i] {
			n++
		}
		switch pattern[i] {
		case 'y':
			if n == 2 {
				b.WriteString(t.Format("06"))
			} else {
				fmt.Fprintf(&b, "%0*d", n, t.Year())
			}
		case 'M':
			switch {
			case n > 3:
				b.WriteString(t.Format("January"))
			case n == 3:
				b.WriteString(t.Format("Jan"))
			default:
				fmt.Fprintf(&b, "%0*d", n, int(t.Month()))
			}
		case 'd':
			fmt.Fprintf(&b, "%0*d", n, t.Day())
		case 'H':
			fmt.Fprintf(&b, "%0*d", n, t.Hour())
		case 'h':
			fmt.Fprintf(&b, "%0*d", n, (t.Hour()+11)%12+1)
		case 'm':
			fmt.Fprintf(&b, "%0*d", n, t.Minute())
		case 's':
			fmt.Fprintf(&b, "%0*d", n, t.Second())
		case 'S':
			fmt.Fprintf(&b, "%0*d", n, t.Nanosecond()/1e6)
		case 'a':
			b.WriteString(t.Format("PM"))
		case 'z', 'Z', 'X':
			b.WriteString(t.Format("-0700"))
		case '\'':
		default:
			b.WriteString(pattern[i : i+n])
		}
		i += n
	}
	return b.String()
}

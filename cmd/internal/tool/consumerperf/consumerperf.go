// Package consumerperf is kafka-consumer-perf-test: how fast messages can be read.
package consumerperf

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/internal/model"
)

// consumerPerfOptions are those of kafka.tools.ConsumerPerformance; the purpose still speaks of the
// consumer that is gone since 2.0.
func consumerPerfOptions() *options.Options {
	return options.Read("This tool helps in performance test for the full zookeeper consumer", `
		--broker-list <HOST:PORT,…>       older name of --bootstrap-server
		--bootstrap-server <HOST:PORT,…>  brokers to begin with
		--topic <TOPIC>                   the topic to read
		--group <GROUP>                   the consumer group; perf-consumer- and a number by default
		--fetch-size <BYTES>              most bytes of a partition in one answer (default: 1048576)
		--from-latest                     begin at the end when the group has no offsets
		--socket-buffer-size <BYTES>      size of the socket's receive buffer (default: 2097152)
		--threads <N>                     read, and not used (default: 10)
		--num-fetch-threads <N>           read, and not used (default: 1)
		--consumer.config <FILE>          properties of the consumer
		--print-metrics                   print metrics at the end
		--show-detailed-stats             print the rates at each reporting interval
		--timeout [MS]                    end when there was no message for so long (default: 10000)
		--messages <N>                    how many messages to read
		--reporting-interval <MS>         interval of --show-detailed-stats (default: 5000)
		--date-format <FORMAT>            how times are printed (default: yyyy-MM-dd HH:mm:ss:SSS)
		--hide-header                     leave the header out
	`).Numeric("timeout").Standard().Conditions(needsServer).Requires("topic", "messages")
}

// needsServer asks for either name of the option, with the exception of joptsimple: the tool
// declares the newer one as required unless the older is there.
func needsServer(o *options.Options) error {
	if !o.Any("bootstrap-server", "broker-list") {
		return &options.ParseError{Class: "joptsimple.MissingRequiredOptionsException", Text: "Missing required option(s) [bootstrap-server]"}
	}
	return nil
}

// Tool is kafka-consumer-perf-test.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-consumer-perf-test", Help: "measure how fast messages can be read", Class: "kafka.tools.ConsumerPerformance"}.
		Begun(consumerPerfOptions, core.Prepared(newConsumerPerf, consumerPerf))
}

// consumerPerf reads messages as fast as it may and reports the rates.
func consumerPerf(ctx context.Context, _ *core.Call, r *consumerPerfRun) error { return r.run(ctx) }

// consumerPerfRun is one run of the consumer's test.
type consumerPerfRun struct {
	c                  *core.Call
	spec               *clients.ConsumeSpec
	messages, interval int64
	timeout            int64
	format             string
	detailed, header   bool
}

// newConsumerPerf reads the options; --timeout is read late, since Kafka's tool meets a bad one
// only when it has begun.
func newConsumerPerf(c *core.Call, o *options.Options) (*consumerPerfRun, error) {
	texts, err := o.Texts("broker-list", "bootstrap-server", "topic", "group", "consumer.config", "date-format")
	if err != nil {
		return nil, err
	}
	r := &consumerPerfRun{c: c, format: texts["date-format"], detailed: o.Has("show-detailed-stats"), header: !o.Has("hide-header")}
	for name, to := range map[string]*int64{"messages": &r.messages, "reporting-interval": &r.interval} {
		if *to, err = o.Number(name, 64); err != nil {
			return nil, err
		}
	}
	if r.timeout, err = o.Number("timeout", 64); err != nil {
		r.timeout = 10_000 // Kafka's tool reads the option only when it has waited for messages
	}
	fetch, err := o.Number("fetch-size", 32)
	if err != nil {
		return nil, err
	}
	if r.interval <= 0 {
		return nil, java.IllegalArgument("Reporting interval must be greater than 0.")
	}
	props, err := core.ReadProperties(texts["consumer.config"])
	if err != nil {
		return nil, err
	}
	props["bootstrap.servers"] = texts["bootstrap-server"]
	if props["bootstrap.servers"] == "" {
		props["bootstrap.servers"] = texts["broker-list"]
	}
	// After the file, so that these are the tool's own, as in Kafka.
	props["max.partition.fetch.bytes"], props["auto.offset.reset"] = core.Itoa(fetch), "earliest"
	if o.Has("from-latest") {
		props["auto.offset.reset"] = "latest"
	}
	group := texts["group"]
	if group == "" {
		// A new group each time reads everything, whatever the last run has committed.
		group = fmt.Sprintf("perf-consumer-%d", rand.IntN(100000))
	}
	r.spec = &clients.ConsumeSpec{Topic: texts["topic"], Partition: -1, Group: group, Named: true, Props: props}
	return r, nil
}

// run reads until it has as many messages as asked, or none for the time-out, and reports as Kafka
// does: the time of the first rebalance counts as waiting, not as fetching.
func (r *consumerPerfRun) run(ctx context.Context) error {
	c := r.c
	if err := checkPattern(r.format); err != nil {
		return err
	}
	// These four columns came with KIP-177.
	const fetchColumns = ", rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
	switch {
	case !r.header:
	case r.detailed:
		c.Println("time, threadId, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec" + fetchColumns)
	default:
		c.Println("start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec" + fetchColumns)
	}
	c.Out.Flush()
	consumer, err := clients.NewConsumer(c, r.spec)
	if err != nil {
		return err
	}
	defer consumer.Close()
	began := time.Now()
	var n, size int64
	var joined time.Duration // until the first messages
	interval := progress{at: began}
	bar := c.NewProgress("read", r.messages, false)
	defer bar.Done()
	for n < r.messages {
		err := consumer.Poll(ctx, clients.JavaTimeout(r.timeout))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, clients.ErrNoMessage) {
			c.Printf("WARNING: Exiting before consuming the expected number of messages: timeout (%d ms) exceeded. You can use the --timeout option to increase the timeout.\n", r.timeout)
			break
		}
		if err != nil {
			return err
		}
		// Kafka counts until the assignment; here until it has brought messages, a moment later.
		if joined == 0 {
			joined = time.Since(began)
			interval.joined = joined
		}
		last := map[model.TopicPartition]clients.Position{}
		for _, rec := range consumer.Records {
			n++
			size += int64(len(rec.Key) + len(rec.Value))
			// What was read is where a commit would go; once a poll and not once a message.
			last[model.TopicPartition{Topic: rec.Topic, Partition: rec.Partition}] = clients.Position{Offset: rec.Offset + 1, Epoch: rec.LeaderEpoch}
		}
		for tp, p := range last {
			consumer.SetPosition(tp, p)
		}
		consumer.Records = nil
		bar.Set(n)
		if now := time.Now(); r.detailed && now.Sub(interval.at).Milliseconds() >= r.interval {
			bar.Clear()
			c.Println(interval.next(now, n, size, r.format))
			c.Out.Flush()
		}
	}
	bar.Done()
	if r.detailed {
		return nil
	}
	end := time.Now()
	mb, elapsed := float64(size)/(1<<20), end.Sub(began)
	// At least a millisecond: Kafka divides by zero and prints Infinity.
	fetching := max(elapsed-joined, time.Millisecond)
	c.Printf("%s, %s, %.4f, %.4f, %d, %.4f, %d, %d, %.4f, %.4f\n", javaDate(began, r.format), javaDate(end, r.format), mb, mb/elapsed.Seconds(), n, float64(n)/elapsed.Seconds(),
		joined.Milliseconds(), fetching.Milliseconds(), mb/fetching.Seconds(), float64(n)/fetching.Seconds())
	return nil
}

// progress is what --show-detailed-stats last reported: a line has the sums since the beginning and
// the rates since then.
type progress struct {
	at      time.Time
	n, size int64         // messages, and bytes of their keys and values
	joined  time.Duration // waited for the group since then; 0 in all intervals but the first
}

// next makes the line for now, n and size being the sums, and begins the next interval. The last
// two rates leave out the wait for the group; without any time left Kafka gives them as 0.
func (p *progress) next(now time.Time, n, size int64, format string) string {
	elapsed := now.Sub(p.at)
	mb, messages := float64(size-p.size)/(1<<20), float64(n-p.n)
	// The first interval has the wait for the group in it.
	fetching := elapsed - p.joined
	fetchMB, fetchMessages := 0.0, 0.0
	if fetching.Milliseconds() > 0 {
		fetchMB, fetchMessages = mb/fetching.Seconds(), messages/fetching.Seconds()
	}
	line := fmt.Sprintf("%s, 0, %.4f, %.4f, %d, %.4f, %d, %d, %.4f, %.4f", javaDate(now, format), float64(size)/(1<<20), mb/elapsed.Seconds(), n, messages/elapsed.Seconds(),
		p.joined.Milliseconds(), fetching.Milliseconds(), fetchMB, fetchMessages)
	*p = progress{at: now, n: n, size: size}
	return line
}

// checkPattern finds what SimpleDateFormat does not take: letters without a meaning, outside of
// quotes.
func checkPattern(pattern string) error {
	quoted := false
	for _, r := range pattern {
		switch {
		case r == '\'':
			quoted = !quoted
		case quoted || r < 'A' || r > 'z' || r > 'Z' && r < 'a':
		case !strings.ContainsRune("GyMdkHmsSEDFwWahKzZYuXL", r):
			return java.IllegalArgument("Illegal pattern character '%c'", r)
		}
	}
	// A quote that is left open.
	if quoted {
		return java.IllegalArgument("Unterminated quote")
	}
	return nil
}

// javaDate formats a time with the letters of java.text.SimpleDateFormat that people use; what
// stands in quotes stays as it is, and two quotes are one.
func javaDate(t time.Time, pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		if pattern[i] == '\'' {
			text, rest := quotedText(pattern[i+1:])
			b.WriteString(text)
			i = len(pattern) - len(rest)
			continue
		}
		n := 1
		for i+n < len(pattern) && pattern[i+n] == pattern[i] {
			n++
		}
		switch pattern[i] {
		// Two letters are two digits of the year, any other number of them the whole year.
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
		// Milliseconds whatever the number of letters: SSSSSS is six digits of them, with zeros
		// before.
		case 's':
			fmt.Fprintf(&b, "%0*d", n, t.Second())
		case 'S':
			fmt.Fprintf(&b, "%0*d", n, t.Nanosecond()/1e6)
		case 'a':
			b.WriteString(t.Format("PM"))
		case 'z': // the names of zones, EST or UTC
			b.WriteString(t.Format("MST"))
		case 'Z':
			b.WriteString(t.Format("-0700"))
		case 'X': // ISO 8601: hours alone, with minutes, or with a colon
			b.WriteString(t.Format([]string{"Z07", "Z0700", "Z07:00"}[min(n, 3)-1]))
		default:
			b.WriteString(pattern[i : i+n])
		}
		i += n
	}
	return b.String()
}

// quotedText reads from behind an opening quote to behind the closing one. A quote is doubled to
// stand for itself, in quotes and as a pair of its own.
func quotedText(s string) (text, rest string) {
	if strings.HasPrefix(s, "'") {
		return "'", s[1:]
	}
	var b strings.Builder
	for {
		before, after, _ := strings.Cut(s, "'")
		b.WriteString(before)
		if !strings.HasPrefix(after, "'") {
			return b.String(), after
		}
		b.WriteByte('\'')
		s = after[1:]
	}
}

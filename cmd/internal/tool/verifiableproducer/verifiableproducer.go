// Package verifiableproducer is kafka-verifiable-producer: numbered messages, and a line of JSON
// for what became of each.
package verifiableproducer

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
)

// verifiableProducerArguments are those of org.apache.kafka.tools.VerifiableProducer, which Kafka's
// system tests drive: each message is reported with its offset or with its error.
func verifiableProducerArguments() *options.Argparse {
	return &options.Argparse{Name: "verifiable-producer", Usage: `usage: verifiable-producer [-h] --topic TOPIC [--max-messages MAX-MESSAGES]
                           [--throughput THROUGHPUT] [--acks ACKS]
                           [--producer.config CONFIG_FILE]
                           [--message-create-time CREATETIME]
                           [--value-prefix VALUE-PREFIX]
                           [--repeating-keys REPEATING-KEYS]
                           (--bootstrap-server HOST1:PORT1[,HOST2:PORT2[...]]
                           | --broker-list HOST1:PORT1[,HOST2:PORT2[...]])
`, List: []*options.Argument{
		{Name: "--topic", Required: true, Help: "where to send to"},
		{Name: "--bootstrap-server", Help: "brokers to begin with"},
		{Name: "--broker-list", Help: "older name of --bootstrap-server"},
		{Name: "--max-messages", Number: "Integer", Help: "how many messages; -1, no limit, by default"},
		{Name: "--throughput", Number: "Integer", Help: "most messages per second; -1, no limit, by default"},
		{Name: "--acks", Number: "Integer", Choices: []string{"0", "1", "-1"}, Help: "0, 1 or -1 (all, the default)"},
		{Name: "--producer.config", Help: "a file with properties of the producer"},
		{Name: "--message-create-time", Number: "Long", Help: "the time of the first message, ms since 1970"},
		{Name: "--value-prefix", Number: "Integer", Help: "a number and a point before each value"},
		{Name: "--repeating-keys", Number: "Integer", Help: "give messages the keys 0 to N-1 in turn"},
	}, Groups: [][]string{{"--bootstrap-server", "--broker-list"}}}
}

// Tool is kafka-verifiable-producer.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-verifiable-producer", Help: "send numbered messages and report each as JSON", Class: "org.apache.kafka.tools.VerifiableProducer"}.
		WithArguments(verifiableProducerArguments, verifiableProducer)
}

// verifiableProducer sends numbered messages and reports each as JSON.
func verifiableProducer(ctx context.Context, c *core.Call, a *options.Argparse) error {
	number := func(name string, fallback int64) int64 {
		if !a.Find(name).Seen {
			return fallback
		}
		return a.Int(name)
	}
	acks := number("--acks", -1)
	unanswered := acks == 0 // no broker tells where the record is, and Java prints -1
	// No retries, so that each message is reported once, by what became of it.
	props := map[string]string{"bootstrap.servers": a.Get("--bootstrap-server") + a.Get("--broker-list"), "acks": core.Itoa(acks), "retries": "0", "client.id": "producer-1"}
	file, err := core.ReadProperties(a.Get("--producer.config"))
	if err != nil {
		c.Errorf("%s%s: error: %s\n", a.Usage, a.Name, a.Get("--producer.config"))
		return core.Exit(1)
	}
	// The file wins over the tool's own settings.
	for k, v := range file {
		props[k] = v
	}
	p, err := clients.NewProducer(c, props, props["client.id"], clients.ProducerOptions{Timed: a.Find("--message-create-time").Seen})
	if err != nil {
		return err
	}
	defer p.Abandon()
	var mu sync.Mutex
	c.Event(&mu, "startup_complete")
	maximum, rate, keys, created := number("--max-messages", -1), number("--throughput", -1), number("--repeating-keys", 0), number("--message-create-time", -1)
	began := time.Now()
	var sent, acked int64
	for ; (maximum < 0 || sent < maximum) && ctx.Err() == nil; sent++ {
		r := &kgo.Record{Topic: a.Get("--topic"), Value: []byte(core.Itoa(sent))}
		if a.Find("--value-prefix").Seen {
			r.Value = []byte(a.Get("--value-prefix") + "." + core.Itoa(sent))
		}
		if keys > 0 {
			r.Key = []byte(core.Itoa(sent % keys))
		}
		if created >= 0 {
			r.Timestamp = time.UnixMilli(created).Add(time.Since(began))
		}
		key := func(r *kgo.Record) any {
			if r.Key == nil {
				return nil
			}
			return string(r.Key)
		}
		failed := func(r *kgo.Record, err error) {
			c.Event(&mu, "producer_send_error", "exception", "class "+javaClass(err), "message", err.Error(), "topic", r.Topic, "key", key(r), "value", string(r.Value))
		}
		if err := p.Prepare(ctx, r); err != nil {
			if ctx.Err() == nil {
				failed(r, err)
			}
		} else {
			// Not ended with the tool: what was sent before is waited for and reported.
			p.Deliver(context.WithoutCancel(ctx), r, func(r *kgo.Record, err error) {
				if err != nil {
					failed(r, err)
					return
				}
				mu.Lock()
				acked++
				mu.Unlock()
				offset := r.Offset
				if unanswered {
					offset = -1
				}
				c.Event(&mu, "producer_send_success", "key", key(r), "value", string(r.Value), "offset", offset, "partition", r.Partition, "topic", r.Topic)
			})
		}
		_ = clients.Pace(ctx, c, began, sent+1, rate) // the loop sees that ctx has ended
	}
	if err := p.Drain(context.WithoutCancel(ctx)); err != nil { // bounded by the delivery time-out
		return err
	}
	c.Event(&mu, "shutdown_complete")
	mu.Lock()
	done := acked
	mu.Unlock()
	c.Event(&mu, "tool_data", "sent", sent, "acked", done, "target_throughput", rate, "avg_throughput", float64(done)/time.Since(began).Seconds())
	return ctx.Err()
}

// javaClass is the class of an error in Java.
func javaClass(err error) string {
	class, _, _ := strings.Cut(java.Text(err), ":")
	return class
}

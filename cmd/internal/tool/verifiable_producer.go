package tool

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func verifiableProducerArguments() *argparse {
	return &argparse{name: "verifiable-producer", usage: `usage: verifiable-producer [-h] --topic TOPIC [--max-messages MAX-MESSAGES]
                           [--throughput THROUGHPUT] [--acks ACKS]
                           [--producer.config CONFIG_FILE]
                           [--message-create-time CREATETIME]
                           [--value-prefix VALUE-PREFIX]
                           [--repeating-keys REPEATING-KEYS]
                           (--bootstrap-server HOST1:PORT1[,HOST2:PORT2[...]]
                           | --broker-list HOST1:PORT1[,HOST2:PORT2[...]])
`, list: []*argument{
		{name: "--topic", required: true, help: "where to send to"},
		{name: "--bootstrap-server", help: "brokers to begin with"},
		{name: "--broker-list", help: "older name of --bootstrap-server"},
		{name: "--max-messages", number: "Integer", help: "how many messages; -1, no limit, by default"},
		{name: "--throughput", number: "Integer", help: "most messages per second; -1, no limit, by default"},
		{name: "--acks", number: "Integer", choices: []string{"0", "1", "-1"}, help: "0, 1 or -1 (all, the default)"},
		{name: "--producer.config", help: "a file with properties of the producer"},
		{name: "--message-create-time", number: "Long", help: "the time of the first message, ms since 1970"},
		{name: "--value-prefix", number: "Integer", help: "a number and a point before each value"},
		{name: "--repeating-keys", number: "Integer", help: "give messages the keys 0 to N-1 in turn"},
	}, groups: [][]string{{"--bootstrap-server", "--broker-list"}}}
}

// event prints one JSON object; fields are pairs of name and value in the order in which they are printed.
func (c *call) event(mu *sync.Mutex, name string, fields ...any) {
	var b strings.Builder
	fmt.Fprintf(&b, `{"timestamp":%d,"name":%q`, time.Now().UnixMilli(), name)
	for i := 0; i+1 < len(fields); i += 2 {
		value, err := json.Marshal(fields[i+1])
		if err != nil {
			value = []byte("null")
		}
		fmt.Fprintf(&b, ",%q:%s", fields[i], value)
	}
	mu.Lock()
	defer mu.Unlock()
	c.printf("%s}\n", b.String())
	c.out.Flush()
}

// registerVerifiableProducer is kafka-verifiable-producer.sh.
func registerVerifiableProducer() Tool {
	return Tool{Name: "kafka-verifiable-producer", Help: "send numbered messages and report each as JSON", run: verifiableProducer,
		Class:   "org.apache.kafka.tools.VerifiableProducer",
		Options: tableOf(verifiableProducerArguments)}
}

// verifiableProducer sends numbered messages and reports each as JSON.
func verifiableProducer(ctx context.Context, c *call) error {
	a := verifiableProducerArguments()
	if err := c.beginArguments(a); err != nil {
		return err
	}
	number := func(name string, fallback int64) int64 {
		if !a.find(name).seen {
			return fallback
		}
		return a.int(name)
	}
	props := map[string]string{"bootstrap.servers": a.get("--bootstrap-server") + a.get("--broker-list"), "acks": itoa(number("--acks", -1)), "retries": "0", "client.id": "producer-1"}
	file, err := readProperties(a.get("--producer.config"))
	if err != nil {
		return err
	}
	for k, v := range file {
		props[k] = v
	}
	if a.find("--message-create-time").seen {
		props["delivery.timeout.ms"] = "0" // the client counts it from the time of the record
	}
	p, err := c.newProducer(props, props["client.id"])
	if err != nil {
		return err
	}
	defer p.Client.Close()
	var mu sync.Mutex
	c.event(&mu, "startup_complete")
	maximum, rate, keys, created := number("--max-messages", -1), number("--throughput", -1), number("--repeating-keys", 0), number("--message-create-time", -1)
	began := time.Now()
	var sent, acked int64
	for ; (maximum < 0 || sent < maximum) && ctx.Err() == nil; sent++ {
		r := &kgo.Record{Topic: a.get("--topic"), Value: []byte(itoa(sent))}
		if a.find("--value-prefix").seen {
			r.Value = []byte(a.get("--value-prefix") + "." + itoa(sent))
		}
		if keys > 0 {
			r.Key = []byte(itoa(sent % keys))
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
			c.event(&mu, "producer_send_error", "exception", "class "+javaClass(err), "message", err.Error(), "topic", r.Topic, "key", key(r), "value", string(r.Value))
		}
		if err := p.prepare(ctx, r); err != nil {
			if ctx.Err() == nil {
				failed(r, err)
			}
		} else {
			p.Produce(context.WithoutCancel(ctx), r, func(r *kgo.Record, err error) {
				if err != nil {
					failed(r, clientError(err))
					return
				}
				mu.Lock()
				acked++
				mu.Unlock()
				c.event(&mu, "producer_send_success", "key", key(r), "value", string(r.Value), "offset", r.Offset, "partition", r.Partition, "topic", r.Topic)
			})
		}
		if rate > 0 {
			if wait := time.Until(began.Add(time.Duration(float64(sent+1) / float64(rate) * float64(time.Second)))); wait > 0 {
				select {
				case <-ctx.Done():
				case <-time.After(wait):
				}
			}
		}
	}
	if err := p.Flush(context.WithoutCancel(ctx)); err != nil { // bounded by the delivery time-out
		return err
	}
	c.event(&mu, "shutdown_complete")
	mu.Lock()
	done := acked
	mu.Unlock()
	c.event(&mu, "tool_data", "sent", sent, "acked", done, "target_throughput", rate, "avg_throughput", float64(done)/time.Since(began).Seconds())
	return ctx.Err()
}

// javaClass is the class of an error in Java.
func javaClass(err error) string {
	class, _, _ := strings.Cut(javaText(err), ":")
	return class
}

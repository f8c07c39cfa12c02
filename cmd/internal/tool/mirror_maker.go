package tool

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func mirrorMakerOptions() *options {
	o := newOptions("This tool helps to continuously copy data between two Kafka clusters.")
	o.value("consumer.config", "FILE", "properties of the consumers of the source cluster, group.id among them")
	o.value("producer.config", "FILE", "properties of the producer to the target cluster")
	o.valueOr("num.streams", "N", "1", "how many consumers")
	o.value("whitelist", "REGEX", "the topics to copy, to topics of the same names")
	o.valueOr("offset.commit.interval.ms", "MS", "60000", "how often to commit what the target cluster has")
	o.value("consumer.rebalance.listener", "CLASS", "a class of Java; refused")
	o.value("rebalance.listener.args", "TEXT", "what that class wants to know")
	o.value("message.handler", "CLASS", "a class of Java; refused")
	o.value("message.handler.args", "TEXT", "what that class wants to know")
	o.valueOr("abort.on.send.failure", "BOOL", "true", "end when a message cannot be sent; otherwise it is dropped")
	return o.standard()
}

const mirrorMakerClass = "kafka.tools.MirrorMaker$"

// registerMirrorMaker is kafka-mirror-maker.sh.
func registerMirrorMaker() Tool {
	return Tool{Name: "kafka-mirror-maker", Help: "copy topics from one cluster to another", run: mirrorMaker,
		Class:   "kafka.tools.MirrorMaker",
		Options: tableOf(mirrorMakerOptions)}
}

// mirrorMaker copies topics from one cluster to another until it is ended. What is committed in the source cluster is in the target.
func mirrorMaker(ctx context.Context, c *call) error {
	o := mirrorMakerOptions()
	if err := c.begin(o, ""); err != nil {
		return err
	}
	if err := o.require("consumer.config", "producer.config"); err != nil {
		return err
	}
	m := &mirror{c: c}
	if err := m.settings(o); err != nil {
		return err
	}
	return m.run(ctx)
}

// mirror is one run of the tool.
type mirror struct {
	c                  *call
	consumers, targets map[string]string // properties
	pattern            string
	streams            int
	interval           time.Duration
	abort, sync        bool

	mu       sync.Mutex // producers are used by one consumer at a time
	producer *producer
}

func (m *mirror) settings(o *options) error {
	texts, err := o.texts("consumer.config", "producer.config", "whitelist", "abort.on.send.failure", "consumer.rebalance.listener", "message.handler")
	if err != nil {
		return err
	}
	if m.consumers, err = readProperties(texts["consumer.config"]); err != nil {
		return err
	}
	if !o.has("whitelist") {
		m.c.log("ERROR", mirrorMakerClass, "whitelist must be specified")
		return exit(1)
	}
	for _, name := range []string{"consumer.rebalance.listener", "message.handler"} {
		if texts[name] != "" {
			return &javaError{class: "java.lang.ClassNotFoundException", text: texts[name], cause: errors.New("this tool runs no classes of Java: leave --" + name + " out")}
		}
	}
	m.pattern = strings.NewReplacer(",", "|", " ", "", `"`, "", "'", "").Replace(strings.TrimSpace(texts["whitelist"]))
	if _, err := regexp.Compile(m.pattern); err != nil {
		m.c.log("ERROR", "kafka.tools.MirrorMaker$MirrorMakerNewConsumer", "Invalid expression syntax: %s", texts["whitelist"])
		return exit(1)
	}
	if m.consumers["partition.assignment.strategy"] == "" {
		m.c.errorf("WARNING: The default partition assignment strategy of the mirror maker will change from 'range' to 'roundrobin' in an upcoming release " +
			"(so that better load balancing can be achieved). If you prefer to make this switch in advance of that release add the following to the corresponding " +
			"config: 'partition.assignment.strategy=org.apache.kafka.clients.consumer.RoundRobinAssignor'\n")
	}
	if m.consumers["group.id"] == "" {
		return &javaError{class: errorsPackage + "InvalidGroupIdException", text: "To use the group management or offset commit APIs, you must provide a valid group.id in the consumer configuration."}
	}
	m.abort = strings.EqualFold(texts["abort.on.send.failure"], "true")
	streams, err := o.number("num.streams", 32)
	if err != nil {
		return err
	}
	interval, err := o.number("offset.commit.interval.ms", 32)
	if err != nil {
		return err
	}
	m.streams, m.interval = int(streams), time.Duration(interval)*time.Millisecond
	if m.targets, err = readProperties(texts["producer.config"]); err != nil {
		return err
	}
	m.sync = m.targets["producer.type"] == "sync"
	delete(m.targets, "producer.type")
	for key, value := range map[string]string{"max.block.ms": "2147483647", "acks": "all"} {
		if m.targets[key] == "" {
			m.targets[key] = value
		}
	}
	m.targets["delivery.timeout.ms"] = "0" // no limit: this client counts it from the message's own time
	return nil
}

func (m *mirror) run(ctx context.Context) error {
	id := m.targets["client.id"]
	if id == "" {
		id = "producer-1"
		m.targets["client.id"] = id
	}
	var err error
	// One request at a time, so that a retry cannot change the order.
	if m.producer, err = m.c.newProducer(m.targets, id, kgo.MaxProduceRequestsInflightPerBroker(1)); err != nil {
		return err
	}
	defer m.producer.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i := range m.streams {
		wg.Go(func() {
			if err := m.stream(ctx, i); err != nil {
				cancel(err) // the first one counts
			}
		})
	}
	wg.Wait()
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(cause, context.Canceled) {
		return cause
	}
	m.c.log("ERROR", "kafka.tools.MirrorMaker$MirrorMakerThread", "Mirror maker thread exited abnormally, stopping the whole mirror maker.")
	if cause != errNotSent {
		m.c.errorf("%s\n", describe(cause))
	}
	return exit(255)
}

// errNotSent ends the tool after a message that could not be sent, which was logged.
var errNotSent = errors.New("a message was not sent")

// stream copies what one consumer gets.
func (m *mirror) stream(ctx context.Context, n int) error {
	group, props := m.consumers["group.id"], map[string]string{}
	for k, v := range m.consumers {
		props[k] = v
	}
	props["client.id"] = group + "-" + strconv.Itoa(n)
	props["enable.auto.commit"], props["auto.commit.interval.ms"] = "true", fmt.Sprint(m.interval.Milliseconds())
	r, err := m.c.newConsumer(&consumeSpec{pattern: m.pattern, partition: -1, group: group, named: true, props: props})
	if err != nil {
		return err
	}
	r.mayCommit = m.flush
	defer r.close()
	for {
		rec, err := r.take(ctx, time.Second)
		switch {
		case ctx.Err() != nil:
			return nil
		case m.abort && m.producer.failed.Load():
			return errNotSent
		case err == errNoMessage:
			continue
		case err != nil:
			return err
		}
		if err := m.copy(ctx, rec); err != nil {
			return err
		}
	}
}

func (m *mirror) copy(ctx context.Context, rec *kgo.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := &kgo.Record{Topic: rec.Topic, Key: rec.Key, Value: rec.Value, Headers: rec.Headers}
	if rec.Attrs.TimestampType() >= 0 {
		out.Timestamp = rec.Timestamp
	}
	return m.producer.send(ctx, out, m.sync)
}

// flush waits until the target cluster has all that was read; false when it has not, and nothing may be committed.
func (m *mirror) flush() bool {
	limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return m.producer.Flush(limit) == nil && !(m.abort && m.producer.failed.Load())
}

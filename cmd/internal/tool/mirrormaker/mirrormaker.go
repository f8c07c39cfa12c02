// Package mirrormaker is kafka-mirror-maker, the first one: it copies topics from one cluster to
// another.
package mirrormaker

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
)

// mirrorMakerOptions are those of kafka.tools.MirrorMaker, the first one: MirrorMaker 2 runs in
// Connect.
func mirrorMakerOptions() *options.Options {
	return options.Read("This tool helps to continuously copy data between two Kafka clusters.", `
		--consumer.config <FILE>              properties of the consumers of the source cluster, group.id among them
		--producer.config <FILE>              properties of the producer to the target cluster
		--num.streams <N>                     how many consumers (default: 1)
		--whitelist <REGEX>                   the topics to copy, to topics of the same names
		--offset.commit.interval.ms <MS>      how often to commit what the target cluster has (default: 60000)
		--consumer.rebalance.listener <CLASS>  a class of Java; refused
		--rebalance.listener.args <TEXT>      what that class wants to know
		--message.handler <CLASS>             a class of Java; refused
		--message.handler.args <TEXT>         what that class wants to know
		--abort.on.send.failure <BOOL>        end when a message cannot be sent; otherwise it is dropped (default: true)
	`).Standard().Requires("consumer.config", "producer.config")
}

// mirrorMakerClass is the logger of the tool.
const mirrorMakerClass = "kafka.tools.MirrorMaker$"

// Tool is kafka-mirror-maker.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-mirror-maker", Help: "copy topics from one cluster to another", Class: "kafka.tools.MirrorMaker"}.
		Begun(mirrorMakerOptions, mirrorMaker)
}

// mirrorMaker copies topics from one cluster to another until it is ended. What is committed in the
// source cluster is in the target.
func mirrorMaker(ctx context.Context, c *core.Call, o *options.Options) error {
	m := &mirror{c: c}
	if err := m.settings(o); err != nil {
		return err
	}
	return m.run(ctx)
}

// mirror is one run of the tool.
type mirror struct {
	c                  *core.Call
	consumers, targets map[string]string // properties
	pattern            string
	streams            int
	interval           time.Duration
	abort, sync        bool
	lost               atomic.Bool // a record was read and not copied

	mu       sync.Mutex // producers are used by one consumer at a time
	producer *clients.Producer
}

// settings reads the options, with Kafka's defaults against loss: the producer waits for all
// replicas and gives no record up.
func (m *mirror) settings(o *options.Options) error {
	texts, err := o.Texts("consumer.config", "producer.config", "whitelist", "abort.on.send.failure", "consumer.rebalance.listener", "message.handler")
	if err != nil {
		return err
	}
	if m.consumers, err = core.ReadProperties(texts["consumer.config"]); err != nil {
		return err
	}
	if !o.Has("whitelist") {
		m.c.Log("ERROR", mirrorMakerClass, "whitelist must be specified")
		return core.Exit(1)
	}
	for _, name := range []string{"consumer.rebalance.listener", "message.handler"} {
		if texts[name] != "" {
			return &java.Error{Class: "java.lang.ClassNotFoundException", Text: texts[name], Cause: errors.New("this tool runs no classes of Java: leave --" + name + " out")}
		}
	}
	m.pattern = strings.NewReplacer(",", "|", " ", "", `"`, "", "'", "").Replace(strings.TrimSpace(texts["whitelist"]))
	if _, err := regexp.Compile(m.pattern); err != nil {
		m.c.Log("ERROR", "kafka.tools.MirrorMaker$MirrorMakerNewConsumer", "Invalid expression syntax: %s", texts["whitelist"])
		return core.Exit(1)
	}
	if m.consumers["partition.assignment.strategy"] == "" {
		m.c.Errorf("WARNING: The default partition assignment strategy of the mirror maker will change from 'range' to 'roundrobin' in an upcoming release " +
			"(so that better load balancing can be achieved). If you prefer to make this switch in advance of that release add the following to the corresponding " +
			"config: 'partition.assignment.strategy=org.apache.kafka.clients.consumer.RoundRobinAssignor'\n")
	}
	if m.consumers["group.id"] == "" {
		return &java.Error{Class: java.ErrorsPackage + "InvalidGroupIdException", Text: "To use the group management or offset commit APIs, you must provide a valid group.id in the consumer configuration."}
	}
	m.abort = strings.EqualFold(texts["abort.on.send.failure"], "true")
	streams, err := o.Number("num.streams", 32)
	if err != nil {
		return err
	}
	interval, err := o.Number("offset.commit.interval.ms", 32)
	if err != nil {
		return err
	}
	m.streams, m.interval = int(streams), time.Duration(interval)*time.Millisecond
	if m.targets, err = core.ReadProperties(texts["producer.config"]); err != nil {
		return err
	}
	m.sync = m.targets["producer.type"] == "sync"
	delete(m.targets, "producer.type")
	// One request at a time, so that a retry cannot change the order, and nothing is given up.
	for key, value := range map[string]string{"delivery.timeout.ms": "2147483647", "max.block.ms": "9223372036854775807", "acks": "all",
		"max.in.flight.requests.per.connection": "1"} {
		if m.targets[key] == "" {
			m.targets[key] = value
		}
	}
	return nil
}

// run copies with one producer and as many consumers as asked for; the first that fails ends the
// others. Before offsets are committed the producer is flushed: what was not copied is read again.
func (m *mirror) run(ctx context.Context) error {
	id := m.targets["client.id"]
	if id == "" {
		id = "producer-1"
		m.targets["client.id"] = id
	}
	var err error
	if m.producer, err = clients.NewProducer(m.c, m.targets, id, clients.ProducerOptions{Timed: true}); err != nil {
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
	m.c.Log("ERROR", "kafka.tools.MirrorMaker$MirrorMakerThread", "Mirror maker thread exited abnormally, stopping the whole mirror maker.")
	if cause != errNotSent {
		m.c.Errorf("%s\n", java.Describe(cause))
	}
	return core.Exit(255)
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
	r, err := clients.NewConsumer(m.c, &clients.ConsumeSpec{Pattern: m.pattern, Partition: -1, Group: group, Named: true, Props: props})
	if err != nil {
		return err
	}
	r.MayCommit = m.flush
	defer r.Close()
	return m.pump(ctx, r.Take, func(ctx context.Context, rec *kgo.Record) error {
		if m.abort && m.producer.Failed.Load() {
			return errNotSent
		}
		return m.copy(ctx, rec)
	})
}

// pump copies record after record until ctx ends. What was taken counts as read when the consumer
// is closed, so that it is copied although ctx has ended meanwhile, and one that could not be is
// the end of all commits.
func (m *mirror) pump(ctx context.Context, take func(context.Context, time.Duration) (*kgo.Record, error), send func(context.Context, *kgo.Record) error) error {
	for ctx.Err() == nil {
		rec, err := take(ctx, time.Second)
		switch {
		case rec != nil:
			if err := send(ctx, rec); err != nil {
				m.lost.Store(true)
				return err
			}
		case ctx.Err() != nil:
		case m.abort && m.producer.Failed.Load():
			return errNotSent
		case err != clients.ErrNoMessage:
			return err
		}
	}
	return nil
}

// copy sends a record on as it is, to a topic of the same name; the timestamp is kept, the
// partition is chosen anew.
func (m *mirror) copy(ctx context.Context, rec *kgo.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := &kgo.Record{Topic: rec.Topic, Key: rec.Key, Value: rec.Value, Headers: rec.Headers}
	if rec.Attrs.TimestampType() >= 0 {
		out.Timestamp = rec.Timestamp
	}
	return m.producer.Send(ctx, out, m.sync)
}

// flush waits until the target cluster has all that was read; false when it has not, and nothing
// may be committed.
func (m *mirror) flush() bool {
	if m.lost.Load() {
		return false
	}
	limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return m.producer.Drain(limit) == nil && !(m.abort && m.producer.Failed.Load())
}

package tool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/internal/model"
)

func verifiableConsumerArguments() *argparse {
	return &argparse{name: "verifiable-consumer", usage: `usage: verifiable-consumer [-h] --topic TOPIC --group-id GROUP_ID
                           [--group-instance-id GROUP_INSTANCE_ID]
                           [--max-messages MAX-MESSAGES]
                           [--session-timeout TIMEOUT_MS] [--verbose]
                           [--enable-autocommit]
                           [--reset-policy RESETPOLICY]
                           [--assignment-strategy ASSIGNMENTSTRATEGY]
                           [--consumer.config CONFIG_FILE]
                           (--bootstrap-server HOST1:PORT1[,HOST2:PORT2[...]]
                           | --broker-list HOST1:PORT1[,HOST2:PORT2[...]])
`, list: []*argument{
		{name: "--bootstrap-server", help: "brokers to begin with"},
		{name: "--broker-list", help: "older name of --bootstrap-server"},
		{name: "--topic", required: true, help: "the topic to read"},
		{name: "--group-id", required: true, help: "the consumer group"},
		{name: "--group-instance-id", help: "makes the member a static one"},
		{name: "--max-messages", number: "Integer", help: "how many messages; -1, no limit, by default"},
		{name: "--session-timeout", number: "Integer", help: "session time-out in ms, 30000 by default"},
		{name: "--verbose", flag: true, help: "report every message"},
		{name: "--enable-autocommit", flag: true, help: "let the client commit"},
		{name: "--reset-policy", help: "earliest (the default), latest or none"},
		{name: "--assignment-strategy", help: "class of the assignor, org.apache.kafka.clients.consumer.RangeAssignor by default"},
		{name: "--consumer.config", help: "a file with properties of the consumer"},
	}, groups: [][]string{{"--bootstrap-server", "--broker-list"}}}
}

// The values of the events, keys in Kafka's order.
type (
	partitionEvent struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
	}
	consumedEvent struct {
		partitionEvent
		Count int64 `json:"count"`
		First int64 `json:"minOffset"`
		Last  int64 `json:"maxOffset"`
	}
	committedEvent struct {
		partitionEvent
		Offset int64 `json:"offset"`
	}
)

func partitionEvents(parts map[string][]int32) []partitionEvent {
	out := []partitionEvent{}
	set := map[model.TopicPartition]bool{}
	for topic, ps := range parts {
		for _, p := range ps {
			set[model.TopicPartition{Topic: topic, Partition: p}] = true
		}
	}
	for _, tp := range sortedPartitions(set) {
		out = append(out, partitionEvent{tp.Topic, tp.Partition})
	}
	return out
}

// registerVerifiableConsumer is kafka-verifiable-consumer.sh.
func registerVerifiableConsumer() Tool {
	return Tool{Name: "kafka-verifiable-consumer", Help: "read messages and report each step as JSON", run: verifiableConsumer,
		Class:   "org.apache.kafka.tools.VerifiableConsumer",
		Options: tableOf(verifiableConsumerArguments)}
}

// verifiableConsumer reads and reports each step as JSON.
func verifiableConsumer(ctx context.Context, c *call) error {
	a := verifiableConsumerArguments()
	if err := c.beginArguments(a); err != nil {
		return err
	}
	props, err := readProperties(a.get("--consumer.config"))
	if err != nil {
		return err
	}
	or := func(name, fallback string) string {
		if v := a.get(name); v != "" {
			return v
		}
		return fallback
	}
	auto := a.find("--enable-autocommit").seen
	props["bootstrap.servers"] = a.get("--bootstrap-server") + a.get("--broker-list")
	props["session.timeout.ms"] = or("--session-timeout", "30000")
	props["auto.offset.reset"] = or("--reset-policy", "earliest")
	props["partition.assignment.strategy"] = or("--assignment-strategy", "org.apache.kafka.clients.consumer.RangeAssignor")
	props["enable.auto.commit"] = "false"
	if auto {
		props["enable.auto.commit"] = "true"
	}
	if id := a.get("--group-instance-id"); id != "" {
		props["group.instance.id"] = id
	}
	left := int64(-1)
	if a.find("--max-messages").seen {
		left = a.int("--max-messages")
	}
	r, err := c.newConsumer(&consumeSpec{topic: a.get("--topic"), partition: -1, group: a.get("--group-id"), named: true, props: props})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	r.onAssigned = func(parts map[string][]int32) {
		c.event(&mu, "partitions_assigned", "partitions", partitionEvents(parts))
	}
	r.onRevoked = func(parts map[string][]int32) {
		c.event(&mu, "partitions_revoked", "partitions", partitionEvents(parts))
	}
	c.event(&mu, "startup_complete")
	for left != 0 && ctx.Err() == nil {
		err = r.poll(ctx, time.Second)
		if errors.Is(err, errNoMessage) {
			continue
		}
		if err != nil {
			break
		}
		if left > 0 && int64(len(r.records)) > left {
			r.records = r.records[:left]
		}
		if left > 0 {
			left -= int64(len(r.records))
		}
		r.reportConsumed(ctx, &mu, a.find("--verbose").seen, auto)
	}
	r.records = nil
	r.close()
	c.event(&mu, "shutdown_complete")
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// reportConsumed reports the records in hand and, unless the client does, commits them.
func (r *consumer) reportConsumed(ctx context.Context, mu *sync.Mutex, verbose, auto bool) {
	by := map[model.TopicPartition]*consumedEvent{}
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for _, rec := range r.records {
		tp := model.TopicPartition{Topic: rec.Topic, Partition: rec.Partition}
		if verbose {
			text := func(b []byte) any {
				if b == nil {
					return nil
				}
				return string(b)
			}
			r.c.event(mu, "record_data", "key", text(rec.Key), "value", text(rec.Value), "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset)
		}
		e := by[tp]
		if e == nil {
			e = &consumedEvent{partitionEvent: partitionEvent{tp.Topic, tp.Partition}, First: rec.Offset}
			by[tp] = e
		}
		e.Count++
		e.Last = rec.Offset
		if offsets[tp.Topic] == nil {
			offsets[tp.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[tp.Topic][tp.Partition] = kgo.EpochOffset{Offset: rec.Offset + 1, Epoch: rec.LeaderEpoch}
		r.setPosition(tp, position{rec.Offset + 1, rec.LeaderEpoch})
	}
	var consumed []*consumedEvent
	var committed []committedEvent
	for _, tp := range sortedPartitions(by) {
		consumed = append(consumed, by[tp])
		committed = append(committed, committedEvent{by[tp].partitionEvent, by[tp].Last + 1})
	}
	r.c.event(mu, "records_consumed", "count", len(r.records), "partitions", consumed)
	r.records = slices.Delete(r.records, 0, len(r.records))
	if auto {
		return
	}
	ok := r.commitOffsets(ctx, r.cl, offsets)
	r.c.event(mu, "offsets_committed", "offsets", committed, "success", ok)
}

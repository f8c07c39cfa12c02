// Package verifiableconsumer is kafka-verifiable-consumer: a member of a group that reports each
// step as a line of JSON.
package verifiableconsumer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/options"
	"momus/internal/model"
)

// verifiableConsumerArguments are those of org.apache.kafka.tools.VerifiableConsumer, which Kafka's
// system tests drive: they read its events, a line of JSON each.
func verifiableConsumerArguments() *options.Argparse {
	return &options.Argparse{Name: "verifiable-consumer", Usage: `usage: verifiable-consumer [-h] --topic TOPIC --group-id GROUP_ID
                           [--group-instance-id GROUP_INSTANCE_ID]
                           [--max-messages MAX-MESSAGES]
                           [--session-timeout TIMEOUT_MS] [--verbose]
                           [--enable-autocommit]
                           [--reset-policy RESETPOLICY]
                           [--assignment-strategy ASSIGNMENTSTRATEGY]
                           [--consumer.config CONFIG_FILE]
                           (--bootstrap-server HOST1:PORT1[,HOST2:PORT2[...]]
                           | --broker-list HOST1:PORT1[,HOST2:PORT2[...]])
`, List: []*options.Argument{
		{Name: "--bootstrap-server", Help: "brokers to begin with"},
		{Name: "--broker-list", Help: "older name of --bootstrap-server"},
		{Name: "--topic", Required: true, Help: "the topic to read"},
		{Name: "--group-id", Required: true, Help: "the consumer group"},
		{Name: "--group-instance-id", Help: "makes the member a static one"},
		{Name: "--max-messages", Number: "Integer", Help: "how many messages; -1, no limit, by default"},
		{Name: "--session-timeout", Number: "Integer", Help: "session time-out in ms, 30000 by default"},
		{Name: "--verbose", Flag: true, Help: "report every message"},
		{Name: "--enable-autocommit", Flag: true, Help: "let the client commit"},
		{Name: "--reset-policy", Help: "earliest (the default), latest or none"},
		{Name: "--assignment-strategy", Help: "class of the assignor, org.apache.kafka.clients.consumer.RangeAssignor by default"},
		{Name: "--consumer.config", Help: "a file with properties of the consumer"},
	}, Groups: [][]string{{"--bootstrap-server", "--broker-list"}}}
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

// partitionEvents are partitions as the events of a rebalance list them, sorted, so that two runs
// can be compared.
func partitionEvents(parts map[string][]int32) []partitionEvent {
	out := []partitionEvent{}
	set := map[model.TopicPartition]bool{}
	for topic, ps := range parts {
		for _, p := range ps {
			set[model.TopicPartition{Topic: topic, Partition: p}] = true
		}
	}
	for _, tp := range core.SortedPartitions(set) {
		out = append(out, partitionEvent{tp.Topic, tp.Partition})
	}
	return out
}

// Tool is kafka-verifiable-consumer.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-verifiable-consumer", Help: "read messages and report each step as JSON", Class: "org.apache.kafka.tools.VerifiableConsumer"}.
		WithArguments(verifiableConsumerArguments, verifiableConsumer)
}

// verifiableConsumer reads and reports each step as JSON.
func verifiableConsumer(ctx context.Context, c *core.Call, a *options.Argparse) error {
	// Kafka turns a file that cannot be read into a mistake of the command line.
	props, err := core.ReadProperties(a.Get("--consumer.config"))
	if err != nil {
		c.Errorf("%s%s: error: %s\n", a.Usage, a.Name, a.Get("--consumer.config"))
		return core.Exit(1)
	}
	or := func(name, fallback string) string {
		if v := a.Get(name); v != "" {
			return v
		}
		return fallback
	}
	auto := a.Find("--enable-autocommit").Seen
	// Exactly one of the two was given.
	props["bootstrap.servers"] = a.Get("--bootstrap-server") + a.Get("--broker-list")
	props["session.timeout.ms"] = or("--session-timeout", "30000")
	props["auto.offset.reset"] = or("--reset-policy", "earliest")
	props["partition.assignment.strategy"] = or("--assignment-strategy", "org.apache.kafka.clients.consumer.RangeAssignor")
	// The tool commits by itself after each poll, so that it can report each commit.
	props["enable.auto.commit"] = "false"
	if auto {
		props["enable.auto.commit"] = "true"
	}
	if id := a.Get("--group-instance-id"); id != "" {
		props["group.instance.id"] = id
	}
	// -1 never reaches 0 and is no limit.
	left := int64(-1)
	if a.Find("--max-messages").Seen {
		left = a.Int("--max-messages")
	}
	r, err := clients.NewConsumer(c, &clients.ConsumeSpec{Topic: a.Get("--topic"), Partition: -1, Group: a.Get("--group-id"), Named: true, Props: props})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	// Called by the client's goroutine, within Poll or not: events take a lock of their own.
	r.OnAssigned = func(parts map[string][]int32) {
		c.Event(&mu, "partitions_assigned", "partitions", partitionEvents(parts))
	}
	r.OnRevoked = func(parts map[string][]int32) {
		c.Event(&mu, "partitions_revoked", "partitions", partitionEvents(parts))
	}
	// The system tests wait for this line before they begin to count.
	c.Event(&mu, "startup_complete")
	for left != 0 && ctx.Err() == nil {
		err = r.Poll(ctx, time.Second)
		if errors.Is(err, clients.ErrNoMessage) {
			continue
		}
		if err != nil {
			break
		}
		// What is over the limit has no position set and is not committed.
		if left > 0 && int64(len(r.Records)) > left {
			r.Records = r.Records[:left]
		}
		if left > 0 {
			left -= int64(len(r.Records))
		}
		reportConsumed(r, ctx, &mu, a.Find("--verbose").Seen, auto)
	}
	// What was not reported must not be committed when the consumer leaves.
	r.Records = nil
	r.Close()
	c.Event(&mu, "shutdown_complete")
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// reportConsumed reports the records in hand and, unless the client does, commits them.
func reportConsumed(r *clients.Consumer, ctx context.Context, mu *sync.Mutex, verbose, auto bool) {
	by := map[model.TopicPartition]*consumedEvent{}
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for _, rec := range r.Records {
		tp := model.TopicPartition{Topic: rec.Topic, Partition: rec.Partition}
		if verbose {
			text := func(b []byte) any {
				// null in JSON, for a tombstone or a message without a key.
				if b == nil {
					return nil
				}
				return string(b)
			}
			r.C.Event(mu, "record_data", "key", text(rec.Key), "value", text(rec.Value), "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset)
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
		// Committed is the offset that comes next, with the epoch in which the last one was read
		// (KIP-320).
		offsets[tp.Topic][tp.Partition] = kgo.EpochOffset{Offset: rec.Offset + 1, Epoch: rec.LeaderEpoch}
		r.SetPosition(tp, clients.Position{Offset: rec.Offset + 1, Epoch: rec.LeaderEpoch})
	}
	var consumed []*consumedEvent
	var committed []committedEvent
	// In order, where Java's follows a hash map: the same input gives the same lines.
	for _, tp := range core.SortedPartitions(by) {
		consumed = append(consumed, by[tp])
		committed = append(committed, committedEvent{by[tp].partitionEvent, by[tp].Last + 1})
	}
	r.C.Event(mu, "records_consumed", "count", len(r.Records), "partitions", consumed)
	r.Records = slices.Delete(r.Records, 0, len(r.Records))
	if auto {
		return
	}
	ok := r.CommitOffsets(ctx, r.Cl, offsets)
	r.C.Event(mu, "offsets_committed", "offsets", committed, "success", ok)
}

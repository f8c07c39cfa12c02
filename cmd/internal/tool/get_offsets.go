package tool

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"momus/internal/model"
)

func getOffsetsOptions() *options {
	o := newOptions("An interactive shell for getting topic offsets.")
	o.value("broker-list", "HOST:PORT,…", "brokers to begin with")
	o.value("topic", "TOPIC", "whose offsets to get")
	o.value("partitions", "N,N,…", "only these partitions")
	o.valueOr("time", "MS", "-1", "a time, -1 for the end, -2 for the beginning")
	o.valueOr("offsets", "N", "1", "read, and not used")
	o.valueOr("max-wait-ms", "MS", "1000", "read, and not used")
	return o
}

// registerGetOffsets is kafka-get-offsets.sh.
func registerGetOffsets() Tool {
	return Tool{Name: "kafka-get-offsets", Help: "print offsets of a topic's partitions (kafka.tools.GetOffsetShell)", run: getOffsets,
		Class:   "kafka.tools.GetOffsetShell",
		Options: tableOf(getOffsetsOptions)}
}

// getOffsets is kafka.tools.GetOffsetShell, which 2.5 has no script for.
func getOffsets(ctx context.Context, c *call) error {
	o := getOffsetsOptions()
	c.options = o
	if err := o.parse(c.Args); err != nil {
		return err
	}
	if o.empty {
		return misuse("%s", o.purpose)
	}
	if err := o.require("broker-list", "topic"); err != nil {
		return err
	}
	texts, err := o.texts("broker-list", "topic", "partitions")
	if err != nil {
		return err
	}
	if !validServers(texts["broker-list"]) {
		return misuse("Please provide valid host:port like host1:9091,host2:9092\n ")
	}
	wanted := map[int32]bool{}
	if list := texts["partitions"]; list != "" {
		for _, w := range strings.Split(list, ",") {
			n, err := strconv.ParseInt(w, 10, 32)
			if err != nil {
				c.errorf("--partitions expects a comma separated list of numeric partition ids, but received: %s\n", list)
				return exit(1)
			}
			wanted[int32(n)] = true
		}
	}
	at, err := o.number("time", 64)
	if err != nil {
		return err
	}
	a, err := c.newAdmin(map[string]string{"bootstrap.servers": texts["broker-list"], "client.id": "GetOffsetShell"})
	if err != nil {
		return err
	}
	defer a.Close()
	topic := texts["topic"]
	partitions, err := a.partitionsOf(ctx, topic)
	if err != nil {
		return err
	}
	if partitions == nil {
		c.errorf("Topic %s does not exist\n", topic)
		return exit(1)
	}
	found := slices.DeleteFunc(slices.Clone(partitions), func(p int32) bool { return len(wanted) > 0 && !wanted[p] })
	if len(found) == 0 {
		c.errorf("Topic %s does not have any of the requested partitions %s\n", topic, texts["partitions"])
		return exit(1)
	}
	for _, w := range strings.Split(texts["partitions"], ",") {
		if n, err := strconv.ParseInt(w, 10, 32); err == nil && !slices.Contains(found, int32(n)) {
			c.errorf("Error: partition %d does not exist\n", n)
		}
	}
	var tps []model.TopicPartition
	for _, p := range found {
		tps = append(tps, model.TopicPartition{Topic: topic, Partition: p})
	}
	led := map[model.TopicPartition]bool{}
	leaders, err := a.leaders(ctx, tps, map[model.TopicPartition]offsetResult{})
	if err != nil {
		return err
	}
	for _, group := range leaders {
		for _, tp := range group {
			led[tp] = true
		}
	}
	for _, tp := range tps {
		if !led[tp] {
			c.errorf("Error: partition %d does not have a leader. Skip getting offsets\n", tp.Partition)
		}
	}
	tps = slices.DeleteFunc(tps, func(tp model.TopicPartition) bool { return !led[tp] })
	offsets, err := a.listOffsets(ctx, tps, at, false)
	if err != nil {
		return err
	}
	for _, tp := range tps {
		r := offsets[tp]
		switch {
		case r.err != nil:
			return r.err
		case r.offset < 0:
			c.printf("%s:%d:\n", topic, tp.Partition)
		default:
			c.printf("%s:%d:%d\n", topic, tp.Partition, r.offset)
		}
	}
	return nil
}

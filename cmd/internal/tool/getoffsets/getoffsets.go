// Package getoffsets is kafka.tools.GetOffsetShell: offsets of a topic's partitions at a time.
package getoffsets

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/internal/model"
)

func getOffsetsOptions() *options.Options {
	o := options.New("An interactive shell for getting topic offsets.")
	o.Value("broker-list", "HOST:PORT,…", "brokers to begin with")
	o.Value("topic", "TOPIC", "whose offsets to get")
	o.Value("partitions", "N,N,…", "only these partitions")
	o.ValueOr("time", "MS", "-1", "a time, -1 for the end, -2 for the beginning")
	o.ValueOr("offsets", "N", "1", "read, and not used")
	o.ValueOr("max-wait-ms", "MS", "1000", "read, and not used")
	return o
}

// Tool is kafka-get-offsets.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-get-offsets", Help: "print offsets of a topic's partitions (kafka.tools.GetOffsetShell)", Main: getOffsets,
		Class:   "kafka.tools.GetOffsetShell",
		Options: core.TableOf(getOffsetsOptions)}
}

// getOffsets is kafka.tools.GetOffsetShell, which 2.5 has no script for.
func getOffsets(ctx context.Context, c *core.Call) error {
	o := getOffsetsOptions()
	if err := c.Parse(o); err != nil {
		return err
	}
	if o.Empty {
		return options.Misuse("%s", o.Purpose)
	}
	if err := o.Require("broker-list", "topic"); err != nil {
		return err
	}
	texts, err := o.Texts("broker-list", "topic", "partitions")
	if err != nil {
		return err
	}
	if !clients.ValidServers(texts["broker-list"]) {
		return options.Misuse("Please provide valid host:port like host1:9091,host2:9092\n ")
	}
	wanted := map[int32]bool{}
	if list := texts["partitions"]; list != "" {
		for _, w := range strings.Split(strings.TrimRight(list, ","), ",") {
			n, err := strconv.ParseInt(w, 10, 32)
			if err != nil {
				c.Errorf("--partitions expects a comma separated list of numeric partition ids, but received: %s\n", list)
				return core.Exit(1)
			}
			wanted[int32(n)] = true
		}
	}
	at, err := o.Number("time", 64)
	if err != nil {
		return err
	}
	a, err := clients.NewAdmin(c, map[string]string{"bootstrap.servers": texts["broker-list"], "client.id": "GetOffsetShell"})
	if err != nil {
		return err
	}
	defer a.Close()
	topic := texts["topic"]
	partitions, err := a.PartitionsOf(ctx, topic)
	if err != nil && err != clients.ErrNoName {
		return err
	}
	if partitions == nil {
		c.Errorf("Topic %s does not exist\n", topic)
		return core.Exit(1)
	}
	found := slices.DeleteFunc(slices.Clone(partitions), func(p int32) bool { return len(wanted) > 0 && !wanted[p] })
	if len(found) == 0 {
		c.Errorf("Topic %s does not have any of the requested partitions %s\n", topic, texts["partitions"])
		return core.Exit(1)
	}
	for _, w := range strings.Split(texts["partitions"], ",") {
		if n, err := strconv.ParseInt(w, 10, 32); err == nil && !slices.Contains(found, int32(n)) {
			c.Errorf("Error: partition %d does not exist\n", n)
		}
	}
	var tps []model.TopicPartition
	for _, p := range found {
		tps = append(tps, model.TopicPartition{Topic: topic, Partition: p})
	}
	led := map[model.TopicPartition]bool{}
	leaders, err := a.Leaders(ctx, tps, map[model.TopicPartition]clients.OffsetResult{})
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
			c.Errorf("Error: partition %d does not have a leader. Skip getting offsets\n", tp.Partition)
		}
	}
	tps = slices.DeleteFunc(tps, func(tp model.TopicPartition) bool { return !led[tp] })
	if at < -2 && len(tps) > 0 {
		return java.IllegalArgument("The target time for partition %s is %d. The target time cannot be negative.", core.PartitionText(tps[0]), at)
	}
	offsets, err := a.ListOffsets(ctx, tps, at, false)
	if err != nil {
		return err
	}
	for _, tp := range tps {
		r := offsets[tp]
		switch {
		case r.Err != nil:
			return r.Err
		case r.Offset < 0:
			c.Printf("%s:%d:\n", topic, tp.Partition)
		default:
			c.Printf("%s:%d:%d\n", topic, tp.Partition, r.Offset)
		}
	}
	return nil
}

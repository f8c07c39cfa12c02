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

// getOffsetsOptions are those of kafka.tools.GetOffsetShell, which has neither --help nor
// --version.
func getOffsetsOptions() *options.Options {
	return options.Read("An interactive shell for getting topic offsets.", `
		--broker-list <HOST:PORT,…>  brokers to begin with
		--topic <TOPIC>              whose offsets to get
		--partitions <N,N,…>         only these partitions
		--time <MS>                  a time, -1 for the end, -2 for the beginning (default: -1)
		--offsets <N>                read, and not used (default: 1)
		--max-wait-ms <MS>           read, and not used (default: 1000)
	`).Requires("broker-list", "topic")
}

// Tool is kafka-get-offsets.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-get-offsets", Help: "print offsets of a topic's partitions (kafka.tools.GetOffsetShell)", Class: "kafka.tools.GetOffsetShell"}.
		Begun(getOffsetsOptions, core.WithTexts(getOffsets, "broker-list", "topic", "partitions"))
}

// getOffsets is kafka.tools.GetOffsetShell, which 2.5 has no script for. Its steps and their texts
// follow its main method: the list of partitions, those that are missing, those without a leader,
// and then offsets of what is left.
func getOffsets(ctx context.Context, c *core.Call, o *options.Options, texts map[string]string) error {
	if !clients.ValidServers(texts["broker-list"]) {
		return options.Misuse("Please provide valid host:port like host1:9091,host2:9092\n ")
	}
	wanted := map[int32]bool{}
	if list := texts["partitions"]; list != "" {
		// Java's split drops empty words at the end.
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
	// The name is what the tool gives its consumer, as it shows in brokers' logs and quotas.
	a, err := clients.NewAdmin(c, map[string]string{"bootstrap.servers": texts["broker-list"], "client.id": "GetOffsetShell"})
	if err != nil {
		return err
	}
	defer a.Close()
	topic := texts["topic"]
	// All topics are asked for, so that this one is not created by asking. Java's list of
	// partitions has no topic without a name.
	partitions, err := a.PartitionsOf(ctx, topic)
	if err != nil && err != clients.ErrNoName {
		return err
	}
	if partitions == nil {
		c.Errorf("Topic %s does not exist\n", topic)
		return core.Exit(1)
	}
	// Without --partitions all are wanted.
	found := slices.DeleteFunc(slices.Clone(partitions), func(p int32) bool { return len(wanted) > 0 && !wanted[p] })
	if len(found) == 0 {
		c.Errorf("Topic %s does not have any of the requested partitions %s\n", topic, texts["partitions"])
		return core.Exit(1)
	}
	// Those that are missing are told after it is known that some are there; both go on.
	for _, w := range strings.Split(texts["partitions"], ",") {
		if n, err := strconv.ParseInt(w, 10, 32); err == nil && !slices.Contains(found, int32(n)) {
			c.Errorf("Error: partition %d does not exist\n", n)
		}
	}
	var tps []model.TopicPartition
	for _, p := range found {
		tps = append(tps, model.TopicPartition{Topic: topic, Partition: p})
	}
	// A partition without a leader is told and left out: the others are printed.
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
	// -1 and -2 are the ends; Kafka's client refuses all other negative times, once there is a
	// partition to ask about.
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
		// No record is so late: nothing stands behind the colon.
		case r.Offset < 0:
			c.Printf("%s:%d:\n", topic, tp.Partition)
		default:
			c.Printf("%s:%d:%d\n", topic, tp.Partition, r.Offset)
		}
	}
	return nil
}

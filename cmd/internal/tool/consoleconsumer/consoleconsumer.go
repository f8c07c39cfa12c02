// Package consoleconsumer is kafka-console-consumer: it reads topics and prints each message
// through a formatter.
package consoleconsumer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
)

// consoleConsumerClass is the logger of the tool: the $ is that of Scala's object.
const consoleConsumerClass = "kafka.tools.ConsoleConsumer$"

// consoleConsumerOptions are those of kafka.tools.ConsoleConsumer, and --json. The tool has a group
// of a random name unless one is given, and then commits nothing.
func consoleConsumerOptions() *options.Options {
	return options.Read("This tool helps to read data from Kafka topics and outputs it to standard output.", `
		--topic <TOPIC>                   the topic to read
		--whitelist <REGEX>               read all topics whose names match
		--partition <N>                   read this partition only, without a group
		--offset <OFFSET>                 where to begin in --partition: a number, earliest or latest (default: latest)
		--consumer-property <KEY=VALUE>   of the consumer; may be repeated
		--consumer.config <FILE>          properties of the consumer
		--formatter <CLASS>               how messages are printed (default: kafka.tools.DefaultMessageFormatter)
		--property <KEY=VALUE>            of the formatter: print.timestamp, print.key, print.value, print.partition, print.offset and print.headers (in a terminal), key.separator, line.separator, key.deserializer, value.deserializer; may be repeated
		--from-beginning                  begin with the oldest messages when the group has no offsets
		--max-messages <N>                end after so many messages
		--timeout-ms <MS>                 end when there was no message for so long
		--skip-message-on-error           go on after a message that cannot be printed
		--bootstrap-server <HOST:PORT,…>  brokers to begin with
		--key-deserializer <CLASS>        how keys become text
		--value-deserializer <CLASS>      how values become text
		--enable-systest-events           print shutdown_complete at the end
		--isolation-level <LEVEL>         read_committed leaves out what was aborted or is still open (default: read_uncommitted)
		--group <GROUP>                   the consumer group
		--json                            print each message as a line of JSON, with its headers
	`).Standard().UsageOfMistakes()
}

// consoleSpec is what the command line of the console consumer says.
type consoleSpec struct {
	clients.ConsumeSpec
	maxMessages int64         // -1: no limit
	timeout     time.Duration // 0: none
	formatter   formatter
	skipErrors  bool
	systest     bool
}

// Tool is kafka-console-consumer.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-console-consumer", Help: "print the messages of topics", Class: "kafka.tools.ConsoleConsumer"}.
		Begun(consoleConsumerOptions, core.Prepared(consoleConsumerSpec, consume))
}

// consoleConsumerSpec checks the options and puts the properties together: --consumer-property wins
// over the file, and a group that is named twice must be the same.
func consoleConsumerSpec(c *core.Call, o *options.Options) (*consoleSpec, error) {
	s := &consoleSpec{ConsumeSpec: clients.ConsumeSpec{Partition: -1, Offset: -1}, maxMessages: -1, skipErrors: o.Has("skip-message-on-error"), systest: o.Has("enable-systest-events")}
	texts, err := o.Texts("topic", "whitelist", "offset", "consumer.config", "formatter", "bootstrap-server", "key-deserializer", "value-deserializer", "isolation-level", "group")
	if err != nil {
		return nil, err
	}
	file, err := core.ReadProperties(texts["consumer.config"])
	if err != nil {
		return nil, err
	}
	given := map[string]string{}
	if err := core.KeyValues(o.All("consumer-property"), given); err != nil {
		return nil, err
	}
	// With a partition the consumer is assigned it, as Java's assign() does, and never joins a
	// group.
	if o.Has("partition") {
		n, err := o.Number("partition", 32)
		if err != nil {
			return nil, err
		}
		s.Partition = int32(n)
	}
	if o.Has("max-messages") {
		if s.maxMessages, err = o.Number("max-messages", 32); err != nil {
			return nil, err
		}
	}
	if o.Has("timeout-ms") {
		n, err := o.Number("timeout-ms", 32)
		if err != nil {
			return nil, err
		}
		s.timeout = clients.JavaTimeout(n)
		if n < 0 {
			s.timeout = 0 // this tool waits without a limit then
		}
	}
	if err := checkConsumed(o, s, texts); err != nil {
		return nil, err
	}
	if s.formatter, err = newFormatter(c, texts["formatter"], o.All("property"), texts["key-deserializer"], texts["value-deserializer"]); err != nil {
		return nil, err
	}
	// Momus's own form: it wins over --formatter.
	if o.Has("json") {
		s.formatter = formatterFunc(formatJSON)
	}
	s.Props = file
	if err := chooseGroup(s, texts["group"], given["group.id"], file["group.id"]); err != nil {
		return nil, err
	}
	for k, v := range given {
		s.Props[k] = v
	}
	s.Props["bootstrap.servers"] = texts["bootstrap-server"]
	// The option has a default, so that only its presence tells whether it is to win over the file.
	if _, set := s.Props["isolation.level"]; !set || o.Has("isolation-level") {
		s.Props["isolation.level"] = texts["isolation-level"]
	}
	if reset := s.Props["auto.offset.reset"]; reset == "" {
		s.Props["auto.offset.reset"] = "latest"
		if o.Has("from-beginning") {
			s.Props["auto.offset.reset"] = "earliest"
		}
	} else if o.Has("from-beginning") && reset != "earliest" {
		c.Errorf("Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please remove one option\n", reset)
		return nil, core.Exit(1)
	}
	return s, nil
}

// checkConsumed reads what is to be consumed, and from where.
func checkConsumed(o *options.Options, s *consoleSpec, texts map[string]string) error {
	if o.Has("topic") == o.Has("whitelist") {
		return options.Misuse("Exactly one of whitelist/topic is required.")
	}
	s.Topic, s.Pattern = texts["topic"], texts["whitelist"]
	switch {
	case s.Partition >= 0 && !o.Has("topic"):
		return options.Misuse("The topic is required when partition is specified.")
	case s.Partition >= 0 && o.Has("from-beginning") && o.Has("offset"):
		return options.Misuse("Options from-beginning and offset cannot be specified together.")
	case s.Partition < 0 && o.Has("offset"):
		return options.Misuse("The partition is required when offset is specified.")
	}
	// As in ListOffsets: -1, which stands in the spec, is the end, -2 the beginning.
	switch offset := texts["offset"]; {
	case o.Has("from-beginning") || strings.EqualFold(offset, "earliest"):
		s.Offset = -2
	case strings.EqualFold(offset, "latest"):
	default:
		n, err := strconv.ParseInt(offset, 10, 64)
		if err != nil || n < 0 {
			return options.Misuse("The provided offset value '%s' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.", offset)
		}
		s.Offset = n
	}
	return o.Require("bootstrap-server")
}

// chooseGroup finds the group's name, which must not differ from one place to another.
func chooseGroup(s *consoleSpec, places ...string) error {
	var found []string
	for _, g := range places {
		if g != "" && !slices.Contains(found, g) {
			found = append(found, g)
		}
	}
	switch {
	case len(found) > 1:
		return options.Misuse("The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. Detected group ids: '%s'",
			strings.Join(found, "', '"))
	case len(found) == 0:
		s.Group = fmt.Sprintf("console-consumer-%d", rand.IntN(100000))
	case s.Partition >= 0:
		return options.Misuse("Options group and partition cannot be specified together.")
	default:
		s.Group, s.Named = found[0], true
	}
	return nil
}

// consume prints messages until one of the ends that were asked for.
func consume(ctx context.Context, c *core.Call, s *consoleSpec) error {
	failed := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.Log("ERROR", consoleConsumerClass, "Unknown error when running consumer: ")
		c.Errorf("%s\n", java.Trace(err))
		return core.Exit(1)
	}
	r, err := clients.NewConsumer(c, &s.ConsumeSpec)
	if err != nil {
		return failed(err)
	}
	n, err := printMessages(c, ctx, s, r)
	// Before the count, which goes to standard error: on a terminal it comes after the last
	// message.
	c.Out.Flush()
	c.Errorf("Processed a total of %d messages\n", n)
	r.Close()
	if s.systest {
		c.Println("shutdown_complete")
	}
	if err != nil {
		return failed(err)
	}
	return ctx.Err()
}

// printMessages counts the messages that were read. Only what a formatter could not print is an
// error of it.
func printMessages(c *core.Call, ctx context.Context, s *consoleSpec, r *clients.Consumer) (n int64, err error) {
	for ctx.Err() == nil && (s.maxMessages == -1 || n < s.maxMessages) { // Java takes any other negative number for none
		rec, err := r.Next(ctx, s.timeout)
		// A record that came is printed although the tool has been told to stop meanwhile: it counts
		// as read, and a group would never see it again.
		if rec == nil && ctx.Err() != nil {
			return n, nil
		}
		if err != nil {
			c.Troubled, c.Failure = true, err
			c.Log("ERROR", consoleConsumerClass, "Error processing message, terminating consumer process: ")
			c.Errorf("%s\n", java.Text(err))
			return n, nil
		}
		n++
		if err := s.formatter.write(c.Out, rec); err != nil {
			if !s.skipErrors {
				return n, err
			}
			c.Log("ERROR", consoleConsumerClass, "Error processing message, skipping this message: ")
			c.Errorf("%s\n", java.Text(err))
		}
		// Flushed when no polled record waits: a pipe gets each message at once, a long topic goes
		// out in full buffers.
		if r.Buffered() == 0 || s.maxMessages >= 0 && n == s.maxMessages {
			if err := c.Out.Flush(); err != nil {
				c.Errorf("Unable to write to standard out, closing consumer.\n")
				c.Out.Discard()
				return n, nil
			}
		}
	}
	return n, nil
}

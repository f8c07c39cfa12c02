package tool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

const consoleConsumerClass = "kafka.tools.ConsoleConsumer$"

func consoleConsumerOptions() *options {
	o := newOptions("This tool helps to read data from Kafka topics and outputs it to standard output.")
	o.value("topic", "TOPIC", "the topic to read")
	o.value("whitelist", "REGEX", "read all topics whose names match")
	o.value("partition", "N", "read this partition only, without a group")
	o.valueOr("offset", "OFFSET", "latest", "where to begin in --partition: a number, earliest or latest")
	o.value("consumer-property", "KEY=VALUE", "of the consumer; may be repeated")
	o.value("consumer.config", "FILE", "properties of the consumer")
	o.valueOr("formatter", "CLASS", "kafka.tools.DefaultMessageFormatter", "how messages are printed")
	o.value("property", "KEY=VALUE", "of the formatter: print.timestamp, print.key, print.value, print.partition, print.offset and print.headers (in a terminal), key.separator, line.separator, key.deserializer, value.deserializer; may be repeated")
	o.flag("from-beginning", "begin with the oldest messages when the group has no offsets")
	o.value("max-messages", "N", "end after so many messages")
	o.value("timeout-ms", "MS", "end when there was no message for so long")
	o.flag("skip-message-on-error", "go on after a message that cannot be printed")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to begin with")
	o.value("key-deserializer", "CLASS", "how keys become text")
	o.value("value-deserializer", "CLASS", "how values become text")
	o.flag("enable-systest-events", "print shutdown_complete at the end")
	o.valueOr("isolation-level", "LEVEL", "read_uncommitted", "read_committed leaves out what was aborted or is still open")
	o.value("group", "GROUP", "the consumer group")
	o.flag("json", "print each message as a line of JSON, with its headers")
	return o.standard()
}

// consoleSpec is what the command line of the console consumer says.
type consoleSpec struct {
	consumeSpec
	maxMessages int64         // -1: no limit
	timeout     time.Duration // 0: none
	formatter   formatter
	skipErrors  bool
	systest     bool
}

// registerConsoleConsumer is kafka-console-consumer.sh.
func registerConsoleConsumer() Tool {
	return Tool{Name: "kafka-console-consumer", Help: "print the messages of topics", run: consoleConsumer,
		Class:   "kafka.tools.ConsoleConsumer",
		Options: tableOf(consoleConsumerOptions)}
}

func consoleConsumer(ctx context.Context, c *call) error {
	o := consoleConsumerOptions()
	c.options = o
	if err := o.parse(c.Args); err != nil {
		return parserMisuse(err)
	}
	if err := c.helpOrVersion(o, ""); err != nil {
		return err
	}
	s, err := consoleConsumerSpec(c, o)
	if err != nil {
		return err
	}
	return c.consume(ctx, s)
}

func consoleConsumerSpec(c *call, o *options) (*consoleSpec, error) {
	s := &consoleSpec{consumeSpec: consumeSpec{partition: -1, offset: -1}, maxMessages: -1, skipErrors: o.has("skip-message-on-error"), systest: o.has("enable-systest-events")}
	texts, err := o.texts("topic", "whitelist", "offset", "consumer.config", "formatter", "bootstrap-server", "key-deserializer", "value-deserializer", "isolation-level", "group")
	if err != nil {
		return nil, err
	}
	file, err := readProperties(texts["consumer.config"])
	if err != nil {
		return nil, err
	}
	given := map[string]string{}
	if err := keyValues(o.all("consumer-property"), given); err != nil {
		return nil, err
	}
	if o.has("partition") {
		n, err := o.number("partition", 32)
		if err != nil {
			return nil, err
		}
		s.partition = int32(n)
	}
	if o.has("max-messages") {
		if s.maxMessages, err = o.number("max-messages", 32); err != nil {
			return nil, err
		}
	}
	if o.has("timeout-ms") {
		n, err := o.number("timeout-ms", 32)
		if err != nil {
			return nil, err
		}
		s.timeout = time.Duration(n) * time.Millisecond
	}
	if err := checkConsumed(o, s, texts); err != nil {
		return nil, err
	}
	if s.formatter, err = newFormatter(c, texts["formatter"], o.all("property"), texts["key-deserializer"], texts["value-deserializer"]); err != nil {
		return nil, err
	}
	if o.has("json") {
		s.formatter = formatterFunc(formatJSON)
	}
	s.props = file
	if err := chooseGroup(s, texts["group"], given["group.id"], file["group.id"]); err != nil {
		return nil, err
	}
	for k, v := range given {
		s.props[k] = v
	}
	s.props["bootstrap.servers"] = texts["bootstrap-server"]
	if _, set := s.props["isolation.level"]; !set || o.has("isolation-level") {
		s.props["isolation.level"] = texts["isolation-level"]
	}
	if reset := s.props["auto.offset.reset"]; reset == "" {
		s.props["auto.offset.reset"] = "latest"
		if o.has("from-beginning") {
			s.props["auto.offset.reset"] = "earliest"
		}
	} else if o.has("from-beginning") && reset != "earliest" {
		c.errorf("Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please remove one option\n", reset)
		return nil, exit(1)
	}
	return s, nil
}

// checkConsumed reads what is to be consumed, and from where.
func checkConsumed(o *options, s *consoleSpec, texts map[string]string) error {
	if o.has("topic") == o.has("whitelist") {
		return misuse("Exactly one of whitelist/topic is required.")
	}
	s.topic, s.pattern = texts["topic"], texts["whitelist"]
	switch {
	case s.partition >= 0 && !o.has("topic"):
		return misuse("The topic is required when partition is specified.")
	case s.partition >= 0 && o.has("from-beginning") && o.has("offset"):
		return misuse("Options from-beginning and offset cannot be specified together.")
	case s.partition < 0 && o.has("offset"):
		return misuse("The partition is required when offset is specified.")
	}
	switch offset := texts["offset"]; {
	case o.has("from-beginning") || strings.EqualFold(offset, "earliest"):
		s.offset = -2
	case strings.EqualFold(offset, "latest"):
	default:
		n, err := strconv.ParseInt(offset, 10, 64)
		if err != nil || n < 0 {
			return misuse("The provided offset value '%s' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.", offset)
		}
		s.offset = n
	}
	return o.require("bootstrap-server")
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
		return misuse("The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. Detected group ids: '%s'",
			strings.Join(found, "', '"))
	case len(found) == 0:
		s.group = fmt.Sprintf("console-consumer-%d", rand.IntN(100000))
	case s.partition >= 0:
		return misuse("Options group and partition cannot be specified together.")
	default:
		s.group, s.named = found[0], true
	}
	return nil
}

// consume prints messages until one of the ends that were asked for.
func (c *call) consume(ctx context.Context, s *consoleSpec) error {
	failed := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.log("ERROR", consoleConsumerClass, "Unknown error when running consumer: ")
		c.errorf("%s\n", javaText(err))
		return exit(1)
	}
	r, err := c.newConsumer(&s.consumeSpec)
	if err != nil {
		return failed(err)
	}
	n, err := c.printMessages(ctx, s, r)
	c.out.Flush()
	c.errorf("Processed a total of %d messages\n", n)
	r.close()
	if s.systest {
		c.println("shutdown_complete")
	}
	if err != nil {
		return failed(err)
	}
	return ctx.Err()
}

// printMessages counts the messages that were read. Only what a formatter could not print is an error of it.
func (c *call) printMessages(ctx context.Context, s *consoleSpec, r *consumer) (n int64, err error) {
	for s.maxMessages < 0 || n < s.maxMessages {
		rec, err := r.next(ctx, s.timeout)
		if ctx.Err() != nil {
			return n, nil
		}
		if err != nil {
			c.troubled = true
			c.log("ERROR", consoleConsumerClass, "Error processing message, terminating consumer process: ")
			c.errorf("%s\n", javaText(err))
			return n, nil
		}
		n++
		if err := s.formatter.write(c.out, rec); err != nil {
			if !s.skipErrors {
				return n, err
			}
			c.log("ERROR", consoleConsumerClass, "Error processing message, skipping this message: ")
			c.errorf("%s\n", javaText(err))
		}
		if r.buffered() == 0 || s.maxMessages >= 0 && n == s.maxMessages {
			if err := c.out.Flush(); err != nil {
				c.errorf("Unable to write to standard out, closing consumer.\n")
				c.out.discard()
				return n, nil
			}
		}
	}
	return n, nil
}

var errNoMessage = &javaError{class: errorsPackage + "TimeoutException"}

// position is where a consumer stands in a partition: the next offset, and the epoch of the record before it, -1 when not known.
type position struct {
	offset int64
	epoch  int32
}

func isTimeout(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// Package consoleproducer is kafka-console-producer: each line of standard input becomes a message.
package consoleproducer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
)

func consoleProducerOptions() *options.Options {
	o := options.New("This tool helps to read data from standard input and publish it to Kafka.")
	o.Value("topic", "TOPIC", "where to send to")
	o.Value("bootstrap-server", "HOST:PORT,…", "brokers to begin with")
	o.Value("broker-list", "HOST:PORT,…", "older name of --bootstrap-server")
	o.Flag("sync", "wait for each message")
	o.Optional("compression-codec", "CODEC", "none, gzip (without a value), snappy, lz4 or zstd")
	o.ValueOr("batch-size", "N", "200", "read, and not used")
	o.ValueOr("message-send-max-retries", "N", "3", "how often a message is sent again")
	o.ValueOr("retry-backoff-ms", "MS", "100", "pause between attempts")
	o.ValueOr("timeout", "MS", "1000", "how long messages wait for others to be sent with")
	o.ValueOr("request-required-acks", "ACKS", "1", "0, 1 or all: how many replicas must have a message")
	o.ValueOr("request-timeout-ms", "MS", "1500", "how long to wait for a broker's answer")
	o.ValueOr("metadata-expiry-ms", "MS", "300000", "how often metadata are refreshed")
	o.ValueOr("max-block-ms", "MS", "60000", "how long a message may wait for metadata or memory")
	o.ValueOr("max-memory-bytes", "BYTES", "33554432", "memory for messages not yet sent")
	o.ValueOr("max-partition-memory-bytes", "BYTES", "16384", "memory for a batch of messages")
	o.ValueOr("line-reader", "CLASS", "kafka.tools.ConsoleProducer$LineMessageReader", "how input becomes messages; only this one is there")
	o.ValueOr("socket-buffer-size", "BYTES", "102400", "size of the socket's send buffer")
	o.Value("property", "KEY=VALUE", "of the reader: parse.key, key.separator, ignore.error; may be repeated")
	o.Value("producer-property", "KEY=VALUE", "of the producer; may be repeated")
	o.Value("producer.config", "FILE", "properties of the producer")
	return o.Standard()
}

// Tool is kafka-console-producer.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-console-producer", Help: "send lines of standard input to a topic", Main: consoleProducer,
		Class:   "kafka.tools.ConsoleProducer",
		Options: core.TableOf(consoleProducerOptions)}
}

// consoleProducer prints a > before each line it reads, also when nobody sees it.
func consoleProducer(ctx context.Context, c *core.Call) error {
	o := consoleProducerOptions()
	if err := c.Parse(o); err != nil {
		return options.ParserMisuse(err)
	}
	if o.Any("help", "version") {
		return c.HelpOrVersion(o, "")
	}
	if !o.Any("bootstrap-server", "broker-list") {
		return options.Misuse("Missing required option(s) [bootstrap-server]")
	}
	if err := o.Require("topic"); err != nil {
		return err
	}
	topic, err := o.One("topic")
	if err != nil {
		return err
	}
	server := "broker-list"
	if o.Has("bootstrap-server") {
		server = "bootstrap-server"
	}
	servers, err := o.One(server)
	if err != nil {
		return err
	}
	if !clients.ValidServers(servers) {
		return options.Misuse("Please provide valid host:port like host1:9091,host2:9092\n ")
	}
	props, err := consoleProducerProps(o, servers)
	if err != nil {
		return err
	}
	if class, err := o.One("line-reader"); err != nil {
		return err
	} else if class != "kafka.tools.ConsoleProducer$LineMessageReader" {
		return &java.Error{Class: "java.lang.ClassNotFoundException", Text: class}
	}
	reader, err := newLineReader(c.Stdin, o.All("property"))
	if err != nil {
		return err
	}
	p, err := clients.NewProducer(c, props, "console-producer")
	if err != nil {
		return err
	}
	p.Greet()
	err = produceLines(c, ctx, p, reader, topic, o.Has("sync"))
	if err != nil && ctx.Err() == nil { // what was read before is still sent
		c.Errorf("%s\n", java.Describe(err))
		err = core.Exit(1)
	}
	p.Close()
	c.Troubled = c.Troubled || p.Failed.Load()
	return err
}

// consoleProducerProps puts together the producer's settings: file, --producer-property, what
// cannot be changed, and options.
func consoleProducerProps(o *options.Options, servers string) (map[string]string, error) {
	file, err := o.One("producer.config")
	if err != nil {
		return nil, err
	}
	props, err := core.ReadProperties(file)
	if err != nil {
		return nil, err
	}
	if err := core.KeyValues(o.All("producer-property"), props); err != nil {
		return nil, err
	}
	codec, err := o.One("compression-codec")
	if err != nil {
		return nil, err
	}
	switch {
	case !o.Has("compression-codec"):
		codec = "none"
	case codec == "":
		codec = "gzip"
	}
	props["bootstrap.servers"], props["compression.type"], props["client.id"] = servers, codec, "console-producer"
	if _, err := o.Number("batch-size", 32); err != nil {
		return nil, err
	}
	for _, x := range []struct {
		key, option string
		bits        int
	}{
		{"linger.ms", "timeout", 32}, {"acks", "request-required-acks", 0}, {"request.timeout.ms", "request-timeout-ms", 32},
		{"retries", "message-send-max-retries", 32}, {"retry.backoff.ms", "retry-backoff-ms", 32}, {"send.buffer.bytes", "socket-buffer-size", 32},
		{"buffer.memory", "max-memory-bytes", 64}, {"batch.size", "max-partition-memory-bytes", 64},
		{"metadata.max.age.ms", "metadata-expiry-ms", 64}, {"max.block.ms", "max-block-ms", 64},
	} {
		if x.bits > 0 {
			if _, err := o.Number(x.option, x.bits); err != nil {
				return nil, err
			}
		}
		v, err := o.One(x.option)
		if err != nil {
			return nil, err
		}
		if _, given := props[x.key]; !given || o.Has(x.option) {
			props[x.key] = v
		}
	}
	return props, nil
}

// lineReader makes a message of each line.
type lineReader struct {
	in          *bufio.Reader
	parseKey    bool
	separator   string
	ignoreError bool
	line        int
}

func newLineReader(in io.Reader, words []string) (*lineReader, error) {
	props := map[string]string{}
	if err := core.KeyValues(words, props); err != nil {
		return nil, err
	}
	r := &lineReader{in: bufio.NewReaderSize(in, 1<<16), separator: "\t"}
	isTrue := func(key string) bool { return strings.EqualFold(strings.TrimSpace(props[key]), "true") }
	r.parseKey, r.ignoreError = isTrue("parse.key"), isTrue("ignore.error")
	if s, ok := props["key.separator"]; ok {
		r.separator = s
	}
	return r, nil
}

// readLine reads to \n, \r or \r\n; io.EOF when there is nothing more. What is not UTF-8 becomes
// U+FFFD, as in Java.
func (r *lineReader) readLine() ([]byte, error) {
	var line []byte
	for {
		b, err := r.in.ReadByte()
		if err == io.EOF && len(line) > 0 {
			break
		}
		if err != nil {
			return nil, err
		}
		if b == '\r' {
			if next, err := r.in.Peek(1); err == nil && next[0] == '\n' {
				r.in.Discard(1)
			}
			break
		}
		if b == '\n' {
			break
		}
		line = append(line, b)
	}
	if !utf8.Valid(line) {
		line = bytes.ToValidUTF8(line, []byte("\uFFFD"))
	}
	return line, nil
}

func (r *lineReader) read() (*kgo.Record, error) {
	r.line++
	line, err := r.readLine()
	if err != nil {
		return nil, err
	}
	if line == nil {
		line = []byte{}
	}
	if !r.parseKey {
		return &kgo.Record{Value: line}, nil
	}
	key, value, ok := bytes.Cut(line, []byte(r.separator))
	if !ok {
		if r.ignoreError {
			return &kgo.Record{Value: line}, nil
		}
		return nil, &java.Error{Class: "org.apache.kafka.common.KafkaException", Text: fmt.Sprintf("No key found on line %d: %s", r.line, line)}
	}
	return &kgo.Record{Key: nonNil(key), Value: nonNil(value)}, nil
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// produceLines sends until the end of input. The reading goroutine ends with the input, or with the
// process.
func produceLines(c *core.Call, ctx context.Context, p *clients.Producer, reader *lineReader, topic string, sync bool) error {
	type input struct {
		record *kgo.Record
		err    error
	}
	ask, lines := make(chan struct{}), make(chan input, 1)
	defer close(ask)
	go func() {
		for range ask {
			r, err := reader.read()
			lines <- input{r, err}
		}
	}()
	for {
		c.Out.WriteString(">")
		c.Out.Flush()
		ask <- struct{}{}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case in := <-lines:
			if errors.Is(in.err, io.EOF) {
				return nil
			}
			if in.err != nil {
				return in.err
			}
			in.record.Topic = topic
			if err := p.Send(ctx, in.record, sync); err != nil {
				return err
			}
		}
	}
}

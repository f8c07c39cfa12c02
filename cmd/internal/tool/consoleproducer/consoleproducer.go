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

// consoleProducerOptions are those of kafka.tools.ConsoleProducer, with its defaults, some of which
// are not the producer's own: acks are 1 and the linger is a second.
func consoleProducerOptions() *options.Options {
	return options.Read("This tool helps to read data from standard input and publish it to Kafka.", `
		--topic <TOPIC>                       where to send to
		--bootstrap-server <HOST:PORT,…>      brokers to begin with
		--broker-list <HOST:PORT,…>           older name of --bootstrap-server
		--sync                                wait for each message
		--compression-codec [CODEC]           none, gzip (without a value), snappy, lz4 or zstd
		--batch-size <N>                      read, and not used (default: 200)
		--message-send-max-retries <N>        how often a message is sent again (default: 3)
		--retry-backoff-ms <MS>               pause between attempts (default: 100)
		--timeout <MS>                        how long messages wait for others to be sent with (default: 1000)
		--request-required-acks <ACKS>        0, 1 or all: how many replicas must have a message (default: 1)
		--request-timeout-ms <MS>             how long to wait for a broker's answer (default: 1500)
		--metadata-expiry-ms <MS>             how often metadata are refreshed (default: 300000)
		--max-block-ms <MS>                   how long a message may wait for metadata or memory (default: 60000)
		--max-memory-bytes <BYTES>            memory for messages not yet sent (default: 33554432)
		--max-partition-memory-bytes <BYTES>  memory for a batch of messages (default: 16384)
		--line-reader <CLASS>                 how input becomes messages; only this one is there (default: kafka.tools.ConsoleProducer$LineMessageReader)
		--socket-buffer-size <BYTES>          size of the socket's send buffer (default: 102400)
		--property <KEY=VALUE>                of the reader: parse.key, key.separator, ignore.error; may be repeated
		--producer-property <KEY=VALUE>       of the producer; may be repeated
		--producer.config <FILE>              properties of the producer
	`).Standard().UsageOfMistakes().Requires("topic").Conditions(needsServer)
}

// needsServer asks for either name of the option; a call without words meets it before it gets
// help.
func needsServer(o *options.Options) error {
	if !o.Any("bootstrap-server", "broker-list") {
		return options.Misuse("Missing required option(s) [bootstrap-server]")
	}
	return nil
}

// Tool is kafka-console-producer.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-console-producer", Help: "send lines of standard input to a topic", Class: "kafka.tools.ConsoleProducer"}.
		Begun(consoleProducerOptions, core.WithTexts(consoleProducer, "topic"))
}

// consoleProducer prints a > before each line it reads, also when nobody sees it.
func consoleProducer(ctx context.Context, c *core.Call, o *options.Options, texts map[string]string) error {
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
	p, err := clients.NewProducer(c, props, "console-producer", clients.ProducerOptions{})
	if err != nil {
		return err
	}
	p.Greet()
	err = produceLines(c, ctx, p, reader, texts["topic"], o.Has("sync"))
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
	// --compression-codec without a value is gzip, and not given at all is none.
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
		// The width of Java's type: what does not fit is a mistake in the option, before a producer
		// is made.
		if x.bits > 0 {
			if _, err := o.Number(x.option, x.bits); err != nil {
				return nil, err
			}
		}
		v, err := o.One(x.option)
		if err != nil {
			return nil, err
		}
		// A default does not win over a property of the file, an option that was given does.
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

// newLineReader reads the settings of LineMessageReader.
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
		line = []byte(java.UTF8(line))
	}
	return line, nil
}

// read makes a record of the next line. An empty line is an empty value, not a missing one; a line
// without the separator is an error unless ignore.error is set.
func (r *lineReader) read() (*kgo.Record, error) {
	r.line++
	line, err := r.readLine()
	if err != nil {
		return nil, err
	}
	// A nil value would be a tombstone.
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

// nonNil is an empty value for none: null would be a tombstone, and a line has no way to ask for
// one.
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
	// Room for one line, so that a read that ends after the tool was stopped does not block for
	// ever.
	ask, lines := make(chan struct{}), make(chan input, 1)
	defer close(ask)
	go func() { // ended by the close of ask, once its read ends
		for range ask {
			r, err := reader.read()
			lines <- input{r, err}
		}
	}()
	for {
		c.Out.WriteString(">")
		c.Out.Flush()
		// The reader reads only when asked: the > comes before each line, and no line is taken that
		// will not be sent.
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

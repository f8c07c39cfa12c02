package tool

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func consoleProducerOptions() *options {
	o := newOptions("This tool helps to read data from standard input and publish it to Kafka.")
	o.value("topic", "TOPIC", "where to send to")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to begin with")
	o.value("broker-list", "HOST:PORT,…", "older name of --bootstrap-server")
	o.flag("sync", "wait for each message")
	o.optional("compression-codec", "CODEC", "none, gzip (without a value), snappy, lz4 or zstd")
	o.valueOr("batch-size", "N", "200", "read, and not used")
	o.valueOr("message-send-max-retries", "N", "3", "how often a message is sent again")
	o.valueOr("retry-backoff-ms", "MS", "100", "pause between attempts")
	o.valueOr("timeout", "MS", "1000", "how long messages wait for others to be sent with")
	o.valueOr("request-required-acks", "ACKS", "1", "0, 1 or all: how many replicas must have a message")
	o.valueOr("request-timeout-ms", "MS", "1500", "how long to wait for a broker's answer")
	o.valueOr("metadata-expiry-ms", "MS", "300000", "how often metadata are refreshed")
	o.valueOr("max-block-ms", "MS", "60000", "how long a message may wait for metadata or memory")
	o.valueOr("max-memory-bytes", "BYTES", "33554432", "memory for messages not yet sent")
	o.valueOr("max-partition-memory-bytes", "BYTES", "16384", "memory for a batch of messages")
	o.valueOr("line-reader", "CLASS", "kafka.tools.ConsoleProducer$LineMessageReader", "how input becomes messages; only this one is there")
	o.valueOr("socket-buffer-size", "BYTES", "102400", "size of the socket's send buffer")
	o.value("property", "KEY=VALUE", "of the reader: parse.key, key.separator, ignore.error; may be repeated")
	o.value("producer-property", "KEY=VALUE", "of the producer; may be repeated")
	o.value("producer.config", "FILE", "properties of the producer")
	return o.standard()
}

// registerConsoleProducer is kafka-console-producer.sh.
func registerConsoleProducer() Tool {
	return Tool{Name: "kafka-console-producer", Help: "send lines of standard input to a topic", run: consoleProducer,
		Class:   "kafka.tools.ConsoleProducer",
		Options: tableOf(consoleProducerOptions)}
}

// consoleProducer prints a > before each line it reads, also when nobody sees it.
func consoleProducer(ctx context.Context, c *call) error {
	o := consoleProducerOptions()
	c.options = o
	if err := o.parse(c.Args); err != nil {
		return parserMisuse(err)
	}
	if o.any("help", "version") {
		return c.helpOrVersion(o, "")
	}
	if !o.any("bootstrap-server", "broker-list") {
		return misuse("Missing required option(s) [bootstrap-server]")
	}
	if err := o.require("topic"); err != nil {
		return err
	}
	topic, err := o.one("topic")
	if err != nil {
		return err
	}
	server := "broker-list"
	if o.has("bootstrap-server") {
		server = "bootstrap-server"
	}
	servers, err := o.one(server)
	if err != nil {
		return err
	}
	if !validServers(servers) {
		return misuse("Please provide valid host:port like host1:9091,host2:9092\n ")
	}
	props, err := consoleProducerProps(o, servers)
	if err != nil {
		return err
	}
	if class, err := o.one("line-reader"); err != nil {
		return err
	} else if class != "kafka.tools.ConsoleProducer$LineMessageReader" {
		return &javaError{class: "java.lang.ClassNotFoundException", text: class}
	}
	reader, err := newLineReader(c.Stdin, o.all("property"))
	if err != nil {
		return err
	}
	p, err := c.newProducer(props, "console-producer")
	if err != nil {
		return err
	}
	err = c.produceLines(ctx, p, reader, topic, o.has("sync"))
	if err != nil && ctx.Err() == nil { // what was read before is still sent
		c.errorf("%s\n", describe(err))
		err = exit(1)
	}
	p.close()
	c.troubled = c.troubled || p.failed.Load()
	return err
}

func validServers(s string) bool {
	for _, server := range strings.Split(s, ",") {
		_, port, err := net.SplitHostPort(strings.TrimSpace(server))
		if _, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil {
			return false
		}
	}
	return true
}

// consoleProducerProps puts together the producer's settings: file, --producer-property, what cannot be changed, and options.
func consoleProducerProps(o *options, servers string) (map[string]string, error) {
	file, err := o.one("producer.config")
	if err != nil {
		return nil, err
	}
	props, err := readProperties(file)
	if err != nil {
		return nil, err
	}
	if err := keyValues(o.all("producer-property"), props); err != nil {
		return nil, err
	}
	codec, err := o.one("compression-codec")
	if err != nil {
		return nil, err
	}
	switch {
	case !o.has("compression-codec"):
		codec = "none"
	case codec == "":
		codec = "gzip"
	}
	props["bootstrap.servers"], props["compression.type"], props["client.id"] = servers, codec, "console-producer"
	if _, err := o.number("batch-size", 32); err != nil {
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
			if _, err := o.number(x.option, x.bits); err != nil {
				return nil, err
			}
		}
		v, err := o.one(x.option)
		if err != nil {
			return nil, err
		}
		if _, given := props[x.key]; !given || o.has(x.option) {
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
	if err := keyValues(words, props); err != nil {
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

// readLine reads to \n, \r or \r\n; io.EOF when there is nothing more. What is not UTF-8 becomes U+FFFD, as in Java.
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
		return nil, &javaError{class: "org.apache.kafka.common.KafkaException", text: fmt.Sprintf("No key found on line %d: %s", r.line, line)}
	}
	return &kgo.Record{Key: nonNil(key), Value: nonNil(value)}, nil
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// produceLines sends until the end of input. The reading goroutine ends with the input, or with the process.
func (c *call) produceLines(ctx context.Context, p *producer, reader *lineReader, topic string, sync bool) error {
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
		c.out.WriteString(">")
		c.out.Flush()
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
			if err := p.send(ctx, in.record, sync); err != nil {
				return err
			}
		}
	}
}

// producer is a Java producer: it waits for a topic's metadata before it takes a record, and logs what could not be sent.
type producer struct {
	*kgo.Client
	c          *call
	prefix     string
	maxBlock   time.Duration
	maxRequest int
	backoff    time.Duration
	known      map[string]bool
	attempts   int // metadata requests sent
	failed     atomic.Bool
}

// newProducer makes a producer of properties.
func (c *call) newProducer(props map[string]string, clientID string, more ...kgo.Opt) (*producer, error) {
	failed := func(err error) error {
		return &javaError{class: "org.apache.kafka.common.KafkaException", text: "Failed to construct kafka producer", cause: err}
	}
	p := &producer{c: c, prefix: "[Producer clientId=" + clientID + "]", known: map[string]bool{}, maxRequest: 1 << 20}
	cc := &clientConfig{props: props, prefix: p.prefix, boot: true}
	opts := []kgo.Opt{kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(100), kgo.MaxBufferedRecords(1 << 20)}
	if id := props["transactional.id"]; id != "" {
		opts = append(opts, kgo.TransactionalID(id))
		props["acks"] = "all"
	} else if props["enable.idempotence"] == "true" {
		props["acks"] = "all"
	} else {
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(5))
	}
	switch acks := props["acks"]; acks {
	case "", "1":
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()))
	case "0":
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()))
	case "all", "-1":
		opts = append(opts, kgo.RequiredAcks(kgo.AllISRAcks()))
	default:
		return nil, &javaError{class: "org.apache.kafka.common.config.ConfigException",
			text: fmt.Sprintf("Invalid value %s for configuration acks: String must be one of: all, -1, 0, 1", acks)}
	}
	codec, err := compressionCodec(props["compression.type"])
	if err != nil {
		return nil, failed(err)
	}
	opts = append(opts, kgo.ProducerBatchCompression(codec))
	var linger, requestTimeout, delivery time.Duration
	for _, d := range []struct {
		to       *time.Duration
		key      string
		fallback time.Duration
	}{{&linger, "linger.ms", 0}, {&p.maxBlock, "max.block.ms", time.Minute}, {&p.backoff, "retry.backoff.ms", 100 * time.Millisecond},
		{&requestTimeout, "request.timeout.ms", 30 * time.Second}, {&delivery, "delivery.timeout.ms", 2 * time.Minute}} {
		if *d.to, err = cc.duration(d.key, d.fallback); err != nil {
			return nil, err
		}
	}
	opts = append(opts, kgo.ProducerLinger(linger), kgo.ProduceRequestTimeout(max(requestTimeout, 100*time.Millisecond)))
	if delivery > 0 {
		opts = append(opts, kgo.RecordDeliveryTimeout(max(delivery, time.Second)))
	}
	for key, set := range map[string]func(n int){
		"retries":          func(n int) { opts = append(opts, kgo.RecordRetries(n)) },
		"buffer.memory":    func(n int) { opts = append(opts, kgo.MaxBufferedBytes(max(n, 1<<20))) },
		"max.request.size": func(n int) { p.maxRequest = n },
	} {
		if s, ok := props[key]; ok {
			n, err := strconv.Atoi(s)
			if err != nil {
				return nil, notANumber(s, key, "INT")
			}
			set(n)
		}
	}
	opts = append(opts, kgo.ProducerBatchMaxBytes(int32(min(max(p.maxRequest, 1<<20), 90<<20))))
	if p.Client, err = c.newClient(cc, append(opts, more...)...); err != nil {
		return nil, failed(err)
	}
	return p, nil
}

func compressionCodec(name string) (kgo.CompressionCodec, error) {
	switch name {
	case "", "none":
		return kgo.NoCompression(), nil
	case "gzip":
		return kgo.GzipCompression(), nil
	case "snappy":
		return kgo.SnappyCompression(), nil
	case "lz4":
		return kgo.Lz4Compression(), nil
	case "zstd":
		return kgo.ZstdCompression(), nil
	}
	return kgo.CompressionCodec{}, illegalArgument("Unknown compression name: %s", name)
}

// send hands a record to the client, or waits for it with sync. What goes wrong later is logged.
func (p *producer) send(ctx context.Context, r *kgo.Record, sync bool) error {
	err := p.prepare(ctx, r)
	if err != nil {
		if sync {
			return execution(err)
		}
		p.logFailure(r, err)
		return nil
	}
	if sync {
		return execution(clientError(p.ProduceSync(ctx, r).FirstErr()))
	}
	p.Produce(context.WithoutCancel(ctx), r, func(r *kgo.Record, err error) {
		if err != nil {
			p.logFailure(r, clientError(err))
		}
	})
	return nil
}

// prepare is what a Java producer does before a record is taken: metadata of the topic, and its size.
func (p *producer) prepare(ctx context.Context, r *kgo.Record) error {
	if !p.known[r.Topic] {
		limit, cancel := context.WithTimeout(ctx, p.maxBlock)
		defer cancel()
		err := p.c.awaitTopic(limit, p.Client, p.prefix, r.Topic, &p.attempts, p.backoff)
		if err == errNoBroker || err != nil && limit.Err() != nil && ctx.Err() == nil {
			err = timeoutError("Topic %s not present in metadata after %d ms.", r.Topic, p.maxBlock.Milliseconds())
		}
		if err != nil {
			p.c.troubled = true
			return err
		}
		p.known[r.Topic] = true
	}
	if size := recordSizeBound(r); size > p.maxRequest {
		return &javaError{class: errorsPackage + "RecordTooLargeException",
			text: fmt.Sprintf("The message is %d bytes when serialized which is larger than %d, which is the value of the max.request.size configuration.", size, p.maxRequest)}
	}
	return nil
}

// recordSizeBound is Java's estimate of a batch with just this record.
func recordSizeBound(r *kgo.Record) int {
	varint := func(n int) int {
		size := 1
		for u := uint32(n)<<1 ^ uint32(int32(n)>>31); u >= 0x80; u >>= 7 {
			size++
		}
		return size
	}
	field := func(b []byte) int {
		if b == nil {
			return 1
		}
		return varint(len(b)) + len(b)
	}
	n := 61 + 21 + field(r.Key) + field(r.Value) + varint(len(r.Headers))
	for _, h := range r.Headers {
		n += varint(len(h.Key)) + len(h.Key) + field(h.Value)
	}
	return n
}

func (p *producer) logFailure(r *kgo.Record, err error) {
	size := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return fmt.Sprintf("%d bytes", len(b))
	}
	p.failed.Store(true)
	p.c.errorf("[%s] ERROR Error when sending message to topic %s with key: %s, value: %s with error: (org.apache.kafka.clients.producer.internals.ErrorLoggingCallback)\n%s\n",
		logTime(time.Now()), r.Topic, size(r.Key), size(r.Value), javaText(err))
}

// close sends what is left.
func (p *producer) close() {
	p.Flush(context.Background()) // bounded by the delivery time-out
	p.Client.Close()
}

// awaitTopic asks for a topic's metadata until it has them, as the clients do before they use a topic, and logs what is in the way.
// A topic that does not exist is created if the broker does that.
func (c *call) awaitTopic(ctx context.Context, cl *kgo.Client, prefix, topic string, attempts *int, backoff time.Duration) error {
	for {
		*attempts++
		req := kmsg.NewPtrMetadataRequest()
		req.AllowAutoTopicCreation = true
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(topic)
		req.Topics = append(req.Topics, rt)
		var resp *kmsg.MetadataResponse
		err := c.watchOf(cl).retry(ctx, func(ctx context.Context) (err error) {
			resp, err = req.RequestWith(ctx, cl)
			return err
		})
		if auth := authError(err); auth != nil {
			return auth
		}
		if err != nil {
			return err
		}
		code := int16(0)
		for _, t := range resp.Topics {
			if code = t.ErrorCode; code == 0 && len(t.Partitions) > 0 && t.Partitions[0].ErrorCode == 5 {
				code = 5
			}
		}
		if code == 0 {
			return nil
		}
		c.log("WARN", "org.apache.kafka.clients.NetworkClient", "%s Error while fetching metadata with correlation id %d : {%s=%s}", prefix, *attempts, topic, errorName(code))
		if code == 3 {
			c.giveHints(c.missingTopic(topic))
		}
		switch code {
		case 17:
			c.log("ERROR", "org.apache.kafka.clients.Metadata", "%s Metadata response reported invalid topics [%s]", prefix, topic)
			return &javaError{class: errorsPackage + "InvalidTopicException", text: "Invalid topics: [" + topic + "]"}
		case 29:
			c.log("ERROR", "org.apache.kafka.clients.Metadata", "%s Topic authorization failed for topics [%s]", prefix, topic)
			return &javaError{class: errorsPackage + "TopicAuthorizationException", text: "Not authorized to access topics: [" + topic + "]"}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backoff):
		}
	}
}

func errorName(code int16) string {
	var e *wire.Error
	if errors.As(wire.ErrorForCode(code), &e) {
		return e.Message
	}
	return "UNKNOWN_SERVER_ERROR"
}

// clientError gives an error of the client library its class in Java.
func clientError(err error) error {
	var we *wire.Error
	switch {
	case err == nil:
		return nil
	case authError(err) != nil:
		return authError(err)
	case errors.As(err, &we):
		return apiError(we.Code, nil)
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, context.DeadlineExceeded):
		return timeoutError("Expiring record(s): the time for their delivery has passed")
	}
	return err
}

package clients

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
)

// Producer is a Java producer: it waits for a topic's metadata before it takes a record, and logs
// what could not be sent.
type Producer struct {
	*kgo.Client
	c          *core.Call
	Prefix     string
	maxBlock   time.Duration
	maxRequest int
	backoff    time.Duration
	known      map[string]bool
	attempts   int       // metadata requests sent
	resend     *resender // nil when the client itself retries without an end
	Failed     atomic.Bool

	greeting sync.WaitGroup
	greeted  context.CancelFunc // ends the greeting; nil without one
}

// NewProducer makes a producer of properties.
func NewProducer(c *core.Call, props map[string]string, clientID string, more ...kgo.Opt) (*Producer, error) {
	failed := func(err error) error {
		return &java.Error{Class: "org.apache.kafka.common.KafkaException", Text: "Failed to construct kafka producer", Cause: err}
	}
	if err := checkProperties(producerDefinitions(), props); err != nil {
		return nil, err
	}
	if err := checkClasses("producer", props); err != nil {
		return nil, err
	}
	p := &Producer{c: c, Prefix: "[Producer clientId=" + clientID + "]", known: map[string]bool{}, maxRequest: 1 << 20}
	cc := &Config{Props: props, Prefix: p.Prefix, Boot: true}
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
		return nil, &java.Error{Class: "org.apache.kafka.common.config.ConfigException",
			Text: fmt.Sprintf("Invalid value %s for configuration acks: String must be one of: all, -1, 0, 1", acks)}
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
	retries, memory := -1, 32<<20
	for key, set := range map[string]func(n int){
		"retries":          func(n int) { retries = n },
		"buffer.memory":    func(n int) { memory = n },
		"max.request.size": func(n int) { p.maxRequest = n },
	} {
		if s, ok := props[key]; ok {
			n, err := strconv.Atoi(s)
			if err != nil {
				return nil, NotANumber(s, key, "INT")
			}
			set(n)
		}
	}
	opts = append(opts, kgo.MaxBufferedBytes(max(memory, 1<<20)))
	if idempotent := props["transactional.id"] != "" || props["enable.idempotence"] == "true"; retries >= 0 && idempotent {
		opts = append(opts, kgo.RecordRetries(retries))
	} else if retries >= 0 {
		opts = append(opts, kgo.RecordRetries(0))
		p.resend = &resender{retries: retries, backoff: p.backoff, delivery: delivery, memory: memory, maxBlock: p.maxBlock}
	}
	opts = append(opts, kgo.ProducerBatchMaxBytes(int32(min(max(p.maxRequest, 1<<20), 90<<20))))
	if p.Client, err = New(c, cc, append(opts, more...)...); err != nil {
		return nil, failed(err)
	}
	warnUnknown(c, "Producer", producerDefinitions(), props)
	if p.resend != nil {
		p.resend.refresh = p.ForceMetadataRefresh
		p.resend.produce, p.resend.traffic = p.Produce, &watchOf(c, p.Client).produced
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
	return kgo.CompressionCodec{}, java.IllegalArgument("Unknown compression name: %s", name)
}

// Greet reaches for the brokers before there is anything to send, as Java's producer does when it
// is made, so that it is seen at once when none can be reached. It returns at once; what it began
// ends with the first record or with Close.
func (p *Producer) Greet() {
	ctx, cancel := context.WithCancel(context.Background())
	p.greeted = cancel
	p.greeting.Go(func() {
		_ = watchOf(p.c, p.Client).retry(ctx, func(ctx context.Context) error { return p.Ping(ctx) }) // the watch has said why not
	})
}

// endGreeting waits until nothing of the greeting is left.
func (p *Producer) endGreeting() {
	if p.greeted != nil {
		p.greeted()
		p.greeting.Wait()
		p.greeted = nil
	}
}

// Send hands a record to the client, or waits for it with sync. What goes wrong later is logged.
func (p *Producer) Send(ctx context.Context, r *kgo.Record, sync bool) error {
	err := p.Prepare(ctx, r)
	if err != nil {
		if sync {
			return java.Execution(err)
		}
		p.logFailure(r, err)
		return nil
	}
	if sync {
		result := make(chan error, 1) // one: nobody may wait for it
		p.Deliver(ctx, r, func(_ *kgo.Record, err error) { result <- err })
		select {
		case err := <-result:
			return java.Execution(err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.Deliver(context.WithoutCancel(ctx), r, func(r *kgo.Record, err error) {
		if err != nil {
			p.logFailure(r, err)
		}
	})
	return nil
}

// Deliver sends a record that was prepared. done is called once, by a goroutine of the client, with
// an error as Java names it. The end of ctx takes back what waits for room, or to be sent.
func (p *Producer) Deliver(ctx context.Context, r *kgo.Record, done func(*kgo.Record, error)) {
	if p.resend != nil {
		p.resend.send(ctx, r, done)
		return
	}
	p.Produce(ctx, r, func(r *kgo.Record, err error) {
		if err != nil && isConnectionError(err) { // nobody could be reached until its time was over
			err = kgo.ErrRecordTimeout
		}
		done(r, JavaError(err))
	})
}

// Drain waits until every record has its result, which delivery.timeout.ms bounds.
func (p *Producer) Drain(ctx context.Context) error {
	if p.resend != nil {
		return p.resend.drain(ctx, p.Flush)
	}
	return p.Flush(ctx)
}

// Prepare is what a Java producer does before a record is taken: metadata of the topic, and its
// size.
func (p *Producer) Prepare(ctx context.Context, r *kgo.Record) error {
	p.endGreeting()
	if !p.known[r.Topic] {
		limit, cancel := context.WithTimeout(ctx, p.maxBlock)
		defer cancel()
		err := awaitTopic(p.c, limit, p.Client, p.Prefix, r.Topic, &p.attempts, p.backoff)
		if err == errNoBroker || err != nil && limit.Err() != nil && ctx.Err() == nil {
			err = java.Timeout("Topic %s not present in metadata after %d ms.", r.Topic, p.maxBlock.Milliseconds())
		}
		if err != nil {
			p.c.Troubled, p.c.Failure = true, err
			return err
		}
		p.known[r.Topic] = true
	}
	if size := recordSizeBound(r); size > p.maxRequest {
		return &java.Error{Class: java.ErrorsPackage + "RecordTooLargeException",
			Text: fmt.Sprintf("The message is %d bytes when serialized which is larger than %d, which is the value of the max.request.size configuration.", size, p.maxRequest)}
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

func (p *Producer) logFailure(r *kgo.Record, err error) {
	size := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return fmt.Sprintf("%d bytes", len(b))
	}
	p.Failed.Store(true)
	p.c.Errorf("[%s] ERROR Error when sending message to topic %s with key: %s, value: %s with error: (org.apache.kafka.clients.producer.internals.ErrorLoggingCallback)\n%s\n",
		core.LogTime(time.Now()), r.Topic, size(r.Key), size(r.Value), java.Text(err))
	hintDenied(p.c, err, r.Topic)
}

// Close sends what is left.
func (p *Producer) Close() {
	p.endGreeting()
	_ = p.Drain(context.Background()) // it has no other end than the delivery time-out
	p.Client.Close()
}

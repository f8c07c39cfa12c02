package clients

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
)

// Producer is a Java producer: it waits for a topic's metadata before it takes a record, and logs
// what could not be sent. Records are handed to it by one goroutine at a time.
type Producer struct {
	c      *core.Call
	Prefix string
	Failed atomic.Bool

	settings producerSettings
	room     *budget
	known    map[string]bool
	attempts int       // metadata requests sent
	resend   *resender // nil when the client itself retries without an end

	build  func(batch int) (*kgo.Client, error)
	client atomic.Pointer[kgo.Client]
	batch  int // bytes of the largest batch that the client makes

	greeting sync.WaitGroup
	greeted  context.CancelFunc // ends the greeting; nil without one
}

// ProducerOptions are what a tool wants of a producer beyond its properties.
type ProducerOptions struct {
	// Timed records have times of their own. The client library counts delivery.timeout.ms from a
	// record's time, so it must not count then.
	Timed bool
}

// NewProducer makes a producer of properties; its errors are those of Java's constructor.
func NewProducer(c *core.Call, props map[string]string, clientID string, o ProducerOptions) (*Producer, error) {
	p := &Producer{c: c, Prefix: "[Producer clientId=" + clientID + "]", known: map[string]bool{}}
	cc := &Config{Props: props, Prefix: p.Prefix, Boot: true}
	if err := p.settings.read(cc); err != nil {
		return nil, err
	}
	s := &p.settings
	if s.raised {
		c.Log("WARN", "org.apache.kafka.clients.producer.KafkaProducer", "%s delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms. Setting it to %d.",
			p.Prefix, s.delivery.Milliseconds())
	}
	opts := s.options()
	p.room = &budget{memory: s.memory, maxBlock: s.maxBlock}
	// Without idempotence the library's own retries count otherwise than Java's; with it they must
	// be its own, since it numbers the batches.
	if limited := s.retries != math.MaxInt32; !s.idempotent && (limited || o.Timed) {
		opts = append(opts, kgo.RecordRetries(0))
		p.resend = &resender{retries: s.retries, backoff: s.backoff, delivery: s.delivery}
	} else if limited {
		opts = append(opts, kgo.RecordRetries(s.retries))
	}
	if !o.Timed {
		opts = append(opts, kgo.RecordDeliveryTimeout(max(s.delivery, time.Second)))
	}
	watch, err := newConnections(c, cc)
	if err != nil {
		return nil, producerNotConstructed(err)
	}
	p.build = func(batch int) (*kgo.Client, error) {
		// The library has a limit for whole requests too; Java has none but max.request.size.
		return watch.open(slices.Concat(opts, []kgo.Opt{kgo.ProducerBatchMaxBytes(int32(batch)), kgo.BrokerMaxWriteBytes(int32(max(s.maxRequest, batch) + requestOverhead))})...)
	}
	p.batch = max(s.batch, leastBatch)
	client, err := p.build(p.batch)
	if err != nil {
		return nil, producerNotConstructed(err)
	}
	p.client.Store(client)
	warnUnknown(c, "Producer", producerDefinitions(), props)
	if p.resend != nil {
		p.resend.refresh = func() { p.client.Load().ForceMetadataRefresh() }
		p.resend.produce = func(ctx context.Context, r *kgo.Record, promise func(*kgo.Record, error)) {
			p.client.Load().Produce(ctx, r, promise)
		}
		p.resend.traffic = &watch.produced
	}
	return p, nil
}

// Greet reaches for the brokers before there is anything to send, as Java's producer does when it
// is made, so that it is seen at once when none can be reached. It returns at once; what it began
// ends with the first record or with Close.
func (p *Producer) Greet() {
	ctx, cancel := context.WithCancel(context.Background())
	p.greeted = cancel
	p.greeting.Go(func() {
		client := p.client.Load()
		_ = watchOf(p.c, client).retry(ctx, client.Ping) // the watch has said why not
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
		if ctx.Err() != nil { // not a failure of the record's: whoever sends it knows that it was not
			return ctx.Err()
		}
		if sync {
			// Java's future throws an ExecutionException around the cause.
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
	// What was accepted is delivered although the tool has been told to stop: Close waits for it.
	p.Deliver(context.WithoutCancel(ctx), r, func(r *kgo.Record, err error) {
		if err != nil {
			p.logFailure(r, err)
		}
	})
	return nil
}

// Deliver sends a record that was prepared, when there is room for it in buffer.memory. done is
// called once, by a goroutine of the client, with an error as Java names it. The end of ctx takes
// back what waits for room, or to be sent.
func (p *Producer) Deliver(ctx context.Context, r *kgo.Record, done func(*kgo.Record, error)) {
	size := recordSizeBound(r)
	if err := p.room.reserve(ctx, size); err != nil {
		done(r, err)
		return
	}
	if p.resend != nil {
		p.resend.send(ctx, r, func(r *kgo.Record, err error) {
			p.room.release(size)
			done(r, err)
		})
		return
	}
	p.client.Load().Produce(ctx, r, func(r *kgo.Record, err error) {
		p.room.release(size)
		// Java's client would still be waiting for a connection when delivery.timeout.ms is over.
		if err != nil && isConnectionError(err) { // nobody could be reached until its time was over
			err = kgo.ErrRecordTimeout
		}
		done(r, JavaError(err))
	})
}

// Drain waits until every record has its result, which delivery.timeout.ms bounds.
func (p *Producer) Drain(ctx context.Context) error {
	flush := func(ctx context.Context) error { return p.client.Load().Flush(ctx) }
	if p.resend != nil {
		return p.resend.drain(ctx, flush)
	}
	return flush(ctx)
}

// Prepare is what a Java producer does before a record is taken: metadata of the topic, and its
// size. In a transaction, no record may be larger than the first one that was prepared, if that is
// larger than batch.size.
func (p *Producer) Prepare(ctx context.Context, r *kgo.Record) error {
	p.endGreeting()
	if !p.known[r.Topic] {
		limit, cancel := context.WithTimeout(ctx, p.settings.maxBlock)
		defer cancel()
		err := awaitTopic(p.c, limit, p.client.Load(), p.Prefix, r.Topic, &p.attempts, p.settings.backoff)
		if err == errNoBroker || err != nil && limit.Err() != nil && ctx.Err() == nil {
			// Java says this whatever the reason was, which the log lines before it tell.
			err = java.Timeout("Topic %s not present in metadata after %d ms.", r.Topic, p.settings.maxBlock.Milliseconds())
		}
		if err != nil {
			// The tool's exit code and hint come from the first failure.
			p.c.Troubled, p.c.Failure = true, err
			return err
		}
		p.known[r.Topic] = true
	}
	tooLarge := func(size int, than string) error {
		return &java.Error{Class: java.ErrorsPackage + "RecordTooLargeException", Text: fmt.Sprintf("The message is %d bytes when serialized which is larger than %s configuration.", size, than)}
	}
	switch size := recordSizeBound(r); {
	case size > p.settings.maxRequest:
		return tooLarge(size, fmt.Sprintf("%d, which is the value of the max.request.size", p.settings.maxRequest))
	case int64(size) > p.settings.memory:
		return tooLarge(size, "the total memory buffer you have configured with the buffer.memory")
	case size > p.batch:
		return p.grow(ctx, size)
	}
	return nil
}

// grow makes room for a record that is larger than any batch so far. The library has one limit for
// batches and for single records, so a client with a larger one takes over, when the last has sent
// all that it has: no batch is larger than batch.size and the largest record.
func (p *Producer) grow(ctx context.Context, size int) error {
	if err := p.Drain(ctx); err != nil {
		return err
	}
	client, err := p.build(size)
	if err != nil {
		return producerNotConstructed(err)
	}
	p.batch = size
	// The swap comes first, so that nobody hands a record to a client that is closed.
	p.client.Swap(client).Close()
	return nil
}

// Begin begins a transaction.
func (p *Producer) Begin() error { return JavaError(p.client.Load().BeginTransaction()) }

// Commit commits a transaction, when all of it has been sent.
func (p *Producer) Commit(ctx context.Context) error {
	if err := p.Drain(ctx); err != nil {
		return err
	}
	return JavaError(p.client.Load().EndTransaction(ctx, kgo.TryCommit))
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
	// DefaultRecordBatch.RECORD_BATCH_OVERHEAD is 61, and 21 is MAX_RECORD_OVERHEAD: length,
	// attributes, time and offset at their longest.
	n := 61 + 21 + field(r.Key) + field(r.Value) + varint(len(r.Headers))
	for _, h := range r.Headers {
		n += varint(len(h.Key)) + len(h.Key) + field(h.Value)
	}
	return n
}

// logFailure writes what Java's ErrorLoggingCallback does: sizes of key and value, never their
// contents.
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
	p.Abandon()
}

// Abandon ends the producer without sending what is left.
func (p *Producer) Abandon() {
	p.endGreeting()
	p.client.Load().Close()
}

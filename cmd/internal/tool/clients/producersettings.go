package clients

import (
	"math"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/java"
)

const (
	leastBatch      = 512     // bytes of the smallest limit for batches that the client library takes
	requestOverhead = 4 << 10 // bytes of a Produce request around its batches, at most
	mostBatch       = 1<<30 - requestOverhead
)

// producerSettings are the properties of a Java producer that this one follows.
type producerSettings struct {
	transactional string // transactional.id
	idempotent    bool
	acks          kgo.Acks
	codec         kgo.CompressionCodec
	inflight      int // max.in.flight.requests.per.connection

	batch, maxRequest, retries int
	memory                     int64 // buffer.memory

	linger, maxBlock, backoff, requestTimeout, delivery, transactionTimeout time.Duration

	raised bool // delivery is larger than its default, because of the others
}

// read checks and reads properties, in the order of Java's constructor.
func (s *producerSettings) read(cc *Config) error {
	props := cc.Props
	if err := parseProperties(producerDefinitions(), props); err != nil {
		return err
	}
	if err := s.readIdempotence(props); err != nil {
		return err
	}
	if err := checkClasses("producer", props); err != nil {
		return err
	}
	var err error
	if s.codec, err = compressionCodec(props["compression.type"]); err != nil {
		return producerNotConstructed(err)
	}
	for _, d := range []struct {
		to       *time.Duration
		key      string
		fallback time.Duration
	}{{&s.linger, "linger.ms", 0}, {&s.maxBlock, "max.block.ms", time.Minute}, {&s.backoff, "retry.backoff.ms", 100 * time.Millisecond},
		{&s.requestTimeout, "request.timeout.ms", 30 * time.Second}, {&s.delivery, "delivery.timeout.ms", 2 * time.Minute},
		{&s.transactionTimeout, "transaction.timeout.ms", time.Minute}} {
		if *d.to, err = cc.duration(d.key, d.fallback); err != nil {
			return err
		}
	}
	for _, n := range []struct {
		to       *int
		key      string
		fallback int
	}{{&s.batch, "batch.size", 16 << 10}, {&s.maxRequest, "max.request.size", 1 << 20}, {&s.retries, "retries", math.MaxInt32},
		{&s.inflight, "max.in.flight.requests.per.connection", 5}} {
		v, err := cc.number(n.key, int64(n.fallback))
		if err != nil {
			return err
		}
		*n.to = int(v)
	}
	// The library refuses larger ones; no broker takes a gigabyte.
	s.batch, s.maxRequest = min(s.batch, mostBatch), min(s.maxRequest, mostBatch)
	if s.memory, err = cc.number("buffer.memory", 32<<20); err != nil {
		return err
	}
	if s.idempotent && s.inflight > 5 {
		return producerNotConstructed(ConfigError("Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer."))
	}
	if least := s.linger + s.requestTimeout; s.delivery < least {
		// A value that was given and is too small is an error; the default grows with the others
		// (KIP-91).
		if _, set := props["delivery.timeout.ms"]; set {
			return producerNotConstructed(ConfigError("delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms"))
		}
		s.delivery, s.raised = least, true
	}
	return nil
}

// readIdempotence reads what is decided together: transactions, idempotence, retries and acks.
func (s *producerSettings) readIdempotence(props map[string]string) error {
	s.transactional = props["transactional.id"]
	wanted, said := props["enable.idempotence"]
	s.idempotent = strings.EqualFold(strings.TrimSpace(wanted), "true") || !said && s.transactional != ""
	switch props["acks"] {
	case "0":
		s.acks = kgo.NoAck()
	case "all", "-1":
		s.acks = kgo.AllISRAcks()
	default: // 1, and 1 where none is given
		s.acks = kgo.LeaderAck()
	}
	switch _, given := props["acks"]; {
	case s.transactional != "" && !s.idempotent:
		return ConfigError("Cannot set a transactional.id without also enabling idempotence.")
	case !s.idempotent:
		return nil
	case strings.TrimSpace(props["retries"]) == "0":
		return ConfigError("Must set retries to non-zero when using the idempotent producer.")
	case given && s.acks != kgo.AllISRAcks():
		return ConfigError("Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.")
	}
	s.acks = kgo.AllISRAcks()
	return nil
}

// options are those of the client library, within its limits.
func (s *producerSettings) options() []kgo.Opt {
	opts := []kgo.Opt{kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(100), kgo.RequiredAcks(s.acks), kgo.ProducerBatchCompression(s.codec),
		kgo.MaxBufferedRecords(math.MaxInt32), // buffer.memory bounds them
		// The library takes no shorter and no longer ones.
		kgo.ProducerLinger(min(s.linger, time.Minute)), kgo.ProduceRequestTimeout(max(s.requestTimeout, 100*time.Millisecond))}
	switch {
	case s.transactional != "":
		opts = append(opts, kgo.TransactionalID(s.transactional), kgo.TransactionTimeout(max(s.transactionTimeout, 100*time.Millisecond)))
	case !s.idempotent:
		// With idempotence the library decides: five in flight, as many as brokers can put in order.
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(s.inflight))
	}
	return opts
}

// producerNotConstructed is what Java's constructor makes of errors that are none of single
// settings.
func producerNotConstructed(cause error) error {
	return &java.Error{Class: "org.apache.kafka.common.KafkaException", Text: "Failed to construct kafka producer", Cause: cause}
}

// compressionCodec is the codec of a name of compression.type.
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

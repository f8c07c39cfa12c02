package clients

import (
	"strings"
	"testing"
	"time"

	"momus/cmd/internal/tool/java"
)

// TestProducerSettings has what Java's producer says of settings that do not go together, and what
// follows where they do.
func TestProducerSettings(t *testing.T) {
	for _, c := range []struct {
		props string
		err   string // Java's, with its cause; "" for none
		check func(s *producerSettings) bool
	}{
		{props: "", check: func(s *producerSettings) bool {
			return s.batch == 16384 && s.maxRequest == 1<<20 && s.memory == 32<<20 && s.inflight == 5 && s.linger == 0 && s.delivery == 2*time.Minute && !s.raised && !s.idempotent
		}},
		{props: "batch.size=100000 linger.ms=5 buffer.memory=1000000 max.request.size=70000 max.block.ms=9223372036854775807 max.in.flight.requests.per.connection=1",
			check: func(s *producerSettings) bool {
				return s.batch == 100000 && s.linger == 5*time.Millisecond && s.memory == 1000000 && s.maxRequest == 70000 && s.maxBlock == forever && s.inflight == 1
			}},
		{props: "batch.size=2147483647 max.request.size=2147483647", check: func(s *producerSettings) bool { return s.batch == mostBatch && s.maxRequest == mostBatch }},
		{props: "delivery.timeout.ms=100", err: "Failed to construct kafka producer: delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms"},
		{props: "request.timeout.ms=200000 linger.ms=1", check: func(s *producerSettings) bool { return s.raised && s.delivery == 200001*time.Millisecond }},
		{props: "request.timeout.ms=2147483647 linger.ms=9223372036854775807", check: func(s *producerSettings) bool { return s.raised && s.delivery > s.linger }},
		{props: "enable.idempotence=true retries=0", err: "Must set retries to non-zero when using the idempotent producer."},
		{props: "enable.idempotence=true acks=1", err: "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence."},
		{props: "enable.idempotence=true acks=-1", check: func(s *producerSettings) bool { return s.idempotent }},
		{props: "enable.idempotence=true max.in.flight.requests.per.connection=6",
			err: "Failed to construct kafka producer: Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer."},
		{props: "enable.idempotence=false transactional.id=x", err: "Cannot set a transactional.id without also enabling idempotence."},
		{props: "transactional.id=x", check: func(s *producerSettings) bool { return s.idempotent && s.transactional == "x" }},
		{props: "compression.type=foo", err: "Failed to construct kafka producer: Unknown compression name: foo"},
		{props: "batch.size=-1", err: "Invalid value -1 for configuration batch.size: Value must be at least 0"},
		{props: "buffer.memory=all", err: "Invalid value all for configuration buffer.memory: Not a number of type LONG"},
	} {
		props := map[string]string{}
		for _, kv := range strings.Fields(c.props) {
			k, v, _ := strings.Cut(kv, "=")
			props[k] = v
		}
		var s producerSettings
		err := s.read(&Config{Props: props})
		switch {
		case err == nil && c.err != "", err != nil && java.Describe(err) != c.err:
			t.Errorf("%s: %v, want %q", c.props, err, c.err)
		case err == nil && !c.check(&s):
			t.Errorf("%s: %+v", c.props, s)
		}
	}
}

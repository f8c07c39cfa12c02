package clients

import (
	"bytes"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/screen"
)

func TestPropertiesAreCheckedAsConfigDefDoes(t *testing.T) {
	kinds := map[string][]definition{"admin": adminDefinitions(), "producer": producerDefinitions(), "consumer": consumerDefinitions()}
	for _, c := range []struct{ kind, props, want string }{
		{"producer", "linger.ms=abc", "Invalid value abc for configuration linger.ms: Not a number of type LONG"},
		{"producer", "linger.ms=-7", "Invalid value -7 for configuration linger.ms: Value must be at least 0"},
		{"producer", "linger.ms= 5 ", ""},
		{"producer", "linger.ms=", "Invalid value  for configuration linger.ms: Not a number of type LONG"},
		{"producer", "batch.size=99999999999", "Invalid value 99999999999 for configuration batch.size: Not a number of type INT"},
		{"producer", "acks=2", "Invalid value 2 for configuration acks: String must be one of: all, -1, 0, 1"},
		{"producer", "enable.idempotence=TRUE", ""},
		{"producer", "enable.idempotence=yes", "Invalid value yes for configuration enable.idempotence: Expected value to be either true or false"},
		{"producer", "partitioner.class=my.Partitioner", "Invalid value my.Partitioner for configuration partitioner.class: Class my.Partitioner could not be found."},
		{"producer", "session.timeout.ms=abc", ""}, // not one of its settings
		{"consumer", "session.timeout.ms=abc", "Invalid value abc for configuration session.timeout.ms: Not a number of type INT"},
		{"consumer", "session.timeout.ms=-7", ""}, // the broker refuses it
		{"consumer", "max.poll.records=0", "Invalid value 0 for configuration max.poll.records: Value must be at least 1"},
		{"consumer", "send.buffer.bytes=-1", ""},
		{"consumer", "auto.offset.reset=first", "Invalid value first for configuration auto.offset.reset: String must be one of: latest, earliest, none"},
		{"admin", "default.api.timeout.ms=abc", "Invalid value abc for configuration default.api.timeout.ms: Not a number of type INT"},
		{"admin", "client.dns.lookup=x", "Invalid value x for configuration client.dns.lookup: String must be one of: default, use_all_dns_ips, resolve_canonical_bootstrap_servers_only"},
	} {
		k, v, _ := strings.Cut(c.props, "=")
		got := ""
		if err := parseProperties(kinds[c.kind], map[string]string{k: v}); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s: %s", c.kind, c.props, got)
		}
	}
}

// TestPropertiesHaveTheValuesThatConfigDefParses has words as people give them to --producer-property:
// with blanks round them, and truths in any letters.
func TestPropertiesHaveTheValuesThatConfigDefParses(t *testing.T) {
	var s producerSettings
	err := s.read(&Config{Props: map[string]string{"acks": "all ", "compression.type": " gzip\t", "enable.idempotence": " False", "sasl.mechanism": "PLAIN "}})
	if err != nil || s.acks != kgo.AllISRAcks() || s.codec != kgo.GzipCompression() || s.idempotent {
		t.Errorf("%+v, %v", s, err)
	}
	props := map[string]string{"enable.auto.commit": "FALSE ", "exclude.internal.topics": "True", "auto.offset.reset": "earliest ", "isolation.level": "read_committed ", "sasl.mechanism": "PLAIN ", "own": " kept "}
	if err := parseProperties(consumerDefinitions(), props); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"enable.auto.commit": "false", "exclude.internal.topics": "true", "auto.offset.reset": "earliest", "isolation.level": "read_committed", "sasl.mechanism": "PLAIN", "own": " kept "}
	if !maps.Equal(props, want) {
		t.Errorf("%q", props)
	}
}

func TestUnknownPropertiesAreWarnedOf(t *testing.T) {
	var errs bytes.Buffer
	c := &core.Call{Env: &core.Env{Stderr: &errs}, Out: screen.NewOutput(io.Discard)}
	warnUnknown(c, "Producer", producerDefinitions(), map[string]string{"a": "1", "linger.ms": "1", "ssl.x": "", "sasl.jaas.config": ""})
	warnUnknown(c, "Admin", adminDefinitions(), map[string]string{"linger.ms": "1", "sasl.jaas.config": "", "sasl.mechanism": ""})
	for _, want := range []string{"'a' was supplied but isn't a known config. (org.apache.kafka.clients.producer.ProducerConfig)",
		"'linger.ms' was supplied but isn't a known config. (org.apache.kafka.clients.admin.AdminClientConfig)",
		"'sasl.jaas.config' was supplied but isn't a known config. (org.apache.kafka.clients.admin.AdminClientConfig)"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in\n%s", want, errs.String())
		}
	}
	if n := strings.Count(errs.String(), "\n"); n != 3 {
		t.Errorf("%d lines\n%s", n, errs.String())
	}
}

func TestAddressesAreReadAsJavaDoes(t *testing.T) {
	for given, want := range map[string]string{
		"localhost:9092": "localhost:9092", "PLAINTEXT://h:1": "h:1", "a:1,b:2": "a:1 b:2", "a:1,": "a:1", "a:1;b:2": "b:2", ":9092": "localhost:9092",
		"[::1]:9092": "[::1]:9092", " a:1 , b:2 ": "a:1 b:2",
		"": "No resolvable bootstrap urls given in bootstrap.servers", ",": "No resolvable bootstrap urls given in bootstrap.servers",
		"localhost": "Invalid url in bootstrap.servers: localhost", "h:x": "Invalid url in bootstrap.servers: h:x", "h:99999": "Invalid port in bootstrap.servers: h:99999",
		"h:-1": "Invalid url in bootstrap.servers: h:-1",
	} {
		list, err := (&Config{Props: map[string]string{"bootstrap.servers": given}}).Bootstrap()
		got := strings.Join(list, " ")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", given, got, want)
		}
	}
}

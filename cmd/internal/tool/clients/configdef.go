package clients

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
)

// definition is one setting of a client of Kafka 2.5, as ConfigDef has it. Of settings with
// classes, lists or free text only the name counts.
type definition struct {
	name    string
	kind    kind
	least   int64    // of a number that has a least value
	bounded bool     // it has one
	choices []string // of a text that has a few values
}

// kind is what type a setting is of.
type kind int

const (
	free kind = iota
	wholeInt
	wholeLong
	truth
	class // of Java, which is not there
)

// texts are settings that take any text.
func texts(names ...string) []definition {
	var out []definition
	for _, n := range names {
		out = append(out, definition{name: n})
	}
	return out
}

// atLeast are numbers with a lower bound, which Kafka checks when it makes the client.
func atLeast(k kind, least int64, names ...string) []definition {
	var out []definition
	for _, n := range names {
		out = append(out, definition{name: n, kind: k, least: least, bounded: true})
	}
	return out
}

// ofKind are settings of a type without further limits.
func ofKind(k kind, names ...string) []definition {
	var out []definition
	for _, n := range names {
		out = append(out, definition{name: n, kind: k})
	}
	return out
}

// oneOfThese is a setting with a list of valid values.
func oneOfThese(name string, choices ...string) []definition {
	return []definition{{name: name, choices: choices}}
}

// common are the settings of every client.
func common() []definition {
	return slices.Concat(
		texts("bootstrap.servers", "client.id", "metric.reporters", "security.protocol", "security.providers"),
		oneOfThese("client.dns.lookup", "default", "use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"),
		oneOfThese("metrics.recording.level", "INFO", "DEBUG"),
		atLeast(wholeLong, 0, "metadata.max.age.ms", "reconnect.backoff.ms", "reconnect.backoff.max.ms", "retry.backoff.ms", "metrics.sample.window.ms"),
		atLeast(wholeInt, -1, "send.buffer.bytes", "receive.buffer.bytes"),
		atLeast(wholeInt, 0, "request.timeout.ms"),
		atLeast(wholeInt, 1, "metrics.num.samples"),
		ofKind(wholeLong, "connections.max.idle.ms"))
}

// adminDefinitions are the checked settings of Kafka's AdminClientConfig.
func adminDefinitions() []definition {
	return slices.Concat(common(), atLeast(wholeInt, 0, "retries", "default.api.timeout.ms"))
}

// producerDefinitions are the settings of Kafka 2.5's ProducerConfig that are checked before a
// client is made; what is not among them is warned of as unknown.
func producerDefinitions() []definition {
	return slices.Concat(common(),
		texts("key.serializer", "value.serializer", "interceptor.classes", "compression.type", "transactional.id"),
		atLeast(wholeInt, 0, "batch.size", "retries", "delivery.timeout.ms", "max.request.size"),
		atLeast(wholeLong, 0, "buffer.memory", "linger.ms", "max.block.ms"),
		oneOfThese("acks", "all", "-1", "0", "1"),
		atLeast(wholeInt, 1, "max.in.flight.requests.per.connection"),
		ofKind(truth, "enable.idempotence"), ofKind(wholeInt, "transaction.timeout.ms"),
		ofKind(class, "partitioner.class"), atLeast(wholeLong, 5000, "metadata.max.idle.ms"))
}

// consumerDefinitions are those of its ConsumerConfig.
func consumerDefinitions() []definition {
	return slices.Concat(common(),
		texts("key.deserializer", "value.deserializer", "interceptor.classes", "group.id", "group.instance.id", "client.rack", "partition.assignment.strategy"),
		oneOfThese("auto.offset.reset", "latest", "earliest", "none"), oneOfThese("isolation.level", "read_committed", "read_uncommitted"),
		ofKind(truth, "enable.auto.commit", "check.crcs", "exclude.internal.topics", "internal.leave.group.on.close", "allow.auto.create.topics"),
		atLeast(wholeInt, 0, "auto.commit.interval.ms", "max.partition.fetch.bytes", "fetch.min.bytes", "fetch.max.bytes", "fetch.max.wait.ms", "default.api.timeout.ms"),
		ofKind(wholeInt, "session.timeout.ms", "heartbeat.interval.ms"),
		atLeast(wholeInt, 1, "max.poll.records", "max.poll.interval.ms"))
}

// check parses a value as ConfigDef does; the error is Java's.
func (d *definition) check(value string) error {
	bad := func(reason string) error {
		return ConfigError("Invalid value %s for configuration %s: %s", value, d.name, reason)
	}
	trimmed := strings.TrimSpace(value)
	switch d.kind {
	case wholeInt, wholeLong:
		bits, name := 32, "INT"
		if d.kind == wholeLong {
			bits, name = 64, "LONG"
		}
		// The type comes before the limits: ConfigDef parses a value and asks its validator then.
		n, err := strconv.ParseInt(trimmed, 10, bits)
		if err != nil {
			return bad("Not a number of type " + name)
		}
		if d.bounded && n < d.least {
			return bad("Value must be at least " + strconv.FormatInt(d.least, 10))
		}
	case truth:
		if !strings.EqualFold(trimmed, "true") && !strings.EqualFold(trimmed, "false") {
			return bad("Expected value to be either true or false")
		}
	case class:
		return bad("Class " + trimmed + " could not be found.")
	}
	if len(d.choices) > 0 && !slices.Contains(d.choices, trimmed) {
		return bad("String must be one of: " + strings.Join(d.choices, ", "))
	}
	return nil
}

// parseProperties checks what a client was given, and puts what ConfigDef.parseType makes of it in its
// place: --producer-property "acks=all " keeps its blank, and is all only after this. It goes in the
// order of the names, where Java goes in that of its hash table, so that the same one of several
// mistakes is told each time.
func parseProperties(definitions []definition, props map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(props)) {
		i := slices.IndexFunc(definitions, func(d definition) bool { return d.name == k })
		switch {
		case i >= 0:
			if err := definitions[i].check(props[k]); err != nil {
				return err
			}
			if props[k] = strings.TrimSpace(props[k]); definitions[i].kind == truth {
				props[k] = strings.ToLower(props[k])
			}
		case isSecurity(k):
			props[k] = strings.TrimSpace(props[k])
		}
	}
	return nil
}

// isSecurity reports whether a key is one of SslConfigs or SaslConfigs, which every client has.
func isSecurity(key string) bool {
	return strings.HasPrefix(key, "ssl.") || strings.HasPrefix(key, "sasl.")
}

// checkClasses refuses classes of Java, which Kafka's clients would load when they are made.
func checkClasses(client string, props map[string]string) error {
	if names := strings.TrimSpace(props["interceptor.classes"]); names != "" {
		return &java.Error{Class: "org.apache.kafka.common.KafkaException", Text: "Failed to construct kafka " + client,
			Cause: ConfigError("Invalid value %s for configuration interceptor.classes: this client runs no classes of Java", names)}
	}
	return nil
}

// warnUnknown warns of settings that a client does not know, as Java's do when they are made; kind
// is Admin, Producer or Consumer. sasl.jaas.config is one of them to the admin client, although it
// counts.
func warnUnknown(c *core.Call, kind string, definitions []definition, props map[string]string) {
	logger := "org.apache.kafka.clients." + strings.ToLower(kind) + "." + kind + "Config"
	if kind == "Admin" { // its package is not in the class's name
		logger = "org.apache.kafka.clients.admin.AdminClientConfig"
	}
	for _, k := range slices.Sorted(maps.Keys(props)) {
		known := slices.ContainsFunc(definitions, func(d definition) bool { return d.name == k })
		if known || isSecurity(k) && (k != "sasl.jaas.config" || kind != "Admin") {
			continue
		}
		c.Log("WARN", logger, "The configuration '%s' was supplied but isn't a known config.", k)
	}
}

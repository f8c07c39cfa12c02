package clients

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
)

// adminConfigs are the settings that Kafka 2.5's admin client knows and uses, but for those of TLS and SASL.
func adminConfigs() []string {
	return []string{"bootstrap.servers", "client.dns.lookup", "client.id", "connections.max.idle.ms", "default.api.timeout.ms", "metadata.max.age.ms",
		"metric.reporters", "metrics.num.samples", "metrics.recording.level", "metrics.sample.window.ms", "receive.buffer.bytes", "reconnect.backoff.max.ms",
		"reconnect.backoff.ms", "request.timeout.ms", "retries", "retry.backoff.ms", "security.protocol", "security.providers", "send.buffer.bytes"}
}

// warnUnused warns of settings that the admin client does not use. sasl.jaas.config is one of them in Kafka 2.5, although it counts.
func warnUnused(c *core.Call, props map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(props)) {
		if slices.Contains(adminConfigs(), k) || k != "sasl.jaas.config" && (strings.HasPrefix(k, "ssl.") || strings.HasPrefix(k, "sasl.")) {
			continue
		}
		c.Log("WARN", "org.apache.kafka.clients.admin.AdminClientConfig", "The configuration '%s' was supplied but isn't a known config.", k)
	}
}

// unsupported gives the error of a broker that does not know an API its class and text in Java; others stay as they are.
func unsupported(err error, req kmsg.Request) error {
	if err == nil || !strings.HasPrefix(err.Error(), "broker is too old") && !strings.HasPrefix(err.Error(), "request key is unknown") {
		return err
	}
	name := ""
	if known := KnownAPIs(); int(req.Key()) < len(known) {
		name = known[req.Key()].Name
	}
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return &java.Error{Class: java.ErrorsPackage + "UnsupportedVersionException", Text: "The broker does not support " + b.String()}
}

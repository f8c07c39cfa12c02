package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"momus/internal/model"
)

// bitnamiAliases are the KAFKA_ variables that older Bitnami images took without CFG, with the
// variable they stand for now where it has another name.
var bitnamiAliases = [...][2]string{
	{"ADVERTISED_LISTENERS"}, {"BROKER_ID"}, {"DEFAULT_REPLICATION_FACTOR"}, {"DELETE_TOPIC_ENABLE"}, {"INTER_BROKER_LISTENER_NAME"}, {"LISTENERS"},
	{"LISTENER_SECURITY_PROTOCOL_MAP"}, {"LOG_DIRS"}, {"LOG_FLUSH_INTERVAL_MESSAGES"}, {"LOG_FLUSH_INTERVAL_MS"}, {"LOG_MESSAGE_FORMAT_VERSION"},
	{"LOG_RETENTION_BYTES"}, {"LOG_RETENTION_CHECK_INTERVALS_MS", "LOG_RETENTION_CHECK_INTERVAL_MS"}, {"LOG_RETENTION_HOURS"}, {"LOG_SEGMENT_BYTES"},
	{"MESSAGE_MAX_BYTES"}, {"NUM_IO_THREADS"}, {"NUM_NETWORK_THREADS"}, {"NUM_PARTITIONS"}, {"NUM_RECOVERY_THREADS_PER_DATA_DIR"},
	{"OFFSETS_TOPIC_REPLICATION_FACTOR"}, {"SOCKET_RECEIVE_BUFFER_BYTES"}, {"SOCKET_REQUEST_MAX_BYTES"}, {"SOCKET_SEND_BUFFER_BYTES"},
	{"SSL_ENDPOINT_IDENTIFICATION_ALGORITHM"}, {"TRANSACTION_STATE_LOG_MIN_ISR"}, {"TRANSACTION_STATE_LOG_REPLICATION_FACTOR"},
	{"ZOOKEEPER_CONNECT"}, {"ZOOKEEPER_CONNECTION_TIMEOUT_MS"},
	{"LOGS_DIRS", "LOG_DIRS"}, {"SEGMENT_BYTES", "LOG_SEGMENT_BYTES"}, {"MAX_MESSAGE_BYTES", "MESSAGE_MAX_BYTES"},
	{"ZOOKEEPER_CONNECT_TIMEOUT_MS", "ZOOKEEPER_CONNECTION_TIMEOUT_MS"}, {"AUTO_CREATE_TOPICS_ENABLE"},
}

// bitnamiFiles are where users of the image mount their own server.properties; it then takes no
// settings from the environment.
var bitnamiFiles = [...]string{"/bitnami/kafka/config/server.properties", "/bitnami/kafka/conf/server.properties",
	"/opt/bitnami/kafka/conf/server.properties", "/opt/bitnami/kafka/config/server.properties"}

// bitnami reads the variables as bitnami/kafka does.
func (r *envReader) bitnami() {
	v := r.vars
	// In order, so that of two names of one key it is always the same one that wins.
	for _, name := range r.sortedVars() {
		if rest, ok := strings.CutPrefix(name, "KAFKA_CFG_"); ok && rest != "" {
			r.set(plainKey(rest), v[name], name)
		}
	}
	// The image's script writes an older name over the one with CFG that was given beside it.
	for _, a := range bitnamiAliases {
		if value, ok := v["KAFKA_"+a[0]]; ok {
			r.set(plainKey(cmp.Or(a[1], a[0])), value, "KAFKA_"+a[0])
		}
	}
	if command := v["BROKER_ID_COMMAND"]; command != "" {
		r.setOutput("broker.id", "BROKER_ID_COMMAND", command)
	}
	// Without listeners of the user's the image advertises what it opens.
	_, own := r.settings["listeners"]
	r.preset("listeners", "PLAINTEXT://:9092")
	if !own {
		r.preset("advertised.listeners", "PLAINTEXT://:9092")
	}
	r.preset("auto.create.topics.enable", "true")
	r.presetData("/bitnami/kafka/data")
	r.preset("zookeeper.connect", "localhost:2181")
	if _, ok := r.settings["broker.id"]; !ok {
		r.preset("broker.id", "-1")
	}
	r.bitnamiSecurity()
	r.presetStock()
	r.extraFlags()
}

// extraFlags reads KAFKA_EXTRA_FLAGS, which the image's run.sh appends to the broker's command
// line.
func (r *envReader) extraFlags() {
	words, err := commandWords(r.vars["KAFKA_EXTRA_FLAGS"])
	if err != nil {
		r.fail("KAFKA_EXTRA_FLAGS", err.Error())
		return
	}
	for i := 0; i < len(words); i++ {
		value, joined := strings.CutPrefix(words[i], "--override=")
		if !joined {
			if words[i] != "--override" || i+1 == len(words) {
				r.warn("KAFKA_EXTRA_FLAGS", fmt.Sprintf("%q is not understood; write --override key=value", words[i]))
				continue
			}
			i++
			value = words[i]
		}
		k, v, ok := strings.Cut(value, "=")
		if !ok || k == "" {
			r.fail("KAFKA_EXTRA_FLAGS", fmt.Sprintf("--override %s is not key=value", value))
			continue
		}
		r.set(k, v, "KAFKA_EXTRA_FLAGS")
	}
}

func yes(s string) bool {
	return s == "1" || strings.EqualFold(s, "yes") || strings.EqualFold(s, "true")
}

// bitnamiSecurity applies the image's two special listener names and its refusal to open an
// unprotected listener unasked.
func (r *envReader) bitnamiSecurity() {
	v := r.vars
	listeners := r.settings["listeners"].Value
	protocols, _ := parseProtocolMap(r.settings["listener.security.protocol.map"].Value)
	secure := strings.Contains(listeners, "SSL") || strings.Contains(listeners, "SASL")
	for _, p := range protocols {
		secure = secure || p != model.Plaintext
	}
	if !secure && !yes(v["ALLOW_PLAINTEXT_LISTENER"]) && !r.hasFile {
		r.fail("ALLOW_PLAINTEXT_LISTENER", fmt.Sprintf("not set to yes, and no listener in %q is secured; like bitnami/kafka this refuses to start. "+
			"Set ALLOW_PLAINTEXT_LISTENER=yes for development, or use SASL_SSL listeners", listeners))
	}
	// Kafka refuses both together.
	if _, ok := r.settings["inter.broker.listener.name"]; ok {
		delete(r.settings, "security.inter.broker.protocol")
	}
	sasl, ssl := false, false
	for _, name := range []string{"INTERNAL", "CLIENT"} {
		p, ok := protocols[name]
		if !ok {
			continue
		}
		ssl = ssl || p == model.SSL || p == model.SASLSSL
		if p == model.SASLPlaintext || p == model.SASLSSL {
			sasl = true
			r.preset("listener.name."+strings.ToLower(name)+".plain.sasl.jaas.config", r.plainLogin())
			if name == "INTERNAL" {
				r.preset("sasl.mechanism.inter.broker.protocol", "PLAIN")
			}
		}
	}
	if sasl {
		r.preset("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512")
	}
	if ssl {
		r.preset("ssl.keystore.location", "/opt/bitnami/kafka/config/certs/kafka.keystore.jks")
		r.preset("ssl.truststore.location", "/opt/bitnami/kafka/config/certs/kafka.truststore.jks")
		// One password for both stores and the key.
		for _, k := range []string{"ssl.keystore.password", "ssl.truststore.password", "ssl.key.password"} {
			if p, ok := v["KAFKA_CERTIFICATE_PASSWORD"]; ok {
				r.preset(k, p)
			}
		}
		r.preset("ssl.client.auth", "required")
	}
}

// plainLogin is the JAAS entry of the users that the image makes.
func (r *envReader) plainLogin() string {
	value := func(name, fallback string) string {
		if s, ok := r.vars[name]; ok {
			return s
		}
		return fallback
	}
	users := splitList(value("KAFKA_CLIENT_USERS", value("KAFKA_CLIENT_USER", "user")))
	passwords := splitList(value("KAFKA_CLIENT_PASSWORDS", value("KAFKA_CLIENT_PASSWORD", "bitnami")))
	inter := value("KAFKA_INTER_BROKER_USER", "admin")
	interPassword := value("KAFKA_INTER_BROKER_PASSWORD", "bitnami")
	// The user of the brokers must be among those whom the listener lets in.
	if !slices.Contains(users, inter) {
		users, passwords = append(users, inter), append(slices.Clip(passwords[:min(len(passwords), len(users))]), interPassword)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "org.apache.kafka.common.security.plain.PlainLoginModule required username=%s password=%s", strconv.Quote(inter), strconv.Quote(interPassword))
	for i, u := range users {
		if i < len(passwords) {
			fmt.Fprintf(&b, " user_%s=%s", u, strconv.Quote(passwords[i]))
		}
	}
	b.WriteByte(';')
	return b.String()
}

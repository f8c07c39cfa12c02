package complete

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/configs"
	"momus/coordinator/zk"
)

// candidates are the values that an option may have.
func (x *completer) candidates(name string) []Candidate {
	if fixed, ok := fixedValues()[name]; ok {
		return words(fixed...)
	}
	switch name {
	case "topic", "topic-list", "whitelist", "topic-white-list", "input-topics", "intermediate-topics":
		return x.topics()
	case "group", "group-id", "application-id":
		return x.groups()
	case "broker", "broker-logger":
		return x.brokers()
	case "broker-list":
		if x.values[name]&core.ValueBrokerIDs != 0 {
			return x.brokers()
		}
		return words("localhost:9092")
	case "partition":
		return x.partitions()
	case "entity-name":
		switch kind := x.last("entity-type"); kind {
		case "topics":
			return x.topics()
		case "brokers", "broker-loggers":
			return x.brokers()
		}
	case "config", "add-config":
		return x.keys(true)
	case "delete-config":
		return x.keys(false)
	}
	return nil
}

// fixedValues are those of options that have a few.
func fixedValues() map[string][]string {
	servers := []string{"localhost:9092"}
	return map[string][]string{
		"bootstrap-server": servers, "bootstrap-servers": servers, "zookeeper": {"localhost:2181"}, "producer-props": {"bootstrap.servers=localhost:9092", "acks=", "batch.size=", "compression.type=", "linger.ms="},
		"entity-type":           {"topics", "brokers", "broker-loggers", "users", "clients"},
		"compression-codec":     {"none", "gzip", "snappy", "lz4", "zstd"},
		"isolation-level":       {"read_committed", "read_uncommitted"},
		"election-type":         {"preferred", "unclean"},
		"offset":                {"earliest", "latest"},
		"acks":                  {"0", "1", "-1"},
		"throughput":            {"-1"},
		"request-required-acks": {"0", "1", "all"},
		"resource-pattern-type": {"literal", "prefixed", "any", "match"},
		"operation":             {"Read", "Write", "Create", "Delete", "Alter", "Describe", "ClusterAction", "AlterConfigs", "DescribeConfigs", "IdempotentWrite", "All"},
		"time":                  {"-1", "-2"},
		"formatter": {"kafka.tools.DefaultMessageFormatter", "kafka.tools.LoggingMessageFormatter", "kafka.tools.NoOpMessageFormatter", "kafka.tools.ChecksumMessageFormatter",
			"kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter", "kafka.coordinator.group.GroupMetadataManager$GroupMetadataMessageFormatter",
			"kafka.coordinator.transaction.TransactionLog$TransactionLogMessageFormatter"},
		"property": {"print.timestamp=true", "print.key=true", "print.value=true", "print.partition=true", "key.separator=", "line.separator=", "parse.key=true", "ignore.error=true"},
	}
}

// admin is a client for the cluster that the line names; nil when its settings are wrong.
func (x *completer) admin() *clients.Admin {
	// The options under which the tools take the properties of their clients; the last one on the
	// line counts.
	file := ""
	for _, name := range []string{"command-config", "admin.config", "consumer.config", "producer.config", "config-file"} {
		if v := x.last(name); v != "" {
			file = v
		}
	}
	props, err := core.ReadProperties(file)
	if err != nil {
		return nil
	}
	// Without a colon the address is still being typed.
	for _, name := range []string{"broker-list", "bootstrap-servers", "bootstrap-server"} {
		if v := x.last(name); strings.Contains(v, ":") {
			props["bootstrap.servers"] = v
		}
	}
	for _, w := range x.args { // of --producer-props
		if v, ok := strings.CutPrefix(w, "bootstrap.servers="); ok {
			props["bootstrap.servers"] = v
		}
	}
	// As somebody who has just started a broker here would want it.
	if props["bootstrap.servers"] == "" {
		props["bootstrap.servers"] = "localhost:9092"
	}
	// A shell waits for the answer, key by key.
	props["default.api.timeout.ms"] = strconv.FormatInt(completionTime.Milliseconds(), 10)
	a, err := clients.NewAdmin(x.c, props)
	if err != nil {
		return nil
	}
	return a
}

// ask runs a question to the cluster; what goes wrong is nobody's business here.
func (x *completer) ask(question func(a *clients.Admin) []Candidate) []Candidate {
	a := x.admin()
	if a == nil {
		return nil
	}
	defer a.Close()
	return question(a)
}

// topics lists topics from ZooKeeper or the brokers, as the line so far says. Whatever goes wrong
// is no candidates: a shell shows no errors while one types.
func (x *completer) topics() []Candidate {
	if connect := x.last("zookeeper"); connect != "" && x.last("bootstrap-server") == "" {
		client, err := zk.Dial(x.ctx, zk.Options{Connect: connect, SessionTimeout: 10 * time.Second, ConnectTimeout: completionTime, MaxInFlight: 1})
		if err != nil {
			return nil
		}
		defer client.Close()
		names, err := client.Topics(x.ctx)
		if err != nil {
			return nil
		}
		return words(names...)
	}
	return x.ask(func(a *clients.Admin) []Candidate {
		resp, err := a.Metadata(x.ctx, "listTopics", nil)
		if err != nil {
			return nil
		}
		var out []Candidate
		for _, t := range resp.Topics {
			out = append(out, Candidate{core.StringOf(t.Topic), core.Plural(len(t.Partitions), "partition")})
		}
		return out
	})
}

// groups are the names of all groups, of consumers and of others.
func (x *completer) groups() []Candidate {
	return x.ask(func(a *clients.Admin) []Candidate {
		// Groups of brokers that answer are better than none.
		names, _ := a.ListGroups(x.ctx)
		return words(names...)
	})
}

// brokers lists ids, with addresses as help.
func (x *completer) brokers() []Candidate {
	return x.ask(func(a *clients.Admin) []Candidate {
		resp, err := a.Metadata(x.ctx, "listNodes", []string{})
		if err != nil {
			return nil
		}
		var out []Candidate
		for _, b := range resp.Brokers {
			out = append(out, Candidate{core.Itoa(int64(b.NodeID)), b.Host + ":" + core.Itoa(int64(b.Port))})
		}
		return out
	})
}

// partitions lists those of the topic that the line names before.
func (x *completer) partitions() []Candidate {
	topic := x.last("topic")
	if topic == "" {
		return nil
	}
	return x.ask(func(a *clients.Admin) []Candidate {
		ids, _ := a.PartitionsOf(x.ctx, topic)
		var out []Candidate
		for _, id := range ids {
			out = append(out, Candidate{Word: core.Itoa(int64(id))})
		}
		return out
	})
}

// entity is what --config, --add-config and --delete-config are about: a type of kafka-configs and
// a name.
func (x *completer) entity() (kind, name string) {
	if kind = x.last("entity-type"); kind != "" {
		return kind, x.last("entity-name")
	}
	for _, e := range []struct{ option, kind string }{{"broker", "brokers"}, {"broker-logger", "broker-loggers"}, {"user", "users"}, {"client", "clients"}, {"topic", "topics"}} {
		if name := x.last(e.option); name != "" {
			return e.kind, name
		}
	}
	if slices.Contains(x.args, "--broker-defaults") {
		return "brokers", ""
	}
	return "topics", ""
}

// keys are the configs that can be set (as key=), or those that are set. The cluster knows them
// best; without it they are Kafka 2.5's.
func (x *completer) keys(set bool) []Candidate {
	kind, name := x.entity()
	out := x.ask(func(a *clients.Admin) []Candidate {
		// The defaults of all brokers may be set before any is: one broker knows which keys there
		// are.
		if kind == "brokers" && name == "" {
			ids := x.brokers()
			if len(ids) == 0 {
				return nil
			}
			name = ids[0].Word
		}
		if kind != "topics" && kind != "brokers" && kind != "broker-loggers" || name == "" {
			return nil
		}
		entries, err := a.DescribeConfigs(x.ctx, kind, name)
		if err != nil {
			return nil
		}
		var out []Candidate
		for _, e := range entries {
			if !e.ReadOnly && (set || clients.IsDynamic(kind, name, e)) {
				out = append(out, Candidate{e.Name, core.StringOf(e.Value)})
			}
		}
		return out
	})
	// No cluster to ask, or one that does not allow it.
	if len(out) == 0 && set {
		out = knownKeys(kind)
	}
	if set {
		for i := range out {
			out[i].Word += "="
		}
	}
	return out
}

// knownKeys are the configs of a type of entity in Kafka 2.5.
func knownKeys(kind string) []Candidate {
	var keys []configs.Key
	switch kind {
	case "topics":
		keys = configs.TopicKeys()
	case "brokers":
		keys = slices.DeleteFunc(slices.Clone(configs.BrokerKeys()), func(k configs.Key) bool { return k.Update == configs.ReadOnly })
	case "users", "clients":
		// Quotas (KIP-13, KIP-124), and for users also the passwords of SCRAM (KIP-84).
		out := words("producer_byte_rate", "consumer_byte_rate", "request_percentage")
		if kind == "users" {
			out = append(out, words("SCRAM-SHA-256", "SCRAM-SHA-512")...)
		}
		return out
	}
	var out []Candidate
	for _, k := range keys {
		out = append(out, Candidate{Word: k.Name})
	}
	return out
}

package tool

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"momus/configs"
	"momus/coordinator/zk"
)

// Candidate is a word that may come next on a command line.
type Candidate struct{ Word, Help string }

// Completion is what may stand where the cursor is.
type Completion struct {
	Words []Candidate
	Files bool // names of files, which the shell knows best
}

// completionTime is how long a broker or ZooKeeper may take to answer while somebody waits for the list.
const completionTime = time.Second

// optionInfo is an option as completion sees it.
type optionInfo struct {
	name, help string // the name without dashes
	value      bool   // it takes a value
	optional   bool   // the value may be missing
	fallback   string // the default value
	many       bool   // it takes values up to the next option
	choices    []string
}

// optionTable is the options of a tool, in either style.
type optionTable interface{ infos() []optionInfo }

func (o *options) infos() []optionInfo {
	var out []optionInfo
	for _, p := range o.list {
		out = append(out, optionInfo{name: p.name, help: p.help, value: p.arg != "", optional: p.optional, fallback: p.fallback})
	}
	return out
}

func (a *argparse) infos() []optionInfo {
	var out []optionInfo
	for _, x := range a.list {
		out = append(out, optionInfo{name: strings.TrimPrefix(x.name, "--"), help: x.help, value: !x.flag, many: x.many, choices: x.choices})
	}
	return out
}

// tableOf is how a tool registers its options.
func tableOf[T optionTable](f func() T) func() optionTable { return func() optionTable { return f() } }

// Values says what the values of an option are: a set of the constants.
type Values int

const (
	valueList      Values = 1 << iota // separated by commas
	valueBrokerIDs                    // ids of brokers
)

// Complete lists what may stand in place of word, the beginning of a word, after args. Names of topics, groups, brokers and configs
// are asked of the cluster that the line names, of localhost:9092 when it names none; a cluster that does not answer has none.
func Complete(ctx context.Context, t Tool, getenv func(string) string, args []string, word string) Completion {
	if t.Name == "kafka-run-class" {
		return completeClass(ctx, getenv, args, word)
	}
	return completeOptions(ctx, t, getenv, args, word)
}

// completeOptions completes the words of a tool.
func completeOptions(ctx context.Context, t Tool, getenv func(string) string, args []string, word string) Completion {
	if t.Options == nil {
		return Completion{Files: true}
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	x := &completer{ctx: ctx, values: t.Values, infos: t.Options().infos(), args: args,
		c: &call{Env: &Env{Stdout: io.Discard, Stderr: io.Discard, Getenv: getenv}, out: newOutput(io.Discard)}}
	return x.complete(word)
}

func completeClass(ctx context.Context, getenv func(string) string, args []string, word string) Completion {
	if len(args) > 0 {
		if t, ok := toolOf(args[0]); ok {
			return completeOptions(ctx, t, getenv, args[1:], word)
		}
		return Completion{Files: true}
	}
	var out []Candidate
	for _, t := range Tools() {
		if t.Class != "" {
			out = append(out, Candidate{t.Class, t.Name})
		}
	}
	return Completion{Words: matching(out, word)}
}

// completer completes one line of one tool.
type completer struct {
	ctx    context.Context
	values map[string]Values // of options whose names do not say it
	infos  []optionInfo
	args   []string
	c      *call
}

func (x *completer) option(word string) *optionInfo {
	name := strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
	if name == word {
		return nil
	}
	for i := range x.infos {
		if x.infos[i].name == name {
			return &x.infos[i]
		}
	}
	return nil
}

// open is the option whose value the next word is, if any.
func (x *completer) open() *optionInfo {
	var last *optionInfo
	for i := 0; i < len(x.args); i++ {
		p := x.option(x.args[i])
		if p == nil {
			if last != nil && !last.many {
				last = nil
			}
			continue
		}
		if last = nil; p.value {
			last = p
			if !p.many && i+1 < len(x.args) { // its value, whatever it looks like
				last = nil
				i++
			}
		}
	}
	return last
}

func (x *completer) complete(word string) Completion {
	if p := x.open(); p != nil && (!p.many || !strings.HasPrefix(word, "-")) {
		return x.value(p, word)
	}
	if name, value, ok := strings.Cut(word, "="); ok {
		p := x.option(name)
		if p == nil || !p.value {
			return Completion{}
		}
		out := x.value(p, value)
		for i := range out.Words {
			out.Words[i].Word = name + "=" + out.Words[i].Word
		}
		out.Files = false // shells complete whole words
		return out
	}
	var out []Candidate
	for _, p := range x.infos {
		if !slices.Contains(x.args, "--"+p.name) || repeatable(p.name) {
			out = append(out, Candidate{"--" + p.name, p.help})
		}
	}
	return Completion{Words: matching(out, word)}
}

func repeatable(name string) bool {
	return slices.Contains([]string{"topic", "group", "config", "delete-config", "property", "producer-property", "consumer-property", "entity-type", "entity-name",
		"entity-default", "operation", "allow-principal", "deny-principal", "allow-host", "deny-host", "principal", "owner-principal", "renewer-principal"}, name)
}

func matching(all []Candidate, prefix string) []Candidate {
	var out []Candidate
	for _, c := range all {
		if strings.HasPrefix(c.Word, prefix) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Candidate) int { return strings.Compare(a.Word, b.Word) })
	return out
}

func words(list ...string) []Candidate {
	var out []Candidate
	for _, w := range list {
		out = append(out, Candidate{Word: w})
	}
	return out
}

// value completes the value of an option.
func (x *completer) value(p *optionInfo, word string) Completion {
	if p.choices != nil {
		return Completion{Words: matching(words(p.choices...), word)}
	}
	if isFileOption(p.name) {
		return Completion{Files: true}
	}
	done, last := "", word // a list keeps what stands before its last comma
	if x.values[p.name]&valueList != 0 || isListOption(p.name) {
		if i := strings.LastIndexByte(word, ','); i >= 0 {
			done, last = word[:i+1], word[i+1:]
		}
	}
	out := matching(x.candidates(p.name), last)
	for i := range out {
		out[i].Word = done + out[i].Word
	}
	return Completion{Words: out}
}

func isFileOption(name string) bool {
	return strings.HasSuffix(name, ".config") || strings.HasSuffix(name, "-file") || strings.HasSuffix(name, "-config-file") || slices.Contains([]string{"command-config", "files", "config-file"}, name)
}

func isListOption(name string) bool {
	return slices.Contains([]string{"topic-list", "broker-list", "add-config", "delete-config", "input-topics", "intermediate-topics"}, name)
}

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
		if x.values[name]&valueBrokerIDs != 0 {
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
	case "config":
		return x.keys(true)
	case "add-config":
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

// last is the last value that was given for an option, "" for none.
func (x *completer) last(name string) string {
	value := ""
	for i, w := range x.args {
		if v, ok := strings.CutPrefix(w, "--"+name+"="); ok {
			value = v
		} else if w == "--"+name && i+1 < len(x.args) {
			value = x.args[i+1]
		}
	}
	return value
}

// admin is a client for the cluster that the line names; nil when its settings are wrong.
func (x *completer) admin() *adminClient {
	file := ""
	for _, name := range []string{"command-config", "admin.config", "consumer.config", "producer.config", "config-file"} {
		if v := x.last(name); v != "" {
			file = v
		}
	}
	props, err := readProperties(file)
	if err != nil {
		return nil
	}
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
	if props["bootstrap.servers"] == "" {
		props["bootstrap.servers"] = "localhost:9092"
	}
	props["default.api.timeout.ms"] = strconv.FormatInt(completionTime.Milliseconds(), 10)
	a, err := x.c.newAdmin(props)
	if err != nil {
		return nil
	}
	return a
}

// ask runs a question to the cluster; what goes wrong is nobody's business here.
func (x *completer) ask(question func(a *adminClient) []Candidate) []Candidate {
	a := x.admin()
	if a == nil {
		return nil
	}
	defer a.Close()
	return question(a)
}

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
	return x.ask(func(a *adminClient) []Candidate {
		resp, err := a.metadata(x.ctx, "listTopics", nil)
		if err != nil {
			return nil
		}
		var out []Candidate
		for _, t := range resp.Topics {
			out = append(out, Candidate{stringOf(t.Topic), plural(len(t.Partitions), "partition")})
		}
		return out
	})
}

func (x *completer) groups() []Candidate {
	return x.ask(func(a *adminClient) []Candidate {
		names, _ := a.listGroups(x.ctx)
		return words(names...)
	})
}

func (x *completer) brokers() []Candidate {
	return x.ask(func(a *adminClient) []Candidate {
		resp, err := a.metadata(x.ctx, "listNodes", []string{})
		if err != nil {
			return nil
		}
		var out []Candidate
		for _, b := range resp.Brokers {
			out = append(out, Candidate{itoa(int64(b.NodeID)), b.Host + ":" + itoa(int64(b.Port))})
		}
		return out
	})
}

func (x *completer) partitions() []Candidate {
	topic := x.last("topic")
	if topic == "" {
		return nil
	}
	return x.ask(func(a *adminClient) []Candidate {
		ids, _ := a.partitionsOf(x.ctx, topic)
		var out []Candidate
		for _, id := range ids {
			out = append(out, Candidate{Word: itoa(int64(id))})
		}
		return out
	})
}

// entity is what --config, --add-config and --delete-config are about: a type of kafka-configs and a name.
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

// keys are the configs that can be set (as key=), or those that are set. The cluster knows them best; without it they are Kafka 2.5's.
func (x *completer) keys(set bool) []Candidate {
	kind, name := x.entity()
	out := x.ask(func(a *adminClient) []Candidate {
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
		entries, err := a.describeConfigs(x.ctx, kind, name)
		if err != nil {
			return nil
		}
		var out []Candidate
		for _, e := range entries {
			if !e.ReadOnly && (set || isDynamic(kind, name, e)) {
				out = append(out, Candidate{e.Name, stringOf(e.Value)})
			}
		}
		return out
	})
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

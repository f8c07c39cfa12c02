package configs

import (
	"cmp"
	"maps"
	"slices"

	"momus/internal/model"
)

// Source is the level a value comes from, with the numbers of DescribeConfigs.
type Source int8

// The sources.
const (
	// The numbers of ConfigSource in DescribeConfigs (KIP-226); 6 is KIP-412.
	SourceTopic          Source = 1
	SourceDynamicBroker  Source = 2
	SourceDynamicDefault Source = 3
	SourceStatic         Source = 4
	SourceDefault        Source = 5
	SourceLogger         Source = 6
)

// Synonym is one of the values that a key could have, in the order of precedence.
type Synonym struct {
	Name   string
	Value  *string // nil when sensitive
	Source Source
}

// Entry is a key's effective value as DescribeConfigs shows it.
type Entry struct {
	Name      string
	Value     *string // nil: none, or sensitive
	Source    Source
	Sensitive bool
	ReadOnly  bool
	Synonyms  []Synonym
}

// families of keys of which the first that is set wins, strongest first.
var families = [...][]string{
	{"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
	{"log.roll.ms", "log.roll.hours"},
	{"log.roll.jitter.ms", "log.roll.jitter.hours"},
}

// synonyms lists the names that can supply the value of a broker key.
func synonyms(name string) []string {
	for _, f := range families {
		if slices.Contains(f, name) {
			return f
		}
	}
	if name == "log.flush.interval.ms" {
		return []string{name, "log.flush.scheduler.interval.ms"}
	}
	if base, ok := baseKey(name); ok {
		return []string{name, base}
	}
	return []string{name}
}

// synonymsOf lists the values of a broker key at all levels, strongest first; what precedes the
// name itself is dropped.
func (c *Config) synonymsOf(s *snapshot, name string, sensitive bool) []Synonym {
	var out []Synonym
	add := func(n, value string, source Source) {
		y := Synonym{Name: n, Source: source}
		if !sensitive {
			y.Value = &value
		}
		out = append(out, y)
	}
	// Each level is searched for all names: a key of the family that is set nearer wins over a
	// stronger name farther off.
	all := synonyms(name)
	for _, level := range []struct {
		source Source
		values map[string]string
	}{{SourceDynamicBroker, s.dynamicBroker}, {SourceDynamicDefault, s.dynamicDefault}} {
		for _, n := range all {
			if v, ok := level.values[n]; ok {
				add(n, v, level.source)
			}
		}
	}
	for _, n := range all {
		if v, ok := c.static[n]; ok {
			add(n, v.Value, SourceStatic)
		}
	}
	for _, n := range all {
		if k, ok := BrokerKey(n); ok && k.HasDefault && !k.DynamicOnly {
			add(n, k.Default, SourceDefault)
		}
	}
	// A stronger name of the family that is set stands before it in Kafka's list, and is cut off.
	for i := range out {
		if out[i].Name == name {
			return out[i:]
		}
	}
	return nil
}

func source(synonyms []Synonym) Source {
	if len(synonyms) == 0 {
		return SourceDefault
	}
	return synonyms[0].Source
}

// brokerEntry describes one key; ok is false when neither the table nor a source knows it. As in
// Kafka 2.5 what is not a key of KafkaConfig, such as leader.replication.throttled.rate, is shown
// as sensitive.
func (c *Config) brokerEntry(s *snapshot, name string) (Entry, bool) {
	base, _ := baseKey(name)
	k, known := BrokerKey(base)
	set, given := s.values[name]
	// What was set is shown although nobody knows it, since plugins have keys of their own.
	if !given && (!known || base != name || k.DynamicOnly) {
		return Entry{}, false
	}
	e := Entry{Name: name, Sensitive: !known || k.Sensitive() || k.DynamicOnly, ReadOnly: !known || base != name || k.Update == ReadOnly || k.DynamicOnly}
	if !e.Sensitive {
		if given {
			e.Value = effective(k, set.Value)
		} else if k.HasDefault {
			e.Value = effective(k, k.Default)
		}
	}
	e.Synonyms = c.synonymsOf(s, name, e.Sensitive)
	e.Source = source(e.Synonyms)
	return e, true
}

// effective prints a value as Kafka does after parsing it: +5 and TRUE are 5 and true to clients.
func effective(k *Key, value string) *string {
	if v, err := k.parse(value); err == nil {
		value = format(v)
	}
	return &value
}

// DescribeBroker lists the broker's configuration as DescribeConfigs shows it, in Kafka's order:
// all keys and unknown ones that are set when names is nil, else those of names that exist.
func (c *Config) DescribeBroker(names []string) []Entry {
	s := c.current.Load()
	var own []Entry
	if names == nil {
		all := map[string]bool{}
		for i := range brokerKeys {
			all[brokerKeys[i].Name] = true
		}
		for n := range s.values {
			all[n] = true
		}
		names = slices.Collect(maps.Keys(all))
	} else if slices.Contains(names, HTTPPortKey) {
		own = append(own, c.httpPortEntry())
		names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == HTTPPortKey })
	}
	out := own
	for _, n := range inJavaOrder(sortedUnique(names)) {
		// A key that no source has and the table does not know is left out, as in Kafka.
		if e, ok := c.brokerEntry(s, n); ok {
			out = append(out, e)
		}
	}
	return out
}

// DescribeBrokerDefaults lists the cluster-wide dynamic configs, as DescribeConfigs does for the
// broker without a name.
func (c *Config) DescribeBrokerDefaults(names []string) []Entry {
	s := c.current.Load()
	if names == nil {
		names = slices.Collect(maps.Keys(s.dynamicDefault))
	}
	var out []Entry
	for _, n := range sortedUnique(names) {
		value, ok := s.dynamicDefault[n]
		if !ok {
			continue
		}
		base, _ := baseKey(n)
		k, known := BrokerKey(base)
		e := Entry{Name: n, Sensitive: !known || k.Sensitive() || k.DynamicOnly, ReadOnly: !known || base != n || k.Update == ReadOnly || k.DynamicOnly}
		if !e.Sensitive {
			e.Value = &value
		}
		for _, y := range c.synonymsOf(s, n, e.Sensitive) {
			if y.Source == SourceDynamicDefault {
				e.Synonyms = append(e.Synonyms, y)
			}
		}
		e.Source = source(e.Synonyms)
		out = append(out, e)
	}
	return out
}

// DescribeTopic lists the configuration of a topic with these overrides, see DescribeBroker.
func (c *Config) DescribeTopic(overrides map[string]string, names []string) []Entry {
	s := c.current.Load()
	t := overlay(s.topicDefaults, s.broker, overrides)
	if names == nil {
		for i := range topicKeys {
			names = append(names, topicKeys[i].Name)
		}
		for n := range overrides {
			names = append(names, n)
		}
	}
	names = sortedUnique(names)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(topicPlace(a), topicPlace(b)) })
	var out []Entry
	for _, n := range names {
		override, overridden := overrides[n]
		k, known := TopicKey(n)
		if !known && !overridden {
			continue
		}
		value := override
		e := Entry{Name: n}
		if known {
			// The value in force, which can differ from an override that cannot be read.
			value = format(fieldValue(k.topic(t)))
		}
		e.Value = &value
		if overridden {
			v := value
			e.Synonyms = append(e.Synonyms, Synonym{Name: n, Value: &v, Source: SourceTopic})
		}
		if known {
			e.Synonyms = append(e.Synonyms, c.synonymsOf(s, k.ServerKey, false)...)
		}
		e.Source = source(e.Synonyms)
		out = append(out, e)
	}
	return out
}

// topicOrder is the order in which Kafka 2.5 lists a topic's configs. kafka-topics prints them in
// an order that depends on it.
var topicOrder = [...]string{
	"compression.type", "leader.replication.throttled.replicas", "min.insync.replicas", "message.downconversion.enable", "segment.jitter.ms",
	"cleanup.policy", "flush.ms", "follower.replication.throttled.replicas", "segment.bytes", "retention.ms", "flush.messages",
	"message.format.version", "max.compaction.lag.ms", "file.delete.delay.ms", "max.message.bytes", "min.compaction.lag.ms", "message.timestamp.type",
	"preallocate", "index.interval.bytes", "min.cleanable.dirty.ratio", "unclean.leader.election.enable", "retention.bytes", "delete.retention.ms",
	"segment.ms", "message.timestamp.difference.max.ms", "segment.index.bytes",
}

// topicPlace is a key's place in topicOrder; unknown keys come last.
func topicPlace(name string) int {
	if i := slices.Index(topicOrder[:], name); i >= 0 {
		return i
	}
	return len(topicOrder)
}

// brokerTies are keys that fall into one bucket of the hash table in which Kafka 2.5 keeps them and
// are not in the order of their names there, in the order that they have. The tools print broker
// configs in the order of such a table.
var brokerTies = [...]string{
	"zookeeper.ssl.keystore.location", "replica.socket.timeout.ms", "zookeeper.clientCnxnSocket", "log.flush.offset.checkpoint.interval.ms",
	"zookeeper.set.acl", "connections.max.idle.ms", "max.connections", "delegation.token.expiry.time.ms", "zookeeper.connection.timeout.ms",
	"metrics.recording.level", "replica.fetch.response.max.bytes", "group.max.session.timeout.ms", "sasl.login.refresh.min.period.seconds",
	"password.encoder.key.length", "transaction.abort.timed.out.transaction.cleanup.interval.ms", "sasl.kerberos.kinit.cmd",
	"transaction.state.log.replication.factor", "control.plane.listener.name", "zookeeper.ssl.enabled.protocols",
	"log.cleaner.max.compaction.lag.ms", "transaction.state.log.min.isr", "zookeeper.ssl.truststore.type", "ssl.secure.random.implementation",
	"replica.fetch.backoff.ms", "inter.broker.protocol.version", "kafka.metrics.reporters", "listeners", "broker.id.generation.enable",
	"zookeeper.max.in.flight.requests", "log.flush.scheduler.interval.ms", "ssl.keymanager.algorithm", "sasl.login.callback.handler.class",
	"zookeeper.ssl.crl.enable", "sasl.server.callback.handler.class", "max.incremental.fetch.session.cache.slots",
	"delegation.token.master.key", "broker.id", "zookeeper.ssl.endpoint.identification.algorithm", "offsets.topic.compression.codec",
	"delegation.token.max.lifetime.ms",
}

// inJavaOrder puts sorted names of broker configs into the order of Java's hash table.
func inJavaOrder(names []string) []string {
	size := int32(16)
	// java.util.HashMap grows at three quarters of its size, and a Scala map converted to it keeps
	// that.
	for 4*len(names) > int(3*size) {
		size *= 2
	}
	bucket := func(n string) int32 {
		// HashMap folds the upper half of a hash into the lower.
		h := uint32(model.JavaHash(n))
		return int32(h^h>>16) & (size - 1)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		if d := cmp.Compare(bucket(a), bucket(b)); d != 0 {
			return d
		}
		return cmp.Compare(slices.Index(brokerTies[:], a), slices.Index(brokerTies[:], b))
	})
	return names
}

// fieldValue reads a field that store writes.
func fieldValue(field any) any {
	switch f := field.(type) {
	case *bool:
		return *f
	case *string:
		return *f
	case *int16:
		return *f
	case *int32:
		return *f
	case *int64:
		return *f
	case *float64:
		return *f
	case *[]string:
		return *f
	}
	return nil
}

func sortedUnique(names []string) []string {
	s := slices.Clone(names)
	slices.Sort(s)
	return slices.Compact(s)
}

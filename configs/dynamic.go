package configs

// Source is the level a value comes from, with the numbers of DescribeConfigs.
type Source int8

// The sources.
const (
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

// Topic is the effective configuration of a topic with the given overrides (the config of its znode). Unknown and invalid
// overrides are left out; see ValidateTopic.
func (c *Config) Topic(overrides map[string]string) *Topic {
	b := c.Broker()
	t := &Topic{CleanupPolicy: b.LogCleanupPolicy}
	return t
}

// ValidateTopic checks overrides as Kafka does before it stores them: *UnknownKeyError, *ValueError or *ConflictError, with Kafka's text.
func (c *Config) ValidateTopic(overrides map[string]string) error { return nil }

// SetDynamicDefault replaces the cluster-wide dynamic configs (of /config/brokers/<default>). Values that do not fit are left out
// with the errors returned; what fits takes effect. Subscribers run before it returns.
func (c *Config) SetDynamicDefault(settings map[string]string) error { return nil }

// SetDynamicBroker replaces the dynamic configs of this broker (of /config/brokers/<id>), see SetDynamicDefault.
func (c *Config) SetDynamicBroker(settings map[string]string) error { return nil }

// Subscribe calls fn after each dynamic change with the snapshots before and after it, one call at a time.
func (c *Config) Subscribe(fn func(old, new *Broker)) {}

// ValidateBrokerUpdate checks dynamic settings before they are stored; perBroker tells that they are for this broker, else for
// all. The error has Kafka's text.
func (c *Config) ValidateBrokerUpdate(settings map[string]string, perBroker bool) error { return nil }

// DescribeBroker lists the broker's configuration as DescribeConfigs shows it: all keys when names is nil, else those
// named that exist, in the order of their names.
func (c *Config) DescribeBroker(names []string) []Entry { return nil }

// DescribeBrokerDefaults lists the cluster-wide dynamic configs, as DescribeConfigs does for the broker without a name.
func (c *Config) DescribeBrokerDefaults(names []string) []Entry { return nil }

// DescribeTopic lists the configuration of a topic with these overrides, see DescribeBroker.
func (c *Config) DescribeTopic(overrides map[string]string, names []string) []Entry { return nil }

// UnknownKeyError is a topic key that does not exist.
type UnknownKeyError struct{ Key string }

// Error has Kafka's text.
func (e *UnknownKeyError) Error() string { return "Unknown topic config name: " + e.Key }

// ConflictError is a contradiction between two keys.
type ConflictError struct{ Text string }

// Error has Kafka's text.
func (e *ConflictError) Error() string { return e.Text }

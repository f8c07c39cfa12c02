// Package configs is the configuration of the broker and of topics: one table of every key of Kafka
// 2.5.0, readers for properties files, YAML and the environment of three Docker images, and the
// snapshots that the rest of the program reads.
//
// A Config is made by Load (or New) and shared by all parts of one broker. Broker and Topic are
// immutable snapshots; a dynamic change builds a new one and swaps it in. The package starts no
// goroutine; subscribers run on the goroutine that brings a change.
package configs

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"momus/internal/jvm"
	"momus/internal/model"
)

// Sources says where a configuration comes from. Later fields win over earlier ones.
type Sources struct {
	// File is the path of a properties file, or of a YAML file if it ends in .yaml or .yml; "" for
	// none.
	File string
	// Env is the environment as os.Environ gives it; nil for none.
	Env []string
	// Overrides are key=value, as --override takes them.
	Overrides []string

	// Run evaluates the *_COMMAND variables and returns what the command printed; nil runs sh -c.
	Run func(command string) (string, error)
	// Hostname is this machine's name; "" asks the system.
	Hostname string
	// Container tells whether the process runs in a container; nil finds out.
	Container *bool

	// Dialect is the image whose start script was called; NoDialect leaves it to the variables.
	Dialect Dialect

	root    string // where /proc and the images' directories and files are looked for; "" is /
	secrets string // replaces confluentSecrets in tests
}

// OriginKind is the kind of place where a value was set.
type OriginKind int8

// The kinds, weakest first.
const (
	FromDefault OriginKind = iota
	FromFile
	FromImage // what a Docker image sets when the user's variables do not
	FromEnvironment
	FromOverride
	FromDynamicDefault
	FromDynamicBroker
)

// Origin is the place where a value was set.
type Origin struct {
	Kind OriginKind
	Name string // file, image or environment variable
	Line int    // in a file, from 1; 0 unknown
}

// Setting is a value as it was given, with its origin.
type Setting struct {
	Value  string
	Origin Origin
}

// Warning is something that a person should know about the configuration although the broker can
// start with it.
type Warning struct {
	Key    string // "" when it is not about one key
	Origin Origin
	Text   string
}

// Listeners are the parsed listener settings. Nobody may change them.
type Listeners struct {
	// Bind are the addresses to listen on; an empty host means all interfaces, port 0 any port.
	Bind []model.Endpoint
	// Advertised are the addresses that clients and other brokers are told.
	Advertised []model.Endpoint
	// InterBroker is the name of the listener that other brokers use.
	InterBroker string
	// ControlPlane is the name of the listener for the controller's requests, "" when there is none
	// of its own.
	ControlPlane string
}

// Environment is what the environment says beyond broker keys.
type Environment struct {
	// Dialect is the image whose variables were found, DialectReason what tells it.
	Dialect       Dialect
	DialectReason string
	// ZooKeeperWait is how long the image waits for ZooKeeper before it starts the broker at all, 0
	// for not.
	ZooKeeperWait time.Duration
	// MaxHeap is the -Xmx of KAFKA_HEAP_OPTS in bytes, 0 when there is none.
	MaxHeap int64
	// Properties are the system properties of KAFKA_OPTS: the JAAS file, krb5.conf, how to speak to
	// ZooKeeper. Never nil.
	Properties jvm.Properties
	// CreateTopics are the topics of KAFKA_CREATE_TOPICS, to be created once the broker serves.
	CreateTopics []TopicSpec
}

// Config is the configuration of one broker. It is safe for concurrent use.
type Config struct {
	static      map[string]Setting
	environment Environment
	noEffect    []string
	hostname    string // advertised where a listener names no host

	// Where listeners have an empty host.
	current  atomic.Pointer[snapshot]
	httpPort atomic.Int32 // see SetHTTPPort

	mu struct {
		sync.Mutex
		dynamicDefault map[string]string
		dynamicBroker  map[string]string
		subscribers    []func(old, new *Broker)
		checks         []func(next Values) error
		brokerID       int32 // set by SetBrokerID
	}
}

// snapshot is everything that changes together.
type snapshot struct {
	broker         *Broker
	listeners      *Listeners
	topicDefaults  *Topic
	dynamicDefault map[string]string
	dynamicBroker  map[string]string
	values         Values // effective settings without defaults
}

// Load reads all sources and checks the result. Warnings are given with an error too.
func Load(s Sources) (*Config, []Warning, error) { return load(s) }

// New makes a Config of the given settings, as if they had been given as overrides without a file
// and environment.
func New(settings map[string]string) (*Config, error) {
	overrides := make([]string, 0, len(settings))
	for k, v := range settings {
		overrides = append(overrides, k+"="+v)
	}
	c, _, err := Load(Sources{Overrides: overrides})
	return c, err
}

// Get is the effective setting of a key as it was given, also of keys that the table does not know,
// such as those of listeners (listener.name.inside.ssl.keystore.location) and plugins. ok is false
// when only a default applies.
func (c *Config) Get(key string) (set Setting, ok bool) {
	set, ok = c.current.Load().values[key]
	return set, ok
}

// ListenerValue is the value of a key for a listener: with the listener's prefix, else without,
// else the default; "" for none.
func (c *Config) ListenerValue(listener, key string) string {
	return c.current.Load().values.ForListener(listener, key)
}

// Values are settings by key, without defaults. Nobody may change them.
type Values map[string]Setting

// ForListener is the value of a key for a listener, see Config.ListenerValue.
func (v Values) ForListener(listener, key string) string {
	// Listeners' names are in upper case, and their prefix in lower (KIP-103).
	if s, ok := v["listener.name."+strings.ToLower(listener)+"."+key]; ok {
		return s.Value
	}
	if s, ok := v[key]; ok {
		return s.Value
	}
	if k, ok := BrokerKey(key); ok {
		return k.Default
	}
	return ""
}

// Settings are the settings given in file, environment and overrides; nobody may change the map.
func (c *Config) Settings() map[string]Setting { return c.static }

// Broker is the current snapshot.
func (c *Config) Broker() *Broker { return c.current.Load().broker }

// Listeners are the current listeners.
func (c *Config) Listeners() *Listeners { return c.current.Load().listeners }

// Environment is what the environment said beyond broker keys.
func (c *Config) Environment() Environment { return c.environment }

// NoEffect lists the keys that were set but change nothing in this broker, in the order of their
// names.
func (c *Config) NoEffect() []string { return c.noEffect }

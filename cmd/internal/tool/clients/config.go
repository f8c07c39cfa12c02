package clients

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/internal/jvm"
)

// address is what Java takes for the address of a server (Utils.getHost): whatever stands before
// host and port is passed over, such as a security protocol.
var address = regexp.MustCompile(`^.*?\[?([0-9a-zA-Z\-%._:]*)\]?:([0-9]+)$`)

// Config are the settings of a Java client: its properties and how its log lines begin.
type Config struct {
	Props  map[string]string
	Prefix string // such as [AdminClient clientId=adminclient-1]
	Boot   bool   // whether the loss of a bootstrap connection gets a line of its own (producer and consumer)
}

// Bootstrap splits bootstrap.servers; a part that is not host:port is an error.
func (cc *Config) Bootstrap() ([]string, error) {
	var out []string
	for _, s := range strings.Split(cc.Props["bootstrap.servers"], ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		m := address.FindStringSubmatch(s)
		if m == nil {
			return nil, ConfigError("Invalid url in bootstrap.servers: %s", s)
		}
		// 16 bits: Java refuses larger ports when it makes the address.
		if _, err := strconv.ParseUint(m[2], 10, 16); err != nil {
			return nil, ConfigError("Invalid port in bootstrap.servers: %s", s)
		}
		out = append(out, net.JoinHostPort(cmp.Or(m[1], "localhost"), m[2]))
	}
	if len(out) == 0 {
		return nil, &java.Error{Class: "org.apache.kafka.common.config.ConfigException", Text: "No resolvable bootstrap urls given in bootstrap.servers"}
	}
	return out, nil
}

// duration reads a setting in milliseconds.
func (cc *Config) duration(key string, fallback time.Duration) (time.Duration, error) {
	n, err := cc.number(key, fallback.Milliseconds())
	// Long.MAX_VALUE milliseconds are Java's for ever and would overflow a Duration.
	return time.Duration(min(n, forever.Milliseconds())) * time.Millisecond, err
}

// forever is what a time-out without an end is counted with: whole milliseconds, which may be added.
const forever = math.MaxInt64 / 4 / time.Millisecond * time.Millisecond

// number reads a setting without a unit, or in bytes.
func (cc *Config) number(key string, fallback int64) (int64, error) {
	s, ok := cc.Props[key]
	if !ok {
		return fallback, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0, NotANumber(s, key, "INT")
	}
	return n, nil
}

// NotANumber is ConfigDef's error for a value that is no number; kind is INT, LONG or DOUBLE.
func NotANumber(value, key, kind string) error {
	return &java.Error{Class: "org.apache.kafka.common.config.ConfigException",
		Text: fmt.Sprintf("Invalid value %s for configuration %s: Not a number of type %s", value, key, kind)}
}

// New makes a client out of Java's settings. Nothing is connected before the first request.
func New(c *core.Call, cc *Config, more ...kgo.Opt) (*kgo.Client, error) {
	watch, err := newConnections(c, cc)
	if err != nil {
		return nil, err
	}
	return watch.open(more...)
}

// newConnections makes what watches the clients of one configuration, of which there is one at a
// time.
func newConnections(c *core.Call, cc *Config) (*connections, error) {
	seeds, err := cc.Bootstrap()
	if err != nil {
		if list := cc.Props["bootstrap.servers"]; list != "" && !strings.Contains(list, ":") {
			c.HintPerson("an address has a port, such as %s:9092", strings.TrimSpace(list))
		}
		return nil, err
	}
	watch := &connections{c: c, cc: cc, seeds: seeds}
	c.Watchers = append(c.Watchers, watch)
	return watch, nil
}

// open makes a client, which takes the place of the one before.
func (l *connections) open(more ...kgo.Opt) (*kgo.Client, error) {
	c, cc := l.c, l.cc
	opts := []kgo.Opt{
		kgo.SeedBrokers(l.seeds...),
		kgo.ClientID(cc.Props["client.id"]),
		// ApiVersions carries these (KIP-511), and brokers show them in their metrics.
		kgo.SoftwareNameAndVersion("momus-tools", "2.5.0"),
		kgo.RequestRetries(1 << 20), // time bounds them
		kgo.RetryBackoffFn(func(n int) time.Duration { return min(50*time.Millisecond<<min(n-1, 5), time.Second) }),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.DialTimeout(10 * time.Second),
		kgo.WithHooks(l),
	}
	if seconds, err := cc.duration("metadata.max.age.ms", 0); err == nil && seconds > 100*time.Millisecond {
		opts = append(opts, kgo.MetadataMaxAge(min(seconds, time.Hour))) // the library takes no more
	}
	properties := jvm.Properties{}
	if c.Getenv != nil { // a call of a test has no environment
		properties = jvm.FromEnvironment(c.Getenv)
	}
	security, err := cc.security(properties)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(append(opts, security...), more...)...)
	l.client.Store(client)
	return client, err
}

// javaAddress is an InetSocketAddress as text: the name that it was made of, a slash, the address; of
// several Java takes the first of version 4.
func javaAddress(host string, port int) string {
	if net.ParseIP(host) != nil {
		return "/" + net.JoinHostPort(host, strconv.Itoa(port))
	}
	ips, err := net.LookupIP(host)
	if err != nil || len(ips) == 0 {
		return fmt.Sprintf("%s:%d", host, port)
	}
	ip := ips[0]
	for _, x := range ips {
		if x.To4() != nil {
			ip = x
			break
		}
	}
	return fmt.Sprintf("%s/%s", host, net.JoinHostPort(ip.String(), strconv.Itoa(port)))
}

// ValidServers reports whether each part of a list has a port, as Kafka's ToolsUtils asks before a
// client is made.
func ValidServers(list string) bool {
	parts := strings.Split(strings.TrimRight(list, ","), ",") // Java drops empty words at the end
	return !slices.ContainsFunc(parts, func(s string) bool { return !address.MatchString(s) })
}

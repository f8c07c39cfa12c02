package momustest

import (
	"log/slog"
	"time"
)

// Option changes what Start makes.
type Option func(*options)

type options struct {
	brokers    int
	onDisk     bool
	properties map[string]string
	session    time.Duration
	logger     slog.Handler
	tls        bool
	mechanism  string
}

// Brokers is the number of brokers, 1 if nothing is said. Their ids are 1, 2, 3 ….
func Brokers(n int) Option { return func(o *options) { o.brokers = n } }

// InMemory keeps all files in memory, which is how it is if nothing is said.
func InMemory() Option { return func(o *options) { o.onDisk = false } }

// OnDisk keeps the files in a directory of the test's.
func OnDisk() Option { return func(o *options) { o.onDisk = true } }

// Property sets a key of Kafka 2.5.0's brokers for all of them, as in server.properties.
func Property(key, value string) Option {
	return func(o *options) { o.properties[key] = value }
}

// SessionTimeout is how long the cluster takes to notice a broker that was killed or paused
// (zookeeper.session.timeout.ms), 2 seconds if nothing is said.
func SessionTimeout(d time.Duration) Option { return func(o *options) { o.session = d } }

// Logger receives what the brokers have to say. If nothing is said it is kept, and printed when the
// test fails.
func Logger(h slog.Handler) Option { return func(o *options) { o.logger = h } }

// TLS has clients and brokers speak TLS: see Cluster.TLSConfig. Brokers ask clients for a
// certificate and take those without one as well, unless Property says that ssl.client.auth is
// required.
func TLS() Option { return func(o *options) { o.tls = true } }

// SASL has clients and brokers log in with a mechanism, Plain, ScramSHA256 or ScramSHA512: see
// Cluster.Credentials.
func SASL(mechanism string) Option { return func(o *options) { o.mechanism = mechanism } }

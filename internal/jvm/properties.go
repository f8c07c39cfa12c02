// Package jvm reads what people tell Kafka's JVM on its command line, as far as it has a meaning
// without one: the system properties in KAFKA_OPTS, by which a secured cluster names its JAAS file,
// its krb5.conf and how it speaks to ZooKeeper.
package jvm

import "strings"

// Properties are system properties by name.
type Properties map[string]string

// Names of the system properties that are honoured.
const (
	LoginConfig     = "java.security.auth.login.config"
	Krb5Config      = "java.security.krb5.conf"
	ZKSASLClient    = "zookeeper.sasl.client"
	ZKSASLSection   = "zookeeper.sasl.clientconfig"
	ZKSASLUsername  = "zookeeper.sasl.client.username"
	ZKPrincipal     = "zookeeper.server.principal"
	ZKRealm         = "zookeeper.server.realm"
	ZKCanonicalHost = "zookeeper.sasl.client.canonicalize.hostname"
)

// ParseOptions reads the -Dname=value words of a text such as KAFKA_OPTS, the last of equal names
// winning; other options of a JVM are passed over. The text is split at white space only, as
// Kafka's scripts do it.
func ParseOptions(text string) Properties {
	out := Properties{}
	for _, word := range strings.Fields(text) {
		if d, ok := strings.CutPrefix(word, "-D"); ok {
			name, value, _ := strings.Cut(d, "=")
			out[name] = value
		}
	}
	return out
}

// JAASVariable names a JAAS file where KAFKA_OPTS does not.
const JAASVariable = "MOMUS_JAAS_CONFIG"

// FromEnvironment reads KAFKA_OPTS, and what counts when it does not name the files:
// MOMUS_JAAS_CONFIG for the JAAS file, MIT's KRB5_CONFIG for krb5.conf. env is os.Getenv.
func FromEnvironment(env func(string) string) Properties {
	p := ParseOptions(env("KAFKA_OPTS"))
	for name, variable := range map[string]string{LoginConfig: JAASVariable, Krb5Config: "KRB5_CONFIG"} {
		if _, ok := p[name]; !ok && env(variable) != "" {
			p[name] = env(variable)
		}
	}
	return p
}

// Get gives a property, and whether it is set.
func (p Properties) Get(name string) (string, bool) {
	v, ok := p[name]
	return v, ok
}

// Or gives a property, or a default when it is not set.
func (p Properties) Or(name, fallback string) string {
	if v, ok := p[name]; ok {
		return v
	}
	return fallback
}

package clients

import (
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/java"
	"momus/internal/javatls"
	"momus/internal/jvm"
	"momus/internal/keystore"
)

// ConfigError is an error of a setting, as Java's clients name it.
func ConfigError(format string, a ...any) error {
	return &java.Error{Class: "org.apache.kafka.common.config.ConfigException", Text: fmt.Sprintf(format, a...)}
}

// protocol is security.protocol.
func (cc *Config) protocol() string {
	if p := strings.ToUpper(cc.Props["security.protocol"]); p != "" {
		return p
	}
	return "PLAINTEXT"
}

// security turns security.protocol, sasl.* and ssl.* into options. properties are those of
// KAFKA_OPTS.
func (cc *Config) security(properties jvm.Properties) ([]kgo.Opt, error) {
	var opts []kgo.Opt
	switch p := cc.protocol(); p {
	case "PLAINTEXT", "SASL_PLAINTEXT":
	case "SSL", "SASL_SSL":
		config, err := cc.tls()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(config))
	default:
		return nil, ConfigError("Invalid value %s for configuration security.protocol: valid are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL", p)
	}
	if !strings.HasPrefix(cc.protocol(), "SASL_") {
		return opts, nil
	}
	mechanism, err := saslMechanism(cc.Props, properties)
	if err != nil {
		return nil, err
	}
	return append(opts, kgo.SASL(mechanism)), nil
}

// tls reads ssl.*.
func (cc *Config) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := cc.tlsVersions(config); err != nil {
		return nil, err
	}
	var err error
	switch location, inline := cc.Props["ssl.truststore.location"], cc.Props["ssl.truststore.certificates"]; {
	case location != "":
		// An empty type is JKS, Java's default.
		store := keystore.Store{Location: location, Type: cc.Props["ssl.truststore.type"], Password: cc.Props["ssl.truststore.password"]}
		config.RootCAs, err = store.Certificates()
	case inline != "":
		config.RootCAs, err = keystore.PEMCertificates([]byte(inline))
	}
	if err != nil {
		return nil, fmt.Errorf("ssl.truststore: %w", err)
	}
	var pair tls.Certificate
	location, chain := cc.Props["ssl.keystore.location"], cc.Props["ssl.keystore.certificate.chain"]
	// PEM texts in the properties are KIP-651, of Kafka 2.7: taken because they do no harm.
	switch {
	case location != "":
		store := keystore.Store{Location: location, Type: cc.Props["ssl.keystore.type"], Password: cc.Props["ssl.keystore.password"], KeyPassword: cc.Props["ssl.key.password"]}
		pair, err = store.KeyPair()
	case chain != "":
		pair, err = keystore.PEMKeyPair([]byte(chain), []byte(cc.Props["ssl.keystore.key"]))
	}
	if err != nil {
		return nil, fmt.Errorf("ssl.keystore: %w", err)
	}
	if location != "" || chain != "" {
		// Given whatever authorities the server names, as Java's key manager does with a single
		// key.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	// Set and empty turns it off; not set is https since KIP-294.
	if v, ok := cc.Props["ssl.endpoint.identification.algorithm"]; ok && v == "" {
		javatls.TrustAnyName(config)
	}
	return config, nil
}

// tlsVersions reads ssl.enabled.protocols and ssl.cipher.suites.
func (cc *Config) tlsVersions(config *tls.Config) (err error) {
	if list := cc.Props["ssl.enabled.protocols"]; list != "" {
		if config.MinVersion, config.MaxVersion, err = javatls.Versions(strings.Split(list, ",")); err != nil {
			return ConfigError("Invalid value %s for configuration ssl.enabled.protocols: %v", list, err)
		}
	}
	if list := cc.Props["ssl.cipher.suites"]; list != "" {
		suites, unknown := javatls.CipherSuites(strings.Split(list, ","))
		// Java ignores names that it does not know as long as one is left.
		if len(suites) == 0 && len(unknown) > 0 {
			return ConfigError("Invalid value %s for configuration ssl.cipher.suites: none of them can be spoken", list)
		}
		config.CipherSuites = suites
	}
	return nil
}

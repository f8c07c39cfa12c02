// Package zkconfig reads how a process is to speak to ZooKeeper from where Kafka's users write it:
// the zookeeper.ssl.* settings (KIP-515), the system properties in KAFKA_OPTS, and section Client
// of the JAAS file they name. It serves broker and tools alike and opens no connection.
package zkconfig

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"momus/coordinator/zk"
	"momus/coordinator/zk/zksasl"
	"momus/internal/jaas"
	"momus/internal/javatls"
	"momus/internal/jvm"
	"momus/internal/keystore"
	"momus/internal/krb5"
)

// Source is where settings are looked up.
type Source struct {
	// Setting gives a zookeeper.* key as it is set; nil when there are no such settings.
	Setting func(key string) (string, bool)
	// Properties are those of KAFKA_OPTS.
	Properties jvm.Properties
}

// Security is how to speak to ZooKeeper.
type Security struct {
	// Dial opens TLS connections; nil for plain ones.
	Dial zk.Dialer
	// SASL logs in; nil for no login. Who says as whom and where that stands, for errors.
	SASL zksasl.Mechanism
	Who  string
	// ClientCertificate reports whether TLS has a certificate of this process, which ZooKeeper
	// takes for a login.
	ClientCertificate bool
	// Warning is what a person should know although it goes on; "" for nothing.
	Warning string
}

// Authenticated reports whether the process has an identity at ZooKeeper, which zookeeper.set.acl
// needs.
func (s Security) Authenticated() bool { return s.SASL != nil || s.ClientCertificate }

// Dialer opens connections with everything, for users of the ZooKeeper library itself; nil when
// they are plain. result, which may be nil, is told how logins end.
func (s Security) Dialer(result func(address string, err error)) zk.Dialer {
	dial := s.Dial
	if s.SASL == nil {
		return dial
	}
	if dial == nil {
		dial = net.DialTimeout
	}
	return zksasl.Dialer(dial, zksasl.Options{Mechanism: s.SASL, Result: result})
}

// Apply puts it into the options of a client.
func (s Security) Apply(o *zk.Options) {
	if s.Dial != nil {
		o.Dial = s.Dial
	}
	o.SASL, o.Who = s.SASL, s.Who
}

// Read reads everything. An error says which setting or file is wrong.
func Read(src Source) (s Security, err error) {
	if err = src.tls(&s); err != nil {
		return s, err
	}
	return s, src.sasl(&s)
}

// The system properties that stand for settings which are not set
// (KafkaConfig.zkSslConfigToSystemPropertyMap).
var systemProperty = map[string]string{
	"zookeeper.ssl.client.enable":       "zookeeper.client.secure",
	"zookeeper.ssl.keystore.location":   "zookeeper.ssl.keyStore.location",
	"zookeeper.ssl.keystore.password":   "zookeeper.ssl.keyStore.password",
	"zookeeper.ssl.truststore.location": "zookeeper.ssl.trustStore.location",
	"zookeeper.ssl.truststore.password": "zookeeper.ssl.trustStore.password",
	"zookeeper.ssl.protocol":            "zookeeper.ssl.protocol",
	"zookeeper.ssl.enabled.protocols":   "zookeeper.ssl.enabledProtocols",
	"zookeeper.ssl.cipher.suites":       "zookeeper.ssl.ciphersuites",
}

// get is a setting, or the system property that stands for it, or a default.
func (src Source) get(key, fallback string) string {
	if src.Setting != nil {
		if v, ok := src.Setting(key); ok && v != "" {
			return v
		}
	}
	if p, ok := systemProperty[key]; ok {
		return src.Properties.Or(p, fallback)
	}
	return fallback
}

// checksNames reports whether the server's name is held against its certificate.
func (src Source) checksNames() bool {
	const key = "zookeeper.ssl.endpoint.identification.algorithm"
	if src.Setting != nil {
		if v, ok := src.Setting(key); ok {
			return strings.EqualFold(v, "https")
		}
	}
	return !strings.EqualFold(src.Properties["zookeeper.ssl.hostnameVerification"], "false")
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// tls reads the zookeeper.ssl keys with the defaults of ZooKeeper's client.
func (src Source) tls(s *Security) error {
	if !strings.EqualFold(src.get("zookeeper.ssl.client.enable", "false"), "true") {
		return nil
	}
	config := &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	var err error
	protocols := src.get("zookeeper.ssl.enabled.protocols", src.get("zookeeper.ssl.protocol", "TLSv1.2"))
	if config.MinVersion, config.MaxVersion, err = javatls.Versions(list(protocols)); err != nil {
		return fmt.Errorf("zookeeper.ssl.enabled.protocols: %w", err)
	}
	var unknown []string
	suites := src.get("zookeeper.ssl.cipher.suites", "")
	if config.CipherSuites, unknown = javatls.CipherSuites(list(suites)); len(config.CipherSuites) == 0 && len(unknown) > 0 {
		return fmt.Errorf("zookeeper.ssl.cipher.suites: none of %s can be spoken", suites)
	}
	if err := src.trust(config); err != nil {
		return fmt.Errorf("zookeeper.ssl.truststore.location: %w", err)
	}
	if s.ClientCertificate, err = src.identity(config); err != nil {
		return fmt.Errorf("zookeeper.ssl.keystore.location: %w", err)
	}
	if !src.checksNames() {
		javatls.TrustAnyName(config)
	}
	s.Dial = dialTLS(config)
	return nil
}

// store is the store of settings that begin with prefix; the file says what it is, whatever its
// type is set to.
func (src Source) store(prefix string) keystore.Store {
	return keystore.Store{Location: src.get(prefix+".location", ""), Type: keystore.ByContent, Password: src.get(prefix+".password", "")}
}

func (src Source) trust(config *tls.Config) (err error) {
	if s := src.store("zookeeper.ssl.truststore"); s.Location != "" {
		config.RootCAs, err = s.Certificates()
	}
	return err
}

// identity reads the client's certificate; ok is false without a key store.
func (src Source) identity(config *tls.Config) (bool, error) {
	s := src.store("zookeeper.ssl.keystore")
	if s.Location == "" {
		return false, nil
	}
	pair, err := s.KeyPair()
	if err != nil {
		return false, err
	}
	// Given whatever authorities the server names, as Java's key manager does with a single key.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return true, nil
}

// dialTLS dials with TLS, and explains the error of a port that does not speak it.
func dialTLS(config *tls.Config) zk.Dialer {
	return func(network, address string, timeout time.Duration) (net.Conn, error) {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: timeout}, network, address, config)
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			err = fmt.Errorf("TLS handshake: %w: ZooKeeper speaks TLS on its secureClientPort, not on its clientPort", err)
		}
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
}

// sasl reads the section of the JAAS file. That there is none is a warning in Kafka, and the
// connection goes on without a login.
func (src Source) sasl(s *Security) error {
	file, ok := src.Properties.Get(jvm.LoginConfig)
	if !ok {
		return nil
	}
	section := src.Properties.Or(jvm.ZKSASLSection, "Client")
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%s: %w", jvm.LoginConfig, err)
	}
	sections, err := jaas.ParseFile(string(text), src.Properties.Get)
	if err != nil {
		return fmt.Errorf("%s=%s: %w", jvm.LoginConfig, file, err)
	}
	entries := sections[section]
	if strings.EqualFold(src.Properties.Or(jvm.ZKSASLClient, "true"), "false") {
		if entries != nil {
			return fmt.Errorf("%s has section %s, but %s=false says not to log in at ZooKeeper: remove one of the two", file, section, jvm.ZKSASLClient)
		}
		return nil
	}
	if entries == nil {
		s.Warning = fmt.Sprintf("no section %s in %s: goes on without a login at ZooKeeper", section, file)
		return nil
	}
	s.Who = fmt.Sprintf("section %s of %s", section, file)
	if s.SASL, err = src.mechanism(entries[0], s); err != nil {
		return fmt.Errorf("section %s of %s: %w", section, file, err)
	}
	return nil
}

// mechanism is what a login module asks for.
func (src Source) mechanism(e jaas.Entry, s *Security) (zksasl.Mechanism, error) {
	switch {
	case e.Module == jaas.ZooKeeperDigest:
		user, password := e.Options["username"], e.Options["password"]
		if user == "" || password == "" {
			return nil, errors.New(`DigestLoginModule needs username="…" and password="…"`)
		}
		s.Who = fmt.Sprintf("user %q of %s", user, s.Who)
		return zksasl.Digest(user, password), nil
	case krb5.IsModule(e.Module):
		login, err := krb5.LoginOf(e, src.Properties)
		if err != nil {
			return nil, err
		}
		s.Who = fmt.Sprintf("%s of %s", login, s.Who)
		return zksasl.Kerberos(login, zksasl.Service{
			Name:      src.Properties.Or(jvm.ZKSASLUsername, "zookeeper"),
			Principal: src.Properties[jvm.ZKPrincipal],
			Canonical: !strings.EqualFold(src.Properties[jvm.ZKCanonicalHost], "false"),
		}), nil
	}
	return nil, fmt.Errorf("login module %s cannot be used for ZooKeeper; valid are %s and %s", e.Module, jaas.ZooKeeperDigest, jaas.Krb5Module)
}

// Package ssl makes TLS of Kafka's ssl.* settings, for listeners and for connections to other
// brokers. A Endpoint is made once for a listener and can be given other stores while it serves;
// connections that exist go on with what they began with.
package ssl

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"momus/configs"
	"momus/internal/javatls"
	"momus/internal/keystore"
)

// Settings are the ssl.* settings of one listener.
type Settings struct {
	Keystore, Truststore keystore.Store // without a location: none
	Protocols            []string
	CipherSuites         []string
	ClientAuth           string // none, requested or required
	VerifyHost           bool   // of servers that are connected to
}

// Read takes the settings from get, which knows defaults. SASL listeners do not ask for
// certificates, whatever ssl.client.auth says.
func Read(get func(key string) string, saslListener bool) (Settings, error) {
	s := Settings{
		Keystore: keystore.Store{Location: get("ssl.keystore.location"), Type: get("ssl.keystore.type"), Password: get("ssl.keystore.password"),
			KeyPassword: get("ssl.key.password")},
		Truststore: keystore.Store{Location: get("ssl.truststore.location"), Type: get("ssl.truststore.type"), Password: get("ssl.truststore.password")},
		Protocols:  configs.NonEmpty(get("ssl.enabled.protocols")), CipherSuites: configs.NonEmpty(get("ssl.cipher.suites")), ClientAuth: get("ssl.client.auth"),
		VerifyHost: strings.EqualFold(get("ssl.endpoint.identification.algorithm"), "https"),
	}
	if saslListener {
		s.ClientAuth = "none"
	}
	pem := func(store keystore.Store) bool { return strings.EqualFold(store.Type, "PEM") }
	switch k := s.Keystore; {
	case k.Location != "" && k.Password == "" && !pem(k):
		return s, errors.New("ssl.keystore.location is set, but ssl.keystore.password is not")
	case k.Location == "" && k.Password != "":
		return s, errors.New("ssl.keystore.password is set, but ssl.keystore.location is not")
	case s.Truststore.Location == "" && s.Truststore.Password != "":
		return s, errors.New("ssl.truststore.password is set, but ssl.truststore.location is not")
	}
	return s, nil
}

// material is what the settings name, read from its files.
type material struct {
	settings    Settings
	keys        []tls.Certificate
	trusted     []*x509.Certificate // nil: the system's
	roots       *x509.CertPool
	low, high   uint16
	suites      []uint16
	clientCache tls.ClientSessionCache
	identities  []string // of the key store
	stamps      stamps
}

// compatible are suites without forward secrecy that Java's default list has and old clients need.
var compatible = [...]uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA}

// load reads the stores and makes of them what connections share. It is called again when settings
// or files have changed; an error leaves what there was in use.
func load(s Settings) (*material, error) {
	m := &material{settings: s, clientCache: tls.NewLRUClientSessionCache(64), stamps: stampsOf(s)}
	var err error
	if m.low, m.high, err = javatls.Versions(s.Protocols); err != nil {
		return nil, fmt.Errorf("ssl.enabled.protocols: %w", err)
	}
	if len(s.CipherSuites) > 0 {
		var unknown []string
		m.suites, unknown = javatls.CipherSuites(s.CipherSuites)
		if len(m.suites) == 0 && m.low < tls.VersionTLS13 {
			return nil, fmt.Errorf("ssl.cipher.suites names no suite that this broker can speak (%s); leave it empty, or name for example %s", strings.Join(unknown, ", "),
				"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 and TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
		}
	} else {
		for _, suite := range tls.CipherSuites() {
			m.suites = append(m.suites, suite.ID)
		}
		m.suites = append(m.suites, compatible[:]...)
	}
	if s.Keystore.Location != "" {
		pair, err := s.Keystore.KeyPair()
		if err != nil {
			return nil, fmt.Errorf("Failed to load SSL keystore %s of type %s: %w", s.Keystore.Location, s.Keystore.Type, err)
		}
		m.keys = []tls.Certificate{pair}
		if m.identities, err = s.Keystore.Identities(); err != nil {
			return nil, err
		}
	}
	if s.Truststore.Location != "" {
		if m.trusted, err = s.Truststore.Trusted(); err != nil {
			return nil, fmt.Errorf("Failed to load SSL keystore %s of type %s: %w", s.Truststore.Location, s.Truststore.Type, err)
		}
		m.roots = x509.NewCertPool()
		for _, c := range m.trusted {
			m.roots.AddCert(c)
		}
	}
	return m, nil
}

// verify checks a peer's certificates as PKIX in Java does: a path to any entry of the trust store,
// or an entry itself.
func (m *material) verify(s tls.ConnectionState, use x509.ExtKeyUsage) error {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	leaf := s.PeerCertificates[0]
	intermediates := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: m.roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{use}})
	if err != nil && slices.ContainsFunc(m.trusted, leaf.Equal) {
		var expired x509.CertificateInvalidError
		if !errors.As(err, &expired) || expired.Reason != x509.Expired {
			err = nil
		}
	}
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
	}
	return nil
}

// verifyHost checks a server's name; like Java it looks at the common name only if there is no
// alternative name.
func verifyHost(leaf *x509.Certificate, host string) error {
	if len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0 && strings.EqualFold(leaf.Subject.CommonName, host) {
		return nil
	}
	return leaf.VerifyHostname(host)
}

// base is what both sides share.
func (m *material) base() *tls.Config {
	return &tls.Config{MinVersion: m.low, MaxVersion: m.high, CipherSuites: m.suites, Certificates: m.keys, DynamicRecordSizingDisabled: true}
}

// server is the configuration of accepted connections. Certificates are checked by verify, with
// Java's rules, instead of by crypto/tls.
func (m *material) server() *tls.Config {
	c := m.base()
	switch m.settings.ClientAuth {
	case "required":
		c.ClientAuth = tls.RequireAnyClientCert
	case "requested":
		c.ClientAuth = tls.RequestClientCert
	}
	c.ClientCAs = m.roots
	c.VerifyConnection = func(s tls.ConnectionState) error { return m.verify(s, x509.ExtKeyUsageClientAuth) }
	return c
}

// client is the configuration of a connection to host; the name is checked only when
// ssl.endpoint.identification.algorithm wants it.
func (m *material) client(host string) *tls.Config {
	c := m.base()
	c.ServerName, c.ClientSessionCache = host, m.clientCache
	c.InsecureSkipVerify = true // VerifyConnection does it
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if err := m.verify(s, x509.ExtKeyUsageServerAuth); err != nil || !m.settings.VerifyHost {
			return err
		}
		return verifyHost(s.PeerCertificates[0], host)
	}
	return c
}

// Endpoint speaks TLS for one listener. It is safe for concurrent use.
type Endpoint struct {
	current atomic.Pointer[generation]
	outer   *tls.Config // keeps the keys of session tickets
}

type generation struct {
	*material
	server *tls.Config
}

// New reads the stores.
func New(s Settings) (*Endpoint, error) {
	e := &Endpoint{}
	if err := e.Update(s); err != nil {
		return nil, err
	}
	e.outer = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return e.current.Load().server, nil }}
	return e, nil
}

// Update reads the stores of other settings, for connections from now on.
func (e *Endpoint) Update(s Settings) error {
	m, err := load(s)
	if err != nil {
		return err
	}
	e.current.Store(&generation{material: m, server: m.server()})
	return nil
}

// Server is the configuration of accepted connections; what is in it follows Update.
func (e *Endpoint) Server() *tls.Config { return e.outer }

// Client is the configuration of a connection to host.
func (e *Endpoint) Client(host string) *tls.Config { return e.current.Load().client(host) }

// Settings are those in use.
func (e *Endpoint) Settings() Settings { return e.current.Load().settings }

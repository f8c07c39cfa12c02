package ssl

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
	"momus/internal/keystore"
)

// files are what a test's settings name.
func files(c *testkit.Certificates, name string) map[string]string {
	return map[string]string{"ssl.keystore.location": c.Path(name + ".p12"), "ssl.keystore.type": "PKCS12", "ssl.keystore.password": testkit.StorePassword,
		"ssl.truststore.location": c.Path("trust.p12"), "ssl.truststore.type": "PKCS12", "ssl.truststore.password": testkit.StorePassword,
		"ssl.enabled.protocols": "TLSv1.2", "ssl.client.auth": "none", "ssl.endpoint.identification.algorithm": "https"}
}

func with(m map[string]string, pairs ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return m[key]
	}
}

func endpoint(t *testing.T, get func(string) string) *Endpoint {
	t.Helper()
	s, err := Read(get, false)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// meet lets a client and a server meet; it gives what the server knows of the client.
func meet(server, client *tls.Config) (tls.ConnectionState, error) {
	near, far := net.Pipe()
	defer near.Close()
	s := tls.Server(far, server)
	done := make(chan error, 1)
	go func() {
		err := s.Handshake()
		if err == nil {
			_, err = s.Write([]byte{1})
		}
		far.Close()
		done <- err
	}()
	c := tls.Client(near, client)
	err := c.Handshake()
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	near.Close()
	return s.ConnectionState(), errors.Join(err, <-done)
}

func TestClientAuthentication(t *testing.T) {
	certs, others := testkit.NewCertificates(t), testkit.NewCertificates(t)
	certs.Sign("broker", pkix.Name{CommonName: "localhost"}, time.Time{})
	certs.Sign("alice", pkix.Name{CommonName: "alice"}, time.Time{})
	certs.Sign("late", pkix.Name{CommonName: "alice"}, time.Now().Add(-time.Hour))
	others.Sign("alice", pkix.Name{CommonName: "alice"}, time.Time{})
	pair := func(c *testkit.Certificates, name string) []tls.Certificate {
		k, err := keystore.Store{Location: c.Path(name + ".p12"), Type: "PKCS12", Password: testkit.StorePassword}.KeyPair()
		if err != nil {
			t.Fatal(err)
		}
		// Whatever authorities the server names.
		return []tls.Certificate{k}
	}
	for _, auth := range []string{"none", "requested", "required"} {
		for _, version := range []string{"TLSv1.2", "TLSv1.2,TLSv1.3"} {
			server := endpoint(t, with(files(certs, "broker"), "ssl.client.auth", auth, "ssl.enabled.protocols", version))
			for name, c := range map[string]struct {
				keys []tls.Certificate
				ok   bool
			}{
				"nobody": {nil, auth != "required"}, "alice": {pair(certs, "alice"), true},
				"stranger": {pair(others, "alice"), auth == "none"}, "late": {pair(certs, "late"), auth == "none"},
			} {
				client := &tls.Config{RootCAs: certs.Pool, ServerName: "localhost"}
				if c.keys != nil {
					client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c.keys[0], nil }
				}
				state, err := meet(server.Server(), client)
				if (err == nil) != c.ok {
					t.Errorf("%s %s %s: %v", auth, version, name, err)
				}
				if known := err == nil && len(state.PeerCertificates) > 0; known != (c.ok && c.keys != nil && auth != "none") {
					t.Errorf("%s %s %s: %d certificates", auth, version, name, len(state.PeerCertificates))
				}
			}
		}
	}
}

func TestProtocolsAndCipherSuites(t *testing.T) {
	certs := testkit.NewCertificates(t)
	certs.Sign("broker", pkix.Name{CommonName: "localhost"}, time.Time{})
	const suite = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
	for _, c := range []struct {
		protocols, suites string
		client            *tls.Config
		ok                bool
	}{
		{"TLSv1.2", "", &tls.Config{MinVersion: tls.VersionTLS13}, false},
		{"TLSv1.2", "", &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, false},
		{"TLSv1.3,TLSv1.2", "", &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"TLSv1.2", suite, &tls.Config{CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}}, false},
		{"TLSv1.2", suite + ",TLS_DHE_RSA_WITH_AES_128_CBC_SHA", &tls.Config{}, true},
	} {
		e := endpoint(t, with(files(certs, "broker"), "ssl.enabled.protocols", c.protocols, "ssl.cipher.suites", c.suites))
		c.client.RootCAs, c.client.ServerName = certs.Pool, "localhost"
		if _, err := meet(e.Server(), c.client); (err == nil) != c.ok {
			t.Errorf("%s %s: %v", c.protocols, c.suites, err)
		}
	}
	s, err := Read(with(files(certs, "broker"), "ssl.cipher.suites", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(s); err == nil || !strings.Contains(err.Error(), "TLS_DHE_RSA_WITH_AES_128_CBC_SHA") {
		t.Error("suites that nobody speaks:", err)
	}
}

func TestServersAreCheckedByName(t *testing.T) {
	certs := testkit.NewCertificates(t)
	certs.Sign("broker", pkix.Name{CommonName: "broker1.example.com"}, time.Time{})
	e := endpoint(t, with(files(certs, "broker")))
	lax := endpoint(t, with(files(certs, "broker"), "ssl.endpoint.identification.algorithm", ""))
	for host, ok := range map[string]bool{"localhost": true, "127.0.0.1": true, "broker2": false, "broker1.example.com": false} { // a common name does not count beside alternative names
		if _, err := meet(e.Server(), e.Client(host)); (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
		if _, err := meet(e.Server(), lax.Client(host)); err != nil {
			t.Errorf("%s without a check: %v", host, err)
		}
	}
	other := testkit.NewCertificates(t)
	other.Sign("broker", pkix.Name{CommonName: "localhost"}, time.Time{})
	if _, err := meet(endpoint(t, with(files(other, "broker"))).Server(), lax.Client("localhost")); err == nil {
		t.Error("a certificate of another authority was accepted")
	}
}

func TestSettingsThatContradictThemselves(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"ssl.keystore.location", "x.jks", "ssl.keystore.password is not"}, {"ssl.keystore.password", "x", "ssl.keystore.location is not"},
		{"ssl.truststore.password", "x", "ssl.truststore.location is not"},
	} {
		if _, err := Read(with(nil, c.key, c.value), false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.key, err)
		}
	}
	for _, s := range []Settings{{Protocols: []string{"SSLv3"}}, {Protocols: []string{"TLSv1.2"}, Keystore: keystore.Store{Location: "none.jks", Password: "x"}}} {
		if _, err := New(s); err == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
}

func TestStoresAreReplacedWhileServing(t *testing.T) {
	certs, others := testkit.NewCertificates(t), testkit.NewCertificates(t)
	name := pkix.Name{CommonName: "localhost"}
	first := certs.Sign("broker", name, time.Time{})
	e := endpoint(t, with(files(certs, "broker")))
	now := e.Settings()
	second := certs.Sign("second", name, time.Time{})
	certs.Sign("other", pkix.Name{CommonName: "other"}, time.Time{})
	others.Sign("broker", name, time.Time{})

	change := func(f func(s *Settings)) Settings {
		s := now
		f(&s)
		return s
	}
	for want, s := range map[string]Settings{
		"do not match":            change(func(s *Settings) { s.Keystore.Location = certs.Path("other.p12") }),
		"Cannot remove the SSL":   change(func(s *Settings) { s.Keystore = keystore.Store{} }),
		"Failed to load SSL":      change(func(s *Settings) { s.Keystore.Location = certs.Path("none") }),
		"the password is wrong":   change(func(s *Settings) { s.Keystore.Password = "wrong" }),
		"can't connect":           change(func(s *Settings) { s.Keystore.Location = others.Path("broker.p12") }),
		"store type X is not sup": change(func(s *Settings) { s.Keystore.Type = "X" }),
	} {
		if err := e.Check(s, true); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "Validation of dynamic config update of SSLFactory failed") {
			t.Errorf("%s: %v", want, err)
		}
	}
	none := endpoint(t, with(map[string]string{"ssl.enabled.protocols": "TLSv1.2"}))
	if err := none.Check(change(func(s *Settings) { s.Truststore = keystore.Store{} }), false); err == nil || !strings.Contains(err.Error(), "Cannot add SSL keystore") {
		t.Error(err)
	}
	if err := none.Check(change(func(s *Settings) { s.Keystore = keystore.Store{} }), false); err == nil || !strings.Contains(err.Error(), "Cannot add SSL truststore") {
		t.Error(err)
	}

	served := func(want tls.Certificate) {
		t.Helper()
		near, far := net.Pipe()
		defer near.Close()
		go func() { _ = tls.Server(far, e.Server()).Handshake() }()
		c := tls.Client(near, e.Client("localhost"))
		if err := c.Handshake(); err != nil || !c.ConnectionState().PeerCertificates[0].Equal(want.Leaf) {
			t.Errorf("served with another certificate: %v", err)
		}
	}
	served(first)
	next := change(func(s *Settings) { s.Keystore.Location = certs.Path("second.p12") })
	if err := e.Check(next, true); err != nil {
		t.Fatal(err)
	}
	if changed, err := e.UpdateIfChanged(next); !changed || err != nil {
		t.Fatal(changed, err)
	}
	served(second)
	if changed, err := e.UpdateIfChanged(next); changed || err != nil {
		t.Error("the same again:", changed, err)
	}
	// A file that was replaced is taken up when the same setting comes again.
	data, err := os.ReadFile(certs.Path("broker.p12"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(certs.Path("second.p12"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(certs.Path("second.p12"), time.Now(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if changed, err := e.UpdateIfChanged(next); !changed || err != nil {
		t.Error("a new file:", changed, err)
	}
	served(first)
	if err := e.CheckSelf(); err != nil {
		t.Error(err)
	}
}

func TestSessionsAreResumed(t *testing.T) {
	certs := testkit.NewCertificates(t)
	certs.Sign("broker", pkix.Name{CommonName: "localhost"}, time.Time{})
	e := endpoint(t, with(files(certs, "broker"), "ssl.client.auth", "required"))
	for i := range 3 {
		state, err := meet(e.Server(), e.Client("localhost"))
		if err != nil {
			t.Fatal(err)
		}
		if state.DidResume != (i > 0) || len(state.PeerCertificates) == 0 {
			t.Errorf("connection %d: resumed %v, %d certificates", i, state.DidResume, len(state.PeerCertificates))
		}
	}
}

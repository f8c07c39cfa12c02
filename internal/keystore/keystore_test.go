package keystore_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"momus/internal/keystore"
)

// The stores in testdata were made with keytool and openssl: one self-signed certificate for
// localhost, valid for a hundred years. The stores' password is secret1; the key in the JKS store
// has the password secret2.
func store(name, kind, password, key string) keystore.Store {
	return keystore.Store{Location: filepath.Join("testdata", name), Type: kind, Password: password, KeyPassword: key}
}

func TestServerAndClientTrustEachOtherWithStoresOfEveryKind(t *testing.T) {
	keys := []keystore.Store{store("key.jks", "", "secret1", "secret2"), store("key.jks", "PKCS12", "secret1", "secret2"), store("key.p12", "PKCS12", "secret1", ""),
		store("key.p12", "JKS", "secret1", "secret1"), store("key.pem", "PEM", "", ""),
		store("key.pem", keystore.ByContent, "", ""), store("key.p12", keystore.ByContent, "secret1", ""), store("key.jks", keystore.ByContent, "secret1", "secret2")}
	trusts := []keystore.Store{store("trust.jks", "JKS", "secret1", ""), store("trust.jks", "JKS", "", ""), store("trust.p12", "pkcs12", "secret1", ""), store("cert.pem", "PEM", "", "")}
	for _, k := range keys {
		pair, err := k.KeyPair()
		if err != nil {
			t.Errorf("%+v: %v", k, err)
			continue
		}
		for _, s := range trusts {
			pool, err := s.Certificates()
			if err != nil {
				t.Errorf("%+v: %v", s, err)
				continue
			}
			if err := handshake(pair, pool); err != nil {
				t.Errorf("%+v with %+v: %v", k, s, err)
			}
		}
	}
}

func handshake(pair tls.Certificate, pool *x509.CertPool) error {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	go func() {
		done <- tls.Server(a, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, SessionTicketsDisabled: true}).Handshake()
	}()
	if err := tls.Client(b, &tls.Config{ServerName: "localhost", RootCAs: pool, Certificates: []tls.Certificate{pair}}).Handshake(); err != nil {
		a.Close()
		<-done
		return err
	}
	return <-done
}

func TestWhatIsWrongWithAStoreIsSaid(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.jks")
	data, err := os.ReadFile("testdata/key.jks")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	jceks := filepath.Join(t.TempDir(), "old.jceks")
	if err := os.WriteFile(jceks, []byte{0xce, 0xce, 0xce, 0xce, 0}, 0o600); err != nil {
		t.Fatal(err)
	}
	key := func(s keystore.Store) error { _, err := s.KeyPair(); return err }
	trust := func(s keystore.Store) error { _, err := s.Certificates(); return err }
	for _, c := range []struct {
		err  error
		want string
	}{
		{key(store("key.jks", "JKS", "wrong1", "secret2")), "the password is wrong"},
		{key(store("key.p12", "JKS", "wrong1", "")), "the password is wrong"},
		{key(store("key.jks", "JKS", "secret1", "wrong1")), `key "broker": the password of the key`},
		{key(store("trust.jks", "JKS", "secret1", "")), "no private key"},
		{key(store("enc.pem", "PEM", "xxxx", "")), "the private key has a password"},
		{key(store("key.pem", "", "", "")), "set the type of the store to PEM"},
		{key(store("missing.jks", "", "", "")), "no such file"},
		{key(store("key.jks", "BCFKS", "", "")), "valid are JKS, PKCS12 and PEM"},
		{key(keystore.Store{Location: broken, Password: "secret1"}), "broken.jks"},
		{key(keystore.Store{Location: jceks}), "keytool -importkeystore"},
		{trust(store("openssl.p12", "PKCS12", "wrong1", "")), "the password is wrong"},
		{key(store("documented.p12", "PKCS12", "secret1", "secret2")), "the password of the key is wrong"},
		{key(store("trust.p12", "PKCS12", "secret1", "")), "no private key"},
		{trust(store("trust.p12", "PKCS12", "", "")), "trust.p12"},
		{trust(keystore.Store{Location: "keystore_test.go", Type: "PEM"}), "no PEM certificate"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want %q", c.err, c.want)
		}
	}
}

func names(certificates []*x509.Certificate) (out []string) {
	for _, c := range certificates {
		out = append(out, c.Subject.CommonName)
	}
	return out
}

// Stores with keys and trusted certificates, as keytool makes them after Kafka's documentation, and
// with several keys, are what Java takes them for.
func TestStoresThatHoldBothKeysAndAuthorities(t *testing.T) {
	for name, want := range map[string]struct{ chain, trusted, identities string }{
		"documented.p12":      {"localhost authority", "localhost authority", "localhost authority"},
		"documented.jks":      {"localhost authority", "localhost authority", "localhost authority"},
		"java8.p12":           {"localhost authority", "localhost authority", "localhost authority"},
		"authority-first.p12": {"localhost authority", "localhost authority", "localhost authority"},
		"two-keys.p12":        {"another", "localhost another authority", "localhost another authority"},
		"openssl.p12":         {"authority", "authority", "authority"},
		"openssl-legacy.p12":  {"authority", "authority", "authority"},
	} {
		s := store(name, "PKCS12", "secret1", "")
		pair, err := s.KeyPair()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var chain []*x509.Certificate
		for _, der := range pair.Certificate {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			chain = append(chain, c)
		}
		if got := strings.Join(names(chain), " "); got != want.chain {
			t.Errorf("%s: its chain is %s, want %s", name, got, want.chain)
		}
		if public, ok := pair.PrivateKey.(crypto.Signer).Public().(*ecdsa.PublicKey); !ok || !public.Equal(chain[0].PublicKey) {
			t.Errorf("%s: the certificate is not the key's", name)
		}
		trusted, err := s.Trusted()
		// The order in a JKS store is that of a hash.
		if got := strings.Join(names(trusted), " "); err != nil || sorted(got) != sorted(want.trusted) {
			t.Errorf("%s: it trusts %s, want %s (%v)", name, got, want.trusted, err)
		}
		identities, err := s.Identities()
		if got := strings.NewReplacer("CN=", "", " localhost", "").Replace(strings.Join(identities, " ")); err != nil || sorted(got) != sorted(want.identities) {
			t.Errorf("%s: it is for %q, want %q (%v)", name, got, want.identities, err)
		}
		if strings.HasPrefix(want.chain, "localhost") {
			pool, err := s.Certificates()
			if err == nil {
				err = handshake(pair, pool)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func sorted(words string) string {
	return strings.Join(slices.Sorted(slices.Values(strings.Fields(words))), " ")
}

// Every form of PKCS12 that the library writes is read.
func TestEveryFormOfPKCS12(t *testing.T) {
	pair, err := store("key.p12", "PKCS12", "secret1", "").KeyPair()
	if err != nil {
		t.Fatal(err)
	}
	authority, err := store("trust.p12", "PKCS12", "secret1", "").Trusted()
	if err != nil {
		t.Fatal(err)
	}
	for name, form := range map[string]*pkcs12.Encoder{"LegacyRC2": pkcs12.LegacyRC2, "LegacyDES": pkcs12.LegacyDES, "Modern2023": pkcs12.Modern2023, "Modern2026": pkcs12.Modern2026, "Passwordless": pkcs12.Passwordless} {
		for _, password := range []string{"secret1", "pässwörd", ""} {
			if name == "Passwordless" != (password == "") {
				continue
			}
			key, err1 := form.Encode(pair.PrivateKey, pair.Leaf, authority, password)
			trust, err2 := form.EncodeTrustStore(authority, password)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			s := keystore.Store{Location: filepath.Join(dir, "key.p12"), Type: "PKCS12", Password: password}
			if err := errors.Join(os.WriteFile(s.Location, key, 0o600), os.WriteFile(filepath.Join(dir, "trust.p12"), trust, 0o600)); err != nil {
				t.Fatal(err)
			}
			if got, err := s.KeyPair(); err != nil || !got.PrivateKey.(interface{ Equal(crypto.PrivateKey) bool }).Equal(pair.PrivateKey) || !bytes.Equal(got.Certificate[0], pair.Leaf.Raw) {
				t.Errorf("%s, password %q: %v", name, password, err)
			}
			s.Location = filepath.Join(dir, "trust.p12")
			if got, err := s.Trusted(); err != nil || len(got) != len(authority) || !got[0].Equal(authority[0]) {
				t.Errorf("%s, password %q: trusts %v, %v", name, password, got, err)
			}
			s.Password += "x"
			if _, err := s.Trusted(); err == nil && name != "Passwordless" {
				t.Errorf("%s: a wrong password opens it", name)
			}
		}
	}
}

func FuzzPKCS12(f *testing.F) {
	// With one iteration: else almost all of the time goes into the derivation of keys.
	pair, err1 := store("key.p12", "PKCS12", "secret1", "").KeyPair()
	authority, err2 := store("trust.p12", "PKCS12", "secret1", "").Trusted()
	if err := errors.Join(err1, err2); err != nil {
		f.Fatal(err)
	}
	for _, form := range []*pkcs12.Encoder{pkcs12.LegacyRC2, pkcs12.LegacyDES, pkcs12.Modern2023, pkcs12.Modern2026, pkcs12.Passwordless} {
		password := "secret1"
		if form == pkcs12.Passwordless {
			password = ""
		}
		key, err1 := form.WithIterations(1).Encode(pair.PrivateKey, pair.Leaf, authority, password)
		trust, err2 := form.WithIterations(1).EncodeTrustStore(authority, password)
		if err := errors.Join(err1, err2); err != nil {
			f.Fatal(err)
		}
		f.Add(key)
		f.Add(trust)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := keystore.Store{Location: filepath.Join(t.TempDir(), "store"), Type: "PKCS12", Password: "secret1"}
		if err := os.WriteFile(s.Location, data, 0o600); err != nil {
			t.Fatal(err)
		}
		pair, err := s.KeyPair()
		if err == nil && (len(pair.Certificate) == 0 || pair.Leaf == nil) {
			t.Error("a key without a certificate")
		}
		s.Certificates()
		s.Identities()
	})
}

func FuzzJKS(f *testing.F) {
	for _, name := range []string{"key.jks", "trust.jks"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := keystore.Store{Location: filepath.Join(t.TempDir(), "store"), KeyPassword: "secret2"}
		if err := os.WriteFile(s.Location, append([]byte{0xfe, 0xed, 0xfe, 0xed}, data[min(4, len(data)):]...), 0o600); err != nil {
			t.Fatal(err)
		}
		s.KeyPair()
		s.Certificates()
	})
}

package keystore_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
		{trust(store("key.jks", "JKS", "secret1", "")), "no trusted certificate"},
		{trust(store("trust.p12", "PKCS12", "", "")), "trust.p12"},
		{trust(keystore.Store{Location: "keystore_test.go", Type: "PEM"}), "no PEM certificate"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want %q", c.err, c.want)
		}
	}
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

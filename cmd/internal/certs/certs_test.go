package certs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"momus/cmd/internal/certs"
	"momus/internal/keystore"
	"momus/internal/testbase"
)

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

type identities struct{ authority, broker, client *certs.Identity }

func make3(t *testing.T, algorithm certs.Algorithm, now time.Time, days int) identities {
	t.Helper()
	id := must[*certs.Identity](t)
	a := id(certs.NewAuthority(certs.Spec{Name: "Test CA", Organization: "momus", Algorithm: algorithm}, now))
	return identities{a, id(a.IssueBroker(certs.Spec{Name: "broker-1", Hosts: []string{"localhost", "127.0.0.1"}, Days: days, Algorithm: algorithm}, now)),
		id(a.IssueClient(certs.Spec{Name: "alice", Days: days, Algorithm: algorithm}, now))}
}

func pair(i *certs.Identity) tls.Certificate {
	c := tls.Certificate{PrivateKey: i.Key, Leaf: i.Certificate, Certificate: [][]byte{i.Certificate.Raw}}
	for _, a := range i.Authorities {
		c.Certificate = append(c.Certificate, a.Raw)
	}
	return c
}

func pool(i *certs.Identity) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(i.RootPEM())
	return p
}

// The files work for both sides, read by the reader that brokers and tools have.
func TestFilesOfEachKindWork(t *testing.T) {
	for _, algorithm := range []certs.Algorithm{certs.EC, certs.RSA} {
		for _, legacy := range []bool{false, true} {
			x := make3(t, algorithm, time.Now(), 0)
			dir := certs.Dir{Path: t.TempDir()}
			bytes := must[[]byte](t)
			for name, data := range map[string][]byte{
				"b.p12": bytes(x.broker.KeyStore("secret", legacy)), "t.p12": bytes(x.broker.TrustStore("secret", legacy)),
				"c.pem": append(x.client.CertificatesPEM(), bytes(x.client.KeyPEM())...), "t.pem": x.client.RootPEM(),
			} {
				if err := dir.Write(name, data); err != nil {
					t.Fatal(err)
				}
				if info, err := os.Stat(filepath.Join(dir.Path, name)); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v", name, info.Mode(), err)
				}
			}
			store := func(name string) keystore.Store {
				return keystore.Store{Location: filepath.Join(dir.Path, name), Password: "secret", Type: keystore.ByContent}
			}
			pairs, pools := must[tls.Certificate](t), must[*x509.CertPool](t)
			client := pairs(store("c.pem").KeyPair())
			addr := testbase.ServeTLS(t, &tls.Config{Certificates: []tls.Certificate{pairs(store("b.p12").KeyPair())}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pools(store("t.p12").Certificates())})
			r, err := certs.Check{Address: addr, Name: "localhost", Roots: pools(store("t.pem").Certificates()), Certificate: &client, Timeout: 5 * time.Second}.Run(context.Background())
			if err != nil || len(r.Problems)+len(r.Warnings) > 0 || !strings.Contains(r.String(), "takes the client certificate") {
				t.Errorf("%s, legacy %v: %v\n%v", algorithm, legacy, err, r)
			}
		}
	}
}

func TestTheAuthorityIsReadAgainAndNothingIsReplacedUnasked(t *testing.T) {
	dir := certs.Dir{Path: filepath.Join(t.TempDir(), "new")}
	if _, err := dir.ReadAuthority(); err == nil || !strings.Contains(err.Error(), "momus certs ca") {
		t.Errorf("an empty directory: %v", err)
	}
	x := make3(t, certs.EC, time.Now(), 0)
	if err := dir.WriteAuthority(x.authority); err != nil {
		t.Fatal(err)
	}
	if err := dir.WriteAuthority(x.authority); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("it was replaced: %v", err)
	}
	again, err := dir.ReadAuthority()
	if err != nil || !bytes.Equal(again.CertificatesPEM(), x.authority.CertificatesPEM()) {
		t.Fatal(err)
	}
	if _, err := again.IssueClient(certs.Spec{Name: "bob"}, time.Now()); err != nil {
		t.Error(err)
	}
	other := make3(t, certs.EC, time.Now(), 0)
	if err := (certs.Dir{Path: dir.Path, Replace: true}).Write(certs.AuthorityFile, other.authority.CertificatesPEM()); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.ReadAuthority(); err == nil || !strings.Contains(err.Error(), "does not belong") {
		t.Errorf("a foreign key: %v", err)
	}
}

func TestWhatCannotBeIssuedIsRefused(t *testing.T) {
	now := time.Now()
	x := make3(t, certs.EC, now, 0)
	for want, issue := range map[string]func() (*certs.Identity, error){
		"host names":   func() (*certs.Identity, error) { return x.authority.IssueBroker(certs.Spec{Name: "b"}, now) },
		"needs a name": func() (*certs.Identity, error) { return x.authority.IssueClient(certs.Spec{Name: " "}, now) },
		"without port": func() (*certs.Identity, error) {
			return x.authority.IssueBroker(certs.Spec{Name: "b", Hosts: []string{"h:9092"}}, now)
		},
		"valid are ec": func() (*certs.Identity, error) {
			return x.authority.IssueClient(certs.Spec{Name: "b", Algorithm: "dsa"}, now)
		},
		"is no authority": func() (*certs.Identity, error) { return x.client.IssueClient(certs.Spec{Name: "b"}, now) },
		"authority CN=Test CA": func() (*certs.Identity, error) {
			return x.authority.IssueClient(certs.Spec{Name: "b"}, now.AddDate(11, 0, 0))
		},
	} {
		if _, err := issue(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	late, err := x.authority.IssueClient(certs.Spec{Name: "b", Days: 9999}, now)
	if err != nil || late.Certificate.NotAfter.After(x.authority.Certificate.NotAfter) {
		t.Errorf("it outlives its authority: %v, %v", late, err)
	}
}

func TestWhatAClientWouldFindWrongIsFound(t *testing.T) {
	now := time.Now()
	x, stranger := make3(t, certs.EC, now, 0), make3(t, certs.EC, now, 0)
	broker := pair(x.broker)
	alone := broker
	alone.Certificate = alone.Certificate[:1]
	required := &tls.Config{Certificates: []tls.Certificate{broker}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool(x.authority)}
	foreign, client := pair(stranger.client), pair(x.client)
	plain := &tls.Config{Certificates: []tls.Certificate{broker}}
	for name, c := range map[string]struct {
		server *tls.Config
		check  certs.Check
		want   []string // in the problems; none for no problem
		also   string   // in facts and warnings
	}{
		"nothing":          {plain, certs.Check{}, nil, "TLS 1.3"},
		"only 1.2":         {&tls.Config{Certificates: plain.Certificates, MaxVersion: tls.VersionTLS12}, certs.Check{}, nil, "does not speak TLS 1.3"},
		"only 1.3":         {&tls.Config{Certificates: plain.Certificates, MinVersion: tls.VersionTLS13}, certs.Check{}, nil, "cannot connect"},
		"only 1.1":         {&tls.Config{Certificates: plain.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, certs.Check{}, []string{"best protocol is TLS 1.1"}, ""},
		"no TLS":           {nil, certs.Check{}, []string{"does not speak TLS"}, ""},
		"expired":          {plain, certs.Check{Now: func() time.Time { return now.AddDate(0, 0, 830) }}, []string{"CN=broker-1 expired on", "5 days ago"}, ""},
		"expires soon":     {plain, certs.Check{Now: func() time.Time { return now.AddDate(0, 0, 815) }}, nil, "expires on"},
		"clock":            {plain, certs.Check{Now: func() time.Time { return now.Add(-5 * time.Hour) }}, []string{"CN=broker-1 begins", "clock of this machine"}, ""},
		"other name":       {plain, certs.Check{Name: "kafka.example.com"}, []string{"kafka.example.com is not in the certificate", "localhost, 127.0.0.1"}, ""},
		"unknown CA":       {plain, certs.Check{Roots: pool(stranger.authority)}, []string{"not trusted", "ssl.truststore.location"}, ""},
		"no chain":         {&tls.Config{Certificates: []tls.Certificate{alone}}, certs.Check{Roots: pool(stranger.authority)}, []string{"Test CA", "intermediate"}, ""},
		"no client":        {required, certs.Check{}, []string{"wants a client certificate", "ssl.keystore.location"}, ""},
		"foreign client":   {required, certs.Check{Certificate: &foreign}, []string{"refuses the client certificate"}, ""},
		"client":           {required, certs.Check{Certificate: &client}, nil, "takes the client certificate"},
		"client requested": {&tls.Config{Certificates: plain.Certificates, ClientAuth: tls.RequestClientCert}, certs.Check{}, nil, "goes on without one"},
		"client as server": {&tls.Config{Certificates: []tls.Certificate{client}}, certs.Check{}, []string{"not in the certificate, which is for: none", "serverAuth"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			check := c.check
			check.Address, check.Timeout = testbase.ServeTLS(t, c.server), 5*time.Second
			if check.Roots == nil {
				check.Roots = pool(x.authority)
			}
			r, err := check.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			problems := strings.Join(r.Problems, "\n")
			if len(c.want) == 0 && problems != "" {
				t.Errorf("problems: %s", problems)
			}
			for _, w := range c.want {
				if !strings.Contains(problems, w) {
					t.Errorf("problems %q, want %q", problems, w)
				}
			}
			if !strings.Contains(r.String(), c.also) {
				t.Errorf("no %q in\n%s", c.also, r)
			}
		})
	}
}

func TestWhatCannotBeSeenIsAnError(t *testing.T) {
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	closed := l.Addr().String()
	l.Close()
	for addr, want := range map[string]string{closed: "cannot be reached", "localhost": "host:port"} {
		if _, err := (certs.Check{Address: addr, Timeout: time.Second}).Run(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

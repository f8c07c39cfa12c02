package testkit

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/configs"
	"momus/internal/jaas"
	"momus/internal/keystore"
)

// UserProperties reads a property file that a secured quickstart has written for a user.
func UserProperties(t testing.TB, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := configs.ParseProperties(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// UserClient is a client that uses such a file as a Java client does: brokers to begin with, trust
// store, and the login of SCRAM-SHA-512 in sasl.jaas.config. It is closed when the test ends.
func UserClient(t testing.TB, file string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	p := UserProperties(t, file)
	login, err := jaas.ParseProperty(p["sasl.jaas.config"])
	if err != nil {
		t.Fatal(err)
	}
	roots, err := keystore.Store{Location: p["ssl.truststore.location"], Type: p["ssl.truststore.type"], Password: p["ssl.truststore.password"]}.Certificates()
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(strings.Split(p["bootstrap.servers"], ",")...), kgo.DialTLSConfig(&tls.Config{RootCAs: roots}),
		kgo.SASL(scram.Auth{User: login.Options["username"], Pass: login.Options["password"]}.AsSha512Mechanism())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

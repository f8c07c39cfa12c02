package secured

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/cmd/internal/certs"
	"momus/internal/jaas"
)

// WriteClients writes the files of the users' clients: for Java and Kafka's tools, for librdkafka,
// and a program in Go. It is done at every start, since the brokers' addresses may have changed.
func (c *Cluster) WriteClients(bootstrap string) error {
	for _, user := range []string{Admin, Alice, Bob} {
		for suffix, text := range map[string]string{".properties": c.java(user, bootstrap), ".librdkafka.conf": c.librdkafka(user, bootstrap), ".go": c.program(user, bootstrap)} {
			if err := c.dir.Write(user+suffix, []byte(text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// java is a property file for Java's clients.
func (c *Cluster) java(user, bootstrap string) string {
	return fmt.Sprintf(`# %s, for Java and Kafka's tools (--command-config, --producer.config, --consumer.config).
bootstrap.servers=%s
security.protocol=%s
sasl.mechanism=%s
sasl.jaas.config=%s required username="%[1]s" password="%[6]s";
ssl.truststore.type=PKCS12
ssl.truststore.location=%[7]s
ssl.truststore.password=%[8]s
`, user, bootstrap, Protocol, Mechanism, jaas.ScramModule, c.secrets.Users[user], c.path(brokerName+".truststore.p12"), c.secrets.Stores)
}

// librdkafka is a configuration for clients that are built on it, whose keys are others than
// Java's.
func (c *Cluster) librdkafka(user, bootstrap string) string {
	return fmt.Sprintf(`# %s, for clients of librdkafka; with kcat: -F THIS_FILE
bootstrap.servers=%s
security.protocol=sasl_ssl
sasl.mechanism=%s
sasl.username=%[1]s
sasl.password=%[4]s
ssl.ca.location=%[5]s
`, user, bootstrap, Mechanism, c.secrets.Users[user], c.path(certs.AuthorityFile))
}

// program is a program in Go that sends and reads a record; it stands alone, to be copied.
func (c *Cluster) program(user, bootstrap string) string {
	return fmt.Sprintf(`//go:build ignore

// %s, with github.com/twmb/franz-go: copy this file into a module, and run it with go run.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func main() {
	ca, err := os.ReadFile(%q)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client, err := kgo.NewClient(
		kgo.SeedBrokers(%q),
		kgo.DialTLSConfig(&tls.Config{RootCAs: roots}),
		kgo.SASL(scram.Auth{User: %q, Pass: %q}.AsSha512Mechanism()),
	)
	if err != nil {
		panic(err)
	}
	defer client.Close()
	fmt.Println(client.Ping(context.Background()))
}
`, user, c.path(certs.AuthorityFile), bootstrap, user, c.secrets.Users[user])
}

// Client is what a client in this process needs to log in as a user.
func (c *Cluster) Client(user string) (*tls.Config, []kgo.Opt, error) {
	ca, err := os.ReadFile(c.path(certs.AuthorityFile))
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	login := kgo.SASL(scram.Auth{User: user, Pass: c.secrets.Users[user]}.AsSha512Mechanism())
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, []kgo.Opt{login}, nil
}

// Next are the three commands to go on with: alice writes, bob reads, and the admin shows who may
// do what. Each is a list of words that belong together, an option and its value; Wrap makes lines
// of them. program is how this one is called, and dir the directory of the secrets as the person
// names it.
func Next(program, server, dir string) [][]string {
	file := func(option, user string) string { return option + " " + filepath.Join(dir, user+".properties") }
	bootstrap := "--bootstrap-server " + server
	return [][]string{
		{program + " console-producer", bootstrap, "--topic " + Prefix, file("--producer.config", Alice)},
		{program + " console-consumer", bootstrap, "--topic " + Prefix, "--from-beginning", "--group " + Prefix, file("--consumer.config", Bob)},
		{program + " acls", bootstrap, "--list", file("--command-config", Admin)},
	}
}

// Wrap makes a command of its parts, for a terminal of 80 columns: it goes on in a further line
// before the part that would not fit, and between an option and a long value.
func Wrap(parts []string) string {
	const columns, first, further, more = 80, "  ", "    ", " \\"
	var out strings.Builder
	line := first + parts[0]
	for i, part := range parts[1:] {
		width := len(line) + 1 + len(part)
		if i < len(parts)-2 {
			width += len(more)
		}
		if width <= columns {
			line += " " + part
			continue
		}
		out.WriteString(line + more + "\n")
		line = further + part
		if option, value, ok := strings.Cut(part, " "); ok && len(line) > columns {
			out.WriteString(further + option + more + "\n")
			line = further + value
		}
	}
	out.WriteString(line)
	return out.String()
}

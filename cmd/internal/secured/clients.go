package secured

import (
	"fmt"
	"path/filepath"

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

// Next are the three commands to go on with: alice writes, bob reads, and the admin shows who may
// do what. A command may go on in further lines. program is how this one is called, and dir the
// directory of the secrets as the person names it.
func Next(program, server, dir string) []string {
	file := func(user string) string { return filepath.Join(dir, user+".properties") }
	return []string{
		fmt.Sprintf("%s console-producer --bootstrap-server %s --topic %s\n--producer.config %s", program, server, Prefix, file(Alice)),
		fmt.Sprintf("%s console-consumer --bootstrap-server %s --topic %s\n--from-beginning --group %[3]s --consumer.config %[4]s", program, server, Prefix, file(Bob)),
		fmt.Sprintf("%s acls --bootstrap-server %s --list\n--command-config %s", program, server, file(Admin)),
	}
}

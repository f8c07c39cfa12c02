//go:build interop

package security

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/integration/testkit"
)

// realm is a key distribution center of MIT's on a free port.
type realm struct{ dir, config string }

const password = "master"

func startRealm(t *testing.T, principals ...string) *realm {
	t.Helper()
	r := &realm{dir: t.TempDir()}
	r.config = filepath.Join(r.dir, "krb5.conf")
	port := testkit.FreePort(t)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("krb5.conf", fmt.Sprintf("[libdefaults]\ndefault_realm = EXAMPLE.COM\ndns_lookup_kdc = false\ndns_lookup_realm = false\nrdns = false\nudp_preference_limit = 1\n"+
		"[realms]\nEXAMPLE.COM = {\n kdc = 127.0.0.1:%d\n}\n", port))
	write("kdc.conf", fmt.Sprintf("[kdcdefaults]\nkdc_ports = \"\"\nkdc_listen = \"\"\nkdc_tcp_listen = 127.0.0.1:%d\n[realms]\nEXAMPLE.COM = {\n database_name = %[2]s/db\n key_stash_file = %[2]s/stash\n"+
		" supported_enctypes = aes256-cts:normal aes128-cts:normal\n}\n", port, r.dir))
	r.run(t, "kdb5_util", "create", "-s", "-r", "EXAMPLE.COM", "-P", password)
	for _, p := range principals {
		r.run(t, "kadmin.local", "-q", "addprinc -randkey "+p)
		r.run(t, "kadmin.local", "-q", "ktadd -k "+r.keytab(p)+" "+p)
	}
	testkit.Start(t, "krb5kdc", testkit.Spec{Args: []string{"krb5kdc", "-n"}, Env: r.env()})
	testkit.Eventually(t, 10*time.Second, "the key distribution center serves", func() bool {
		_, err := testkit.TryRun(5*time.Second, testkit.Spec{Args: []string{"kinit", "-k", "-t", r.keytab(principals[0]), "-c", filepath.Join(r.dir, "cc"), principals[0]}, Env: r.env()})
		return err == nil
	})
	return r
}

func (r *realm) env() []string {
	return []string{"KRB5_CONFIG=" + r.config, "KRB5_KDC_PROFILE=" + filepath.Join(r.dir, "kdc.conf"), "PATH=" + os.Getenv("PATH") + ":/usr/sbin"}
}

func (r *realm) run(t *testing.T, args ...string) {
	t.Helper()
	testkit.Run(t, time.Minute, testkit.Spec{Args: append([]string{"/usr/sbin/" + args[0]}, args[1:]...), Env: r.env()})
}

func (r *realm) keytab(principal string) string {
	return filepath.Join(r.dir, strings.NewReplacer("/", "-", "@", "-").Replace(principal)+".keytab")
}

func (r *realm) jaas(principal string) string {
	return fmt.Sprintf("com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab=%q principal=%q;", r.keytab(principal), principal+"@EXAMPLE.COM")
}

// Two brokers speak Kerberos to each other, and with Java's and Go's clients, after the tickets of
// a real key distribution center.
func TestKerberos(t *testing.T) {
	r := startRealm(t, "kafka/localhost", "alice")
	zookeeper := testkit.Coordination(t)
	t.Setenv("KAFKA_OPTS", "-Djava.security.krb5.conf="+r.config)
	var bs []*testkit.Cluster
	for id := 1; id <= 2; id++ {
		port := testkit.FreePort(t)
		plain := testkit.FreePort(t)
		bs = append(bs, testkit.BrokerAt(t, id, plain, zookeeper, fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SASL_PLAINTEXT://localhost:%d", plain, port), "sasl.enabled.mechanisms=GSSAPI",
			"security.inter.broker.protocol=SASL_PLAINTEXT", "sasl.kerberos.service.name=kafka", "default.replication.factor=2", "offsets.topic.replication.factor=2",
			"listener.name.sasl_plaintext.gssapi.sasl.jaas.config="+r.jaas("kafka/localhost")))
	}
	testkit.WaitBrokers(t, bs, 2)
	address := func(b *testkit.Cluster) string {
		text, err := os.ReadFile(filepath.Join(b.Dir, "server.properties"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "SASL_PLAINTEXT://")
		a, _, _ := strings.Cut(rest, "\n")
		return a
	}
	kerberos := []string{"security.protocol=SASL_PLAINTEXT", "sasl.mechanism=GSSAPI", "sasl.kerberos.service.name=kafka", "sasl.jaas.config=" + r.jaas("alice")}
	file := filepath.Join(r.dir, "client.properties")
	if err := os.WriteFile(file, []byte(strings.Join(kerberos, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Net.SASL.Enable, config.Net.SASL.Mechanism = true, sarama.SASLTypeGSSAPI
	config.Net.SASL.GSSAPI = sarama.GSSAPIConfig{AuthType: sarama.KRB5_KEYTAB_AUTH, KeyTabPath: r.keytab("alice"), KerberosConfigPath: r.config, ServiceName: "kafka", Username: "alice",
		Realm: "EXAMPLE.COM", DisablePAFXFAST: true}
	producer, err := sarama.NewSyncProducer([]string{address(bs[0])}, config)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "sarama", Value: sarama.StringEncoder("x")}); err != nil {
		t.Fatal(err)
	}
	testkit.WaitWholeISR(t, bs, 30*time.Second) // the brokers follow each other
	for _, version := range []string{"2.5.0", "3.9.0"} {
		t.Run("java-"+version, func(t *testing.T) {
			spec := testkit.Spec{Args: []string{"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.security.krb5.conf=" + r.config, "-cp",
				filepath.Join(testkit.Peers(t, "clients-"+version), "*") + ":" + testkit.Peers(t, "java-client"), "Client"}, Env: []string{"MOMUS_CLIENT_PROPERTIES=" + file}}
			run := func(args ...string) string {
				s := spec
				s.Args = append(append([]string{}, s.Args...), args...)
				return testkit.Run(t, time.Minute, s)
			}
			run("produce", address(bs[0]), "java-"+version, "none", "20", "n")
			if n := strings.Count(run("consume", address(bs[1]), "java-"+version, "20"), "n value "); n != 20 {
				t.Errorf("Java %s read %d records", version, n)
			}
		})
	}
}

// The clients in Go log in with every mechanism that they have.
func TestClientsInGo(t *testing.T) {
	b := startBroker(t)
	roots := &tls.Config{RootCAs: b.certs.Pool, ServerName: "localhost"}
	for name, m := range map[string]sasl.Mechanism{
		"PLAIN": plain.Auth{User: "sally", Pass: "sallypw"}.AsMechanism(), "SCRAM-SHA-256": scram.Auth{User: "sally", Pass: "sallypw"}.AsSha256Mechanism(),
		"SCRAM-SHA-512": scram.Auth{User: "sally", Pass: "sallypw"}.AsSha512Mechanism(), "OAUTHBEARER": oauth.Auth{Token: token("sallypw")}.AsMechanism(),
	} {
		cl, err := kgo.NewClient(kgo.SeedBrokers(b.sasl), kgo.SASL(m), kgo.DialTLSConfig(roots), kgo.DefaultProduceTopic("franz"), kgo.AllowAutoTopicCreation())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		// Longer than a session lasts, so that the client has to log in again
		// (connections.max.reauth.ms is 12 s; kafkajs wants more than 10).
		for end := time.Now().Add(15 * time.Second); time.Now().Before(end) && err == nil; {
			if err = cl.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); name != "PLAIN" {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		cl.Close()
		config := sarama.NewConfig()
		config.Producer.Return.Successes = true
		config.Net.TLS.Enable, config.Net.TLS.Config = true, roots
		config.Net.SASL.Enable, config.Net.SASL.User, config.Net.SASL.Password = true, "sally", "sallypw"
		if name != "PLAIN" {
			continue // sarama leaves the others to its users
		}
		p, err := sarama.NewSyncProducer([]string{b.sasl}, config)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "franz", Value: sarama.StringEncoder("x")}); err != nil {
			t.Error(err)
		}
		p.Close()
	}
	if n := b.Metric(t, `kafka_server_socketservermetrics_successful_reauthentication_total{listener="SASL_SSL"}`); n < 1 {
		t.Errorf("%v re-authentications", n)
	}
}

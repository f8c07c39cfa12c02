//go:build interop

package security

import (
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

const store = testkit.StorePassword

// broker is a momus broker with a listener of each kind.
type broker struct {
	*testkit.Cluster
	certs     *testkit.Certificates
	ssl, sasl string // addresses
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	certs := testkit.NewCertificates(t)
	certs.Sign("broker", pkix.Name{CommonName: "localhost", Organization: []string{"momus"}}, time.Time{})
	certs.Sign("alice", pkix.Name{CommonName: "alice", Organization: []string{"momus"}}, time.Time{})
	zookeeper := testkit.Coordination(t)
	plain, ssl, sasl := testkit.FreePort(t), testkit.FreePort(t), testkit.FreePort(t)
	users(t, zookeeper, "sally", "SCRAM-SHA-256=[password=sallypw],SCRAM-SHA-512=[password=sallypw]")
	b := &broker{certs: certs, ssl: "localhost:" + strconv.Itoa(ssl), sasl: "localhost:" + strconv.Itoa(sasl)}
	b.Cluster = testkit.BrokerAt(t, 1, plain, zookeeper,
		fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SSL://localhost:%d,SASL_SSL://localhost:%d", plain, ssl, sasl), "inter.broker.listener.name=PLAINTEXT",
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER", "ssl.keystore.type=PKCS12", "ssl.keystore.location="+certs.Path("broker.p12"),
		"ssl.keystore.password="+store, "ssl.truststore.type=PKCS12", "ssl.truststore.location="+certs.Path("trust.p12"), "ssl.truststore.password="+store,
		"ssl.client.auth=required", "connections.max.reauth.ms=12000",
		`listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_sally="sallypw";`,
		`listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`,
		`listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`,
		`listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;`)
	return b
}

// users writes a user's SCRAM credentials.
func users(t *testing.T, zookeeper, name, credentials string) {
	t.Helper()
	testkit.Run(t, time.Minute, testkit.Spec{Args: []string{testkit.Binary(t), "configs", "--zookeeper", zookeeper, "--alter", "--entity-type", "users",
		"--entity-name", name, "--add-config", credentials}})
}

// login is how a client is to log in: mechanism "" is a certificate.
type login struct{ mechanism, password string }

// token is an unsigned one of sally's.
func token(password string) string {
	alg := `{"alg":"none"}`
	if password != "sallypw" {
		alg = `{"alg":"RS256"}`
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(alg)) + "." + encode([]byte(fmt.Sprintf(`{"sub":"sally","exp":%d}`, time.Now().Add(time.Hour).Unix()))) + "."
}

// client is a library: it makes a command of what it is to do.
type client struct {
	name       string
	mechanisms string
	spec       func(t *testing.T, b *broker, l login) testkit.Spec
}

func (b *broker) address(l login) string {
	if l.mechanism == "" {
		return b.ssl
	}
	return b.sasl
}

// javaProperties are the settings of Java's clients.
func (b *broker) javaProperties(t *testing.T, l login) string {
	lines := []string{"ssl.truststore.type=PKCS12", "ssl.truststore.location=" + b.certs.Path("trust.p12"), "ssl.truststore.password=" + store, "security.protocol=SASL_SSL",
		"sasl.mechanism=" + l.mechanism, "delivery.timeout.ms=20000", "request.timeout.ms=10000"}
	module := map[string]string{"PLAIN": "plain.PlainLoginModule", "OAUTHBEARER": "oauthbearer.OAuthBearerLoginModule"}[l.mechanism]
	if module == "" {
		module = "scram.ScramLoginModule"
	}
	options := fmt.Sprintf("username=%q password=%q", "sally", l.password)
	if l.mechanism == "OAUTHBEARER" {
		options = fmt.Sprintf("unsecuredLoginStringClaim_sub=%q", map[bool]string{true: "sally", false: " "}[l.password == "sallypw"])
	}
	lines = append(lines, "sasl.jaas.config=org.apache.kafka.common.security."+module+" required "+options+";")
	if l.mechanism == "" {
		lines = append(lines[:3:3], "security.protocol=SSL", "ssl.keystore.type=PKCS12", "ssl.keystore.location="+b.certs.Path(l.certificate()+".p12"), "ssl.keystore.password="+store)
	}
	file := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// certificate is the file of a login by certificate; a wrong one is a stranger's.
func (l login) certificate() string {
	if l.password == "sallypw" {
		return "alice"
	}
	return "stranger"
}

// jackson are the libraries that Java's clients need for OAUTHBEARER.
func jackson(t *testing.T) (path string) {
	for _, jar := range []string{"annotations", "core", "databind"} {
		path += ":" + filepath.Join(testkit.Peers(t, "kafka"), "jackson-"+jar+"-2.10.2.jar")
	}
	return path
}

func java(version string) client {
	return client{"java-" + version, "cert PLAIN SCRAM-SHA-256 SCRAM-SHA-512 OAUTHBEARER", func(t *testing.T, b *broker, l login) testkit.Spec {
		return testkit.Spec{Args: []string{"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
			filepath.Join(testkit.Peers(t, "clients-"+version), "*") + ":" + testkit.Peers(t, "java-client") + jackson(t), "Client"},
			Env: []string{"MOMUS_CLIENT_PROPERTIES=" + b.javaProperties(t, l)}}
	}}
}

func python(library, mechanisms string, settings func(b *broker, l login) map[string]any) client {
	return client{library, mechanisms, func(t *testing.T, b *broker, l login) testkit.Spec {
		return testkit.Spec{Args: []string{filepath.Join(testkit.Peers(t, "python"), "bin/python"), filepath.Join(testkit.Root(t), "integration/python/client.py"), library},
			Env: []string{"MOMUS_CLIENT_JSON=" + encode(t, settings(b, l))}}
	}}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func librdkafka(b *broker, l login) map[string]any {
	if l.mechanism == "" {
		return map[string]any{"security.protocol": "SSL", "ssl.ca.location": b.certs.Path("ca.pem"), "ssl.certificate.location": b.certs.Path(l.certificate() + ".crt"),
			"ssl.key.location": b.certs.Path(l.certificate() + ".key"), "message.timeout.ms": 10000}
	}
	s := map[string]any{"security.protocol": "SASL_SSL", "ssl.ca.location": b.certs.Path("ca.pem"), "sasl.mechanism": l.mechanism, "sasl.username": "sally",
		"sasl.password": l.password, "message.timeout.ms": 10000}
	if l.mechanism == "OAUTHBEARER" {
		delete(s, "sasl.username")
		delete(s, "sasl.password")
		s["enable.sasl.oauthbearer.unsecure.jwt"] = true
		s["sasl.oauthbearer.config"] = "principal=sally"
		if l.password != "sallypw" {
			s["sasl.oauthbearer.config"] = "principalClaimName=other principal=sally" // a claim that the broker does not look at
		}
	}
	return s
}

func kafkaPython(b *broker, l login) map[string]any {
	s := map[string]any{"security_protocol": "SASL_SSL", "ssl_cafile": b.certs.Path("ca.pem"), "sasl_mechanism": l.mechanism, "sasl_plain_username": "sally",
		"sasl_plain_password": l.password}
	if l.mechanism == "" {
		s = map[string]any{"security_protocol": "SSL", "ssl_cafile": b.certs.Path("ca.pem"), "ssl_certfile": b.certs.Path(l.certificate() + ".crt"),
			"ssl_keyfile": b.certs.Path(l.certificate() + ".key")}
	}
	return s
}

func node() client {
	return client{"kafkajs", "cert PLAIN SCRAM-SHA-256 SCRAM-SHA-512 OAUTHBEARER", func(t *testing.T, b *broker, l login) testkit.Spec {
		ssl := map[string]any{"ca": map[string]string{"file": b.certs.Path("ca.pem")}}
		s := map[string]any{"ssl": ssl, "retry": map[string]any{"retries": 2}}
		switch l.mechanism {
		case "":
			ssl["cert"] = map[string]string{"file": b.certs.Path(l.certificate() + ".crt")}
			ssl["key"] = map[string]string{"file": b.certs.Path(l.certificate() + ".key")}
		case "OAUTHBEARER":
			s["sasl"] = map[string]any{"mechanism": "oauthbearer", "token": token(l.password)}
		default:
			s["sasl"] = map[string]any{"mechanism": strings.ToLower(l.mechanism), "username": "sally", "password": l.password}
		}
		return testkit.Spec{Args: []string{"node", filepath.Join(testkit.Root(t), "integration/node/client.js")},
			Env: []string{"NODE_PATH=" + filepath.Join(testkit.Peers(t, "node"), "node_modules"), "KAFKAJS_NO_PARTITIONER_WARNING=1", "MOMUS_CLIENT_JSON=" + encode(t, s)}}
	}}
}

// Every client writes and reads over every mechanism it has, and is refused with a wrong password,
// token or certificate.
func TestEveryClientLogsInWithEveryMechanism(t *testing.T) {
	b := startBroker(t)
	stranger := testkit.NewCertificates(t)
	stranger.Sign("stranger", pkix.Name{CommonName: "alice", Organization: []string{"momus"}}, time.Time{})
	for _, kind := range []string{".p12", ".crt", ".key"} {
		data, err := os.ReadFile(stranger.Path("stranger" + kind))
		if err == nil {
			err = os.WriteFile(b.certs.Path("stranger"+kind), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	clients := []client{java("2.5.0"), java("3.9.0"), python("librdkafka", "cert PLAIN SCRAM-SHA-256 SCRAM-SHA-512 OAUTHBEARER", librdkafka),
		python("kafka-python", "cert PLAIN SCRAM-SHA-256 SCRAM-SHA-512", kafkaPython), node()}
	ran := 0
	for _, c := range clients {
		for _, mechanism := range strings.Fields(c.mechanisms) {
			t.Run(c.name+"/"+mechanism, func(t *testing.T) {
				ran++
				l := login{mechanism: strings.TrimPrefix(mechanism, "cert"), password: "sallypw"}
				topic := strings.ToLower(c.name + "-" + mechanism)
				run := func(l login, args ...string) (string, error) {
					s := c.spec(t, b, l)
					s.Args = append(append([]string{}, s.Args...), args...)
					return testkit.TryRun(time.Minute, s)
				}
				if out, err := run(l, "produce", b.address(l), topic, "none", "20", "n"); err != nil {
					t.Fatal(err, out)
				}
				out, err := run(l, "consume", b.address(l), topic, "20")
				if n := strings.Count(out, "n value "); err != nil || n != 20 {
					t.Fatal(n, "records", err, out)
				}
				l.password = "wrong"
				if out, err := run(l, "produce", b.address(l), topic, "none", "1", "bad"); err == nil {
					t.Error("a wrong login was taken", out)
				}
			})
		}
	}
	log := b.Process.Output()
	for _, secret := range []string{"sallypw", store} {
		if strings.Contains(log, secret) {
			t.Error("a password is in the log")
		}
	}
	if n := strings.Count(log, "Failed authentication with /127.0.0.1"); n < ran {
		t.Errorf("only %d of %d failed logins are in the log", n, ran)
	}
}

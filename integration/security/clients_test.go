//go:build interop

package security

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

// everything are all that there is but Kerberos.
const everything = "TLS cert PLAIN SCRAM-SHA-256 SCRAM-SHA-512 OAUTHBEARER"

// client is a library, and the mechanisms that it has; "cert" is a certificate.
type client struct {
	name       string
	mechanisms string
	// run carries out a command of java/src/Client.java and returns what it prints.
	run func(t *testing.T, b *broker, l login, args ...string) (string, error)
}

// program is a client that is a process: spec makes the command line.
func program(name, mechanisms string, spec func(t *testing.T, b *broker, l login) testkit.Spec) client {
	return client{name, mechanisms, func(t *testing.T, b *broker, l login, args ...string) (string, error) {
		s := spec(t, b, l)
		s.Args = append(append([]string{}, s.Args...), args...)
		return testkit.TryRun(3*time.Minute, s) // of a JVM on a busy machine
	}}
}

const javaModule = "sasl.jaas.config=org.apache.kafka.common.security."

// javaProperties are the settings of Java's clients.
func (b *broker) javaProperties(t *testing.T, l login) string {
	lines := []string{"ssl.truststore.type=PKCS12", "ssl.truststore.location=" + b.certs.Path("trust.p12"), "ssl.truststore.password=" + store, "security.protocol=SASL_SSL",
		"sasl.mechanism=" + l.mechanism, "delivery.timeout.ms=60000", "request.timeout.ms=30000"}
	switch {
	case l.mechanism == "":
		lines = append(lines[:3:3], "security.protocol=SSL", "ssl.keystore.type=PKCS12", "ssl.keystore.location="+b.certs.Path(l.certificate+".p12"), "ssl.keystore.password="+store)
	case l.mechanism == "TLS":
		lines = append(lines[:3:3], "security.protocol=SSL")
	case l.mechanism == "PLAIN":
		lines = append(lines, fmt.Sprintf("%splain.PlainLoginModule required username=%q password=%q;", javaModule, l.user, l.password))
	case l.token != "":
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(l.token), 0o600); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%soauthbearer.OAuthBearerLoginModule required file=%q;", javaModule, file), "sasl.login.callback.handler.class=TokenLogin")
	case l.mechanism == "OAUTHBEARER":
		lines = append(lines, fmt.Sprintf("%soauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=%q;", javaModule, l.user))
	default:
		lines = append(lines, fmt.Sprintf("%sscram.ScramLoginModule required username=%q password=%q tokenauth=%q;", javaModule, l.user, l.password, fmt.Sprint(l.delegation)))
	}
	file := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// jackson are the libraries that Java's clients need for OAUTHBEARER.
func jackson(t *testing.T) (path string) {
	for _, jar := range []string{"annotations", "core", "databind"} {
		path += ":" + filepath.Join(testkit.Peers(t, "kafka"), "jackson-"+jar+"-2.10.2.jar")
	}
	return path
}

// javaArgs is the command line of the client in Java, with options of its JVM.
func javaArgs(t *testing.T, version string, options ...string) []string {
	args := append([]string{"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}, options...)
	return append(args, "-cp", filepath.Join(testkit.Peers(t, "clients-"+version), "*")+":"+testkit.Peers(t, "java-client")+jackson(t), "Client")
}

func java(version string) client {
	return program("java-"+version, everything, func(t *testing.T, b *broker, l login) testkit.Spec {
		return testkit.Spec{Args: javaArgs(t, version), Env: []string{"MOMUS_CLIENT_PROPERTIES=" + b.javaProperties(t, l)}}
	})
}

func python(library, mechanisms string, settings func(b *broker, l login) map[string]any) client {
	return program(library, mechanisms, func(t *testing.T, b *broker, l login) testkit.Spec {
		return pythonSpec(t, library, settings(b, l))
	})
}

func pythonSpec(t *testing.T, library string, settings map[string]any) testkit.Spec {
	return testkit.Spec{Args: []string{filepath.Join(testkit.Peers(t, "python"), "bin/python"), filepath.Join(testkit.Root(t), "integration/python/client.py"), library},
		Env: []string{"MOMUS_CLIENT_JSON=" + encode(t, settings)}}
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
	s := map[string]any{"security.protocol": "SASL_SSL", "ssl.ca.location": b.certs.Path("ca.pem"), "message.timeout.ms": 10000}
	switch {
	case l.mechanism == "":
		s["security.protocol"] = "SSL"
		s["ssl.certificate.location"], s["ssl.key.location"] = b.certs.Path(l.certificate+".crt"), b.certs.Path(l.certificate+".key")
		return s
	case l.mechanism == "TLS":
		s["security.protocol"] = "SSL"
		return s
	case l.token != "":
		s["oauth.token"] = l.token
	case l.mechanism == "OAUTHBEARER":
		s["enable.sasl.oauthbearer.unsecure.jwt"], s["sasl.oauthbearer.config"] = true, "principal="+l.user
	default:
		s["sasl.username"], s["sasl.password"] = l.user, l.password
	}
	s["sasl.mechanism"] = l.mechanism
	return s
}

func kafkaPython(b *broker, l login) map[string]any {
	s := map[string]any{"security_protocol": "SASL_SSL", "ssl_cafile": b.certs.Path("ca.pem"), "bootstrap_timeout_ms": 8000}
	switch l.mechanism {
	case "":
		s["security_protocol"] = "SSL"
		s["ssl_certfile"], s["ssl_keyfile"] = b.certs.Path(l.certificate+".crt"), b.certs.Path(l.certificate+".key")
		return s
	case "TLS":
		s["security_protocol"] = "SSL"
		return s
	case "OAUTHBEARER":
		s["sasl_oauth_token_provider"] = l.bearer()
	default:
		s["sasl_plain_username"], s["sasl_plain_password"] = l.user, l.password
	}
	s["sasl_mechanism"] = l.mechanism
	return s
}

func node() client {
	return program("kafkajs", everything, func(t *testing.T, b *broker, l login) testkit.Spec {
		ssl := map[string]any{"ca": map[string]string{"file": b.certs.Path("ca.pem")}}
		s := map[string]any{"ssl": ssl, "retry": map[string]any{"retries": 2}}
		switch l.mechanism {
		case "":
			ssl["cert"] = map[string]string{"file": b.certs.Path(l.certificate + ".crt")}
			ssl["key"] = map[string]string{"file": b.certs.Path(l.certificate + ".key")}
		case "TLS":
		case "OAUTHBEARER":
			s["sasl"] = map[string]any{"mechanism": "oauthbearer", "token": l.bearer()}
		default:
			s["sasl"] = map[string]any{"mechanism": strings.ToLower(l.mechanism), "username": l.user, "password": l.password}
		}
		return testkit.Spec{Args: []string{"node", filepath.Join(testkit.Root(t), "integration/node/client.js")},
			Env: []string{"NODE_PATH=" + filepath.Join(testkit.Peers(t, "node"), "node_modules"), "KAFKAJS_NO_PARTITIONER_WARNING=1", "MOMUS_CLIENT_JSON=" + encode(t, s)}}
	})
}

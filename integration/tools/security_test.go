//go:build interop

package tools

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

// stores makes key and trust stores with Java's keytool: broker and client each have a certificate
// of their own, which the other trusts.
func stores(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	keytool := func(args ...string) {
		t.Helper()
		testkit.Run(t, time.Minute, testkit.Spec{Args: append([]string{"keytool"}, args...), Dir: dir})
	}
	for _, who := range []string{"broker", "client"} {
		keytool("-genkeypair", "-alias", who, "-keyalg", "RSA", "-keysize", "2048", "-dname", "CN="+who, "-ext", "san=dns:localhost,ip:127.0.0.1", "-validity", "30",
			"-keystore", who+".jks", "-storetype", "JKS", "-storepass", "store-pw", "-keypass", "key-pw")
		keytool("-importkeystore", "-alias", who, "-srckeystore", who+".jks", "-srcstoretype", "JKS", "-srcstorepass", "store-pw", "-srckeypass", "key-pw",
			"-destkeystore", who+".p12", "-deststoretype", "PKCS12", "-deststorepass", "store-pw", "-destkeypass", "store-pw")
		keytool("-exportcert", "-rfc", "-alias", who, "-keystore", who+".jks", "-storepass", "store-pw", "-file", who+".pem")
		for _, kind := range []string{"jks", "pkcs12"} {
			keytool("-importcert", "-noprompt", "-alias", who, "-file", who+".pem", "-keystore", "trust-"+who+"."+kind, "-storetype", kind, "-storepass", "store-pw")
		}
	}
	return dir
}

// TestSecuritySettings reads property files as Kafka's tools do and works with an Apache Kafka
// 2.5.0 that has TLS and SASL listeners. What the native tools list has to be what the Java tools
// list with the same file.
func TestSecuritySettings(t *testing.T) {
	dir := stores(t)
	zookeeper, open, secure, mutual := testkit.ZooKeeper(t, "zookeeper"), testkit.FreePort(t), testkit.FreePort(t), testkit.FreePort(t)
	const modules = "org.apache.kafka.common.security."
	testkit.KafkaAt(t, 1, open, zookeeper,
		fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SASL_SSL://localhost:%d,SSL://localhost:%d", open, secure, mutual),
		"ssl.keystore.location="+dir+"/broker.jks", "ssl.keystore.password=store-pw", "ssl.key.password=key-pw",
		"ssl.truststore.location="+dir+"/trust-client.jks", "ssl.truststore.password=store-pw", "listener.name.ssl.ssl.client.auth=required",
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		`listener.name.sasl_ssl.plain.sasl.jaas.config=`+modules+`plain.PlainLoginModule required user_alice="alice-pw";`,
		`listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=`+modules+`scram.ScramLoginModule required;`,
		`listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=`+modules+`scram.ScramLoginModule required;`,
		`listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=`+modules+`oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`)
	native := func(tool string, args ...string) testkit.Spec {
		return testkit.Spec{Args: append([]string{filepath.Join(bin(t), tool+".sh")}, args...)}
	}
	testkit.Run(t, time.Minute, native("kafka-configs", "--zookeeper", zookeeper, "--alter", "--entity-type", "users", "--entity-name", "alice",
		"--add-config", "SCRAM-SHA-256=[password=alice-pw],SCRAM-SHA-512=[iterations=8192,password=alice-pw]"))

	jks := map[string]string{"ssl.truststore.location": dir + "/trust-broker.jks", "ssl.truststore.password": "store-pw"}
	pkcs12 := map[string]string{"ssl.truststore.location": dir + "/trust-broker.pkcs12", "ssl.truststore.password": "store-pw", "ssl.truststore.type": "PKCS12"}
	pem := map[string]string{"ssl.truststore.location": dir + "/broker.pem", "ssl.truststore.type": "PEM"}
	sasl := func(trust map[string]string, mechanism, module string) map[string]string {
		props := maps.Clone(trust)
		props["security.protocol"], props["sasl.mechanism"], props["sasl.jaas.config"] = "SASL_SSL", mechanism, modules+module
		return props
	}
	clientKey := func(trust map[string]string, store ...string) map[string]string {
		props := maps.Clone(trust)
		props["security.protocol"] = "SSL"
		for _, s := range store {
			k, v, _ := strings.Cut(s, "=")
			props[k] = v
		}
		return props
	}
	const user, unsecured = `LoginModule required username="alice" password="alice-pw";`, `oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="alice";`
	file := func(name string, props map[string]string) string {
		t.Helper()
		var lines []string
		for _, k := range slices.Sorted(maps.Keys(props)) {
			lines = append(lines, k+"="+props[k])
		}
		path := filepath.Join(t.TempDir(), name+".properties")
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name  string
		port  int
		props map[string]string
	}{
		{"PLAIN with a JKS trust store", secure, sasl(jks, "PLAIN", "plain.Plain"+user)},
		{"SCRAM-SHA-256 with a PKCS12 trust store", secure, sasl(pkcs12, "SCRAM-SHA-256", "scram.Scram"+user)},
		{"SCRAM-SHA-512 with a JKS trust store and no password", secure, sasl(map[string]string{"ssl.truststore.location": jks["ssl.truststore.location"]}, "SCRAM-SHA-512", "scram.Scram"+user)},
		{"OAUTHBEARER", secure, sasl(jks, "OAUTHBEARER", unsecured)},
		{"PLAIN with PEM", secure, sasl(pem, "PLAIN", "plain.Plain"+user)},
		{"a client's key in JKS", mutual, clientKey(jks, "ssl.keystore.location="+dir+"/client.jks", "ssl.keystore.password=store-pw", "ssl.key.password=key-pw")},
		{"a client's key in PKCS12", mutual, clientKey(pkcs12, "ssl.keystore.location="+dir+"/client.p12", "ssl.keystore.type=PKCS12", "ssl.keystore.password=store-pw", "ssl.key.password=store-pw")},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic := fmt.Sprintf("t-%d-%d", len(c.name), c.port)
			config, server := file("client", c.props), fmt.Sprintf("localhost:%d", c.port)
			testkit.Run(t, time.Minute, native("kafka-topics", "--bootstrap-server", server, "--command-config", config, "--create", "--topic", topic))
			producer := native("kafka-verifiable-producer", "--broker-list", server, "--producer.config", config, "--topic", topic, "--max-messages", "10")
			if out := testkit.Run(t, time.Minute, producer); !strings.Contains(out, `"sent":10,"acked":10`) {
				t.Errorf("producer:\n%s", out)
			}
			consumer := native("kafka-console-consumer", "--bootstrap-server", server, "--consumer.config", config, "--topic", topic, "--from-beginning", "--max-messages", "10", "--group", topic)
			if out := testkit.Run(t, time.Minute, consumer); strings.Count(out, "\n") != 10 {
				t.Errorf("consumer:\n%s", out)
			}
			groups := []string{"--bootstrap-server", server, "--command-config", config, "--list"}
			out := testkit.Run(t, time.Minute, native("kafka-consumer-groups", groups...))
			if !strings.Contains(out, topic+"\n") {
				t.Errorf("groups:\n%s", out)
			}
			if strings.Contains(c.name, "PEM") { // Java's clients have it since 2.7
				return
			}
			// It is the only one of Java's tools here, since each takes seconds to start.
			java := testkit.Run(t, time.Minute, testkit.Spec{Args: testkit.Java(t, "kafka", "kafka.admin.ConsumerGroupCommand", groups...)})
			if lines := func(s string) []string { return slices.Sorted(slices.Values(strings.Fields(s))) }; !slices.Equal(lines(out), lines(java)) {
				t.Errorf("native:\n%sJava:\n%s", out, java)
			}
		})
	}
	for _, c := range []struct {
		name      string
		port      int
		props     map[string]string
		out, hint string // no hint where Kafka's lines say it all; a terminal gets one
	}{
		{"a wrong password", secure, sasl(jks, "PLAIN", `plain.PlainLoginModule required username="alice" password="nope";`),
			"SaslAuthenticationException: Authentication failed: Invalid username or password", ""},
		{"an unknown user", secure, sasl(jks, "SCRAM-SHA-256", `scram.ScramLoginModule required username="bob" password="nope";`),
			"SaslAuthenticationException: Authentication failed", ""},
		{"no trust", secure, map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.jaas.config": modules + "plain.Plain" + user}, "SslAuthenticationException: SSL handshake failed", "ssl.truststore.location"},
		{"no key of the client", mutual, clientKey(jks, "default.api.timeout.ms=4000"), "Exception: ", "ssl.keystore.location"},
		{"plain text", secure, map[string]string{"default.api.timeout.ms": "4000"}, "TimeoutException", "speaks TLS"},
		{"no SASL", secure, clientKey(jks, "default.api.timeout.ms=4000"), "TimeoutException", "wants SASL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := testkit.TryRun(time.Minute, native("kafka-topics", "--bootstrap-server", fmt.Sprintf("localhost:%d", c.port), "--command-config", file("client", c.props), "--list"))
			if err == nil || !strings.Contains(out, c.out) || !strings.Contains(err.Error(), "exit status 1") || strings.Contains(err.Error(), "hint: ") != (c.hint != "") || !strings.Contains(err.Error(), c.hint) {
				t.Errorf("want %q and %q in\n%s%v", c.out, c.hint, out, err)
			}
		})
	}
}

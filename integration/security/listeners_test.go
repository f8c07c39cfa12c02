//go:build interop

package security

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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

	"github.com/golang-jwt/jwt/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
)

const store = testkit.StorePassword

// broker is a momus broker with a listener of each kind.
type broker struct {
	*testkit.Cluster
	certs             *testkit.Certificates
	ssl, sasl, signed string // addresses
	open              string // TLS without certificates of clients
	issuer            *issuer
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	certs := testkit.NewCertificates(t)
	organization := []string{"momus"}
	certs.Sign("broker", pkix.Name{CommonName: "localhost", Organization: organization}, time.Time{})
	certs.Sign("alice", pkix.Name{CommonName: "alice", Organization: organization}, time.Time{})
	certs.Sign("expired", pkix.Name{CommonName: "alice", Organization: organization}, time.Now().Add(-time.Minute))
	zookeeper := testkit.Coordination(t)
	plain, ssl, sasl, signed, open := testkit.FreePort(t), testkit.FreePort(t), testkit.FreePort(t), testkit.FreePort(t), testkit.FreePort(t)
	for _, user := range []string{"sally", "revoked"} {
		users(t, zookeeper, user, "--add-config", "SCRAM-SHA-256=[password=sallypw],SCRAM-SHA-512=[password=sallypw]")
	}
	b := &broker{certs: certs, ssl: "localhost:" + strconv.Itoa(ssl), sasl: "localhost:" + strconv.Itoa(sasl), signed: "localhost:" + strconv.Itoa(signed),
		open: "localhost:" + strconv.Itoa(open), issuer: newIssuer(t)}
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, b.issuer.set(t), 0o600); err != nil {
		t.Fatal(err)
	}
	const module = "org.apache.kafka.common.security."
	b.Cluster = testkit.BrokerAt(t, 1, plain, zookeeper,
		fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SSL://localhost:%d,SASL_SSL://localhost:%d,SIGNED://localhost:%d,OPEN://localhost:%d", plain, ssl, sasl, signed, open),
		"inter.broker.listener.name=PLAINTEXT", "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,SIGNED:SASL_SSL,OPEN:SSL", "listener.name.open.ssl.client.auth=none",
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER", "ssl.keystore.type=PKCS12", "ssl.keystore.location="+certs.Path("broker.p12"),
		"ssl.keystore.password="+store, "ssl.truststore.type=PKCS12", "ssl.truststore.location="+certs.Path("trust.p12"), "ssl.truststore.password="+store,
		"ssl.client.auth=required", "connections.max.reauth.ms=12000", "delegation.token.master.key=master",
		"listener.name.sasl_ssl.plain.sasl.jaas.config="+module+`plain.PlainLoginModule required user_sally="sallypw";`,
		"listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config="+module+"scram.ScramLoginModule required;",
		"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config="+module+"scram.ScramLoginModule required;",
		"listener.name.sasl_ssl.oauthbearer.sasl.jaas.config="+module+"oauthbearer.OAuthBearerLoginModule required;",
		"listener.name.signed.sasl.enabled.mechanisms=OAUTHBEARER", "listener.name.signed.oauthbearer.sasl.jaas.config="+module+"oauthbearer.OAuthBearerLoginModule required;",
		"listener.name.signed.sasl.oauthbearer.jwks.endpoint.url=file://"+keys, "listener.name.signed.sasl.oauthbearer.expected.issuer=https://issuer.example",
		"listener.name.signed.sasl.oauthbearer.expected.audience=kafka", "listener.name.signed.sasl.oauthbearer.clock.skew.seconds=5")
	return b
}

// users changes a user's SCRAM credentials.
func users(t *testing.T, zookeeper, name string, change ...string) {
	t.Helper()
	testkit.Run(t, time.Minute, testkit.Spec{Args: append([]string{testkit.Binary(t), "configs", "--zookeeper", zookeeper, "--alter", "--entity-type", "users",
		"--entity-name", name}, change...)})
}

// login is how a client is to log in. Mechanism "" is a certificate, "TLS" nothing but the broker's.
type login struct {
	name           string // what is right or wrong with it
	mechanism      string
	user, password string
	certificate    string
	token          string         // of OAUTHBEARER; "" is an unsigned one that is good
	signed         bool           // to the listener that takes signed tokens only
	delegation     bool           // user and password are a delegation token
	realm          *testkit.Realm // of GSSAPI
}

// bearer is the token to send.
func (l login) bearer() string {
	if l.token != "" {
		return l.token
	}
	return unsigned(time.Hour)
}

// unsigned is an unsigned token of sally's.
func unsigned(lifetime time.Duration) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(fmt.Appendf(nil, `{"sub":"sally","iat":%d,"exp":%d}`, time.Now().Add(-time.Hour).Unix(), time.Now().Add(lifetime).Unix())) + "."
}

// issuer signs tokens.
type issuer struct{ key *ecdsa.PrivateKey }

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{key}
}

// set is its key set (JWKS).
func (i *issuer) set(t *testing.T) []byte {
	t.Helper()
	point, err := i.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	data, err := json.Marshal(map[string]any{"keys": []map[string]string{{"kty": "EC", "kid": "k", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// token is a token of sally's for an audience.
func (i *issuer) token(t *testing.T, audience string, lifetime time.Duration) string {
	t.Helper()
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"sub": "sally", "iss": "https://issuer.example", "aud": audience, "iat": now.Add(-time.Hour).Unix(), "exp": now.Add(lifetime).Unix()})
	token.Header["kid"] = "k"
	text, err := token.SignedString(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// listener is the one that a login is for.
func (b *broker) listener(l login) string {
	switch {
	case l.mechanism == "":
		return "SSL"
	case l.mechanism == "TLS":
		return "OPEN"
	case l.signed:
		return "SIGNED"
	}
	return "SASL_SSL"
}

func (b *broker) address(l login) string {
	return map[string]string{"SSL": b.ssl, "SIGNED": b.signed, "SASL_SSL": b.sasl, "OPEN": b.open}[b.listener(l)]
}

// failures is how many logins have failed on a listener.
func failures(t *testing.T, b *testkit.Cluster, listener string) float64 {
	t.Helper()
	return b.Metric(t, fmt.Sprintf("kafka_server_socketservermetrics_failed_authentication_total{listener=%q}", listener))
}

// addStranger adds files of another authority.
func (b *broker) addStranger(t *testing.T) {
	t.Helper()
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
}

// delegated makes a delegation token of sally's, and gives a login with it and what expires it.
func (b *broker) delegated(t *testing.T) (login, func()) {
	t.Helper()
	cl, err := kgo.NewClient(b.franz(login{mechanism: "SCRAM-SHA-256", user: "sally", password: "sallypw"})...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	request := func(r kmsg.Request) kmsg.Response {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		resp, err := cl.SeedBrokers()[0].Request(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	made := request(&kmsg.CreateDelegationTokenRequest{Version: 2, MaxLifetimeMillis: -1}).(*kmsg.CreateDelegationTokenResponse)
	if made.ErrorCode != 0 {
		t.Fatalf("%+v", made)
	}
	return login{mechanism: "SCRAM-SHA-512", user: made.TokenID, password: base64.StdEncoding.EncodeToString(made.HMAC), delegation: true}, func() {
		if r := request(&kmsg.ExpireDelegationTokenRequest{Version: 2, HMAC: made.HMAC, ExpiryPeriodMillis: -1}).(*kmsg.ExpireDelegationTokenResponse); r.ErrorCode != 0 {
			t.Fatalf("%+v", r)
		}
	}
}

// Every client writes and reads over every mechanism it has, and is refused with a wrong password,
// as a revoked user, with an expired or foreign certificate or token.
func TestEveryClientLogsInWithEveryMechanism(t *testing.T) {
	b := startBroker(t)
	b.addStranger(t)
	users(t, b.ZooKeeper, "revoked", "--delete-config", "SCRAM-SHA-256,SCRAM-SHA-512")
	delegated, _ := b.delegated(t)
	expired, expire := b.delegated(t)
	expire()
	delegated.name, expired.name = "delegation", "expired-delegation"
	signed := func(name string, i *issuer, audience string, lifetime time.Duration) login {
		return login{name: name, mechanism: "OAUTHBEARER", token: i.token(t, audience, lifetime), signed: true}
	}
	password := func(m string) []login {
		return []login{{name: "wrong-password", mechanism: m, user: "sally", password: "wrong"}, {name: "revoked", mechanism: m, user: "revoked", password: "sallypw"}}
	}
	good := map[string][]login{
		"TLS": {{mechanism: "TLS"}}, "cert": {{certificate: "alice"}}, "PLAIN": {{mechanism: "PLAIN", user: "sally", password: "sallypw"}},
		"SCRAM-SHA-256": {{mechanism: "SCRAM-SHA-256", user: "sally", password: "sallypw"}},
		"SCRAM-SHA-512": {{mechanism: "SCRAM-SHA-512", user: "sally", password: "sallypw"}, delegated},
		"OAUTHBEARER":   {{mechanism: "OAUTHBEARER", user: "sally"}, signed("signed", b.issuer, "kafka", time.Hour)},
	}
	bad := map[string][]login{
		"cert": {{name: "expired", certificate: "expired"}, {name: "foreign", certificate: "stranger"}}, "PLAIN": password("PLAIN")[:1],
		"SCRAM-SHA-256": password("SCRAM-SHA-256"), "SCRAM-SHA-512": append(password("SCRAM-SHA-512"), expired),
		"OAUTHBEARER": {{name: "expired", mechanism: "OAUTHBEARER", token: unsigned(-time.Minute)}, {name: "unsigned", mechanism: "OAUTHBEARER", token: unsigned(time.Hour), signed: true},
			signed("expired-signed", b.issuer, "kafka", -time.Minute), signed("foreign", newIssuer(t), "kafka", time.Hour), signed("other-audience", b.issuer, "others", time.Hour)},
	}
	clients := []client{franzGo(), saramaClient(), kafkaGo(), node(), java("2.5.0"), java("3.9.0"), python("librdkafka", everything, librdkafka), python("kafka-python", everything, kafkaPython)}
	for _, c := range clients {
		hasTokens := c.name == "franz-go" || strings.HasPrefix(c.name, "java") // delegation tokens, over SCRAM
		for _, mechanism := range strings.Fields(c.mechanisms) {
			t.Run(c.name+"/"+mechanism, func(t *testing.T) {
				for _, l := range good[mechanism] {
					if l.delegation && !hasTokens {
						continue
					}
					topic := strings.Trim(strings.ToLower(c.name+"-"+mechanism+"-"+l.name), "-")
					b.create(t, topic)
					if out, err := c.run(t, b, l, "produce", b.address(l), topic, "none", "20", "n"); err != nil {
						t.Fatal(l.name, err, out)
					}
					out, err := c.run(t, b, l, "consume", b.address(l), topic, "20")
					if n := strings.Count(out, "n value "); err != nil || n != 20 {
						t.Fatal(l.name, n, "records", err, out)
					}
				}
				for _, l := range bad[mechanism] {
					if l.delegation && !hasTokens {
						continue
					}
					before := failures(t, b.Cluster, b.listener(l))
					out, err := c.run(t, b, l, "produce", b.address(l), "bad", "none", "1", "bad")
					if err == nil {
						t.Error(l.name, "was taken", out)
						continue
					}
					// The broker refused it, not the client itself. A client that hangs up when it is told
					// so, before it has said that it understood, is not counted by Kafka either.
					if text := err.Error(); strings.Contains(text, "invalid_token") || strings.Contains(text, "unexpected data in oauth response") {
						continue
					}
					testkit.Eventually(t, 5*time.Second, "the failed login is counted: "+l.name, func() bool { return failures(t, b.Cluster, b.listener(l)) > before })
				}
			})
		}
	}
	log := b.Process.Output()
	if !strings.Contains(log, "Failed authentication with /127.0.0.1") {
		t.Error("failed logins are not in the log")
	}
	for _, secret := range []string{"sallypw", store, delegated.password} {
		if strings.Contains(log, secret) {
			t.Error("a password is in the log")
		}
	}
	if b.has(t, "bad") {
		t.Error("a refused client has made a topic")
	}
}

// create makes a topic and waits for its leader: not every library does.
func (b *broker) create(t *testing.T, topic string) {
	t.Helper()
	if _, err := testkit.Admin(t, b.Bootstrap).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	testkit.Leader(t, b.Bootstrap, topic, 0)
}

// has tells whether there is a topic.
func (b *broker) has(t *testing.T, topic string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	topics, err := testkit.Admin(t, b.Bootstrap).ListTopics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return topics.Has(topic)
}

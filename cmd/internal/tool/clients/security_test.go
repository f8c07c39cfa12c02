package clients

import (
	"crypto/tls"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	wire "github.com/twmb/franz-go/pkg/kerr"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/screen"
	"momus/internal/jaas"
	"momus/internal/jvm"
)

func TestLoginModulesAndMechanisms(t *testing.T) {
	file := filepath.Join(t.TempDir(), "jaas.conf")
	if err := os.WriteFile(file, []byte(`KafkaClient { `+jaas.PlainModule+` required username="u" password="p"; };`), 0o600); err != nil {
		t.Fatal(err)
	}
	static := jvm.Properties{jvm.LoginConfig: file}
	keytab := jaas.Krb5Module + ` required useKeyTab=true keyTab="/k" principal="u@R"`
	for _, c := range []struct {
		props      map[string]string
		properties jvm.Properties
		want       string // in the error; the name of the mechanism when there is none
	}{
		{map[string]string{"sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas.PlainModule + ` required username="u" password="p";`}, nil, "PLAIN"},
		{map[string]string{"sasl.mechanism": "SCRAM-SHA-512", "sasl.jaas.config": jaas.ScramModule + ` required username="u" password="p";`}, nil, "SCRAM-SHA-512"},
		{map[string]string{"sasl.mechanism": "PLAIN"}, static, "PLAIN"},
		{map[string]string{"sasl.mechanism": "SCRAM-SHA-256"}, static, "goes with login module " + jaas.ScramModule},
		{map[string]string{"sasl.mechanism": "PLAIN"}, nil, "Could not find a 'KafkaClient' entry"},
		{map[string]string{"sasl.mechanism": "PLAIN"}, jvm.Properties{jvm.LoginConfig: "/nonexistent"}, "no such file"},
		{map[string]string{"sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas.PlainModule + ` required;`}, nil, "plain.PlainLoginModule required username"},
		{map[string]string{"sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas.PlainModule + ` required username="u"`}, nil, "not terminated by semi-colon"},
		{map[string]string{"sasl.mechanism": "X"}, nil, `"X" is not supported`},
		{map[string]string{"sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": jaas.OAuthBearerModule + ` required;`}, nil, `unsecuredLoginStringClaim_sub="…"`},
		{map[string]string{"sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": jaas.OAuthBearerModule + ` required;`, "sasl.oauthbearer.token.endpoint.url": "file:///t"}, nil, "OAUTHBEARER"},
		{map[string]string{"sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": jaas.OAuthBearerModule + ` required;`, "sasl.oauthbearer.token.endpoint.url": "http://t"}, nil, "file:///run/token"},
		{map[string]string{"sasl.jaas.config": keytab + `;`, "sasl.kerberos.service.name": "kafka"}, nil, "GSSAPI"},
		{map[string]string{"sasl.jaas.config": keytab + ` serviceName="kafka";`}, nil, "GSSAPI"},
		{map[string]string{"sasl.jaas.config": keytab + `;`}, nil, "No serviceName defined"},
		{map[string]string{"sasl.jaas.config": keytab + ` serviceName="a";`, "sasl.kerberos.service.name": "b"}, nil, "Conflicting serviceName"},
		{map[string]string{"sasl.jaas.config": jaas.Krb5Module + ` required;`, "sasl.kerberos.service.name": "kafka"}, nil, "useKeyTab=true"},
	} {
		m, err := saslMechanism(c.props, c.properties)
		if err == nil && m.Name() != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, %v; want %s", c.props, m, err, c.want)
		}
	}
}

func TestATokenIsReadFromItsFileAtEachLogin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	m, err := bearerToken(map[string]string{"sasl.oauthbearer.token.endpoint.url": "file://" + file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Authenticate(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "token.endpoint.url") {
		t.Errorf("no file: %v", err)
	}
	for _, token := range []string{"first", "second"} {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, message, err := m.Authenticate(t.Context(), ""); err != nil || !strings.Contains(string(message), "auth=Bearer "+token+"\x01") {
			t.Errorf("%s: %q, %v", token, message, err)
		}
	}
}

func TestUnsecuredTokensAreKafkas(t *testing.T) {
	m, err := unsecuredToken(entryOptions(t, `OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="alice" unsecuredLoginListClaim_scope=",a,b" unsecuredLoginNumberClaim_n="3" unsecuredLoginLifetimeSeconds="60" unsecuredLoginExtension_x="y";`))
	if err != nil {
		t.Fatal(err)
	}
	_, first, err := m.Authenticate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(string(first), "auth=Bearer ")
	parts := strings.Split(token, ".")
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || len(parts) < 3 || !strings.Contains(string(body), `"sub":"alice"`) || !strings.Contains(string(body), `"scope":["a","b"]`) || !strings.Contains(string(body), `"n":3`) || !strings.Contains(string(first), "x=y") {
		t.Errorf("%s, %q", body, first)
	}
}

func entryOptions(t *testing.T, text string) map[string]string {
	t.Helper()
	e, err := jaas.ParseProperty(text)
	if err != nil {
		t.Fatal(err)
	}
	return e.Options
}

func TestTLSVersions(t *testing.T) {
	cc := &Config{Props: map[string]string{"security.protocol": "ssl", "ssl.enabled.protocols": "TLSv1.2, TLSv1.3"}}
	config, err := cc.tls()
	if err != nil || config.MinVersion != tls.VersionTLS12 || config.MaxVersion != tls.VersionTLS13 {
		t.Errorf("%+v %v", config, err)
	}
	cc.Props["ssl.enabled.protocols"] = "SSLv3"
	if _, err := cc.tls(); err == nil || !strings.Contains(err.Error(), "ssl.enabled.protocols") {
		t.Errorf("SSLv3: %v", err)
	}
}

func TestWrongPasswordIsHintedToPeople(t *testing.T) {
	p := peer{host: "localhost", port: 9092, dialled: true, refused: true, err: wire.SaslAuthenticationFailed}
	for _, person := range []bool{false, true} {
		l := &connections{c: &core.Call{Terminal: screen.Terminal{Err: person}}, cc: &Config{Props: map[string]string{"sasl.mechanism": "PLAIN"}}}
		if hint := l.diagnose(p); strings.Contains(hint, "localhost:9092 refused the user") != person {
			t.Errorf("terminal %v: %q", person, hint)
		}
	}
}

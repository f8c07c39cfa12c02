package clients

import (
	"crypto/tls"
	"encoding/base64"
	"strings"
	"testing"

	wire "github.com/twmb/franz-go/pkg/kerr"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/screen"
)

func TestJAASOptionsAndMechanisms(t *testing.T) {
	jaas := jaasOptions(`org.apache.kafka.common.security.scram.ScramLoginModule required username="a \"b\"" password='c;d' tokenauth=true;`)
	if jaas["username"] != `a "b"` || jaas["password"] != "c;d" || jaas["tokenauth"] != "true" {
		t.Errorf("%q", jaas)
	}
	for props, want := range map[string]string{
		"sasl.mechanism=PLAIN": "plain.PlainLoginModule required", "sasl.mechanism=SCRAM-SHA-256": "scram.ScramLoginModule required", "": "GSSAPI is not supported",
		"sasl.mechanism=X": `"X" is not supported`, "sasl.mechanism=OAUTHBEARER": `unsecuredLoginStringClaim_sub="…"`,
	} {
		k, v, _ := strings.Cut(props, "=")
		if _, err := saslMechanism(map[string]string{k: v}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", props, err, want)
		}
	}
}

func TestUnsecuredTokensAreKafkas(t *testing.T) {
	m, err := unsecuredToken(jaasOptions(`OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="alice" unsecuredLoginListClaim_scope=",a,b" unsecuredLoginNumberClaim_n="3" unsecuredLoginLifetimeSeconds="60" unsecuredLoginExtension_x="y";`))
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

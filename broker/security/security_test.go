package security

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"momus/broker/security/sasl"
	"momus/configs"
	"momus/internal/jvm"
)

const plainModule = "org.apache.kafka.common.security.plain.PlainLoginModule"

// with are the settings of a broker whose listener INSIDE is SASL_PLAINTEXT, with some more.
func with(more map[string]string) map[string]string {
	settings := map[string]string{"zookeeper.connect": "z:1", "listeners": "INSIDE://localhost:0", "inter.broker.listener.name": "INSIDE",
		"listener.security.protocol.map": "INSIDE:SASL_PLAINTEXT", "sasl.enabled.mechanisms": "PLAIN", "sasl.mechanism.inter.broker.protocol": "PLAIN"}
	maps.Copy(settings, more)
	return settings
}

func build(t *testing.T, settings map[string]string, jaas string) (*Security, *logtest.Hook, error) {
	t.Helper()
	c, err := configs.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	logger, hook := logtest.NewNullLogger()
	o := Options{Config: c, Logger: logrus.NewEntry(logger), Properties: jvm.Properties{jvm.Krb5Config: "/none"},
		InterBrokerMechanism: func() string { return c.Broker().SASLMechanismInterBrokerProtocol }}
	if jaas != "" {
		file := filepath.Join(t.TempDir(), "jaas.conf")
		if err := os.WriteFile(file, []byte(jaas), 0o600); err != nil {
			t.Fatal(err)
		}
		o.Properties[jvm.LoginConfig] = file
	}
	s, err := New(o)
	return s, hook, err
}

// authenticates reports whether a password logs in with PLAIN.
func authenticates(t *testing.T, s *Security, user, password string) bool {
	t.Helper()
	m, err := s.SASL("INSIDE").New(sasl.PLAIN)
	if err != nil {
		t.Fatal(err)
	}
	_, done, _ := m.Step(time.Now(), []byte("\x00"+user+"\x00"+password))
	return done
}

func TestTheFirstSourceOfCredentialsCounts(t *testing.T) {
	section := func(name, password string) string {
		return fmt.Sprintf("%s {\n  %s required user_a=%q;\n};\n", name, plainModule, password)
	}
	own := map[string]string{"listener.name.inside.plain.sasl.jaas.config": plainModule + ` required user_a="setting";`}
	both := section("KafkaServer", "all") + section("inside.KafkaServer", "listener")
	for _, c := range []struct {
		more map[string]string
		jaas string
		want string
	}{
		{own, both, "setting"}, {nil, both, "listener"}, {nil, section("KafkaServer", "all"), "all"}, {own, "", "setting"},
		{map[string]string{"sasl.jaas.config": plainModule + ` required user_a="ignored";`}, section("KafkaServer", "all"), "all"},
	} {
		s, _, err := build(t, with(c.more), c.jaas)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, password := range []string{"setting", "listener", "all", "ignored"} {
			if authenticates(t, s, "a", password) != (password == c.want) {
				t.Errorf("%v %s: %s", c.more, c.jaas, password)
			}
		}
	}
}

func TestSettingsWithoutMechanismAreReported(t *testing.T) {
	_, hook, err := build(t, with(map[string]string{"sasl.jaas.config": plainModule + " required;", "listener.name.inside.sasl.jaas.config": plainModule + " required;",
		"listener.name.inside.plain.sasl.jaas.config": plainModule + " required;"}), "")
	if err != nil || len(hook.AllEntries()) != 0 {
		t.Error("what is overridden need not be reported", err, len(hook.AllEntries()))
	}
	_, hook, _ = build(t, with(map[string]string{"sasl.jaas.config": plainModule + " required;"}), "")
	if e := hook.LastEntry(); e == nil || !strings.Contains(e.Message, "should be prefixed with SASL mechanism name") {
		t.Errorf("%v", e)
	}
}

func TestWhatIsWrongIsSaidWithWhatToDo(t *testing.T) {
	plain := map[string]string{"listener.name.inside.plain.sasl.jaas.config": plainModule + ` required username="geheim" password="geheim";`}
	and := func(more map[string]string, pairs ...string) map[string]string {
		out := maps.Clone(more)
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = pairs[i+1]
		}
		return out
	}
	const oauth = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
	for want, c := range map[string]struct {
		more map[string]string
		jaas string
	}{
		"Could not find a 'KafkaServer' or 'inside.KafkaServer' entry":   {nil, ""},
		"System property 'java.security.auth.login.config' is /":         {nil, "Other { a.B required; };"},
		"expected [option value], found [null]":                          {nil, "KafkaServer { a.B required x=1; };"},
		"JAAS config entry not terminated by semi-colon":                 {map[string]string{"listener.name.inside.plain.sasl.jaas.config": plainModule + ` required password="geheim"`}, ""},
		"unable to find LoginModule class: com.example.Module":           {map[string]string{"listener.name.inside.plain.sasl.jaas.config": `com.example.Module required password="geheim";`}, ""},
		"sasl.server.callback.handler.class is x.Y":                      {and(plain, "listener.name.inside.plain.sasl.server.callback.handler.class", "x.Y"), ""},
		"principal.builder.class is x.Y":                                 {and(plain, "principal.builder.class", "x.Y"), ""},
		"which is not among its sasl.enabled.mechanisms (PLAIN)":         {and(plain, "sasl.mechanism.inter.broker.protocol", "GSSAPI"), ""},
		"mechanism DIGEST-MD5: this broker does not have it":             {and(plain, "sasl.enabled.mechanisms", "PLAIN,DIGEST-MD5", "listener.name.inside.digest-md5.sasl.jaas.config", plainModule+" required;"), ""},
		"Must supply exactly 1 non-null JAAS mechanism configuration":    {and(map[string]string{}, "sasl.enabled.mechanisms", "PLAIN,OAUTHBEARER"), "KafkaServer { " + plainModule + " required; " + oauth + " };"},
		"Invalid rule: `RULE:x`":                                         {and(plain, "ssl.principal.mapping.rules", "RULE:x"), ""},
		"No serviceName defined in either JAAS or Kafka config":          {and(plain, "sasl.enabled.mechanisms", "PLAIN,GSSAPI", "listener.name.inside.gssapi.sasl.jaas.config", `com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab="/none" principal="kafka/x@Y";`), ""},
		"keyTab: stat /none: no such file or directory":                  {and(plain, "sasl.enabled.mechanisms", "PLAIN,GSSAPI", "sasl.kerberos.service.name", "kafka", "listener.name.inside.gssapi.sasl.jaas.config", `com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab="/none" principal="kafka/x@Y";`), ""},
		"sasl.oauthbearer.jwks.endpoint.url: open /none/keys: no such f": {and(plain, "sasl.enabled.mechanisms", "PLAIN,OAUTHBEARER", "listener.name.inside.oauthbearer.sasl.jaas.config", oauth, "sasl.oauthbearer.jwks.endpoint.url", "file:///none/keys"), ""},
	} {
		_, hook, err := build(t, with(c.more), c.jaas)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v", want, err)
			continue
		}
		texts := []string{err.Error()}
		for _, e := range hook.AllEntries() {
			texts = append(texts, e.Message)
		}
		if strings.Contains(strings.Join(texts, "\n"), "geheim") {
			t.Errorf("a secret is shown: %v", texts)
		}
	}
}

func TestSessionsEndByListenerAndMechanism(t *testing.T) {
	s, _, err := build(t, with(map[string]string{"sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512", "connections.max.reauth.ms": "1000",
		"listener.name.inside.connections.max.reauth.ms": "2000", "listener.name.inside.scram-sha-256.connections.max.reauth.ms": "3000"}),
		"KafkaServer { "+plainModule+" required; org.apache.kafka.common.security.scram.ScramLoginModule required; };")
	if err != nil {
		t.Fatal(err)
	}
	for m, want := range map[string]time.Duration{sasl.PLAIN: 2 * time.Second, sasl.SCRAMSHA256: 3 * time.Second, sasl.SCRAMSHA512: 2 * time.Second} {
		if got := s.SASL("INSIDE").MaxReauth(m); got != want {
			t.Errorf("%s: %v", m, got)
		}
	}
}

func TestBrokersLogInWithTheirOwnCredentials(t *testing.T) {
	for jaas, want := range map[string]string{
		plainModule + ` required username="u" password="p";`: "",
		plainModule + ` required user_u="p";`:                "has no username and password",
	} {
		s, _, err := build(t, with(map[string]string{"listener.name.inside.plain.sasl.jaas.config": jaas}), "")
		if err != nil {
			t.Fatal(err)
		}
		client, err := s.client(s.Listener("INSIDE"), sasl.PLAIN, "localhost")
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Error(err)
			}
			continue
		}
		if token, err := client.Next(nil); err != nil || string(token) != "\x00u\x00p" {
			t.Errorf("%q, %v", token, err)
		}
	}
}

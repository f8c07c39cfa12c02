package tool

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestNearestIsWhatWasMeant(t *testing.T) {
	names := []string{"bootstrap-server", "topic", "list", "describe", "delete"}
	for word, want := range map[string]string{"topc": "topic", "lst": "list", "bootstrap-servers": "bootstrap-server", "descibe": "describe", "xyz": "", "boot": ""} {
		if got := nearest(word, names); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	v := viewTable{title: "Things", header: []string{"NAME", "COUNT", "NOTE"}, right: []string{"COUNT"}, rows: [][]cell{
		{{text: "short"}, {text: "7"}, {text: strings.Repeat("x", 90)}}, {{text: "a name"}, {text: "1234", mood: alarm}, {}}}}
	var b bytes.Buffer
	v.render(&b, terminal{width: 40})
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if lines[0] != "Things" || lines[1] != "NAME    COUNT  NOTE" || lines[len(lines)-1] != "a name   1234" || strings.Contains(b.String(), "\x1b") {
		t.Errorf("table:\n%s", b.String())
	}
	for _, l := range lines {
		if len(l) > 40 || strings.HasSuffix(l, " ") {
			t.Errorf("%d columns: %q", len(l), l)
		}
	}
}

func TestSizesForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 5 << 30: "5.0 GiB", 3 << 50: "3072.0 TiB"} {
		if got := sizeText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

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
	cc := &clientConfig{props: map[string]string{"security.protocol": "ssl", "ssl.enabled.protocols": "TLSv1.2, TLSv1.3"}}
	config, err := cc.tls()
	if err != nil || config.MinVersion != tls.VersionTLS12 || config.MaxVersion != tls.VersionTLS13 {
		t.Errorf("%+v %v", config, err)
	}
	cc.props["ssl.enabled.protocols"] = "SSLv3"
	if _, err := cc.tls(); err == nil || !strings.Contains(err.Error(), "ssl.enabled.protocols") {
		t.Errorf("SSLv3: %v", err)
	}
}

func TestMessagesAsJSON(t *testing.T) {
	var b bytes.Buffer
	r := &kgo.Record{Topic: "t", Partition: 1, Offset: 2, Timestamp: time.UnixMilli(3), Key: []byte{0xff}, Value: []byte("<v>"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("x")}, {Key: "n"}}}
	if err := formatJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	want := `{"topic":"t","partition":1,"offset":2,"timestamp":3,"timestampType":"CreateTime","headers":[{"key":"h","value":"x"},{"key":"n","value":null}],"key":{"base64":"/w=="},"value":"<v>"}` + "\n"
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
	b.Reset()
	f := &defaultFormatter{value: true, offset: true, headers: true, separator: "\t", end: "\n"}
	if err := f.write(&b, r); err != nil || b.String() != "Offset:2\th:x,n:\t<v>\n" {
		t.Errorf("%q %v", b.String(), err)
	}
}

func TestEveryToolCanBeCompleted(t *testing.T) {
	others := []string{"kafka-run-class", "zookeeper-shell", "kafka-server-stop", "zookeeper-server-stop"} // these take words
	for _, x := range Tools() {
		if (x.Options != nil) == slices.Contains(others, x.Name) {
			t.Errorf("%s: has a table of options: %v", x.Name, x.Options != nil)
		}
		if x.Options != nil && len(x.Options().infos()) == 0 {
			t.Errorf("%s: no options", x.Name)
		}
	}
}

func TestWrongPasswordIsHintedToPeople(t *testing.T) {
	p := peer{host: "localhost", port: 9092, dialled: true, refused: true, err: wire.SaslAuthenticationFailed}
	for _, person := range []bool{false, true} {
		l := &connections{c: &call{terminal: terminal{err: person}}, cc: &clientConfig{props: map[string]string{"sasl.mechanism": "PLAIN"}}}
		if hint := l.diagnose(p); strings.Contains(hint, "localhost:9092 refused the user") != person {
			t.Errorf("terminal %v: %q", person, hint)
		}
	}
}

func TestConsumerJoinsAgainInSilence(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&kgo.ErrGroupSession{Err: fmt.Errorf("unable to join group session: %w", wire.UnknownMemberID)}, true},
		{&kgo.ErrGroupSession{Err: wire.RebalanceInProgress}, true},
		{&kgo.ErrGroupSession{Err: wire.GroupAuthorizationFailed}, false},
		{&kgo.ErrGroupSession{Err: wire.FencedInstanceID}, false},
		{wire.UnknownMemberID, false}, // of no group session
	} {
		if got := rejoins(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}

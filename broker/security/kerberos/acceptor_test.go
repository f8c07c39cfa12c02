package kerberos

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"momus/broker/security/principal"
	"momus/broker/security/sasl"
)

// recording is a client of Kafka 2.5.0: the tokens that it sent. The dialogues themselves are
// replayed in broker/handler.
type recording struct {
	Keys struct {
		Time time.Time `json:"authenticator_ctime"`
	}
	Steps []struct{ Send, Recv string }
}

func success(t testing.TB) (at time.Time, tokens [][]byte) {
	t.Helper()
	var r recording
	data, err := os.ReadFile("../../handler/testdata/sasl/gssapi-mutual-subkey.json")
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Steps {
		b, _ := hex.DecodeString(s.Send)
		if i := bytes.Index(b, []byte("gold\x00\x00")); i > 0 && len(b) > 5 && b[5] == 0x24 {
			tokens = append(tokens, b[i+8:])
		}
	}
	if len(tokens) != 3 {
		t.Fatalf("%d tokens", len(tokens))
	}
	return r.Keys.Time, tokens
}

func acceptor(t testing.TB, file string) (*Acceptor, error) {
	t.Helper()
	rules, err := principal.ParseKerberosRules("EXAMPLE.COM", []string{"DEFAULT"})
	if err != nil {
		t.Fatal(err)
	}
	// The client's last token carries the number of ours only in its own direction, so any number
	// will do.
	return NewAcceptor(Settings{Principal: "kafka/localhost@EXAMPLE.COM", KeyTab: file, Rules: rules, Skew: 5 * time.Minute})
}

func run(a *Acceptor, at time.Time, tokens [][]byte) (sasl.Mechanism, bool, error) {
	m := a.New()
	done := false
	for _, token := range tokens {
		var err error
		if _, done, err = m.Step(at, token); err != nil {
			return m, false, err
		}
	}
	return m, done, nil
}

func TestAnExchangeIsAcceptedOnce(t *testing.T) {
	at, tokens := success(t)
	a, err := acceptor(t, "testdata/kafka.keytab")
	if err != nil {
		t.Fatal(err)
	}
	m, done, err := run(a, at, tokens)
	if err != nil || !done {
		t.Fatal(done, err)
	}
	if r := m.Result(); r.Principal.String() != "User:alice" || r.PrincipalErr != nil {
		t.Errorf("%+v", r)
	}
	if _, _, err := m.Step(at, tokens[2]); err == nil {
		t.Error("a token after the end was taken")
	}
	if _, _, err := run(a, at, tokens); err == nil || !strings.Contains(err.Error(), "replay") {
		t.Error("a replay:", err)
	}
	if _, _, err := run(a, at.Add(time.Hour), tokens); err == nil || !strings.Contains(err.Error(), "skew") {
		t.Error("an old token:", err)
	}
	a.replays.add(at.Add(time.Hour), a.skew, []byte("another"))
	if n := len(a.replays.seen); n != 1 {
		t.Errorf("%d authenticators are remembered after their time", n)
	}
}

// TestEveryBitCounts flips bits of the ticket and of the choice: none may pass, and none may panic.
func TestEveryBitCounts(t *testing.T) {
	at, tokens := success(t)
	for which := range tokens {
		for i := range tokens[which] {
			a, err := acceptor(t, "testdata/kafka.keytab")
			if err != nil {
				t.Fatal(err)
			}
			changed := bytes.Clone(tokens[which])
			changed[i] ^= 0x55
			all := append([][]byte{}, tokens...)
			all[which] = changed
			if m, done, err := run(a, at, all); err == nil && done && m.Result().Principal.String() != "User:alice" {
				t.Errorf("byte %d of token %d makes the client %s", i, which, m.Result().Principal)
			}
		}
	}
}

func TestKeyTables(t *testing.T) {
	if _, err := acceptor(t, "testdata/none"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	rules, _ := principal.ParseKerberosRules("", nil)
	if _, err := NewAcceptor(Settings{Principal: "http/x@Y", KeyTab: "testdata/kafka.keytab", Rules: rules}); err == nil || !strings.Contains(err.Error(), "no key of http/x@Y") {
		t.Error(err)
	}
	// A table that was replaced is read again.
	at, tokens := success(t)
	good, err := os.ReadFile("testdata/kafka.keytab")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "k")
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := acceptor(t, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, done, err := run(a, at, tokens); !done {
		t.Error("without the file, what was read must count:", err)
	}
	empty := good[:2] // the format alone
	if err := os.WriteFile(file, empty, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(a, at, tokens); err == nil {
		t.Error("a key that is no longer in the table was used")
	}
}

func FuzzTokens(f *testing.F) {
	at, tokens := success(f)
	f.Add(tokens[0], tokens[1], tokens[2])
	a, err := acceptor(f, "testdata/kafka.keytab")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, one, two, three []byte) {
		m := a.New()
		for i, token := range [][]byte{one, two, three} {
			_, done, err := m.Step(at, token)
			if done && (i == 0 || m.Result().Principal.Name != "alice") {
				t.Errorf("token %d logs in as %+v", i, m.Result())
			}
			if err != nil {
				return
			}
		}
	})
}

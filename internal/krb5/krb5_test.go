package krb5

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"

	"momus/internal/jaas"
	"momus/internal/jvm"
)

func entry(options ...string) jaas.Entry {
	e := jaas.Entry{Module: jaas.Krb5Module, Options: map[string]string{}}
	for i := 0; i < len(options); i += 2 {
		e.Options[options[i]] = options[i+1]
	}
	return e
}

func TestLoginsAreReadAsJavaReadsThem(t *testing.T) {
	t.Setenv("KRB5CCNAME", "FILE:/run/cc")
	t.Setenv("KRB5_KTNAME", "FILE:/run/kt")
	props := jvm.Properties{jvm.Krb5Config: "/etc/my.conf"}
	for _, c := range []struct {
		e     jaas.Entry
		props jvm.Properties
		want  Login
		err   string
	}{
		{entry("useKeyTab", "true", "keyTab", "file:/k", "principal", "u@R"), props, Login{Principal: "u@R", KeyTab: "/k", ConfigFile: "/etc/my.conf"}, ""},
		{entry("useKeyTab", "TRUE", "principal", "u"), nil, Login{Principal: "u", KeyTab: "/run/kt", ConfigFile: "/etc/krb5.conf"}, ""},
		{entry("useTicketCache", "true"), props, Login{Cache: "/run/cc", ConfigFile: "/etc/my.conf"}, ""},
		{entry("useTicketCache", "true", "ticketCache", "/c"), props, Login{Cache: "/c", ConfigFile: "/etc/my.conf"}, ""},
		{entry("useKeyTab", "true", "keyTab", "/k"), props, Login{}, "principal="},
		{entry("principal", "u"), props, Login{}, "useTicketCache=true"},
	} {
		got, err := LoginOf(c.e, c.props)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v: %v, want %s", c.e.Options, err, c.err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%v: %+v, %v; want %+v", c.e.Options, got, err, c.want)
		}
	}
}

func TestWhatALoginLacksIsNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := (Login{Principal: "u@R", KeyTab: missing, ConfigFile: missing}).Initiate("s/h"); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("no krb5.conf: %v", err)
	}
}

// key is a session key of aes256-cts-hmac-sha1-96.
var key = types.EncryptionKey{KeyType: 18, KeyValue: bytes.Repeat([]byte{7}, 32)}

// offer is a token of an acceptor with its layers, rotated to the right by rrc bytes as Windows
// does.
func offer(t testing.TB, payload []byte, flags byte, rrc int) []byte {
	w := gssapi.WrapToken{Flags: 1 | flags, EC: 12, Payload: payload}
	if err := w.SetCheckSum(key, keyusage.GSSAPI_ACCEPTOR_SEAL); err != nil {
		t.Fatal(err)
	}
	b, err := w.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	body := b[gssapi.HdrLen:]
	b[7] = byte(rrc)
	copy(body, append(bytes.Clone(body[len(body)-rrc:]), body[:len(body)-rrc]...))
	return b
}

func TestTheOfferOfLayersIsAnsweredWithNone(t *testing.T) {
	for _, rrc := range []int{0, 12} {
		i := &Initiator{key: key, authzid: "kafka/h@R"}
		answer, err := i.Next(offer(t, []byte{1, 0, 0, 0}, 0, rrc))
		if err != nil {
			t.Fatal(err)
		}
		var w gssapi.WrapToken
		if err := w.Unmarshal(answer, false); err != nil || string(w.Payload) != "\x01\x00\x00\x00kafka/h@R" {
			t.Errorf("%q, %v", w.Payload, err)
		}
		if ok, err := w.Verify(key, keyusage.GSSAPI_INITIATOR_SEAL); !ok {
			t.Error(err)
		}
		if _, err := i.Next(nil); err == nil {
			t.Error("a token after the last")
		}
	}
}

func TestABadOfferIsRefused(t *testing.T) {
	changed := offer(t, []byte{1, 0, 0, 0}, 0, 0)
	changed[gssapi.HdrLen] ^= 2
	for want, token := range map[string][]byte{
		"checksum":       changed,
		"security layer": offer(t, []byte{6, 0, 0, 0}, 0, 0),
		"another":        nil,
		"encrypted":      offer(t, []byte{1, 0, 0, 0}, sealed, 0),
	} {
		i := &Initiator{key: key, authzid: "u"}
		if want == "another" {
			i.step = 1
		}
		if answer, err := i.Next(token); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q, %v; want %s", answer, err, want)
		}
	}
}

func FuzzOffer(f *testing.F) {
	f.Add(offer(f, []byte{1, 0, 0, 0}, 0, 0))
	f.Add(offer(f, []byte{1, 0, 0, 0}, 0, 12))
	f.Fuzz(func(t *testing.T, token []byte) {
		(&Initiator{key: key, authzid: "u"}).Next(token)
	})
}

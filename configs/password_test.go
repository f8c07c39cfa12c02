package configs

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// byKafka was made by Kafka 2.5.0's PasswordEncoder.
const (
	byKafkaSecret = "encoder-secret"
	byKafkaClear  = "key-päss wörd"
	byKafka       = "encryptedPassword:XRYDCoTF7efDdCpQzfw9Tw==,keyLength:128,cipherAlgorithm:AES/CBC/PKCS5Padding,initializationVector:4LUOuZ3NR5TN6tQznTOi2g==,keyFactoryAlgorithm:PBKDF2WithHmacSHA512,salt:G9C6VYAuQzA3YGYZNQ8SQh5fP6OIdw91UJ+D8C+XhBoHf3P6YZhQTXz0/N7FMTwxMD+cL+ec1i3rIA+8yb14TzqsCVcuej3eX2N9p5wfQGCnhAmlYwxvywqqbZykl4Uz8b+Uzoo55uGuZqHVpi29SFkyill0un71wqfOm/S2xovZqG8zABZj5czsvWv9XTMujBpMFgn6/ldjelVDghjnvF6v9N9dYjcEmyUTGOWccHOUpGPgxJFH5iUmNBjye/MlvtTwVUkbkgRLG3/US8AOhs3R3U7KGdDc0haCbvDuEP10hdu8/+hSh2FkpNPIDwNXCWqib9hjsC+qfInc0nQB2Q==,iterations:1024,passwordLength:13"
)

const passwordName = "listener.name.inside.ssl.key.password"

func TestPasswordsOfKafkaAreRead(t *testing.T) {
	if clear, err := decodePassword(byKafkaSecret, byKafka); err != nil || clear != byKafkaClear {
		t.Errorf("%q, %v", clear, err)
	}
	for _, wrong := range []struct{ secret, value string }{
		{"other", byKafka},
		{byKafkaSecret, strings.Replace(byKafka, "passwordLength:13", "passwordLength:12", 1)},
		{byKafkaSecret, strings.Replace(byKafka, "AES/CBC", "DES/CBC", 1)},
		{byKafkaSecret, strings.Replace(byKafka, "iterations:1024", "iterations:99999999999", 1)},
		{byKafkaSecret, strings.Replace(byKafka, "keyLength:128", "keyLength:8", 1)},
		{byKafkaSecret, encryptedPrefix},
	} {
		if clear, err := decodePassword(wrong.secret, wrong.value); err == nil {
			t.Errorf("%q is read with secret %s from %s", clear, wrong.secret, wrong.value)
		}
	}
}

func TestDynamicPasswordsAreStoredEncrypted(t *testing.T) {
	c := mustNew(t, map[string]string{"password.encoder.secret": byKafkaSecret, "password.encoder.iterations": "1024"})
	for _, clear := range []string{"", "x", "sixteen bytes ok", "käse €  𝄞", strings.Repeat("long", 100)} {
		stored, err := c.EncodePasswords(map[string]string{passwordName: clear, "log.retention.ms": "5"})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(stored[passwordName], encryptedPrefix) || stored["log.retention.ms"] != "5" {
			t.Fatalf("stored as %v", stored)
		}
		again, err := c.EncodePasswords(stored)
		if err != nil || again[passwordName] != stored[passwordName] {
			t.Errorf("an encrypted password was changed: %v", err)
		}
		if err := c.ValidateBrokerUpdate(stored, true); err != nil {
			t.Error(err)
		}
		if err := c.SetDynamicBroker(stored); err != nil {
			t.Fatal(err)
		}
		if got := c.ListenerValue("INSIDE", "ssl.key.password"); got != clear {
			t.Errorf("%q came back as %q", clear, got)
		}
	}
	e := c.DescribeBroker([]string{passwordName})
	if len(e) != 1 || e[0].Value != nil || !e[0].Sensitive || e[0].Source != SourceDynamicBroker {
		t.Errorf("%+v", e)
	}
}

func TestPasswordsNeedASecret(t *testing.T) {
	c := mustNew(t, nil)
	settings := map[string]string{passwordName: "x"}
	if _, err := c.EncodePasswords(settings); err != errNoSecret {
		t.Errorf("encode: %v", err)
	}
	if err := c.ValidateBrokerUpdate(settings, true); err == nil || err.Error() != errNoSecret.Error() {
		t.Errorf("validate: %v", err)
	}
	err := c.SetDynamicBroker(map[string]string{passwordName: byKafka, "log.retention.ms": "7"})
	if _, ok := c.Get(passwordName); err == nil || ok || c.Broker().LogRetentionMs != 7 {
		t.Errorf("%v, password is set: %v, retention %d", err, ok, c.Broker().LogRetentionMs)
	}
	// The secret that was used before still reads what it wrote.
	c = mustNew(t, map[string]string{"password.encoder.secret": "new", "password.encoder.old.secret": byKafkaSecret})
	if err := c.SetDynamicBroker(map[string]string{passwordName: byKafka}); err != nil || c.ListenerValue("inside", "ssl.key.password") != byKafkaClear {
		t.Errorf("%v, %q", err, c.ListenerValue("inside", "ssl.key.password"))
	}
}

func TestPasswordsMoveToTheNewSecret(t *testing.T) {
	c := mustNew(t, map[string]string{"password.encoder.secret": "new", "password.encoder.old.secret": byKafkaSecret, "password.encoder.iterations": "1024"})
	damaged := strings.Replace(byKafka, "passwordLength:13", "passwordLength:12", 1)
	settings := map[string]string{passwordName: byKafka, "listener.name.outside.ssl.key.password": damaged, "log.retention.ms": "5"}
	out, changed, err := c.ReencodePasswords(settings)
	if err != nil || !changed || settings[passwordName] != byKafka {
		t.Fatalf("changed %v, %v; the argument has %s", changed, err, settings[passwordName])
	}
	if clear, err := decodePassword("new", out[passwordName]); err != nil || clear != byKafkaClear {
		t.Errorf("the new secret reads %q, %v", clear, err)
	}
	if out["listener.name.outside.ssl.key.password"] != damaged || out["log.retention.ms"] != "5" || len(out) != 3 {
		t.Errorf("the others became %v", out)
	}
	if again, changed, err := c.ReencodePasswords(out); err != nil || changed || again[passwordName] != out[passwordName] {
		t.Errorf("the second time: changed %v, %v", changed, err)
	}
	without := mustNew(t, map[string]string{"password.encoder.secret": byKafkaSecret})
	if _, changed, err := without.ReencodePasswords(settings); err != nil || changed {
		t.Errorf("without an old secret: changed %v, %v", changed, err)
	}
}

func FuzzDecodePassword(f *testing.F) {
	f.Add(strings.Replace(byKafka, "iterations:1024", "iterations:1", 1))
	f.Add("encryptedPassword:,x")
	f.Fuzz(func(t *testing.T, encoded string) {
		if i := strings.Index(encoded, "iterations:"); i >= 0 && len(encoded) > i+14 && strings.Trim(encoded[i+11:i+15], "0123456789") == "" {
			return // slow on purpose
		}
		_, _ = decodePassword("secret", encoded)
	})
}

// TestPasswordsOfKafkasEncoder reads what Kafka 2.5.0's PasswordEncoder wrote with all kinds of
// parameters, and reads again what is written with the same.
func TestPasswordsOfKafkasEncoder(t *testing.T) {
	data, err := os.ReadFile("testdata/password-encoder.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded []struct {
		Secret, Password, Cipher, Encoded string
		Keyfactory                        *string
		KeyLength                         int32 `json:"key_length"`
		Iterations                        int32
	}
	if err := json.Unmarshal(data, &recorded); err != nil || len(recorded) < 8 {
		t.Fatal(len(recorded), err)
	}
	for _, r := range recorded {
		if got, err := decodePassword(r.Secret, r.Encoded); err != nil || got != r.Password {
			t.Errorf("%s: got %q, %v, want %q", r.Cipher, got, err, r.Password)
		}
		if got, err := decodePassword(r.Secret+"x", r.Encoded); err == nil && got == r.Password {
			t.Errorf("%s: another secret gives the password", r.Cipher)
		}
		b := &Broker{PasswordEncoderSecret: r.Secret, PasswordEncoderCipherAlgorithm: r.Cipher, PasswordEncoderKeyLength: r.KeyLength, PasswordEncoderIterations: r.Iterations}
		if r.Keyfactory != nil {
			b.PasswordEncoderKeyfactoryAlgorithm = *r.Keyfactory
		}
		encoded, err := encodePassword(b, r.Password)
		if err != nil {
			t.Errorf("%s: %v", r.Cipher, err)
			continue
		}
		if got, err := decodePassword(r.Secret, encoded); err != nil || got != r.Password {
			t.Errorf("%s: wrote %s, read %q, %v", r.Cipher, encoded, got, err)
		}
		if names := func(s string) (out []string) {
			for _, f := range strings.Split(s, ",") {
				name, _, _ := strings.Cut(f, ":")
				out = append(out, name)
			}
			return out
		}; !slices.Equal(names(encoded), names(r.Encoded)) {
			t.Errorf("%s: fields %v instead of %v", r.Cipher, names(encoded), names(r.Encoded))
		}
	}
}

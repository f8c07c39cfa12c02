package clients

import (
	"testing"

	"momus/cmd/internal/tool/core"
)

// TestTheHintNamesThePrincipalThatBrokersSee: kafka-acls with another name would allow nothing.
func TestTheHintNamesThePrincipalThatBrokersSee(t *testing.T) {
	const plain, krb = "org.apache.kafka.common.security.plain.PlainLoginModule required ", "com.sun.security.auth.module.Krb5LoginModule required "
	for login, want := range map[string]string{
		plain + `username="alice@example.com" password="x";`: "User:alice@example.com",
		plain + `username="a/b" password="x";`:               "User:a/b",
		krb + `principal="alice/host.example.com@REALM";`:    "User:alice",
		krb + `useTicketCache=true;`:                         "User:NAME",
	} {
		l := &connections{c: &core.Call{Env: &core.Env{}}, cc: &Config{Props: map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.jaas.config": login}}}
		if got := l.principal(); got != want {
			t.Errorf("%s: %s, want %s", login, got, want)
		}
	}
	if got := (&connections{c: &core.Call{Env: &core.Env{}}, cc: &Config{}}).principal(); got != "User:ANONYMOUS" {
		t.Error(got)
	}
}

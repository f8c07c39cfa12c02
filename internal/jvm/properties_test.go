package jvm_test

import (
	"maps"
	"testing"

	"momus/internal/jvm"
)

func TestOptionsAreReadAsTheScriptsPassThem(t *testing.T) {
	got := jvm.ParseOptions("-Xmx1G -Djava.security.auth.login.config=/etc/kafka/jaas.conf\t-Da=1 -Da=b=c\n-Dflag -agentlib:x=-Dno=1")
	want := jvm.Properties{jvm.LoginConfig: "/etc/kafka/jaas.conf", "a": "b=c", "flag": ""}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if v, ok := got.Get("flag"); v != "" || !ok || got.Or("none", "x") != "x" || got.Or("a", "x") != "b=c" {
		t.Errorf("got %v", got)
	}
}

package model

import "testing"

func TestParsePrincipal(t *testing.T) {
	for text, want := range map[string]Principal{
		"User:alice":      {Type: "User", Name: "alice"},
		"User:":           {Type: "User"},
		"User:CN=a:b,O=c": {Type: "User", Name: "CN=a:b,O=c"},
		"Group:ops":       {Type: "Group", Name: "ops"},
	} {
		got, err := ParsePrincipal(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is %+v (%s), %v", text, got, got, err)
		}
	}
	if _, err := ParsePrincipal("alice"); err == nil || err.Error() != "expected a string in format principalType:principalName but got alice" {
		t.Errorf("a name without a type gives %v", err)
	}
	if token := (Principal{Type: "User", Name: "a", TokenID: "t"}); !token.Equal(User("a")) || !token.ByToken() || Anonymous().ByToken() {
		t.Error("a token changes whose principal it is")
	}
}

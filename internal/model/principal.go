package model

import (
	"fmt"
	"strings"
)

// UserType is the only type of principals that Kafka's own mechanisms make.
const UserType = "User"

// Principal is who sent a request (Kafka's KafkaPrincipal). The zero value is nobody; a connection
// that nobody authenticated belongs to Anonymous.
type Principal struct {
	Type string // almost always UserType
	Name string
	// TokenID is the id of the delegation token that the connection was authenticated with, "" for
	// none (KIP-48). It does not take part in ACLs and quotas.
	TokenID string
}

// Anonymous is the principal of listeners without authentication, and of TLS connections without a
// client certificate.
func Anonymous() Principal { return Principal{Type: UserType, Name: "ANONYMOUS"} }

// User is the principal User:name.
func User(name string) Principal { return Principal{Type: UserType, Name: name} }

// String is type:name, as in ACLs and super.users.
func (p Principal) String() string { return p.Type + ":" + p.Name }

// Equal reports whether both are the same user by type and name, which is all that ACLs, tokens and
// re-authentication compare.
func (p Principal) Equal(o Principal) bool { return p.Type == o.Type && p.Name == o.Name }

// ByToken reports whether the connection was authenticated with a delegation token.
func (p Principal) ByToken() bool { return p.TokenID != "" }

// ParsePrincipal reads type:name; the name may be empty and may hold colons. The error has the text
// of Kafka's SecurityUtils.
func ParsePrincipal(s string) (Principal, error) {
	kind, name, ok := strings.Cut(s, ":")
	if !ok {
		return Principal{}, fmt.Errorf("expected a string in format principalType:principalName but got %s", s)
	}
	return Principal{Type: kind, Name: name}, nil
}

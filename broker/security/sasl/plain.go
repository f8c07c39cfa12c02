package sasl

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"time"
	"unicode/utf8"

	"momus/internal/model"
)

// PlainUsers are the users of PLAIN on a listener: passwords by name, from the user_NAME options of
// its JAAS entries.
type PlainUsers map[string]string

// plain is one exchange of PLAIN (RFC 4616).
type plain struct {
	users PlainUsers
	name  string
}

// NewPlain begins an exchange.
func NewPlain(users PlainUsers) Mechanism { return &plain{users: users} }

// Step implements Mechanism. The message is [authzid] NUL name NUL password.
func (p *plain) Step(_ time.Time, token []byte) ([]byte, bool, error) {
	text := string(token)
	if !utf8.Valid(token) {
		text = string([]rune(text)) // as Java decodes it
	}
	fields := strings.SplitN(text, "\x00", 4)
	if len(fields) != 3 {
		return nil, false, refused("Invalid SASL/PLAIN response: expected 3 tokens, got %d", len(fields))
	}
	authzid, name, password := fields[0], fields[1], fields[2]
	if name == "" {
		return nil, false, refused("Authentication failed: username not specified")
	}
	if password == "" {
		return nil, false, refused("Authentication failed: password not specified")
	}
	want, known := p.users[name]
	if same := sameSecret(password, want); !same || !known {
		return nil, false, refused("Authentication failed: Invalid username or password")
	}
	if authzid != "" && authzid != name {
		return nil, false, refused("Authentication failed: Client requested an authorization id that is different from username")
	}
	p.name = name
	return []byte{}, true, nil
}

// Result implements Mechanism.
func (p *plain) Result() Result { return Result{Principal: model.User(p.name)} }

// sameSecret compares two secrets in a time that tells nothing of where they differ, nor of their
// lengths.
func sameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

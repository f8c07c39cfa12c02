package sasl

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"sync"
	"time"

	"momus/internal/model"
)

// Token is a delegation token as a login needs it (KIP-48).
type Token struct {
	HMAC    []byte
	Owner   model.Principal
	Expires time.Time
}

// TokenStore knows the delegation tokens. It is safe for concurrent use and does not block.
type TokenStore interface {
	Token(id string) (Token, bool)
}

// TokenLogins lets clients log in with delegation tokens over SCRAM: the token's id is the user,
// its HMAC in Base64 the password. It remembers the credentials it has derived, as each costs
// thousands of hashes. It is safe for concurrent use.
type TokenLogins struct {
	store TokenStore
	salt  func(id, mechanism string) []byte

	mu      sync.Mutex
	derived map[derivedKey]derivedCredential
	prune   int // how many there must be before those of tokens that are gone are forgotten
}

type derivedKey struct{ mechanism, id string }

type derivedCredential struct {
	hmac       []byte
	credential Credential
}

// NewTokenLogins makes one for the tokens of a store.
func NewTokenLogins(store TokenStore) *TokenLogins {
	return &TokenLogins{store: store, salt: randomSalt, derived: map[derivedKey]derivedCredential{}}
}

// WithSalt replaces the random salts of the derived credentials; before the first login.
func (l *TokenLogins) WithSalt(salt func(id, mechanism string) []byte) *TokenLogins {
	l.salt = salt
	return l
}

func randomSalt(string, string) []byte {
	salt := make([]byte, 20)
	rand.Read(salt)
	return salt
}

// login finds the credential of a token and who logs in with it. An expired token is unknown, also
// when nobody has removed it yet.
func (l *TokenLogins) login(now time.Time, mechanism, id string) (Credential, Result, bool) {
	if l == nil {
		return Credential{}, Result{}, false
	}
	t, ok := l.store.Token(id)
	key := derivedKey{mechanism, id}
	if !ok || !now.Before(t.Expires) {
		l.mu.Lock()
		delete(l.derived, key)
		l.mu.Unlock()
		return Credential{}, Result{}, false
	}
	owner := t.Owner
	owner.TokenID = id
	r := Result{Principal: owner, Expires: t.Expires}
	l.mu.Lock()
	defer l.mu.Unlock()
	d, ok := l.derived[key]
	if !ok || subtle.ConstantTimeCompare(d.hmac, t.HMAC) != 1 {
		c, err := NewCredential(mechanism, base64.StdEncoding.EncodeToString(t.HMAC), l.salt(id, mechanism), minIterations)
		if err != nil {
			return Credential{}, Result{}, false
		}
		l.pruneLocked(now)
		d = derivedCredential{hmac: t.HMAC, credential: c}
		l.derived[key] = d
	}
	return d.credential, r, true
}

// minPrune is how many credentials are kept without a look at whether they are needed.
const minPrune = 64

// pruneLocked forgets the credentials of tokens that are gone: nobody logs in with those again. It
// looks only when their number has doubled.
func (l *TokenLogins) pruneLocked(now time.Time) {
	if len(l.derived) < max(l.prune, minPrune) {
		return
	}
	for key := range l.derived {
		if t, ok := l.store.Token(key.id); !ok || !now.Before(t.Expires) {
			delete(l.derived, key)
		}
	}
	l.prune = 2 * len(l.derived)
}

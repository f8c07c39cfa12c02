package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"momus/broker/security/sasl"
)

var now = time.Unix(1_800_000_000, 0)

type issuer struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	r, err1 := rsa.GenerateKey(rand.Reader, 2048)
	e, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return &issuer{r, e}
}

func text(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

// set is the issuer's key set.
func (i *issuer) set(t testing.TB) []byte {
	t.Helper()
	point, err := i.ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]any{"keys": []map[string]string{
		{"kty": "RSA", "kid": "r", "use": "sig", "n": text(i.rsa.N), "e": "AQAB"},
		{"kty": "EC", "kid": "e", "crv": "P-256", "x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:])},
		{"kty": "oct", "kid": "o", "k": "c2VjcmV0"}, {"kty": "RSA", "kid": "x", "use": "enc", "n": "AQ", "e": "AQAB"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (i *issuer) file(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, i.set(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + file
}

func sign(t testing.TB, m jwt.SigningMethod, kid string, key crypto.PrivateKey, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(m, claims)
	token.Header["kid"] = kid
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func good() jwt.MapClaims {
	return jwt.MapClaims{"sub": "olga", "iss": "https://i", "aud": []string{"kafka", "other"}, "iat": now.Unix() - 10, "exp": now.Unix() + 600, "scope": "read write"}
}

func without(name string) jwt.MapClaims { c := good(); delete(c, name); return c }

func with(name string, value any) jwt.MapClaims { c := good(); c[name] = value; return c }

func TestTokens(t *testing.T) {
	i, stranger := newIssuer(t), newIssuer(t)
	v, err := New(Settings{URL: i.file(t), Refresh: time.Hour, Issuer: "https://i", Audience: []string{"kafka"}, Scope: []string{"write"}, ScopeClaim: "scope", SubjectClaim: "sub", Skew: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	rs := func(c jwt.MapClaims) string { return sign(t, jwt.SigningMethodRS256, "r", i.rsa, c) }
	none := jwt.NewWithClaims(jwt.SigningMethodNone, good())
	none.Header["kid"] = "r"
	unsigned, err := none.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ token, status string }{
		"RS256":                 {rs(good()), ""},
		"ES256":                 {sign(t, jwt.SigningMethodES256, "e", i.ec, good()), ""},
		"a list of scopes":      {rs(with("scope", []string{"write"})), ""},
		"late by the skew":      {rs(with("exp", now.Unix()-29)), ""},
		"early by it":           {rs(with("iat", now.Unix()+29)), ""},
		"no scope":              {rs(without("scope")), "insufficient_scope"},
		"another scope":         {rs(with("scope", "read writer")), "insufficient_scope"},
		"expired":               {rs(with("exp", now.Unix()-31)), "invalid_token"},
		"never expires":         {rs(without("exp")), "invalid_token"},
		"from the future":       {rs(with("iat", now.Unix()+31)), "invalid_token"},
		"not yet":               {rs(with("nbf", now.Unix()+31)), "invalid_token"},
		"another issuer":        {rs(with("iss", "https://j")), "invalid_token"},
		"no issuer":             {rs(without("iss")), "invalid_token"},
		"another audience":      {rs(with("aud", "x")), "invalid_token"},
		"no audience":           {rs(without("aud")), "invalid_token"},
		"no subject":            {rs(without("sub")), "invalid_token"},
		"a blank subject":       {rs(with("sub", " ")), "invalid_token"},
		"subject 5":             {rs(with("sub", 5)), "invalid_token"},
		"a stranger's key":      {sign(t, jwt.SigningMethodRS256, "r", stranger.rsa, good()), "invalid_token"},
		"another key's id":      {sign(t, jwt.SigningMethodRS256, "e", i.rsa, good()), "invalid_token"},
		"an unknown id":         {sign(t, jwt.SigningMethodRS256, "z", i.rsa, good()), "invalid_token"},
		"RS512":                 {sign(t, jwt.SigningMethodRS512, "r", i.rsa, good()), "invalid_token"},
		"HS256 by a public key": {sign(t, jwt.SigningMethodHS256, "r", []byte(text(i.rsa.N)), good()), "invalid_token"},
		"no signature":          {unsigned, "invalid_token"},
		"garbage":               {"a.b.c", "invalid_token"},
		"nothing":               {"", "invalid_token"},
	} {
		claims, err := v.Validate(now, c.token)
		var refused *sasl.TokenError
		switch {
		case c.status == "" && (err != nil || claims.Principal != "olga" || claims.Expires.IsZero()):
			t.Errorf("%s: %+v, %v", name, claims, err)
		case c.status != "" && (!errors.As(err, &refused) || refused.Status != c.status):
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeySetsAreReadAgain(t *testing.T) {
	i, next := newIssuer(t), newIssuer(t)
	var reads, state atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reads.Add(1)
		switch state.Load() {
		case 0:
			_, _ = w.Write(i.set(t))
		case 1:
			_, _ = w.Write(next.set(t))
		default:
			http.Error(w, "no", http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	v, err := New(Settings{URL: server.URL, Refresh: time.Hour, ScopeClaim: "scope", SubjectClaim: "sub", Skew: 2 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	old, renewed := sign(t, jwt.SigningMethodRS256, "r", i.rsa, good()), sign(t, jwt.SigningMethodRS256, "r", next.rsa, good())
	check := func(at time.Duration, token string, ok bool, want int32) {
		t.Helper()
		if _, err := v.Validate(now.Add(at), token); (err == nil) != ok || reads.Load() != want {
			t.Errorf("after %s: %v, %d readings instead of %d", at, err, reads.Load(), want)
		}
	}
	check(0, old, true, 1)
	check(time.Minute, old, true, 1)
	state.Store(1)
	check(59*time.Minute, renewed, false, 1)
	check(61*time.Minute, renewed, true, 2)
	state.Store(2)
	check(122*time.Minute, renewed, true, 3) // the old keys count while the server fails
	unknown := sign(t, jwt.SigningMethodRS256, "z", i.rsa, good())
	for range 5 { // strangers cannot make us ask again and again
		check(122*time.Minute, unknown, false, 3)
	}
	check(123*time.Minute, unknown, false, 4)
}

// A stranger names a key that nobody has, and the issuer does not answer.
func TestASlowIssuerHoldsUpNobodyWhoseKeyIsKnown(t *testing.T) {
	i := newIssuer(t)
	var slow atomic.Bool
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if slow.Load() {
			asked <- struct{}{}
			<-answer
		}
		_, _ = w.Write(i.set(t))
	}))
	defer server.Close()
	v, err := New(Settings{URL: server.URL, Refresh: time.Hour, ScopeClaim: "scope", SubjectClaim: "sub", Skew: 2 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	known, unknown := sign(t, jwt.SigningMethodRS256, "r", i.rsa, good()), sign(t, jwt.SigningMethodRS256, "z", i.rsa, good())
	if _, err := v.Validate(now, known); err != nil {
		t.Fatal(err)
	}
	slow.Store(true)
	strangers := make(chan error, 2)
	validate := func() {
		_, err := v.Validate(now.Add(time.Minute), unknown)
		strangers <- err
	}
	go validate()
	<-asked
	go validate()                                                       // waits for the same answer
	for _, at := range []time.Duration{time.Minute, 61 * time.Minute} { // also when the keys are old
		if _, err := v.Validate(now.Add(at), known); err != nil {
			t.Error(err)
		}
	}
	close(answer)
	for range cap(strangers) {
		if err := <-strangers; err == nil {
			t.Error("a token of no key was taken")
		}
	}
	select {
	case <-asked:
		t.Error("the issuer was asked twice")
	default:
	}
}

func TestSettings(t *testing.T) {
	for name, values := range map[string]map[string]string{
		"must begin with https": {"jwks.endpoint.url": "ftp://x"}, "no such file": {"jwks.endpoint.url": "file:///none"},
		"refresh.ms must be": {"jwks.endpoint.url": "https://x", "jwks.endpoint.refresh.ms": "0"}, "skew.seconds must be": {"jwks.endpoint.url": "https://x", "clock.skew.seconds": "x"},
	} {
		s, ok, err := Read(func(key string) string { return values[strings.TrimPrefix(key, "sasl.oauthbearer.")] })
		if err == nil && ok {
			_, err = New(s)
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v", values, err)
		}
	}
	if _, ok, err := Read(func(string) string { return "" }); ok || err != nil {
		t.Error(ok, err)
	}
}

// A set has one key that is fit for use, and others that are not (RFC 7517, 5).
func TestKeysThatCannotBeReadAreLeftOut(t *testing.T) {
	good := string(newIssuer(t).set(t))
	short := base64.RawURLEncoding.EncodeToString(make([]byte, 128))
	for _, bad := range []string{
		`{"kty":"RSA","kid":"old","n":"` + short + `","e":"AQAB"}`,
		`{"kty":"EC","crv":"P-256","kid":"off","x":"AQ","y":"AQ"}`,
		`{"kty":"RSA","kid":7}`,
		`"text"`,
	} {
		if keys, err := parseSet([]byte(strings.Replace(good, `[`, `[`+bad+`,`, 1))); err != nil || len(keys) != 2 {
			t.Errorf("%s: %d keys, %v", bad, len(keys), err)
		}
		if _, err := parseSet([]byte(`{"keys":[` + bad + `]}`)); err == nil {
			t.Errorf("%s alone passed", bad)
		}
	}
}

// What load does with the issuer's bytes must not take the process with it.
func TestAPanicWhileReadingLeavesTheLockAsItWas(t *testing.T) {
	s := &keySet{at: &url.URL{Scheme: "http", Host: "issuer"}, refresh: time.Hour, client: nil} // a nil client panics
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_, _ = s.find(now, "k")
		}()
		if !s.mu.TryLock() {
			t.Fatal("locked")
		}
		s.read = time.Time{} // due again
		if s.reading != nil || s.err == nil {
			t.Errorf("after it: reading %v, error %v", s.reading, s.err)
		}
		s.mu.Unlock()
	}
}

func FuzzTokensAndKeySets(f *testing.F) {
	i := newIssuer(f)
	v, err := New(Settings{URL: i.file(f), Refresh: time.Hour, ScopeClaim: "scope", SubjectClaim: "sub"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sign(f, jwt.SigningMethodRS256, "r", i.rsa, with("sub", "mallory"))[:100], i.set(f))
	f.Fuzz(func(t *testing.T, token string, set []byte) {
		if c, err := v.Validate(now, token); err == nil {
			t.Errorf("%q is %+v", token, c)
		}
		_, _ = parseSet(set)
	})
}

package jwks

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"momus/broker/security/sasl"
	"momus/configs"
)

// Settings say which tokens are valid.
type Settings struct {
	URL          string        // of the key set: https, http or file
	Refresh      time.Duration // how long its keys are used before they are read again
	Issuer       string        // "" for any
	Audience     []string      // one of them must be in the token; empty for any
	Scope        []string      // all of them must be in the token
	ScopeClaim   string
	SubjectClaim string
	Skew         time.Duration
}

// Read takes the settings from get, which gives "" for what is not set; ok is false when there is
// no key set.
func Read(get func(key string) string) (s Settings, ok bool, err error) {
	const prefix = "sasl.oauthbearer."
	value := func(key, fallback string) string {
		if v := strings.TrimSpace(get(prefix + key)); v != "" {
			return v
		}
		return fallback
	}
	s = Settings{URL: value("jwks.endpoint.url", ""), Issuer: value("expected.issuer", ""), Audience: configs.NonEmpty(value("expected.audience", "")), Scope: strings.Fields(value("expected.scope", "")),
		ScopeClaim: value("scope.claim.name", "scope"), SubjectClaim: value("sub.claim.name", "sub")}
	if s.URL == "" {
		return s, false, nil
	}
	refresh, err1 := strconv.ParseInt(value("jwks.endpoint.refresh.ms", "3600000"), 10, 64)
	skew, err2 := strconv.Atoi(value("clock.skew.seconds", "30"))
	if err1 != nil || refresh < 1 {
		return s, true, errors.New(prefix + "jwks.endpoint.refresh.ms must be a number from 1")
	}
	if err2 != nil || skew < 0 {
		return s, true, errors.New(prefix + "clock.skew.seconds must be a number from 0")
	}
	s.Refresh, s.Skew = time.Duration(refresh)*time.Millisecond, time.Duration(skew)*time.Second
	return s, true, nil
}

// Validator validates tokens. It is safe for concurrent use.
type Validator struct {
	s    Settings
	keys *keySet
}

// New makes a validator. A key set in a file must be readable now; one behind a URL may come later.
func New(s Settings) (*Validator, error) {
	at, err := url.Parse(s.URL)
	if err != nil || at.Scheme != "file" && at.Scheme != "https" && at.Scheme != "http" {
		return nil, fmt.Errorf("sasl.oauthbearer.jwks.endpoint.url must begin with https://, http:// or file://")
	}
	v := &Validator{s: s, keys: &keySet{at: at, refresh: s.Refresh, client: &http.Client{Timeout: fetchTimeout}}}
	if at.Scheme == "file" {
		if _, err := v.keys.load(); err != nil {
			return nil, fmt.Errorf("sasl.oauthbearer.jwks.endpoint.url: %w", err)
		}
	}
	return v, nil
}

// algorithms are those that a token may be signed with. None at all is never among them.
var algorithms = []string{"RS256", "ES256"}

func invalid(reason string) error {
	return &sasl.TokenError{Status: "invalid_token", Reason: reason}
}

// Validate implements sasl.TokenValidator.
func (v *Validator) Validate(now time.Time, token string) (sasl.Claims, error) {
	claims := jwt.MapClaims{}
	options := []jwt.ParserOption{jwt.WithValidMethods(algorithms), jwt.WithLeeway(v.s.Skew), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithTimeFunc(func() time.Time { return now })}
	if v.s.Issuer != "" {
		options = append(options, jwt.WithIssuer(v.s.Issuer))
	}
	if len(v.s.Audience) > 0 {
		options = append(options, jwt.WithAudience(v.s.Audience...))
	}
	_, err := jwt.NewParser(options...).ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		// The header is not signed yet when the key is looked up: all that it can do is to name a
		// key of the set.
		id, _ := t.Header["kid"].(string)
		return v.keys.find(now, id)
	})
	if err != nil {
		return sasl.Claims{}, invalid(err.Error())
	}
	subject, ok := claims[v.s.SubjectClaim].(string)
	if !ok || strings.TrimSpace(subject) == "" {
		return sasl.Claims{}, invalid("no principal in claim " + v.s.SubjectClaim)
	}
	have := scopes(claims[v.s.ScopeClaim])
	for _, need := range v.s.Scope {
		if !slices.Contains(have, need) {
			return sasl.Claims{}, &sasl.TokenError{Status: "insufficient_scope", Scope: "[" + strings.Join(v.s.Scope, ", ") + "]", Reason: "the scope lacks " + need}
		}
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil {
		return sasl.Claims{}, invalid("no expiration time")
	}
	return sasl.Claims{Principal: subject, Expires: expires.Time, Text: "{" + strings.Join(slices.Sorted(maps.Keys(claims)), ", ") + "}"}, nil
}

// scopes are those of a claim: a list, or a text with blanks between them (RFC 8693).
func scopes(claim any) (out []string) {
	switch c := claim.(type) {
	case string:
		return strings.Fields(c)
	case []any:
		for _, e := range c {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

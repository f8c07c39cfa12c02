package sasl

import (
	"strings"
	"time"

	"momus/internal/model"
)

// Claims are what a validated token says.
type Claims struct {
	Principal string
	Expires   time.Time
	// Text lists all claims for the log.
	Text string
}

// TokenError is an invalid token; the client is told in JSON (RFC 7628).
type TokenError struct {
	Status string // invalid_token or insufficient_scope
	Scope  string // that would be needed, "" for none
	Reason string // for the log
}

// Error implements error.
func (e *TokenError) Error() string { return e.Status + ": " + e.Reason }

func (e *TokenError) json() string {
	if e.Scope != "" {
		return `{"status":"` + e.Status + `", "scope":"` + e.Scope + `"}`
	}
	return `{"status":"` + e.Status + `"}`
}

// TokenValidator validates bearer tokens. A *TokenError is told to the client, any other error ends
// the exchange. It is safe for concurrent use.
type TokenValidator interface {
	Validate(now time.Time, token string) (Claims, error)
}

// oauth is one exchange of OAUTHBEARER (RFC 7628, KIP-255).
type oauth struct {
	validator TokenValidator
	failed    string // what the client was told of its last token
	claims    Claims
}

// NewOAuth begins an exchange.
func NewOAuth(v TokenValidator) Mechanism { return &oauth{validator: v} }

// Step implements Mechanism. A client that was told of an invalid token answers with one byte 1 and
// is refused then; Kafka takes anything else for another first message.
func (o *oauth) Step(now time.Time, token []byte) ([]byte, bool, error) {
	if o.failed != "" && len(token) == 1 && token[0] == 1 {
		return nil, false, &Refusal{o.failed}
	}
	o.failed = ""
	authzid, bearer, err := parseOAuthFirst(string(token))
	if err != nil {
		return nil, false, err
	}
	o.claims, err = o.validator.Validate(now, bearer)
	if e, ok := err.(*TokenError); ok {
		o.failed = e.json()
		return []byte(o.failed), false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if authzid != "" && authzid != o.claims.Principal {
		return nil, false, refused("Authentication failed: Client requested an authorization id (%s) that is different from the token's principal name (%s)",
			authzid, o.claims.Principal)
	}
	return []byte{}, true, nil
}

// parseOAuthFirst reads the client's first message of RFC 7628: the identity to act as, and the
// bearer token.
func parseOAuthFirst(message string) (authzid, token string, err error) {
	authzid, auth, ok := parseOAuthPairs(message)
	if !ok {
		return "", "", errInvalid
	}
	scheme, token, ok := parseOAuthToken(auth)
	if !ok {
		return "", "", errInvalid
	}
	if !strings.EqualFold(scheme, "bearer") {
		return "", "", brokenf("invalid scheme in the OAUTHBEARER client first message")
	}
	return authzid, token, nil
}

// Result implements Mechanism.
func (o *oauth) Result() Result {
	return Result{Principal: model.User(o.claims.Principal), Expires: o.claims.Expires,
		Note: "Successfully validated token with principal " + o.claims.Principal + ": " + o.claims.Text}
}

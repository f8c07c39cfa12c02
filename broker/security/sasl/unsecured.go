package sasl

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

func brokenf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, args...))
}

// Unsecured validates the unsigned tokens that Kafka accepts when nothing else is configured
// (OAuthBearerUnsecuredValidatorCallbackHandler). They prove nothing, and are for development.
type Unsecured struct {
	PrincipalClaim, ScopeClaim string
	RequiredScope              []string
	Skew                       time.Duration
	broken                     string // an option that makes each login fail, as in Kafka
}

// NewUnsecured reads the options of a JAAS entry.
func NewUnsecured(options map[string]string) *Unsecured {
	u := &Unsecured{PrincipalClaim: "sub", ScopeClaim: "scope"}
	if s := strings.TrimSpace(options["unsecuredValidatorPrincipalClaimName"]); s != "" {
		u.PrincipalClaim = s
	}
	if s := strings.TrimSpace(options["unsecuredValidatorScopeClaimName"]); s != "" {
		u.ScopeClaim = s
	}
	u.RequiredScope = strings.Fields(options["unsecuredValidatorRequiredScope"])
	if s := strings.TrimSpace(options["unsecuredValidatorAllowableClockSkewMs"]); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			u.broken = "unsecuredValidatorAllowableClockSkewMs is not a number from 0"
		}
		u.Skew = time.Duration(n) * time.Millisecond
	}
	return u
}

func invalidToken(reason string) error { return &TokenError{Status: "invalid_token", Reason: reason} }

// Validate implements TokenValidator.
func (u *Unsecured) Validate(now time.Time, token string) (Claims, error) {
	if u.broken != "" {
		return Claims{}, brokenf("%s", u.broken)
	}
	claims, err := parseUnsecured(token)
	if err != nil {
		return Claims{}, err
	}
	principal, ok := claims[u.PrincipalClaim].(string)
	if !ok || strings.TrimSpace(principal) == "" {
		return Claims{}, invalidToken("no principal in claim " + u.PrincipalClaim)
	}
	exp, ok := claims["exp"].(float64)
	if !ok {
		return Claims{}, invalidToken("no expiration time")
	}
	at, skew := float64(now.UnixMilli()), float64(u.Skew.Milliseconds())
	iat, issued := claims["iat"].(float64)
	switch {
	case claims["iat"] != nil && !issued:
		return Claims{}, invalidToken("the time of issue is no number")
	case issued && 1000*iat > at+skew:
		return Claims{}, invalidToken("it was issued in the future")
	case 1000*exp <= at-skew:
		return Claims{}, invalidToken("it has expired")
	case issued && exp <= iat:
		return Claims{}, invalidToken("it expired before it was issued")
	}
	if err := checkScope(scopeOf(claims[u.ScopeClaim]), u.RequiredScope); err != nil {
		return Claims{}, err
	}
	return Claims{Principal: principal, Expires: time.UnixMilli(millis(exp)), Text: claimsText(claims)}, nil
}

// millis are the milliseconds of a time in seconds; what no int64 can hold is as far away as can
// be.
func millis(seconds float64) int64 {
	const most = math.MaxInt64 / 2_000_000
	return int64(math.Round(max(-most, min(most, 1000*seconds))))
}

// scopeOf is a scope claim as a list. A text is one element, blanks and all, as in Kafka.
func scopeOf(claim any) []string {
	switch v := claim.(type) {
	case string:
		if s := strings.TrimSpace(v); s != "" {
			return []string{s}
		}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok && strings.TrimSpace(s) != "" {
				out = append(out, strings.TrimSpace(s))
			}
		}
		return out
	}
	return nil
}

func checkScope(have, need []string) error {
	for _, n := range need {
		if !slices.Contains(have, n) {
			return &TokenError{Status: "insufficient_scope", Scope: "[" + strings.Join(need, ", ") + "]", Reason: "the scope lacks " + n}
		}
	}
	return nil
}

// parseUnsecured reads the claims of a token of the form header.claims. without a signature.
func parseUnsecured(token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || strings.Contains(token, "..") {
		return nil, invalidToken("it does not have the form header.claims.")
	}
	header, err := jsonPart(parts[0])
	if err != nil {
		return nil, err
	}
	claims, err := jsonPart(parts[1])
	if err != nil {
		return nil, err
	}
	alg, present := header["alg"]
	if !present || alg == nil {
		return nil, brokenf("the token's header has no alg")
	}
	if alg != "none" {
		return nil, invalidToken("the algorithm is not none")
	}
	if parts[2] != "" {
		return nil, invalidToken("it has a signature")
	}
	return claims, nil
}

// jsonPart decodes a part of a token. Base64 of URLs is accepted besides the plain one that Kafka
// 2.5 wants.
func jsonPart(part string) (map[string]any, error) {
	data, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_").Replace(part))
	if err != nil {
		return nil, invalidToken("a part is not Base64")
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil || out == nil {
		return nil, invalidToken("a part is not a JSON object")
	}
	return out, nil
}

// claimsText lists claims by name, without their values where those could be long.
func claimsText(claims map[string]any) string {
	var items []string
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		items = append(items, printable(fmt.Sprintf("%s=%v", name, claims[name])))
	}
	return "{" + strings.Join(items, ", ") + "}"
}

package sasl

import (
	"crypto/pbkdf2"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Client is the connecting side of one exchange.
type Client interface {
	// Next answers a token of the server; the first call has nil and gives the first token. A nil
	// reply says that the client has no more to say and is content with the server.
	Next(token []byte) (reply []byte, err error)
	// Silent reports whether the server answers the last token with nothing when tokens are frames
	// of their own (GSSAPI, RFC 4752).
	Silent() bool
}

// ErrServer is wrapped when the other side does not prove that it knows the password, or speaks out
// of turn.
var ErrServer = errors.New("the server did not authenticate itself")

// plainClient sends one message.
type plainClient struct {
	name, password string
	sent           bool
}

// NewPlainClient begins an exchange of PLAIN.
func NewPlainClient(name, password string) Client {
	return &plainClient{name: name, password: password}
}

func (p *plainClient) Silent() bool { return false }

func (p *plainClient) Next([]byte) ([]byte, error) {
	if p.sent {
		return nil, nil
	}
	p.sent = true
	return []byte("\x00" + p.name + "\x00" + p.password), nil
}

// scramClient is SCRAM without channel binding.
type scramClient struct {
	name, password string
	token          bool // the name is the id of a delegation token
	nonce          string
	hash           digest
	first, proven  string // the client's first message, and what the server is to prove with
	salted         []byte
	step           int
}

// NewScramClient begins an exchange. With token, name and password are those of a delegation token.
// nonce is for tests, "" for a random one.
func NewScramClient(mechanism, name, password string, token bool, nonce string) (Client, error) {
	h, err := scramHash(mechanism)
	if err != nil {
		return nil, err
	}
	if nonce == "" {
		nonce = randomNonce()
	}
	return &scramClient{name: name, password: password, token: token, nonce: nonce, hash: h}, nil
}

func (s *scramClient) Silent() bool { return false }

// Next gives the messages of RFC 5802 in turn and checks the server's signature at the end, which a
// server cannot make that does not know the user's secret.
func (s *scramClient) Next(token []byte) ([]byte, error) {
	s.step++
	switch s.step {
	case 1:
		s.first = "n=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s.name) + ",r=" + s.nonce
		if s.token {
			s.first += ",tokenauth=true"
		}
		return []byte("n,," + s.first), nil
	case 2:
		return s.final(string(token))
	case 3:
		signature := mac(s.hash, mac(s.hash, s.salted, "Server Key"), s.proven)
		want := "v=" + base64.StdEncoding.EncodeToString(signature)
		if subtle.ConstantTimeCompare(token, []byte(want)) != 1 {
			return nil, fmt.Errorf("%w: its signature is wrong", ErrServer)
		}
		return nil, nil
	}
	return nil, fmt.Errorf("%w: a token too many", ErrServer)
}

// maxIterations bounds the work that a server can ask for.
const maxIterations = 1 << 22

// final answers the server's first message.
func (s *scramClient) final(server string) ([]byte, error) {
	fields := parseExtensions(server)
	salt, err := base64.StdEncoding.DecodeString(fields["s"])
	iterations, err2 := strconv.Atoi(fields["i"])
	if err != nil || err2 != nil || !strings.HasPrefix(fields["r"], s.nonce) || len(fields["r"]) == len(s.nonce) {
		return nil, fmt.Errorf("%w: its first SCRAM message is not valid", ErrServer)
	}
	if iterations < minIterations || iterations > maxIterations {
		return nil, fmt.Errorf("%w: it asks for %d iterations, from %d to %d are allowed", ErrServer, iterations, minIterations, maxIterations)
	}
	if s.salted, err = pbkdf2.Key(s.hash.new, s.password, salt, iterations, s.hash.new().Size()); err != nil {
		return nil, fmt.Errorf("SCRAM password: %w", err)
	}
	bare := "c=biws,r=" + fields["r"]
	s.proven = s.first + "," + server + "," + bare
	key := mac(s.hash, s.salted, "Client Key")
	proof := mac(s.hash, s.hash.sum(key), s.proven)
	subtle.XORBytes(proof, proof, key)
	return []byte(bare + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

// oauthClient sends one token.
type oauthClient struct {
	token string
	sent  bool
}

// NewOAuthClient begins an exchange with a bearer token.
func NewOAuthClient(token string) Client { return &oauthClient{token: token} }

func (o *oauthClient) Silent() bool { return false }

// Next gives the token; an answer with content is the server's error (RFC 7628).
func (o *oauthClient) Next(token []byte) ([]byte, error) {
	if !o.sent {
		o.sent = true
		return []byte("n,,\x01auth=Bearer " + o.token + "\x01\x01"), nil
	}
	if len(token) > 0 {
		return nil, fmt.Errorf("%w: it refused the token: %s", ErrServer, printable(string(token)))
	}
	return nil, nil
}

// UnsecuredToken makes the unsigned token that the options of a JAAS entry describe
// (OAuthBearerUnsecuredLoginCallbackHandler).
func UnsecuredToken(options map[string]string, now time.Time) (string, error) {
	const prefix = "unsecuredLogin"
	claims := map[string]any{}
	principal, scope, lifetime := "sub", "scope", 3600.0
	for option, value := range options {
		rest, ok := strings.CutPrefix(option, prefix)
		if !ok {
			continue
		}
		var err error
		switch name, kind := claimOption(rest); kind {
		case "String":
			claims[name] = value
		case "Number":
			claims[name], err = strconv.ParseFloat(value, 64)
		case "List":
			claims[name] = claimList(value)
		default:
			switch rest {
			case "PrincipalClaimName":
				principal = value
			case "ScopeClaimName":
				scope = value
			case "LifetimeSeconds":
				lifetime, err = strconv.ParseFloat(value, 64)
			}
		}
		if err != nil {
			return "", fmt.Errorf("option %s of the JAAS entry is no number", option)
		}
	}
	_ = scope // its name matters only to who checks the token
	if _, ok := claims[principal].(string); !ok {
		return "", fmt.Errorf("the JAAS entry of OAUTHBEARER needs unsecuredLoginStringClaim_%s=\"NAME\" for brokers that log in", principal)
	}
	at := float64(now.UnixMilli()) / 1000
	claims["iat"], claims["exp"] = at, at+lifetime
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(body) + ".", nil
}

// claimOption splits StringClaim_sub into sub and String.
func claimOption(option string) (name, kind string) {
	for _, kind := range []string{"String", "Number", "List"} {
		if name, ok := strings.CutPrefix(option, kind+"Claim_"); ok {
			return name, kind
		}
	}
	return "", ""
}

// claimList reads a list whose first character is its separator.
func claimList(s string) []string {
	if s == "" {
		return []string{}
	}
	return strings.Split(s[1:], s[:1])
}

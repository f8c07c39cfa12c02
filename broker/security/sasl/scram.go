package sasl

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"strconv"
	"strings"
	"time"

	"momus/internal/model"
)

// minIterations is the least that a server accepts of a stored credential.
const minIterations = 4096

// Credential is what a server keeps of a SCRAM password (KIP-84).
type Credential struct {
	Salt, StoredKey, ServerKey []byte
	Iterations                 int
}

// ParseCredential reads what /config/users holds: salt, stored_key, server_key and iterations, and
// nothing else, in any order.
func ParseCredential(s string) (Credential, error) {
	fields := map[string]string{}
	for _, item := range strings.Split(s, ",") {
		name, value, ok := strings.Cut(item, "=")
		if !ok {
			return Credential{}, errors.New("a SCRAM credential holds something that is not name=value")
		}
		fields[name] = value
	}
	c := Credential{}
	var errs [4]error
	if len(fields) != 4 {
		return c, errors.New("a SCRAM credential has salt, stored_key, server_key and iterations, and nothing else")
	}
	decode := base64.StdEncoding.DecodeString
	c.Salt, errs[0] = decode(fields["salt"])
	c.StoredKey, errs[1] = decode(fields["stored_key"])
	c.ServerKey, errs[2] = decode(fields["server_key"])
	iterations, err := strconv.ParseInt(fields["iterations"], 10, 32) // Java's int
	c.Iterations, errs[3] = int(iterations), err
	if errors.Join(errs[:]...) != nil || len(c.Salt) == 0 || len(c.StoredKey) == 0 || len(c.ServerKey) == 0 {
		return Credential{}, errors.New("a field of a SCRAM credential is damaged")
	}
	return c, nil
}

// Stored is the text that /config/users holds.
func (c Credential) Stored() string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("salt=%s,stored_key=%s,server_key=%s,iterations=%d", b64(c.Salt), b64(c.StoredKey), b64(c.ServerKey), c.Iterations)
}

// NewCredential makes the credential of a password. As in Kafka, the password is taken as it is,
// without SASLprep.
func NewCredential(mechanism, password string, salt []byte, iterations int) (Credential, error) {
	h, err := scramHash(mechanism)
	if err != nil {
		return Credential{}, err
	}
	salted, err := pbkdf2.Key(h, password, salt, iterations, h().Size())
	if err != nil {
		return Credential{}, fmt.Errorf("SCRAM password: %w", err)
	}
	stored := h()
	stored.Write(mac(h, salted, "Client Key"))
	return Credential{Salt: salt, StoredKey: stored.Sum(nil), ServerKey: mac(h, salted, "Server Key"), Iterations: iterations}, nil
}

// scramHash is the hash of a SCRAM mechanism.
func scramHash(mechanism string) (func() hash.Hash, error) {
	switch mechanism {
	case SCRAMSHA256:
		return sha256.New, nil
	case SCRAMSHA512:
		return sha512.New, nil
	}
	return nil, fmt.Errorf("%s is no SCRAM mechanism", mechanism)
}

func mac(h func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// CredentialStore knows the SCRAM credentials of users. It is safe for concurrent use and does not
// block.
type CredentialStore interface {
	Credential(mechanism, user string) (Credential, bool)
}

// ScramSettings are those of all SCRAM exchanges of a listener.
type ScramSettings struct {
	Users  CredentialStore
	Tokens *TokenLogins // nil when there are no delegation tokens
	// Nonce makes the server's part of a nonce; nil for a random one.
	Nonce func() string
}

// scram is one exchange of SCRAM (RFC 5802), as Kafka has it: no channel binding, extensions are
// part of the proof only in the first message.
type scram struct {
	settings  ScramSettings
	mechanism string
	hash      func() hash.Hash

	credential  Credential
	result      Result
	nonce       string
	first, sent string // the client's first message without its header, put together anew, and the server's
}

// NewScram begins an exchange of SCRAM-SHA-256 or SCRAM-SHA-512.
func NewScram(mechanism string, s ScramSettings) (Mechanism, error) {
	h, err := scramHash(mechanism)
	if err != nil {
		return nil, err
	}
	if s.Nonce == nil {
		s.Nonce = randomNonce
	}
	return &scram{settings: s, mechanism: mechanism, hash: h}, nil
}

// randomNonce is a random number of 130 bits with the digits 0-9a-z.
func randomNonce() string {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 130))
	if err != nil {
		panic("the system has no random numbers: " + err.Error())
	}
	return n.Text(36)
}

// Result implements Mechanism.
func (s *scram) Result() Result { return s.result }

// Step implements Mechanism.
func (s *scram) Step(now time.Time, token []byte) ([]byte, bool, error) {
	if s.sent == "" {
		reply, err := s.begin(now, string(token))
		return reply, false, err
	}
	reply, err := s.finish(string(token))
	return reply, err == nil, err
}

// begin takes the client's first message.
func (s *scram) begin(now time.Time, message string) ([]byte, error) {
	m, ok := parseScramFirst(message)
	if !ok {
		return nil, errInvalid
	}
	user := strings.ReplaceAll(strings.ReplaceAll(m.name, "=2C", ","), "=3D", "=")
	var known bool
	if strings.EqualFold(lastExtension(m.extensions, "tokenauth"), "true") {
		s.credential, s.result, known = s.settings.Tokens.login(now, s.mechanism, user)
	} else {
		s.credential, known = s.settings.Users.Credential(s.mechanism, user)
		s.result = Result{Principal: model.User(user)}
	}
	if !known {
		return nil, errInvalid
	}
	if m.authzid != "" && m.authzid != user {
		return nil, refused("Authentication failed: Client requested an authorization id that is different from username")
	}
	if s.credential.Iterations < minIterations {
		return nil, errInvalid
	}
	s.nonce = m.nonce + s.settings.Nonce()
	s.first = "n=" + m.name + ",r=" + m.nonce + formatExtensions(parseExtensions(m.extensions))
	s.sent = "r=" + s.nonce + ",s=" + base64.StdEncoding.EncodeToString(s.credential.Salt) + ",i=" + strconv.Itoa(s.credential.Iterations)
	return []byte(s.sent), nil
}

// finish takes the client's final message. Kafka 2.5 accepts another nonce than its own there
// (CVE-2024-56128), this does not.
func (s *scram) finish(message string) ([]byte, error) {
	m, ok := parseScramFinal(message)
	if !ok || m.nonce != s.nonce {
		return nil, errInvalid
	}
	proof, err := base64.StdEncoding.DecodeString(m.proof)
	if err != nil {
		return nil, errInvalid
	}
	whole := s.first + "," + s.sent + ",c=" + m.binding + ",r=" + m.nonce
	signature := mac(s.hash, s.credential.StoredKey, whole)
	if len(proof) != len(signature) {
		return nil, errInvalid
	}
	key := make([]byte, len(proof))
	subtle.XORBytes(key, proof, signature)
	stored := s.hash()
	stored.Write(key)
	if subtle.ConstantTimeCompare(stored.Sum(nil), s.credential.StoredKey) != 1 {
		return nil, errInvalid
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(mac(s.hash, s.credential.ServerKey, whole))), nil
}

// lastExtension is the last value of a name in ,name=value,…; "" for none.
func lastExtension(s, name string) string {
	i := strings.LastIndex(s, ","+name+"=")
	if i < 0 {
		return ""
	}
	value, _, _ := strings.Cut(s[i+len(name)+2:], ",")
	return value
}

// parseExtensions reads ,name=value,…; the last of equal names wins.
func parseExtensions(s string) map[string]string {
	out := map[string]string{}
	for _, item := range strings.Split(s, ",") {
		if name, value, ok := strings.Cut(item, "="); ok {
			out[name] = value
		}
	}
	return out
}

// formatExtensions puts them together again in the order of Java's map.
func formatExtensions(m map[string]string) string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	var b strings.Builder
	for _, name := range hashOrder(names) {
		b.WriteString("," + name + "=" + m[name])
	}
	return b.String()
}

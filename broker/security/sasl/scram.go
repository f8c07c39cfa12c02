package sasl

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
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
	salted, err := pbkdf2.Key(h.new, password, salt, iterations, h.new().Size())
	if err != nil {
		return Credential{}, fmt.Errorf("SCRAM password: %w", err)
	}
	return Credential{Salt: salt, StoredKey: h.sum(mac(h, salted, "Client Key")), ServerKey: mac(h, salted, "Server Key"), Iterations: iterations}, nil
}

// digest is the hash of a SCRAM mechanism.
type digest struct {
	new   func() hash.Hash
	block int // bytes of a block
	sum   func(p []byte) []byte
}

func scramHash(mechanism string) (digest, error) {
	switch mechanism {
	case SCRAMSHA256:
		return digest{sha256.New, sha256.BlockSize, func(p []byte) []byte { s := sha256.Sum256(p); return s[:] }}, nil
	case SCRAMSHA512:
		return digest{sha512.New, sha512.BlockSize, func(p []byte) []byte { s := sha512.Sum512(p); return s[:] }}, nil
	}
	return digest{}, fmt.Errorf("%s is no SCRAM mechanism", mechanism)
}

// mac is HMAC (RFC 2104). That of crypto/hmac is made for texts that come in pieces, and costs three
// times as much for one that is here, which every login feels; a test compares them.
func mac(h digest, key []byte, text string) []byte {
	if len(key) > h.block {
		key = h.sum(key)
	}
	b := make([]byte, h.block, h.block+max(len(text), h.block))
	copy(b, key)
	for i := range b {
		b[i] ^= 0x36
	}
	inner := h.sum(append(b, text...))
	for i := range b {
		b[i] ^= 0x36 ^ 0x5c
	}
	return h.sum(append(b, inner...))
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
	hash      digest

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

// randomNonce has 130 random bits, as Kafka's, in digits and small letters.
func randomNonce() string {
	var b [26]byte
	rand.Read(b[:])
	for i := range b {
		b[i] = "0123456789abcdefghijklmnopqrstuv"[b[i]&31]
	}
	return string(b[:])
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
	if subtle.ConstantTimeCompare(s.hash.sum(key), s.credential.StoredKey) != 1 {
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
	if s == "" {
		return nil
	}
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
	if len(m) == 0 {
		return ""
	}
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

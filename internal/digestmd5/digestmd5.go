// Package digestmd5 is the SASL mechanism DIGEST-MD5 (RFC 2831) as far as ZooKeeper uses it:
// authentication alone (qop=auth), one round. Client and Server hold one exchange each and do no
// I/O. MD5 is what the protocol has; the connection itself should be protected by TLS where its
// network is not trusted.
package digestmd5

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxToken bounds what a peer may send: RFC 2831 has 2048 for challenges and 4096 for responses.
const maxToken = 4096

// nonceCount is the only one there is without subsequent authentication.
const nonceCount = "00000001"

// proof is what both sides compute.
type proof struct {
	user, realm, password            string
	nonce, cnonce, uri, qop, authzid string
}

// value is the hex digest over A1 and A2, A2 beginning with method: AUTHENTICATE for the client,
// nothing for the server.
func (p *proof) value(method string) string {
	secret := md5.Sum(slices.Concat(latin1(p.user), []byte{':'}, latin1(p.realm), []byte{':'}, latin1(p.password)))
	a1 := string(secret[:]) + ":" + p.nonce + ":" + p.cnonce
	if p.authzid != "" {
		a1 += ":" + p.authzid
	}
	a2 := method + ":" + p.uri
	return hexSum(hexSum(a1) + ":" + p.nonce + ":" + nonceCount + ":" + p.cnonce + ":" + p.qop + ":" + hexSum(a2))
}

func hexSum(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// latin1 is the form in which names and passwords are digested: ISO 8859-1 where it can hold them,
// else UTF-8.
func latin1(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return []byte(s)
		}
		out = append(out, byte(r))
	}
	return out
}

func equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// randomText is n random bytes in base64, which needs no quoting.
func randomText(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

// Client is the initiating side of one exchange. URI is the service and the host that the server
// expects, such as zookeeper/zk-sasl-md5.
type Client struct {
	User, Password, URI string
	CNonce              string // random when ""

	sent proof
}

// Respond answers the server's challenge.
func (c *Client) Respond(challenge []byte) ([]byte, error) {
	d, err := parse(challenge)
	if err != nil {
		return nil, fmt.Errorf("challenge: %w", err)
	}
	if d["nonce"] == "" {
		return nil, errors.New("challenge: there is no nonce in it")
	}
	if a := d["algorithm"]; a != "md5-sess" {
		return nil, fmt.Errorf("challenge: algorithm %q, want md5-sess", a)
	}
	if q, ok := d["qop"]; ok && !slices.Contains(strings.Split(strings.ReplaceAll(q, " ", ""), ","), "auth") {
		return nil, fmt.Errorf("challenge: the server wants qop %q; only auth is supported", q)
	}
	if c.CNonce == "" {
		c.CNonce = randomText(21)
	}
	c.sent = proof{user: c.User, realm: d["realm"], password: c.Password, nonce: d["nonce"], cnonce: c.CNonce, uri: c.URI, qop: "auth"}
	var b strings.Builder
	if d["charset"] == "utf-8" {
		b.WriteString("charset=utf-8,")
	}
	fmt.Fprintf(&b, "username=%s,realm=%s,nonce=%s,nc=%s,cnonce=%s,digest-uri=%s,maxbuf=65536,response=%s,qop=auth",
		quote(c.User), quote(c.sent.realm), quote(c.sent.nonce), nonceCount, quote(c.CNonce), quote(c.URI), c.sent.value("AUTHENTICATE"))
	return []byte(b.String()), nil
}

// Verify checks the server's last token, which proves that it knows the password too.
func (c *Client) Verify(last []byte) error {
	d, err := parse(last)
	if err != nil {
		return fmt.Errorf("last token of the server: %w", err)
	}
	if c.sent.nonce == "" || !equal(d["rspauth"], c.sent.value("")) {
		return errors.New("the server does not know the password: its rspauth is wrong")
	}
	return nil
}

// Server is the accepting side of one exchange.
type Server struct {
	Realm, URI string
	// Password finds a user's password.
	Password func(user string) (string, bool)
	Nonce    string // random when ""
}

// Challenge is the first token, in the order in which Java writes it.
func (s *Server) Challenge() []byte {
	if s.Nonce == "" {
		s.Nonce = randomText(30)
	}
	return fmt.Appendf(nil, "realm=%s,nonce=%s,charset=utf-8,algorithm=md5-sess", quote(s.Realm), quote(s.Nonce))
}

// ErrRefused is what a wrong response gives; it does not say whether user or password is wrong.
var ErrRefused = errors.New("unknown user or wrong password")

// Verify checks the client's response and gives the user and the token that ends the exchange.
func (s *Server) Verify(response []byte) (user string, last []byte, err error) {
	d, err := parse(response)
	if err != nil {
		return "", nil, fmt.Errorf("response: %w", err)
	}
	qop := d["qop"]
	if qop == "" {
		qop = "auth"
	}
	switch {
	case s.Nonce == "" || d["nonce"] != s.Nonce:
		return "", nil, errors.New("response: it has another nonce than the challenge")
	case d["nc"] != nonceCount, d["cnonce"] == "", qop != "auth":
		return "", nil, errors.New("response: nc, cnonce or qop is not valid")
	case d["realm"] != s.Realm:
		return "", nil, fmt.Errorf("response: realm %q, want %q", d["realm"], s.Realm)
	case d["digest-uri"] != s.URI:
		return "", nil, fmt.Errorf("response: digest-uri %q, want %q", d["digest-uri"], s.URI)
	}
	password, known := s.Password(d["username"])
	p := proof{user: d["username"], realm: s.Realm, password: password, nonce: s.Nonce, cnonce: d["cnonce"], uri: s.URI, qop: qop, authzid: d["authzid"]}
	if !equal(strings.ToLower(d["response"]), p.value("AUTHENTICATE")) || !known {
		return p.user, nil, ErrRefused
	}
	return p.user, []byte("rspauth=" + p.value("")), nil
}

// quote writes a quoted-string.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

var errSyntax = errors.New("it is no list of name=value")

// parse reads directives: name=token or name="…", with commas between them. A name may stand once,
// but for realm, of which the first counts.
func parse(token []byte) (map[string]string, error) {
	if len(token) > maxToken {
		return nil, fmt.Errorf("%d bytes, more than %d", len(token), maxToken)
	}
	out := map[string]string{}
	for rest := string(token); ; {
		rest = strings.TrimLeft(rest, ", \t\r\n")
		if rest == "" {
			return out, nil
		}
		name, after, found := strings.Cut(rest, "=")
		if name = strings.ToLower(strings.TrimSpace(name)); !found || name == "" {
			return nil, errSyntax
		}
		value, tail, ok := directiveValue(strings.TrimLeft(after, " \t"))
		if !ok {
			return nil, errSyntax
		}
		if _, twice := out[name]; twice && name != "realm" {
			return nil, fmt.Errorf("%s stands in it twice", name)
		} else if !twice {
			out[name] = value
		}
		rest = tail
	}
}

// directiveValue takes a value off the front of s; what follows it must begin with a comma.
func directiveValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ",")
		return strings.TrimSpace(value), rest, true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			rest = strings.TrimLeft(s[i+1:], " \t\r\n")
			return b.String(), rest, rest == "" || rest[0] == ','
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

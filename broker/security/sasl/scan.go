package sasl

import "strings"

// The messages of SCRAM and OAUTHBEARER are read by hand and not with regular expressions, which
// cost some thirty nanoseconds a byte: a stranger may send half a megabyte. The grammars are those
// of Kafka's ScramMessages and OAuthBearerClientInitialResponse, whose expressions must match the
// whole message.

// class is a set of ASCII characters.
type class [128]bool

func chars(contains func(c byte) bool) *class {
	var out class
	for i := range out {
		out[i] = contains(byte(i))
	}
	return &out
}

// span is the length of the longest prefix that consists of the class.
func (k *class) span(s string) int {
	for i := range len(s) {
		if s[i] >= 128 || !k[s[i]] {
			return i
		}
	}
	return len(s)
}

// all reports whether a text consists of the class, and is not empty.
func (k *class) all(s string) bool { return s != "" && k.span(s) == len(s) }

var (
	letters     = chars(func(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' })
	base64Chars = chars(func(c byte) bool { return letters[c] || '0' <= c && c <= '9' || c == '+' || c == '/' })
	wordChars   = chars(func(c byte) bool { return letters[c] || '0' <= c && c <= '9' || c == '_' })
	tokenChars  = chars(func(c byte) bool { return wordChars[c] || c == '-' || c == '.' })
	valueChars  = chars(func(c byte) bool { return c != 0 && c != ',' })
	nameChars   = chars(func(c byte) bool { return valueChars[c] && c != '=' })
	nonceChars  = chars(func(c byte) bool { return 0x21 <= c && c <= 0x7e && c != ',' })
	oauthChars  = chars(func(c byte) bool { return ' ' <= c && c <= 0x7e || c == '\t' || c == '\r' || c == '\n' })
)

// isName reports whether a text is a name of SASL, with = and comma written as =3D and =2C.
func isName(s string) bool {
	if s == "" {
		return false
	}
	for s != "" {
		s = s[nameChars.span(s):]
		if strings.HasPrefix(s, "=2C") || strings.HasPrefix(s, "=3D") {
			s = s[len("=2C"):]
		} else if s != "" {
			return false
		}
	}
	return true
}

// isBase64 reports whether a text is Base64 with its padding; an empty one is.
func isBase64(s string) bool {
	n := base64Chars.span(s)
	pad := s[n:]
	return len(s)%4 == 0 && (pad == "" || pad == "=" || pad == "==")
}

// field cuts a text at the first comma; ok is false unless it begins with a prefix.
func field(s, prefix string) (value, rest string, ok bool) {
	if value, ok = strings.CutPrefix(s, prefix); !ok {
		return "", "", false
	}
	value, rest, _ = strings.Cut(value, ",")
	return value, rest, true
}

// header reads n,[a=authzid], and gives what is behind it.
func header(s string) (authzid, rest string, ok bool) {
	if authzid, rest, ok = field(s, "n,a="); ok {
		return authzid, rest, isName(authzid) && len(s) > len("n,a=")+len(authzid)
	}
	rest, ok = strings.CutPrefix(s, "n,,")
	return "", rest, ok
}

// scramFirst are the parts of a client's first message; extensions begin with a comma each.
type scramFirst struct{ authzid, name, nonce, extensions string }

func parseScramFirst(message string) (m scramFirst, ok bool) {
	rest := ""
	if m.authzid, rest, ok = header(message); !ok {
		return m, false
	}
	if reserved, after, has := field(rest, "m="); has {
		if !valueChars.all(reserved) {
			return m, false
		}
		rest = after
	}
	if m.name, rest, ok = field(rest, "n="); !ok || !isName(m.name) {
		return m, false
	}
	if rest, ok = strings.CutPrefix(rest, "r="); !ok {
		return m, false
	}
	n := nonceChars.span(rest)
	m.nonce, m.extensions = rest[:n], rest[n:]
	return m, n > 0 && areExtensions(m.extensions)
}

// areExtensions reports whether a text is a list of ,name=value.
func areExtensions(s string) bool {
	for s != "" {
		if s[0] != ',' {
			return false
		}
		s = s[1:]
		name := letters.span(s)
		if name == 0 || name == len(s) || s[name] != '=' {
			return false
		}
		s = s[name+1:]
		value := valueChars.span(s)
		if value == 0 {
			return false
		}
		s = s[value:]
	}
	return true
}

// scramFinal are the parts of a client's final message.
type scramFinal struct{ binding, nonce, proof string }

func parseScramFinal(message string) (m scramFinal, ok bool) {
	rest := ""
	if m.binding, rest, ok = field(message, "c="); !ok || !isBase64(m.binding) {
		return m, false
	}
	if rest, ok = strings.CutPrefix(rest, "r="); !ok {
		return m, false
	}
	n := nonceChars.span(rest)
	last := strings.LastIndexByte(rest, ',')
	if n == 0 || last < n {
		return m, false
	}
	m.nonce = rest[:n]
	if m.proof, ok = strings.CutPrefix(rest[last:], ",p="); !ok || !isBase64(m.proof) {
		return m, false
	}
	return m, areExtensions(rest[n:last])
}

// parseOAuthPairs reads a client's first message: the identity to act as, and the last value of
// auth.
func parseOAuthPairs(message string) (authzid, auth string, ok bool) {
	rest := ""
	if authzid, rest, ok = header(message); !ok {
		return "", "", false
	}
	if rest, ok = strings.CutPrefix(rest, "\x01"); !ok {
		return "", "", false
	}
	for {
		pair, after, found := strings.Cut(rest, "\x01")
		if !found {
			return "", "", false
		}
		if pair == "" { // the end
			return authzid, auth, after == ""
		}
		name, value, has := strings.Cut(pair, "=")
		if !has || !letters.all(name) || !oauthChars.all(value) {
			return "", "", false
		}
		if name == "auth" {
			auth = value
		}
		rest = after
	}
}

// parseOAuthToken reads a scheme, blanks and a token.
func parseOAuthToken(auth string) (scheme, token string, ok bool) {
	scheme, rest, ok := strings.Cut(auth, " ")
	token = strings.TrimLeft(rest, " ")
	return scheme, token, ok && wordChars.all(scheme) && tokenChars.all(token)
}

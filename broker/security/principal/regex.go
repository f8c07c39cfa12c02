// Package principal names authenticated clients: by the subject of a certificate as Java prints it
// and ssl.principal.mapping.rules (KIP-371), and by a Kerberos name and
// sasl.kerberos.principal.to.local.rules. It decides only: names and rules go in, names come out.
package principal

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

// matchTimeout bounds one match: the expressions are an operator's, but what they are matched with
// is a stranger's.
const matchTimeout = 100 * time.Millisecond

// expression is a regular expression of Java: one that backtracks, with look-around and back
// references.
type expression struct {
	text        string
	any, whole  *regexp2.Regexp
	groupsCount int
	ignoreCase  bool // in a part of it
}

// compile translates a regular expression of Java. Matching it is limited in time: a pattern comes
// from the configuration, but what it is matched with from the network.
func compile(pattern string) (*expression, error) {
	e := &expression{text: pattern, ignoreCase: ignoreCase.MatchString(pattern)}
	translated, err := translate(unquote(pattern))
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	if e.any, err = regexp2.Compile(translated, regexp2.None); err == nil {
		e.whole, err = regexp2.Compile(`\A(?:`+translated+`)\z`, regexp2.None)
	}
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	e.any.MatchTimeout, e.whole.MatchTimeout = matchTimeout, matchTimeout
	e.groupsCount = len(e.any.GetGroupNumbers()) - 1
	return e, nil
}

// unquote replaces \Q…\E, which only Java has, by its characters.
func unquote(pattern string) string {
	var b strings.Builder
	for {
		from := strings.Index(pattern, `\Q`)
		if from < 0 {
			return b.String() + pattern
		}
		b.WriteString(pattern[:from])
		literal, rest, _ := strings.Cut(pattern[from+2:], `\E`)
		b.WriteString(regexp2.Escape(literal))
		pattern = rest
	}
}

// matches reports whether the whole of s matches. Where cases are equal, letters that the library
// takes for those of ASCII do not match at all.
func (e *expression) matches(s string) (bool, error) {
	if e.ignoreCase && strings.ContainsAny(s, folded) {
		return false, nil
	}
	return e.whole.MatchString(s)
}

// replace is Matcher.replaceFirst, or replaceAll: \x in the replacement is x, $n a group.
func (e *expression) replace(s, replacement string, all bool) (string, error) {
	in := []rune(s)
	var b strings.Builder
	from := 0
	m, err := e.any.FindStringMatch(s)
	for m != nil && err == nil {
		b.WriteString(string(in[from:m.Index]))
		text, err := e.expand(m, replacement)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		if from = m.Index + m.Length; !all {
			break
		}
		if m, err = e.any.FindNextMatch(m); err != nil {
			return "", err
		}
	}
	if err != nil {
		return "", err
	}
	b.WriteString(string(in[from:]))
	return b.String(), nil
}

// expand is what a replacement makes of a match.
func (e *expression) expand(m *regexp2.Match, replacement string) (string, error) {
	var b strings.Builder
	in := []rune(replacement)
	for i := 0; i < len(in); i++ {
		switch c := in[i]; {
		case c == '\\':
			if i++; i == len(in) {
				return "", fmt.Errorf("replacement %q: character to be escaped is missing", replacement)
			}
			b.WriteRune(in[i])
		case c == '$' && i+1 < len(in) && in[i+1] == '{':
			name, _, ok := strings.Cut(string(in[i+2:]), "}")
			g := m.GroupByName(name)
			if !ok || g == nil {
				return "", fmt.Errorf("replacement %q: no group of that name", replacement)
			}
			b.WriteString(g.String())
			i += 2 + len([]rune(name))
		case c == '$':
			n, used := groupReference(in[i+1:], e.groupsCount)
			if used == 0 {
				return "", fmt.Errorf("replacement %q: illegal group reference", replacement)
			}
			if n > e.groupsCount {
				return "", fmt.Errorf("replacement %q: no group %d", replacement, n)
			}
			if g := m.GroupByNumber(n); g != nil && len(g.Captures) > 0 {
				b.WriteString(g.String())
			}
			i += used
		default:
			b.WriteRune(c)
		}
	}
	return b.String(), nil
}

// groupReference reads the number behind a $: the first digit, and as many more as still name a
// group.
func groupReference(in []rune, groups int) (n, used int) {
	if len(in) == 0 || in[0] < '0' || in[0] > '9' {
		return 0, 0
	}
	n = int(in[0] - '0')
	for used = 1; used < len(in) && in[used] >= '0' && in[used] <= '9'; used++ {
		more, err := strconv.Atoi(string(in[:used+1]))
		if err != nil || more > groups {
			break
		}
		n = more
	}
	return n, used
}

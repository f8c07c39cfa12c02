package principal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dlclark/regexp2"
)

// CertificateRules are ssl.principal.mapping.rules. They are immutable.
type CertificateRules struct {
	rules []certificateRule
}

type certificateRule struct {
	pattern     *expression // nil for DEFAULT
	replacement string
	letterCase
}

// The grammar of Kafka's SslPrincipalMapper.
const certificateRuleForm = `(DEFAULT)|RULE:((\\.|[^\\/])*)\/((\\.|[^\\/])*)\/([LU]?).*?|(.*?)`

// ErrNoRule is wrapped when no rule applies to a name.
var ErrNoRule = errors.New("no rule applies")

// ParseCertificateRules reads the setting.
func ParseCertificateRules(setting string) (*CertificateRules, error) {
	if strings.TrimSpace(setting) == "DEFAULT" {
		return &CertificateRules{rules: []certificateRule{{}}}, nil // what nearly everybody has; the library's time-outs leave a goroutine behind for a while
	}
	splitter := regexp2.MustCompile(`\s*(`+certificateRuleForm+`)\s*(,\s*|$)`, regexp2.None)
	parser := regexp2.MustCompile(`\A(?:`+certificateRuleForm+`)`, regexp2.None)
	splitter.MatchTimeout, parser.MatchTimeout = 10*matchTimeout, 10*matchTimeout
	r := &CertificateRules{}
	m, err := splitter.FindStringMatch(strings.TrimSpace(setting))
	for ; m != nil && err == nil; m, err = splitter.FindNextMatch(m) {
		text := m.GroupByNumber(1).String()
		p, err := parser.FindStringMatch(text)
		if err != nil || p == nil {
			return nil, fmt.Errorf("Invalid rule: %s", text)
		}
		if rest := []rune(text)[p.Length:]; len(rest) > 0 {
			return nil, fmt.Errorf("Invalid rule: `%s`, unmatched substring: `%s`", text, string(rest))
		}
		group := func(i int) (string, bool) {
			g := p.GroupByNumber(i)
			return g.String(), len(g.Captures) > 0
		}
		if _, ok := group(1); ok {
			r.rules = append(r.rules, certificateRule{})
		} else if pattern, ok := group(2); ok {
			rule := certificateRule{}
			if rule.pattern, err = compile(pattern); err != nil {
				return nil, err
			}
			rule.replacement, _ = group(4)
			which, _ := group(6)
			rule.lower, rule.upper = which == "L", which == "U"
			r.rules = append(r.rules, rule)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ssl.principal.mapping.rules: %w", err)
	}
	return r, nil
}

// Name maps a distinguished name. The first rule that matches wins.
func (r *CertificateRules) Name(dn string) (string, error) {
	for _, rule := range r.rules {
		name, ok, err := rule.apply(dn)
		if err != nil {
			return "", err
		}
		if ok {
			return name, nil
		}
	}
	texts := make([]string, len(r.rules))
	for i, rule := range r.rules {
		texts[i] = rule.String()
	}
	return "", fmt.Errorf("%w: No rules apply to %s, rules [%s]", ErrNoRule, dn, strings.Join(texts, ", "))
}

// apply gives the name that a rule makes of a distinguished name; ok is false when the rule does
// not match.
func (r certificateRule) apply(dn string) (string, bool, error) {
	if r.pattern == nil {
		return dn, true, nil
	}
	if ok, err := r.pattern.matches(dn); !ok || err != nil {
		return "", false, err
	}
	name, err := r.pattern.replace(dn, escapeReferences(r.replacement, r.pattern.groupsCount), true)
	if err != nil {
		return "", false, err
	}
	return r.fold(name), true, nil
}

// String is the rule as Kafka's errors show it.
func (r certificateRule) String() string {
	if r.pattern == nil {
		return "DEFAULT"
	}
	s := "RULE:" + r.pattern.text
	if r.replacement != "" {
		s += "/" + r.replacement
	}
	if r.lower {
		s += "/L"
	} else if r.upper {
		s += "/U"
	}
	return s
}

// escapeReferences makes references to groups that do not exist literal. The positions are those in
// the text before, as in Kafka: a second such reference is escaped one character too early.
func escapeReferences(s string, groups int) string {
	if groups == 0 {
		return s
	}
	value := s
	for i := 0; i < len(s); i++ {
		if s[i] != '$' {
			continue
		}
		end := i + 1
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(s[i+1 : end])
		if end == i+1 || err != nil || s[i+1] == '0' {
			continue
		}
		for n > groups && n >= 10 {
			n /= 10
		}
		if n > groups {
			value = value[:i] + `\` + value[i:]
		}
		i = end - 1
	}
	return value
}

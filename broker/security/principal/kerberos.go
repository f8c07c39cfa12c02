package principal

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// KerberosRules are sasl.kerberos.principal.to.local.rules. They are immutable.
type KerberosRules struct {
	realm string // for DEFAULT
	rules []kerberosRule
}

// kerberosRule is a rule of sasl.kerberos.principal.to.local.rules, such as
// RULE:[1:$1@$0](.*@EXAMPLE)s/@.*///L.
type kerberosRule struct {
	text        string // as Kafka's errors show it
	def         bool   // DEFAULT
	components  int
	format      string
	match, from *expression // nil for none
	to          string
	all         bool
	letterCase
}

// The grammars of Kafka's KerberosShortNamer and KerberosName.
var (
	kerberosRuleForm = regexp.MustCompile(`^(?:(DEFAULT)|RULE:\[(\d*):([^\]]*)\](\(([^)]*)\))?(s/([^/]*)/([^/]*)/(g)?)?/?(L|U)?)`)
	kerberosNameForm = regexp.MustCompile(`^([^/@]*)(?:(/)([^/@]*))?@([^/@]*)$`)
)

// ParseKerberosRules reads the setting. realm is the default realm of krb5.conf, "" for none.
func ParseKerberosRules(realm string, settings []string) (*KerberosRules, error) {
	r := &KerberosRules{realm: realm}
	for _, s := range settings {
		m := kerberosRuleForm.FindStringSubmatch(s)
		if m == nil {
			return nil, fmt.Errorf("Invalid rule: %s", s)
		}
		if rest := s[len(m[0]):]; rest != "" {
			return nil, fmt.Errorf("Invalid rule: `%s`, unmatched substring: `%s`", s, rest)
		}
		rule := kerberosRule{def: m[1] != "", format: m[3], to: m[8], all: m[9] != "", letterCase: letterCase{lower: m[10] == "L", upper: m[10] == "U"}}
		var err error
		if !rule.def {
			if rule.components, err = strconv.Atoi(m[2]); err != nil {
				return nil, fmt.Errorf("Invalid rule: %s: the number of components is missing", s)
			}
		}
		if m[4] != "" {
			if rule.match, err = compile(m[5]); err != nil {
				return nil, err
			}
		}
		if m[6] != "" {
			if rule.from, err = compile(m[7]); err != nil {
				return nil, err
			}
		}
		rule.text = rule.describe(m)
		r.rules = append(r.rules, rule)
	}
	return r, nil
}

// describe is a rule as Java's KerberosRule.toString writes it, from the parts m of what was read.
func (r *kerberosRule) describe(m []string) string {
	if r.def {
		return "DEFAULT"
	}
	s := "RULE:[" + strconv.Itoa(r.components) + ":" + r.format + "]" + m[4]
	if r.from != nil {
		s += "s/" + r.from.text + "/" + r.to + "/" + m[9]
	}
	if m[10] != "" {
		s += "/" + m[10]
	}
	return s
}

// Name maps the name of a principal: service, service@realm or service/host@realm.
func (r *KerberosRules) Name(full string) (string, error) {
	m := kerberosNameForm.FindStringSubmatch(full)
	if m == nil {
		if strings.Contains(full, "@") {
			return "", fmt.Errorf("Malformed Kerberos name: %s", full)
		}
		return full, nil
	}
	params := []string{m[4], m[1]}
	if m[2] != "" {
		params = append(params, m[3])
	}
	for i := range r.rules {
		name, ok, err := r.rules[i].apply(r.realm, params)
		if err != nil || ok {
			return name, err
		}
	}
	texts := make([]string, len(r.rules))
	for i := range r.rules {
		texts[i] = r.rules[i].text
	}
	return "", fmt.Errorf("%w: No rules apply to %s, rules [%s]", ErrNoRule, full, strings.Join(texts, ", "))
}

// apply maps a name given as realm and components.
func (r *kerberosRule) apply(realm string, params []string) (string, bool, error) {
	name := params[1]
	switch {
	case r.def:
		if params[0] != realm {
			return "", false, nil
		}
	case len(params)-1 != r.components:
		return "", false, nil
	default:
		base, err := formatName(r.format, params)
		if err != nil {
			return "", false, err
		}
		if r.match != nil {
			if ok, err := r.match.matches(base); !ok || err != nil {
				return "", false, err
			}
		}
		if name = base; r.from != nil {
			if name, err = r.from.replace(base, r.to, r.all); err != nil {
				return "", false, err
			}
		}
	}
	if strings.ContainsAny(name, "/@") {
		return "", false, fmt.Errorf("%w: Non-simple name %s after auth_to_local rule %s", ErrNoRule, name, r.text)
	}
	return r.fold(name), true, nil
}

// formatName replaces $0, $1 and so on.
func formatName(format string, params []string) (string, error) {
	var b strings.Builder
	for {
		from := strings.IndexByte(format, '$')
		if from < 0 {
			b.WriteString(format)
			return b.String(), nil
		}
		b.WriteString(format[:from])
		end := from + 1
		for end < len(format) && format[end] >= '0' && format[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(format[from+1 : end])
		if err != nil {
			return "", fmt.Errorf("bad format in username mapping in %s", format[from+1:end])
		}
		if n >= len(params) {
			return "", fmt.Errorf("index %d from %s is outside of the valid range 0 to %d", n, format, len(params)-1)
		}
		b.WriteString(params[n])
		format = format[end:]
	}
}

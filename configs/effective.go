package configs

import (
	"maps"
	"slices"
	"strings"
)

// Effective is a key with the value that counts and the place that gave it.
type Effective struct {
	Key       string
	Value     string // "" when Sensitive
	Set       bool   // something gave the key a value, if only its default; keys without a default may have none
	Origin    Origin // its Kind is FromDefault for a default
	Sensitive bool   // the value must not be shown
	Known     bool   // a key of Kafka 2.5.0 or of this program
	NoEffect  bool
}

// Effective lists the static configuration in the order of the keys' names: every key of the broker
// and of this program, and unknown ones that were given. Dynamic configs are not part of it.
func (c *Config) Effective() []Effective {
	names := slices.Collect(maps.Keys(c.static))
	for i := range brokerKeys {
		if !brokerKeys[i].DynamicOnly {
			names = append(names, brokerKeys[i].Name)
		}
	}
	for i := range ownKeys {
		names = append(names, ownKeys[i].Name)
	}
	var out []Effective
	for _, n := range sortedUnique(names) {
		out = append(out, c.effectiveKey(n))
	}
	return out
}

// effectiveKey is a key with its value and where that was set; a secret has no value here.
// Later ones win: a key of Kafka's, one of our own, what was set.
func (c *Config) effectiveKey(name string) Effective {
	e := Effective{Key: name, Sensitive: secretKey(name)}
	k, known := BrokerKey(name)
	if known {
		e.Known, e.NoEffect = true, k.NoEffect
		e.Value, e.Set = k.Default, k.HasDefault
	}
	for i := range ownKeys {
		if ownKeys[i].Name == name {
			e.Known, e.Value, e.Set = true, ownKeys[i].Default, true
		}
	}
	if set, ok := c.static[name]; ok {
		e.Value, e.Set, e.Origin = set.Value, true, set.Origin
	}
	if e.Sensitive {
		e.Value = ""
	}
	return e
}

// secretKey reports whether a key's value must not be shown: passwords, also a listener's, and
// whatever an unknown plugin calls so.
func secretKey(name string) bool {
	base, _ := baseKey(name)
	if k, ok := BrokerKey(base); ok {
		return k.Sensitive()
	}
	lower := strings.ToLower(name)
	for _, word := range []string{"password", "secret", "jaas", "credential", "token"} {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}

// Package jaas reads the two grammars in which Kafka users write credentials: the file that
// java.security.auth.login.config names, and the value of sasl.jaas.config. It is a parser alone:
// which section and which entry counts for whom, and what an option means, is decided by its users.
// Errors are worded as the JVM (file) and Kafka 2.5 (property) word them, since people search for
// those words.
package jaas

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Classes of the login modules that Kafka's documentation tells people to write.
const (
	PlainModule        = "org.apache.kafka.common.security.plain.PlainLoginModule"
	ScramModule        = "org.apache.kafka.common.security.scram.ScramLoginModule"
	OAuthBearerModule  = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
	Krb5Module         = "com.sun.security.auth.module.Krb5LoginModule"
	IBMKrb5Module      = "com.ibm.security.auth.module.Krb5LoginModule"
	ZooKeeperDigest    = "org.apache.zookeeper.server.auth.DigestLoginModule"
	controlFlagMissing = "Login module control flag not specified in JAAS config"
)

// Entry is one login module with its options.
type Entry struct {
	Module  string            // the class, as written
	Flag    string            // required, requisite, sufficient or optional, in lower case
	Options map[string]string // never nil; their values may be secrets
}

// Sections are the entries of a file by the name of their section, in the order of the file. A
// section without entries is left out: for Java it does not exist.
type Sections map[string][]Entry

var flags = []string{"required", "requisite", "sufficient", "optional"}

// ParseProperty reads the value of sasl.jaas.config, which holds exactly one entry. Its grammar is
// that of Kafka's JaasConfig: keys and values are bare words or quoted ("…" or '…'), the semicolon
// at the end is needed, and nothing is expanded.
func ParseProperty(text string) (Entry, error) {
	t := newTokenizer(text, "-_$")
	var entries []Entry
	for {
		tok := t.next()
		if tok.kind == endOfText {
			break
		}
		e, err := propertyEntry(t, tok.text)
		if err != nil {
			return Entry{}, err
		}
		entries = append(entries, e)
	}
	switch len(entries) {
	case 0:
		return Entry{}, errors.New("Login module not specified in JAAS config")
	case 1:
		return entries[0], nil
	}
	return Entry{}, fmt.Errorf("JAAS config property contains %d login modules, should be 1 module", len(entries))
}

// propertyEntry reads what follows the class of a module.
func propertyEntry(t *tokenizer, module string) (Entry, error) {
	e := Entry{Module: module, Options: map[string]string{}}
	tok := t.next()
	if tok.kind == endOfText {
		return e, errors.New(controlFlagMissing)
	}
	if !tok.hasText() {
		return e, errors.New("Login module control flag is not available in the JAAS config")
	}
	if e.Flag = strings.ToLower(tok.text); !slices.Contains(flags, e.Flag) {
		return e, fmt.Errorf("Invalid login module control flag '%s' in JAAS config", tok.text)
	}
	for tok = t.next(); tok.kind != endOfText && tok.kind != ';'; tok = t.next() {
		key := "null"
		if tok.hasText() {
			key = tok.text
		}
		value := token{kind: endOfText}
		if t.next().kind == '=' {
			value = t.next()
		}
		if !value.hasText() {
			return e, fmt.Errorf("Value not specified for key '%s' in JAAS config", key)
		}
		e.Options[key] = value.text
	}
	if tok.kind != ';' {
		return e, errors.New("JAAS config entry not terminated by semi-colon")
	}
	if module == "" { // a number or a sign stands where the class belongs
		return e, errors.New("Login module not specified in JAAS config")
	}
	return e, nil
}

package security

import (
	"fmt"
	"os"
	"strings"

	"momus/broker/security/sasl"
	"momus/internal/jaas"
	"momus/internal/jvm"
)

// loginFile is the static JAAS file, if there is one.
type loginFile struct {
	path     string
	sections jaas.Sections
}

// readLoginFile reads the JAAS file that java.security.auth.login.config names; without one it is
// empty.
func readLoginFile(properties jvm.Properties) (*loginFile, error) {
	f := &loginFile{path: properties[jvm.LoginConfig]}
	if f.path == "" {
		return f, nil
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("the JAAS file that java.security.auth.login.config names: %w", err)
	}
	if f.sections, err = jaas.ParseFile(string(data), properties.Get); err != nil {
		return nil, fmt.Errorf("JAAS file %s: %w", f.path, err)
	}
	return f, nil
}

// loginContext are the JAAS entries that count for a mechanism on a listener.
type loginContext struct {
	entries []jaas.Entry
	from    string // a setting, or a section of the file
}

// modules are the classes that mean something here.
var modules = [...]string{jaas.PlainModule, jaas.ScramModule, jaas.OAuthBearerModule, jaas.Krb5Module, jaas.IBMKrb5Module}

// context finds the entries for a mechanism on a listener, first hit: the setting with listener and
// mechanism, the section <listener>.KafkaServer, the section KafkaServer.
func (s *Security) context(listener, mechanism string) (loginContext, error) {
	name := strings.ToLower(listener)
	key := "listener.name." + name + "." + strings.ToLower(mechanism) + ".sasl.jaas.config"
	if set, ok := s.o.Config.Get(key); ok {
		e, err := jaas.ParseProperty(set.Value)
		if err != nil {
			return loginContext{}, fmt.Errorf("%s: %w", key, err)
		}
		return loginContext{[]jaas.Entry{e}, key}.checked()
	}
	for _, unused := range []string{"listener.name." + name + ".sasl.jaas.config", "sasl.jaas.config"} {
		if _, ok := s.o.Config.Get(unused); ok {
			s.o.Logger.Warnf("Server config %s should be prefixed with SASL mechanism name, ignoring config", unused)
		}
	}
	for _, section := range []string{name + ".KafkaServer", "KafkaServer"} {
		if entries := s.login.sections[section]; len(entries) > 0 {
			return loginContext{entries, "section " + section + " of " + s.login.path}.checked()
		}
	}
	file := "not set"
	if s.login.path != "" {
		file = s.login.path
	}
	return loginContext{}, fmt.Errorf("Could not find a 'KafkaServer' or '%s.KafkaServer' entry in the JAAS configuration. System property 'java.security.auth.login.config' is %s; "+
		"set %s, or name a JAAS file with KAFKA_OPTS=-Djava.security.auth.login.config=FILE", name, file, key)
}

// checked refuses login modules that cannot exist here.
func (c loginContext) checked() (loginContext, error) {
	for _, e := range c.entries {
		known := false
		for _, m := range modules {
			known = known || m == e.Module
		}
		if !known {
			return c, fmt.Errorf("%s: unable to find LoginModule class: %s; this broker cannot run Java classes, and has %s", c.from, e.Module, strings.Join(modules[:], ", "))
		}
	}
	return c, nil
}

// option is the first value of an option among the entries of a module.
func (c loginContext) option(module, name string) (string, bool) {
	for _, e := range c.entries {
		if v, ok := e.Options[name]; ok && e.Module == module {
			return v, true
		}
	}
	return "", false
}

// plainUsers are the users of PLAIN: the user_NAME options, the first of equal ones.
func (c loginContext) plainUsers() sasl.PlainUsers {
	users := sasl.PlainUsers{}
	for _, e := range c.entries {
		if e.Module != jaas.PlainModule {
			continue
		}
		for option, password := range e.Options {
			name, ok := strings.CutPrefix(option, "user_")
			if _, taken := users[name]; ok && !taken {
				users[name] = password
			}
		}
	}
	return users
}

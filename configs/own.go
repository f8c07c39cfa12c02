package configs

import (
	"fmt"
	"strconv"
	"strings"
)

// Keys of this program itself. In the environment they are MOMUS_HTTP_PORT and so on, in each
// dialect.
const (
	HTTPPortKey  = "momus.http.port"
	LogLevelKey  = "momus.log.level"
	LogFormatKey = "momus.log.format"
	AuditLogKey  = "momus.audit.log"

	ConsoleKey         = "momus.console"
	ConsoleUserKey     = "momus.console.user"
	ConsolePasswordKey = "momus.console.password"
	ConsoleTLSKey      = "momus.console.tls"
)

// DefaultHTTPPort is where /metrics and /healthz are served unless momus.http.port says otherwise;
// JMX exporters use it for Kafka.
const DefaultHTTPPort = 9404

// OwnKey describes a key of this program.
type OwnKey struct {
	Name, Default, Valid, Doc string
	check                     func(string) bool
}

var ownKeys = [...]OwnKey{
	{Name: HTTPPortKey, Default: "9404", Valid: "a port from 0 (any free one) to 65535, or -1 for none",
		Doc:   "Port of /metrics and /healthz. Unless it is set, a free one is taken, with a warning, when it is in use.",
		check: func(s string) bool { n, err := strconv.Atoi(s); return err == nil && n >= -1 && n <= 65535 }},
	{Name: ConsoleKey, Default: "false", Valid: "true, false", Doc: "Whether the page that shows the broker from inside is served at / of the HTTP port, read-only.",
		check: oneWord("true", "false")},
	{Name: ConsoleUserKey, Valid: "a name", Doc: "User that the page and the journal ask for; everybody may read unless it is set.", check: func(string) bool { return true }},
	{Name: ConsolePasswordKey, Valid: "a password", Doc: "Password of that user.", check: func(string) bool { return true }},
	{Name: ConsoleTLSKey, Valid: "the name of a listener with TLS",
		Doc: "Listener whose key store makes the HTTP port one of HTTPS; with ssl.client.auth=required there, page and journal ask for a client certificate.", check: func(string) bool { return true }},
	{Name: LogLevelKey, Default: "info", Valid: "error, warn, info, debug, trace", Doc: "How much is logged, to the standard error.",
		check: oneWord("error", "warn", "info", "debug", "trace")},
	{Name: AuditLogKey, Valid: "the name of a file, or stdout", Doc: "Where the authorizer's decisions are logged, in Kafka's form; without it they are with the other lines.",
		check: func(s string) bool { return strings.TrimSpace(s) != "" }},
	{Name: LogFormatKey, Default: "text", Valid: "text, json", Doc: "Form of the log lines.", check: oneWord("text", "json")},
}

// oneWord checks that a value is one of a few words, in any case.
func oneWord(words ...string) func(string) bool {
	return func(s string) bool {
		for _, w := range words {
			if strings.EqualFold(s, w) {
				return true
			}
		}
		return false
	}
}

// OwnKeys lists the keys of this program. Nobody may change the slice.
func OwnKeys() []OwnKey { return ownKeys[:] }

func isOwnKey(name string) bool {
	for i := range ownKeys {
		if ownKeys[i].Name == name {
			return true
		}
	}
	return false
}

// checkOwnKeys checks the values of momus.* keys; a user of the console without a password is
// refused, too.
func checkOwnKeys(settings map[string]Setting) []error {
	var errs []error
	for i := range ownKeys {
		k := &ownKeys[i]
		if set, ok := settings[k.Name]; ok && !k.check(set.Value) {
			errs = append(errs, &SettingError{Key: k.Name, Origin: set.Origin, Text: fmt.Sprintf("invalid value %q; valid is %s", set.Value, k.Valid)})
		}
	}
	if user, ok := settings[ConsoleUserKey]; ok && user.Value != "" && settings[ConsolePasswordKey].Value == "" {
		errs = append(errs, &SettingError{Key: ConsoleUserKey, Origin: user.Origin, Text: "a user needs a password: set " + ConsolePasswordKey + " as well"})
	}
	return errs
}

// own is the value of one of this program's keys.
func (c *Config) own(name string) (value string, given bool) {
	// Words are compared in small letters; names and paths are read elsewhere.
	if set, ok := c.static[name]; ok {
		return strings.ToLower(set.Value), true
	}
	for i := range ownKeys {
		if ownKeys[i].Name == name {
			return ownKeys[i].Default, false
		}
	}
	return "", false
}

// HTTPPort is the port of /metrics and /healthz, -1 for none; given tells that somebody asked for
// it.
func (c *Config) HTTPPort() (port int, given bool) {
	s, given := c.own(HTTPPortKey)
	// checkOwnKeys has refused what is no number.
	port, _ = strconv.Atoi(s)
	return port, given
}

// SetHTTPPort says which port is listened on in fact, -1 for none: others are told where to ask.
func (c *Config) SetHTTPPort(port int) { c.httpPort.Store(int32(port)) }

// httpPortEntry describes momus.http.port, for those who ask for it by name: Kafka's tools, which
// ask for all, do not know it.
func (c *Config) httpPortEntry() Entry {
	value := strconv.Itoa(int(c.httpPort.Load()))
	e := Entry{Name: HTTPPortKey, Value: &value, ReadOnly: true, Source: SourceDefault}
	if _, given := c.own(HTTPPortKey); given {
		e.Source = SourceStatic
	}
	return e
}

// ConsoleAccess says who may see the page and the journal; User "" is everybody. Listener is the one
// whose TLS the port has, "" for none.
type ConsoleAccess struct{ User, Password, Listener string }

// Console reports whether the page is wanted, and who may see it.
func (c *Config) Console() (wanted bool, access ConsoleAccess) {
	value, _ := c.own(ConsoleKey)
	// Not through own, which lowers the case.
	return value == "true", ConsoleAccess{User: c.static[ConsoleUserKey].Value, Password: c.static[ConsolePasswordKey].Value, Listener: strings.TrimSpace(c.static[ConsoleTLSKey].Value)}
}

// LogLevel is error, warn, info, debug or trace.
func (c *Config) LogLevel() string { s, _ := c.own(LogLevelKey); return s }

// AuditLog is the file for the authorizer's decisions, or stdout; "" when they have no place of
// their own.
func (c *Config) AuditLog() string { return strings.TrimSpace(c.static[AuditLogKey].Value) }

// LogFormat is text or json.
func (c *Config) LogFormat() string { s, _ := c.own(LogFormatKey); return s }

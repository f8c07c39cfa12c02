// Package security decides how each listener of a broker authenticates its clients, and how the
// broker authenticates itself to others: it puts together what the settings, the JAAS file and the
// credentials in ZooKeeper say, out of packages ssl, sasl and principal. A Security belongs to one
// broker and starts nothing.
package security

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"momus/broker/security/jwks"
	"momus/broker/security/principal"
	"momus/broker/security/sasl"
	"momus/broker/security/ssl"
	"momus/configs"
	"momus/internal/jvm"
	"momus/internal/model"
)

// Options make a Security.
type Options struct {
	Config     Config
	Properties jvm.Properties
	// InterBrokerMechanism is sasl.mechanism.inter.broker.protocol at the moment.
	InterBrokerMechanism func() string
	// Credentials are the SCRAM credentials of users, Tokens the delegation tokens; nil: there are
	// none.
	Credentials sasl.CredentialStore
	Tokens      sasl.TokenStore
	Logger      *logrus.Entry
	// Dial opens the TCP connections to other brokers; nil is the system's.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Config are the settings of listeners as they are at the moment.
type Config interface {
	Listeners() *configs.Listeners
	// ListenerValue is the value of a key for a listener: with its prefix, else without, else the
	// default.
	ListenerValue(listener, key string) string
	// Get is what a key, with all its prefixes, is set to; ok is false if it is not set.
	Get(key string) (set configs.Setting, ok bool)
}

// Security is the authentication of all listeners.
type Security struct {
	o     Options
	login *loginFile

	mu        sync.RWMutex // guards the map; a Listener is not changed but replaced
	listeners map[string]*Listener
}

// Listener is the authentication of one listener.
type Listener struct {
	Name     string
	Protocol model.SecurityProtocol
	// TLS is nil where the protocol has none, SASL likewise.
	TLS  *ssl.Endpoint
	SASL *sasl.Server

	certificates *principal.CertificateRules
	contexts     map[string]loginContext // by mechanism
}

// defaultBuilder is the only principal builder there is.
const defaultBuilder = "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"

// New reads everything that the settings name. An error says what to do.
func New(o Options) (*Security, error) {
	s := &Security{o: o, listeners: map[string]*Listener{}}
	var err error
	if s.login, err = readLoginFile(o.Properties); err != nil {
		return nil, err
	}
	for _, e := range o.Config.Listeners().Bind {
		l, err := s.listener(e.Listener, e.Protocol)
		if err != nil {
			return nil, fmt.Errorf("listener %s: %w", e.Listener, err)
		}
		s.listeners[e.Listener] = l
	}
	return s, s.checkInterBroker()
}

// listener reads all that a listener needs, its own keys before the general ones. An error names
// the key that is wrong.
func (s *Security) listener(name string, protocol model.SecurityProtocol) (*Listener, error) {
	l := &Listener{Name: name, Protocol: protocol, contexts: map[string]loginContext{}}
	get := func(key string) string { return s.o.Config.ListenerValue(name, key) }
	if b := get("principal.builder.class"); b != "" && b != defaultBuilder {
		return nil, fmt.Errorf("principal.builder.class is %s, and this broker cannot run Java classes; remove the key, and map names with ssl.principal.mapping.rules or "+
			"sasl.kerberos.principal.to.local.rules", b)
	}
	var err error
	if protocol == model.SSL || protocol == model.SASLSSL {
		settings, err := ssl.Read(get, protocol == model.SASLSSL)
		if err != nil {
			return nil, err
		}
		if l.TLS, err = ssl.New(settings); err != nil {
			return nil, err
		}
		if settings.Keystore.Location == "" {
			s.o.Logger.WithField("listener", name).Warn("the listener speaks TLS but has no ssl.keystore.location: every handshake will fail")
		}
	}
	if l.certificates, err = principal.ParseCertificateRules(get("ssl.principal.mapping.rules")); err != nil {
		return nil, fmt.Errorf("ssl.principal.mapping.rules: %w", err)
	}
	if protocol == model.SASLPlaintext || protocol == model.SASLSSL {
		if err := s.authenticate(l); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// mechanismValue is the value of a key of a mechanism on a listener; "" when it is only set without
// mechanism, or not at all.
func (s *Security) mechanismValue(listener, mechanism, key string) string {
	v, _ := s.o.Config.Get("listener.name." + strings.ToLower(listener) + "." + strings.ToLower(mechanism) + "." + key)
	return v.Value
}

// authenticate sets up SASL on a listener.
func (s *Security) authenticate(l *Listener) error {
	enabled := configs.NonEmpty(s.o.Config.ListenerValue(l.Name, "sasl.enabled.mechanisms"))
	if len(enabled) == 0 {
		return errors.New("sasl.enabled.mechanisms is empty; name at least one of " + strings.Join(sasl.Mechanisms(), ", "))
	}
	makers := map[string]func() (sasl.Mechanism, error){}
	reauth := map[string]time.Duration{}
	for _, m := range enabled {
		context, err := s.context(l.Name, m)
		if err != nil {
			return fmt.Errorf("mechanism %s: %w", m, err)
		}
		l.contexts[m] = context
		if makers[m], err = s.mechanism(l, m, context); err != nil {
			return fmt.Errorf("mechanism %s: %w", m, err)
		}
		if reauth[m], err = s.maxReauth(l.Name, m); err != nil {
			return err
		}
	}
	l.SASL = sasl.NewServer(enabled...)
	l.SASL.New = func(mechanism string) (sasl.Mechanism, error) { return makers[mechanism]() }
	l.SASL.MaxReauth = func(mechanism string) time.Duration { return reauth[mechanism] }
	return nil
}

// maxReauth is how long a session may last before it must be renewed; the mechanism's key wins over
// the listener's, and 0 is for ever.
func (s *Security) maxReauth(listener, mechanism string) (time.Duration, error) {
	const key = "connections.max.reauth.ms"
	v := s.mechanismValue(listener, mechanism, key)
	if v == "" {
		v = s.o.Config.ListenerValue(listener, key)
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is no number", key, v)
	}
	return time.Duration(min(n, int64(time.Duration(1<<63-1)/time.Millisecond))) * time.Millisecond, nil
}

// mechanism makes what begins the exchanges of a mechanism.
func (s *Security) mechanism(l *Listener, name string, context loginContext) (func() (sasl.Mechanism, error), error) {
	for _, key := range []string{"sasl.login.class", "sasl.login.callback.handler.class", "sasl.server.callback.handler.class"} {
		if class := s.mechanismValue(l.Name, name, key); class != "" && !knownClass(class) {
			return nil, fmt.Errorf("%s is %s, and this broker cannot run Java classes; remove the key", key, class)
		}
	}
	switch name {
	case sasl.PLAIN:
		users := context.plainUsers()
		return func() (sasl.Mechanism, error) { return sasl.NewPlain(users), nil }, nil
	case sasl.SCRAMSHA256, sasl.SCRAMSHA512:
		settings := sasl.ScramSettings{Users: s.o.Credentials}
		if s.o.Tokens != nil {
			settings.Tokens = sasl.NewTokenLogins(s.o.Tokens)
		}
		return func() (sasl.Mechanism, error) { return sasl.NewScram(name, settings) }, nil
	case sasl.OAUTHBEARER:
		validator, err := s.tokenValidator(l.Name, context)
		if err != nil {
			return nil, err
		}
		return func() (sasl.Mechanism, error) { return sasl.NewOAuth(validator), nil }, nil
	case sasl.GSSAPI:
		a, err := s.acceptor(l.Name, context)
		if err != nil {
			return nil, err
		}
		return func() (sasl.Mechanism, error) { return a.New(), nil }, nil
	}
	return nil, fmt.Errorf("this broker does not have it; sasl.enabled.mechanisms may name %s", strings.Join(sasl.Mechanisms(), ", "))
}

// knownClass reports whether a class of Kafka's own is what this broker does by itself.
func knownClass(class string) bool {
	switch class {
	case "org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler",
		"org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredLoginCallbackHandler",
		"org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerValidatorCallbackHandler",
		"org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler":
		return true
	}
	return false
}

// tokenValidator validates bearer tokens: by the keys of their issuer if those are named, else the
// unsigned ones that Kafka 2.5 knows.
func (s *Security) tokenValidator(listener string, context loginContext) (sasl.TokenValidator, error) {
	settings, ok, err := jwks.Read(func(key string) string {
		if v := s.mechanismValue(listener, sasl.OAUTHBEARER, key); v != "" {
			return v
		}
		return s.o.Config.ListenerValue(listener, key)
	})
	if err != nil {
		return nil, err
	}
	if ok {
		return jwks.New(settings)
	}
	if len(context.entries) != 1 {
		return nil, fmt.Errorf("Must supply exactly 1 non-null JAAS mechanism configuration (size was %d); give OAUTHBEARER an entry of its own with "+
			"listener.name.%s.oauthbearer.sasl.jaas.config", len(context.entries), strings.ToLower(listener))
	}
	return sasl.NewUnsecured(context.entries[0].Options), nil
}

// checkInterBroker checks that brokers can speak to each other.
func (s *Security) checkInterBroker() error {
	name := s.o.Config.Listeners().InterBroker
	l := s.Listener(name)
	if l != nil && l.TLS != nil {
		if err := l.TLS.CheckSelf(); err != nil {
			return fmt.Errorf("listener %s, over which brokers speak: %w", name, err)
		}
	}
	if l == nil || l.SASL == nil {
		return nil
	}
	m := s.o.InterBrokerMechanism()
	for _, e := range l.SASL.Enabled {
		if e == m {
			return nil
		}
	}
	return fmt.Errorf("brokers speak over listener %s with sasl.mechanism.inter.broker.protocol=%s, which is not among its sasl.enabled.mechanisms (%s); set "+
		"sasl.mechanism.inter.broker.protocol to one of them", name, m, strings.Join(l.SASL.Enabled, ","))
}

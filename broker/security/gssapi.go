package security

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/config"

	"momus/broker/security/kerberos"
	"momus/broker/security/principal"
	"momus/configs"
	"momus/internal/krb5"
)

// acceptor is what accepts Kerberos tickets on a listener.
func (s *Security) acceptor(listener string, context loginContext) (*kerberos.Acceptor, error) {
	entry, err := context.kerberosEntry()
	if err != nil {
		return nil, err
	}
	if _, err := s.serviceName(listener, entry); err != nil {
		return nil, err
	}
	login, err := krb5.LoginOf(entry, s.o.Properties)
	if err != nil {
		return nil, err
	}
	if login.KeyTab == "" {
		return nil, errors.New("a broker needs a key table: give Krb5LoginModule useKeyTab=true, keyTab=\"FILE\" and principal=\"kafka/HOST@REALM\"")
	}
	realm, skew, err := s.realm(login.ConfigFile)
	if err != nil {
		return nil, err
	}
	name := login.Principal
	if !strings.Contains(name, "@") {
		name += "@" + realm
	}
	rules, err := principal.ParseKerberosRules(realm, configs.NonEmpty(s.o.Config.ListenerValue(listener, "sasl.kerberos.principal.to.local.rules")))
	if err != nil {
		return nil, fmt.Errorf("sasl.kerberos.principal.to.local.rules: %w", err)
	}
	return kerberos.NewAcceptor(kerberos.Settings{Principal: name, KeyTab: login.KeyTab, Rules: rules, Skew: skew})
}

// defaultSkew is Kerberos' own.
const defaultSkew = 5 * time.Minute

// realm is the default realm and the allowed clock skew of krb5.conf. A broker that only accepts
// works without the file, but rule DEFAULT maps nobody then.
func (s *Security) realm(file string) (string, time.Duration, error) {
	// Asked first: the library says only in words that there is none.
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		s.o.Logger.WithField("file", file).Warn("there is no krb5.conf, so there is no default realm, and the rule DEFAULT of sasl.kerberos.principal.to.local.rules maps nobody")
		return "", defaultSkew, nil
	}
	conf, err := config.Load(file)
	var unsupported config.UnsupportedDirective
	switch {
	case errors.As(err, &unsupported):
		s.o.Logger.WithField("file", file).WithError(err).Warn("krb5.conf holds something that is passed over")
	case err != nil:
		return "", 0, fmt.Errorf("%s: %w", file, err)
	}
	if conf == nil {
		return "", defaultSkew, nil
	}
	skew := conf.LibDefaults.Clockskew
	if skew <= 0 {
		skew = defaultSkew
	}
	return conf.LibDefaults.DefaultRealm, skew, nil
}

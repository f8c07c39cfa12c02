package security

import (
	"maps"

	"momus/broker/security/ssl"
	"momus/configs"
	"momus/internal/model"
)

// settings are the ssl.* settings of a listener among values. What cannot change while it runs is
// as it is in use.
func (l *Listener) settings(values func(key string) string) (ssl.Settings, error) {
	now := l.TLS.Settings()
	next, err := ssl.Read(values, l.Protocol == model.SASLSSL)
	now.Keystore, now.Truststore = next.Keystore, next.Truststore
	return now, err
}

// Check refuses dynamic settings whose key or trust stores may not replace those in use.
func (s *Security) Check(next configs.Values) error {
	s.mu.RLock()
	now := maps.Clone(s.listeners)
	s.mu.RUnlock()
	for name, l := range now {
		if l.TLS == nil {
			continue
		}
		settings, err := l.settings(func(key string) string { return next.ForListener(name, key) })
		if err != nil {
			return err
		}
		if err := l.TLS.Check(settings, name == s.o.Config.Listeners().InterBroker); err != nil {
			return err
		}
	}
	return nil
}

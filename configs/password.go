package configs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// encryptedPrefix begins a password that is stored encrypted.
const encryptedPrefix = "encryptedPassword:"

// errNoSecret has Kafka's text.
var errNoSecret = errors.New("Password encoder secret not configured")

// isDynamicPassword tells whether the key is a password that may be set while the broker runs, with
// or without a listener's prefix.
func isDynamicPassword(name string) bool {
	base, _ := baseKey(name)
	k, ok := BrokerKey(base)
	return ok && k.Sensitive() && k.Update != ReadOnly
}

// EncodePasswords encrypts the passwords among dynamic settings, in a copy, for storing them in
// ZooKeeper; what is encrypted already stays. It fails when there is a password and
// password.encoder.secret is not set.
func (c *Config) EncodePasswords(settings map[string]string) (map[string]string, error) {
	out := maps.Clone(settings)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		// kafka-configs may have encrypted it itself (KIP-226).
		if !isDynamicPassword(name) || strings.HasPrefix(settings[name], encryptedPrefix) {
			continue
		}
		encoded, err := encodePassword(c.Broker(), settings[name])
		if err != nil {
			return nil, err
		}
		out[name] = encoded
	}
	return out, nil
}

// decodePasswords decrypts what EncodePasswords encrypted, in a copy. What cannot be read is left
// out and named by the error.
func (c *Config) decodePasswords(settings map[string]string) (map[string]string, error) {
	out := maps.Clone(settings)
	var errs []error
	b := c.Broker()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !isDynamicPassword(name) || !strings.HasPrefix(settings[name], encryptedPrefix) {
			continue
		}
		// Without the secret the broker starts all the same, without the password.
		if b.PasswordEncoderSecret == "" {
			delete(out, name)
			errs = append(errs, fmt.Errorf("dynamic config left out: %s is encrypted: %w", name, errNoSecret))
			continue
		}
		clear, err := decodePassword(b.PasswordEncoderSecret, settings[name])
		// While the secret changes, values of both are in ZooKeeper (password.encoder.old.secret).
		if err != nil && b.PasswordEncoderOldSecret != "" {
			clear, err = decodePassword(b.PasswordEncoderOldSecret, settings[name])
		}
		if err != nil {
			delete(out, name)
			errs = append(errs, fmt.Errorf("dynamic config left out: %s: %w", name, err))
			continue
		}
		out[name] = clear
	}
	return out, errors.Join(errs...)
}

// ReencodePasswords encrypts with password.encoder.secret what only password.encoder.old.secret can
// read, in a copy; it tells whether there was any. What neither reads stays as it is.
func (c *Config) ReencodePasswords(settings map[string]string) (out map[string]string, changed bool, err error) {
	b := c.Broker()
	if b.PasswordEncoderOldSecret == "" || b.PasswordEncoderSecret == "" {
		return settings, false, nil
	}
	out = maps.Clone(settings)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !isDynamicPassword(name) || !strings.HasPrefix(settings[name], encryptedPrefix) {
			continue
		}
		// What the new secret opens needs no second time.
		if _, err := decodePassword(b.PasswordEncoderSecret, settings[name]); err == nil {
			continue
		}
		clear, err := decodePassword(b.PasswordEncoderOldSecret, settings[name])
		if err != nil {
			continue
		}
		if out[name], err = encodePassword(b, clear); err != nil {
			return settings, false, fmt.Errorf("%s: %w", name, err)
		}
		changed = true
	}
	return out, changed, nil
}

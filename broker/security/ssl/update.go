package ssl

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"momus/internal/fan"
	"momus/internal/keystore"
)

// How Kafka begins what it says of stores that may not replace others, and of those that it cannot
// read, with the names of its exceptions.
const (
	errValidation = "Validation of dynamic config update of SSLFactory failed: "
	errConflict   = errValidation + "org.apache.kafka.common.config.ConfigException: "
	errLoading    = errValidation + "org.apache.kafka.common.KafkaException: org.apache.kafka.common.KafkaException: "
)

// Check decides whether other stores may replace those in use: the key store must be for the same
// names, and neither store may appear from nothing. Between brokers, old and new must understand
// each other both ways.
func (e *Endpoint) Check(s Settings, interBroker bool) error {
	old := e.current.Load()
	if !old.changed(s) {
		return nil
	}
	was, is := old.settings.Keystore.Location, s.Keystore.Location
	switch {
	case was == "" && is != "":
		return errors.New(errConflict + "Cannot add SSL keystore to an existing listener for which no keystore was configured.")
	case was != "" && is == "":
		return errors.New(errConflict + "Cannot remove the SSL keystore from an existing listener for which a keystore was configured.")
	case old.settings.Truststore.Location == "" && s.Truststore.Location != "":
		return errors.New(errConflict + "Cannot add SSL truststore to an existing listener for which no truststore was configured.")
	}
	next, err := load(s)
	if err != nil {
		return fmt.Errorf("%s%w", errLoading, err)
	}
	if !slices.Equal(next.identities, old.identities) {
		return fmt.Errorf("%sKeystore DistinguishedName or SubjectAltNames do not match: the store in use is for %q, the new one for %q", errConflict, old.identities, next.identities)
	}
	if !interBroker {
		return nil
	}
	if err := understands(next, old.material); err != nil {
		return fmt.Errorf("%s%w", errConflict, err)
	}
	if err := understands(old.material, next); err != nil {
		return fmt.Errorf("%s%w", errConflict, err)
	}
	return nil
}

// CheckSelf reports whether a broker with these stores could connect to another with the same.
func (e *Endpoint) CheckSelf() error {
	m := e.current.Load().material
	return understands(m, m)
}

// understands does a handshake in memory, without a look at names.
func understands(server, client *material) error {
	near, far := net.Pipe()
	deadline := time.Now().Add(10 * time.Second)
	_, _ = near.SetDeadline(deadline), far.SetDeadline(deadline)
	any := *client
	any.settings.VerifyHost = false
	answer := func() error {
		defer far.Close()
		s := tls.Server(far, server.server())
		if err := s.Handshake(); err != nil {
			return err
		}
		_, err := s.Write([]byte{1})
		return err
	}
	ask := func() error {
		defer near.Close()
		c := tls.Client(near, any.client("localhost"))
		if err := c.Handshake(); err != nil {
			return err
		}
		_, err := c.Read(make([]byte, 1)) // with TLS 1.3 the server refuses only now
		return err
	}
	var errs [2]error
	fan.Each(2, 2, func(i int) { errs[i] = []func() error{ask, answer}[i]() })
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("A client SSLEngine created with the provided settings can't connect to a server SSLEngine created with those settings: %w", err)
	}
	return nil
}

// UpdateIfChanged reads the stores again if the settings or the files have changed; it reports
// whether they have.
func (e *Endpoint) UpdateIfChanged(s Settings) (bool, error) {
	if !e.current.Load().changed(s) {
		return false, nil
	}
	return true, e.Update(s)
}

// changed reports whether the stores of s are others, or other files, than those in use. Other
// settings cannot change while the listener runs.
func (m *material) changed(s Settings) bool {
	return m.settings.Keystore != s.Keystore || m.settings.Truststore != s.Truststore || m.stamps != stampsOf(s)
}

// stamps tell one content of the files from another.
type stamps [2]struct {
	modified time.Time
	size     int64
}

func stampsOf(s Settings) (out stamps) {
	for i, store := range []keystore.Store{s.Keystore, s.Truststore} {
		if info, err := os.Stat(store.Location); store.Location != "" && err == nil {
			out[i].modified, out[i].size = info.ModTime(), info.Size()
		}
	}
	return out
}

package broker

import (
	"fmt"
	"strings"
	"sync"

	"momus/broker/security/sasl"
	"momus/coordinator/zk"
)

// scramUsers are the SCRAM credentials of users, as /config/users has them. It is safe for
// concurrent use.
type scramUsers struct {
	mu     sync.RWMutex
	byName map[string]map[string]sasl.Credential // by user, by mechanism
}

// Credential implements sasl.CredentialStore.
func (u *scramUsers) Credential(mechanism, user string) (sasl.Credential, bool) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	c, ok := u.byName[user][mechanism]
	return c, ok
}

// set makes the settings of a config entity a user's credentials. A credential that is damaged
// leaves the one before in force, as in Kafka.
func (u *scramUsers) set(user string, settings map[string]string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.byName[user]
	now := map[string]sasl.Credential{}
	var err error
	for _, mechanism := range []string{sasl.SCRAMSHA256, sasl.SCRAMSHA512} {
		text, ok := settings[mechanism]
		if !ok {
			continue
		}
		c, failed := sasl.ParseCredential(text)
		if failed != nil {
			err = fmt.Errorf("credential of %s for %s: %w", user, mechanism, failed)
			// A damaged node must not lock out a user who could log in until now.
			if c, ok = before[mechanism]; !ok {
				continue
			}
		}
		now[mechanism] = c
	}
	if u.byName == nil {
		u.byName = map[string]map[string]sasl.Credential{}
	}
	if u.byName[user] = now; len(now) == 0 {
		delete(u.byName, user)
	}
	return err
}

// retain forgets all users but some.
func (u *scramUsers) retain(users map[string]struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for name := range u.byName {
		if _, ok := users[name]; !ok {
			delete(u.byName, name)
		}
	}
}

// scramUser is the user that a config entity holds the credentials of: those of a user alone, not
// of a user's client or of all.
func scramUser(t zk.EntityType, entity string) (string, bool) {
	if t != zk.EntityUsers || strings.Contains(entity, "/") || entity == zk.DefaultEntity {
		return "", false
	}
	return zk.DesanitizeEntity(entity), true
}

// setCredentials takes over the SCRAM credentials among an entity's settings.
func (d *dynamic) setCredentials(t zk.EntityType, entity string, settings map[string]string) {
	user, ok := scramUser(t, entity)
	if !ok {
		return
	}
	if err := d.scram.set(user, settings); err != nil {
		d.logger.WithError(err).Error("a SCRAM credential in ZooKeeper is not valid; the one before stays in force")
	}
}

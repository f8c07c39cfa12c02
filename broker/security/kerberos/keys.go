package kerberos

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/types"
)

// keyTable is the part of a key table that belongs to one principal. The file is read again when it
// has changed.
type keyTable struct {
	file, realm string
	name        types.PrincipalName

	mu   sync.Mutex
	read time.Time // the file's time of change
	size int64
	kt   *keytab.Keytab
}

// openKeyTable opens a keytab and looks whether it has a key of the principal, so that a mistake is
// found at the start and not at the first login.
func openKeyTable(file, principal string) (*keyTable, error) {
	name, realm, _ := strings.Cut(principal, "@")
	t := &keyTable{file: file, realm: realm, name: types.PrincipalName{NameType: 1, NameString: strings.Split(name, "/")}}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refreshLocked(); err != nil {
		return nil, err
	}
	for _, e := range t.kt.Entries {
		if e.Principal.Realm == realm && strings.Join(e.Principal.Components, "/") == name {
			return t, nil
		}
	}
	return nil, fmt.Errorf("keyTab %s has no key of %s; klist -k -t %[1]s shows what it has", file, principal)
}

// refreshLocked reads the file again when it has changed: keys are replaced while a broker runs.
func (t *keyTable) refreshLocked() error {
	info, err := os.Stat(t.file)
	if err != nil {
		return fmt.Errorf("keyTab: %w", err)
	}
	if t.kt != nil && info.ModTime().Equal(t.read) && info.Size() == t.size {
		return nil
	}
	kt, err := keytab.Load(t.file)
	if err != nil {
		return fmt.Errorf("keyTab %s: %w", t.file, err)
	}
	t.kt, t.read, t.size = kt, info.ModTime(), info.Size()
	return nil
}

// key finds a key by version and encryption type. When the file cannot be read any more, what was
// read of it counts.
func (t *keyTable) key(version int, etype int32) (types.EncryptionKey, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.refreshLocked()
	key, _, missing := t.kt.GetEncryptionKey(t.name, t.realm, version, etype)
	if missing != nil && err != nil {
		return key, err
	}
	return key, missing
}

// replays remembers the authenticators of the time for which they would be accepted again. Only
// those of valid tickets come in.
type replays struct {
	mu    sync.Mutex
	seen  map[[sha256.Size]byte]time.Time // until when
	sweep time.Time
}

func newReplays() *replays { return &replays{seen: map[[sha256.Size]byte]time.Time{}} }

// add reports whether an authenticator is new.
func (r *replays) add(now time.Time, skew time.Duration, authenticator []byte) bool {
	digest := sha256.Sum256(authenticator)
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.After(r.sweep) {
		for d, until := range r.seen {
			if now.After(until) {
				delete(r.seen, d)
			}
		}
		r.sweep = now.Add(skew)
	}
	if until, ok := r.seen[digest]; ok && !now.After(until) {
		return false
	}
	r.seen[digest] = now.Add(2 * skew)
	return true
}

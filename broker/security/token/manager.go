// Package token keeps the delegation tokens of a cluster (KIP-48; Kafka's DelegationTokenManager):
// it follows them in ZooKeeper, makes, renews and expires them for the four APIs, lets package sasl
// look them up for logins, and removes expired ones on the active controller. The rules are pure
// (rules.go); the znodes are coordinator/zk's.
//
// Secrets leave the package in answers to Create and Describe and in look-ups for logins only.
package token

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"momus/broker/security/sasl"
	"momus/coordinator/zk"
	"momus/internal/bell"
	"momus/internal/kerr"
	"momus/internal/model"
)

// Options make a Manager.
type Options struct {
	BrokerID int32
	ZK       *zk.Client
	// MasterKey is delegation.token.master.key, the same on all brokers.
	MasterKey string
	Limits    Limits
	// SweepInterval is delegation.token.expiry.check.interval.ms.
	SweepInterval time.Duration
	// Active reports whether this broker is the active controller, which removes expired tokens.
	Active func() bool
	Logger *logrus.Entry
	Now    func() time.Time
}

// Manager keeps the tokens. Its methods may be called from any goroutine.
type Manager struct {
	o      Options
	tokens atomic.Pointer[table]
	reader *zk.ChangeReader
	forget func() // that the session is lost is no longer listened for; set by Start
	// turn has the one token of those who read znodes and put what they have read into the table,
	// so that what is read later counts.
	turn *semaphore.Weighted
	// sweep wakes Run to remove expired tokens, reload to read all of them again.
	sweep, reload bell.Bell
}

// table is an immutable set of tokens.
type table struct {
	byID map[string]*Token
	// bySecret finds tokens by the hash of their HMAC, so that the time of a look-up says nothing
	// about the secrets there are.
	bySecret map[[sha256.Size]byte]*Token
}

// Token is a token with its secret. Nobody may change it.
type Token struct {
	zk.DelegationToken
	HMAC []byte
}

// New makes a Manager without tokens.
func New(o Options) *Manager {
	m := &Manager{o: o, turn: semaphore.NewWeighted(1), sweep: bell.New(), reload: bell.New()}
	m.tokens.Store(&table{})
	return m
}

// Start makes the parents of the nodes, reads all tokens and listens for changes.
func (m *Manager) Start(ctx context.Context) error {
	if err := m.o.ZK.CreateTokenPaths(ctx); err != nil {
		return fmt.Errorf("create the nodes of delegation tokens: %w", err)
	}
	m.reader = m.o.ZK.NewTokenChangeReader(m.o.Now, m.changed)
	if err := m.reader.Start(ctx); err != nil {
		return fmt.Errorf("listen for changes of delegation tokens: %w", err)
	}
	m.forget = m.o.ZK.OnSession(zk.SessionHandler{Renewed: func(context.Context) { m.reload.Ring() }})
	return m.load(ctx)
}

// Run follows changes, and removes expired tokens while this broker is the active controller, until
// ctx ends. Start comes before it.
func (m *Manager) Run(ctx context.Context) error {
	defer m.forget()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.reader.Run(ctx) })
	g.Go(func() error {
		tick := time.NewTicker(m.o.SweepInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-m.reload:
				if err := m.load(ctx); err != nil && ctx.Err() == nil {
					m.o.Logger.WithError(err).Error("could not read the delegation tokens again after the ZooKeeper session was lost; the old ones stay")
				}
			case <-m.sweep:
				m.removeExpired(ctx)
			case <-tick.C:
				m.removeExpired(ctx)
			}
		}
	})
	return g.Wait()
}

// Elected tells that this broker has become the active controller: expired tokens are removed now,
// not only in an interval from now.
func (m *Manager) Elected() { m.sweep.Ring() }

// Token implements sasl.TokenStore.
func (m *Manager) Token(id string) (sasl.Token, bool) {
	t, ok := m.tokens.Load().byID[id]
	if !ok {
		return sasl.Token{}, false
	}
	return sasl.Token{HMAC: t.HMAC, Owner: t.Owner, Expires: t.Expires}, true
}

// Create makes a token of owner. This broker knows it from now on.
func (m *Manager) Create(ctx context.Context, owner model.Principal, renewers []model.Principal, lifetime time.Duration) (*Token, error) {
	t := m.o.Limits.issue(m.o.Now(), newID(), owner, renewers, lifetime)
	if err := m.write(ctx, t); err != nil {
		return nil, err
	}
	m.o.Logger.Infof("Created a delegation token: %s for owner: %s", t.ID, t.Owner)
	return m.withSecret(t), nil
}

// Renew moves the expiry of the token with a secret, period from now; by the setting when period is
// negative.
func (m *Manager) Renew(ctx context.Context, caller model.Principal, hmac []byte, period time.Duration) (expires time.Time, err error) {
	t, err := m.bySecret(hmac)
	if err != nil {
		return time.Time{}, err
	}
	next, err := m.o.Limits.renewed(m.o.Now(), t, caller, period)
	if err != nil {
		return time.Time{}, err
	}
	if err := m.write(ctx, next); err != nil {
		return time.Time{}, err
	}
	m.o.Logger.Infof("Delegation token renewed for token: %s for owner: %s", t.ID, t.Owner)
	return next.Expires, nil
}

// Expire lets the token with a secret expire period from now; a negative period removes it now.
func (m *Manager) Expire(ctx context.Context, caller model.Principal, hmac []byte, period time.Duration) (expires time.Time, err error) {
	t, err := m.bySecret(hmac)
	if err != nil {
		return time.Time{}, err
	}
	now := m.o.Now()
	next, err := moved(now, t, caller, period)
	switch {
	case err != nil:
		return time.Time{}, err
	case period < 0:
		if err := m.remove(ctx, t.ID); err != nil {
			return time.Time{}, err
		}
		m.o.Logger.Infof("Token expired for token: %s for owner: %s", t.ID, t.Owner)
		return now, nil
	}
	if err := m.write(ctx, next); err != nil {
		return time.Time{}, err
	}
	m.o.Logger.Infof("Updated expiry time for token: %s for owner: %s", t.ID, t.Owner)
	return next.Expires, nil
}

// Describe lists the tokens that somebody may see, in the order of their ids: of those that belong
// to one of owners (nil: all), his own, those he may renew, and those that visible allows.
func (m *Manager) Describe(caller model.Principal, owners []model.Principal, visible func(id string) bool) []*Token {
	var out []*Token
	all := m.tokens.Load().byID
	for _, id := range slices.Sorted(maps.Keys(all)) {
		t := all[id]
		wanted := owners == nil || slices.ContainsFunc(owners, func(p model.Principal) bool { return belongsTo(&t.DelegationToken, p) })
		if wanted && (belongsTo(&t.DelegationToken, caller) || visible(id)) {
			out = append(out, t)
		}
	}
	return out
}

func (m *Manager) bySecret(hmac []byte) (*zk.DelegationToken, error) {
	t, ok := m.tokens.Load().bySecret[sha256.Sum256(hmac)]
	if !ok {
		return nil, kerr.DelegationTokenNotFound
	}
	return &t.DelegationToken, nil
}

func (m *Manager) write(ctx context.Context, t *zk.DelegationToken) error {
	if err := m.o.ZK.WriteToken(ctx, t); err != nil {
		return err
	}
	return m.refresh(ctx, t.ID)
}

func (m *Manager) remove(ctx context.Context, id string) error {
	if err := m.o.ZK.DeleteToken(ctx, id); err != nil {
		return err
	}
	return m.refresh(ctx, id)
}

// removeExpired removes the tokens whose time is over, if this broker is the active controller.
func (m *Manager) removeExpired(ctx context.Context) {
	if !m.o.Active() {
		return
	}
	now := m.o.Now()
	for _, t := range m.tokens.Load().byID {
		if !expired(&t.DelegationToken, now) {
			continue
		}
		if err := m.remove(ctx, t.ID); err != nil {
			if ctx.Err() == nil {
				m.o.Logger.WithError(err).Warn("could not remove an expired delegation token; it is tried again at the next check")
			}
			return
		}
		m.o.Logger.Infof("Delegation token expired for token: %s for owner: %s", t.ID, t.Owner)
	}
}

// changed reads a token that a notification names.
func (m *Manager) changed(ctx context.Context, id string) error {
	if id == "" || strings.Contains(id, "/") {
		return fmt.Errorf("%q is not the id of a token", id)
	}
	m.o.Logger.Infof("Processing Token Notification for tokenId: %s", id)
	return m.refresh(ctx, id)
}

// refresh reads a token. One that cannot be read stays as it was known.
func (m *Manager) refresh(ctx context.Context, id string) error {
	if err := m.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer m.turn.Release(1)
	t, err := m.o.ZK.Token(ctx, id)
	if err != nil {
		return err
	}
	old := m.tokens.Load()
	next := make([]*Token, 0, len(old.byID)+1)
	for _, other := range old.byID {
		if other.ID != id {
			next = append(next, other)
		}
	}
	if t != nil {
		next = append(next, m.withSecret(t))
	}
	m.tokens.Store(newTable(next))
	return nil
}

// load reads all tokens.
func (m *Manager) load(ctx context.Context) error {
	if err := m.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer m.turn.Release(1)
	found, err := m.o.ZK.Tokens(ctx)
	if err != nil {
		return fmt.Errorf("read the delegation tokens: %w", err)
	}
	all := make([]*Token, len(found))
	for i, t := range found {
		all[i] = m.withSecret(t)
	}
	m.tokens.Store(newTable(all))
	m.o.Logger.Infof("Loading the token cache. Total token count: %d", len(all))
	return nil
}

func (m *Manager) withSecret(t *zk.DelegationToken) *Token {
	return &Token{DelegationToken: *t, HMAC: secret(m.o.MasterKey, t.ID)}
}

func newTable(all []*Token) *table {
	x := &table{byID: make(map[string]*Token, len(all)), bySecret: make(map[[sha256.Size]byte]*Token, len(all))}
	for _, t := range all {
		x.byID[t.ID] = t
		x.bySecret[sha256.Sum256(t.HMAC)] = t
	}
	return x
}

// newID is a random UUID of version 4, as Java makes them, in URL-safe Base64 without padding.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return base64.RawURLEncoding.EncodeToString(b[:])
}

package token

import (
	"crypto/hmac"
	"crypto/sha512"
	"slices"
	"time"

	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// Limits are the settings that bound the life of tokens.
type Limits struct {
	// MaxLifetime is delegation.token.max.lifetime.ms, Expiry delegation.token.expiry.time.ms.
	MaxLifetime, Expiry time.Duration
}

// issue makes a token. lifetime is what the client asks for, at most the limit; not positive means
// the limit.
func (l Limits) issue(now time.Time, id string, owner model.Principal, renewers []model.Principal, lifetime time.Duration) *zk.DelegationToken {
	if lifetime <= 0 || lifetime > l.MaxLifetime {
		lifetime = l.MaxLifetime
	}
	now = time.UnixMilli(now.UnixMilli())
	most := now.Add(lifetime)
	owner.TokenID = ""
	return &zk.DelegationToken{ID: id, Owner: owner, Renewers: renewers, Issued: now, Max: most, Expires: earlier(most, now.Add(l.Expiry))}
}

// renewed is a token with a later, or earlier, expiry: period from now, the limit when it is
// negative, never after the token's maximum.
func (l Limits) renewed(now time.Time, t *zk.DelegationToken, caller model.Principal, period time.Duration) (*zk.DelegationToken, error) {
	if period < 0 {
		period = l.Expiry
	}
	return moved(now, t, caller, period)
}

// moved is a token that expires period from now, but not after its maximum, if the caller may
// decide that.
func moved(now time.Time, t *zk.DelegationToken, caller model.Principal, period time.Duration) (*zk.DelegationToken, error) {
	if err := mayChange(now, t, caller); err != nil {
		return nil, err
	}
	next := *t
	next.Expires = earlier(t.Max, time.UnixMilli(now.UnixMilli()).Add(period))
	return &next, nil
}

// mayChange is what keeps the caller from renewing or expiring a token. Super users are no
// exception.
func mayChange(now time.Time, t *zk.DelegationToken, caller model.Principal) error {
	if !belongsTo(t, caller) {
		return kerr.DelegationTokenOwnerMismatch
	}
	if expired(t, now) {
		return kerr.DelegationTokenExpired
	}
	return nil
}

// belongsTo reports whether somebody owns a token or may renew it.
func belongsTo(t *zk.DelegationToken, p model.Principal) bool {
	return t.Owner.Equal(p) || slices.ContainsFunc(t.Renewers, p.Equal)
}

// expired reports whether a token's time is over, although it may still be kept.
func expired(t *zk.DelegationToken, now time.Time) bool {
	ms := now.UnixMilli()
	return t.Max.UnixMilli() < ms || t.Expires.UnixMilli() < ms
}

// secret is the HMAC of a token: what its owner proves to know.
func secret(masterKey, id string) []byte {
	h := hmac.New(sha512.New, []byte(masterKey))
	h.Write([]byte(id))
	return h.Sum(nil)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

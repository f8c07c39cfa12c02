package token_test

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"momus/broker/security/token"
	"momus/coordinator/zk"
	"momus/coordinator/zk/zktest"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/testbase"
)

func startZooKeeper(t *testing.T) string {
	t.Helper()
	return zkservertest.Start(t)
}

// clock is a time that the test moves.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time          { return time.UnixMilli(c.now.Load()) }
func (c *clock) advance(d time.Duration) { c.now.Add(d.Milliseconds()) }

// start runs the tokens of a broker until the test ends.
func start(t *testing.T, address string, now *clock, active bool) *token.Manager {
	t.Helper()
	client := zktest.Dial(t, zk.Options{Connect: address})
	m := token.New(token.Options{
		ZK: client, MasterKey: "master-secret", Limits: token.Limits{MaxLifetime: 24 * time.Hour, Expiry: time.Hour}, SweepInterval: time.Hour,
		Active: func() bool { return active }, Logger: testbase.Quiet(), Now: now.Now,
	})
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	testbase.Run(t, m.Run)
	return m
}

func TestTokensAreKnownToAllBrokers(t *testing.T) {
	address, now := startZooKeeper(t), &clock{}
	now.advance(20_000 * time.Hour)
	one, two := start(t, address, now, false), start(t, address, now, true)
	alice, bob, eve := model.User("alice"), model.User("bob"), model.User("eve")
	none := func(string) bool { return false }
	made, err := one.Create(t.Context(), alice, []model.Principal{bob}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := one.Token(made.ID); !ok || !bytes.Equal(got.HMAC, made.HMAC) || got.Owner != alice || !got.Expires.Equal(now.Now().Add(time.Hour)) {
		t.Errorf("the broker that made it has %+v", got)
	}
	testbase.Eventually(t, "the other broker knows it", func() bool { _, ok := two.Token(made.ID); return ok })
	if got, _ := two.Token(made.ID); !bytes.Equal(got.HMAC, made.HMAC) {
		t.Error("the other broker computes another secret")
	}
	if _, ok := start(t, address, now, false).Token(made.ID); !ok {
		t.Error("a broker that starts does not know it")
	}

	now.advance(30 * time.Minute)
	if _, err := two.Renew(t.Context(), bob, made.HMAC, -1); err != nil {
		t.Errorf("renew: %v", err)
	}
	testbase.Eventually(t, "the renewal is known", func() bool { got, _ := one.Token(made.ID); return got.Expires.Equal(now.Now().Add(time.Hour)) })
	if _, err := two.Renew(t.Context(), eve, made.HMAC, -1); !errors.Is(err, kerr.DelegationTokenOwnerMismatch) {
		t.Errorf("renewed by a stranger: %v", err)
	}
	if _, err := one.Expire(t.Context(), alice, []byte("guess"), -1); !errors.Is(err, kerr.DelegationTokenNotFound) {
		t.Errorf("a wrong secret: %v", err)
	}

	for _, c := range []struct {
		name    string
		caller  model.Principal
		owners  []model.Principal
		visible func(string) bool
		want    int
	}{
		{"the owner sees all", alice, nil, none, 1},
		{"a renewer sees it", bob, []model.Principal{alice}, none, 1},
		{"as that of a renewer", alice, []model.Principal{bob}, none, 1},
		{"a stranger does not", eve, nil, none, 0},
		{"unless he has the right", eve, nil, func(id string) bool { return id == made.ID }, 1},
		{"of nobody", alice, []model.Principal{}, none, 0},
		{"of others", alice, []model.Principal{eve}, none, 0},
	} {
		if got := two.Describe(c.caller, c.owners, c.visible); len(got) != c.want {
			t.Errorf("%s: %d tokens", c.name, len(got))
		}
	}

	if at, err := one.Expire(t.Context(), bob, made.HMAC, -1); err != nil || !at.Equal(now.Now()) {
		t.Errorf("expire: %v %v", at, err)
	}
	if _, ok := one.Token(made.ID); ok {
		t.Error("a removed token is known")
	}
	testbase.Eventually(t, "the other broker forgets it", func() bool { _, ok := two.Token(made.ID); return !ok })
}

func TestTheControllerRemovesExpiredTokens(t *testing.T) {
	address, now := startZooKeeper(t), &clock{}
	now.advance(20_000 * time.Hour)
	follower, controller := start(t, address, now, false), start(t, address, now, true)
	alice := model.User("alice")
	short, err := follower.Create(t.Context(), alice, nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	long, err := follower.Create(t.Context(), alice, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	testbase.Eventually(t, "the controller knows both", func() bool { return len(controller.Describe(alice, nil, nil)) == 2 })
	now.advance(2 * time.Minute)
	if _, err := follower.Renew(t.Context(), alice, short.HMAC, -1); !errors.Is(err, kerr.DelegationTokenExpired) {
		t.Errorf("renewed after its time: %v", err)
	}
	follower.Elected() // who is not the controller removes nothing
	controller.Elected()
	testbase.Eventually(t, "it is gone", func() bool { _, ok := follower.Token(short.ID); return !ok })
	if _, ok := follower.Token(long.ID); !ok {
		t.Error("a token was removed before its time")
	}
}

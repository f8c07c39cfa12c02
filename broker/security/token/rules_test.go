package token

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"momus/internal/kerr"
	"momus/internal/model"
)

func TestLifeOfTokens(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	limits := Limits{MaxLifetime: 7 * time.Hour, Expiry: time.Hour}
	alice, bob, eve := model.User("alice"), model.User("bob"), model.User("eve")
	at := func(d time.Duration) time.Time { return now.Add(d) }

	for asked, want := range map[time.Duration][2]time.Duration{ // maximum, expiry
		0: {7 * time.Hour, time.Hour}, -1: {7 * time.Hour, time.Hour}, 9 * time.Hour: {7 * time.Hour, time.Hour}, time.Minute: {time.Minute, time.Minute},
	} {
		if got := limits.issue(now, "id", alice, nil, asked); !got.Max.Equal(at(want[0])) || !got.Expires.Equal(at(want[1])) || !got.Issued.Equal(now) {
			t.Errorf("a lifetime of %v: %+v", asked, got)
		}
	}
	token := limits.issue(now, "id", model.Principal{Type: "User", Name: "alice", TokenID: "other"}, []model.Principal{bob}, 2*time.Hour)
	if token.Owner != alice {
		t.Errorf("the owner is %+v", token.Owner)
	}
	for _, c := range []struct {
		name   string
		caller model.Principal
		after  time.Duration // of the issue
		period time.Duration
		want   time.Duration // the expiry, after the issue
		err    error
	}{
		{"by the owner", alice, 30 * time.Minute, time.Hour, 90 * time.Minute, nil},
		{"by a renewer", bob, 30 * time.Minute, time.Hour, 90 * time.Minute, nil},
		{"by the setting", alice, 30 * time.Minute, -1, 90 * time.Minute, nil},
		{"up to the maximum", alice, time.Hour, 5 * time.Hour, 2 * time.Hour, nil},
		{"to expire at once", alice, time.Minute, 0, time.Minute, nil},
		{"by somebody else", eve, time.Minute, -1, 0, kerr.DelegationTokenOwnerMismatch},
		{"by somebody else, too late", eve, 2 * time.Hour, -1, 0, kerr.DelegationTokenOwnerMismatch},
		{"in the last millisecond", alice, time.Hour, -1, 2 * time.Hour, nil},
		{"too late", alice, time.Hour + time.Millisecond, -1, 0, kerr.DelegationTokenExpired},
		{"for ever", alice, time.Minute, 1<<63 - 1, 2 * time.Hour, nil},
	} {
		got, err := limits.renewed(at(c.after), token, c.caller, c.period)
		if !errors.Is(err, c.err) || err == nil && !got.Expires.Equal(at(c.want)) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	if !token.Expires.Equal(at(time.Hour)) {
		t.Error("renewing has changed the old token")
	}
}

// TestSecretOfKafka computes the HMAC that Apache Kafka 2.5.0 gave a client for a token.
func TestSecretOfKafka(t *testing.T) {
	const want = "Sd89eoyX0Osb5XPNC7pdYOGUMaVZPv0kZy6igc+FXs6gibaHEvqHmvYWGRWqgAThtAgt8gyrRlXs3U3My1CKMQ=="
	if got := base64.StdEncoding.EncodeToString(secret("master-secret", "A9In2N5kQyWn2rmoqdSVrw")); got != want {
		t.Error(got)
	}
	for range 100 {
		id := newID()
		raw, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil || len(id) != 22 || raw[6]>>4 != 4 || raw[8]>>6 != 2 {
			t.Fatal(id, err)
		}
	}
}
